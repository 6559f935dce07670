//! Every allocation of every collection is refused in turn: an error, and the collection as it was.

use std::collections::VecDeque;

use callgate_lab::refusing::{Refusing, grant, grant_all, largest_request};
use callgate_memory::{
    CHUNK_BYTES, Collect, Grow, GrowFront, GrowText, Interner, List, Map, OutOfMemory, SortedMap,
    TryClone,
};

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

/// Runs a function with ever more allocations granted until it succeeds: how many it takes.
fn allocations<T>(function: impl Fn() -> Result<T, OutOfMemory>) -> usize {
    for granted in 0.. {
        grant(granted);
        let result = function();
        grant_all();
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
        grant(0);
        let refused = add(&mut collection, n);
        grant_all();
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
        grant(granted);
        let refused = list.try_resize(100_000, 2);
        grant_all();
        assert_eq!((refused, list.len(), list.iter().sum::<u64>()), (Err(OutOfMemory), 10, 10));
    }
    list.try_resize(100_000, 2).unwrap();
    list.clear();
    grant(0);
    let again = list.try_resize(100_000, 3);
    grant_all();
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
    let _before = largest_request();
    let mut list = List::new();
    let mut table = Interner::new();
    let mut map = Map::new();
    for n in 0..500_000_u64 {
        list.try_push([n; 3]).unwrap();
        table.insert(n).unwrap();
        map.insert(n, [n; 4]).unwrap();
    }
    assert_eq!(list[499_999], [499_999; 3]);
    let largest = largest_request();
    assert!(largest <= CHUNK_BYTES, "{largest} bytes at once");
}
