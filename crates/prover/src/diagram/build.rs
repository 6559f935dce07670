//! Functions of one word, made at once: tests of the word against a constant, and lists of intervals.

use callgate_bpf::{DataWord, Test};
use callgate_memory::Grow;

use super::{Diagrams, FALSE, NodeId, Pattern, Rank, TRUE};
use crate::budget::Halt;

/// A test of a data word under a mask against a constant.
pub(crate) type WordTest = (Test, DataWord, u32, u32);

/// A stretch of the values of a word, from behind the one before it, and what they lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) last: u32,
    pub(crate) node: NodeId,
}

/// What is left to do while a list of segments becomes a diagram. Each task leaves one function.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    /// Makes the function of a block of values.
    Block(Block),
    /// Takes the functions of two halves, the upper one made last, and joins them by their highest bit.
    Join(u32),
    /// Takes a function and puts a pattern before it.
    Prefix(Pattern, NodeId),
}

/// The values that are `base` but for the lowest `free` bits, and the segments that they lie in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    base: u32,
    free: u32,
    first: usize,
    last: usize,
}

/// Each of at most 33 blocks within each other leaves two tasks and one function of a half.
const OPEN_MAX: usize = 34;

impl Diagrams {
    /// The first function where a test holds, the second elsewhere.
    pub(crate) fn where_word(
        &mut self,
        test: WordTest,
        [yes, no]: [NodeId; 2],
    ) -> Result<NodeId, Halt> {
        let rank = self.order.rank(test.1);
        if self.rank(yes) > rank && self.rank(no) > rank {
            return self.above(test, yes, no);
        }
        let condition = self.above(test, TRUE, FALSE)?;
        self.ite(condition, yes, no)
    }

    /// The same for functions that read later words only.
    fn above(
        &mut self,
        (test, word, mask, constant): WordTest,
        yes: NodeId,
        no: NodeId,
    ) -> Result<NodeId, Halt> {
        let rank = self.order.rank(word);
        match test {
            Test::Equal if constant & !mask != 0 => Ok(no),
            Test::Equal => self.choice(rank, Pattern { mask, value: constant }, yes, no),
            Test::AnyBit => self.choice(rank, Pattern { mask: mask & constant, value: 0 }, no, yes),
            Test::Greater => self.ordered((rank, mask, constant), [no, yes, no]),
            Test::GreaterOrEqual => self.ordered((rank, mask, constant), [yes, yes, no]),
        }
    }

    /// The first function where a word under a mask equals a constant, the second where it is above, the third below.
    fn ordered(
        &mut self,
        (rank, mask, constant): (Rank, u32, u32),
        [equal, above, below]: [NodeId; 3],
    ) -> Result<NodeId, Halt> {
        let mut result = equal;
        // From the lowest bit up, as many at once as the constant has alike: what holds where all above are equal.
        let mut done = 0;
        while done < u32::BITS {
            let ones = constant >> done & 1 == 1;
            let rest = constant >> done;
            let alike = if ones { rest.trailing_ones() } else { rest.trailing_zeros() };
            let alike = alike.min(u32::BITS - done);
            let run = (u32::MAX >> (u32::BITS - alike)) << done;
            let inside = run & mask;
            result = match ones {
                // Bits outside of the mask are 0 in the masked word.
                true if inside != run => below,
                true => self.choice(rank, Pattern { mask: run, value: run }, result, below)?,
                false => self.choice(rank, Pattern { mask: inside, value: 0 }, result, above)?,
            };
            done += alike;
        }
        Ok(result)
    }

    /// The function of a word that segments describe: ascending, the last ends at the highest value, each with a function
    /// that reads later words only.
    pub(crate) fn of_segments(&mut self, rank: Rank, list: &[Segment]) -> Result<NodeId, Halt> {
        let Some(end) = list.len().checked_sub(1) else { return Ok(FALSE) };
        let mut tasks = std::mem::take(&mut self.tasks);
        tasks.clear();
        let whole = Block { base: 0, free: u32::BITS, first: 0, last: end };
        let made = self.of_blocks(rank, list, whole, &mut tasks);
        self.tasks = tasks;
        made
    }

    fn of_blocks(
        &mut self,
        rank: Rank,
        list: &[Segment],
        whole: Block,
        tasks: &mut Vec<Task>,
    ) -> Result<NodeId, Halt> {
        let mut made = [FALSE; OPEN_MAX];
        let mut count = 0;
        tasks.try_push(Task::Block(whole))?;
        while let Some(task) = tasks.pop() {
            self.budget.test()?;
            match task {
                Task::Block(Block { first, last, .. }) if first == last => {
                    made[count] = list[first].node;
                    count += 1;
                }
                Task::Block(Block { free, first, last, .. }) if first + 1 == last => {
                    // One cut: an order comparison of the free bits.
                    let (below, above) = (list[first], list[last].node);
                    let mask = u32::MAX >> (u32::BITS - free);
                    let cut = (rank, mask, (below.last + 1) & mask);
                    made[count] = self.ordered(cut, [above, above, below.node])?;
                    count += 1;
                }
                Task::Block(block) => block.take_apart(list, tasks)?,
                Task::Prefix(pattern, no) => {
                    made[count - 1] = self.choice(rank, pattern, made[count - 1], no)?;
                }
                Task::Join(bit) => {
                    count -= 1;
                    let pattern = Pattern { mask: bit, value: bit };
                    made[count - 1] = self.choice(rank, pattern, made[count], made[count - 1])?;
                }
            }
        }
        Ok(made[0])
    }
}

impl Block {
    /// Plans a block of several segments: as a part of it where all around leads to the same function, else as two halves.
    fn take_apart(self, list: &[Segment], tasks: &mut Vec<Task>) -> Result<(), Halt> {
        let Self { base, free, first, last } = self;
        let around = list[first].node;
        if around == list[last].node {
            // Segments before the last do not end at the highest value.
            let (from, to) = (list[first].last + 1, list[last - 1].last);
            let within = u32::BITS - (from ^ to).leading_zeros();
            if within < free {
                let open = u32::MAX.checked_shr(u32::BITS - within).unwrap_or(0);
                let part = Self {
                    base: from & !open,
                    free: within,
                    first: first + usize::from(from & open == 0),
                    last: last - usize::from(to & open == open),
                };
                let mask = u32::MAX >> (u32::BITS - free) & !open;
                tasks.try_push(Task::Prefix(Pattern { mask, value: from & mask }, around))?;
                return Ok(tasks.try_push(Task::Block(part))?);
            }
        }
        let bit = 1 << (free - 1);
        let below = (base | bit) - 1;
        let middle = first + list[first..last].partition_point(|segment| segment.last < below);
        let upper_first = middle + usize::from(list[middle].last == below);
        let upper = Self { base: base | bit, free: free - 1, first: upper_first, last };
        let lower = Self { free: free - 1, last: middle, ..self };
        tasks.try_push(Task::Join(bit))?;
        tasks.try_push(Task::Block(upper))?;
        Ok(tasks.try_push(Task::Block(lower))?)
    }
}
