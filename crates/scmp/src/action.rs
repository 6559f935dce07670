//! Which actions a context accepts.

use callgate_syscalls::{Action, ActionKind};

use crate::{Capabilities, Error};

/// The largest errno of an `ERRNO` action that libseccomp accepts.
const ERRNO_MAX: u16 = 4094;

/// Checks an action word. Only `TRAP`, `ERRNO` and `TRACE` carry data.
///
/// # Errors
/// [`Error::Action`].
pub(crate) fn check(action: Action, kernel: &Capabilities) -> Result<(), Error> {
    let plain = action.data() == 0;
    let accepted = match action.kind() {
        ActionKind::KillThread | ActionKind::Allow => plain,
        ActionKind::Trap | ActionKind::Trace => true,
        ActionKind::Errno => action.data() <= ERRNO_MAX,
        ActionKind::KillProcess => plain && kernel.action_kill_process,
        ActionKind::Log => plain && kernel.action_log,
        ActionKind::UserNotify => plain && kernel.action_notify,
        _ => false,
    };
    if accepted { Ok(()) } else { Err(Error::Action { action }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ApiLevel;

    fn accepted(raw: u32, level: u32) -> bool {
        let kernel = Capabilities::of_level(ApiLevel::new(level).unwrap());
        check(Action::from_raw(raw), &kernel).is_ok()
    }

    #[test]
    fn words_are_accepted_as_documented() {
        for (raw, expected) in [
            (0x0000_0000, true),
            (0x0000_0001, false),
            (0x0003_0000, true),
            (0x0003_ffff, true),
            (0x0005_0000, true),
            (0x0005_0ffe, true),
            (0x0005_0fff, false),
            (0x0005_1000, false),
            (0x7fc0_0000, true),
            (0x7fc0_0001, false),
            (0x7ff0_ffff, true),
            (0x7ffc_0000, true),
            (0x7ffc_0001, false),
            (0x7fff_0000, true),
            (0x7fff_0001, false),
            (0x8000_0000, true),
            (0x8000_0001, false),
            (0x0001_0000, false),
            (0xffff_ffff, false),
        ] {
            assert_eq!(accepted(raw, 7), expected, "{raw:#x}");
        }
    }

    #[test]
    fn newer_actions_need_a_newer_kernel() {
        for (raw, since) in [(0x8000_0000, 3), (0x7ffc_0000, 3), (0x7fc0_0000, 5)] {
            assert!(!accepted(raw, since - 1) && accepted(raw, since), "{raw:#x}");
        }
    }
}
