//! The meaning of a program.
//!
//! A program first finds out which call it deals with, then looks at arguments. The first part is followed with sets of
//! numbers, for one interval of arch tokens after the other; the intervals are cut at the constants that tokens are
//! compared with. What looks at arguments is handed to the [`Graph`], which is common to all numbers and tokens. There,
//! number and token are bits like any other: so what a program does with them need not be a comparison.

use std::collections::BTreeMap;

use callgate_bpf::{DataWord, Program};

use crate::budget::{Undecided, WideShift};
use crate::diagram::Diagrams;
use crate::graph::{Graph, Target};
use crate::machine::{Branch, Machine, Stop, Way};
use crate::meaning::{ArchClass, NumberClass, flatten};
use crate::numbers::{Interval, Intervals, holding};
use crate::state::{Known, Place};
use crate::word::Value;

/// What a program does for each token, number and the rest of a call.
pub(crate) fn classes(
    d: &mut Diagrams,
    program: &Program,
    wide_shift: WideShift,
) -> Result<Vec<ArchClass>, Undecided> {
    let mut machine = Machine::new(d, program, wide_shift);
    let mut graph = Graph::default();
    let mut found = Vec::new();
    // The last is the lowest, so that what is found is in order.
    let mut todo = vec![Interval::ALL];
    while let Some(tokens) = todo.pop() {
        match Dispatch::new(tokens).run(&mut machine, &mut graph)? {
            Outcome::Targets(targets) => found.push((tokens, targets)),
            Outcome::CutAt(list) => {
                let (inside, outside) = tokens.cut(&list);
                todo.extend(inside.as_slice().iter().chain(outside.as_slice()));
                todo.sort_unstable_by_key(|interval| std::cmp::Reverse(interval.first));
            }
        }
    }
    let functions = graph.evaluate(d)?;
    let mut classes = Vec::with_capacity(found.len());
    for (tokens, targets) in found {
        let mut numbers = Vec::with_capacity(targets.len());
        for (interval, target) in targets {
            let node = functions.of(d, target)?;
            flatten(d, tokens, NumberClass { numbers: interval, node }, &mut numbers);
        }
        classes.push(ArchClass { tokens, numbers });
    }
    Ok(classes)
}

/// The numbers that reach each fork, for one interval of tokens.
struct Dispatch {
    tokens: Interval,
    /// By instruction, so that all that leads to a fork has been seen when it is dealt with.
    pending: BTreeMap<usize, Vec<(Place, Vec<Intervals>)>>,
    targets: Vec<(Interval, Target)>,
}

/// The most numbers that [`Dispatch::hand_over`] follows one by one.
const NUMBERS_APART_MAX: u64 = 256;

enum Outcome {
    /// What each number leads to, ascending.
    Targets(Vec<(Interval, Target)>),
    /// The tokens take different ways inside and outside of this list.
    CutAt(Vec<Interval>),
}

impl Dispatch {
    const fn new(tokens: Interval) -> Self {
        Self { tokens, pending: BTreeMap::new(), targets: Vec::new() }
    }

    fn run(mut self, m: &mut Machine<'_>, graph: &mut Graph) -> Result<Outcome, Undecided> {
        let known = Known { nr: None, token: self.tokens.single() };
        self.go_on(m, Place::start(known), Intervals::all())?;
        while let Some((_, places)) = self.pending.pop_first() {
            for (place, sets) in places {
                let numbers = Intervals::union(sets);
                if let Some(cut) = self.step(m, graph, place, numbers)? {
                    return Ok(Outcome::CutAt(cut));
                }
            }
        }
        self.targets.sort_unstable_by_key(|(interval, _)| *interval);
        Ok(Outcome::Targets(self.targets))
    }

    /// Deals with one fork; gives the list to cut the tokens at where that must come first.
    fn step(
        &mut self,
        m: &mut Machine<'_>,
        graph: &mut Graph,
        place: Place,
        numbers: Intervals,
    ) -> Result<Option<Vec<Interval>>, Undecided> {
        let Some((word, list, branch)) = m.branch(&place).and_then(class_test) else {
            self.hand_over(m, graph, place, numbers)?;
            return Ok(None);
        };
        let (then, other) = match word {
            DataWord::NR => numbers.split(&list),
            _ => {
                let (inside, outside) = self.tokens.cut(&list);
                match (inside.is_empty(), outside.is_empty()) {
                    (false, true) => (numbers, Intervals::none()),
                    (true, _) => (Intervals::none(), numbers),
                    (false, false) => return Ok(Some(list)),
                }
            }
        };
        self.go_on(m, branch.then, then)?;
        self.go_on(m, branch.other, other)?;
        Ok(None)
    }

    fn go_on(
        &mut self,
        m: &mut Machine<'_>,
        place: Place,
        numbers: Intervals,
    ) -> Result<(), Undecided> {
        if numbers.is_empty() {
            return Ok(());
        }
        match m.advance(Way::On(place))? {
            Stop::Result(result) => self.end(&numbers, Target::Result(result)),
            Stop::Fork(fork) => {
                let places = self.pending.entry(fork.index).or_default();
                match places.iter_mut().find(|(place, _)| *place == fork) {
                    Some((_, sets)) => sets.push(numbers),
                    None => places.push((fork, vec![numbers])),
                }
            }
        }
        Ok(())
    }

    /// Hands the rest to the graph. Few numbers are followed one by one if the rest may load them again: a filter that
    /// goes on to the next rule where arguments don't match would otherwise have that rest for all numbers in each.
    fn hand_over(
        &mut self,
        m: &mut Machine<'_>,
        graph: &mut Graph,
        place: Place,
        numbers: Intervals,
    ) -> Result<(), Undecided> {
        if !m.loads_nr(&place) || !numbers.within(NUMBERS_APART_MAX) {
            let target = graph.root(m, Stop::Fork(place))?;
            self.end(&numbers, target);
            return Ok(());
        }
        for nr in numbers.as_slice().iter().flat_map(|interval| interval.first..=interval.last) {
            let known = Known { nr: Some(nr), ..place.known };
            let target = graph.root(m, Stop::Fork(Place { known, ..place }))?;
            self.targets.push((Interval::point(nr), target));
        }
        Ok(())
    }

    fn end(&mut self, numbers: &Intervals, target: Target) {
        self.targets.extend(numbers.as_slice().iter().map(|&interval| (interval, target)));
    }
}

/// The word and the intervals of a test of number or token that holds on few intervals.
fn class_test(branch: Branch) -> Option<(DataWord, Vec<Interval>, Branch)> {
    match (branch.left, branch.right) {
        (
            Value::Word { word: word @ (DataWord::NR | DataWord::ARCH), mask },
            Value::Constant(k),
        ) => holding(branch.test, mask, k).map(|list| (word, list, branch)),
        _ => None,
    }
}
