//! Programs as policies, also those that never ask for the architecture of a call.

use callgate_bpf::{Instruction, Program, Stack};
use callgate_policy::Policy;
use callgate_prover::{Error, Prover};
use callgate_syscalls::{Action, Arch};

/// What a program means, as far as it can be reported.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Readable {
    /// What it does with calls of the architectures that are reported.
    pub policy: Policy,
    /// The architectures of which nothing else is said, where the program does not treat all others
    /// alike: mostly as it never asks which one a call is of.
    pub only: Option<Vec<Arch>>,
}

/// What programs mean. A program that does not treat all foreign architectures alike is read as if
/// it were for these ones.
///
/// # Errors
/// Those of [`Prover::to_policy`].
pub fn readable(stack: &Stack, arches: &[Arch]) -> Result<Readable, Error> {
    match policy_of(stack) {
        Ok(policy) => Ok(Readable { policy, only: None }),
        Err(Error::NotExpressible { .. }) if !arches.is_empty() => {
            // With others, of filters the one wins that permits least: this one says nothing but of
            // other architectures.
            let Some(guard) = guard(arches) else { return Err(Error::OutOfMemory) };
            let guarded = [&[guard], stack.programs()].concat();
            let policy = policy_of(&Stack::new(guarded))?;
            Ok(Readable { policy, only: Some(arches.to_vec()) })
        }
        Err(error) => Err(error),
    }
}

fn policy_of(stack: &Stack) -> Result<Policy, Error> {
    let mut prover = Prover::default();
    let meaning = prover.stack(stack)?;
    prover.to_policy(&meaning)
}

/// Allows what is of these architectures, and kills the rest.
fn guard(arches: &[Arch]) -> Option<Program> {
    const LOAD_ARCH: (u16, u32) = (0x20, 4);
    const JUMP_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let mut program = vec![Instruction::new(LOAD_ARCH.0, LOAD_ARCH.1)];
    for (index, arch) in arches.iter().enumerate() {
        // To the last instruction, over the tests that are left and the return that kills.
        let jt = u8::try_from(arches.len() - index).ok()?;
        program.push(Instruction { code: JUMP_EQUAL, jt, jf: 0, k: arch.token().raw() });
    }
    program.push(Instruction::new(RETURN, Action::KILL_PROCESS.raw()));
    program.push(Instruction::new(RETURN, Action::ALLOW.raw()));
    Program::new(program).ok()
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::{SeccompData, SyscallNr};

    use super::*;

    fn stack(instructions: Vec<Instruction>) -> Stack {
        Stack::new([Program::new(instructions).unwrap()])
    }

    #[test]
    fn a_program_that_never_asks_for_the_architecture_is_read_for_those_at_hand() {
        // Kills number 41, whoever calls.
        let blind = stack(vec![
            Instruction::new(0x20, 0),
            Instruction { code: 0x15, jt: 0, jf: 1, k: 41 },
            Instruction::new(0x06, Action::KILL_PROCESS.raw()),
            Instruction::new(0x06, Action::ALLOW.raw()),
        ]);
        let arches = [Arch::X86_64, Arch::X86];
        let Readable { policy, only } = readable(&blind, &arches).unwrap();
        assert_eq!(only.as_deref(), Some(&arches[..]));
        let decide = |arch, nr| policy.decide(&SeccompData::new(arch, SyscallNr::new(nr)));
        for arch in arches {
            assert_eq!(decide(arch, 41), Action::KILL_PROCESS);
            assert_eq!(decide(arch, 42), Action::ALLOW);
        }
        assert!(readable(&blind, &[]).is_err());
        // What asks is read as it is.
        let all = stack(vec![Instruction::new(0x06, Action::ALLOW.raw())]);
        assert_eq!(readable(&all, &arches).unwrap().only, None);
    }
}
