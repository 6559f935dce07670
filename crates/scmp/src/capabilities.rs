//! What the kernel can do, as far as contexts ask for it.
//!
//! References: seccomp_api_get(3), seccomp(2).

use crate::Error;

/// What the running kernel supports. The C library probes it; tests and other machines are free to
/// choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The system call seccomp(2), beside prctl(2).
    pub syscall: bool,
    /// `SECCOMP_FILTER_FLAG_TSYNC`.
    pub tsync: bool,
    /// `SECCOMP_FILTER_FLAG_LOG`.
    pub log: bool,
    /// `SECCOMP_FILTER_FLAG_SPEC_ALLOW`.
    pub spec_allow: bool,
    /// `SECCOMP_FILTER_FLAG_NEW_LISTENER`.
    pub new_listener: bool,
    /// `SECCOMP_FILTER_FLAG_TSYNC_ESRCH`.
    pub tsync_esrch: bool,
    /// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`.
    pub wait_killable: bool,
    /// `SECCOMP_RET_LOG`.
    pub action_log: bool,
    /// `SECCOMP_RET_KILL_PROCESS`.
    pub action_kill_process: bool,
    /// `SECCOMP_RET_USER_NOTIF`.
    pub action_notify: bool,
}

impl Capabilities {
    /// All of them: API level 7.
    pub const ALL: Self = Self::of_level(ApiLevel(ApiLevel::MAX));

    /// What a kernel of that level supports: what libseccomp assumes after `seccomp_api_set`.
    #[must_use]
    pub const fn of_level(level: ApiLevel) -> Self {
        let ApiLevel(level) = level;
        Self {
            syscall: level >= 2,
            tsync: level >= 2,
            log: level >= 3,
            action_log: level >= 3,
            action_kill_process: level >= 3,
            spec_allow: level >= 4,
            new_listener: level >= 5,
            action_notify: level >= 5,
            tsync_esrch: level >= 6,
            wait_killable: level >= 7,
        }
    }

    /// The highest level of which, and of all below it, everything is supported.
    #[must_use]
    pub fn level(&self) -> ApiLevel {
        let has = |level: u8| match level {
            2 => self.syscall && self.tsync,
            3 => self.log && self.action_log && self.action_kill_process,
            4 => self.spec_allow,
            5 => self.new_listener && self.action_notify,
            6 => self.tsync_esrch,
            _ => self.wait_killable,
        };
        let highest = (2..=ApiLevel::MAX).take_while(|&level| has(level)).last();
        ApiLevel(highest.unwrap_or(ApiLevel::MIN))
    }
}

/// A step in what kernels support, 1 to 7, as libseccomp counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiLevel(u8);

impl ApiLevel {
    /// The lowest level: filters by prctl(2).
    pub const MIN: u8 = 1;
    /// The highest level.
    pub const MAX: u8 = 7;

    /// The level with that number.
    ///
    /// # Errors
    /// [`Error::ApiLevel`] outside 1 to 7.
    pub fn new(level: u32) -> Result<Self, Error> {
        let small = u8::try_from(level).ok();
        let known = small.filter(|level| (Self::MIN..=Self::MAX).contains(level));
        known.map(Self).ok_or(Error::ApiLevel { level })
    }

    /// The number of the level.
    #[must_use]
    pub const fn raw(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_one_to_seven() {
        for level in 1..=7 {
            let known = ApiLevel::new(level).unwrap();
            assert_eq!(u32::from(known.raw()), level);
            assert_eq!(Capabilities::of_level(known).level(), known);
        }
        for level in [0, 8, 256, u32::MAX] {
            assert_eq!(ApiLevel::new(level), Err(Error::ApiLevel { level }));
        }
    }

    #[test]
    fn a_gap_ends_the_level() {
        let gap = Capabilities { spec_allow: false, ..Capabilities::ALL };
        assert_eq!(gap.level().raw(), 3);
        assert_eq!(Capabilities::default().level().raw(), 1);
    }
}
