//! The tree of word tests that the PFC text of a syscall shows.
//!
//! libseccomp keeps rules as trees of tests of 32-bit words and merges new rules into them. With
//! equality tests such a tree says what the rules say; with others it may not. So the tree is built
//! as libseccomp does, and shown where it means what the rules mean ([`Tree::rules`] is compared
//! with them); where it does not, each rule is shown with a chain of its own.
//!
//! Sides of nodes may share a level: a rule goes on at the same place wherever a comparison holds.

use callgate_memory::{Grow, List, OutOfMemory};
use callgate_order::{Class, Rule, Step, StoredOperator, halves};
use callgate_policy::{Comparison, Condition, Error as PolicyError, Field};
use callgate_syscalls::{Action, Arch};

/// The most steps that building or reading a tree may take before it is given up.
const STEPS_MAX: usize = 1 << 20;

/// The deepest nesting of levels that is shown.
const DEPTH_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LevelId(u32);

/// A place in a level. A node can have places in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaceId(u32);

/// A tree of word tests: levels are lists of nodes that are asked from front to back.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: List<Node>,
    /// The first place of each level.
    levels: List<Option<PlaceId>>,
    places: List<Link>,
    steps: usize,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    node: NodeId,
    next: Option<PlaceId>,
}

/// A test of one word, with what its answers lead to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) word: Word,
    class: Class,
    /// The 64-bit constant that the word's datum is a half of.
    constant: u64,
    pub(crate) no: Side,
    pub(crate) yes: Side,
}

/// `(word & mask) operator datum`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) arg: u8,
    pub(crate) half: Half,
    pub(crate) stored: StoredOperator,
    pub(crate) mask: u32,
    pub(crate) datum: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    /// The only word of an argument.
    Whole,
    Low,
    High,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The next node of the level.
    Open,
    Verdict(Action),
    Level(LevelId),
}

/// Why there is no tree, or no reading of one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failed {
    /// The rules can't be merged into one tree, or it is too large to be read.
    Unmergeable,
    OutOfMemory,
}

impl From<OutOfMemory> for Failed {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl From<PolicyError> for Failed {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::OutOfMemory => Self::OutOfMemory,
            _ => Self::Unmergeable,
        }
    }
}

/// What is still to be done where a rule is entered, the next last.
#[derive(Clone, Copy)]
enum Task {
    /// Put a node into a level.
    Insert(LevelId, NodeId),
    /// Merge what is below an answer of a new node into an old one; then the other answer, if this
    /// is `true`.
    Below { new: NodeId, old: NodeId, answer: bool },
}

impl Tree {
    fn new() -> Result<Self, OutOfMemory> {
        let (nodes, places) = (List::new(), List::new());
        let mut tree = Self { nodes, levels: List::new(), places, steps: 0 };
        tree.levels.try_push(None)?;
        Ok(tree)
    }

