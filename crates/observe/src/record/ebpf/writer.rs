//! What the programs have in common.

use std::os::fd::AsFd;

use super::assembler::Reg::{Frame, R0, R1, R2, R3, R4, R6, R7, R8, R9};
use super::assembler::Size::{Double, Word};
use super::assembler::{Assembler, Helper, If, Label, Reg, Size};
use super::layout::{self, Awaited, State};
use super::maps::{Maps, Scope};
use super::places::{Narrowness, Places};
use crate::sys::bpf::Code;

/// What the programs are made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) maps: &'a Maps,
    pub(super) places: &'a Places,
    pub(super) scope: &'a Scope,
    /// What a thread says to be marked, which nobody else knows.
    pub(super) secret: u64,
}

// The stack.
pub(super) const TASK: i16 = -8;
const PAIR: i16 = -24;
const SCRATCH: i16 = -32;
pub(super) const REGISTERS: i16 = -320;
const NEWCOMER: i16 = -416;
// The key of a thread's call, within the thread's value.
const ARCH: i16 = layout::KEY + layout::ARCH;
const NR: i16 = layout::KEY + layout::NR;
const FLAGS: i16 = layout::KEY + layout::FLAGS;
pub(super) const THREAD: i16 = layout::KEY + layout::THREAD;
pub(super) const RESULT: i16 = layout::KEY + layout::RESULT;

/// A program that is being written.
pub(super) struct Writer<'a> {
    pub(super) asm: Assembler,
    plan: Plan<'a>,
    /// Where the program is left.
    pub(super) end: Label,
}

/// Where a thread is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Begin,
    End,
}

/// How much of a `task_struct` is sampled, in bytes.
pub(super) const SAMPLE: i32 = 32;

impl<'a> Writer<'a> {
    pub(super) fn new(plan: Plan<'a>) -> Self {
        let mut asm = Assembler::default();
        let end = asm.label();
        asm.copy(R6, R1);
        Self { asm, plan, end }
    }

    pub(super) fn finish(mut self) -> Option<Vec<Code>> {
        self.asm.place(self.end);
        self.asm.exit();
        self.asm.finish()
    }

    /// Finds the running thread, or leaves the program if it is not to be recorded.
    pub(super) fn find_thread(&mut self, at: At) {
        let (end, known, unknown) = (self.end, self.asm.label(), self.asm.label());
        self.asm.call(Helper::Task);
        self.asm.store(Double, Frame, TASK, R0);
        self.look_up_thread();
        self.asm.jump_if(R0, If::Equal, 0, unknown);
        self.asm.copy(R7, R0);
        self.asm.load(Word, R1, R7, layout::STATE);
        self.asm.jump_if(R1, If::Equal, State::Left as i32, end);
        self.leave_unless_in_group();
        self.asm.jump(known);
        self.asm.place(unknown);
        if at == At::Begin {
            self.mark_thread();
        }
        match self.plan.scope {
            Scope::Marked => self.asm.jump(end),
            Scope::Group(_) => self.leave_unless_in_group(),
            Scope::Processes { .. } => self.leave_unless_in_processes(),
        }
        if !matches!(self.plan.scope, Scope::Marked) {
            self.asm.set(R9, State::Recorded as i32);
            self.add_thread(Awaited::Begin);
            self.look_up_thread();
            self.asm.jump_if(R0, If::Equal, 0, end);
            self.asm.copy(R7, R0);
        }
        self.asm.place(known);
    }

    pub(super) fn look_up_thread(&mut self) {
        self.asm.map(R1, self.plan.maps.threads.as_fd());
        self.point(R2, TASK);
        self.asm.call(Helper::Lookup);
    }

    /// Adds the thread at `TASK` with the state in register 9.
    pub(super) fn add_thread(&mut self, awaited: Awaited) {
        let added = self.asm.label();
        for at in (NEWCOMER..TASK).step_by(8).take(layout::THREAD_VALUE_LEN as usize / 8) {
            self.asm.store_number(Double, Frame, at, 0);
        }
        self.asm.store(Word, Frame, NEWCOMER + layout::STATE, R9);
        self.asm.store_number(Word, Frame, NEWCOMER + layout::AWAITED, awaited as i32);
        self.asm.map(R1, self.plan.maps.threads.as_fd());
        self.point(R2, TASK);
        self.point(R3, NEWCOMER);
        self.asm.set(R4, 0);
        self.asm.call(Helper::Update);
        self.asm.jump_if(R0, If::Equal, 0, added);
        self.lose(layout::LOST_THREADS);
        self.asm.place(added);
    }

    /// A thread that knows the secret says how it wants to stand: the call's first registers.
    fn mark_thread(&mut self) {
        let (end, other) = (self.end, self.asm.label());
        let [first, second, ..] = self.plan.places.args;
        self.asm.load(Double, R1, R6, 8);
        self.asm.jump_if_word(R1, If::NotEqual, self.plan.places.getppid, other);
        self.read_register(first);
        self.asm.set_wide(R2, self.plan.secret);
        self.asm.jump_if_registers(R1, If::NotEqual, R2, other);
        self.read_register(second);
        self.asm.copy(R9, R1);
        self.add_thread(Awaited::Begin);
        self.asm.jump(end);
        self.asm.place(other);
    }

