//! What registers and the stack may hold.

use std::collections::BTreeMap;

use crate::machine::{Effect, Expr, Machine, REGS, Reg};

/// One thing that a register may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Atom {
    Const(u64),
    /// What the function was called with.
    Origin(Origin),
    /// An address in the function's frame: relative to the stack pointer at its start.
    Frame(i64),
    /// What memory holds at an address.
    Cell(u64),
    /// What memory holds where a cell points to, plus a constant.
    BehindCell(u64, i64),
    Unknown,
}

/// A place from which a value comes into a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Origin {
    Reg(Reg),
    /// The caller's stack, relative to the stack pointer at the function's start.
    Stack(i64),
    /// Memory at a register plus a constant.
    Behind(Reg, i64),
}

/// What a register may hold: at most [`ATOMS_MAX`] things, sorted.
pub(crate) type Value = Vec<Atom>;

/// The most things that a register may hold before it is unknown. glibc's widest choice of a
/// number has four.
const ATOMS_MAX: usize = 16;

/// The most bytes that an instruction stores.
const STORED_MAX: i64 = 64;

/// The registers and the frame at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    regs: [Value; REGS],
    /// What is stored where in the frame, and how many bytes it has.
    frame: BTreeMap<i64, (u8, Value)>,
}

impl State {
    /// At the start of a function.
    pub(crate) fn entry(machine: Machine) -> Self {
        let mut regs = [0; REGS].map(|_| Value::new());
        for (number, value) in (0..).zip(&mut regs) {
            value.push(Atom::Origin(Origin::Reg(number)));
        }
        regs[usize::from(machine.stack_pointer())] = vec![Atom::Frame(0)];
        Self { regs, frame: BTreeMap::new() }
    }

    /// Where nothing is known.
    pub(crate) fn unknown() -> Self {
        Self { regs: [0; REGS].map(|_| vec![Atom::Unknown]), frame: BTreeMap::new() }
    }

    pub(crate) fn register(&self, register: Reg) -> &Value {
        &self.regs[usize::from(register)]
    }

    fn set(&mut self, register: Reg, value: Value) {
        self.regs[usize::from(register)] = value;
    }

    /// Takes in what another way brings; whether that is more.
    pub(crate) fn join(&mut self, other: &Self) -> bool {
        let mut grew = false;
        for (mine, theirs) in self.regs.iter_mut().zip(&other.regs) {
            grew |= join(mine, theirs);
        }
        // What only one way has stored is not known.
        let before = self.frame.len();
        self.frame.retain(|offset, (bytes, _)| {
            other.frame.get(offset).is_some_and(|(theirs, _)| theirs == bytes)
        });
        grew |= self.frame.len() != before;
        for (offset, (_, mine)) in &mut self.frame {
            if let Some((_, theirs)) = other.frame.get(offset) {
                grew |= join(mine, theirs);
            }
        }
        grew
    }

    /// What the frame holds at an offset.
    pub(crate) fn frame_at(&self, offset: i64) -> Value {
        match self.frame.get(&offset) {
            Some((_, value)) => value.clone(),
            None if offset >= 0 => vec![Atom::Origin(Origin::Stack(offset))],
            None => vec![Atom::Unknown],
        }
    }

