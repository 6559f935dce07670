//! What registers hold at the traps and calls of one function.

use std::collections::{BTreeMap, BTreeSet};

use crate::decode::decode;
use crate::image::Image;
use crate::machine::{Effect, Flow, Insn, Reg, Target, Trap};
use crate::sweep::Code;
use crate::values::{Atom, State, Value};

/// A place of a function at which control goes elsewhere.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) at: u64,
    pub(crate) kind: Kind,
    /// Before it.
    pub(crate) state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Trap(Trap),
    /// A call, or a jump out of the function where `pushes` is not set: to the addresses, or to
    /// where the pointers at the addresses lead.
    Call {
        targets: Value,
        pushes: bool,
    },
    /// A value is stored at an address.
    Store {
        to: u64,
        value: Value,
    },
}

/// The steps that a function may take for each of its instructions: what joins grows at most a few
/// times. Beyond, nothing is known of it.
const STEPS_PER_INSTRUCTION: usize = 64;

/// The instructions of a function, in order.
struct Body {
    insns: Vec<(u64, Insn)>,
    range: std::ops::Range<u64>,
}

/// Follows the values in a function to each of its sites.
pub(crate) fn sites(image: &Image, code: &Code, function: usize) -> Vec<Site> {
    let body = Body::of(image, code.range(image, function));
    let entries = entered_from_outside(image, code, function, &body);
    let states = body.settle(image, code, &entries);
    body.collect(image, &states)
}

/// The places inside to which other functions jump: nothing is known there.
fn entered_from_outside(
    image: &Image,
    code: &Code,
    function: usize,
    body: &Body,
) -> BTreeSet<usize> {
    let mut entries = BTreeSet::new();
    if code.is_fallen_into(image, function) {
        entries.insert(0);
    }
    let inside = code.jumps_into(&body.range);
    entries.extend(inside.filter_map(|to| body.index_of(to)));
    entries
}