    fn leave_unless_in_group(&mut self) {
        let Scope::Group(_) = self.plan.scope else { return };
        self.asm.map(R1, self.plan.maps.group.as_fd());
        self.asm.set(R2, 0);
        self.asm.call(Helper::UnderGroup);
        self.asm.jump_if(R0, If::NotEqual, 1, self.end);
    }

    fn leave_unless_in_processes(&mut self) {
        let Scope::Processes { name_space } = self.plan.scope else { return };
        match name_space {
            None => {
                self.asm.call(Helper::ProcessAndThread);
                self.asm.shift_right(R0, 32);
            }
            Some((device, inode)) => {
                self.asm.store_number(Double, Frame, PAIR, 0);
                self.asm.set_wide(R1, *device);
                self.asm.set_wide(R2, *inode);
                self.point(R3, PAIR);
                self.asm.set(R4, 8);
                self.asm.call(Helper::ProcessAndThreadHere);
                self.asm.jump_if(R0, If::NotEqual, 0, self.end);
                self.asm.load(Word, R0, Frame, PAIR + 4);
            }
        }
        self.asm.store(Double, Frame, SCRATCH, R0);
        self.asm.map(R1, self.plan.maps.processes.as_fd());
        self.point(R2, SCRATCH);
        self.asm.call(Helper::Lookup);
        self.asm.jump_if(R0, If::Equal, 0, self.end);
    }

    /// Register 1 becomes one of the call's.
    fn read_register(&mut self, offset: i16) {
        self.asm.load(Double, R3, R6, 0);
        self.asm.add(R3, offset.into());
        self.point(R1, SCRATCH);
        self.asm.set(R2, 8);
        self.asm.call(Helper::ReadKernel);
        self.asm.load(Double, R1, Frame, SCRATCH);
    }

    pub(super) fn read_registers(&mut self) {
        self.asm.load(Double, R3, R6, 0);
        self.point(R1, REGISTERS);
        self.asm.set(R2, self.plan.places.len.into());
        self.asm.call(Helper::ReadKernel);
    }

    /// Register 9 becomes the call's number, as the registers have it.
    pub(super) fn load_number(&mut self) {
        let Places { number, number_is_word, .. } = self.plan.places;
        let size = if *number_is_word { Word } else { Double };
        self.asm.load(size, R9, Frame, REGISTERS + number);
    }

    /// Calls that change all registers, or have no number any more, leave -1.
    pub(super) fn skip_if_forgotten(&mut self, to: Label) {
        match self.plan.places.number_is_word {
            true => self.asm.jump_if_word(R9, If::Equal, -1, to),
            false => self.asm.jump_if(R9, If::Equal, -1, to),
        }
    }

    /// Describes the call with the number in register 9, whose registers are read.
    pub(super) fn describe_call(&mut self, flags: i32) {
        let (wide, done) = (self.asm.label(), self.asm.label());
        let places = self.plan.places;
        self.asm.store(Word, R7, NR, R9);
        self.asm.store_number(Double, R7, FLAGS, flags);
        self.asm.copy(R1, R7);
        self.asm.add(R1, (layout::KEY + layout::THREAD).into());
        self.asm.set(R2, layout::THREAD_LEN);
        self.asm.call(Helper::Name);
        self.tell_narrow_from_wide();
        for index in 0..6 {
            self.asm.store_number(Double, R7, register(index), 0);
        }
        self.asm.map(R1, self.plan.maps.interests.as_fd());
        self.asm.copy(R2, R7);
        self.asm.add(R2, ARCH.into());
        self.asm.call(Helper::Lookup);
        self.asm.jump_if(R0, If::Equal, 0, done);
        self.asm.copy(R9, R0);
        self.asm.load(Word, R1, R7, ARCH);
        self.asm.jump_if_word(R1, If::Equal, token(places.native), wide);
        self.keep_registers(Word, places.narrow_args);
        self.asm.jump(done);
        self.asm.place(wide);
        self.keep_registers(Double, places.args);
        self.asm.place(done);
    }

    fn tell_narrow_from_wide(&mut self) {
        let wide = self.asm.label();
        let places = self.plan.places;
        self.asm.store_number(Word, R7, ARCH, token(places.native));
        let bit = match places.narrowness {
            Narrowness::Never => return,
            Narrowness::Task { offset, bit } => {
                self.asm.load(Double, R3, Frame, TASK);
                self.asm.add(R3, offset);
                self.point(R1, SCRATCH);
                self.asm.set(R2, 4);
                self.asm.call(Helper::ReadKernel);
                self.asm.load(Word, R1, Frame, SCRATCH);
                bit
            }
            Narrowness::Registers { offset, bit } => {
                self.asm.load(Word, R1, Frame, REGISTERS + offset);
                bit
            }
        };
        self.asm.and(R1, bit);
        self.asm.jump_if(R1, If::Equal, 0, wide);
        self.asm.store_number(Word, R7, ARCH, token(places.narrow));
        self.asm.place(wide);
    }

