//! Rule lists as ordered diagrams: each path asks each variable at most once, all in one order.
//!
//! A node tells runs of values of one variable apart, however many rules its constants come from, so that many
//! comparisons of one word become one search, and tests that rules have in common are made once. Equal functions are
//! the same node. What is not known of variables on one word under several masks is how they depend on each other;
//! [`implied`](crate::implied) finds that out.
//!
//! Diagrams in an unlucky order can be exponentially large, so making one has a budget.

use std::rc::Rc;

use callgate_policy::{Action, Comparison, Condition, Operator, Rule, View};
use callgate_syscalls::Endian;

use crate::hash::FastMap;
use crate::variable::{Halves, Regions, Variable};

/// The most variables of a diagram, which bounds all recursion over it.
pub(crate) const VARIABLES_MAX: usize = 40;

/// The most cases of all nodes of a diagram together.
const CASES_MAX: usize = 200_000;

/// The identity of a node in its [`Diagram`]. Nodes are made after those they lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u32);

/// Where the run of values from `start` to the next case leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Case {
    pub(crate) start: u32,
    pub(crate) next: Id,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// No rule holds.
    Open,
    /// A rule holds, with that action.
    Decided(Action),
    /// It depends on the variable of that index. The first case starts at 0, and neighbours differ.
    Switch { variable: usize, cases: Rc<[Case]> },
}

/// A rule list as a diagram.
#[derive(Debug)]
pub(crate) struct Diagram {
    pub(crate) root: Id,
    pub(crate) variables: Vec<Variable>,
    nodes: Vec<Node>,
}

impl Diagram {
    /// The diagram of a rule list over variables in that order, or `None` where it outgrows its budget.
    pub(crate) fn of(rules: &[Rule], endian: Endian, variables: Vec<Variable>) -> Option<Self> {
        let mut maker = Maker::new(variables, endian, 8 * rules.len());
        let lists = rules.iter().map(|rule| maker.condition(rule.condition(), rule.action()));
        let lists = lists.collect::<Option<Vec<Id>>>()?;
        let root = maker.merged(Join::First, lists, OPEN)?;
        Some(Self { root, variables: maker.variables, nodes: maker.nodes })
    }

    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }
}

impl Id {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The node of [`Node::Open`], which is made first.
const OPEN: Id = Id(0);

/// How two diagrams make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Join {
    /// What the first decides, else what the second does.
    First,
    /// What the second decides, where the first decides anything.
    Both,
}

struct Maker {
    endian: Endian,
    variables: Vec<Variable>,
    nodes: Vec<Node>,
    /// Apart by kind, because a key of several kinds has bytes that are not always written.
    decided: FastMap<Action, Id>,
    switches: FastMap<(usize, Rc<[Case]>), Id>,
    joined: FastMap<(Join, Id, Id), Id>,
    cases_left: usize,
}

impl Maker {
    fn new(variables: Vec<Variable>, endian: Endian, size: usize) -> Self {
        let switches = FastMap::with_capacity_and_hasher(size, <_>::default());
        let joined = FastMap::with_capacity_and_hasher(size, <_>::default());
        let nodes = vec![Node::Open];
        let decided = FastMap::default();
        Self { endian, variables, nodes, decided, switches, joined, cases_left: CASES_MAX }
    }

    /// The node that decides an action.
    fn decide(&mut self, action: Action) -> Option<Id> {
        if let Some(&id) = self.decided.get(&action) {
            return Some(id);
        }
        let id = self.push(Node::Decided(action))?;
        self.decided.insert(action, id);
        Some(id)
    }

    fn push(&mut self, node: Node) -> Option<Id> {
        let id = Id(u32::try_from(self.nodes.len()).ok()?);
        self.nodes.push(node);
        Some(id)
    }

    /// A switch, or where it leads in any case.
    fn switch(&mut self, variable: usize, mut cases: Vec<Case>) -> Option<Id> {
        cases.dedup_by_key(|case| case.next);
        match cases.as_slice() {
            [only] => Some(only.next),
            _ => {
                let key = (variable, cases.into());
                if let Some(&id) = self.switches.get(&key) {
                    return Some(id);
                }
                self.cases_left = self.cases_left.checked_sub(key.1.len())?;
                let id = self.push(Node::Switch { variable, cases: Rc::clone(&key.1) })?;
                self.switches.insert(key, id);
                Some(id)
            }
        }
    }

    /// The diagram that decides `action` where the condition holds.
    ///
    /// Recursion is bounded: a condition nests at most [`Condition::DEPTH_MAX`] deep.
    fn condition(&mut self, condition: &Condition, action: Action) -> Option<Id> {
        let decided = self.decide(action)?;
        let (join, list, empty) = match condition.view() {
            View::Compare(comparison) => return self.compare(comparison, decided),
            View::All(list) => (Join::Both, list, decided),
            View::Any(list) => (Join::First, list, OPEN),
        };
        let parts = list.iter().map(|part| self.condition(part, action));
        let parts = parts.collect::<Option<Vec<Id>>>()?;
        self.merged(join, parts, empty)
    }

