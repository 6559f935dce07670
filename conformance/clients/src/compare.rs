//! Whether the filters that two runs installed mean the same.

use std::fmt;

use callgate_bpf::Program;
use callgate_prover::{Difference, Options, Prover, Scope};
use callgate_syscalls::{Arch, Name, names};

/// What systemd asks for by name and Debian's library, whose tables are older than the names, does
/// not find on these architectures: with ours the rule is there.
const NEWER: [(Arch, Name); 3] = [
    (Arch::X86_64, names::URETPROBE),
    (Arch::X32, names::URETPROBE),
    (Arch::X32, names::MAP_SHADOW_STACK),
];

/// The result of the proofs about two runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proved {
    /// Filters that the run with our library installed.
    pub(super) installed: usize,
    /// Different programs among those of Debian's library.
    pub(super) distinct: usize,
    /// The instructions of those, of Debian's library and of ours.
    pub(super) instructions: (usize, usize),
    /// Whether some differ for the calls of `NEWER`.
    pub(super) newer: bool,
}

impl fmt::Display for Proved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { installed, distinct, instructions: (theirs, ours), newer } = self;
        let except = match newer {
            true => {
                " but for `uretprobe` and x32's `map_shadow_stack`, which Debian's does not know"
            }
            false => "",
        };
        match installed {
            0 => write!(f, "none is installed"),
            _ => write!(
                f,
                "{installed} installed, {distinct} different: equal (proved){except}; \
                 {theirs} instructions, ours {ours}"
            ),
        }
    }
}

/// Proves that each filter of one run has its equal in the other, and that there are as many.
///
/// # Errors
/// A filter without equal, with a call that shows the difference from the one it was expected to
/// be.
pub(super) fn prove(theirs: &[Program], ours: &[Program]) -> Result<Proved, String> {
    if theirs.len() != ours.len() {
        return Err(format!("{} filters with Debian's, {} with ours", theirs.len(), ours.len()));
    }
    let (left, right) = (distinct(theirs), distinct(ours));
    let mut newer = false;
    // Filters come in the same order most times; processes that run side by side may change it.
    for (index, program) in left.iter().enumerate() {
        let candidates = right.get(index).into_iter().chain(&right).map(|ours| (*program, *ours));
        newer |= partner(candidates).map_err(|error| format!("Debian's {index}: {error}"))?;
    }
    for (index, program) in right.iter().enumerate() {
        let candidates = left.get(index).into_iter().chain(&left).map(|theirs| (*theirs, *program));
        newer |= partner(candidates).map_err(|error| format!("our {index}: {error}"))?;
    }
    let size = |programs: &[&Program]| programs.iter().map(|program| program.len()).sum();
    let instructions = (size(&left), size(&right));
    Ok(Proved { installed: ours.len(), distinct: left.len(), instructions, newer })
}

/// Different programs, in the order of their first appearance.
fn distinct(programs: &[Program]) -> Vec<&Program> {
    let mut found: Vec<&Program> = Vec::new();
    for program in programs {
        if !found.contains(&program) {
            found.push(program);
        }
    }
    found
}

/// Finds a pair of Debian's and ours that are equal, and whether they differ where they may; else
/// says how the first differ.
fn partner<'a>(pairs: impl Iterator<Item = (&'a Program, &'a Program)>) -> Result<bool, String> {
    let mut first = None;
    for (theirs, ours) in pairs {
        let differences = differences(theirs, ours)?;
        match differences.iter().find(|difference| !is_newer(difference)) {
            None => return Ok(!differences.is_empty()),
            Some(difference) => first = first.or(Some(difference.to_string())),
        }
    }
    Err(match first {
        Some(call) => format!("has no equal; where the expected one differs: {call}"),
        None => "the other run installed none".into(),
    })
}

fn differences(theirs: &Program, ours: &Program) -> Result<Vec<Difference>, String> {
    let mut prover = Prover::new(Options::default());
    let mut found = || {
        let (theirs, ours) = (prover.program(theirs)?, prover.program(ours)?);
        prover.differences(&theirs, &ours, Scope::Exact)
    };
    found().map_err(|error| error.to_string())
}

/// Whether a difference is about calls of `NEWER` alone.
fn is_newer(difference: &Difference) -> bool {
    let token = Arch::X86_64.token();
    let known =
        |nr| NEWER.iter().any(|(arch, name)| arch.syscall(*name).is_some_and(|s| s.nr == nr));
    difference.first_token == token
        && difference.last_token == token
        && difference.numbers.iter().all(|&(first, last)| first == last && known(first))
}

#[cfg(test)]
mod tests {
    use callgate_bpf::Instruction;
    use callgate_syscalls::{Action, SyscallNr};

    use super::*;

    fn constant(action: Action) -> Program {
        Program::new([Instruction::new(0x06, action.raw())]).unwrap()
    }

    #[test]
    fn filters_may_change_places_but_not_their_meaning_or_number() {
        let (allow, kill) = (constant(Action::ALLOW), constant(Action::KILL_PROCESS));
        let theirs = [allow.clone(), kill.clone(), kill.clone()];
        let proved = prove(&theirs, &[kill.clone(), kill.clone(), allow.clone()]);
        assert_eq!(
            proved,
            Ok(Proved { installed: 3, distinct: 2, instructions: (2, 2), newer: false })
        );
        assert!(prove(&theirs, &theirs[..2]).unwrap_err().contains("3 filters with Debian's"));
        let wrong = [allow.clone(), allow.clone(), allow];
        assert!(prove(&theirs, &wrong).unwrap_err().starts_with("Debian's 1: has no equal"));
        assert!(prove(&wrong, &theirs).unwrap_err().starts_with("our 1: has no equal"));
    }

    /// Kills one call of x86_64's token.
    fn without(nr: SyscallNr) -> Program {
        let equal = |k, jf| Instruction { code: 0x15, jt: 0, jf, k };
        Program::new([
            Instruction::new(0x20, 4),
            equal(Arch::X86_64.token().raw(), 3),
            Instruction::new(0x20, 0),
            equal(nr.raw(), 1),
            Instruction::new(0x06, Action::KILL_PROCESS.raw()),
            Instruction::new(0x06, Action::ALLOW.raw()),
        ])
        .unwrap()
    }

    #[test]
    fn calls_that_debian_does_not_know_may_differ_and_no_others() {
        let number = |name| Arch::X86_64.syscall(name).unwrap().nr;
        let allow = [constant(Action::ALLOW)];
        let proved = prove(&[without(number(names::URETPROBE))], &allow).unwrap();
        assert!(proved.newer && proved.to_string().contains("uretprobe"));
        assert!(prove(&[without(number(names::RSEQ))], &allow).is_err());
    }
}
