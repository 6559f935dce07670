//! Filters from elsewhere, compiled anew: what they mean is read out of their instructions and
//! proved to be kept.

use callgate_bpf::{Program, Stack};
use callgate_compiler::{Options, compile_with};
use callgate_prover::{Meaning, Prover, Scope};

use crate::Error;

/// A program that returns for every call what this one does, and is not longer: the same one where
/// it is as short as it gets, and where no policy has its meaning.
///
/// # Errors
/// [`Error::Proof`] where the meaning could not be found within the prover's limits.
///
/// # Examples
/// ```
/// use callgate::{Endian, optimize};
///
/// // Allows calls of x86_64 whose number is 1, 2 or 3, and so x32 nothing.
/// let text = "ld [4]\njeq #0xc000003e, native, kill\nnative: ld [0]\njeq #1, allow, two\ntwo: jeq #2, allow, three\n\
///     three: jeq #3, allow, kill\nkill: ret #0\nallow: ret #0x7fff0000";
/// let program = callgate_bpf::assemble(text, Endian::native())?;
/// assert_eq!((program.len(), optimize(&program, &Default::default())?.len()), (8, 7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn optimize(program: &Program, options: &Options) -> Result<Program, Error> {
    let mut prover = Prover::default();
    let meaning = prover.program(program)?;
    match compiled(&mut prover, &meaning, options, Scope::Exact) {
        Ok(compiled) if compiled.len() < program.len() => Ok(compiled),
        // Without weights of the caller's there is no reason to take one of the same length for
        // better.
        Ok(compiled) if compiled.len() == program.len() && *options != Options::default() => {
            Ok(compiled)
        }
        Ok(_)
        | Err(Error::Compile(_) | Error::Proof(callgate_prover::Error::NotExpressible { .. })) => {
            Ok(program.clone())
        }
        Err(error) => Err(error),
    }
}

/// One program with the effect of all filters of a stack: each filter more costs every call that
/// filters are run for.
///
/// What a filter returns beside ALLOW has no effect under a stack, and is not kept.
///
/// # Errors
/// [`Error::Proof`] where the meaning could not be found or written as a policy, [`Error::Compile`]
/// where one program does not suffice for it.
pub fn merge(stack: &Stack, options: &Options) -> Result<Program, Error> {
    let mut prover = Prover::default();
    let meaning = prover.stack(stack)?;
    compiled(&mut prover, &meaning, options, Scope::Effective)
}

/// A program compiled from a meaning and proved to have it.
fn compiled(
    prover: &mut Prover,
    meaning: &Meaning<'_>,
    options: &Options,
    scope: Scope,
) -> Result<Program, Error> {
    let policy = prover.to_policy(meaning)?;
    let program = compile_with(&policy, options)?;
    let written = prover.program(&program)?;
    if !prover.equal(meaning, &written, scope)? {
        let differences = prover.differences(meaning, &written, scope)?;
        return Err(callgate_prover::Error::Refuted(differences).into());
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use callgate_policy::{ArchPolicy, Condition, Policy, SyscallNr};
    use callgate_syscalls::{Action, Arch};

    fn list(numbers: impl IntoIterator<Item = u32>) -> Program {
        let mut rules = ArchPolicy::new(Action::KILL_PROCESS);
        for nr in numbers {
            rules.rule(SyscallNr::new(nr), Condition::always(), Action::ALLOW);
        }
        let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build();
        callgate_compiler::compile(&policy.unwrap()).unwrap()
    }

    /// A chain as other generators write it: a compare and a return for each number.
    fn chain(numbers: impl IntoIterator<Item = u32>) -> Program {
        let mut text =
            String::from("ld [4]\njeq #0xc000003e, ok, bad\nbad: ret #0x80000000\nok: ld [0]\n");
        text.push_str("jge #0x40000000, x32, start\nx32: ret #0x80000000\nstart:\n");
        for nr in numbers {
            text.push_str(&format!("jeq #{nr}, a{nr}, b{nr}\na{nr}: ret #0x7fff0000\nb{nr}:\n"));
        }
        text.push_str("ret #0x80000000\n");
        callgate_bpf::assemble(&text, callgate_syscalls::Endian::Little).unwrap()
    }

    #[test]
    fn chains_become_trees() {
        let optimized = optimize(&chain(10..90), &Options::default()).unwrap();
        assert_eq!(optimized.len(), list(10..90).len());
    }

    #[test]
    fn short_programs_do_not_grow() {
        let program = list([60]);
        assert!(optimize(&program, &Options::default()).unwrap().len() <= program.len());
    }

    /// Filters that answer all calls alike, in more words than that takes.
    #[test]
    fn constant_programs_become_one_return() {
        let assemble = |text: &str| callgate_bpf::assemble(text, callgate_syscalls::Endian::Little);
        for action in ["#0x7fff0000", "#0", "#0x80000000", "#0x00050026"] {
            let short = assemble(&format!("ret {action}")).unwrap();
            let long = format!("ld [0]\njeq #7, yes, no\nyes: ret {action}\nno: ret {action}");
            let long = assemble(&long).unwrap();
            assert_eq!(optimize(&long, &Options::default()), Ok(short.clone()));
            assert_eq!(optimize(&short, &Options::default()), Ok(short.clone()));
            assert_eq!(merge(&Stack::new([long, short.clone()]), &Options::default()), Ok(short));
        }
    }

    #[test]
    fn a_program_of_the_same_length_is_better_only_by_weights() {
        for [first, second] in [[60, 231], [231, 60]] {
            let text = format!(
                "ld [4]\njeq #0xc000003e, ok, bad\nok: ld [0]\njeq #{first}, allow, next\n\
                 next: jeq #{second}, allow, bad\nallow: ret #0x7fff0000\nbad: ret #0x80000000\n"
            );
            let program = callgate_bpf::assemble(&text, callgate_syscalls::Endian::Little).unwrap();
            assert_eq!(program.len(), list([first, second]).len());
            assert_eq!(optimize(&program, &Options::default()).unwrap(), program);
        }
    }

    #[test]
    fn a_stack_becomes_one_filter_that_allows_what_all_do() {
        let stack = Stack::new([list(0..50), list(20..80), list([30, 31, 90])]);
        let merged = merge(&stack, &Options::default()).unwrap();
        assert_eq!(merged, list([30, 31]));
    }
}
