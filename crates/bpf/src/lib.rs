//! The kernel's seccomp filter machine: programs it accepts, what they do, and text to read and
//! write them by.
//!
//! - [`Instruction`] is the kernel's `sock_filter`, [`Operation`] what one means to the machine.
//! - [`Program`] is a filter that the kernel accepts; it can only be made through the checker
//!   ([`Program::new`]).
//! - [`Program::run`] executes a program on a call as the kernel would, [`Program::trace`] tells
//!   how; a [`Stack`] is several filters on top of each other, and [`Outcome`] what the kernel then
//!   does.
//! - [`Program::cacheable`] tells which calls the kernel allows without running the program,
//!   [`Program::converted_len`] and [`path_len`] what programs cost of its budget.
//! - [`assemble`] and [`Listing`] are text to program and back; [`decode()`] reads any form.
//!
//! This crate never depends on the compiler: it is what compiled programs are held against.
#![forbid(unsafe_code)]

mod asm;
mod cache;
mod check;
mod decode;
mod disasm;
mod instruction;
mod length;
mod names;
mod operation;
mod program;
mod simulate;
mod stack;

pub use asm::{AsmError, AsmErrorKind, assemble};
pub use cache::cached_numbers;
pub use check::{CheckError, Jump};
pub use decode::{DecodeError, Decoded, Form, TEXT_LEN_MAX, decode, instructions, likely_order};
pub use disasm::{Line, Listing, Style};
pub use instruction::Instruction;
pub use length::{Hardening, PATH_ANCESTOR_OVERHEAD, PATH_LEN_MAX, path_len};
pub use operation::{
    Alu, DataWord, Operand, Operation, Register, Shift, ShiftAmount, Slot, Test, Unsupported,
};
pub use program::Program;
pub use simulate::{CallWords, Registers, Step, Trace};
pub use stack::{Decision, Outcome, Stack, is_exempt};
