//! Measures the look-ups: `cargo run --release -p callgate-syscalls --example look_ups`.
#![expect(clippy::print_stdout, reason = "an example that prints what it measures")]

use std::hint::black_box;
use std::time::Instant;

use callgate_syscalls::{Arch, Name, Syscall};

const ROUNDS: u32 = 1_000;

fn main() {
    let names: Vec<Name> = Name::all().collect();
    let texts: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    let syscalls: Vec<Syscall> = Arch::X86_64.syscalls().collect();
    measure("name by text", &texts, |text| Name::parse(black_box(text)));
    measure("syscall by name", &names, |name| Arch::X86_64.syscall(black_box(*name)));
    measure("syscall by number", &syscalls, |s| Arch::X86_64.syscall_at(black_box(s.nr)));
    measure("signature by name", &names, |name| Arch::X86_64.signature(black_box(*name)));
}

fn measure<T, R>(what: &str, items: &[T], look_up: impl Fn(&T) -> R) {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        for item in items {
            black_box(look_up(item));
        }
    }
    let each = start.elapsed() / ROUNDS;
    println!("{what}: {:.1} ns", each.as_secs_f64() * 1e9 / items.len() as f64);
}
