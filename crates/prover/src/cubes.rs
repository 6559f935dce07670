//! Lists of rules whose conditions are equalities only, or alternatives of such, as diagrams made from the top.
//!
//! Each alternative holds where some bits of a call have given values: a cube. What a list of cubes decides is found word by
//! word: cubes that want the same value of a word go together, in their order; those that leave the word open go with each
//! of the others. So only nodes of the result are made, where joining rules makes many more on the way; for a thousand
//! rules that is most of a proof's time. Lists whose cubes leave so much open that they would be copied over and over, or
//! ask the same word under different masks, are left to joining.

use callgate_memory::{Grow, OutOfMemory, Sort};
use callgate_policy::{Condition, Operator, Rule, View};
use callgate_syscalls::Endian;

use crate::budget::Halt;
use crate::diagram::{Diagrams, FALSE, NodeId, Pattern, Rank, Segment, TRUE};
use crate::policy::{Half, alternatives, halves};

/// How often a cube may be looked at on average. Each of twelve words takes one look at least.
const LOOKS_PER_CUBE: usize = 32;

/// The function of a rule list: the first rule that holds decides. `None` where the rules are not of a kind that this can
/// do well.
pub(crate) fn function(
    d: &mut Diagrams,
    rules: &[Rule],
    endian: Endian,
    otherwise: NodeId,
) -> Result<Option<NodeId>, Halt> {
    let Some(mut cubes) = Cubes::of(d, rules, endian)? else { return Ok(None) };
    cubes.looks_left = LOOKS_PER_CUBE * cubes.cubes.len();
    cubes.run(d, otherwise)
}

/// What a call has to be for a rule to hold: some of [`Cubes::tests`], ascending by word.
#[derive(Clone, Copy)]
struct Cube {
    action: NodeId,
    first: usize,
    end: usize,
}

/// The bits of a word that have to have a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct WordValue {
    rank: Rank,
    pattern: Pattern,
}

/// A list of cubes that decides, and what it decides where none holds.
#[derive(Clone, Copy)]
struct Open {
    /// Where it stands in [`Cubes::lists`].
    first: usize,
    end: usize,
    otherwise: NodeId,
    /// The first word that is not decided yet, by its place.
    from: usize,
}

/// What is left to do. Each leaves one function in [`Cubes::made`].
#[derive(Clone, Copy)]
enum Task {
    /// Finds what a list decides.
    Decide(Open),
    /// Takes the functions for each of some values, and before them that for all others, and joins them by the word.
    Join { word: WordValue, values: usize, lists: usize },
}

#[derive(Default)]
struct Cubes {
    cubes: Vec<Cube>,
    tests: Vec<WordValue>,
    /// The lists of the open tasks, as indices, those of later tasks last.
    lists: Vec<u32>,
    tasks: Vec<Task>,
    /// The values that open joins are about.
    values: Vec<u32>,
    made: Vec<NodeId>,
    /// What a list is sorted in.
    sorted: Vec<(u32, u32)>,
    segments: Vec<Segment>,
    looks_left: usize,
}

impl Cubes {
    /// The cubes of rules; `None` where not all of them are some.
    fn of(d: &mut Diagrams, rules: &[Rule], endian: Endian) -> Result<Option<Self>, Halt> {
        let mut cubes = Self::default();
        let mut open: Vec<&Condition> = Vec::new();
        let each = rules.iter().flat_map(|rule| {
            alternatives(rule).iter().map(move |condition| (condition, rule.action()))
        });
        for (condition, action) in each {
            let first = cubes.tests.len();
            open.try_push(condition)?;
            while let Some(condition) = open.pop() {
                match condition.view() {
                    View::Compare(comparison) if comparison.operator() == Operator::Eq => {
                        for Half { word, mask, value } in halves(comparison, endian) {
                            let pattern = Pattern { mask, value };
                            cubes
                                .tests
                                .try_push(WordValue { rank: d.order.rank(word), pattern })?;
                        }
                    }
                    View::All(list) => open.try_extend(list)?,
                    _ => return Ok(None),
                }
            }
            if cubes.normalise(first) {
                let action = d.action(action)?;
                cubes.cubes.try_push(Cube { action, first, end: cubes.tests.len() })?;
            } else {
                cubes.tests.truncate(first);
            }
        }
        Ok(Some(cubes))
    }

