//! Arithmetic on words.

use callgate_bpf::DataWord;

use super::*;
use crate::budget::{Budget, Options};
use crate::diagram::{Rank, View};
use crate::word::{Value, Words, constant_bits};

/// Bits 0, 1 and 31 of a word: enough for carries at both ends.
const MASK: u32 = 0x8000_0003;
const VALUES: [u32; 8] = [0, 1, 2, 3, 0x8000_0000, 0x8000_0001, 0x8000_0002, 0x8000_0003];
const OTHERS: [u32; 9] = [1, 2, 3, 7, 31, 32, 0x7fff_ffff, 0x8000_0001, u32::MAX];

fn diagrams() -> Diagrams {
    Diagrams::new(Budget::new(&Options::default())).unwrap()
}

fn number(d: &Diagrams, bits: &Bits, nr: u32, arch: u32) -> u32 {
    bits.iter().rev().fold(0, |acc, &node| {
        let mut node = node;
        while let View::Test { rank, pattern, yes, no } = d.view(node) {
            let word = if rank == Rank::NR { nr } else { arch };
            node = if pattern.holds(word) { yes } else { no };
        }
        acc << 1 | u32::from(node == TRUE)
    })
}

type Symbolic = fn(&mut Diagrams, &Bits, &Bits) -> Result<Bits, Halt>;
type Plain = fn(u32, u32) -> u32;

fn check(name: &str, symbolic: Symbolic, plain: Plain) {
    let mut d = diagrams();
    let [nr, arch] = [DataWord::NR, DataWord::ARCH]
        .map(|word| Words::new().bits(&mut d, Value::Word { word, mask: MASK }).unwrap());
    let both = symbolic(&mut d, &nr, &arch).unwrap();
    for left in VALUES {
        for right in VALUES {
            let result = number(&d, &both, left, right);
            assert_eq!(result, plain(left, right), "{name} {left:#x} {right:#x}");
        }
    }
    for constant in OTHERS {
        let by_constant = symbolic(&mut d, &nr, &constant_bits(constant)).unwrap();
        let of_constant = symbolic(&mut d, &constant_bits(constant), &nr).unwrap();
        for value in VALUES {
            let forward = number(&d, &by_constant, value, 0);
            assert_eq!(forward, plain(value, constant), "{name} {value:#x} {constant:#x}");
            let backward = number(&d, &of_constant, value, 0);
            assert_eq!(backward, plain(constant, value), "{name} {constant:#x} {value:#x}");
        }
    }
}

#[test]
fn arithmetic_agrees_with_numbers() {
    check("add", |d, a, b| d.alu(Alu::Add, a, b), u32::wrapping_add);
    check("sub", |d, a, b| d.alu(Alu::Sub, a, b), u32::wrapping_sub);
    check("mul", |d, a, b| d.alu(Alu::Mul, a, b), u32::wrapping_mul);
    check("or", |d, a, b| d.alu(Alu::Or, a, b), |a, b| a | b);
    check("and", |d, a, b| d.alu(Alu::And, a, b), |a, b| a & b);
    check("xor", |d, a, b| d.alu(Alu::Xor, a, b), |a, b| a ^ b);
    check("left", |d, a, b| d.shift(Shift::Left, a, b), u32::wrapping_shl);
    check("right", |d, a, b| d.shift(Shift::Right, a, b), u32::wrapping_shr);
}

#[test]
fn division_agrees_with_numbers_where_the_divisor_is_not_zero() {
    let guarded: Symbolic = |d, a, b| {
        let quotient = d.divide(a, b)?;
        let zero = d.test_bits(Test::Equal, b, &[FALSE; 32])?;
        d.select(zero, &[FALSE; 32], &quotient)
    };
    check("div", guarded, |a, b| a.checked_div(b).unwrap_or(0));
}

#[test]
fn tests_agree_with_numbers() {
    fn bit(test: Test, d: &mut Diagrams, a: &Bits, b: &Bits) -> Result<Bits, Halt> {
        let mut bits = [FALSE; 32];
        bits[0] = d.test_bits(test, a, b)?;
        Ok(bits)
    }
    check("==", |d, a, b| bit(Test::Equal, d, a, b), |a, b| (a == b).into());
    check(">", |d, a, b| bit(Test::Greater, d, a, b), |a, b| (a > b).into());
    check(">=", |d, a, b| bit(Test::GreaterOrEqual, d, a, b), |a, b| (a >= b).into());
    check("&", |d, a, b| bit(Test::AnyBit, d, a, b), |a, b| (a & b != 0).into());
}
