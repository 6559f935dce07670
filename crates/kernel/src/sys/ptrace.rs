//! ptrace(2), and what steering other threads needs beside it.

pub mod begin;
pub mod caught;
#[cfg(target_arch = "x86_64")]
pub mod registers;
pub mod signals;
pub mod steer;
pub mod trace;