    /// Joins the tests of each word from a place on; says whether they can hold together.
    fn normalise(&mut self, first: usize) -> bool {
        let tests = &mut self.tests[first..];
        if tests.iter().any(|test| test.pattern.value & !test.pattern.mask != 0) {
            return false;
        }
        tests.sort_in_place();
        let mut kept = 0_usize;
        for index in 0..tests.len() {
            let WordValue { rank, pattern } = tests[index];
            let before = kept.checked_sub(1).map(|place| tests[place]);
            match before.filter(|before| before.rank == rank) {
                _ if pattern.mask == 0 => {}
                Some(before) => {
                    let both = before.pattern.mask & pattern.mask;
                    if (before.pattern.value ^ pattern.value) & both != 0 {
                        return false;
                    }
                    tests[kept - 1].pattern = before.pattern.with(pattern);
                }
                None => {
                    tests[kept] = tests[index];
                    kept += 1;
                }
            }
        }
        self.tests.truncate(first + kept);
        true
    }

    fn run(&mut self, d: &mut Diagrams, otherwise: NodeId) -> Result<Option<NodeId>, Halt> {
        let count = u32::try_from(self.cubes.len()).map_err(|_| OutOfMemory)?;
        self.lists.try_extend(0..count)?;
        let all = Open { first: 0, end: self.lists.len(), otherwise, from: 0 };
        self.tasks.try_push(Task::Decide(all))?;
        while let Some(task) = self.tasks.pop() {
            d.budget.test()?;
            match task {
                Task::Decide(open) => {
                    let Some(looks) = self.looks_left.checked_sub(open.end - open.first) else {
                        return Ok(None);
                    };
                    self.looks_left = looks;
                    if !self.decide(d, open)? {
                        return Ok(None);
                    }
                }
                Task::Join { word, values, lists } => {
                    self.join(d, word, values)?;
                    self.lists.truncate(lists);
                }
            }
        }
        Ok(self.made.pop())
    }

    /// The first of what a cube wants of the words from a place in their order on.
    fn next(&self, cube: u32, from: usize) -> Option<WordValue> {
        let Cube { first, end, .. } = self.cubes[cube as usize];
        self.tests[first..end].iter().copied().find(|test| test.rank.index() >= from)
    }

    /// Plans what a list decides, or decides it; says whether its cubes ask the word alike.
    fn decide(&mut self, d: &mut Diagrams, mut open: Open) -> Result<bool, Halt> {
        let mut word: Option<WordValue> = None;
        for place in open.first..open.end {
            let cube = self.lists[place];
            let Some(next) = self.next(cube, open.from) else {
                // It holds whatever comes, so that those after it never decide.
                (open.end, open.otherwise) = (place, self.cubes[cube as usize].action);
                break;
            };
            word = Some(match word {
                Some(word) if word.rank < next.rank => word,
                Some(word) if word.rank == next.rank => {
                    if word.pattern.mask != next.pattern.mask {
                        return Ok(false);
                    }
                    word
                }
                _ => next,
            });
        }
        let Some(word) = word.filter(|_| open.first < open.end) else {
            self.made.try_push(open.otherwise)?;
            return Ok(true);
        };
        if open.end - open.first == 1 {
            let alone = self.alone(d, open)?;
            self.made.try_push(alone)?;
            return Ok(true);
        }
        self.plan(open, word).map(|()| true)
    }