    pub(crate) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::None | Effect::StoreAt { .. } => {}
            Effect::Set { to, from, narrow } => {
                let mut value = self.value(from);
                if narrow {
                    value = map(&value, narrowed);
                }
                self.set(to, value);
            }
            Effect::Store { base, disp, from, bytes } => {
                let value = self.value(from);
                self.store(base, disp, (bytes, value));
            }
        }
    }

    fn store(&mut self, base: Reg, disp: i64, (bytes, value): (u8, Value)) {
        match self.register(base).as_slice() {
            [Atom::Frame(offset)] => {
                let at = offset.wrapping_add(disp);
                let end = at.saturating_add(i64::from(bytes));
                let overlaps = |(&near, (bytes, _)): (&i64, &(u8, Value))| {
                    (near.saturating_add(i64::from(*bytes)) > at).then_some(near)
                };
                let range = at.saturating_sub(STORED_MAX)..end.max(at);
                let old: Vec<i64> = self.frame.range(range).filter_map(overlaps).collect();
                for near in old {
                    self.frame.remove(&near);
                }
                self.frame.insert(at, (bytes, value));
            }
            atoms if atoms.iter().any(|atom| matches!(atom, Atom::Frame(_))) => self.frame.clear(),
            _ => {}
        }
    }

    /// Where a function begins, the stack is as its caller left it, also where it jumps there
    /// itself.
    pub(crate) fn restart(&mut self, machine: Machine) {
        self.set(machine.stack_pointer(), vec![Atom::Frame(0)]);
        self.frame.clear();
    }

    /// Where a register was found to hold a value.
    pub(crate) fn learn(&mut self, register: Reg, value: u64) {
        self.set(register, vec![Atom::Const(value)]);
    }

    /// After a call: what functions may change is unknown.
    pub(crate) fn call(&mut self, machine: Machine, preserves: bool) {
        for number in 0..u8::try_from(REGS).unwrap_or(0) {
            let kept = number == machine.stack_pointer();
            if !(kept || preserves && machine.is_preserved(number)) {
                self.set(number, vec![Atom::Unknown]);
            }
        }
    }

    pub(crate) fn forget(&mut self, registers: &[Reg]) {
        for &register in registers {
            self.set(register, vec![Atom::Unknown]);
        }
    }

    pub(crate) fn value(&self, expr: Expr) -> Value {
        match expr {
            Expr::Const(value) => vec![Atom::Const(value)],
            Expr::Pair(a, b) => united(&vec![Atom::Const(a)], &vec![Atom::Const(b)]),
            Expr::Reg(register, 0) => self.register(register).clone(),
            Expr::Reg(register, add) => map(self.register(register), |atom| plus(atom, add)),
            Expr::And(register, mask) => map(self.register(register), |atom| match atom {
                Atom::Const(value) => Atom::Const(value & mask),
                _ => Atom::Unknown,
            }),
            Expr::LowByte(register, byte) => map(self.register(register), |atom| match atom {
                Atom::Const(value) => Atom::Const(value & !0xff | u64::from(byte)),
                _ => Atom::Unknown,
            }),
            Expr::Either(a, b, add) => {
                let b = map(self.register(b), |atom| plus(atom, add));
                united(self.register(a), &b)
            }
            Expr::RegOr(register, value) => {
                united(self.register(register), &vec![Atom::Const(value)])
            }
            Expr::LoadAt(at) => vec![Atom::Cell(at)],
            Expr::Load(base, disp) => {
                let loaded = self.register(base).iter().map(|&atom| self.behind(atom, disp));
                loaded.reduce(|a, b| united(&a, &b)).unwrap_or_default()
            }
            Expr::Unknown => vec![Atom::Unknown],
        }
    }

    /// What memory holds at an address plus a constant.
    pub(crate) fn behind(&self, address: Atom, disp: i64) -> Value {
        match address {
            Atom::Frame(offset) => self.frame_at(offset.wrapping_add(disp)),
            Atom::Origin(Origin::Reg(register)) => {
                vec![Atom::Origin(Origin::Behind(register, disp))]
            }
            Atom::Const(at) => vec![Atom::Cell(at.wrapping_add_signed(disp))],
            Atom::Cell(at) => vec![Atom::BehindCell(at, disp)],
            Atom::Origin(_) | Atom::BehindCell(..) | Atom::Unknown => vec![Atom::Unknown],
        }
    }
}

fn plus(atom: Atom, add: i64) -> Atom {
    match atom {
        Atom::Const(value) => Atom::Const(value.wrapping_add_signed(add)),
        Atom::Frame(offset) => Atom::Frame(offset.wrapping_add(add)),
        other if add == 0 => other,
        _ => Atom::Unknown,
    }
}

/// The lower half of what a register holds. What a function was called with stays: numbers have 32
/// bits, and a caller's upper half does not matter.
const fn narrowed(atom: Atom) -> Atom {
    match atom {
        Atom::Const(value) => Atom::Const(value & 0xffff_ffff),
        Atom::Frame(_) => Atom::Unknown,
        other => other,
    }
}

fn map(value: &Value, each: impl Fn(Atom) -> Atom) -> Value {
    let mut mapped: Value = value.iter().map(|&atom| each(atom)).collect();
    mapped.sort_unstable();
    mapped.dedup();
    mapped
}

pub(crate) fn united(a: &Value, b: &Value) -> Value {
    let mut both = a.clone();
    join(&mut both, b);
    both
}

/// Adds what another value may be; whether that is more.
fn join(mine: &mut Value, theirs: &Value) -> bool {
    let mut grew = false;
    for &atom in theirs {
        if let Err(place) = mine.binary_search(&atom) {
            mine.insert(place, atom);
            grew = true;
        }
    }
    if mine.len() > ATOMS_MAX {
        *mine = vec![Atom::Unknown];
    }
    grew
}
