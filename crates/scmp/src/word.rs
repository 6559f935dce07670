//! The tree of word tests that the PFC text of a syscall shows.
//!
//! libseccomp keeps rules as trees of tests of 32-bit words and merges new rules into them. With equality tests such a tree
//! says what the rules say; with others it may not. So the tree is built as libseccomp does, and shown where it means what
//! the rules mean ([`Tree::rules`] is compared with them); where it does not, each rule is shown with a chain of its own.
//!
//! Sides of nodes may share a level: a rule goes on at the same place wherever a comparison holds.

use callgate_order::{Class, Rule, Step, StoredOperator, halves};
use callgate_policy::{Comparison, Condition, Error as PolicyError, Field};
use callgate_syscalls::{Action, Arch};

/// The most steps that building or reading a tree may take before it is given up.
const STEPS_MAX: usize = 1 << 20;

/// The deepest nesting of levels that is shown.
const DEPTH_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LevelId(usize);

/// A tree of word tests: levels are lists of nodes that are asked from front to back.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    levels: Vec<Vec<NodeId>>,
    steps: usize,
}

/// A test of one word, with what its answers lead to.
#[derive(Clone, Debug)]
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

/// The rules can't be merged into one tree.
#[derive(Debug)]
pub(crate) struct Unmergeable;

