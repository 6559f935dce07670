//! Random contexts, as the driver reads them.

use std::fmt::Write;

use callgate_scmp::Token;
use callgate_syscalls::{Arch, Endian};

use super::NEWER;

const ALLOW: u32 = 0x7fff_0000;
const ACTIONS: [u32; 5] = [ALLOW, 0x0005_0001, 0x0005_0026, 0x7ff0_0007, 0x7ffc_0000];

/// Numbers of x86_64 that every architecture has, some of which others multiplex, and few, so that rules meet.
const NUMBERS: [i32; 6] = [0, 1, 3, 41, 42, 16];

/// Data that meet each other in parts.
const DATA: [u64; 6] = [0, 1, 0xff, 0x1_0000_0000, 0x1_0000_0001, u64::MAX];

/// The script of one context.
pub(super) fn context(random: &mut fastrand::Rng) -> String {
    let mut text = String::new();
    let big = random.u8(..4) == 0;
    line(&mut text, format_args!("I {}", 0x0005_0063));
    let mut arches: Vec<Arch> = Arch::ALL
        .into_iter()
        .filter(|arch| !NEWER.contains(arch) && (arch.endian() == Endian::Big) == big)
        .collect();
    random.shuffle(&mut arches);
    if big {
        line(&mut text, format_args!("D 0"));
    }
    for arch in arches.iter().take(random.usize(usize::from(big)..4)) {
        line(&mut text, format_args!("A {}", Token::of(*arch).raw()));
    }
    if random.bool() {
        line(&mut text, format_args!("T 8 {}", random.u32(1..=2)));
    }
    // A refused rule comes before all others: after them libseccomp forgets priorities.
    if random.u8(..4) == 0 {
        line(&mut text, format_args!("X {ALLOW} {} 6", random.i32(-300..5000)));
    }
    for _ in 0..random.usize(..3) {
        // A priority without a rule, where it sorts first, makes libseccomp lose the rules after it.
        let number = NUMBERS[random.usize(..3)];
        line(&mut text, format_args!("R {} {number} 0", action(number)));
        line(&mut text, format_args!("P {number} {}", random.u8(..)));
    }
    for _ in 0..random.usize(..8) {
        rule(random, &mut text);
    }
    line(&mut text, format_args!("E"));
    text
}

fn rule(random: &mut fastrand::Rng, text: &mut String) {
    const EQ: u32 = 4;
    const MASKED_EQ: u32 = 7;
    let mut args = [0, 1, 2];
    random.shuffle(&mut args);
    let count = random.usize(..3);
    let number = NUMBERS[random.usize(..NUMBERS.len())];
    let mut words = format!("R {} {number} {count}", action(number));
    for arg in &args[..count] {
        let mut datum = || DATA[random.usize(..DATA.len())];
        let (a, b) = (datum(), datum());
        let op = if random.bool() { EQ } else { MASKED_EQ };
        line_part(&mut words, format_args!(" {arg} {op} {a} {b}"));
    }
    line(text, format_args!("{words}"));
}

/// One action for each number: a conflict would be a refused rule with others after it.
fn action(number: i32) -> u32 {
    ACTIONS[usize::try_from(number).unwrap_or(0) % ACTIONS.len()]
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    line_part(text, words);
    text.push('\n');
}

fn line_part(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(words);
}
