//! The class `Attr`, whose attributes are the numbers of a filter's attributes.

use pyo3::prelude::*;

/// The attributes of a filter, for `SyscallFilter.get_attr` and `set_attr`.
#[pyclass(module = "seccomp", frozen)]
#[derive(Debug)]
pub(crate) struct Attr;

#[pymethods]
impl Attr {
    #[new]
    const fn new() -> Self {
        Self
    }

    /// The action where no rule holds.
    #[classattr]
    const ACT_DEFAULT: u32 = 1;
    /// The action for calls of other architectures.
    #[classattr]
    const ACT_BADARCH: u32 = 2;
    /// Whether loading sets `no_new_privs`.
    #[classattr]
    const CTL_NNP: u32 = 3;
    /// Whether loading puts the filter on all threads.
    #[classattr]
    const CTL_TSYNC: u32 = 4;
    /// Whether rules may be made for syscall -1.
    #[classattr]
    const API_TSKIP: u32 = 5;
    /// Whether the kernel logs what the filter refuses.
    #[classattr]
    const CTL_LOG: u32 = 6;
    /// Whether loading leaves speculative store bypass enabled.
    #[classattr]
    const CTL_SSB: u32 = 7;
    /// How syscalls are arranged in the text: 1 by priority, 2 as a tree.
    #[classattr]
    const CTL_OPTIMIZE: u32 = 8;
    /// Whether errors of the kernel are reported as they are.
    #[classattr]
    const API_SYSRAWRC: u32 = 9;
    /// Whether only fatal signals interrupt a call that waits for its supervisor.
    #[classattr]
    const CTL_WAITKILL: u32 = 10;
}
