//! The calls that were received and have no answer yet, where a process sees them that takes over
//! from one that was killed: the kernel hands each over once.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use callgate_kernel::Tid;
use callgate_kernel::parts::Shared;
use callgate_syscalls::Errno;

/// The most calls that are remembered. More wait at the listener, as one is answered after the
/// other, but for those that come while a thread is steered.
const CALLS_MAX: usize = 64;

/// Calls without an answer.
#[derive(Debug)]
pub(super) struct Open(Shared<Calls>);

#[derive(Debug)]
struct Calls([(AtomicU64, AtomicU32); CALLS_MAX]);

impl Default for Calls {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Default::default()))
    }
}

impl Open {
    pub(super) fn new() -> Result<Self, Errno> {
        Shared::new().map(Self)
    }

    /// A call was received. Where none is free, those are forgotten that wait no longer.
    pub(super) fn add(&self, id: u64, thread: Option<Tid>, waits: impl Fn(u64) -> bool) {
        let calls = &self.0.value().0;
        let is_free = |call: &&(AtomicU64, AtomicU32)| {
            let known = call.0.load(Ordering::Relaxed);
            known == 0 || !waits(known)
        };
        if let Some((known, of)) = calls.iter().find(is_free) {
            of.store(thread.map_or(0, Tid::raw), Ordering::Relaxed);
            known.store(id, Ordering::Release);
        }
    }

    /// A call has its answer.
    pub(super) fn remove(&self, id: u64) {
        let calls = &self.0.value().0;
        if let Some((known, _)) = calls.iter().find(|call| call.0.load(Ordering::Relaxed) == id) {
            known.store(0, Ordering::Release);
        }
    }

    /// All of them, each with its thread.
    pub(super) fn all(&self) -> Vec<(u64, Option<Tid>)> {
        let calls = self.0.value().0.iter();
        let read = calls
            .map(|(id, of)| (id.load(Ordering::Acquire), Tid::new(of.load(Ordering::Relaxed))));
        read.filter(|(id, _)| *id != 0).collect()
    }
}
