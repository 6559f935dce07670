//! What the running kernel can do.
//!
//! Every probe asks the kernel itself and attaches nothing. Inside another sandbox the answers are
//! what that sandbox lets through.

use callgate_syscalls::{Action, ActionKind, Errno, KernelVersion};

use crate::sys::{self, errno};
use crate::{Error, Flag};

/// Whether the kernel has filters and lets this thread ask for them.
///
/// # References
/// seccomp(2); `seccomp_set_mode_filter` in `kernel/seccomp.c`.
#[must_use]
pub fn filters_supported() -> bool {
    filter_mode().is_ok()
}

/// Whether seccomp(2) is there and answers as a kernel does: `EINVAL` to a flag for strict mode,
/// which has none.
///
/// A filter that stands in front of seccomp(2) with an errno of its own mostly answers otherwise.
/// What [`filters_supported`] asks, it may answer with the very `EFAULT` that means yes.
///
/// # References
/// seccomp(2), `SECCOMP_SET_MODE_STRICT`, since Linux 3.17.
#[must_use]
pub fn syscall_supported() -> bool {
    sys::refusal_of_bad_strict_mode() == errno(libc::EINVAL)
}

/// Whether the kernel knows a flag.
///
/// # Examples
/// ```
/// use callgate_kernel::{Flag, flag_supported};
///
/// let missing: Vec<Flag> = Flag::ALL.into_iter().filter(|&flag| !flag_supported(flag)).collect();
/// # assert!(missing.len() <= Flag::ALL.len());
/// ```
#[must_use]
pub fn flag_supported(flag: Flag) -> bool {
    sys::refusal_of_null(flag.probe_bits()) == errno(libc::EFAULT)
}

/// Whether the kernel knows an action. Filters may return others, but those kill the process.
///
/// # References
/// seccomp(2), `SECCOMP_GET_ACTION_AVAIL`, since Linux 4.14.
#[must_use]
pub fn action_supported(action: ActionKind) -> bool {
    let Some(word) = word_of(action) else { return false };
    match sys::action_available(word.raw()) {
        Ok(()) => true,
        // The kernel is too old to be asked. The actions it can have are those of the first
        // filters.
        Err(refusal) if refusal == errno(libc::EINVAL) => {
            first_actions(action) && filters_supported()
        }
        Err(_) => false,
    }
}

/// The release of the running kernel.
///
/// Probe for what you need and use the release for messages: distributions backport, and sandboxes
/// forbid.
///
/// # Errors
/// [`Error::UnreadableRelease`] where it does not begin with two numbers.
pub fn running_kernel() -> Result<KernelVersion, Error> {
    let name = sys::uname().map_err(|errno| Error::Kernel { call: "uname", errno })?;
    let release = name.release.map(|c| u8::from_ne_bytes(c.to_ne_bytes()));
    let text = release.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(text).map_err(|_| Error::UnreadableRelease)?;
    text.parse().map_err(|_| Error::UnreadableRelease)
}

/// Whether filters can be loaded at all, else the errno that says no.
pub(crate) fn filter_mode() -> Result<(), Errno> {
    match sys::refusal_of_null(0) {
        refusal if refusal == errno(libc::EFAULT) => Ok(()),
        refusal => Err(refusal),
    }
}

/// A word that stands for an action.
pub fn word_of(action: ActionKind) -> Option<Action> {
    Some(match action {
        ActionKind::KillProcess => Action::KILL_PROCESS,
        ActionKind::KillThread => Action::KILL_THREAD,
        ActionKind::Trap => Action::trap(0),
        ActionKind::Errno => Action::errno(0)?,
        ActionKind::UserNotify => Action::USER_NOTIFY,
        ActionKind::Trace => Action::trace(0),
        ActionKind::Log => Action::LOG,
        ActionKind::Allow => Action::ALLOW,
        _ => return None,
    })
}

const fn first_actions(action: ActionKind) -> bool {
    use ActionKind::{Allow, Errno, KillThread, Trace, Trap};
    matches!(action, KillThread | Trap | Errno | Trace | Allow)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probes, which know nothing of releases, against the table of releases.
    #[test]
    fn probes_agree_with_the_release() {
        let kernel = running_kernel().unwrap();
        assert!(kernel >= KernelVersion::new(3, 17) && filters_supported() && syscall_supported());
        for flag in Flag::ALL {
            assert!(flag_supported(flag) || kernel < flag.since(), "{flag} on {kernel}");
        }
    }

    #[test]
    fn the_first_actions_exist_and_unknown_ones_do_not() {
        for action in [ActionKind::KillThread, ActionKind::Errno, ActionKind::Allow] {
            assert!(action_supported(action), "{action:?}");
        }
        assert!(!action_supported(ActionKind::Unknown));
    }
}
