//! Comparisons of signed arguments, whose ends differ with the width that an architecture reads.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate_convert::{Format, Nearest, NotConverted, convert};
use callgate_gate::{nothing, read};
use callgate_policy::Policy;
use callgate_rules::{Source, Target};
use callgate_syscalls::Arch;

const CONDITIONS: [&str; 5] = [
    "lseek where offset < 0",
    "lseek where offset >= 0",
    "kill where sig < 0",
    "kill where pid < 0 and sig >= 0",
    "lseek where whence < 0 or offset < 0",
];

fn policy(arches: &str, condition: &str) -> Policy {
    let text = format!(
        "policy 1\narch {arches}\nforeign kill-thread\ndefault errno EPERM\nallow read\nallow {condition}\n"
    );
    let written = read(Source::new("a.gate", text).unwrap(), &mut nothing).unwrap();
    written.lower(&Target::new(Arch::X86_64)).unwrap().policy
}

#[test]
fn signs_are_said_for_architectures_of_both_widths() {
    for condition in CONDITIONS {
        let policy = policy("x86_64, x86", condition);
        for format in [Format::Gate, Format::Rust, Format::Pfc, Format::C] {
            let written = convert(&policy, format, Nearest::Equal);
            assert!(written.is_ok(), "{condition} as {format}: {written:?}");
        }
    }
}

/// The smallest negative number is more than a cluster takes as a value, and its neighbour is not.
#[test]
fn signs_are_said_by_every_form_with_comparisons() {
    for condition in CONDITIONS {
        let policy = policy("x86_64", condition);
        let is_narrow = condition.contains("sig") || condition.contains("whence");
        let formats =
            [Format::Rust, Format::Kafel, Format::Seccompiler, Format::Docker, Format::Spo];
        for format in formats {
            // Of the low half libseccomp compares nothing but equality.
            if is_narrow && [Format::Docker, Format::Spo].contains(&format) {
                continue;
            }
            let written = convert(&policy, format, Nearest::Equal);
            assert!(written.is_ok(), "{condition} as {format}: {written:?}");
        }
    }
}

/// Of a call that another one makes libseccomp compares no arguments.
#[test]
fn what_libseccomp_refuses_is_not_written() {
    let policy = policy("ppc64le", "shmget where full(size) == 5");
    let error = convert(&policy, Format::Libseccomp, Nearest::Equal).unwrap_err();
    let NotConverted::Inexpressible { what, .. } = error else { panic!("{error}") };
    assert!(what.contains("libseccomp refuses the rule of shmget"), "{what}");
}

#[test]
fn differences_name_arguments() {
    // LXC's lists are for i386, too.
    let error = convert(&policy("x86_64", CONDITIONS[0]), Format::Lxc, Nearest::Equal);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("(fd: 0, "), "{error}");
    assert!(error.contains(" on x86 gets ALLOW instead of KILL_THREAD"), "{error}");
}
