//! A second opinion: the specification and the simulator, on calls chosen to tell a wrong program from a right one.
//!
//! Nothing here uses diagrams, and nothing of the diagrams uses this.
//!
//! The calls are: every arch token of either side, its neighbours and it with one bit flipped; under each token of the
//! policy every number of either side, its neighbours, and it with one bit flipped; and for each number with conditions,
//! for each rule, arguments that meet it, and these with one field changed: to the neighbours of each of its constants and
//! its halves swapped; with each bit flipped and with the program's constants in each half. If that exceeds the limit,
//! every n-th of the calls is taken, first of the last kind.

use callgate_bpf::{DataWord, Operand, Operation, Program, Stack};
use callgate_policy::{Comparison, Condition, Field, Operator, Policy, Rule, View};
use callgate_syscalls::{Action, ArchToken, SeccompData, SyscallNr, X32_BIT};

use crate::Error;
use crate::meaning::endian_of;

/// Compares policy and program on up to `calls_max` calls; gives the number of calls that were tried.
///
/// # Errors
/// [`Error::Disagreement`] with the first call on which they differ.
pub fn recheck(policy: &Policy, program: &Program, calls_max: usize) -> Result<usize, Error> {
    let plan = Plan::new(policy, std::slice::from_ref(program), calls_max);
    plan.tried(|call| (policy.decide(call), program.run(call, endian_of(call.arch))))
}

/// As [`recheck`], for filters that mean the policy together: compares what the kernel does with both words.
pub(crate) fn recheck_stack(
    policy: &Policy,
    stack: &Stack,
    calls_max: usize,
) -> Result<usize, Error> {
    let plan = Plan::new(policy, stack.programs(), calls_max);
    plan.tried(|call| {
        let actual = stack.run(call, endian_of(call.arch)).action;
        (policy.decide(call).normalised(), actual.normalised())
    })
}

/// At most `count` members, evenly spread.
fn thinned<T>(list: &[T], count: usize) -> impl Iterator<Item = &T> {
    let step = if count == 0 { list.len() } else { list.len().div_ceil(count) };
    list.iter().step_by(step.max(1)).take(count)
}

/// A call to try. Of thousands that are planned, hundreds are tried, so they are kept small.
#[derive(Clone, Copy)]
enum Trial {
    /// A token and a number, without arguments.
    Empty(u32, u32),
    /// The index of a call in [`Plan::whole`].
    Whole(usize),
}

/// The calls to try.
#[derive(Default)]
struct Plan {
    first: Vec<Trial>,
    /// Tried as far as there is room.
    second: Vec<Trial>,
    /// The calls with arguments.
    whole: Vec<SeccompData>,
    calls_max: usize,
    /// How many of the changed fields of a comparison are taken into `second`.
    changes_max: usize,
    /// Counts the comparisons, so that each takes other changes.
    comparison: usize,
}

impl Plan {
    fn new(policy: &Policy, programs: &[Program], calls_max: usize) -> Self {
        let constants = Constants::of(programs);
        let rules = policy.arches().flat_map(|(_, arch)| arch.rules()).flat_map(|(_, rules)| rules);
        let comparisons: usize = rules.map(|rule| rule.condition().comparisons()).sum();
        let changes_max = calls_max / comparisons.max(1) + 1;
        let mut plan = Self { calls_max, changes_max, ..Self::default() };
        plan.tokens(policy, &constants);
        let mut tokens: Vec<ArchToken> = policy.arches().map(|(arch, _)| arch.token()).collect();
        tokens.dedup();
        for token in tokens {
            plan.numbers(policy, token, &constants);
        }
        plan
    }

    /// Asks both sides about the calls; gives their number.
    fn tried(&self, both: impl Fn(&SeccompData) -> (Action, Action)) -> Result<usize, Error> {
        let room = self.calls_max.saturating_sub(self.first.len());
        let chosen = thinned(&self.first, self.calls_max).chain(thinned(&self.second, room));
        let mut calls = 0;
        for &trial in chosen {
            let call = match trial {
                Trial::Empty(token, nr) => empty_call(token, nr),
                Trial::Whole(index) => self.whole[index],
            };
            let (expected, actual) = both(&call);
            if expected != actual {
                return Err(Error::Disagreement { call: Box::new(call), expected, actual });
            }
            calls += 1;
        }
        Ok(calls)
    }

    /// Whether a call of `second` can be tried, as far as is known.
    fn has_room(&self) -> bool {
        self.first.len() < self.calls_max
    }

    /// Keeps a call with arguments.
    fn keep(&mut self, call: SeccompData) -> Trial {
        self.whole.push(call);
        Trial::Whole(self.whole.len() - 1)
    }

    fn tokens(&mut self, policy: &Policy, constants: &Constants) {
        let known = policy.arches().map(|(arch, _)| arch.token().raw());
        let known = ascending(known.chain(constants.tokens.iter().copied()));
        let nr = constants.numbers.first().copied().unwrap_or(0);
        for &token in &known {
            self.first.extend(near32(token).map(|token| Trial::Empty(token, nr)));
            if self.has_room() {
                let flipped = (0..u32::BITS).map(|bit| token ^ 1 << bit);
                self.second.extend(flipped.map(|token| Trial::Empty(token, nr)));
            }
        }
    }

