//! The constant-action walk against the clock.
//!
//! Whether the kernel cached a call can't be read, but a cached one runs no filter. So each shape
//! is put before a long run of instructions that the walk follows: the call is fast if and only if
//! it was cached.

use callgate_bpf::{Program, Stack, assemble, cached_numbers};
use callgate_kernel::running_kernel;
use callgate_lab::judge::{HARMLESS, nanoseconds};
use callgate_syscalls::{Arch, Endian, KernelVersion, SyscallNr};

/// The length of the run of instructions.
const RUN: usize = 3500;

/// What stands before the run. `NR` is the number of the call that is timed; execution goes on at
/// `run`.
const HEADS: &[&str] = &[
    "",
    "ld [nr]",
    "ld [arch]",
    "ld [instruction_pointer.lo]",
    "ld [instruction_pointer.hi]",
    "ld [args[0].lo]",
    "ld [args[5].hi]",
    "ld #0",
    "ldx #0",
    "ld len",
    "ldx len",
    "st M[0]",
    "stx M[0]",
    "tax",
    "txa",
    "neg",
    "add #0",
    "sub #0",
    "mul #1",
    "div #1",
    "or #0",
    "and #0xffffffff",
    "xor #0",
    "lsh #0",
    "rsh #0",
    "add x",
    "and x",
    "or x",
    "lsh x",
    "ja run",
    "ja run \n ld [args[0].lo]",
    "jeq x, run",
    "jgt x, run",
    "jge x, run",
    "jset x, run",
    "jeq #0, run",
    "jgt #0, run",
    "jge #0, run",
    "jset #0, run",
    "ld [nr] \n jeq #NR, run \n ld [args[0].lo]",
    "ld [nr] \n jne #NR, run \n ld [args[0].lo]",
    "ld [nr] \n jgt #NR, run \n ld [args[0].lo]",
    "ld [nr] \n jle #NR, run \n ld [args[0].lo]",
    "ld [nr] \n jge #NR, run \n ld [args[0].lo]",
    "ld [nr] \n jlt #NR, run \n ld [args[0].lo]",
    "ld [nr] \n jset #0xffff, run \n ld [args[0].lo]",
    "ld [nr] \n jset #0x80000000, run \n ld [args[0].lo]",
    "ld [nr] \n and #1 \n jeq #0, run \n tax",
    "ld [nr] \n and #1 \n jeq #1, run \n tax",
    "ld [arch] \n jset #0x40000000, run \n tax",
    "ld [arch] \n jge #0x80000000, run \n tax",
    "ld [arch] \n jlt #0x80000000, run \n tax",
];

/// The end of the program.
const TAILS: &[&str] = &[
    "ret #0x7fff0001",
    "ld [arch] \n and #0 \n jeq #0, allow \n ret #0 \n allow: ret ALLOW",
    "ret TRACE(0)",
    "ret USER_NOTIF",
    "ret ERRNO(0)",
    "ret ERRNO(1)",
    "ld #0x7fff0000 \n ret a",
    "jset #1, more \n more: ret ALLOW",
];

/// Numbers that are not in the table of the cache, or just are.
const NUMBERS: &[u32] = &[0x4000_006e, 100_000, u32::MAX, 0x8000_0000];

struct Shape {
    name: String,
    stack: Stack,
    nr: SyscallNr,
}

pub(super) fn run() -> Result<String, String> {
    let kernel = running_kernel().map_err(|error| error.to_string())?;
    let arch = Arch::native().ok_or("no filters on this architecture")?;
    let Some(numbers) = cached_numbers(arch, kernel) else { return no_cache(arch, kernel) };
    let limit = limit()?;
    let (mut cached, mut total) = (0, 0);
    for shape in shapes(numbers)? {
        let expected = shape.stack.cacheable(arch.token(), shape.nr) && shape.nr.raw() < numbers;
        check(&shape, expected, limit).map_err(|error| format!("{}: {error}", shape.name))?;
        cached += u32::from(expected);
        total += 1;
    }
    if total < 50 || cached < 10 || total - cached < 10 {
        return Err(format!("{cached} of {total} shapes cached: too few"));
    }
    Ok(format!(
        "{total} shapes, {cached} of them cached (below {limit} ns a call): 0 disagreements"
    ))
}

