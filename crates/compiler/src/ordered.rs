//! Rule lists as ordered diagrams: each path asks each variable at most once, all in one order.
//!
//! A node tells runs of values of one variable apart, however many rules its constants come from,
//! so that many comparisons of one word become one search, and tests that rules have in common are
//! made once. Equal functions are the same node. What is not known of variables on one word under
//! several masks is how they depend on each other; [`implied`](crate::implied) finds that out.
//!
//! Diagrams in an unlucky order can be exponentially large, so making one has a budget, counted in
//! cases that are looked at.

use std::hash::Hasher;

use callgate_memory::{FixedHasher, Grow, Map, OutOfMemory, Sort};
use callgate_policy::{Action, Comparison, Condition, Operator, Rule, View};
use callgate_syscalls::Endian;

use crate::variable::{Halves, Regions, Variable};

/// The most variables of a diagram.
pub(crate) const VARIABLES_MAX: usize = 40;

/// The most cases of all nodes of a diagram together.
const CASES_MAX: usize = 1 << 16;

/// The identity of a node in its [`Diagrams`]. Nodes are made after those they lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u32);

/// Where the run of values from `start` to the next case leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Case {
    pub(crate) start: u32,
    pub(crate) next: Id,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Ordered {
    /// No rule holds.
    Open,
    /// A rule holds, with that action.
    Decided(Action),
    /// It depends on the variable of that index. The first case starts at 0, and neighbours differ.
    Switch { variable: usize, first: usize, end: usize },
}

/// Why there is no diagram.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    Memory(OutOfMemory),
    /// It outgrew its budget.
    Work,
}

impl From<OutOfMemory> for Stop {
    fn from(error: OutOfMemory) -> Self {
        Self::Memory(error)
    }
}

/// What a diagram may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many cases are looked at.
    pub(crate) steps: usize,
    /// How many switches it has: each takes an instruction or more.
    pub(crate) switches: usize,
}

/// How many times the switches of a diagram a part of its rules may have. What is longer hardly ever
/// becomes short again by more rules.
const PARTS_FACTOR: usize = 2;

/// How many switches a part may have for each of its comparisons, and how many more. Rules with
/// different masks of two words take four for each where four of them are joined and thirty where
/// eight are: that ends early, before it costs more than all else.
const GROWTH_MAX: usize = 4;
const GROWTH_FREE: usize = 48;

/// The node of [`Ordered::Open`], which is made first.
const OPEN: Id = Id(0);

/// How two diagrams make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Join {
    /// What the first decides, else what the second does.
    First,
    /// What the second decides, where the first decides anything.
    Both,
}

impl Join {
    /// The join of two nodes as one number: there are far fewer than 2^31 of them.
    const fn key(self, first: Id, second: Id) -> u64 {
        let how = if matches!(self, Self::First) { 0 } else { 1 << 63 };
        how | (first.0 as u64) << 32 | second.0 as u64
    }
}

/// The nodes of one diagram, and room to make another.
#[derive(Debug, Default)]
pub(crate) struct Diagrams {
    variables: Vec<Variable>,
    nodes: Vec<Ordered>,
    cases: Vec<Case>,
    decided: Vec<(Action, Id)>,
    /// Switches by variable and hash of their cases.
    switches: Map<(usize, u64), Id>,
    /// What [`Join::key`] gives for two nodes, and what they make.
    joined: Map<u64, Id>,
    /// The cases of switches that are being made.
    pending: Vec<Case>,
    joining: Vec<Joining>,
    ids: Vec<Id>,
    steps_left: usize,
    /// How many switches the diagram may have, and how many nodes there may be while a join makes a
    /// part of it: what that makes is all in the part.
    limit: usize,
    nodes_max: usize,
    /// How many switches a part may have for each of its rules.
    growth: usize,
}

/// A join that waits for that of its next cases.
#[derive(Clone, Copy, Debug)]
struct Joining {
    how: Join,
    first: Id,
    second: Id,
    variable: usize,
    left: usize,
    right: usize,
    /// Where its cases begin among those that are pending.
    pending: usize,
}

impl Diagrams {
    /// The root of the diagram of a rule list over variables in that order.
    pub(crate) fn build(
        &mut self,
        rules: &[Rule],
        endian: Endian,
        order: &[Variable],
        limits: Limits,
    ) -> Result<Id, Stop> {
        self.clear(limits.steps);
        self.variables.try_extend_copies(order)?;
        self.nodes.try_push(Ordered::Open)?;
        let mut comparisons = 0;
        for rule in rules {
            let id = self.condition(rule.condition(), rule.action(), endian)?;
            self.ids.try_push(id)?;
            comparisons += rule.condition().comparisons();
        }
        self.limit = limits.switches;
        self.growth = GROWTH_MAX * comparisons.div_ceil(rules.len().max(1));
        self.merged(Join::First, 0, OPEN)
    }

