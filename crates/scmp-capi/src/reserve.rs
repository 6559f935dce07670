//! What happens when malloc(3) has no more: the library's allocator, and reserves to fall back on.
//!
//! Rust's collections end the process where an allocation fails, and no stable interface changes that. A library below
//! service managers must answer `-ENOMEM` instead. So **memory is refused before anything is done, or not at all**: a
//! function that may allocate first makes sure of a [`Reserve`], large enough for all that it will do, and answers
//! `-ENOMEM` where malloc(3) has none. During the call the allocator goes on asking malloc(3), and takes what that refuses
//! from the reserve of the thread's call. Nothing is undone half way, because nothing fails half way.
//!
//! A reserve is one block that is not touched before it is needed, so it costs addresses and no pages. A context keeps a
//! small one for its changes; a large one for making a program is taken and given back within the call. Memory from a
//! reserve is used once and not again; when all of it is free and the call is over, the block goes back to malloc(3).
//!
//! What remains: where malloc(3) refuses *and* a reserve was too small, the process is ended, as before. The sizes
//! (`Context::change_memory`, `Context::program_memory`) have been measured with room to spare, and `tests/c/memory.c`
//! lets every allocation of the whole interface fail in turn.
//!
//! References: malloc(3), `std::alloc::GlobalAlloc`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Error;

/// A block of malloc(3) that is not used yet.
#[derive(Debug)]
pub(crate) struct Reserve {
    block: NonNull<u8>,
    len: usize,
}

impl Reserve {
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn new(len: usize) -> Result<Self, Error> {
        // SAFETY: malloc(3) takes any size; what it returns is used only where it is not NULL.
        let block = unsafe { libc::malloc(len) };
        let block = NonNull::new(block.cast()).ok_or(Error::OutOfMemory)?;
        Ok(Self { block, len })
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        // SAFETY: the block came from malloc(3), and this value was its only owner.
        unsafe { libc::free(self.block.as_ptr().cast()) };
    }
}

/// A reserve that this thread's allocations may fall back on, until the value is dropped.
#[derive(Debug)]
pub(crate) struct InForce {
    /// `None` where as many threads as there are [`SLOTS`] are in such a call already.
    slot: Option<&'static Slot>,
    reserve: Option<Reserve>,
}

impl InForce {
    pub(crate) fn new(reserve: Reserve) -> Self {
        let slot = SLOTS.iter().find(|slot| slot.claim());
        if let Some(slot) = slot {
            let start = reserve.block.as_ptr().expose_provenance();
            slot.next.store(start, Ordering::Relaxed);
            slot.end.store(start + reserve.len, Ordering::Relaxed);
            slot.live.store(1, Ordering::Relaxed);
            slot.start.store(start, Ordering::Release);
            slot.thread.store(this_thread(), Ordering::Release);
        }
        Self { slot, reserve: Some(reserve) }
    }

    /// Whether malloc(3) refused memory since the reserve is in force.
    pub(crate) fn was_needed(&self) -> bool {
        let next = |slot: &Slot| slot.next.load(Ordering::Relaxed);
        let start = |slot: &Slot| slot.start.load(Ordering::Relaxed);
        self.slot.is_some_and(|slot| next(slot) != start(slot))
    }

    /// Ends it, and gives the reserve back unless it was needed.
    pub(crate) fn into_unused(mut self) -> Option<Reserve> {
        if self.was_needed() { None } else { self.reserve.take() }
    }
}

impl Drop for InForce {
    fn drop(&mut self) {
        let needed = self.was_needed();
        let Some(slot) = self.slot else { return };
        if needed {
            // The block is freed with the last of what was taken from it.
            std::mem::forget(self.reserve.take());
            slot.thread.store(ABANDONED, Ordering::Relaxed);
            slot.put_back();
        } else {
            slot.start.store(0, Ordering::Relaxed);
            slot.thread.store(FREE, Ordering::Release);
        }
    }
}

/// A place for a reserve in force. There are no locks, so that a fork in the middle of a call leaves none taken.
#[derive(Debug)]
struct Slot {
    /// The thread in whose call it is in force, or [`FREE`], or [`ABANDONED`].
    thread: AtomicUsize,
    start: AtomicUsize,
    end: AtomicUsize,
    /// Where the next allocation may begin. Only the thread changes it.
    next: AtomicUsize,
    /// How many allocations are taken, and one more for the call.
    live: AtomicUsize,
}

const FREE: usize = 0;
/// The call is over, but not all of its memory was given back. No thread has this address.
const ABANDONED: usize = 1;

/// How many threads can be in a call with a reserve at once. What memory is refused beyond ends the process.
const SLOT_COUNT: usize = 128;

static SLOTS: [Slot; SLOT_COUNT] = [const { Slot::new() }; SLOT_COUNT];

/// How many allocations come from reserves, in all threads: almost always none.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

impl Slot {
    const fn new() -> Self {
        Self {
            thread: AtomicUsize::new(FREE),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            live: AtomicUsize::new(0),
        }
    }

    fn claim(&self) -> bool {
        self.thread.load(Ordering::Relaxed) == FREE
            && self
                .thread
                .compare_exchange(FREE, ABANDONED, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
    }

    /// Takes memory, where there is enough.
    fn take(&self, layout: Layout) -> Option<usize> {
        let start = self.next.load(Ordering::Relaxed).checked_next_multiple_of(layout.align())?;
        let end = start.checked_add(layout.size().max(1))?;
        if end > self.end.load(Ordering::Relaxed) {
            return None;
        }
        self.next.store(end, Ordering::Relaxed);
        self.live.fetch_add(1, Ordering::Relaxed);
        TAKEN.fetch_add(1, Ordering::Relaxed);
        Some(start)
    }

    /// Gives back one allocation, or the call's own share; frees the block with the last.
    fn put_back(&self) {
        if self.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            let block = ptr::with_exposed_provenance_mut(self.start.swap(0, Ordering::Relaxed));
            // SAFETY: the block of a reserve that was forgotten in `InForce::drop`, and nothing of it is in use.
            unsafe { libc::free(block) };
            self.thread.store(FREE, Ordering::Release);
        }
    }

