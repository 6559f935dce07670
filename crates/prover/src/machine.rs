//! Symbolic execution: what the seccomp machine does, on values that are functions of the input.
//!
//! References: `net/core/filter.c` (`bpf_convert_filter`).

use callgate_bpf::{Operation, Program, Test};
use callgate_memory::Grow;
use callgate_syscalls::Action;

use crate::budget::{Halt, WideShift};
use crate::diagram::{DEPENDS, Diagrams, FALSE, NodeId, TRUE, WordTest};
use crate::state::{Live, Memories, Pending, State};
use crate::word::{Value, Words};

/// A program in execution.
#[derive(Debug)]
pub(crate) struct Machine<'d> {
    pub(crate) diagrams: &'d mut Diagrams,
    operations: Vec<Operation>,
    live: Vec<Live>,
    words: Words,
    memories: Memories,
    wide_shift: WideShift,
}

/// Where straight-line execution ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// With a result.
    Result(NodeId),
    /// Before an instruction that goes one of two ways.
    Fork(Pending),
}

/// The two ways from a fork.
#[derive(Debug)]
pub(crate) struct Fork {
    pub(crate) asked: Asked,
    pub(crate) then: Way,
    pub(crate) other: Way,
}

/// What decides between the two ways.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// A test of a data word against a constant.
    Word(WordTest),
    /// Anything else.
    Condition(NodeId),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// The program ends with that function.
    Result(NodeId),
    /// It goes on.
    On(Pending),
}

/// A test of two values at a fork.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    pub(crate) test: Test,
    pub(crate) left: Value,
    pub(crate) right: Value,
    pub(crate) then: Pending,
    pub(crate) other: Pending,
}

/// Whether an instruction can be executed as one.
enum Guard {
    /// Always.
    Passes,
    /// Only where the condition does not hold; where it holds the program ends with the function.
    EndsWhere(NodeId, NodeId),
}

impl<'d> Machine<'d> {
    pub(crate) fn new(
        diagrams: &'d mut Diagrams,
        program: &Program,
        wide_shift: WideShift,
    ) -> Result<Self, Halt> {
        let mut operations = Vec::with_room(program.len())?;
        operations.try_extend(program.operations())?;
        let live = Live::of(&operations)?;
        let (words, memories) = (Words::new(), Memories::new());
        Ok(Self { diagrams, operations, live, words, memories, wide_shift })
    }

    /// Executes up to the next fork or the end.
    pub(crate) fn advance(&mut self, way: Way) -> Result<Stop, Halt> {
        let mut place = match way {
            Way::Result(result) => return Ok(Stop::Result(result)),
            Way::On(place) => place,
        };
        loop {
            self.diagrams.budget.test()?;
            let operation = self.operations[place.index];
            match operation {
                Operation::Return(word) => return self.end(Value::Constant(word)),
                Operation::ReturnA => return self.end(place.state.a),
                Operation::Jump(skip) => place.index = target(place.index, skip),
                Operation::Branch { test, operand, jt, jf } => {
                    let (left, right) = (place.state.a, place.state.operand(operand));
                    let (Value::Constant(l), Value::Constant(r)) = (left, right) else {
                        return Ok(Stop::Fork(self.forgotten(place)?));
                    };
                    let skip = if test.holds(l, r) { jt } else { jf };
                    place.index = target(place.index, skip.into());
                }
                _ => match self.guard(operation, &place.state)? {
                    Guard::EndsWhere(TRUE, result) => return Ok(Stop::Result(result)),
                    Guard::Passes | Guard::EndsWhere(FALSE, _) => {
                        self.execute(operation, &mut place)?;
                        place.index += 1;
                    }
                    Guard::EndsWhere(..) => return Ok(Stop::Fork(self.forgotten(place)?)),
                },
            }
        }
    }

    /// The test at a fork, where it is one and not a guarded instruction.
    pub(crate) fn branch(&self, place: &Pending) -> Option<Branch> {
        let Operation::Branch { test, operand, jt, jf } = self.operations[place.index] else {
            return None;
        };
        let at = |skip: u8| Pending { index: target(place.index, skip.into()), ..*place };
        let (left, right) = (place.state.a, place.state.operand(operand));
        Some(Branch { test, left, right, then: at(jt), other: at(jf) })
    }

