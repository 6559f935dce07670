//! The best tree that there can be for a plain list of x86_64, if all it asks is whether the number
//! is at least another. All trees are tried, without anything of our compiler: what others are
//! measured against.

use std::ops::Range;

use callgate_bpf::{DataWord, Instruction, Operand, Operation, Program, Test};
use callgate_policy::{Arch, Policy, SeccompData, SyscallNr};
use callgate_syscalls::{Action, X32_BIT};

/// A run of numbers of one meaning, and how many of them are allowed.
struct Run {
    start: u32,
    action: Action,
    allowed: u64,
}

/// A test whether the number is at least the start of a run, and where its answers lead.
struct Node {
    run: usize,
    high: Side,
    low: Side,
}

#[derive(Clone, Copy)]
enum Side {
    Node(usize),
    Run(usize),
}

/// No list allows a number above this.
const NUMBERS: u32 = 1024;

/// The program of the tree in which allowed numbers meet the fewest tests on average.
pub(crate) fn program(policy: &Policy) -> Result<Program, String> {
    let runs = runs(policy);
    let splits = splits(&runs);
    let mut nodes = Vec::new();
    tree(&splits, 0..runs.len(), &mut nodes);
    let mut actions: Vec<Action> = runs.iter().map(|run| run.action).collect();
    actions.sort_unstable_by_key(|action| action.raw());
    actions.dedup();
    let token = Arch::X86_64.token().raw();
    let mut code: Vec<Instruction> = vec![
        Operation::LoadData(DataWord::ARCH).into(),
        branch(Test::Equal, token, 1, 0),
        Operation::Return(policy.foreign().raw()).into(),
        Operation::LoadData(DataWord::NR).into(),
    ];
    for (place, node) in nodes.iter().enumerate() {
        let skip = |side: Side| {
            let action = |run: usize| actions.iter().position(|known| *known == runs[run].action);
            let target = match side {
                Side::Node(target) => target,
                Side::Run(run) => nodes.len() + action(run).unwrap_or(0),
            };
            u8::try_from(target - place - 1).map_err(|_| "the tree is too large for its jumps")
        };
        let start = runs[node.run].start;
        code.push(branch(Test::GreaterOrEqual, start, skip(node.high)?, skip(node.low)?));
    }
    code.extend(actions.iter().map(|action| Instruction::from(Operation::Return(action.raw()))));
    Program::new(code).map_err(|e| e.to_string())
}

fn branch(test: Test, value: u32, jt: u8, jf: u8) -> Instruction {
    Operation::Branch { test, operand: Operand::K(value), jt, jf }.into()
}

/// What the policy says of each number.
fn runs(policy: &Policy) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for number in (0..NUMBERS).chain([X32_BIT, u32::MAX]) {
        let call = SeccompData::new(Arch::X86_64, SyscallNr::new(number));
        let action = policy.decide(&call);
        let allowed = u64::from(action == Action::ALLOW);
        match runs.last_mut() {
            Some(last) if last.action == action => last.allowed += allowed,
            _ => runs.push(Run { start: number, action, allowed }),
        }
    }
    runs
}

/// Before which run each range of runs is best split, by its first run and its end.
fn splits(runs: &[Run]) -> Vec<Vec<usize>> {
    let len = runs.len();
    let mut costs = vec![vec![0; len + 1]; len + 1];
    let mut splits = vec![vec![0; len + 1]; len + 1];
    for length in 2..=len {
        for first in 0..=len - length {
            let end = first + length;
            let cost = |middle: usize| costs[first][middle] + costs[middle][end];
            let best = (first + 1..end).map(|middle| (cost(middle), middle)).min();
            let (parts, middle) = best.unwrap_or_default();
            splits[first][end] = middle;
            costs[first][end] = parts + runs[first..end].iter().map(|run| run.allowed).sum::<u64>();
        }
    }
    splits
}

/// Appends the tree of a range of runs, and says where it begins.
fn tree(splits: &[Vec<usize>], range: Range<usize>, nodes: &mut Vec<Node>) -> Side {
    if range.len() == 1 {
        return Side::Run(range.start);
    }
    let place = nodes.len();
    let run = splits[range.start][range.end];
    nodes.push(Node { run, high: Side::Run(run), low: Side::Run(run) });
    let low = tree(splits, range.start..run, nodes);
    let high = tree(splits, run..range.end, nodes);
    nodes[place] = Node { run, high, low };
    Side::Node(place)
}