    fn holds(&self, address: usize) -> bool {
        let start = self.start.load(Ordering::Acquire);
        start != 0 && (start..self.end.load(Ordering::Relaxed)).contains(&address)
    }
}

/// An address that no other thread has at the same time: that of its errno, which the C library always has. A thread-local
/// variable would do as well, but could itself need memory when it is first used; pthread_self(3) has another type in each
/// C library.
fn this_thread() -> usize {
    // SAFETY: the call has no preconditions and always succeeds.
    unsafe { libc::__errno_location() }.addr()
}

/// Memory from the reserve that is in force for this thread; NULL where there is none or not enough.
#[cold]
fn take(layout: Layout) -> *mut u8 {
    let thread = this_thread();
    let own = |slot: &&Slot| slot.thread.load(Ordering::Relaxed) == thread;
    let mut slots = SLOTS.iter().filter(own);
    let address = slots.find_map(|slot| slot.take(layout));
    address.map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
}

/// The reserve that an allocation was taken from.
fn origin(memory: *mut u8) -> Option<&'static Slot> {
    if TAKEN.load(Ordering::Relaxed) == 0 {
        return None;
    }
    SLOTS.iter().find(|slot| slot.holds(memory.addr()))
}

/// The allocator of everything in this library.
struct Reserving;

#[global_allocator]
static ALLOCATOR: Reserving = Reserving;

// SAFETY: memory is either the system allocator's, or a part of a block that no other allocation has; each goes back to
// where it came from, which `origin` finds by its address. Nothing here unwinds.
unsafe impl GlobalAlloc for Reserving {
    // Not inlined: there are thousands of allocations in the library.
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is that of `System`.
        let memory = unsafe { System.alloc(layout) };
        if memory.is_null() { take(layout) } else { memory }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is that of `System`.
        let memory = unsafe { System.alloc_zeroed(layout) };
        if !memory.is_null() {
            return memory;
        }
        let memory = take(layout);
        if !memory.is_null() {
            // SAFETY: it was just taken with this size.
            unsafe { memory.write_bytes(0, layout.size()) };
        }
        memory
    }

    #[inline(never)]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if let Some(slot) = origin(memory) {
            TAKEN.fetch_sub(1, Ordering::Relaxed);
            return slot.put_back();
        }
        // SAFETY: it came from `System` with this layout.
        unsafe { System.dealloc(memory, layout) };
    }

    #[inline(never)]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if origin(memory).is_none() {
            // SAFETY: it came from `System` with this layout; the size is the caller's promise.
            let moved = unsafe { System.realloc(memory, layout, size) };
            if !moved.is_null() {
                return moved;
            }
        }
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else {
            return ptr::null_mut();
        };
        // SAFETY: the size is not 0, the caller promises.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            // SAFETY: both are at least that long, and the new one is apart from the old.
            unsafe { moved.copy_from_nonoverlapping(memory, layout.size().min(size)) };
            // SAFETY: it was allocated here with this layout, and is used no more.
            unsafe { self.dealloc(memory, layout) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_serves_until_it_is_empty_and_goes_back_with_the_last_piece() {
        let in_force = InForce::new(Reserve::new(4096).unwrap());
        let slot = in_force.slot.unwrap();
        let layout = Layout::from_size_align(1300, 64).unwrap();
        let taken: Vec<*mut u8> = (0..4).map(|_| take(layout)).collect();
        assert!(taken[..3].iter().all(|memory| !memory.is_null() && memory.addr() % 64 == 0));
        assert!(taken[3].is_null() && in_force.was_needed());
        let start = slot.start.load(Ordering::Relaxed);
        assert!(in_force.into_unused().is_none());
        assert_eq!(slot.thread.load(Ordering::Relaxed), ABANDONED);
        for &memory in &taken[..3] {
            assert_eq!(slot.start.load(Ordering::Relaxed), start);
            // SAFETY: it was taken above with this layout.
            unsafe { ALLOCATOR.dealloc(memory, layout) };
        }
        assert_ne!(slot.start.load(Ordering::Relaxed), start);
    }

    #[test]
    fn memory_of_a_reserve_grows_like_any_other() {
        let in_force = InForce::new(Reserve::new(4096).unwrap());
        let layout = Layout::array::<u8>(3).unwrap();
        let memory = take(layout);
        // SAFETY: just taken with this size.
        unsafe { memory.write_bytes(7, 3) };
        // SAFETY: taken with this layout.
        let grown = unsafe { ALLOCATOR.realloc(memory, layout, 100_000) };
        // SAFETY: the old contents come along.
        assert_eq!(unsafe { grown.cast::<[u8; 3]>().read() }, [7; 3]);
        assert!(origin(grown).is_none(), "the system has memory");
        let layout = Layout::array::<u8>(100_000).unwrap();
        // SAFETY: allocated here with this layout.
        unsafe { ALLOCATOR.dealloc(grown, layout) };
        drop(in_force);
    }

    #[test]
    fn what_is_not_needed_comes_back() {
        let reserve = InForce::new(Reserve::new(64).unwrap()).into_unused().unwrap();
        assert_eq!(reserve.len(), 64);
        assert!(take(Layout::new::<u8>()).is_null(), "none is in force");
    }
}
