//! Many calls at once: each instruction is executed for all calls that get there together.

use std::ops::Range;

use callgate_syscalls::{Action, ArchToken, Endian, SeccompData, SyscallNr};

use super::{Alu, Test, word_index, words};
use crate::operation::encoding::code;
use crate::{DataWord, Instruction, Program};

/// The 16 words that a program sees of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallWords([u32; DataWord::COUNT as usize]);

impl CallWords {
    /// What a program sees of a call on a machine of that byte order.
    #[must_use]
    pub fn new(call: &SeccompData, endian: Endian) -> Self {
        Self(words(call, endian))
    }

    /// The call that a program sees so on a machine whose byte order is that of the call's token.
    #[must_use]
    pub fn call(&self, endian_of: impl FnOnce(ArchToken) -> Endian) -> SeccompData {
        let arch = ArchToken::new(self.0[1]);
        let endian = endian_of(arch);
        let field = |index: usize| {
            let [first, second] = [self.0[2 * index], self.0[2 * index + 1]].map(u64::from);
            let in_order = first | second << 32;
            if endian == Endian::Little { in_order } else { in_order.rotate_left(32) }
        };
        SeccompData {
            nr: SyscallNr::new(self.0[0]),
            arch,
            instruction_pointer: field(1),
            args: std::array::from_fn(|index| field(2 + index)),
        }
    }
}

/// The accumulator of calls that came the same way.
#[derive(Clone, Copy)]
enum Accumulator {
    Constant(u32),
    Word { index: usize, mask: u32 },
}

/// Calls that have come to an instruction with the same accumulator: a stretch of the order.
#[derive(Clone, Copy)]
struct Group {
    index: usize,
    accumulator: Accumulator,
    /// Whether the accumulators ascend: then a test parts them at a place that is searched for.
    ascends: bool,
    start: usize,
    end: usize,
}

/// Fewer calls are looked at one by one.
const SEARCHED: usize = 8;

/// Of two groups the smaller goes on, so each that waits is at most half of the one that waited
/// before it.
const WAITING_MAX: usize = usize::BITS as usize;

impl Program {
    /// What [`Program::run`] returns for each of many calls, in their order. Allocates nothing.
    ///
    /// `room` is overwritten. Where the lists differ in length, the shortest counts.
    pub fn run_all(&self, calls: &[CallWords], room: &mut [u32], returned: &mut [Action]) {
        let end = calls.len().min(room.len()).min(returned.len());
        for (number, place) in (0..).zip(&mut room[..end]) {
            *place = number;
        }
        let accumulator = Accumulator::Constant(0);
        let all = Group { index: 0, accumulator, ascends: false, start: 0, end };
        let mut waiting = [all; WAITING_MAX];
        let mut count = usize::from(end > 0);
        while let Some(group) = count.checked_sub(1).and_then(|last| waiting.get(last)).copied() {
            count -= 1;
            let mut next = Some(group);
            while let Some(group) = next {
                let later;
                (next, later) = self.step(group, calls, room, returned);
                if let Some(later) = later {
                    waiting[count] = later;
                    count += 1;
                }
            }
        }
    }

    /// Executes an instruction for a group; gives the group that goes on, and one that waits.
    fn step(
        &self,
        group: Group,
        calls: &[CallWords],
        room: &mut [u32],
        returned: &mut [Action],
    ) -> (Option<Group>, Option<Group>) {
        let Instruction { code, jt, jf, k } = self.instructions()[group.index];
        let index = group.index + 1;
        let on =
            |accumulator, ascends| (Some(Group { index, accumulator, ascends, ..group }), None);
        let test = match code {
            code::LD_W_ABS => {
                let word = word_index(k);
                let order = &room[group.start..group.end];
                let ascends = order.len() >= SEARCHED
                    && order.is_sorted_by_key(|&number| calls[number as usize].0[word]);
                return on(Accumulator::Word { index: word, mask: u32::MAX }, ascends);
            }
            code::LD_IMM => return on(Accumulator::Constant(k), false),
            code::AND => {
                let accumulator = match group.accumulator {
                    Accumulator::Constant(value) => Accumulator::Constant(Alu::And.apply(value, k)),
                    Accumulator::Word { index, mask } => {
                        Accumulator::Word { index, mask: mask & k }
                    }
                };
                return on(accumulator, false);
            }
            code::JA => {
                let index = index + usize::try_from(k).unwrap_or(usize::MAX);
                return (Some(Group { index, ..group }), None);
            }
            code::JEQ => Test::Equal,
            code::JGT => Test::Greater,
            code::JGE => Test::GreaterOrEqual,
            code::JSET => Test::AnyBit,
            _ => {
                for &number in &room[group.start..group.end] {
                    let number = number as usize;
                    returned[number] = match code {
                        code::RET_K => Action::from_raw(k),
                        // Rare in filters: such a call is run again, alone.
                        _ => self.run_words(&calls[number].0),
                    };
                }
                return (None, None);
            }
        };
        let order = &mut room[group.start..group.end];
        // Other tests bring the calls into another order.
        let ascends = group.ascends && test != Test::AnyBit;
        let [then, other] = match group.accumulator {
            Accumulator::Word { index, .. } if ascends => {
                search(order, |number| calls[number as usize].0[index], test, k)
            }
            accumulator => {
                let holding = split(order, calls, accumulator, |a| test.holds(a, k));
                [0..holding, holding..order.len()]
            }
        };
        let part = |skip: u8, part: Range<usize>| Group {
            index: index + usize::from(skip),
            start: group.start + part.start,
            end: group.start + part.end,
            ascends,
            ..group
        };
        let (then, other) = (part(jt, then), part(jf, other));
        let [then_len, other_len] = [then, other].map(|group| group.end - group.start);
        match (then_len, other_len) {
            (_, 0) => (Some(then), None),
            (0, _) => (Some(other), None),
            _ if then_len <= other_len => (Some(then), Some(other)),
            _ => (Some(other), Some(then)),
        }
    }
}

/// Parts calls whose accumulators ascend into those for which a test holds and the others; both
/// ascend.
fn search(
    order: &mut [u32],
    accumulator: impl Fn(u32) -> u32,
    test: Test,
    k: u32,
) -> [Range<usize>; 2] {
    let below = order.partition_point(|&number| accumulator(number) < k);
    if test == Test::GreaterOrEqual {
        return [below..order.len(), 0..below];
    }
    let more = order[below..].iter().take_while(|&&number| accumulator(number) == k).count();
    if test == Test::Greater {
        return [below + more..order.len(), 0..below + more];
    }
    // Those below move up, from the last on; the equal ones take their places in any order.
    for place in (0..below).rev().filter(|_| more > 0) {
        order.swap(place, place + more);
    }
    [0..more, more..order.len()]
}

/// Brings the calls for which a test holds to the front; gives their number.
fn split(
    order: &mut [u32],
    calls: &[CallWords],
    accumulator: Accumulator,
    holds: impl Fn(u32) -> bool,
) -> usize {
    match accumulator {
        Accumulator::Constant(value) => usize::from(holds(value)) * order.len(),
        Accumulator::Word { index, mask } => {
            let mut holding = 0;
            for place in 0..order.len() {
                let number = order[place];
                order.swap(place, holding);
                holding += usize::from(holds(calls[number as usize].0[index] & mask));
            }
            holding
        }
    }
}