    /// The tree of rules in the order of their acceptance, as libseccomp merges them.
    pub(crate) fn merged<'a>(
        arch: Arch,
        rules: impl Iterator<Item = &'a Rule>,
    ) -> Result<Self, Failed> {
        let mut tree = Self::new()?;
        let mut tasks = Vec::new();
        for rule in rules {
            if let Some(first) = tree.chain(arch, rule)? {
                tasks.try_push(Task::Insert(Self::TOP, first))?;
                while let Some(task) = tasks.pop() {
                    tree.work(task, &mut tasks)?;
                }
            }
        }
        Ok(tree)
    }

    /// The tree of rules in the order in which they are asked, each with a chain of its own.
    pub(crate) fn separate(arch: Arch, rules: &[&Rule]) -> Result<Self, OutOfMemory> {
        let mut tree = Self::new()?;
        let mut last = None;
        for rule in rules {
            if let Some(first) = tree.chain(arch, rule)? {
                last = Some(tree.insert_after(Self::TOP, last, first)?);
            }
        }
        Ok(tree)
    }

    /// The level that is asked first.
    pub(crate) const TOP: LevelId = LevelId(0);

    /// The first place of a level.
    pub(crate) fn first(&self, level: LevelId) -> Option<PlaceId> {
        self.levels[level.0 as usize]
    }

    /// What is at a place, and the place after it.
    pub(crate) fn at(&self, place: PlaceId) -> (&Node, Option<PlaceId>) {
        let Link { node, next } = self.places[place.0 as usize];
        (self.node(node), next)
    }

    /// How many nodes can be reached, each counted once.
    pub(crate) fn len(&self) -> Result<usize, OutOfMemory> {
        let (mut seen_levels, mut seen) = (List::new(), List::new());
        seen_levels.try_resize(self.levels.len(), false)?;
        seen.try_resize(self.nodes.len(), false)?;
        let mut open = Vec::new();
        open.try_push(Self::TOP)?;
        while let Some(level) = open.pop() {
            if std::mem::replace(&mut seen_levels[level.0 as usize], true) {
                continue;
            }
            for node in self.level(level) {
                seen[node.0 as usize] = true;
                let Node { no, yes, .. } = self.node(node);
                open.try_extend([no, yes].into_iter().filter_map(|side| side.level()))?;
            }
        }
        Ok(seen.iter().filter(|&&seen| seen).count())
    }

    /// What the tree means: conditions and actions of which the first that holds decides.
    ///
    /// # Errors
    /// [`Failed::Unmergeable`] where the tree is too large to be read.
    pub(crate) fn rules(&self) -> Result<List<(Condition, Action)>, Failed> {
        let mut rules = List::new();
        let mut path: Vec<Comparison> = Vec::new();
        // Places that are yet to be read, each with its depth and the answer that comes next.
        let mut open = Vec::new();
        open.try_extend(self.first(Self::TOP).map(|place| (place, 0, true)))?;
        while let Some((place, depth, answer)) = open.pop() {
            if depth > DEPTH_MAX || rules.len() > STEPS_MAX / DEPTH_MAX {
                return Err(Failed::Unmergeable);
            }
            path.truncate(depth);
            let (node, next) = self.at(place);
            let test = node.word.comparison()?;
            path.try_push(if answer { test } else { test.negated() })?;
            match answer {
                true => open.try_push((place, depth, false))?,
                false => open.try_extend(next.map(|next| (next, depth, true)))?,
            }
            match node.side(answer) {
                Side::Open => {}
                Side::Level(below) => {
                    open.try_extend(self.first(below).map(|place| (place, depth + 1, true)))?;
                }
                Side::Verdict(action) => {
                    let all = Condition::all(path.iter().copied().map(Condition::from))?;
                    rules.try_push((all, action))?;
                }
            }
        }
        Ok(rules)
    }

    fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.0 as usize]
    }

    /// The nodes of a level.
    fn level(&self, level: LevelId) -> impl Iterator<Item = NodeId> {
        let next = |place: &PlaceId| self.places[place.0 as usize].next;
        let places = std::iter::successors(self.first(level), next);
        places.map(|place| self.places[place.0 as usize].node)
    }

    fn push(&mut self, node: Node) -> Result<NodeId, OutOfMemory> {
        let id = NodeId(number(self.nodes.len())?);
        self.nodes.try_push(node)?;
        Ok(id)
    }

    /// Puts a node behind a place of a level, or first.
    fn insert_after(
        &mut self,
        level: LevelId,
        before: Option<PlaceId>,
        node: NodeId,
    ) -> Result<PlaceId, OutOfMemory> {
        let id = PlaceId(number(self.places.len())?);
        let next = match before {
            None => self.levels[level.0 as usize],
            Some(before) => self.places[before.0 as usize].next,
        };
        self.places.try_push(Link { node, next })?;
        match before {
            None => self.levels[level.0 as usize] = Some(id),
            Some(before) => self.places[before.0 as usize].next = Some(id),
        }
        Ok(id)
    }

    /// A side with a level of one new node.
    fn below(&mut self, node: Node) -> Result<Side, OutOfMemory> {
        let node = self.push(node)?;
        let level = LevelId(number(self.levels.len())?);
        self.levels.try_push(None)?;
        self.insert_after(level, None, node)?;
        Ok(Side::Level(level))
    }

    /// The first node of a rule's chain, made from the last step to the first.
    fn chain(&mut self, arch: Arch, rule: &Rule) -> Result<Option<NodeId>, OutOfMemory> {
        let Some((first, rest)) = rule.chain.split_first() else { return Ok(None) };
        let mut hit = Side::Verdict(rule.action);
        for step in rest.iter().rev() {
            let node = self.step(arch, step, hit)?;
            hit = self.below(node)?;
        }
        let node = self.step(arch, first, hit)?;
        self.push(node).map(Some)
    }

    /// The first node of a step that leads to `hit` where it holds.
    fn step(&mut self, arch: Arch, step: &Step, hit: Side) -> Result<Node, OutOfMemory> {
        let test = step.test;
        let ((high_mask, low_mask), (high, low)) = (halves(test.mask), halves(test.datum));
        let node = |half, stored, mask, datum, yes, no| {
            let word = Word { arg: test.arg, half, stored, mask, datum };
            Node { word, class: step.class, constant: test.datum, no, yes }
        };
        let (yes, no) = if step.answer { (hit, Side::Open) } else { (Side::Open, hit) };
        if arch.word_bits() != 64 {
            return Ok(node(Half::Whole, test.stored, low_mask, low, yes, no));
        }
        let low = self.below(node(Half::Low, test.stored, low_mask, low, yes, no))?;
        Ok(match test.stored {
            StoredOperator::Equal | StoredOperator::MaskedEqual => {
                node(Half::High, test.stored, high_mask, high, low, no)
            }
            StoredOperator::Greater | StoredOperator::GreaterOrEqual => {
                // Above the constant's high half the answer is yes.
                let equal = node(Half::High, StoredOperator::Equal, high_mask, high, low, no);
                let equal = self.below(equal)?;
                node(Half::High, StoredOperator::Greater, high_mask, high, yes, equal)
            }
        })
    }

    fn work(&mut self, task: Task, tasks: &mut Vec<Task>) -> Result<(), Failed> {
        match task {
            Task::Insert(level, new) => self.insert(level, new, tasks),
            Task::Below { new, old, answer } => self.merge_below(new, old, answer, tasks),
        }
    }

    /// Puts a new node into a level, or merges it with one of the same test.
    fn insert(&mut self, level: LevelId, new: NodeId, tasks: &mut Vec<Task>) -> Result<(), Failed> {
        let (mut before, mut place) = (None, self.first(level));
        while let Some(at) = place {
            self.spend()?;
            let Link { node: old, next } = self.places[at.0 as usize];
            let (a, b) = (self.node(new), self.node(old));
            if a.word == b.word {
                return self.merge(new, old, tasks);
            }
            if a.precedes(b) {
                break;
            }
            (before, place) = (place, next);
        }
        self.insert_after(level, before, new)?;
        Ok(())
    }

    fn merge(&mut self, new: NodeId, old: NodeId, tasks: &mut Vec<Task>) -> Result<(), Failed> {
        if new == old {
            return Ok(());
        }
        for answer in [true, false] {
            self.merge_verdict(new, old, answer)?;
        }
        Ok(tasks.try_push(Task::Below { new, old, answer: true })?)
    }

    /// Where the old node has a verdict already, what is below the new one's other answer is left
    /// out, too.
    fn merge_below(
        &mut self,
        new: NodeId,
        old: NodeId,
        answer: bool,
        tasks: &mut Vec<Task>,
    ) -> Result<(), Failed> {
        let below = self.node(new).side(answer).level();
        let known = self.node(old).side(answer);
        if below.is_some() && matches!(known, Side::Verdict(_)) {
            return Ok(());
        }
        if answer {
            tasks.try_push(Task::Below { new, old, answer: false })?;
        }
        match (below, known) {
            (Some(below), Side::Level(known)) => {
                let first = tasks.len();
                for node in self.level(below) {
                    tasks.try_push(Task::Insert(known, node))?;
                }
                for _ in first..tasks.len() {
                    self.spend()?;
                }
                tasks[first..].reverse();
            }
            (Some(below), _) => self.set(old, answer, Side::Level(below)),
            (None, _) => {}
        }
        Ok(())
    }

    /// Merges a verdict of a new node into an old one.
    fn merge_verdict(&mut self, new: NodeId, old: NodeId, answer: bool) -> Result<(), Failed> {
        let Side::Verdict(action) = self.node(new).side(answer) else { return Ok(()) };
        let known = self.node(old).side(answer);
        let verdict = match known {
            Side::Open => true,
            Side::Level(below) => match self.only(below, action)? {
                true => true,
                false => return Err(Failed::Unmergeable),
            },
            Side::Verdict(other) => {
                let (n, o) = (self.node(new), self.node(old));
                let leaf = |node: &Node| [node.no, node.yes].iter().all(|s| s.level().is_none());
                if other != action && (leaf(n) || leaf(o)) {
                    return Err(Failed::Unmergeable);
                }
                let beyond = match answer {
                    true => n.constant > o.constant,
                    false => n.constant < o.constant,
                };
                n.word.half == Half::High && beyond
            }
        };
        if verdict {
            self.set(old, answer, Side::Verdict(action));
        }
        Ok(())
    }

    /// Whether all verdicts below a level are this one.
    fn only(&mut self, level: LevelId, action: Action) -> Result<bool, Failed> {
        let mut open = Vec::new();
        open.try_push((level, 0))?;
        while let Some((level, depth)) = open.pop() {
            if depth > DEPTH_MAX {
                return Err(Failed::Unmergeable);
            }
            let mut place = self.first(level);
            while let Some(at) = place {
                let (&Node { no, yes, .. }, next) = self.at(at);
                for side in [no, yes] {
                    self.spend()?;
                    match side {
                        Side::Verdict(other) if other != action => return Ok(false),
                        Side::Open | Side::Verdict(_) => {}
                        Side::Level(below) => open.try_push((below, depth + 1))?,
                    }
                }
                place = next;
            }
        }
        Ok(true)
    }

    fn set(&mut self, node: NodeId, answer: bool, side: Side) {
        let node = &mut self.nodes[node.0 as usize];
        *(if answer { &mut node.yes } else { &mut node.no }) = side;
    }

    fn spend(&mut self) -> Result<(), Failed> {
        self.steps += 1;
        if self.steps > STEPS_MAX { Err(Failed::Unmergeable) } else { Ok(()) }
    }
}

