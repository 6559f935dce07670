//! The symbolic state of a program between two instructions, without what can no longer matter.
//!
//! Two ways through a program that reach the same instruction in the same state continue alike, so the work is done
//! once. To find them alike, registers and slots that will be written before they are read are forgotten.

use callgate_bpf::{DataWord, Operand, Operation, Register, Slot};
use callgate_memory::{Grow, Interner};

use crate::budget::{Budget, Halt};
use crate::word::Value;

/// An instruction about to be executed in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pending {
    pub(crate) index: usize,
    pub(crate) state: State,
    pub(crate) known: Known,
}

/// What is known of the call, as far as the rest of the program may load it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Known {
    pub(crate) nr: Option<u32>,
    pub(crate) token: Option<u32>,
}

/// The registers and the scratch memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) a: Value,
    pub(crate) x: Value,
    slots: MemoryId,
}

/// A content of the scratch memory, kept in [`Memories`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct MemoryId(u32);

type Memory = [Value; Slot::COUNT as usize];

const ZERO: Value = Value::Constant(0);
const ALL_ZERO: Memory = [ZERO; Slot::COUNT as usize];

impl Pending {
    /// The first instruction of a program, all zero.
    pub(crate) const fn start(known: Known) -> Self {
        Self { index: 0, state: State { a: ZERO, x: ZERO, slots: MemoryId(0) }, known }
    }
}

impl Known {
    /// The value that a load gives.
    pub(crate) fn load(self, word: DataWord) -> Value {
        let known = match word {
            DataWord::NR => self.nr,
            DataWord::ARCH => self.token,
            _ => None,
        };
        known.map_or(Value::word(word), Value::Constant)
    }
}

impl State {
    pub(crate) const fn operand(&self, operand: Operand) -> Value {
        match operand {
            Operand::K(constant) => Value::Constant(constant),
            Operand::X => self.x,
        }
    }

    pub(crate) const fn set(&mut self, register: Register, value: Value) {
        match register {
            Register::A => self.a = value,
            Register::X => self.x = value,
        }
    }

    pub(crate) const fn register(&self, register: Register) -> Value {
        match register {
            Register::A => self.a,
            Register::X => self.x,
        }
    }
}

/// The contents of the scratch memory that occur, each kept once, the first under the number 1:
/// under 0 all are zero, and most programs know no other.
#[derive(Debug)]
pub(crate) struct Memories(Interner<Memory>);

impl Memories {
    pub(crate) const fn new() -> Self {
        Self(Interner::new())
    }

    pub(crate) fn load(&self, state: &State, slot: Slot) -> Value {
        self.of(state)[usize::from(slot.index())]
    }

    fn of(&self, state: &State) -> Memory {
        match state.slots.0.checked_sub(1) {
            Some(number) => self.0[number],
            None => ALL_ZERO,
        }
    }

    pub(crate) fn store(
        &mut self,
        budget: &mut Budget,
        state: &mut State,
        slot: Slot,
        value: Value,
    ) -> Result<(), Halt> {
        let mut memory = self.of(state);
        memory[usize::from(slot.index())] = value;
        state.slots = self.intern(budget, memory)?;
        Ok(())
    }

    /// Forgets what is not live.
    pub(crate) fn forget(
        &mut self,
        budget: &mut Budget,
        place: &mut Pending,
        live: Live,
    ) -> Result<(), Halt> {
        let Pending { state, known, .. } = place;
        known.nr = known.nr.filter(|_| live.has(Live::NR));
        known.token = known.token.filter(|_| live.has(Live::TOKEN));
        if !live.has(Live::A) {
            state.a = ZERO;
        }
        if !live.has(Live::X) {
            state.x = ZERO;
        }
        if state.slots != MemoryId(0) {
            let mut memory = self.of(state);
            for (index, value) in memory.iter_mut().enumerate() {
                if !live.has(Live(1 << index)) {
                    *value = ZERO;
                }
            }
            state.slots = self.intern(budget, memory)?;
        }
        Ok(())
    }

    fn intern(&mut self, budget: &mut Budget, memory: Memory) -> Result<MemoryId, Halt> {
        if memory == ALL_ZERO {
            return Ok(MemoryId(0));
        }
        let (id, new) = self.0.entry(memory)?;
        if new {
            budget.take(size_of::<Memory>() + 8)?;
        }
        Ok(MemoryId(id + 1))
    }
}

/// What may be read before it is written: a bit for each slot, then A, X, number and arch token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Live(u32);

impl Live {
    const NONE: Self = Self(0);
    const A: Self = Self(1 << Slot::COUNT);
    const X: Self = Self(2 << Slot::COUNT);
    pub(crate) const NR: Self = Self(4 << Slot::COUNT);
    const TOKEN: Self = Self(8 << Slot::COUNT);

    /// What is live before each instruction of a program.
    pub(crate) fn of(operations: &[Operation]) -> Result<Vec<Self>, Halt> {
        let mut live = Vec::with_room(operations.len())?;
        live.try_resize(operations.len(), Self::NONE)?;
        for (index, &operation) in operations.iter().enumerate().rev() {
            let after = |skip: u32| {
                let target = usize::try_from(skip).ok().map(|skip| index + 1 + skip);
                target.and_then(|target| live.get(target)).copied().unwrap_or(Self::NONE)
            };
            let after = match operation {
                Operation::Return(_) | Operation::ReturnA => Self::NONE,
                Operation::Jump(skip) => after(skip),
                Operation::Branch { jt, jf, .. } => after(jt.into()).with(after(jf.into())),
                _ => after(0),
            };
            live[index] = after.before(operation);
        }
        Ok(live)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    fn before(self, operation: Operation) -> Self {
        let register = |register| if register == Register::A { Self::A } else { Self::X };
        let operand = |operand| if operand == Operand::X { Self::X } else { Self::NONE };
        let memory = |slot: Slot| Self(1 << slot.index());
        match operation {
            Operation::LoadImmediate(r, _) | Operation::LoadLength(r) => self.without(register(r)),
            Operation::LoadData(DataWord::NR) => self.without(Self::A).with(Self::NR),
            Operation::LoadData(DataWord::ARCH) => self.without(Self::A).with(Self::TOKEN),
            Operation::LoadData(_) => self.without(Self::A),
            Operation::LoadSlot(r, slot) => self.without(register(r)).with(memory(slot)),
            Operation::StoreSlot(r, slot) => self.without(memory(slot)).with(register(r)),
            Operation::Alu(_, o) | Operation::Branch { operand: o, .. } => {
                self.with(Self::A).with(operand(o))
            }
            Operation::DivideByX | Operation::ShiftByX(_) => self.with(Self::A).with(Self::X),
            Operation::DivideBy(_)
            | Operation::ShiftBy(..)
            | Operation::Negate
            | Operation::ReturnA => self.with(Self::A),
            Operation::Jump(_) | Operation::Return(_) => self,
            Operation::CopyAToX => self.without(Self::X).with(Self::A),
            Operation::CopyXToA => self.without(Self::A).with(Self::X),
        }
    }
}
