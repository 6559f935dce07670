//! The meaning of a program.
//!
//! A program first finds out which call it deals with, then looks at arguments. The first part is followed with sets of
//! numbers, for one interval of arch tokens after the other; the intervals are cut at the constants that tokens are
//! compared with. What looks at arguments is handed to the [`Graph`], which is common to all numbers and tokens. There,
//! number and token are words like any other: so what a program does with them need not be a comparison.

use callgate_bpf::{DataWord, Program};
use callgate_memory::{Grow, Sort};

use crate::budget::{Halt, WideShift};
use crate::diagram::{Diagrams, Loads};
use crate::graph::{Graph, Target};
use crate::machine::{Machine, Stop, Way};
use crate::meaning::{ArchClass, NumberClass, flatten};
use crate::numbers::{Interval, Intervals, holding};
use crate::state::{Known, Pending};
use crate::word::Value;

/// How often each word is loaded in the text of programs.
pub(crate) fn loads(programs: &[Program]) -> Loads {
    let mut loads = [0; DataWord::COUNT as usize];
    for instruction in programs.iter().flat_map(Program::instructions) {
        // BPF_LD | BPF_W | BPF_ABS: to know what all the others are takes longer than all else here.
        if let (0x20, Some(word)) = (instruction.code, DataWord::at_offset(instruction.k)) {
            loads[usize::from(word.index())] += 1;
        }
    }
    loads
}

/// What a program does for each token, number and the rest of a call.
pub(crate) fn classes(
    d: &mut Diagrams,
    program: &Program,
    wide_shift: WideShift,
) -> Result<Vec<ArchClass>, Halt> {
    let mut machine = Machine::new(d, program, wide_shift)?;
    let mut graph = Graph::new(program.len())?;
    let mut dispatch = Dispatch::new(program.len())?;
    // Each with the end of its targets.
    let mut found: Vec<(Interval, usize)> = Vec::new();
    // The last is the lowest, so that what is found is in order.
    let mut todo = Intervals::new();
    todo.push(Interval::ALL)?;
    while let Some(tokens) = todo.pop() {
        let start = dispatch.targets.len();
        if dispatch.run(tokens, &mut machine, &mut graph)? {
            dispatch.targets[start..].sort_in_place_by_key(|(interval, _)| *interval);
            found.try_push((tokens, dispatch.targets.len()))?;
        } else {
            dispatch.targets.truncate(start);
            dispatch.cut(tokens, &mut todo)?;
        }
    }
    graph.evaluate(d)?;
    let mut classes = Vec::with_room(found.len())?;
    let mut start = 0;
    for (tokens, end) in found {
        let mut numbers = Vec::with_room(end - start)?;
        for &(interval, target) in &dispatch.targets[start..end] {
            let node = graph.of(d, target)?;
            flatten(d, tokens, NumberClass { numbers: interval, node }, &mut numbers)?;
        }
        start = end;
        classes.try_push(ArchClass { tokens, numbers })?;
    }
    Ok(classes)
}

/// The numbers that reach each fork, for one interval of tokens after the other.
#[derive(Default)]
struct Dispatch {
    /// For each instruction, the last of its arrivals.
    heads: Vec<Option<usize>>,
    arrivals: Vec<Arrival>,
    /// Sets without members, kept for their memory.
    empty: Vec<Intervals>,
    /// The values for which the test at hand holds.
    list: Intervals,
    /// What numbers lead to, for all intervals of tokens so far; ascending for each.
    targets: Vec<(Interval, Target)>,
}

/// A fork that is reached in a state by some numbers.
struct Arrival {
    place: Pending,
    numbers: Intervals,
    /// Whether the numbers came by several ways, so that they are not in order.
    mixed: bool,
    /// The arrival before it at the same instruction.
    before: Option<usize>,
}

/// The most numbers that [`Dispatch::hand_over`] follows one by one.
const NUMBERS_APART_MAX: u64 = 256;

impl Dispatch {
    fn new(len: usize) -> Result<Self, Halt> {
        let mut heads = Vec::with_room(len)?;
        heads.try_resize(len, None)?;
        Ok(Self { heads, ..Self::default() })
    }

