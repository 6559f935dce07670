//! What loads with best-effort and required features do on this kernel, and on kernels that know
//! less.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod support;

use callgate_bpf::{Instruction, Program};
use callgate_kernel::{
    Enforced, Error, Flag, Scope, Want, Wants, current_status, enforce, enforce_with_listener,
    flag_supported,
};
use callgate_syscalls::{Errno, names};

use support::{
    ALLOW, ERRNO, JUMP_EQUAL, JUMP_SET, LOAD, NOTIFY, RETURN, allow_all, confine,
    free_of_no_new_privs, in_child, number, one_call, privileged,
};

const ALL: Wants = all(Want::IfPossible);

const fn all(want: Want) -> Wants {
    Wants { no_new_privs: want, logging: want, speculation: want, uninterrupted: want }
}

fn flags(enforced: &Enforced) -> Vec<Flag> {
    enforced.flags().collect()
}

/// Makes seccomp(2) of this process one that does not know these flags.
fn forget_flags(bits: u32) {
    let flags_offset = if cfg!(target_endian = "little") { 24 } else { 28 };
    let old_kernel = Program::new([
        Instruction::new(LOAD, 0),
        Instruction { code: JUMP_EQUAL, jt: 0, jf: 3, k: number(names::SECCOMP) },
        Instruction::new(LOAD, flags_offset),
        Instruction { code: JUMP_SET, jt: 0, jf: 1, k: bits },
        Instruction::new(RETURN, ERRNO | 22),
        Instruction::new(RETURN, ALLOW),
    ]);
    confine(&old_kernel.unwrap());
}

const SPEC_ALLOW: u32 = 1 << 2;
const WAIT_KILLABLE: u32 = 1 << 5;

#[test]
fn a_new_kernel_has_everything() {
    let known = |flag: &Flag| flag_supported(*flag);
    let expected = |flags: &[Flag]| flags.iter().copied().filter(known).collect::<Vec<_>>();
    in_child(|| {
        for (scope, wanted) in [
            (Scope::ThisThread, &[Flag::Log, Flag::SpecAllow][..]),
            (Scope::BeforeExec, &[Flag::Log, Flag::SpecAllow]),
            (Scope::AllThreads, &[Flag::Tsync, Flag::Log, Flag::SpecAllow]),
        ] {
            let enforced = enforce(&allow_all(1), scope, &ALL).unwrap();
            assert_eq!(flags(&enforced), expected(wanted), "{scope:?}");
            assert!(enforced.no_new_privs());
            assert!(!enforced.has(Flag::NewListener));
        }
    });
    in_child(|| {
        let program = one_call(names::GETPPID, NOTIFY, ALLOW);
        let (_listener, enforced) =
            enforce_with_listener(&program, Scope::AllThreads, &ALL).unwrap();
        assert_eq!(flags(&enforced), expected(&Flag::ALL));
        assert_eq!(enforced.missing().count(), Flag::ALL.len() - flags(&enforced).len());
    });
}

#[test]
fn what_is_not_wanted_is_not_done() {
    if !free_of_no_new_privs() || !privileged("loading without no_new_privs") {
        return;
    }
    in_child(|| {
        let enforced = enforce(&allow_all(1), Scope::ThisThread, &all(Want::No)).unwrap();
        assert_eq!((flags(&enforced), enforced.missing().count()), (vec![], 0));
        assert!(!enforced.no_new_privs());
        assert_eq!(current_status().unwrap().no_new_privs, Some(false));
    });
}

#[test]
fn an_old_kernel_has_less_and_the_report_says_so() {
    in_child(|| {
        forget_flags(SPEC_ALLOW | WAIT_KILLABLE);
        let enforced = enforce(&allow_all(1), Scope::ThisThread, &ALL).unwrap();
        assert_eq!(flags(&enforced), [Flag::Log]);
        assert_eq!(enforced.missing().collect::<Vec<_>>(), [Flag::SpecAllow]);

        let program = one_call(names::GETPPID, NOTIFY, ALLOW);
        let (_listener, enforced) =
            enforce_with_listener(&program, Scope::ThisThread, &ALL).unwrap();
        assert_eq!(flags(&enforced), [Flag::Log, Flag::NewListener]);
        let missing: Vec<_> = enforced.missing().collect();
        assert_eq!(missing, [Flag::SpecAllow, Flag::WaitKillableRecv]);
    });
}

#[test]
fn what_is_required_and_missing_changes_nothing() {
    in_child(|| {
        forget_flags(SPEC_ALLOW | WAIT_KILLABLE);
        let before = current_status().unwrap();
        let wants = Wants { speculation: Want::Required, ..ALL };
        let refused = enforce(&allow_all(1), Scope::ThisThread, &wants);
        assert_eq!(refused, Err(Error::UnknownFlag { flag: Flag::SpecAllow }));
        let wants = Wants { uninterrupted: Want::Required, ..ALL };
        let refused = enforce_with_listener(&allow_all(1), Scope::ThisThread, &wants);
        let refused = refused.map(|(_, enforced)| enforced);
        assert_eq!(refused, Err(Error::UnknownFlag { flag: Flag::WaitKillableRecv }));
        assert_eq!(current_status().unwrap(), before);
        // Without a listener there is nothing to interrupt.
        assert!(enforce(&allow_all(1), Scope::ThisThread, &wants).is_ok());
    });
}

#[test]
fn no_new_privs_may_be_out_of_reach() {
    let refused = || confine(&one_call(names::PRCTL, ERRNO | 1, ALLOW));
    in_child(|| {
        refused();
        let result = enforce(&allow_all(1), Scope::ThisThread, &Wants::default());
        assert_eq!(result, Err(Error::NoNewPrivsRefused { errno: Errno::new(1) }));
        // It was set before, for this test's own filter; a load that only tries goes on.
        let enforced = enforce(&allow_all(1), Scope::ThisThread, &ALL).unwrap();
        assert!(!enforced.no_new_privs());
    });
}
