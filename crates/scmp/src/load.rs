//! What loading a context asks of the kernel, and what its answer means.
//!
//! References: seccomp_load(3), seccomp(2).

use callgate_syscalls::Errno;

use crate::attribute::Attributes;
use crate::{Capabilities, code};

/// The flags of `SECCOMP_SET_MODE_FILTER`.
pub mod load_flag {
    /// `SECCOMP_FILTER_FLAG_TSYNC`.
    pub const TSYNC: u32 = 1;
    /// `SECCOMP_FILTER_FLAG_LOG`.
    pub const LOG: u32 = 2;
    /// `SECCOMP_FILTER_FLAG_SPEC_ALLOW`.
    pub const SPEC_ALLOW: u32 = 4;
    /// `SECCOMP_FILTER_FLAG_NEW_LISTENER`.
    pub const NEW_LISTENER: u32 = 8;
    /// `SECCOMP_FILTER_FLAG_TSYNC_ESRCH`.
    pub const TSYNC_ESRCH: u32 = 16;
    /// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`.
    pub const WAIT_KILLABLE_RECV: u32 = 32;
}

/// What is to be asked of the kernel to load a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadPlan {
    /// Whether `PR_SET_NO_NEW_PRIVS` comes first.
    pub no_new_privs: bool,
    /// The flags for seccomp(2); without them prctl(2), which knows none.
    pub flags: Option<u32>,
    /// Whether the kernel's own errors are returned.
    pub raw_errors: bool,
}

/// What the kernel's answer to a [`LoadPlan`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadResult {
    /// The filter is loaded.
    Loaded,
    /// The filter is loaded, and this is the descriptor for its notifications. It may be 0.
    Listener(i32),
    /// The filter is not loaded; the function returns the negative of this.
    Failed(Errno),
}

impl LoadPlan {
    /// A process has one listener: later filters that notify are loaded without one of their own.
    pub(crate) const fn new(
        attributes: &Attributes,
        notifies: bool,
        kernel: &Capabilities,
        has_listener: bool,
    ) -> Self {
        let listener = notifies && kernel.action_notify && !has_listener;
        let mut flags = 0;
        if attributes.tsync {
            flags |= load_flag::TSYNC;
            // Without it a listener's descriptor and the id of a thread could not be told apart.
            if kernel.tsync_esrch && !has_listener {
                flags |= load_flag::TSYNC_ESRCH;
            }
        }
        if listener {
            flags |= load_flag::NEW_LISTENER;
            if attributes.wait_killable {
                flags |= load_flag::WAIT_KILLABLE_RECV;
            }
        }
        if attributes.log {
            flags |= load_flag::LOG;
        }
        if attributes.ssb {
            flags |= load_flag::SPEC_ALLOW;
        }
        let flags = if kernel.syscall { Some(flags) } else { None };
        let Attributes { no_new_privs, raw_errors, .. } = *attributes;
        Self { no_new_privs, flags, raw_errors }
    }

    /// What a result of seccomp(2) or prctl(2) means: not negative as returned, or the errno it
    /// failed with.
    ///
    /// A thread that can't be synchronised is [`code::ESRCH`], in whichever way the kernel says so.
    #[must_use]
    pub fn result(&self, answer: Result<i32, Errno>) -> LoadResult {
        let has = |flag: u32| self.flags.is_some_and(|flags| flags & flag != 0);
        match answer {
            Ok(descriptor) if has(load_flag::NEW_LISTENER) => LoadResult::Listener(descriptor),
            Ok(0) => LoadResult::Loaded,
            Ok(_) => LoadResult::Failed(code::ESRCH),
            Err(code::ESRCH) if has(load_flag::TSYNC) => LoadResult::Failed(code::ESRCH),
            Err(errno) => LoadResult::Failed(self.kernel_error(errno)),
        }
    }

    /// What a failure of the kernel is returned as: `ECANCELED`, or itself where the context asks
    /// for raw errors and libseccomp documents it.
    #[must_use]
    pub fn kernel_error(&self, errno: Errno) -> Errno {
        if self.raw_errors { code::filtered(errno) } else { code::ECANCELED }
    }
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::{Action, Arch};

    use super::*;
    use crate::{ApiLevel, Attribute, Context, Exactness, Number};

    fn plan(level: u32, notify: bool, set: &[Attribute], has_listener: bool) -> LoadPlan {
        let kernel = Capabilities::of_level(ApiLevel::new(level).unwrap());
        let mut context = Context::new(Arch::X86_64, Action::ALLOW, &kernel).unwrap();
        for &attribute in set {
            context.attr_set(attribute, 1, &kernel).unwrap();
        }
        if notify {
            let number = Number::new(1);
            let added =
                context.rule_add(Action::USER_NOTIFY, number, &[], Exactness::Adapted, &kernel);
            added.unwrap();
        }
        context.load_plan(&kernel, has_listener).unwrap()
    }

    #[test]
    fn flags_follow_attributes_level_and_listener() {
        use Attribute::{CtlLog, CtlSsb, CtlTsync, CtlWaitKill};
        for (level, notify, set, has_listener, expected) in [
            (1, false, &[][..], false, None),
            (2, false, &[CtlTsync], false, Some(1)),
            (4, false, &[CtlLog, CtlSsb], false, Some(6)),
            (5, true, &[], false, Some(8)),
            (5, true, &[], true, Some(0)),
            (6, true, &[CtlTsync], false, Some(25)),
            (6, false, &[CtlTsync], false, Some(17)),
            (6, true, &[CtlTsync], true, Some(1)),
            (7, true, &[CtlWaitKill], false, Some(40)),
            (7, false, &[CtlWaitKill], false, Some(0)),
        ] {
            let plan = plan(level, notify, set, has_listener);
            assert_eq!(plan.flags, expected, "level {level} {notify} {set:?} {has_listener}");
            assert!(plan.no_new_privs);
        }
    }

    #[test]
    fn answers_are_told_apart_by_what_was_asked() {
        let plain = plan(7, false, &[], false);
        let listening = plan(7, true, &[], false);
        let tsync = plan(2, false, &[Attribute::CtlTsync], false);
        let synced = plan(7, false, &[Attribute::CtlTsync], false);
        assert_eq!(plain.result(Ok(0)), LoadResult::Loaded);
        assert_eq!(listening.result(Ok(0)), LoadResult::Listener(0));
        assert_eq!(listening.result(Ok(7)), LoadResult::Listener(7));
        assert_eq!(tsync.result(Ok(4711)), LoadResult::Failed(code::ESRCH));
        assert_eq!(synced.result(Err(code::ESRCH)), LoadResult::Failed(code::ESRCH));
        assert_eq!(plain.result(Err(code::EINVAL)), LoadResult::Failed(code::ECANCELED));
    }

    #[test]
    fn raw_errors_are_those_that_are_documented() {
        let raw = plan(7, false, &[Attribute::ApiSysRawRc], false);
        assert_eq!(raw.result(Err(code::EACCES)), LoadResult::Failed(code::EACCES));
        assert_eq!(raw.result(Err(Errno::new(1))), LoadResult::Failed(code::EFAULT));
    }
}