impl Body {
    fn of(image: &Image, range: std::ops::Range<u64>) -> Self {
        let bytes = image.bytes_at(range.start).unwrap_or_default();
        let mut insns = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let skip = usize::try_from(at - range.start).unwrap_or(usize::MAX);
            let Some(rest) = bytes.get(skip..).filter(|rest| !rest.is_empty()) else { break };
            let insn = decode(image.machine, rest, at);
            insns.push((at, insn));
            at += u64::from(insn.len);
        }
        Self { insns, range }
    }

    fn index_of(&self, at: u64) -> Option<usize> {
        self.insns.binary_search_by_key(&at, |(at, _)| *at).ok()
    }

    /// The states before the instructions at which blocks begin.
    fn settle(
        &self,
        image: &Image,
        code: &Code,
        entries: &BTreeSet<usize>,
    ) -> BTreeMap<usize, State> {
        let leaders = self.leaders();
        let by_table = self.only_by_table(&leaders);
        let mut arrived = Arrived { image, states: BTreeMap::new(), queue: BTreeSet::new() };
        arrived.at(0, &State::entry(image.machine));
        for &entry in entries {
            arrived.states.entry(entry).or_insert_with(State::unknown).join(&State::unknown());
            arrived.queue.insert(entry);
        }
        let mut budget = self.insns.len().saturating_mul(STEPS_PER_INSTRUCTION).max(1 << 12);
        while let Some((leader, mut state)) = arrived.next() {
            for index in leader..self.insns.len() {
                if index > leader && leaders.contains(&index) {
                    arrived.at(index, &state);
                    break;
                }
                budget = budget.saturating_sub(1);
                self.step(image, &self.insns[index].1, &mut state);
                self.spread(index, &mut state, &by_table, &mut arrived);
                if is_last(image, code, self.insns[index].1.flow) {
                    break;
                }
            }
            if budget == 0 {
                return leaders.into_iter().map(|leader| (leader, State::unknown())).collect();
            }
        }
        let mut states = arrived.states;
        for leader in leaders {
            states.entry(leader).or_insert_with(State::unknown);
        }
        states
    }

    /// Hands a state on to where an instruction jumps.
    fn spread(
        &self,
        index: usize,
        state: &mut State,
        by_table: &[usize],
        arrived: &mut Arrived<'_>,
    ) {
        match self.insns[index].1.flow {
            Flow::Branch(to) => {
                let learned = self.learned(index);
                if let Some(to) = self.index_of(to) {
                    let mut there = state.clone();
                    if let Some((register, value, true)) = learned {
                        there.learn(register, value);
                    }
                    arrived.at(to, &there);
                }
                if let Some((register, value, false)) = learned {
                    state.learn(register, value);
                }
            }
            Flow::Jump(Target::At(to)) => {
                if let Some(to) = self.index_of(to) {
                    arrived.at(to, state);
                }
            }
            Flow::Jump(_) => by_table.iter().for_each(|&to| arrived.at(to, state)),
            _ => {}
        }
    }

    /// Where blocks begin: at targets of jumps and behind what does not go on.
    fn leaders(&self) -> BTreeSet<usize> {
        let mut leaders = BTreeSet::from([0]);
        for (index, (_, insn)) in self.insns.iter().enumerate() {
            if let Flow::Branch(to) | Flow::Jump(Target::At(to)) = insn.flow {
                leaders.extend(self.index_of(to));
            }
            let ends =
                matches!(insn.flow, Flow::Jump(_) | Flow::Return | Flow::Stop | Flow::Branch(_));
            if ends && index + 1 < self.insns.len() {
                leaders.insert(index + 1);
            }
        }
        leaders
    }

    /// Blocks that no jump of the function names: tables of jumps lead to them.
    fn only_by_table(&self, leaders: &BTreeSet<usize>) -> Vec<usize> {
        let mut named = BTreeSet::from([0]);
        for (index, (_, insn)) in self.insns.iter().enumerate() {
            if let Flow::Branch(to) | Flow::Jump(Target::At(to)) = insn.flow {
                named.extend(self.index_of(to));
            }
            if !matches!(insn.flow, Flow::Jump(_) | Flow::Return | Flow::Stop) {
                named.insert(index + 1);
            }
        }
        leaders.difference(&named).copied().collect()
    }

    /// What a branch says of a register: its value, and whether where it is taken or where not.
    fn learned(&self, index: usize) -> Option<(Reg, u64, bool)> {
        let (_, branch) = &self.insns[index];
        let before = index.checked_sub(1).and_then(|before| self.insns[before].1.compares);
        let (register, value) = branch.compares.or(before)?;
        Some((register, value, branch.taken_if_equal?))
    }

    fn step(&self, image: &Image, insn: &Insn, state: &mut State) {
        for effect in insn.effects {
            state.apply(effect);
        }
        match insn.flow {
            Flow::Call(_) => state.call(image.machine, !image.is_go()),
            Flow::Trap(_) => state.forget(image.machine.changed_by_kernel()),
            _ => {}
        }
    }

    fn collect(&self, image: &Image, states: &BTreeMap<usize, State>) -> Vec<Site> {
        let mut found = Vec::new();
        let mut state = State::unknown();
        for (index, (at, insn)) in self.insns.iter().enumerate() {
            if let Some(known) = states.get(&index) {
                state = known.clone();
            }
            for effect in insn.effects {
                if let Some(kind) = stored(effect, &state) {
                    found.push(Site { at: *at, kind, state: state.clone() });
                }
            }
            if let Some(kind) = self.kind(insn, &state) {
                found.push(Site { at: *at, kind, state: state.clone() });
            }
            self.step(image, insn, &mut state);
        }
        found
    }

    fn kind(&self, insn: &Insn, state: &State) -> Option<Kind> {
        let targets = |place: Target| match place {
            Target::At(to) => vec![Atom::Const(to)],
            Target::Slot(slot) => vec![Atom::Cell(slot)],
            Target::Reg(register) => state.register(register).clone(),
            Target::Unknown => vec![Atom::Unknown],
        };
        match insn.flow {
            Flow::Trap(trap) => Some(Kind::Trap(trap)),
            Flow::Call(place) => Some(Kind::Call { targets: targets(place), pushes: true }),
            Flow::Jump(Target::At(to)) | Flow::Branch(to) if self.range.contains(&to) => None,
            Flow::Jump(place) => Some(Kind::Call { targets: targets(place), pushes: false }),
            Flow::Branch(to) => Some(Kind::Call { targets: vec![Atom::Const(to)], pushes: false }),
            _ => None,
        }
    }
}

/// The states with which blocks are entered, and which of them have more to say.
struct Arrived<'i> {
    image: &'i Image,
    states: BTreeMap<usize, State>,
    queue: BTreeSet<usize>,
}

impl Arrived<'_> {
    /// A block is entered with a state.
    fn at(&mut self, block: usize, state: &State) {
        let mut state = state.clone();
        if block == 0 {
            state.restart(self.image.machine);
        }
        let grew = match self.states.get_mut(&block) {
            Some(known) => known.join(&state),
            None => {
                self.states.insert(block, state);
                true
            }
        };
        if grew {
            self.queue.insert(block);
        }
    }

    fn next(&mut self) -> Option<(usize, State)> {
        let block = self.queue.pop_first()?;
        Some((block, self.states.get(&block)?.clone()))
    }
}

/// Whether what follows an instruction is not reached from it.
fn is_last(image: &Image, code: &Code, flow: Flow) -> bool {
    match flow {
        Flow::Call(Target::At(to)) => code.is_final(image, to),
        flow => matches!(flow, Flow::Jump(_) | Flow::Return | Flow::Stop),
    }
}

/// A store to an address that is known.
fn stored(effect: Effect, state: &State) -> Option<Kind> {
    match effect {
        Effect::StoreAt { at, from } => Some(Kind::Store { to: at, value: state.value(from) }),
        Effect::Store { base, disp, from, .. } => match state.register(base).as_slice() {
            [Atom::Const(at)] => {
                let to = at.wrapping_add_signed(disp);
                Some(Kind::Store { to, value: state.value(from) })
            }
            _ => None,
        },
        _ => None,
    }
}
