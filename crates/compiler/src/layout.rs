//! From the graph to instructions.
//!
//! Instructions are placed from the last to the first, so that every jump's target is placed before the jump and its
//! distance is known. A node follows its `no` side directly where that side was not placed before. Conditional jumps
//! reach 255 instructions: a return is placed where the first jump to it needs it, and again where it is out of reach;
//! for other nodes out of reach, an unconditional jump is placed in between.
//!
//! A node's code is up to three instructions: load the word, mask it, test it. A jump from a node that left the
//! accumulator as needed enters behind the load or behind the mask, and a load nobody needs is not placed.

use callgate_bpf::{Alu, DataWord, Instruction, Operand, Operation, Test};

use crate::graph::{Graph, Node, NodeId, Question};

/// The longest distance of a conditional jump.
const BRANCH_MAX: usize = u8::MAX as usize;

/// The program of the graph from `root`, of any length.
pub(crate) fn layout(graph: &Graph, root: NodeId) -> Vec<Instruction> {
    let order = placement_order(graph, root);
    let mut layout = Layout {
        graph,
        reversed: Vec::with_capacity(2 * order.len()),
        entries: demanded_entries(graph, &order),
        places: vec![[0; 3]; graph.len()],
    };
    for id in order {
        match graph.node(id) {
            Node::Ask { question, yes, no } => layout.place_question(id, &question, yes, no),
            Node::Return(action) if id == root => layout.place_return(id, action.raw()),
            Node::Return(_) => {}
        }
    }
    layout.reversed.reverse();
    layout.reversed
}

/// Where control enters a node's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Entry {
    /// At the load: the accumulator holds something else.
    Load,
    /// At the mask: the accumulator holds the whole word.
    Mask,
    /// At the test: the accumulator holds the masked word.
    Test,
}

/// What the accumulator holds: a word of the call under a mask.
type Held = (DataWord, u32);

struct Layout<'a> {
    graph: &'a Graph,
    /// The instructions, last first.
    reversed: Vec<Instruction>,
    /// The earliest entry that each node's code must offer, by node.
    entries: Vec<Entry>,
    /// The nearest place from which an entry of a node can be reached, counted from the end, by node and entry; 0 where
    /// there is none yet.
    places: Vec<[usize; 3]>,
}

/// What a question needs in the accumulator. A bit test masks by itself.
fn held_by(question: &Question) -> Held {
    match question.test {
        Test::AnyBit => (question.word, u32::MAX),
        _ => (question.word, question.mask),
    }
}

/// What the accumulator holds where a question got an answer. A whole word that is known to be small has no bits that some
/// masks would take: it is the same under them.
#[derive(Clone, Copy)]
struct Left {
    held: Held,
    /// The bits that can be set in the accumulator.
    possible: u32,
}

impl Left {
    fn after(question: &Question, answer: bool) -> Self {
        let below = match (question.test, answer) {
            (Test::GreaterOrEqual, false) => question.value.saturating_sub(1),
            (Test::Greater, false) => question.value,
            (Test::Equal, true) => question.value,
            _ => u32::MAX,
        };
        let possible = u32::MAX.checked_shr(below.leading_zeros()).unwrap_or(0);
        Self { held: held_by(question), possible }
    }

    /// Whether the accumulator holds that.
    fn is(&self, expected: Held) -> bool {
        let whole_word = self.held == (expected.0, u32::MAX);
        self.held == expected || whole_word && self.possible & !expected.1 == 0
    }
}

/// Where a node that expects `expected` is entered from one that left something in the accumulator.
fn entry(left: Left, expected: Held) -> Entry {
    let held = left.held;
    if left.is(expected) {
        Entry::Test
    } else if held == (expected.0, u32::MAX) {
        Entry::Mask
    } else {
        Entry::Load
    }
}

/// The nodes from `root`, each after both its sides: the `no` side last where it is new, so that it follows at once, but
/// a side that no conditional jump passes over first.
fn placement_order(graph: &Graph, root: NodeId) -> Vec<NodeId> {
    let sizes = sizes(graph, root);
    let mut order = Vec::new();
    let mut opened = vec![false; graph.len()];
    let mut stack = vec![(root, false)];
    while let Some((id, sides_done)) = stack.pop() {
        if sides_done {
            order.push(id);
        } else if !std::mem::replace(&mut opened[id.index()], true) {
            stack.push((id, true));
            if let Node::Ask { yes, no, .. } = graph.node(id) {
                let size = |side: NodeId| sizes[side.index()];
                let yes_follows = size(no) > BRANCH_MAX && size(yes) < BRANCH_MAX / 2;
                let (first, last) = if yes_follows { (no, yes) } else { (yes, no) };
                stack.push((last, false));
                stack.push((first, false));
            }
        }
    }
    order
}

