//! The programs, one for each tracepoint.
//!
//! In all of them register 6 holds what the tracepoint hands over, and register 7 the value of the
//! thread, once that is found.

use std::os::fd::AsFd;

use super::assembler::Reg::{Frame, R0, R1, R2, R3, R4, R6, R7, R9};
use super::assembler::Size::{Double, Word};
use super::assembler::{Helper, If};
use super::layout::{self, Awaited, State};
use super::writer::{At, Plan, REGISTERS, RESULT, SAMPLE, TASK, THREAD, Writer};
use crate::sys::bpf::{Code, Map};

/// At `sys_enter`: keeps the call until its end.
pub(super) fn begin(plan: Plan<'_>) -> Option<Vec<Code>> {
    let mut it = Writer::new(plan);
    it.find_thread(At::Begin);
    let (go, ready) = (it.asm.label(), it.asm.label());
    it.asm.load(Word, R1, R7, layout::STATE);
    it.asm.load(Double, R9, R6, 8);
    it.asm.jump_if(R1, If::Equal, State::Recorded as i32, go);
    let (end, execve) = (it.end, plan.places.execve);
    it.asm.jump_if_word(R9, If::NotEqual, execve, end);
    it.asm.jump(ready);
    it.asm.place(go);
    // The end of the call before was missed.
    it.asm.load(Word, R1, R7, layout::AWAITED);
    it.asm.jump_if(R1, If::NotEqual, Awaited::End as i32, ready);
    it.asm.store_number(Double, R7, RESULT, layout::NO_RESULT);
    it.record(ready);
    it.asm.place(ready);
    it.read_registers();
    it.describe_call(0);
    it.asm.store_number(Word, R7, layout::AWAITED, Awaited::End as i32);
    it.asm.load(Word, R1, R7, layout::STATE);
    it.asm.jump_if(R1, If::Equal, State::Recorded as i32, end);
    // Until it has executed the command its name is the recorder's.
    it.asm.store_number(Double, R7, THREAD, 0);
    it.asm.store_number(Double, R7, THREAD + 8, 0);
    it.finish()
}

/// At `sys_exit`: records the call with its result.
pub(super) fn end(plan: Plan<'_>) -> Option<Vec<Code>> {
    let mut it = Writer::new(plan);
    it.find_thread(At::End);
    let [begun, birth, result, recorded, counted] = [(); 5].map(|()| it.asm.label());
    let end = it.end;
    it.asm.load(Word, R1, R7, layout::AWAITED);
    it.asm.jump_if(R1, If::Equal, Awaited::Birth as i32, birth);
    it.read_registers();
    it.load_number();
    it.asm.load(Word, R1, R7, layout::AWAITED);
    it.asm.jump_if(R1, If::Equal, Awaited::End as i32, begun);
    // A filter refused the call, or it began before the recording.
    it.asm.load(Word, R1, R7, layout::STATE);
    it.asm.jump_if(R1, If::NotEqual, State::Recorded as i32, end);
    it.skip_if_forgotten(end);
    it.describe_call(layout::ONLY_END);
    it.asm.jump(result);
    it.asm.place(begun);
    it.asm.store_number(Double, R7, RESULT, layout::NO_RESULT);
    // The way back from a signal, whose result is that of another call.
    it.skip_if_forgotten(recorded);
    it.asm.place(result);
    it.keep_result();
    it.asm.place(recorded);
    it.asm.store_number(Word, R7, layout::AWAITED, Awaited::Begin as i32);
    it.asm.load(Word, R1, R7, layout::STATE);
    it.asm.jump_if(R1, If::Equal, State::Recorded as i32, counted);
    let executed = it.asm.label();
    it.asm.load(Double, R1, R7, RESULT);
    it.asm.jump_if(R1, If::Equal, 0, executed);
    it.asm.store_number(Word, R7, layout::STATE, State::Left as i32);
    it.asm.jump(end);
    it.asm.place(executed);
    it.asm.store_number(Word, R7, layout::STATE, State::Recorded as i32);
    it.asm.place(counted);
    it.record(end);
    it.asm.jump(end);
    it.asm.place(birth);
    it.asm.store_number(Word, R7, layout::AWAITED, Awaited::Begin as i32);
    it.finish()
}