    /// Finds out what each number leads to; `false` where the tokens take different ways inside and outside of
    /// [`Dispatch::list`], so that they must be cut first.
    fn run(
        &mut self,
        tokens: Interval,
        m: &mut Machine<'_>,
        graph: &mut Graph,
    ) -> Result<bool, Halt> {
        self.heads.fill(None);
        self.arrivals.clear();
        let known = Known { nr: None, token: tokens.single() };
        let mut all = self.empty.pop().unwrap_or_default();
        all.push(Interval::ALL)?;
        self.go_on(m, Pending::start(known), all)?;
        // Jumps lead forward only: all that leads to a fork has been seen when it is dealt with.
        for index in 0..self.heads.len() {
            let mut next = self.heads[index];
            while let Some(arrival) = next.and_then(|place| self.arrivals.get_mut(place)) {
                let (place, mixed) = (arrival.place, arrival.mixed);
                let mut numbers = std::mem::take(&mut arrival.numbers);
                next = arrival.before;
                if mixed {
                    numbers.tidy();
                }
                if self.step(tokens, m, graph, place, numbers)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Puts the parts of the tokens inside and outside of the list on another one.
    fn cut(&mut self, tokens: Interval, todo: &mut Intervals) -> Result<(), Halt> {
        let mut outside = self.empty.pop().unwrap_or_default();
        outside.push(tokens)?;
        outside.take_out(self.list.as_slice(), todo)?;
        todo.append(&outside)?;
        todo.descend();
        self.recycle(outside)
    }

    /// Deals with one fork; says whether the tokens must be cut first.
    fn step(
        &mut self,
        tokens: Interval,
        m: &mut Machine<'_>,
        graph: &mut Graph,
        place: Pending,
        mut numbers: Intervals,
    ) -> Result<bool, Halt> {
        let Some(branch) = m.branch(&place) else {
            return self.hand_over(m, graph, place, numbers).map(|()| false);
        };
        self.list.clear();
        let word = match (branch.left, branch.right) {
            (
                Value::Word { word: word @ (DataWord::NR | DataWord::ARCH), mask },
                Value::Constant(k),
            ) if holding(branch.test, mask, k, &mut self.list)? => word,
            _ => return self.hand_over(m, graph, place, numbers).map(|()| false),
        };
        let mut inside = self.empty.pop().unwrap_or_default();
        if word == DataWord::NR {
            m.diagrams.budget.tests(numbers.as_slice().len() as u64)?;
            numbers.take_out(self.list.as_slice(), &mut inside)?;
        } else {
            let held = self.list.as_slice().iter().find_map(|own| own.intersection(tokens));
            match held {
                None => {}
                Some(held) if held == tokens => std::mem::swap(&mut inside, &mut numbers),
                Some(_) => {
                    self.recycle(numbers)?;
                    return self.recycle(inside).map(|()| true);
                }
            }
        }
        self.go_on(m, branch.then, inside)?;
        self.go_on(m, branch.other, numbers)?;
        Ok(false)
    }

    fn go_on(
        &mut self,
        m: &mut Machine<'_>,
        place: Pending,
        numbers: Intervals,
    ) -> Result<(), Halt> {
        if numbers.is_empty() {
            return self.recycle(numbers);
        }
        let fork = match m.advance(Way::On(place))? {
            Stop::Result(result) => return self.end(numbers, Target::Result(result)),
            Stop::Fork(fork) => fork,
        };
        let before = self.heads[fork.index];
        let mut next = before;
        while let Some(arrival) = next.and_then(|place| self.arrivals.get_mut(place)) {
            if arrival.place == fork {
                arrival.mixed = true;
                arrival.numbers.append(&numbers)?;
                return self.recycle(numbers);
            }
            m.diagrams.budget.test()?;
            next = arrival.before;
        }
        m.diagrams.budget.take(size_of::<Arrival>())?;
        self.heads[fork.index] = Some(self.arrivals.len());
        Ok(self.arrivals.try_push(Arrival { place: fork, numbers, mixed: false, before })?)
    }

    /// Hands the rest to the graph. Few numbers are followed one by one if the rest may load them again: a filter that
    /// goes on to the next rule where arguments don't match would otherwise have that rest for all numbers in each.
    fn hand_over(
        &mut self,
        m: &mut Machine<'_>,
        graph: &mut Graph,
        place: Pending,
        numbers: Intervals,
    ) -> Result<(), Halt> {
        if !m.loads_nr(&place) || !numbers.within(NUMBERS_APART_MAX) {
            let target = graph.root(m, Stop::Fork(place))?;
            return self.end(numbers, target);
        }
        for nr in numbers.as_slice().iter().flat_map(|interval| interval.first..=interval.last) {
            let known = Known { nr: Some(nr), ..place.known };
            let target = graph.root(m, Stop::Fork(Pending { known, ..place }))?;
            self.targets.try_push((Interval::point(nr), target))?;
        }
        self.recycle(numbers)
    }

    fn end(&mut self, numbers: Intervals, target: Target) -> Result<(), Halt> {
        let ends = numbers.as_slice().iter().map(|&interval| (interval, target));
        self.targets.try_extend(ends)?;
        self.recycle(numbers)
    }

    fn recycle(&mut self, mut numbers: Intervals) -> Result<(), Halt> {
        numbers.clear();
        if numbers.has_room() {
            self.empty.try_push(numbers)?;
        }
        Ok(())
    }
}
