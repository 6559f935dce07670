//! From the graph to instructions.
//!
//! Instructions are placed from the last to the first, so that every jump's target is placed before
//! the jump and its distance is known. A node follows its `no` side directly where that side was
//! not placed before. Conditional jumps reach 255 instructions: a return is placed where the first
//! jump to it needs it, and again where it is out of reach; for other nodes out of reach, an
//! unconditional jump is placed in between.
//!
//! A node's code is up to three instructions: load the word, mask it, test it. A jump from a node
//! that left the accumulator as needed enters behind the load or behind the mask, and a load nobody
//! needs is not placed.

use callgate_bpf::{Alu, DataWord, Instruction, Operand, Operation, Program, Test};
use callgate_memory::{Grow, List, OutOfMemory};

use crate::graph::{Graph, Node, NodeId, Question};

/// The longest distance of a conditional jump.
const BRANCH_MAX: usize = u8::MAX as usize;

/// The size that no conditional jump passes over.
const SIZE_FAR: u32 = u8::MAX as u32;

/// Room for layouts, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Layouts {
    /// The instructions, last first.
    reversed: List<Instruction>,
    /// What is known of each node.
    nodes: Vec<Placed>,
    order: Vec<NodeId>,
    open: Vec<(NodeId, bool)>,
}

/// What is known of a node.
#[derive(Clone, Copy, Debug)]
struct Placed {
    /// The nearest place from which an entry can be reached, counted from the end; 0 where there is
    /// none yet.
    places: [u32; 3],
    /// About how many instructions it takes with all it leads to, shared ones counted each time.
    size: u32,
    /// Where its code begins, counted from the end; 0 where it has none.
    start: u32,
    /// Whether its order was asked for.
    opened: bool,
    /// The earliest entry that its code must offer.
    entry: Entry,
    /// Whether what ran before must not matter to it.
    is_cut: bool,
}

impl Layouts {
    /// How many instructions the graph from `root` takes.
    pub(crate) fn len(&mut self, graph: &Graph, root: NodeId) -> Result<usize, OutOfMemory> {
        self.place(graph, root, &[])?;
        Ok(self.reversed.len())
    }

    /// The program of the graph from `root`; how long it would be where that is more than a program
    /// may have.
    pub(crate) fn program(
        &mut self,
        graph: &Graph,
        root: NodeId,
    ) -> Result<Result<Vec<Instruction>, usize>, OutOfMemory> {
        self.program_cut(graph, root, &[])
    }

    /// As [`Layouts::program`], where the code of some nodes begins with a load, so that what ran
    /// before does not matter.
    pub(crate) fn program_cut(
        &mut self,
        graph: &Graph,
        root: NodeId,
        cuts: &[NodeId],
    ) -> Result<Result<Vec<Instruction>, usize>, OutOfMemory> {
        self.place(graph, root, cuts)?;
        if self.reversed.len() > Program::LEN_MAX {
            return Ok(Err(self.reversed.len()));
        }
        let mut instructions = Vec::with_room(self.reversed.len())?;
        instructions.try_extend(self.reversed.iter().rev().copied())?;
        Ok(Ok(instructions))
    }

    /// Where the code of a node begins in the program laid out last; `None` for returns, which are
    /// placed where they are needed.
    pub(crate) fn start(&self, id: NodeId) -> Option<usize> {
        let start = self.nodes.get(id.index()).filter(|placed| placed.start > 0)?.start;
        self.reversed.len().checked_sub(start as usize)
    }

    fn place(&mut self, graph: &Graph, root: NodeId, cuts: &[NodeId]) -> Result<(), OutOfMemory> {
        self.reversed.clear();
        self.nodes.clear();
        let (opened, entry, is_cut) = (false, Entry::Test, false);
        let placed = Placed { places: [0; 3], size: 1, start: 0, opened, entry, is_cut };
        self.nodes.try_resize(root.index() + 1, placed)?;
        for cut in cuts {
            if let Some(placed) = self.nodes.get_mut(cut.index()) {
                placed.is_cut = true;
            }
        }
        self.note_order(graph, root)?;
        self.note_entries(graph, root);
        for place in 0..self.order.len() {
            let id = self.order[place];
            match graph.node(id) {
                Node::Ask { question, yes, no } => {
                    self.place_question(graph, id, &question, yes, no)?
                }
                Node::Return(action) if id == root => self.place_return(id, action.raw())?,
                Node::Return(_) => {}
            }
        }
        Ok(())
    }
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

/// What a question needs in the accumulator. A bit test masks by itself.
fn held_by(question: &Question) -> Held {
    match question.test {
        Test::AnyBit => (question.word, u32::MAX),
        Test::Equal | Test::Greater | Test::GreaterOrEqual => (question.word, question.mask),
    }
}

/// What the accumulator holds where a question got an answer. A whole word that is known to be
/// small has no bits that some masks would take: it is the same under them.
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

impl Layouts {
    /// The nodes from `root`, each after both its sides: the `no` side last where it is new, so
    /// that it follows at once, but a side that no conditional jump passes over first.
    fn note_order(&mut self, graph: &Graph, root: NodeId) -> Result<(), OutOfMemory> {
        for index in 0..self.nodes.len() {
            let Some(id) = graph.id(index) else { break };
            if let Node::Ask { yes, no, .. } = graph.node(id) {
                let size = self.size(yes).saturating_add(self.size(no)).saturating_add(1);
                self.nodes[index].size = size;
            }
        }
        self.order.clear();
        self.open.clear();
        self.open.try_push((root, false))?;
        while let Some((id, sides_done)) = self.open.pop() {
            if sides_done {
                self.order.try_push(id)?;
            } else if !std::mem::replace(&mut self.nodes[id.index()].opened, true) {
                self.open.try_push((id, true))?;
                if let Node::Ask { yes, no, .. } = graph.node(id) {
                    let yes_follows = self.size(no) > SIZE_FAR && self.size(yes) < SIZE_FAR / 2;
                    let (first, last) = if yes_follows { (no, yes) } else { (yes, no) };
                    self.open.try_push((last, false))?;
                    self.open.try_push((first, false))?;
                }
            }
        }
        Ok(())
    }

