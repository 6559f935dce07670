//! Every allocation of every collection is refused in turn: an error, and the collection as it was.
//!
//! The allocator is one for the whole program, so it counts and refuses by thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::VecDeque;

use callgate_memory::{
    CHUNK_BYTES, Collect, Grow, GrowFront, GrowText, Interner, List, Map, OutOfMemory, SortedMap,
    TryClone,
};

thread_local! {
    /// How many allocations are still granted.
    static GRANTED: Cell<usize> = const { Cell::new(usize::MAX) };
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

struct Refusing;

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

fn granted(size: usize) -> bool {
    LARGEST.set(LARGEST.get().max(size));
    let left = GRANTED.get();
    if left != usize::MAX {
        GRANTED.set(left.saturating_sub(1));
    }
    left != 0
}

// SAFETY: each function is that of the system's allocator or answers NULL, which is allowed at any time.
unsafe impl GlobalAlloc for Refusing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        if granted(layout.size()) { unsafe { System.alloc(layout) } } else { std::ptr::null_mut() }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the same, and `alloc` passed the system's memory on.
        unsafe { System.dealloc(memory, layout) };
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match granted(size) {
            // SAFETY: as in `dealloc`.
            true => unsafe { System.realloc(memory, layout, size) },
            false => std::ptr::null_mut(),
        }
    }
}

/// Runs a function with ever more allocations granted until it succeeds: how many it takes.
fn allocations<T>(function: impl Fn() -> Result<T, OutOfMemory>) -> usize {
    for granted in 0.. {
        GRANTED.set(granted);
        let result = function();
        GRANTED.set(usize::MAX);
        if result.is_ok() {
            return granted;
        }
    }
    unreachable!()
}

/// Adds values to a collection; each refusal leaves it as it was, and the next try succeeds.
fn survives<C>(
    mut collection: C,
    add: impl Fn(&mut C, u32) -> Result<(), OutOfMemory>,
    check: impl Fn(&C, u32),
) {
    let mut refusals = 0;
    for n in 0..70_000 {
        GRANTED.set(0);
        let refused = add(&mut collection, n);
        GRANTED.set(usize::MAX);
        if refused.is_err() {
            refusals += 1;
            check(&collection, n);
            assert_eq!(add(&mut collection, n), Ok(()));
        }
    }
    check(&collection, 70_000);
    assert!(refusals > 3, "only {refusals} allocations were refused");
}

#[test]
fn a_collection_is_as_it_was_when_an_allocation_is_refused() {
    survives(List::new(), List::try_push, |list, len| {
        assert!(list.iter().copied().eq(0..len));
    });
    survives(
        Interner::new(),
        |table, n| table.insert(n).map(|_| ()),
        |table, len| {
            assert!(table.iter().copied().eq(0..len));
            assert!((0..len).all(|n| table.find(&n) == Some(n)));
            assert_eq!(table.find(&len), None);
        },
    );
    survives(
        Map::new(),
        |map, n| map.insert(n, n).map(|_| ()),
        |map, len| {
            assert_eq!(map.len(), len as usize);
            assert!((0..len).all(|n| map.get(&n) == Some(&n)));
        },
    );
    survives(Vec::new(), Grow::try_push, |vec: &Vec<u32>, len| {
        assert!(vec.iter().copied().eq(0..len));
    });
    survives(VecDeque::new(), GrowFront::try_push_back, |queue: &VecDeque<u32>, len| {
        assert!(queue.iter().copied().eq(0..len));
    });
    survives(
        SortedMap::new(),
        |map, n| map.insert(n, n).map(|_| ()),
        |map, len| assert!(map.iter().map(|(&key, _)| key).eq(0..len)),
    );
    survives(
        String::new(),
        |text, _| text.try_push_str("x"),
        |text, len| assert_eq!(text.len(), len as usize),
    );
}

#[test]
fn a_list_that_can_not_be_made_longer_keeps_its_length() {
    let mut list = List::new();
    list.try_resize(10, 1_u64).unwrap();
    for granted in 0..3 {
        GRANTED.set(granted);
        let refused = list.try_resize(100_000, 2);
        GRANTED.set(usize::MAX);
        assert_eq!((refused, list.len(), list.iter().sum::<u64>()), (Err(OutOfMemory), 10, 10));
    }
    list.try_resize(100_000, 2).unwrap();
    list.clear();
    GRANTED.set(0);
    let again = list.try_resize(100_000, 3);
    GRANTED.set(usize::MAX);
    assert_eq!(again, Ok(()));
}

#[test]
fn copies_and_collecting_fail_as_values() {
    let words = || (0..9_u32).map(|n| vec![n, n]).try_collect_vec();
    assert!(allocations(|| (0..9_u32).try_collect_vec()) == 1);
    let list = vec![Some(vec![1_u32]), None, Some(vec![2, 3])];
    assert_eq!(allocations(|| list.try_clone()), 3);
    let results = || (0..9_u32).map(Ok::<u32, OutOfMemory>).try_collect_results();
    assert_eq!(allocations(results), 1);
    let text = String::from("some text");
    assert_eq!(allocations(|| text.try_clone()), 1);
    let write = || {
        let mut text = String::new();
        text.try_write(format_args!("{} and {}", 1, 2)).map(|()| text)
    };
    assert!(allocations(write) >= 1);
    assert_eq!(write().as_deref(), Ok("1 and 2"));
    assert_eq!(words().unwrap().len(), 9);
}

#[test]
fn no_list_asks_for_more_than_a_chunk() {
    LARGEST.set(0);
    let mut list = List::new();
    let mut table = Interner::new();
    let mut map = Map::new();
    for n in 0..500_000_u64 {
        list.try_push([n; 3]).unwrap();
        table.insert(n).unwrap();
        map.insert(n, [n; 4]).unwrap();
    }
    assert_eq!(list[499_999], [499_999; 3]);
    assert!(LARGEST.get() <= CHUNK_BYTES, "{} bytes at once", LARGEST.get());
}
