//! The two words that a process shares, and every change that is made to them.
//!
//! Nothing is locked, so that a fork in the middle of a call can't leave a lock taken.
//! `tests/loom.rs` runs the changes through all orders in which threads can make them.

use crate::sync::{AtomicI32, AtomicU32, Ordering};

/// What a process has once.
#[derive(Debug)]
pub(crate) struct Words {
    /// Bits 0 to 14: what the kernel can do; [`KNOWN`]: whether that was found out; bits 16 to 23:
    /// the API level, 0 if unknown.
    kernel: AtomicU32,
    /// The descriptor for notifications, or [`Words::NO_LISTENER`].
    listener: AtomicI32,
}

const KNOWN: u32 = 1 << 15;
const CAPABILITIES: u32 = KNOWN - 1;
const LEVEL_SHIFT: u32 = 16;
impl Words {
    /// From words that are zero and [`Words::NO_LISTENER`]. They come from outside, because a
    /// model's can't be made in a constant.
    pub(crate) const fn new(kernel: AtomicU32, listener: AtomicI32) -> Self {
        Self { kernel, listener }
    }

    pub(crate) const NO_LISTENER: i32 = -1;

    /// What the kernel can do, where that is known.
    pub(crate) fn capabilities(&self) -> Option<u32> {
        let word = self.kernel.load(Ordering::Acquire);
        (word & KNOWN != 0).then_some(word & CAPABILITIES)
    }

    /// Keeps what was found out about the kernel, and the level that follows from it, where neither
    /// is known: what another thread has found, or has set, in the meantime stays. Returns what
    /// holds now.
    pub(crate) fn found(&self, capabilities: u32, level: u8) -> u32 {
        let update = |word: u32| {
            let level = match word >> LEVEL_SHIFT {
                0 => level.into(),
                level => level,
            };
            (word & KNOWN == 0).then_some(KNOWN | capabilities | (level << LEVEL_SHIFT))
        };
        match self.kernel.fetch_update(Ordering::AcqRel, Ordering::Acquire, update) {
            Ok(_) => capabilities,
            Err(word) => word & CAPABILITIES,
        }
    }

    /// Sets what is assumed of the kernel.
    pub(crate) fn assume(&self, capabilities: u32, level: u8) {
        let word = KNOWN | capabilities | (u32::from(level) << LEVEL_SHIFT);
        // A swap comes after whatever another thread found before, for everyone; two plain stores
        // are in no order that a model of the memory can tell.
        self.kernel.swap(word, Ordering::AcqRel);
    }

    /// The API level, 0 where it is not known.
    pub(crate) fn level(&self) -> u32 {
        self.kernel.load(Ordering::Acquire) >> LEVEL_SHIFT
    }

    /// Forgets what the kernel can do, but not the level; and the listener, which it returns.
    pub(crate) fn forget(&self) -> Option<i32> {
        self.kernel.fetch_and(u32::MAX << LEVEL_SHIFT, Ordering::AcqRel);
        known(self.listener.swap(Self::NO_LISTENER, Ordering::AcqRel))
    }

    pub(crate) fn listener(&self) -> Option<i32> {
        known(self.listener.load(Ordering::Relaxed))
    }

    pub(crate) fn set_listener(&self, listener: i32) {
        self.listener.store(listener, Ordering::Relaxed);
    }
}

fn known(listener: i32) -> Option<i32> {
    Some(listener).filter(|&listener| listener != Words::NO_LISTENER)
}