/// A length as the number of what comes next.
fn number(len: usize) -> Result<u32, OutOfMemory> {
    u32::try_from(len).map_err(|_| OutOfMemory)
}

impl Node {
    const fn side(&self, answer: bool) -> Side {
        if answer { self.yes } else { self.no }
    }

    /// Whether this node is asked before another of the same level. Ties keep the order of
    /// insertion.
    fn precedes(&self, other: &Self) -> bool {
        let place = |word: &Word| 2 * word.arg + u8::from(word.half == Half::High);
        let by_word = place(&other.word).cmp(&place(&self.word));
        let by_class = by_word.then(self.class.cmp(&other.class));
        let by_datum = by_class.then_with(|| match self.class {
            Class::Less => self.word.datum.cmp(&other.word.datum),
            Class::Equality | Class::Greater => other.word.datum.cmp(&self.word.datum),
        });
        by_datum.is_lt()
    }
}

impl Side {
    const fn level(self) -> Option<LevelId> {
        match self {
            Self::Level(level) => Some(level),
            Self::Open | Self::Verdict(_) => None,
        }
    }
}

impl Word {
    fn comparison(&self) -> Result<Comparison, PolicyError> {
        let field = Field::arg(usize::from(self.arg))?;
        let operator = self.stored.operator();
        let high = |value: u32| u64::from(value) << 32;
        Ok(match self.half {
            Half::Whole | Half::Low => Comparison::low32(field, self.mask, operator, self.datum),
            Half::High => Comparison::masked(field, high(self.mask), operator, high(self.datum)),
        })
    }
}
