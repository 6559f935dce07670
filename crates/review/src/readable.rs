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
    /// Whether nothing is said of numbers above 0x7fffffff, -1 left out, which no syscall has: where
    /// the program tells some of them apart, mostly as it tests x32's bit and nothing else.
    pub below: bool,
}

/// What programs mean. A program that does not treat all foreign architectures alike is read as if
/// it were for these ones, and one that treats numbers otherwise which no syscall can have as if it
/// killed these.
///
/// # Errors
/// Those of [`Prover::to_policy`].
pub fn readable(stack: &Stack, arches: &[Arch]) -> Result<Readable, Error> {
    let mut first = None;
    for (guards_arches, below) in [(false, false), (false, true), (true, false), (true, true)] {
        // Of filters the one wins that permits least: these say nothing but of what is left out.
        let mut programs = stack.programs().to_vec();
        if guards_arches && arches.is_empty() {
            break;
        }
        if guards_arches {
            programs.push(guard(arches).ok_or(Error::OutOfMemory)?);
        }
        if below {
            let of = if guards_arches { arches } else { &[Arch::X86_64][..] };
            programs.push(nameless(of).ok_or(Error::OutOfMemory)?);
        }
        match policy_of(&Stack::new(programs)) {
            Ok(policy) => {
                let only = guards_arches.then(|| arches.to_vec());
                return Ok(Readable { policy, only, below });
            }
            Err(error @ Error::NotExpressible { .. }) => first = first.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    Err(first.unwrap_or(Error::OutOfMemory))
}

/// Kills numbers of these architectures that no table has and that are no mark of a tracer either, and
/// allows all else.
fn nameless(arches: &[Arch]) -> Option<Program> {
    let jump = |code, jt, jf, k| Instruction { code, jt, jf, k };
    // Over the return that allows, to the load of the number.
    let mut program = skips_one_for(arches)?;
    program.extend([
        Instruction::new(RETURN, Action::ALLOW.raw()),
        Instruction::new(LOAD, 0),
        jump(JUMP_NOT_BELOW, 0, 2, 1 << 31),
        jump(JUMP_EQUAL, 1, 0, u32::MAX),
        Instruction::new(RETURN, Action::KILL_PROCESS.raw()),
        Instruction::new(RETURN, Action::ALLOW.raw()),
    ]);
    Program::new(program).ok()
}

const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_NOT_BELOW: u16 = 0x35;
const RETURN: u16 = 0x06;

fn policy_of(stack: &Stack) -> Result<Policy, Error> {
    let mut prover = Prover::default();
    let meaning = prover.stack(stack)?;
    prover.to_policy(&meaning)
}

/// The beginning of a program: calls of these architectures go over the instruction that follows.
fn skips_one_for(arches: &[Arch]) -> Option<Vec<Instruction>> {
    let mut program = vec![Instruction::new(LOAD, 4)];
    for (index, arch) in arches.iter().enumerate() {
        // Over the tests that are left, too.
        let jt = u8::try_from(arches.len() - index).ok()?;
        program.push(Instruction { code: JUMP_EQUAL, jt, jf: 0, k: arch.token().raw() });
    }
    Some(program)
}

/// Allows what is of these architectures, and kills the rest.
fn guard(arches: &[Arch]) -> Option<Program> {
    let mut program = skips_one_for(arches)?;
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
        let Readable { policy, only, below } = readable(&blind, &arches).unwrap();
        assert_eq!((only.as_deref(), below), (Some(&arches[..]), false));
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

    #[test]
    fn a_program_that_tests_the_bit_of_x32_alone_is_read_below_the_numbers_that_nobody_has() {
        let program = stack(vec![
            Instruction::new(0x20, 4),
            Instruction { code: 0x15, jt: 0, jf: 3, k: Arch::X86_64.token().raw() },
            Instruction::new(0x20, 0),
            Instruction { code: 0x45, jt: 1, jf: 0, k: 0x4000_0000 },
            Instruction::new(0x06, Action::ALLOW.raw()),
            Instruction::new(0x06, Action::KILL_PROCESS.raw()),
        ]);
        let Readable { policy, only, below } = readable(&program, &[Arch::X86_64]).unwrap();
        assert_eq!((only, below), (None, true));
        let decide = |nr| policy.decide(&SeccompData::new(Arch::X86_64, SyscallNr::new(nr)));
        for (nr, allowed) in
            [(0, true), (0x3fff_ffff, true), (0x4000_0000, false), (u32::MAX, false)]
        {
            assert_eq!(decide(nr) == Action::ALLOW, allowed, "{nr:#x}");
        }
    }
}