/// At `sched_process_fork`: a thread's children are recorded as it is.
pub(super) fn birth(plan: Plan<'_>) -> Option<Vec<Code>> {
    let mut it = Writer::new(plan);
    it.asm.load(Double, R1, R6, 0);
    it.asm.store(Double, Frame, TASK, R1);
    it.look_up_thread();
    let end = it.end;
    it.asm.jump_if(R0, If::Equal, 0, end);
    it.asm.load(Word, R9, R0, layout::STATE);
    it.asm.load(Double, R1, R6, 8);
    it.asm.store(Double, Frame, TASK, R1);
    it.add_thread(Awaited::Birth);
    it.finish()
}

/// At `sched_process_exit`: the call that does not return.
pub(super) fn death(plan: Plan<'_>) -> Option<Vec<Code>> {
    let mut it = Writer::new(plan);
    it.asm.load(Double, R1, R6, 0);
    it.asm.store(Double, Frame, TASK, R1);
    it.look_up_thread();
    let (end, gone) = (it.end, it.asm.label());
    it.asm.jump_if(R0, If::Equal, 0, end);
    it.asm.copy(R7, R0);
    it.asm.load(Word, R1, R7, layout::STATE);
    it.asm.jump_if(R1, If::NotEqual, State::Recorded as i32, gone);
    it.asm.load(Word, R1, R7, layout::AWAITED);
    it.asm.jump_if(R1, If::NotEqual, Awaited::End as i32, gone);
    it.asm.store_number(Double, R7, RESULT, layout::NO_RESULT);
    it.record(gone);
    it.asm.place(gone);
    it.asm.map(R1, plan.maps.threads.as_fd());
    it.point(R2, TASK);
    it.asm.call(Helper::Delete);
    it.finish()
}

/// At `sys_enter`, for once: the begin of the `task_struct` of a thread that makes a call with the
/// secret, natively or through the ABI of 32 bits.
pub(super) fn sample(plan: Plan<'_>, samples: &Map) -> Option<Vec<Code>> {
    /// `getppid` of i386.
    const NARROW_GETPPID: i32 = 64;
    let mut it = Writer::new(plan);
    let (narrow, taken) = (it.asm.label(), it.asm.label());
    let end = it.end;
    it.read_registers();
    it.asm.set_wide(R2, plan.secret);
    it.asm.load(Double, R1, R6, 8);
    it.asm.jump_if(R1, If::Equal, NARROW_GETPPID, narrow);
    it.asm.jump_if(R1, If::NotEqual, plan.places.getppid, end);
    it.asm.store_number(Double, Frame, TASK, 0);
    it.asm.load(Double, R1, Frame, REGISTERS + plan.places.args[0]);
    it.asm.jump_if_registers(R1, If::NotEqual, R2, end);
    it.asm.jump(taken);
    it.asm.place(narrow);
    it.asm.store_number(Double, Frame, TASK, 1);
    it.asm.load(Double, R1, Frame, REGISTERS + plan.places.narrow_args[1]);
    it.asm.jump_if_registers(R1, If::NotEqual, R2, end);
    it.asm.place(taken);
    it.asm.call(Helper::Task);
    it.asm.copy(R3, R0);
    it.point(R1, REGISTERS);
    it.asm.set(R2, SAMPLE);
    it.asm.call(Helper::ReadKernel);
    it.asm.map(R1, samples.as_fd());
    it.point(R2, TASK);
    it.point(R3, REGISTERS);
    it.asm.set(R4, 0);
    it.asm.call(Helper::Update);
    it.finish()
}