    /// What a list of one cube decides.
    fn alone(&self, d: &mut Diagrams, open: Open) -> Result<NodeId, Halt> {
        let Cube { action, first, end } = self.cubes[self.lists[open.first] as usize];
        let tests = self.tests[first..end].iter().rev();
        tests
            .take_while(|test| test.rank.index() >= open.from)
            .try_fold(action, |node, test| d.choice(test.rank, test.pattern, node, open.otherwise))
    }

    /// Plans a list by the values that its cubes want of a word.
    fn plan(&mut self, open: Open, word: WordValue) -> Result<(), Halt> {
        let Open { first, end, otherwise, .. } = open;
        let from = word.rank.index() + 1;
        let (lists, values) = (self.lists.len(), self.values.len());
        self.tasks.try_push(Task::Join { word, values, lists })?;
        let tasks = self.tasks.len();
        // The cubes that leave the word open come first in the new lists; `sorted` holds the others by value.
        self.sorted.clear();
        for place in first..end {
            let cube = self.lists[place];
            match self.next(cube, open.from).filter(|next| next.rank == word.rank) {
                Some(next) => self.sorted.try_push((next.pattern.value, cube))?,
                None => self.lists.try_push(cube)?,
            }
        }
        self.sorted.sort_in_place();
        let free = (lists, self.lists.len());
        let rest = Open { first: free.0, end: free.1, otherwise, from };
        self.tasks.try_push(Task::Decide(rest))?;
        let mut at = 0;
        while let Some(&(value, _)) = self.sorted.get(at) {
            let group = self.sorted[at..].partition_point(|(other, _)| *other == value);
            let first = self.lists.len();
            self.merge(at, at + group, free)?;
            let end = self.lists.len();
            self.values.try_push(value)?;
            self.tasks.try_push(Task::Decide(Open { first, end, otherwise, from }))?;
            at += group;
        }
        // The last task is done first, and the functions have to come in the order of the values.
        self.tasks[tasks..].reverse();
        Ok(())
    }

    /// Appends a list of the cubes of one value and of those that leave the word open, in their order.
    fn merge(&mut self, from: usize, to: usize, free: (usize, usize)) -> Result<(), Halt> {
        let (mut next_free, end_free) = free;
        for place in from..to {
            let (_, cube) = self.sorted[place];
            while next_free < end_free && self.lists[next_free] < cube {
                self.lists.try_push(self.lists[next_free])?;
                next_free += 1;
            }
            self.lists.try_push(cube)?;
        }
        for place in next_free..end_free {
            self.lists.try_push(self.lists[place])?;
        }
        Ok(())
    }

    /// Joins the functions for some values of a word and for all others.
    fn join(&mut self, d: &mut Diagrams, word: WordValue, values: usize) -> Result<(), Halt> {
        let WordValue { rank, pattern: Pattern { mask, .. } } = word;
        let wanted = &self.values[values..];
        let made = self.made.len() - wanted.len() - 1;
        let (otherwise, functions) = (self.made[made], &self.made[made + 1..]);
        let result = match (wanted, functions) {
            (&[value], &[function]) => {
                d.choice(rank, Pattern { mask, value }, function, otherwise)?
            }
            _ if mask == u32::MAX => {
                self.segments.clear();
                let mut next = Some(0);
                for (&value, &node) in wanted.iter().zip(functions) {
                    if let Some(last) = value.checked_sub(1).filter(|_| next != Some(value)) {
                        self.segments.try_push(Segment { last, node: otherwise })?;
                    }
                    self.segments.try_push(Segment { last: value, node })?;
                    next = value.checked_add(1);
                }
                if next.is_some() {
                    self.segments.try_push(Segment { last: u32::MAX, node: otherwise })?;
                }
                d.of_segments(rank, &self.segments)?
            }
            _ => {
                let mut result = otherwise;
                for (&value, &function) in wanted.iter().zip(functions) {
                    let here = d.choice(rank, Pattern { mask, value }, TRUE, FALSE)?;
                    result = d.ite(here, function, result)?;
                }
                result
            }
        };
        self.made.truncate(made);
        self.made.try_push(result)?;
        self.values.truncate(values);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