    /// All of a list joined in order. Joining neighbours first keeps large diagrams from being copied for each entry.
    fn merged(&mut self, join: Join, mut list: Vec<Id>, empty: Id) -> Option<Id> {
        while list.len() > 1 {
            let pairs = list.chunks(2).map(|pair| match *pair {
                [first, second] => self.join(join, first, second),
                _ => pair.first().copied(),
            });
            list = pairs.collect::<Option<Vec<Id>>>()?;
        }
        Some(list.first().copied().unwrap_or(empty))
    }

    fn compare(&mut self, comparison: &Comparison, decided: Id) -> Option<Id> {
        let Halves { high, low, operator } = Halves::of(comparison, self.endian);
        let holds =
            |relations: &[Operator]| if relations.contains(&operator) { decided } else { OPEN };
        let less = holds(&[Operator::Lt, Operator::Le, Operator::Ne]);
        let equal = holds(&[Operator::Eq, Operator::Le, Operator::Ge]);
        let more = holds(&[Operator::Gt, Operator::Ge, Operator::Ne]);
        let (high_first, low_half) = (self.index(high) < self.index(low), low);
        let low = self.regions(low_half, [less, equal, more])?;
        if high_first {
            return self.regions(high, [less, low, more]);
        }
        let strictly = self.regions(high, [less, OPEN, more])?;
        let tied = self.regions(high, [OPEN, decided, OPEN])?;
        let tied = self.join(Join::Both, tied, low)?;
        self.join(Join::First, strictly, tied)
    }

    /// A switch between the values below, equal to and above a constant.
    fn regions(&mut self, half: (Variable, Regions), sides: [Id; 3]) -> Option<Id> {
        let (_, Regions { equal, above }) = half;
        let [less, same, more] = sides;
        let mut cases = Vec::with_capacity(3);
        if equal.or(above) != Some(0) {
            cases.push(Case { start: 0, next: less });
        }
        cases.extend(equal.map(|start| Case { start, next: same }));
        cases.extend(above.map(|start| Case { start, next: more }));
        if let [only] = cases.as_slice() {
            return Some(only.next);
        }
        self.switch(self.index(half)?, cases)
    }

    /// Where a variable stands in the order; `None` for one that is not asked for.
    fn index(&self, (variable, _): (Variable, Regions)) -> Option<usize> {
        self.variables.iter().position(|known| *known == variable)
    }

    /// Recursion is bounded by the number of variables.
    fn join(&mut self, how: Join, first: Id, second: Id) -> Option<Id> {
        if let Some(simple) = self.join_simply(how, first, second) {
            return Some(simple);
        }
        if let Some(&known) = self.joined.get(&(how, first, second)) {
            return Some(known);
        }
        let variable = self.variable(first).min(self.variable(second));
        let (left, right) = (self.cases(first, variable), self.cases(second, variable));
        let mut cases: Vec<Case> = Vec::with_capacity(left.len() + right.len());
        let (mut l, mut r) = (0, 0);
        loop {
            let start = left[l].start.max(right[r].start);
            let next = self.join(how, left[l].next, right[r].next)?;
            cases.push(Case { start, next });
            match (left.get(l + 1), right.get(r + 1)) {
                (None, None) => break,
                (Some(a), Some(b)) => {
                    l += usize::from(a.start <= b.start);
                    r += usize::from(b.start <= a.start);
                }
                (Some(_), None) => l += 1,
                (None, Some(_)) => r += 1,
            }
        }
        let joined = self.switch(variable, cases)?;
        self.joined.insert((how, first, second), joined);
        Some(joined)
    }

    fn join_simply(&self, how: Join, first: Id, second: Id) -> Option<Id> {
        let decided = matches!(self.nodes[first.index()], Node::Decided(_));
        match how {
            _ if first == second => Some(first),
            Join::First if first == OPEN => Some(second),
            Join::First if decided || second == OPEN => Some(first),
            Join::Both if first == OPEN || second == OPEN => Some(OPEN),
            Join::Both if decided => Some(second),
            _ => None,
        }
    }

    /// The variable that a node asks for; leaves come after all.
    fn variable(&self, id: Id) -> usize {
        match self.nodes[id.index()] {
            Node::Switch { variable, .. } => variable,
            _ => usize::MAX,
        }
    }

    /// The cases of a node at a variable, which it may not ask for.
    fn cases(&self, id: Id, at: usize) -> Rc<[Case]> {
        match &self.nodes[id.index()] {
            Node::Switch { variable, cases } if *variable == at => cases.clone(),
            _ => [Case { start: 0, next: id }].into(),
        }
    }
}
