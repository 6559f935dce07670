//! On whose behalf a program returns.

use callgate_bpf::{Instruction, Operation, Program};
use callgate_memory::{Grow, Map, OutOfMemory, TryClone};
use callgate_policy::{ArchPolicy, Decider, Policy, RuleId, Unknown};
use callgate_syscalls::{Action, SeccompData};

use crate::compare::start_words;
use crate::diagram::{Diagrams, NodeId};
use crate::meaning::endian_of;
use crate::numbers::Interval;
use crate::prover::{Common, for_each_common};
use crate::witness::{call_of, pairs};
use crate::{Error, Options, Prover, Undecided};

/// A returning instruction, and the parts of a policy for whose calls it returns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attribution {
    /// The place of the instruction in the program.
    pub instruction: usize,
    /// Those that decide about calls which reach it, ascending; none where no call does.
    pub deciders: Vec<Decider>,
}

/// Finds for each returning instruction of a program the rules of a policy, its default, unknown and foreign actions, that
/// decide about the calls which reach it. Program and policy need not be equal.
///
/// The program is taken with a mark in place of each returned value, the policy with a mark in place of each action; then
/// every pair of marks that a call can get is looked up, and tried on such a call.
///
/// # Errors
/// [`Error::Undecided`] within these limits, or where what is reached rests on a shift by 32 or more bits;
/// [`Error::Disagreement`] for bugs of callgate; [`Error::OutOfMemory`].
///
/// # Examples
/// ```
/// use callgate_bpf::{Instruction, Program};
/// use callgate_policy::{Action, Arch, ArchPolicy, Condition, Decider, Policy, SyscallNr};
/// use callgate_prover::{Options, attribute};
///
/// let mut rules = ArchPolicy::new(Action::KILL_PROCESS);
/// rules.rule(SyscallNr::new(5), Condition::always(), Action::ALLOW);
/// let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::Aarch64, rules).build()?;
/// let program = Program::new([
///     Instruction::new(0x20, 4),                                   // ld [arch]
///     Instruction { code: 0x15, jt: 0, jf: 3, k: 0xc000_00b7 },    // jeq #aarch64, next, +3
///     Instruction::new(0x20, 0),                                   // ld [nr]
///     Instruction { code: 0x15, jt: 0, jf: 1, k: 5 },              // jeq #5, next, +1
///     Instruction::new(0x06, Action::ALLOW.raw()),
///     Instruction::new(0x06, Action::KILL_PROCESS.raw()),
/// ])?;
/// let found = attribute(&policy, &program, &Options::default())?;
/// assert_eq!(found[0].instruction, 4);
/// assert!(matches!(found[0].deciders[..], [Decider::Rule(rule)] if rule.index == 0));
/// assert_eq!(found[1].deciders, [Decider::Default(Arch::Aarch64), Decider::Foreign]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn attribute(
    policy: &Policy,
    program: &Program,
    options: &Options,
) -> Result<Vec<Attribution>, Error> {
    let (marked, deciders) = marked_policy(policy)?;
    let written = marked_program(program)?;
    let mut prover = Prover::new(options.clone());
    let (left, right) = (prover.policy(&marked)?, prover.program(&written)?);
    let mut found = Vec::new();
    for (instruction, operation) in program.operations().enumerate() {
        if matches!(operation, Operation::Return(_) | Operation::ReturnA) {
            found.try_push(Attribution { instruction, deciders: Vec::new() })?;
        }
    }
    let mut seen = Map::new();
    let d = &mut prover.diagrams;
    for_each_common(&left.classes, &right.classes, |Common { tokens, numbers, left, right }| {
        // The functions alone say which marks meet, where neither reads token or number.
        let reads_class = d.reads_class(left) || d.reads_class(right);
        if !reads_class && seen.insert((left, right), ())?.is_some() {
            return Ok(());
        }
        for (mark, instruction, call) in meeting(d, tokens, numbers, [left, right])? {
            let (expected, actual) =
                (marked.decide(&call), written.run(&call, endian_of(call.arch)));
            if (expected, actual) != (mark, instruction) {
                return Err(Error::Disagreement { call, expected: mark, actual: expected });
            }
            note(&mut found, instruction, deciders.get(mark.raw() as usize - FIRST_MARK))?;
        }
        Ok(())
    })?;
    Ok(found)
}

