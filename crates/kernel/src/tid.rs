//! Thread ids.

use std::fmt;

use libc::pid_t;

/// The id of a thread in the caller's pid namespace. A process has the id of its first thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tid(pid_t);

impl Tid {
    /// Wraps an id; `None` for 0 and above 2³¹ - 1, which no thread can have.
    #[must_use]
    pub fn new(raw: u32) -> Option<Self> {
        pid_t::try_from(raw).ok().and_then(Self::from_kernel)
    }

    /// The id as the kernel returned it; `None` unless it is positive.
    #[doc(hidden)]
    #[must_use]
    pub fn from_kernel(raw: pid_t) -> Option<Self> {
        (raw > 0).then_some(Self(raw))
    }

    /// The raw id.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0.unsigned_abs()
    }

    /// The id for the kernel.
    #[doc(hidden)]
    #[must_use]
    pub const fn as_pid(self) -> pid_t {
        self.0
    }
}

impl fmt::Display for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_positive_ids_exist() {
        assert_eq!(Tid::new(0), None);
        assert_eq!(Tid::new(1).map(Tid::raw), Some(1));
        assert_eq!(Tid::new(0x7fff_ffff).map(Tid::raw), Some(0x7fff_ffff));
        assert_eq!(Tid::new(0x8000_0000), None);
    }
}
