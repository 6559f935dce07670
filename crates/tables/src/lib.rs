//! Tables that people ask for: the commands `callgate syscalls`, `callgate constants` and
//! `callgate groups`.
#![forbid(unsafe_code)]

pub mod constants;
pub mod groups;
pub mod syscalls;
