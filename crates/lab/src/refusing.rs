//! An allocator that refuses, for tests of what becomes of refused memory.
//!
//! The allocator is one for a whole program, so it counts and refuses by thread. A test makes it
//! the program's: `#[global_allocator] static ALLOCATOR: Refusing = Refusing;`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;

thread_local! {
    /// How many allocations are still granted.
    static GRANTED: Cell<usize> = const { Cell::new(usize::MAX) };
    /// Whether those after the refused one are granted again.
    static ALONE: Cell<bool> = const { Cell::new(false) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which grants a thread as many allocations as [`grant`] says.
#[derive(Clone, Copy, Debug)]
pub struct Refusing;

/// Grants the calling thread this many allocations and refuses all that follow.
pub fn grant(count: usize) {
    ALONE.set(false);
    GRANTED.set(count);
}

/// Grants the calling thread this many allocations, refuses the next one, and grants all behind it.
pub fn refuse_alone(count: usize) {
    ALONE.set(true);
    GRANTED.set(count);
}

/// Grants everything again; whether an allocation was refused since [`grant`] or [`refuse_alone`].
pub fn grant_all() -> bool {
    GRANTED.replace(usize::MAX) == if ALONE.get() { usize::MAX } else { 0 }
}

/// The bytes of the calling thread's largest request since the last time this was asked.
#[must_use]
pub fn largest_request() -> usize {
    LARGEST.replace(0)
}

fn granted(size: usize) -> bool {
    LARGEST.set(LARGEST.get().max(size));
    match GRANTED.get() {
        usize::MAX => true,
        0 => {
            if ALONE.get() {
                GRANTED.set(usize::MAX);
            }
            false
        }
        left => {
            GRANTED.set(left - 1);
            true
        }
    }
}

// SAFETY: each function is that of the system's allocator or answers NULL, which is allowed at any
// time.
unsafe impl GlobalAlloc for Refusing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        if granted(layout.size()) { unsafe { System.alloc(layout) } } else { ptr::null_mut() }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the same, and `alloc` passed the system's memory on.
        unsafe { System.dealloc(memory, layout) };
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if granted(size) {
            // SAFETY: as in `dealloc`.
            unsafe { System.realloc(memory, layout, size) }
        } else {
            ptr::null_mut()
        }
    }
}
