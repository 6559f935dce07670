//! How the cost of proofs grows: 100 to 1,200 rules of two conditions, in several shapes.
//!
//! ```text
//! cargo run --release -p callgate-prover --example growth
//! ```
#![expect(clippy::print_stdout, reason = "the example's purpose")]

use std::error::Error;
use std::time::{Duration, Instant};

use callgate_bpf::{DataWord, Instruction, Operand, Operation, Program, Test};
use callgate_policy::{
    Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy, SyscallNr,
};
use callgate_prover::{Prover, Scope};

const ROUNDS: usize = 9;
const NR: SyscallNr = SyscallNr::new(41);

/// The constants of one rule: arguments 0 and 1.
type Rule = (u32, u32);

fn main() -> Result<(), Box<dyn Error>> {
    println!("shape      rules  instructions      nodes  median");
    for (name, shape) in SHAPES {
        for count in [100, 200, 400, 800, 1200] {
            measure(name, shape, count)?;
        }
    }
    Ok(())
}

/// How the two conditions of a rule are written.
type Shape = fn(Rule) -> [Comparison; 2];

const SHAPES: [(&str, Shape); 4] = [
    ("32-bit", |(a, b)| [low(Field::Arg0, a), low(Field::Arg1, b)]),
    // The second condition is about what diagrams test first.
    ("reversed", |(a, b)| [low(Field::Arg1, b), low(Field::Arg0, a)]),
    ("64-bit", |(a, b)| [wide(Field::Arg0, Operator::Eq, a), wide(Field::Arg1, Operator::Eq, b)]),
    ("ordered", |(a, b)| [wide(Field::Arg0, Operator::Eq, a), wide(Field::Arg1, Operator::Le, b)]),
];

const fn low(field: Field, value: u32) -> Comparison {
    Comparison::low32(field, u32::MAX, Operator::Eq, value)
}

fn wide(field: Field, operator: Operator, value: u32) -> Comparison {
    Comparison::new(field, operator, u64::from(value) << 32 | u64::from(value))
}

fn measure(name: &str, shape: Shape, count: u32) -> Result<(), Box<dyn Error>> {
    let rules: Vec<Rule> = (1..=count).map(|i| (i, i.wrapping_mul(2_654_435_761))).collect();
    let policy = policy(shape, &rules)?;
    // Only the 32-bit shapes fit 4096 instructions; the others are compared with themselves.
    let program = match name {
        "32-bit" | "reversed" => Some(program(&rules)?),
        _ => None,
    };
    let mut times: Vec<Duration> = Vec::new();
    let mut nodes = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut prover = Prover::default();
        let left = prover.policy(&policy)?;
        let right = match &program {
            Some(program) => prover.program(program)?,
            None => prover.policy(&policy)?,
        };
        if !prover.equal(&left, &right, Scope::Exact)? {
            return Err("the program must mean the same as the policy".into());
        }
        times.push(start.elapsed());
        nodes = prover.usage().nodes;
    }
    times.sort_unstable();
    let length = program.map_or(0, |program| program.len());
    println!("{name:9} {count:6} {length:13} {nodes:10}  {:?}", times[ROUNDS / 2]);
    Ok(())
}

fn policy(shape: Shape, rules: &[Rule]) -> Result<Policy, Box<dyn Error>> {
    let mut arch = ArchPolicy::new(Action::KILL_PROCESS);
    for &rule in rules {
        let condition = Condition::all(shape(rule).map(Condition::compare))?;
        arch.rule(NR, condition, Action::ALLOW);
    }
    Ok(Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, arch).build()?)
}

/// Three instructions a rule: a chain over the low half of argument 0; where a constant is met, argument 1 decides.
fn program(rules: &[Rule]) -> Result<Program, Box<dyn Error>> {
    let kill = Operation::Return(Action::KILL_PROCESS.raw());
    let equal = |k, jt, jf| Operation::Branch { test: Test::Equal, operand: Operand::K(k), jt, jf };
    let argument = |byte| DataWord::at_offset(byte).map(Operation::LoadData).ok_or("no such word");
    let mut code = vec![
        Operation::LoadData(DataWord::ARCH),
        equal(Arch::X86_64.token().raw(), 1, 0),
        kill,
        Operation::LoadData(DataWord::NR),
        equal(NR.raw(), 1, 0),
        kill,
        argument(16)?,
    ];
    // Offsets have 8 bits, so each group of rules brings its own returns.
    for group in rules.chunks(60) {
        for (index, &(a, b)) in group.iter().enumerate() {
            let left = u8::try_from(3 * (group.len() - 1 - index))?;
            let past_returns = if left == 0 { 4 } else { 2 };
            code.extend([equal(a, 0, past_returns), argument(24)?, equal(b, left, left + 1)]);
        }
        code.extend([Operation::Return(Action::ALLOW.raw()), kill]);
    }
    code.push(kill);
    let code: Vec<Instruction> = code.into_iter().map(Instruction::from).collect();
    Ok(Program::new(code)?)
}
