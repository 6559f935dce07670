//! What a newcomer does with the command, once it is there.

use std::path::Path;
use std::process::Command;

use crate::shell::{heard, written};

/// A policy under which `unshare` fails with a number that nothing else gives.
const POLICY: &str = "policy 1\ndefault allow\nerrno EXFULL { unshare }\n";

/// What that policy is called where the command runs.
pub(crate) const POLICY_FILE: &str = "arrive.gate";

/// A thing that somebody does, and what it must print.
struct Trial {
    does: &'static str,
    args: &'static [&'static str],
    prints: &'static str,
}

/// In a root with a shell.
const TRIALS: &[Trial] = &[
    Trial {
        does: "run",
        args: &["run", "--", "sh", "-c", "grep Seccomp: /proc/self/status"],
        prints: "Seccomp:\t2",
    },
    Trial { does: "show", args: &["show", POLICY_FILE], prints: "errno EXFULL unshare" },
    Trial {
        does: "sim",
        args: &["sim", POLICY_FILE, "--syscall", "unshare", "--args", "CLONE_NEWUSER"],
        prints: "EXFULL",
    },
    Trial { does: "doctor", args: &["doctor"], prints: "seccomp" },
];

/// Where there is nothing but the command.
const ALONE: &[Trial] = &[
    Trial {
        does: "run",
        args: &["run", "--profile", POLICY_FILE, "--", "/callgate", "syscalls", "unshare"],
        prints: "unshare",
    },
    Trial { does: "show", args: &["show", POLICY_FILE], prints: "errno EXFULL unshare" },
    Trial {
        does: "sim",
        args: &["sim", POLICY_FILE, "--syscall", "unshare", "--args", "CLONE_NEWUSER"],
        prints: "EXFULL",
    },
];

/// Writes the policy that the trials read into a folder.
pub(crate) fn prepare(folder: &Path) -> Result<(), String> {
    written(&folder.join(POLICY_FILE), POLICY)
}

/// Uses the command; `command` makes one of the words of a command line. What was done.
pub(crate) fn used(command: impl Fn(&[&str]) -> Command) -> Result<String, String> {
    all(TRIALS, command)
}

/// The same where there is no shell and no `/proc`.
pub(crate) fn used_alone(command: impl Fn(&[&str]) -> Command) -> Result<String, String> {
    all(ALONE, command)
}

fn all(trials: &[Trial], command: impl Fn(&[&str]) -> Command) -> Result<String, String> {
    let mut done = Vec::new();
    for Trial { does, args, prints } in trials {
        let printed = heard(&mut command(args))?;
        if !printed.contains(prints) {
            return Err(format!("{does}: {prints:?} is not in:\n{printed}"));
        }
        done.push(*does);
    }
    Ok(done.join(", "))
}
