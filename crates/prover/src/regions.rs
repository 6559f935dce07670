//! Diagrams in words: which calls they are about, as conditions that people and the compiler can read.
//!
//! A diagram is cut into words of 32 bits. For each function that remains after a word, the values of the word that lead
//! there are few intervals, few masked values, or too much to say.

use callgate_bpf::DataWord;
use callgate_policy::{Comparison, Condition, Field, Operator};
use callgate_syscalls::{Action, Endian};

use crate::budget::Halt;
use crate::diagram::{Diagrams, FALSE, NodeId, Pattern, TRUE, View};
use crate::numbers::Interval;
use crate::policy::words_of;

/// The most alternatives in a description for people.
const ALTERNATIVES_MAX: usize = 16;
/// The most masked values by which a word may lead to the same function.
const CUBES_MAX: usize = 256;

/// A test of one data word.
#[derive(Clone, Copy, Debug)]
struct WordTest {
    word: DataWord,
    set: WordSet,
    /// Whether the word must be outside of the set.
    negated: bool,
}

#[derive(Clone, Copy, Debug)]
enum WordSet {
    In(Interval),
    Masked(Cube),
}

/// The words that have these values in the bits of the mask.
#[derive(Clone, Copy, Debug)]
struct Cube {
    mask: u32,
    value: u32,
}

impl Cube {
    const fn with(self, Pattern { mask, value }: Pattern) -> Self {
        Self { mask: self.mask | mask, value: self.value | value }
    }

    /// Where a pattern holds above a bit and does not at it.
    const fn broken(self, Pattern { mask, value }: Pattern, bit: u32) -> Self {
        let above = !(bit | (bit - 1));
        self.with(Pattern { mask: mask & above | bit, value: value & above | !value & bit })
    }
}

/// Where both functions give these actions, as a condition, or as what it leaves out where that is shorter; `None`
/// where either takes too many words.
pub(crate) fn condition(
    d: &mut Diagrams,
    functions: [(NodeId, Action); 2],
    endian: Endian,
) -> Result<Option<Condition>, Halt> {
    let mut holds = TRUE;
    for (function, action) in functions {
        let here = d.where_action(function, action)?;
        holds = d.and(here, holds)?;
    }
    let fails = d.not(holds)?;
    let both =
        [alternatives(d, holds, endian), alternatives(d, fails, endian).map(Condition::negated)];
    Ok(both.into_iter().flatten().min_by_key(Condition::comparisons))
}

fn alternatives(d: &Diagrams, holds: NodeId, endian: Endian) -> Option<Condition> {
    let mut clauses = Vec::new();
    let mut cases = Cases {
        limit: ALTERNATIVES_MAX,
        visit: &mut |tests, node| {
            if node == TRUE {
                clauses.push(clause(tests, endian)?);
            }
            Some(clauses.len())
        },
    };
    cases.positive(d, holds, &mut Vec::new())?;
    match clauses.len() {
        1 => clauses.pop(),
        _ => Condition::any(clauses).ok(),
    }
}

/// A function as rules of which the first that holds decides; `None` where that takes more than `limit` rules.
pub(crate) fn rules(
    d: &Diagrams,
    function: NodeId,
    endian: Endian,
    limit: usize,
) -> Option<Vec<(Condition, Action)>> {
    let mut rules = Vec::new();
    let mut cases = Cases {
        limit,
        visit: &mut |tests, node| {
            let View::Action(action) = d.view(node) else { return None };
            rules.push((clause(tests, endian)?, action));
            Some(rules.len())
        },
    };
    cases.ordered(d, function, &mut Vec::new())?;
    Some(rules)
}

/// Visits the leaves of a diagram with the tests that lead there; `visit` says how many cases it has kept.
struct Cases<'v> {
    limit: usize,
    visit: &'v mut dyn FnMut(&[WordTest], NodeId) -> Option<usize>,
}

impl Cases<'_> {
    /// The tests exclude each other, and ways to [`FALSE`] are left out. Recurses once a word.
    fn positive(&mut self, d: &Diagrams, node: NodeId, tests: &mut Vec<WordTest>) -> Option<()> {
        let Some((word, children)) = children(d, node)? else { return self.leaf(tests, node) };
        for (index, (child, cubes)) in children.iter().enumerate() {
            if *child == FALSE {
                continue;
            }
            let other = children.get(1 - index.min(1)).filter(|_| children.len() == 2);
            let mut own = sets(cubes);
            let opposite = other.map(|(_, cubes)| sets(cubes)).filter(|sets| sets.len() == 1);
            let negated = own.len() > 1 && opposite.is_some();
            if let Some(opposite) = opposite.filter(|_| negated) {
                own = opposite;
            }
            for set in own {
                tests.push(WordTest { word, set, negated });
                self.positive(d, *child, tests)?;
                tests.pop();
            }
        }
        Some(())
    }

    /// A case counts only where none before it does; the last of a word needs no test. Recurses once a word.
    fn ordered(&mut self, d: &Diagrams, node: NodeId, tests: &mut Vec<WordTest>) -> Option<()> {
        let Some((word, children)) = children(d, node)? else { return self.leaf(tests, node) };
        let mut children: Vec<_> = children.iter().map(|(child, c)| (*child, sets(c))).collect();
        children.sort_by_key(|(_, sets)| sets.len());
        let (otherwise, _) = children.pop()?;
        for (child, sets) in children {
            for set in sets {
                tests.push(WordTest { word, set, negated: false });
                self.ordered(d, child, tests)?;
                tests.pop();
            }
        }
        self.ordered(d, otherwise, tests)
    }

    fn leaf(&mut self, tests: &[WordTest], node: NodeId) -> Option<()> {
        ((self.visit)(tests, node)? <= self.limit).then_some(())
    }
}