    fn numbers(&mut self, policy: &Policy, token: ArchToken, constants: &Constants) {
        let arches = policy.arches().filter(|(arch, _)| arch.token() == token);
        let with_rules: Vec<(SyscallNr, &[Rule])> =
            arches.flat_map(|(_, rules)| rules.rules()).collect();
        let numbers = with_rules.iter().map(|(nr, _)| nr.raw());
        let numbers = numbers.chain(constants.numbers.iter().copied()).chain(BORDERS);
        let near = ascending(numbers.flat_map(near32));
        self.first.extend(near.iter().map(|&nr| Trial::Empty(token.raw(), nr)));
        if self.has_room() {
            let flipped = near.iter().zip((0..u32::BITS).cycle()).map(|(nr, bit)| nr ^ 1 << bit);
            self.second.extend(flipped.map(|nr| Trial::Empty(token.raw(), nr)));
        }
        for (nr, rules) in with_rules {
            if rules.iter().any(|rule| rule.condition().comparisons() > 0) {
                self.arguments(empty_call(token.raw(), nr.raw()), rules, &constants.values);
            }
        }
    }

    fn arguments(&mut self, empty: SeccompData, rules: &[Rule], values: &[u32]) {
        for rule in rules {
            let mut comparisons = Vec::new();
            collect(rule.condition(), &mut comparisons);
            let mut met = empty;
            for comparison in comparisons.iter().rev() {
                set(&mut met, comparison.field(), satisfying(comparison));
            }
            let trial = self.keep(met);
            self.first.push(trial);
            for comparison in comparisons {
                self.changed(&met, &comparison, values);
            }
        }
    }

    /// A call with the field of a comparison changed.
    fn changed(&mut self, met: &SeccompData, comparison: &Comparison, values: &[u32]) {
        let (field, value) = (comparison.field(), comparison.value());
        let with = |value| {
            let mut call = *met;
            set(&mut call, field, value);
            call
        };
        let beside = [value, value.wrapping_add(1), value.wrapping_sub(1)];
        for value in beside.into_iter().chain([value.rotate_left(32), !value]) {
            let trial = self.keep(with(value));
            self.first.push(trial);
        }
        let own = field.of(met);
        let alternative = |index: usize| {
            const LOW: u64 = 0xffff_ffff;
            match index.checked_sub(64).and_then(|rest| Some((rest % 2, *values.get(rest / 2)?))) {
                None => own ^ 1 << index,
                Some((0, word)) => own & !LOW | u64::from(word),
                Some((_, word)) => own & LOW | u64::from(word) << 32,
            }
        };
        let count = 64 + 2 * values.len();
        let step = count.div_ceil(self.changes_max).max(1);
        if self.has_room() {
            for index in (self.comparison % step..count).step_by(step) {
                let trial = self.keep(with(alternative(index)));
                self.second.push(trial);
            }
        }
        self.comparison += 1;
    }
}

/// What programs compare their input with, as far as a look at the instructions in their order tells: ascending.
struct Constants {
    numbers: Vec<u32>,
    tokens: Vec<u32>,
    /// Constants for any other word.
    values: Vec<u32>,
}

impl Constants {
    fn of(programs: &[Program]) -> Self {
        let (mut numbers, mut tokens, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let mut loaded = None;
        for operation in programs.iter().flat_map(|program| program.operations()) {
            match operation {
                Operation::LoadData(word) => loaded = Some(word),
                Operation::Branch { operand: Operand::K(k), .. } => match loaded {
                    Some(DataWord::NR) => numbers.push(k),
                    Some(DataWord::ARCH) => tokens.push(k),
                    _ => values.push(k),
                },
                _ => {}
            }
        }
        let [numbers, tokens, values] = [numbers, tokens, values].map(ascending);
        Self { numbers, tokens, values }
    }
}

/// Words in ascending order, each once.
fn ascending(words: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut list: Vec<u32> = words.into_iter().collect();
    list.sort_unstable();
    list.dedup();
    list
}

/// Numbers at which ABIs begin or signs change.
const BORDERS: [u32; 3] = [0, X32_BIT, 1 << 31];

fn near32(word: u32) -> [u32; 3] {
    [word.wrapping_sub(1), word, word.wrapping_add(1)]
}

const fn empty_call(token: u32, nr: u32) -> SeccompData {
    SeccompData {
        nr: SyscallNr::new(nr),
        arch: ArchToken::new(token),
        instruction_pointer: 0,
        args: [0; 6],
    }
}

/// A value for which the comparison holds, where there is one nearby.
const fn satisfying(comparison: &Comparison) -> u64 {
    let value = comparison.value();
    match comparison.operator() {
        Operator::Ne | Operator::Gt => value.wrapping_add(1),
        Operator::Lt => value.wrapping_sub(1),
        _ => value,
    }
}

fn set(call: &mut SeccompData, field: Field, value: u64) {
    match Field::ARGS.iter().position(|&arg| arg == field) {
        Some(index) => call.args[index] = value,
        None => call.instruction_pointer = value,
    }
}

/// A condition's depth is limited, so the recursion is.
fn collect(condition: &Condition, comparisons: &mut Vec<Comparison>) {
    match condition.view() {
        View::Compare(comparison) => comparisons.push(*comparison),
        View::All(list) | View::Any(list) => {
            list.iter().for_each(|condition| collect(condition, comparisons));
        }
    }
}