    /// The two ways from a fork with the condition that decides between them.
    pub(crate) fn fork(&mut self, place: &Pending) -> Result<Fork, Halt> {
        if let Some(Branch { test, left, right, then, other }) = self.branch(place) {
            let asked = match (left, right) {
                (Value::Word { word, mask }, Value::Constant(constant)) => {
                    Asked::Word((test, word, mask, constant))
                }
                _ => Asked::Condition(self.words.test(self.diagrams, test, left, right)?),
            };
            return Ok(Fork { asked, then: Way::On(then), other: Way::On(other) });
        }
        let operation = self.operations[place.index];
        let (condition, result) = match self.guard(operation, &place.state)? {
            Guard::Passes => (FALSE, DEPENDS),
            Guard::EndsWhere(condition, result) => (condition, result),
        };
        let mut next = *place;
        self.execute(operation, &mut next)?;
        next.index += 1;
        let asked = Asked::Condition(condition);
        Ok(Fork { asked, then: Way::Result(result), other: Way::On(next) })
    }

    fn guard(&mut self, operation: Operation, state: &State) -> Result<Guard, Halt> {
        let (test, limit, result) = match (operation, self.wide_shift) {
            (Operation::DivideByX, _) => {
                (Test::Equal, 0, self.diagrams.action(Action::KILL_THREAD)?)
            }
            (Operation::ShiftByX(_), WideShift::Undecided) => {
                (Test::GreaterOrEqual, u32::BITS, DEPENDS)
            }
            _ => return Ok(Guard::Passes),
        };
        let condition = self.words.test(self.diagrams, test, state.x, Value::Constant(limit))?;
        Ok(Guard::EndsWhere(condition, result))
    }

    fn execute(&mut self, operation: Operation, place: &mut Pending) -> Result<(), Halt> {
        let Pending { state, known, .. } = place;
        let (words, d) = (&mut self.words, &mut *self.diagrams);
        match operation {
            Operation::LoadImmediate(register, k) => state.set(register, Value::Constant(k)),
            Operation::LoadData(word) => state.a = known.load(word),
            Operation::LoadLength(register) => state.set(register, Value::Constant(DATA_SIZE)),
            Operation::LoadSlot(register, slot) => {
                state.set(register, self.memories.load(state, slot));
            }
            Operation::StoreSlot(register, slot) => {
                let value = state.register(register);
                self.memories.store(&mut d.budget, state, slot, value)?;
            }
            Operation::Alu(op, operand) => {
                state.a = words.alu(d, op, state.a, state.operand(operand))?;
            }
            Operation::DivideBy(k) => state.a = words.divide(d, state.a, constant(k.get()))?,
            Operation::DivideByX => state.a = words.divide(d, state.a, state.x)?,
            Operation::ShiftBy(to, amount) => {
                state.a = words.shift(d, to, state.a, constant(amount.bits().into()))?;
            }
            Operation::ShiftByX(to) => state.a = words.shift(d, to, state.a, state.x)?,
            Operation::Negate => {
                state.a = words.alu(d, callgate_bpf::Alu::Sub, constant(0), state.a)?;
            }
            Operation::CopyAToX => state.x = state.a,
            Operation::CopyXToA => state.a = state.x,
            // These end straight-line execution and never get here.
            Operation::Jump(_)
            | Operation::Branch { .. }
            | Operation::Return(_)
            | Operation::ReturnA => {}
        }
        Ok(())
    }

    /// The function that returns a value as an action.
    fn end(&mut self, value: Value) -> Result<Stop, Halt> {
        let d = &mut *self.diagrams;
        if let Value::Constant(word) = value {
            return d.action(Action::from_raw(word)).map(Stop::Result);
        }
        let bits = self.words.bits(d, value)?;
        let mut result = d.action(Action::from_raw(0))?;
        for (place, bit) in bits.into_iter().enumerate().filter(|&(_, bit)| bit != FALSE) {
            let with = d.with_bit(result, u32::try_from(place).unwrap_or(0))?;
            result = d.ite(bit, with, result)?;
        }
        Ok(Stop::Result(result))
    }

    /// Whether the rest of the program may load the number.
    pub(crate) fn loads_nr(&self, place: &Pending) -> bool {
        self.live[place.index].has(Live::NR)
    }

    fn forgotten(&mut self, mut place: Pending) -> Result<Pending, Halt> {
        let live = self.live[place.index];
        self.memories.forget(&mut self.diagrams.budget, &mut place, live)?;
        Ok(place)
    }
}

/// What `LD LEN` loads: the size of `seccomp_data`.
const DATA_SIZE: u32 = 64;

const fn constant(value: u32) -> Value {
    Value::Constant(value)
}

/// Where a jump leads; the checker keeps it inside the program, so that nothing saturates.
fn target(index: usize, skip: u32) -> usize {
    index.saturating_add(1).saturating_add(usize::try_from(skip).unwrap_or(usize::MAX))
}