/// About how many instructions each node up to `root` takes with all it leads to, shared ones counted each time.
fn sizes(graph: &Graph, root: NodeId) -> Vec<usize> {
    let mut sizes = vec![1usize; root.index() + 1];
    for id in graph.ids().take(sizes.len()) {
        if let Node::Ask { yes, no, .. } = graph.node(id) {
            sizes[id.index()] =
                sizes[yes.index()].saturating_add(sizes[no.index()]).saturating_add(1);
        }
    }
    sizes
}

/// The earliest entry that the edges into each node need. The last in the order is the root, entered from outside.
fn demanded_entries(graph: &Graph, order: &[NodeId]) -> Vec<Entry> {
    let mut entries = vec![Entry::Test; graph.len()];
    if let Some(root) = order.last() {
        entries[root.index()] = Entry::Load;
    }
    for &id in order {
        let Node::Ask { question, yes, no } = graph.node(id) else { continue };
        for (side, answer) in [(yes, true), (no, false)] {
            let demanded = &mut entries[side.index()];
            *demanded = side_entry(graph, side, Left::after(&question, answer)).min(*demanded);
        }
    }
    entries
}

/// Where a node is entered from one that left something in the accumulator. Returns have one entry only.
fn side_entry(graph: &Graph, side: NodeId, left: Left) -> Entry {
    match graph.node(side) {
        Node::Return(_) => Entry::Load,
        Node::Ask { question, .. } => entry(left, held_by(&question)),
    }
}

impl Layout<'_> {
    fn place_return(&mut self, id: NodeId, value: u32) {
        self.push(Operation::Return(value));
        self.mark(id, Entry::Load);
    }

    fn place_question(&mut self, id: NodeId, question: &Question, yes: NodeId, no: NodeId) {
        let held = held_by(question);
        let target = |side, answer| self.target(side, Left::after(question, answer));
        let (jt, jf) = self.reach(target(yes, true), target(no, false));
        let (test, value) = (question.test, Operand::K(tested_value(question)));
        self.push(Operation::Branch { test, operand: value, jt, jf });
        self.mark(id, Entry::Test);
        let (word, mask) = held;
        let first = self.entries[id.index()];
        if mask == u32::MAX {
            self.mark(id, Entry::Mask);
        } else if first < Entry::Test {
            self.push(Operation::Alu(Alu::And, Operand::K(mask)));
            self.mark(id, Entry::Mask);
        }
        if first == Entry::Load {
            self.push(Operation::LoadData(word));
            self.mark(id, Entry::Load);
        }
    }

    /// The entry of a placed node for a jump that leaves something in the accumulator.
    fn target(&self, id: NodeId, left: Left) -> (NodeId, Entry) {
        (id, side_entry(self.graph, id, left))
    }

    /// The jump offsets from the next place to two targets, after placing what is needed to reach them.
    fn reach(&mut self, yes: (NodeId, Entry), no: (NodeId, Entry)) -> (u8, u8) {
        // A relay for one side moves the other one farther, by one: hence the margin.
        for side in [yes, no] {
            match self.graph.node(side.0) {
                _ if self.is_near(side) => {}
                Node::Return(action) => self.place_return(side.0, action.raw()),
                Node::Ask { .. } => self.place_jump(side),
            }
        }
        let offset = |distance| u8::try_from(distance).unwrap_or(u8::MAX);
        (offset(self.distance(yes)), offset(self.distance(no)))
    }

    /// Whether a target is placed and a jump reaches it, also from one instruction farther.
    fn is_near(&self, target: (NodeId, Entry)) -> bool {
        self.place(target) > 0 && self.distance(target) < BRANCH_MAX
    }

    /// How many instructions a jump at the next place skips to reach a target.
    fn distance(&self, target: (NodeId, Entry)) -> usize {
        self.reversed.len() - self.place(target)
    }

    fn place(&self, (id, entry): (NodeId, Entry)) -> usize {
        self.places[id.index()][entry as usize]
    }

    /// Places a way to a far target here.
    fn place_jump(&mut self, target: (NodeId, Entry)) {
        let skip = self.distance(target);
        self.push(Operation::Jump(u32::try_from(skip).unwrap_or(u32::MAX)));
        self.mark(target.0, target.1);
    }

    fn push(&mut self, operation: Operation) {
        self.reversed.push(operation.into());
    }

    /// Notes that the instruction placed last is an entry of a node.
    fn mark(&mut self, id: NodeId, entry: Entry) {
        self.places[id.index()][entry as usize] = self.reversed.len();
    }
}

/// The constant of the test. A bit test is on the whole word, so its bits must be masked here.
fn tested_value(question: &Question) -> u32 {
    match question.test {
        Test::AnyBit => question.value & question.mask,
        _ => question.value,
    }
}
