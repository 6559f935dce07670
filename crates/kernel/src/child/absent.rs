//! Callers that keep whoever looks into them waiting.

use callgate_syscalls::Errno;

use crate::sys::absent::Absent;

/// Memory of this process that whoever reads it waits for, without end. Test support, behind the
/// feature `test-support`.
pub struct AbsentMemory(Absent);

impl AbsentMemory {
    /// Maps it.
    ///
    /// # Errors
    /// The kernel's errno: `EPERM` without `CAP_SYS_PTRACE`, `ENOSYS` without userfaultfd(2).
    pub fn new() -> Result<Self, Errno> {
        Absent::new().map(Self)
    }

    /// Calls mkdirat(2) with a path in this memory. Only under a filter that answers it, or hands
    /// it over.
    ///
    /// # Errors
    /// The answer's errno.
    pub fn make_directory(&self) -> Result<(), Errno> {
        self.0.make_directory().map(drop)
    }
}

impl std::fmt::Debug for AbsentMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AbsentMemory").finish_non_exhaustive()
    }
}