    pub(crate) fn variables(&self) -> &[Variable] {
        &self.variables
    }

    pub(crate) fn node(&self, id: Id) -> Ordered {
        self.nodes[id.index()]
    }

    pub(crate) fn cases(&self, first: usize, end: usize) -> &[Case] {
        &self.cases[first..end]
    }

    /// All nodes up to one, each after those it leads to.
    pub(crate) fn up_to(root: Id) -> impl DoubleEndedIterator<Item = Id> {
        (0..=root.0).map(Id)
    }

    fn clear(&mut self, steps: usize) {
        self.variables.clear();
        self.nodes.clear();
        self.cases.clear();
        self.decided.clear();
        self.switches.clear();
        self.joined.clear();
        self.pending.clear();
        self.joining.clear();
        self.ids.clear();
        self.steps_left = steps;
        (self.limit, self.nodes_max, self.growth) = (usize::MAX, usize::MAX, usize::MAX);
    }

    /// The node that decides an action.
    fn decide(&mut self, action: Action) -> Result<Id, Stop> {
        match self.decided.iter().find(|(known, _)| *known == action) {
            Some((_, id)) => Ok(*id),
            None => {
                let id = self.push(Ordered::Decided(action))?;
                self.decided.try_push((action, id))?;
                Ok(id)
            }
        }
    }

    fn push(&mut self, node: Ordered) -> Result<Id, Stop> {
        let id = Id(u32::try_from(self.nodes.len()).map_err(|_| Stop::Work)?);
        self.nodes.try_push(node)?;
        Ok(id)
    }