    /// Keeps what the interest in register 9 says of each register.
    fn keep_registers(&mut self, size: Size, places: [i16; 6]) {
        for (index, (place, bit)) in (0..).zip(places.into_iter().zip([1, 2, 4, 8, 16, 32])) {
            let kept = self.asm.label();
            self.asm.load(size, R1, Frame, REGISTERS + place);
            self.asm.load(Double, R2, R9, 8 * index);
            self.asm.and_register(R1, R2);
            self.asm.load(Double, R2, R9, layout::GIVEN);
            self.asm.and(R2, bit);
            self.asm.jump_if(R2, If::Equal, 0, kept);
            self.asm.jump_if(R1, If::Equal, 0, kept);
            self.asm.set(R1, 1);
            self.asm.place(kept);
            self.asm.store(Double, R7, register(index), R1);
        }
    }

    /// Keeps the result if it is an error, and else 0.
    pub(super) fn keep_result(&mut self) {
        const ERROR_MAX: i32 = 4095;
        let (good, kept) = (self.asm.label(), self.asm.label());
        self.asm.load(Double, R8, R6, 8);
        self.asm.jump_if(R8, If::AtLeast, 0, good);
        self.asm.jump_if(R8, If::Below, -ERROR_MAX, good);
        self.asm.jump(kept);
        self.asm.place(good);
        self.asm.set(R8, 0);
        self.asm.place(kept);
        self.asm.store(Double, R7, RESULT, R8);
    }

    /// Counts the observation of the thread's value, tells of it if it was not told of late, and
    /// goes on at `after`.
    pub(super) fn record(&mut self, after: Label) {
        const ONLY_IF_NEW: i32 = 1;
        let (found, tell) = (self.asm.label(), self.asm.label());
        self.look_up_observation();
        self.asm.jump_if(R0, If::NotEqual, 0, found);
        self.asm.value(R1, self.plan.maps.epoch.as_fd());
        self.asm.load(Double, R1, R1, 0);
        self.asm.store(Double, Frame, PAIR + layout::EPOCH, R1);
        self.asm.store_number(Double, Frame, PAIR + layout::COUNT, 1);
        self.asm.map(R1, self.plan.maps.seen.as_fd());
        self.point_to_key(R2);
        self.point(R3, PAIR);
        self.asm.set(R4, ONLY_IF_NEW);
        self.asm.call(Helper::Update);
        self.asm.jump_if(R0, If::Equal, 0, tell);
        // Another CPU was first, or there is no room: then it is told of each time.
        self.look_up_observation();
        self.asm.jump_if(R0, If::NotEqual, 0, found);
        self.tell();
        self.asm.jump_if(R0, If::Equal, 0, after);
        self.lose(layout::LOST_CALLS);
        self.asm.jump(after);
        self.asm.place(found);
        self.asm.set(R1, 1);
        self.asm.count(R0, layout::COUNT, R1);
        self.asm.value(R1, self.plan.maps.epoch.as_fd());
        self.asm.load(Double, R1, R1, 0);
        self.asm.load(Double, R2, R0, layout::EPOCH);
        self.asm.jump_if_registers(R1, If::Equal, R2, after);
        self.asm.store(Double, R0, layout::EPOCH, R1);
        self.asm.place(tell);
        // If the ring is full the map still has it.
        self.tell();
    }

    fn look_up_observation(&mut self) {
        self.asm.map(R1, self.plan.maps.seen.as_fd());
        self.point_to_key(R2);
        self.asm.call(Helper::Lookup);
    }

    fn tell(&mut self) {
        self.asm.map(R1, self.plan.maps.ring.as_fd());
        self.point_to_key(R2);
        self.asm.set(R3, layout::KEY_LEN);
        self.asm.set(R4, 0);
        self.asm.call(Helper::WriteRing);
    }

    fn lose(&mut self, what: i16) {
        self.asm.value(R1, self.plan.maps.lost.as_fd());
        self.asm.set(R2, 1);
        self.asm.count(R1, what, R2);
    }

    pub(super) fn point(&mut self, to: Reg, at: i16) {
        self.asm.copy(to, Frame);
        self.asm.add(to, at.into());
    }

    fn point_to_key(&mut self, to: Reg) {
        self.asm.copy(to, R7);
        self.asm.add(to, layout::KEY.into());
    }
}

const fn register(index: i16) -> i16 {
    layout::KEY + layout::REGISTERS + 8 * index
}

const fn token(arch: callgate_syscalls::ArchToken) -> i32 {
    i32::from_ne_bytes(arch.raw().to_ne_bytes())
}
