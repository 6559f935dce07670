//! Sorting in place with a constant stack.

use std::cmp::Ordering;

/// Sorting without memory and without recursion, for threads of 16 KiB: the standard library's
/// unstable sort takes kilobytes of stack, more for longer lists, and its stable one 4 KiB or
/// memory.
///
/// Ties come in any order, which is the same in every run.
pub trait Sort<T> {
    /// Sorts in ascending order.
    fn sort_in_place(&mut self)
    where
        T: Ord;

    /// Sorts by a comparison.
    fn sort_in_place_by(&mut self, compare: impl FnMut(&T, &T) -> Ordering);

    /// Sorts by a key in ascending order.
    fn sort_in_place_by_key<K: Ord>(&mut self, key: impl FnMut(&T) -> K);
}

impl<T> Sort<T> for [T] {
    fn sort_in_place(&mut self)
    where
        T: Ord,
    {
        self.sort_in_place_by(T::cmp);
    }

    fn sort_in_place_by(&mut self, mut compare: impl FnMut(&T, &T) -> Ordering) {
        let mut less = |a: &T, b: &T| compare(a, b) == Ordering::Less;
        // Much of what is sorted is sorted already, and most of the rest is short or nearly sorted.
        let each = if self.len() <= SHORT { SHORT } else { NEARLY };
        let moves = each.saturating_mul(self.len());
        if !insert(self, &mut less, moves) {
            heap(self, &mut less);
        }
    }

    fn sort_in_place_by_key<K: Ord>(&mut self, mut key: impl FnMut(&T) -> K) {
        self.sort_in_place_by(|a, b| key(a).cmp(&key(b)));
    }
}

/// Up to this length, moving values one by one is faster: what is sorted mostly comes in parts that
/// are in order.
const SHORT: usize = 40;

/// How many moves for each value are spared by a list that is nearly sorted.
const NEARLY: usize = 4;

/// Moves values down one by one; gives up where that takes more moves.
fn insert<T>(list: &mut [T], less: &mut impl FnMut(&T, &T) -> bool, mut moves: usize) -> bool {
    for end in 1..list.len() {
        let mut place = end;
        while place > 0 && less(&list[place], &list[place - 1]) {
            let Some(left) = moves.checked_sub(1) else { return false };
            moves = left;
            list.swap(place, place - 1);
            place -= 1;
        }
    }
    true
}

fn heap<T>(list: &mut [T], less: &mut impl FnMut(&T, &T) -> bool) {
    for top in (0..list.len() / 2).rev() {
        sink(list, top, less);
    }
    for end in (1..list.len()).rev() {
        list.swap(0, end);
        sink(&mut list[..end], 0, less);
    }
}

/// Lets a value sink until none below it is larger.
fn sink<T>(list: &mut [T], mut top: usize, less: &mut impl FnMut(&T, &T) -> bool) {
    loop {
        let mut child = 2 * top + 1;
        if child >= list.len() {
            return;
        }
        if child + 1 < list.len() && less(&list[child], &list[child + 1]) {
            child += 1;
        }
        if !less(&list[top], &list[child]) {
            return;
        }
        list.swap(top, child);
        top = child;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_any_length_and_order_are_sorted() {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            state >> 33
        };
        for len in (0..70).chain([1000]) {
            for kinds in [1, 2, 7, u64::MAX] {
                let list: Vec<u64> = (0..len).map(|_| next() % kinds).collect();
                let mut expected = list.clone();
                expected.sort_unstable();
                let mut ascending = list.clone();
                ascending.sort_in_place();
                assert_eq!(ascending, expected);
                ascending.sort_in_place_by_key(|&value| std::cmp::Reverse(value));
                expected.reverse();
                assert_eq!(ascending, expected);
                ascending.sort_in_place_by(|a, b| a.cmp(b));
                assert!(ascending.is_sorted());
            }
        }
    }
}