/// Where the kernel has no cache, it executes a filter that it would know the answer of.
fn no_cache(arch: Arch, kernel: KernelVersion) -> Result<String, String> {
    let (constant, looking) = ends()?;
    match constant > looking / 2 {
        true => Ok(format!(
            "no cache in Linux {kernel} for {arch}: a constant filter takes {constant} ns a call, \
             one that looks at arguments {looking} ns"
        )),
        false => Err(format!("{constant} ns instead of {looking} ns: Linux {kernel} has a cache")),
    }
}

fn check(shape: &Shape, expected: bool, limit: u64) -> Result<(), String> {
    // Another process can only slow a call down: it takes several slow measurements to call it
    // slow.
    let fast = (0..3).map(|_| time(&shape.stack, shape.nr)).find_map(|time| match time {
        Ok(nanoseconds) if nanoseconds >= limit => None,
        other => Some(other),
    });
    let fast = fast.transpose()?;
    match (fast, expected) {
        (Some(_), true) | (None, false) => Ok(()),
        (Some(ns), false) => Err(format!("{ns} ns, so the kernel cached it")),
        (None, true) => Err(format!("above {limit} ns, so the kernel did not cache it")),
    }
}

/// Half way between a cached call and one that executes the run.
fn limit() -> Result<u64, String> {
    let (cached, executed) = ends()?;
    match executed > 2 * cached {
        true => Ok((cached + executed) / 2),
        false => {
            Err(format!("{cached} ns cached, {executed} ns not: the clock can't tell them apart"))
        }
    }
}

/// The time of a call whose answer a cache would have, and of one that no cache can have.
fn ends() -> Result<(u64, u64), String> {
    let constant = time(&Stack::new([program("", "ret ALLOW", HARMLESS)?]), HARMLESS)?;
    let looking =
        time(&Stack::new([program("ld [args[0].lo]", "ret ALLOW", HARMLESS)?]), HARMLESS)?;
    Ok((constant, looking))
}

fn shapes(numbers: u32) -> Result<Vec<Shape>, String> {
    let mut shapes = Vec::new();
    let mut add = |name: String, stack: Vec<Program>, nr| {
        shapes.push(Shape { name, stack: Stack::new(stack), nr });
    };
    for head in HEADS {
        add(format!("head {head:?}"), vec![program(head, "ret ALLOW", HARMLESS)?], HARMLESS);
    }
    for tail in TAILS {
        add(format!("tail {tail:?}"), vec![program("", tail, HARMLESS)?], HARMLESS);
    }
    for nr in NUMBERS.iter().copied().chain([numbers - 1, numbers + 20]).map(SyscallNr::new) {
        add(format!("number {nr}"), vec![program("", "ret ALLOW", nr)?], nr);
    }
    let constant = program("", "ret ALLOW", HARMLESS)?;
    let looks = program("ld [args[0].lo]", "ret ALLOW", HARMLESS)?;
    add("two constant".into(), vec![constant.clone(), constant.clone()], HARMLESS);
    add("looking below".into(), vec![looks.clone(), constant.clone()], HARMLESS);
    add("looking on top".into(), vec![constant, looks], HARMLESS);
    Ok(shapes)
}

fn program(head: &str, tail: &str, nr: SyscallNr) -> Result<Program, String> {
    let head = head.replace("NR", &nr.to_string());
    let body = "and #0xffffffff\n".repeat(RUN);
    let text = format!("{head}\nrun:\n{body}{tail}\n");
    assemble(&text, Endian::native()).map_err(|error| format!("{error} in {head:?}, {tail:?}"))
}

fn time(stack: &Stack, nr: SyscallNr) -> Result<u64, String> {
    nanoseconds(stack.programs(), nr).map_err(|error| error.to_string())
}