type Children = Vec<(NodeId, Vec<Cube>)>;

/// The functions that remain after the first word that a diagram tests, each with the values that lead there, ascending.
/// `Some(None)` for leaves, `None` where there are too many values.
fn children(d: &Diagrams, node: NodeId) -> Option<Option<(DataWord, Children)>> {
    let View::Test { rank: first, .. } = d.view(node) else { return Some(None) };
    let mut children: Children = Vec::new();
    let mut open = vec![(node, Cube { mask: 0, value: 0 })];
    while let Some((node, cube)) = open.pop() {
        match d.view(node) {
            View::Test { rank, pattern, yes, no } if rank == first => {
                // What breaks at a bit that should be set is smaller than all that follows, and comes last here.
                let broken = |bit| (no, cube.broken(pattern, bit));
                let bits = || (0..u32::BITS).map(|bit| 1 << bit);
                open.extend(
                    bits().rev().filter(|bit| pattern.mask & !pattern.value & bit != 0).map(broken),
                );
                open.push((yes, cube.with(pattern)));
                open.extend(bits().filter(|bit| pattern.value & bit != 0).map(broken));
            }
            _ => match children.iter_mut().find(|(child, _)| *child == node) {
                Some((_, cubes)) if cubes.len() == CUBES_MAX => return None,
                Some((_, cubes)) => cubes.push(cube),
                None => children.push((node, vec![cube])),
            },
        }
    }
    Some(Some((d.order.word(first), children)))
}

/// The shorter of both ways to say which values are meant. The cubes are ascending.
fn sets(cubes: &[Cube]) -> Vec<WordSet> {
    let mut intervals: Vec<Interval> = Vec::new();
    for Cube { mask, value } in cubes {
        // Only where the mask has no hole is a cube an interval.
        if mask.leading_ones() != mask.count_ones() {
            return cubes.iter().copied().map(WordSet::Masked).collect();
        }
        let next = Interval { first: *value, last: value | !mask };
        match intervals.last_mut() {
            Some(last) if last.last.checked_add(1) == Some(next.first) => last.last = next.last,
            _ => intervals.push(next),
        }
    }
    if intervals.len() <= cubes.len() {
        intervals.into_iter().map(WordSet::In).collect()
    } else {
        cubes.iter().copied().map(WordSet::Masked).collect()
    }
}

/// All of some tests as a condition. `None` if one is about number or arch token, or the condition nests too deep.
fn clause(tests: &[WordTest], endian: Endian) -> Option<Condition> {
    let fields = std::iter::once(Field::InstructionPointer).chain(Field::ARGS);
    let mut parts: Vec<Condition> = Vec::new();
    let mut used = 0;
    for field in fields {
        let [high, low] =
            words_of(field, endian).map(|word| tests.iter().find(|test| test.word == word));
        used += usize::from(high.is_some()) + usize::from(low.is_some());
        if let Some(both) = high.zip(low).and_then(|(high, low)| both_halves(field, high, low)) {
            parts.push(both.into());
            continue;
        }
        for (test, is_high) in [(high, true), (low, false)] {
            if let Some(test) = test {
                parts.push(half(field, is_high, test)?);
            }
        }
    }
    match parts.len() {
        _ if used != tests.len() => None,
        1 => parts.pop(),
        _ => Condition::all(parts).ok(),
    }
}

/// Two tests of halves as one of 64 bits, for the common shapes.
fn both_halves(field: Field, high: &WordTest, low: &WordTest) -> Option<Comparison> {
    let (WordSet::In(h), WordSet::In(l)) = (high.set, low.set) else { return None };
    if high.negated || low.negated {
        return None;
    }
    let joined = |low: u32| u64::from(h.first) << 32 | u64::from(low);
    match (h.single()?, l.first, l.single()) {
        (_, _, Some(low)) => Some(Comparison::new(field, Operator::Eq, joined(low))),
        (0, 0, None) => Some(Comparison::new(field, Operator::Le, joined(l.last))),
        _ => None,
    }
}

fn half(field: Field, high: bool, test: &WordTest) -> Option<Condition> {
    let compare = |mask: u32, operator, value: u32| -> Condition {
        let [wide_mask, wide_value] = [mask, value].map(|half| u64::from(half) << 32);
        match (high, operator) {
            (false, _) => Comparison::low32(field, mask, operator, value),
            // An order of high halves is an order of the fields.
            (true, Operator::Ge) => Comparison::new(field, operator, wide_value),
            (true, Operator::Le) => {
                Comparison::new(field, operator, wide_value | u64::from(u32::MAX))
            }
            (true, _) => Comparison::masked(field, wide_mask, operator, wide_value),
        }
        .into()
    };
    let whole = |operator, value| compare(u32::MAX, operator, value);
    let condition = match test.set {
        WordSet::Masked(Cube { mask, value }) => compare(mask, Operator::Eq, value),
        WordSet::In(Interval { first, last }) => match (first, last) {
            _ if first == last => whole(Operator::Eq, first),
            (1, u32::MAX) => whole(Operator::Ne, 0),
            (0, _) => whole(Operator::Le, last),
            (_, u32::MAX) => whole(Operator::Ge, first),
            _ => Condition::all([whole(Operator::Ge, first), whole(Operator::Le, last)]).ok()?,
        },
    };
    Some(if test.negated { condition.negated() } else { condition })
}
