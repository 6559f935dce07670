//! Measures how many calls a second the simulator decides with a 60-instruction filter, all of it
//! executed.

use std::hint::black_box;
use std::time::Instant;

use callgate_bpf::{CheckError, Instruction, Program};
use callgate_syscalls::{Action, Arch, Endian, SeccompData, SyscallNr};

const CALLS: u32 = 20_000_000;
const ROUNDS: u32 = 5;

fn main() -> Result<(), CheckError> {
    let longest = chain()?;
    let tree = tree()?;
    for (name, program) in [("chain, 60 of 60 executed", &longest), ("tree, 9 of 60", &tree)] {
        let best = (0..ROUNDS).map(|_| calls_per_second(program)).fold(0.0, f64::max);
        report(name, program, best);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example reports on stdout")]
fn report(name: &str, program: &Program, best: f64) {
    println!("{name} ({} instructions): {:.1} million calls/s", program.len(), best / 1e6);
}

fn calls_per_second(program: &Program) -> f64 {
    let mut call = SeccompData::new(Arch::X86_64, SyscallNr::new(1000));
    let start = Instant::now();
    let mut sum = 0u32;
    for round in 0..CALLS {
        call.args[0] = round.into();
        sum = sum.wrapping_add(program.run(black_box(&call), Endian::Little).raw());
    }
    black_box(sum);
    f64::from(CALLS) / start.elapsed().as_secs_f64()
}

/// Arch check, then one compare a number, none of which matches.
fn chain() -> Result<Program, CheckError> {
    let mut code = head();
    for nr in 0..56 {
        code.push(Instruction { code: 0x15, jt: 55 - nr, jf: 0, k: u32::from(nr) });
    }
    code.push(Instruction::new(0x06, Action::ALLOW.raw()));
    Program::new(code)
}

/// Arch check, a few steps down a tree, a return; the rest is there but not on the way.
fn tree() -> Result<Program, CheckError> {
    let mut code = head();
    for step in 0..5 {
        code.push(Instruction { code: 0x35, jt: 0, jf: 10, k: 100 * (step + 1) });
    }
    code.resize(60, Instruction::new(0x06, Action::ALLOW.raw()));
    Program::new(code)
}

fn head() -> Vec<Instruction> {
    vec![
        Instruction::new(0x20, 4),
        Instruction { code: 0x15, jt: 0, jf: 50, k: Arch::X86_64.token().raw() },
        Instruction::new(0x20, 0),
    ]
}