/// The marks of policy and program that meet on calls of a class, each pair with a call.
fn meeting(
    d: &mut Diagrams,
    tokens: Interval,
    numbers: Interval,
    functions: [NodeId; 2],
) -> Result<Vec<(Action, Action, SeccompData)>, Error> {
    let [mut left, mut right] = functions;
    if d.reads_class(left) || d.reads_class(right) {
        let inside = d.inside(tokens, numbers)?;
        [left, right] = crate::compare::where_holds(d, inside, [left, right])?;
    }
    let words = start_words(d, tokens, &[numbers], [left, right]);
    let pairs = pairs(d, left, right, words)?;
    if pairs.depends {
        return Err(Undecided::ShiftAmount.into());
    }
    let mut list = Vec::with_room(pairs.calls.len())?;
    list.try_extend(pairs.calls.iter().map(|((l, r), words)| (*l, *r, call_of(words))))?;
    Ok(list)
}

/// Adds a decider to the instruction that is marked.
fn note(
    found: &mut [Attribution],
    mark: Action,
    decider: Option<&Decider>,
) -> Result<(), OutOfMemory> {
    let place = found.binary_search_by_key(&(mark.raw() as usize), |at| at.instruction + 1);
    // A division by zero returns without an instruction that says so.
    if let (Ok(place), Some(decider)) = (place, decider) {
        let deciders = &mut found[place].deciders;
        if let Err(new) = deciders.binary_search(decider) {
            deciders.try_insert(new, *decider)?;
        }
    }
    Ok(())
}

/// The marks of a policy begin behind those of a program, which has at most 4,096 instructions.
const FIRST_MARK: usize = 0x1_0000;

/// The program that returns the place of the returning instruction, counted from 1.
fn marked_program(program: &Program) -> Result<Program, Error> {
    let mut code: Vec<Instruction> = Vec::with_room(program.len())?;
    for (mark, (instruction, operation)) in
        (1..).zip(program.instructions().iter().zip(program.operations()))
    {
        code.try_push(match operation {
            Operation::Return(_) | Operation::ReturnA => Operation::Return(mark).into(),
            _ => *instruction,
        })?;
    }
    // Returns may stand wherever returns stood.
    Program::new(code).map_err(|_| Error::Partition)
}

/// The policy whose every part has an action of its own, and the parts in the order of their marks.
fn marked_policy(policy: &Policy) -> Result<(Policy, Vec<Decider>), Error> {
    let mut deciders = Vec::new();
    let mut mark = |decider| -> Result<Action, OutOfMemory> {
        deciders.try_push(decider)?;
        let mark = u32::try_from(FIRST_MARK + deciders.len() - 1).map_err(|_| OutOfMemory)?;
        Ok(Action::from_raw(mark))
    };
    let mut builder = Policy::builder(mark(Decider::Foreign)?);
    for (arch, rules) in policy.arches() {
        let mut marked = ArchPolicy::new(mark(Decider::Default(arch))?);
        if let Some(unknown) = rules.unknown_action() {
            marked.unknown(Unknown { action: mark(Decider::Unknown(arch))?, ..unknown });
        }
        for (nr, list) in rules.rules() {
            for (index, rule) in list.iter().enumerate() {
                let action = mark(Decider::Rule(RuleId { arch, nr, index }))?;
                marked.try_rule(nr, rule.condition().try_clone()?, action)?;
            }
        }
        builder = builder.try_arch(arch, marked)?;
    }
    // Only actions have changed.
    let policy = builder.build().map_err(|_| Error::Partition)?;
    Ok((policy, deciders))
}
