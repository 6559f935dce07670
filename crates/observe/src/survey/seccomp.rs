//! What seccomp(2) offers, and whether this process may use it.

use callgate_bpf::Program;
use callgate_syscalls::ActionKind;

use super::{Finding, allow_all, ask, errno_of_load};
use callgate_kernel::parts::word_of;
use callgate_kernel::parts::{self, errno};
use callgate_kernel::{
    Error, Flag, Interruption, NoNewPrivs, Options, Scope, load, load_with_listener,
};

/// Whether the kernel has filters at all, asked by prctl(2).
#[must_use]
pub fn filter_mode() -> Finding {
    ask(&[libc::EINVAL, libc::ENOSYS], || match parts::refusal_of_null_by_prctl() {
        refusal if refusal == errno(libc::EFAULT) => Ok(()),
        refusal => Err(refusal),
    })
}

/// Whether the kernel has seccomp(2), since Linux 3.17.
#[must_use]
pub fn seccomp_syscall() -> Finding {
    ask(&[libc::ENOSYS], || match parts::refusal_of_bad_strict_mode() {
        refusal if refusal == errno(libc::EINVAL) => Ok(()),
        refusal => Err(refusal),
    })
}

/// Whether the kernel knows an action.
#[must_use]
pub fn action(action: ActionKind) -> Finding {
    // Kernels before 4.14 can't be asked, and are not told apart from others that refuse: their
    // EINVAL is no answer.
    ask(&[libc::EOPNOTSUPP, libc::ENOSYS], || {
        let word = word_of(action).ok_or(errno(libc::EOPNOTSUPP))?;
        parts::action_available(word.raw())
    })
}

/// Whether the kernel knows a flag of loads.
#[must_use]
pub fn flag(flag: Flag) -> Finding {
    ask(&[libc::EINVAL, libc::ENOSYS], || match parts::refusal_of_null(flag.probe_bits()) {
        refusal if refusal == errno(libc::EFAULT) => Ok(()),
        refusal => Err(refusal),
    })
}

/// Whether this process can load a filter, once it sets no_new_privs.
#[must_use]
pub fn load_filter() -> Finding {
    try_load(NoNewPrivs::Set)
}

/// Whether this process can load a filter as it is: by `CAP_SYS_ADMIN` in its user namespace, or
/// because no_new_privs is set already.
#[must_use]
pub fn load_filter_privileged() -> Finding {
    try_load(NoNewPrivs::Leave)
}

fn try_load(no_new_privs: NoNewPrivs) -> Finding {
    let no = [libc::EACCES, libc::EPERM, libc::EINVAL, libc::ENOSYS, libc::ENOMEM];
    ask(&no, || {
        let options = Options { no_new_privs, ..Options::default() };
        let loaded = load(&allow_all()?, Scope::ThisThread, &options);
        loaded.map_err(|error| errno_of_load(&error))
    })
}

/// Whether the kernel would load a program, its JIT included; nothing of it is run.
///
/// A thread that holds a listener may not have a second one. Asked for it, the kernel first judges
/// the program as for any load, and only then refuses. So this takes listeners, from Linux 5.0 on.
#[must_use]
pub fn accepts(program: &Program) -> Finding {
    ask(&[libc::EINVAL], || {
        let load = |program: &Program| {
            let options = Options::default();
            load_with_listener(program, Scope::ThisThread, &options, Interruption::AnySignal)
        };
        // A listener of an outer sandbox serves as well. Where there can be none, an EINVAL would
        // be no judgement.
        let _listener = match load(&allow_all()?) {
            Ok(listener) => Some(listener),
            Err(Error::ListenerExists) => None,
            Err(_) => return Err(errno(libc::ENOSYS)),
        };
        match load(program) {
            Ok(_) | Err(Error::ListenerExists) => Ok(()),
            Err(Error::ProgramRefused) => Err(errno(libc::EINVAL)),
            Err(_) => Err(errno(libc::ENOSYS)),
        }
    })
}

/// Whether this process may make a user namespace.
#[must_use]
pub fn new_user_namespace() -> Finding {
    ask(&[libc::EPERM, libc::EINVAL, libc::ENOSPC, libc::ENOSYS], parts::unshare_user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::Obstacle;
    use callgate_kernel::{action_supported, flag_supported};

    /// The same questions, put in this process.
    #[test]
    fn children_answer_as_the_process_itself_would() {
        for kind in [ActionKind::KillProcess, ActionKind::UserNotify, ActionKind::Allow] {
            assert_eq!(action(kind) == Finding::Yes, action_supported(kind), "{kind:?}");
        }
        for one in Flag::ALL {
            assert_eq!(flag(one) == Finding::Yes, flag_supported(one), "{one}");
        }
        assert_eq!(action(ActionKind::Unknown), Finding::No(errno(libc::EOPNOTSUPP)));
        assert_eq!((filter_mode(), seccomp_syscall()), (Finding::Yes, Finding::Yes));
        assert_eq!(load_filter(), Finding::Yes);
    }

    #[test]
    fn a_process_that_attached_a_filter_to_a_child_has_none_itself() {
        let before = callgate_kernel::current_status().unwrap();
        assert_eq!(load_filter(), Finding::Yes);
        assert_eq!(callgate_kernel::current_status().unwrap(), before);
    }

    #[test]
    fn programs_that_pass_our_checker_are_accepted() {
        for len in [1, 4096] {
            let program = Program::new(vec![allow_all().unwrap().instructions()[0]; len]).unwrap();
            assert_eq!(accepts(&program), Finding::Yes, "{len}");
        }
    }

    #[test]
    fn a_namespace_is_given_or_refused() {
        let asked = new_user_namespace();
        assert!(!matches!(asked, Finding::Unknown(Obstacle::NoAnswer)), "{asked:?}");
    }
}