    fn size(&self, id: NodeId) -> u32 {
        self.nodes[id.index()].size
    }

    /// Notes the earliest entries that the edges into each node need. The root is entered from
    /// outside.
    fn note_entries(&mut self, graph: &Graph, root: NodeId) {
        self.nodes[root.index()].entry = Entry::Load;
        for place in 0..self.order.len() {
            let Node::Ask { question, yes, no } = graph.node(self.order[place]) else { continue };
            for (side, answer) in [(yes, true), (no, false)] {
                let entry = self.side_entry(graph, side, Left::after(&question, answer));
                let demanded = &mut self.nodes[side.index()].entry;
                *demanded = entry.min(*demanded);
            }
        }
    }

    /// Where a node is entered from one that left something in the accumulator. Returns have one
    /// entry only.
    fn side_entry(&self, graph: &Graph, side: NodeId, left: Left) -> Entry {
        match graph.node(side) {
            Node::Ask { question, .. } if !self.nodes[side.index()].is_cut => {
                entry(left, held_by(&question))
            }
            Node::Return(_) | Node::Ask { .. } => Entry::Load,
        }
    }

    fn place_return(&mut self, id: NodeId, value: u32) -> Result<(), OutOfMemory> {
        self.push(Operation::Return(value))?;
        self.mark(id, Entry::Load);
        Ok(())
    }

    fn place_question(
        &mut self,
        graph: &Graph,
        id: NodeId,
        question: &Question,
        yes: NodeId,
        no: NodeId,
    ) -> Result<(), OutOfMemory> {
        let held = held_by(question);
        let yes = (yes, self.side_entry(graph, yes, Left::after(question, true)));
        let no = (no, self.side_entry(graph, no, Left::after(question, false)));
        let (jt, jf) = self.reach(graph, yes, no)?;
        let (test, value) = (question.test, Operand::K(tested_value(question)));
        self.push(Operation::Branch { test, operand: value, jt, jf })?;
        self.mark(id, Entry::Test);
        let (word, mask) = held;
        let first = self.nodes[id.index()].entry;
        if mask == u32::MAX {
            self.mark(id, Entry::Mask);
        } else if first < Entry::Test {
            self.push(Operation::Alu(Alu::And, Operand::K(mask)))?;
            self.mark(id, Entry::Mask);
        }
        if first == Entry::Load {
            self.push(Operation::LoadData(word))?;
            self.mark(id, Entry::Load);
        }
        self.nodes[id.index()].start = self.here();
        Ok(())
    }

    /// The jump offsets from the next place to two targets, after placing what is needed to reach
    /// them.
    fn reach(
        &mut self,
        graph: &Graph,
        yes: (NodeId, Entry),
        no: (NodeId, Entry),
    ) -> Result<(u8, u8), OutOfMemory> {
        // A relay for one side moves the other one farther, by one: hence the margin.
        for side in [yes, no] {
            match graph.node(side.0) {
                _ if self.is_near(side) => {}
                Node::Return(action) => self.place_return(side.0, action.raw())?,
                Node::Ask { .. } => self.place_jump(side)?,
            }
        }
        let offset = |distance| u8::try_from(distance).unwrap_or(u8::MAX);
        Ok((offset(self.distance(yes)), offset(self.distance(no))))
    }

    /// Whether a target is placed and a jump reaches it, also from one instruction farther.
    fn is_near(&self, target: (NodeId, Entry)) -> bool {
        self.nearest(target) > 0 && self.distance(target) < BRANCH_MAX
    }

    /// How many instructions a jump at the next place skips to reach a target.
    fn distance(&self, target: (NodeId, Entry)) -> usize {
        self.reversed.len() - self.nearest(target)
    }

    fn nearest(&self, (id, entry): (NodeId, Entry)) -> usize {
        self.nodes[id.index()].places[entry as usize] as usize
    }

    /// Places a way to a far target here.
    fn place_jump(&mut self, target: (NodeId, Entry)) -> Result<(), OutOfMemory> {
        let skip = self.distance(target);
        self.push(Operation::Jump(u32::try_from(skip).unwrap_or(u32::MAX)))?;
        self.mark(target.0, target.1);
        Ok(())
    }

    fn push(&mut self, operation: Operation) -> Result<(), OutOfMemory> {
        self.reversed.try_push(operation.into())
    }

    /// Notes that the instruction placed last is an entry of a node.
    fn mark(&mut self, id: NodeId, entry: Entry) {
        self.nodes[id.index()].places[entry as usize] = self.here();
    }

    /// The place of the instruction placed last, counted from the end.
    fn here(&self) -> u32 {
        u32::try_from(self.reversed.len()).unwrap_or(u32::MAX)
    }
}

/// The constant of the test. A bit test is on the whole word, so its bits must be masked here.
fn tested_value(question: &Question) -> u32 {
    match question.test {
        Test::AnyBit => question.value & question.mask,
        Test::Equal | Test::Greater | Test::GreaterOrEqual => question.value,
    }
}
