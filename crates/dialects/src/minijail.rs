//! Minijail's `.policy` files.
//!
//! They are read as minijail's own compiler of policies (`compile_seccomp_policy`) reads them: the
//! filters of a syscall are asked in their order, then the default. Minijail's loader in C knows
//! less, and takes `CONDITION; return ERRNO` the other way round; a warning says so.

mod read;

pub(crate) use read::read;
