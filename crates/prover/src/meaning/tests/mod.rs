//! Classes of numbers.

use super::*;
use crate::budget::{Budget, Options};
use crate::diagram::{FALSE, Pattern, TRUE};

#[test]
fn partitions_have_neither_gaps_nor_overlaps() {
    let class = |numbers: &[(u32, u32)]| {
        let class = |&(first, last)| NumberClass { numbers: Interval { first, last }, node: TRUE };
        let numbers = numbers.iter().map(class).collect();
        is_partition(&[ArchClass { tokens: Interval::ALL, numbers }])
    };
    assert!(class(&[(0, u32::MAX)]));
    assert!(class(&[(0, 7), (8, u32::MAX)]));
    assert!(!class(&[(0, 7), (9, u32::MAX)]));
    assert!(!class(&[(0, 7), (7, u32::MAX)]));
    assert!(!class(&[(0, 7)]));
    assert!(!class(&[(1, u32::MAX)]));
    assert!(!class(&[]));
    assert!(!is_partition(&[]));
}

#[test]
fn flattening_cuts_numbers_where_the_function_changes() {
    let mut d = Diagrams::new(Budget::new(&Options::default())).unwrap();
    let node = d.bit(Rank::NR, 2).unwrap();
    let numbers = Interval { first: 2, last: 13 };
    let mut list = Vec::new();
    flatten(&mut d, Interval::ALL, NumberClass { numbers, node }, &mut list).unwrap();
    let found: Vec<_> = list.iter().map(|c| (c.numbers.first, c.numbers.last, c.node)).collect();
    assert_eq!(found, [(2, 3, FALSE), (4, 7, TRUE), (8, 11, FALSE), (12, 13, TRUE)]);
    let odd = d.bit(Rank::NR, 0).unwrap();
    let class = NumberClass { numbers: Interval::ALL, node: odd };
    let mut list = Vec::new();
    flatten(&mut d, Interval::ALL, class, &mut list).unwrap();
    assert_eq!(list, [class], "2^32 pieces are not made");
    let token = Interval::point(Arch::X86_64.token().raw());
    let mut list = Vec::new();
    flatten(&mut d, token, class, &mut list).unwrap();
    let of = |nr| list.iter().find(|class| class.numbers.contains(nr)).map(|class| class.node);
    assert_eq!([of(0), of(1), of(0x4000_0001)], [Some(FALSE), Some(TRUE), Some(TRUE)]);
    assert_eq!(of(0x3000_0000), Some(odd), "gaps between syscalls are as wide as that");
    assert!(covers(list.iter().map(|class| class.numbers)));
    let number = d.choice(Rank::NR, Pattern { mask: u32::MAX, value: 9 }, TRUE, FALSE).unwrap();
    let mut list = Vec::new();
    let class = NumberClass { numbers: Interval::ALL, node: number };
    flatten(&mut d, Interval::ALL, class, &mut list).unwrap();
    let found: Vec<_> = list.iter().map(|c| (c.numbers.first, c.node)).collect();
    assert_eq!(found, [(0, FALSE), (9, TRUE), (10, FALSE)]);
}