    fn add_case(&mut self, start: u32, next: Id) -> Result<(), Stop> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(Stop::Work)?;
        Ok(self.pending.try_push(Case { start, next })?)
    }

    /// A switch of the cases that are pending from `from` on, or where it leads in any case.
    fn switch(&mut self, variable: usize, from: usize) -> Result<Id, Stop> {
        let mut end = from + 1;
        for index in from + 1..self.pending.len() {
            if self.pending[index].next != self.pending[end - 1].next {
                self.pending[end] = self.pending[index];
                end += 1;
            }
        }
        self.pending.truncate(end);
        let cases = &self.pending[from..];
        if let [only] = cases {
            let next = only.next;
            self.pending.truncate(from);
            return Ok(next);
        }
        let mut hasher = FixedHasher::default();
        for case in cases {
            hasher.write_u64(u64::from(case.start) << 32 | u64::from(case.next.0));
        }
        let key = (variable, hasher.finish());
        let next = Id(u32::try_from(self.nodes.len()).map_err(|_| Stop::Work)?);
        let known = self.switches.or_insert_with(key, || next)?;
        // Of two with the same hash, the first stays two nodes where it is made again.
        let id = match self.nodes.get(known.index()) {
            Some(&Ordered::Switch { first, end, .. }) if self.cases[first..end] == *cases => *known,
            Some(_) | None => {
                *known = next;
                let first = self.cases.len();
                if first + cases.len() > CASES_MAX || self.nodes.len() >= self.nodes_max {
                    return Err(Stop::Work);
                }
                self.cases.try_extend_copies(cases)?;
                let end = self.cases.len();
                self.push(Ordered::Switch { variable, first, end })?
            }
        };
        self.pending.truncate(from);
        Ok(id)
    }

    /// The diagram that decides `action` where the condition holds.
    fn condition(
        &mut self,
        condition: &Condition,
        action: Action,
        endian: Endian,
    ) -> Result<Id, Stop> {
        let decided = self.decide(action)?;
        let mut open: Vec<Parts<'_>> = Vec::new();
        let mut next = Parts::of(std::slice::from_ref(condition), Join::Both, self.ids.len());
        loop {
            let Some((part, rest)) = next.parts.split_first() else {
                let empty = if next.join == Join::Both { decided } else { OPEN };
                let merged = self.merged(next.join, next.ids, empty)?;
                let Some(outer) = open.pop() else { return Ok(merged) };
                self.ids.try_push(merged)?;
                next = outer;
                continue;
            };
            next.parts = rest;
            let (list, join) = match part.view() {
                View::Compare(_) => (std::slice::from_ref(part), Join::Both),
                View::All(list) => (list, Join::Both),
                View::Any(list) => (list, Join::First),
            };
            let is_comparison = |part: &Condition| matches!(part.view(), View::Compare(_));
            if join == Join::Both && list.iter().all(is_comparison) {
                let id = self.conjunction(list, decided, endian)?;
                self.ids.try_push(id)?;
            } else {
                let inner = Parts::of(list, join, self.ids.len());
                open.try_push(std::mem::replace(&mut next, inner))?;
            }
        }
    }

    /// The diagram that leads to `decided` where all of these comparisons hold.
    fn conjunction(&mut self, list: &[Condition], decided: Id, endian: Endian) -> Result<Id, Stop> {
        let start = self.ids.len();
        let mut exact = [(0, 0); 2 * WORDS];
        let mut count = 0;
        for part in list {
            let View::Compare(comparison) = part.view() else { continue };
            let halves = Halves::of(comparison, endian);
            let is_equality = comparison.operator() == Operator::Eq && count + 2 <= exact.len();
            match halves.exact().filter(|_| is_equality) {
                Some(values) => {
                    for (variable, value) in values.into_iter().flatten() {
                        exact[count] = (self.index(variable)?, value);
                        count += 1;
                    }
                }
                None => {
                    let id = self.compare(comparison, halves, decided)?;
                    self.ids.try_push(id)?;
                }
            }
        }
        // The last variables first: what comes before leads to them.
        let exact = &mut exact[..count];
        exact.sort_in_place_by(|a, b| b.cmp(a));
        let mut id = decided;
        for (place, &(variable, value)) in exact.iter().enumerate() {
            let before = place.checked_sub(1).map(|before| exact[before]);
            if before == Some((variable, value)) {
                continue;
            }
            // A variable that is to have two values has neither.
            let is_void = before.is_some_and(|(other, _)| other == variable);
            id = if is_void { OPEN } else { self.single(variable, value, id)? };
        }
        if self.ids.len() > start {
            self.ids.try_push(id)?;
            id = self.merged(Join::Both, start, decided)?;
        }
        Ok(id)
    }

    /// A switch that leads on for one value.
    fn single(&mut self, variable: usize, value: u32, next: Id) -> Result<Id, Stop> {
        let from = self.pending.len();
        if value > 0 {
            self.add_case(0, OPEN)?;
        }
        self.add_case(value, next)?;
        if let Some(after) = value.checked_add(1) {
            self.add_case(after, OPEN)?;
        }
        self.switch(variable, from)
    }

    /// All diagrams noted from `start` on joined in order. Joining neighbours first keeps large
    /// diagrams from being copied for each entry, and as soon as there are two of a size they are
    /// one: where they outgrow their limits, that shows early.
    fn merged(&mut self, join: Join, start: usize, empty: Id) -> Result<Id, Stop> {
        let count = self.ids.len() - start;
        let mut kept = start;
        for index in 0..count {
            self.ids[kept] = self.ids[start + index];
            kept += 1;
            // What is kept has the sizes of the binary digits of how many were taken.
            let joins = (index + 1).trailing_zeros();
            for level in 0..joins {
                let is_last = index + 1 == count && (start, kept) == (0, 2);
                kept = self.join_last(join, kept, 2 << level, is_last)?;
            }
        }
        while kept > start + 1 {
            kept = self.join_last(join, kept, count, (start, kept) == (0, 2))?;
        }
        let merged = if kept > start { self.ids[start] } else { empty };
        self.ids.truncate(start);
        Ok(merged)
    }

    /// Joins the last two of the diagrams that are noted up to `kept`; says up to where they are
    /// then. Together they have that many entries.
    fn join_last(
        &mut self,
        join: Join,
        kept: usize,
        entries: usize,
        is_last: bool,
    ) -> Result<usize, Stop> {
        let factor = if is_last { 1 } else { PARTS_FACTOR };
        let grown = self.growth.saturating_mul(entries).saturating_add(GROWTH_FREE);
        let room = self.limit.saturating_mul(factor).min(grown);
        self.nodes_max = self.nodes.len().saturating_add(room);
        self.ids[kept - 2] = self.join(join, self.ids[kept - 2], self.ids[kept - 1])?;
        Ok(kept - 1)
    }

    fn compare(
        &mut self,
        comparison: &Comparison,
        Halves { high, low }: Halves,
        decided: Id,
    ) -> Result<Id, Stop> {
        let [less, equal, more] = match comparison.operator() {
            Operator::Eq => [OPEN, decided, OPEN],
            Operator::Ne => [decided, OPEN, decided],
            Operator::Lt => [decided, OPEN, OPEN],
            Operator::Le => [decided, decided, OPEN],
            Operator::Gt => [OPEN, OPEN, decided],
            Operator::Ge => [OPEN, decided, decided],
        };
        let place = |half: (Variable, Regions)| self.index(half.0).ok();
        let high_first = place(high) < place(low);
        let low = self.regions(low, [less, equal, more])?;
        if high_first {
            return self.regions(high, [less, low, more]);
        }
        let strictly = self.regions(high, [less, OPEN, more])?;
        let tied = self.regions(high, [OPEN, decided, OPEN])?;
        let tied = self.join(Join::Both, tied, low)?;
        self.join(Join::First, strictly, tied)
    }

    /// A switch between the values below, equal to and above a constant.
    fn regions(
        &mut self,
        (variable, Regions { equal, above }): (Variable, Regions),
        [less, same, more]: [Id; 3],
    ) -> Result<Id, Stop> {
        let from = self.pending.len();
        if equal.or(above) != Some(0) {
            self.add_case(0, less)?;
        }
        if let Some(start) = equal {
            self.add_case(start, same)?;
        }
        if let Some(start) = above {
            self.add_case(start, more)?;
        }
        if let [only] = self.pending[from..] {
            self.pending.truncate(from);
            return Ok(only.next);
        }
        let variable = self.index(variable)?;
        self.switch(variable, from)
    }

    /// Where a variable stands in the order.
    fn index(&self, variable: Variable) -> Result<usize, Stop> {
        self.variables.iter().position(|known| *known == variable).ok_or(Stop::Work)
    }

    fn join(&mut self, how: Join, first: Id, second: Id) -> Result<Id, Stop> {
        if let Some(known) = self.known(how, first, second) {
            return Ok(known);
        }
        self.open(how, first, second)?;
        while let Some(&Joining { how, first, second, variable, left, right, pending }) =
            self.joining.last()
        {
            let (one, one_after) = self.case(first, variable, left);
            let (other, other_after) = self.case(second, variable, right);
            let Some(next) = self.known(how, one.next, other.next) else {
                self.open(how, one.next, other.next)?;
                continue;
            };
            self.add_case(one.start.max(other.start), next)?;
            let Some(nearest) = [one_after, other_after].into_iter().flatten().min() else {
                let joined = self.switch(variable, pending)?;
                self.joined.insert(how.key(first, second), joined)?;
                self.joining.pop();
                continue;
            };
            if let Some(joining) = self.joining.last_mut() {
                joining.left += usize::from(one_after == Some(nearest));
                joining.right += usize::from(other_after == Some(nearest));
            }
        }
        self.known(how, first, second).ok_or(Stop::Work)
    }

    fn open(&mut self, how: Join, first: Id, second: Id) -> Result<(), Stop> {
        let variable = self.variable(first).min(self.variable(second));
        let pending = self.pending.len();
        let joining = Joining { how, first, second, variable, left: 0, right: 0, pending };
        Ok(self.joining.try_push(joining)?)
    }

    /// What a join gives, where that is plain or was found out before.
    fn known(&self, how: Join, first: Id, second: Id) -> Option<Id> {
        let decided = || matches!(self.node(first), Ordered::Decided(_));
        match how {
            _ if first == second => Some(first),
            Join::First if first == OPEN => Some(second),
            Join::First if second == OPEN || decided() => Some(first),
            Join::Both if first == OPEN || second == OPEN => Some(OPEN),
            Join::Both if decided() => Some(second),
            Join::First | Join::Both => self.joined.get(&how.key(first, second)).copied(),
        }
    }

    /// The variable that a node asks for; leaves come after all.
    fn variable(&self, id: Id) -> usize {
        match self.node(id) {
            Ordered::Switch { variable, .. } => variable,
            Ordered::Open | Ordered::Decided(_) => usize::MAX,
        }
    }

    /// The case of that index of a node at a variable, which it may not ask for, and where the next
    /// one starts.
    fn case(&self, id: Id, at: usize, index: usize) -> (Case, Option<u32>) {
        match self.node(id) {
            Ordered::Switch { variable, first, end } if variable == at => {
                let cases = self.cases(first, end);
                (cases[index], cases.get(index + 1).map(|next| next.start))
            }
            Ordered::Open | Ordered::Decided(_) | Ordered::Switch { .. } => {
                (Case { start: 0, next: id }, None)
            }
        }
    }
}

/// The most words that the comparisons of a rule in the C library name.
const WORDS: usize = 12;

/// Parts of a condition whose diagrams are being made.
struct Parts<'a> {
    /// Those that are left.
    parts: &'a [Condition],
    join: Join,
    /// Where the diagrams of those that are made are noted.
    ids: usize,
}

impl<'a> Parts<'a> {
    const fn of(parts: &'a [Condition], join: Join, ids: usize) -> Self {
        Self { parts, join, ids }
    }
}

impl Id {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}