impl Tree {
    /// The tree of rules in the order of their acceptance, as libseccomp merges them.
    pub(crate) fn merged<'a>(
        arch: Arch,
        rules: impl Iterator<Item = &'a Rule>,
    ) -> Result<Self, Unmergeable> {
        let mut tree = Self::default();
        let top = tree.level(Vec::new());
        for rule in rules {
            if let Some(first) = tree.chain(arch, rule) {
                tree.insert(top, first)?;
            }
        }
        Ok(tree)
    }

    /// The tree of rules in the order in which they are asked, each with a chain of its own.
    pub(crate) fn separate(arch: Arch, rules: &[&Rule]) -> Self {
        let mut tree = Self::default();
        let top = tree.level(Vec::new());
        for rule in rules {
            let first = tree.chain(arch, rule);
            tree.levels[top.0].extend(first);
        }
        tree
    }

    /// The nodes of a level.
    pub(crate) fn level_nodes(&self, level: LevelId) -> impl Iterator<Item = &Node> {
        self.levels[level.0].iter().map(|&NodeId(node)| &self.nodes[node])
    }

    /// The level that is asked first.
    pub(crate) const TOP: LevelId = LevelId(0);

    /// How many nodes can be reached, each counted once.
    pub(crate) fn len(&self) -> usize {
        let mut seen_levels = vec![false; self.levels.len()];
        let mut seen = vec![false; self.nodes.len()];
        let mut open = vec![Self::TOP];
        while let Some(LevelId(level)) = open.pop() {
            if std::mem::replace(&mut seen_levels[level], true) {
                continue;
            }
            for &NodeId(node) in &self.levels[level] {
                seen[node] = true;
                let sides = [self.nodes[node].no, self.nodes[node].yes];
                open.extend(sides.into_iter().filter_map(Side::level));
            }
        }
        seen.into_iter().filter(|&seen| seen).count()
    }

    /// What the tree means: conditions and actions of which the first that holds decides.
    ///
    /// # Errors
    /// [`Unmergeable`] where the tree is too large to be read.
    pub(crate) fn rules(&self) -> Result<Vec<(Condition, Action)>, Unmergeable> {
        let mut rules = Vec::new();
        self.read(Self::TOP, &mut Vec::new(), &mut rules)?;
        Ok(rules)
    }

    fn read(
        &self,
        level: LevelId,
        path: &mut Vec<Condition>,
        rules: &mut Vec<(Condition, Action)>,
    ) -> Result<(), Unmergeable> {
        if path.len() > DEPTH_MAX || rules.len() > STEPS_MAX / DEPTH_MAX {
            return Err(Unmergeable);
        }
        for node in self.level_nodes(level) {
            let test = node.word.comparison().map_err(|_| Unmergeable)?;
            for (side, condition) in [(node.yes, test), (node.no, test.negated())] {
                path.push(condition.into());
                match side {
                    Side::Open => {}
                    Side::Level(below) => self.read(below, path, rules)?,
                    Side::Verdict(action) => {
                        let all = Condition::all(path.iter().cloned()).map_err(|_| Unmergeable)?;
                        rules.push((all, action));
                    }
                }
                path.pop();
            }
        }
        Ok(())
    }

    fn level(&mut self, nodes: Vec<NodeId>) -> LevelId {
        self.levels.push(nodes);
        LevelId(self.levels.len() - 1)
    }

    fn node(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() - 1)
    }

    /// A side with a level of one new node.
    fn below(&mut self, node: Node) -> Side {
        let node = self.node(node);
        Side::Level(self.level(vec![node]))
    }

    /// The first node of a rule's chain, made from the last step to the first.
    fn chain(&mut self, arch: Arch, rule: &Rule) -> Option<NodeId> {
        let (first, rest) = rule.chain.split_first()?;
        let action = Side::Verdict(rule.action);
        let hit = rest.iter().rev().fold(action, |hit, step| {
            let node = self.step(arch, step, hit);
            self.below(node)
        });
        let node = self.step(arch, first, hit);
        Some(self.node(node))
    }

    /// The first node of a step that leads to `hit` where it holds.
    fn step(&mut self, arch: Arch, step: &Step, hit: Side) -> Node {
        let test = step.test;
        let ((high_mask, low_mask), (high, low)) = (halves(test.mask), halves(test.datum));
        let node = |half, stored, mask, datum, yes, no| {
            let word = Word { arg: test.arg, half, stored, mask, datum };
            Node { word, class: step.class, constant: test.datum, no, yes }
        };
        let (yes, no) = if step.answer { (hit, Side::Open) } else { (Side::Open, hit) };
        if arch.word_bits() != 64 {
            return node(Half::Whole, test.stored, low_mask, low, yes, no);
        }
        let low = self.below(node(Half::Low, test.stored, low_mask, low, yes, no));
        match test.stored {
            StoredOperator::Equal | StoredOperator::MaskedEqual => {
                node(Half::High, test.stored, high_mask, high, low, no)
            }
            StoredOperator::Greater | StoredOperator::GreaterOrEqual => {
                // Above the constant's high half the answer is yes.
                let equal = node(Half::High, StoredOperator::Equal, high_mask, high, low, no);
                let equal = self.below(equal);
                node(Half::High, StoredOperator::Greater, high_mask, high, yes, equal)
            }
        }
    }

    /// Puts a new node into a level, or merges it with one of the same test.
    fn insert(&mut self, level: LevelId, new: NodeId) -> Result<(), Unmergeable> {
        for place in 0..self.levels[level.0].len() {
            self.spend()?;
            let old = self.levels[level.0][place];
            let (a, b) = (&self.nodes[new.0], &self.nodes[old.0]);
            if a.word == b.word {
                return self.merge(new, old);
            }
            if a.precedes(b) {
                self.levels[level.0].insert(place, new);
                return Ok(());
            }
        }
        self.levels[level.0].push(new);
        Ok(())
    }

    fn merge(&mut self, new: NodeId, old: NodeId) -> Result<(), Unmergeable> {
        if new == old {
            return Ok(());
        }
        for answer in [true, false] {
            self.merge_verdict(new, old, answer)?;
        }
        for answer in [true, false] {
            let Side::Level(below) = self.nodes[new.0].side(answer) else { continue };
            match self.nodes[old.0].side(answer) {
                Side::Verdict(_) => return Ok(()),
                Side::Open => self.nodes[old.0].set(answer, Side::Level(below)),
                Side::Level(known) => {
                    for node in self.levels[below.0].clone() {
                        self.spend()?;
                        self.insert(known, node)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Merges a verdict of a new node into an old one.
    fn merge_verdict(&mut self, new: NodeId, old: NodeId, answer: bool) -> Result<(), Unmergeable> {
        let Side::Verdict(action) = self.nodes[new.0].side(answer) else { return Ok(()) };
        let known = self.nodes[old.0].side(answer);
        let verdict = match known {
            Side::Open => true,
            Side::Level(below) => match self.only(below, action, 0)? {
                true => true,
                false => return Err(Unmergeable),
            },
            Side::Verdict(other) => {
                let (n, o) = (&self.nodes[new.0], &self.nodes[old.0]);
                let leaf = |node: &Node| [node.no, node.yes].iter().all(|s| s.level().is_none());
                if other != action && (leaf(n) || leaf(o)) {
                    return Err(Unmergeable);
                }
                let beyond = match answer {
                    true => n.constant > o.constant,
                    false => n.constant < o.constant,
                };
                n.word.half == Half::High && beyond
            }
        };
        if verdict {
            self.nodes[old.0].set(answer, Side::Verdict(action));
        }
        Ok(())
    }

    /// Whether all verdicts below a level are this one.
    fn only(&mut self, level: LevelId, action: Action, depth: usize) -> Result<bool, Unmergeable> {
        if depth > DEPTH_MAX {
            return Err(Unmergeable);
        }
        for node in self.levels[level.0].clone() {
            for side in [self.nodes[node.0].no, self.nodes[node.0].yes] {
                self.spend()?;
                let fine = match side {
                    Side::Open => true,
                    Side::Verdict(other) => other == action,
                    Side::Level(below) => self.only(below, action, depth + 1)?,
                };
                if !fine {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn spend(&mut self) -> Result<(), Unmergeable> {
        self.steps += 1;
        if self.steps > STEPS_MAX { Err(Unmergeable) } else { Ok(()) }
    }
}

impl Node {
    const fn side(&self, answer: bool) -> Side {
        if answer { self.yes } else { self.no }
    }

    fn set(&mut self, answer: bool, side: Side) {
        *(if answer { &mut self.yes } else { &mut self.no }) = side;
    }

    /// Whether this node is asked before another of the same level. Ties keep the order of insertion.
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
