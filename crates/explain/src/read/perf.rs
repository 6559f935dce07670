//! Lines of `perf script`, `perf trace` and ftrace.
//!
//! The tracepoints do not say through which ABI a call was made: all are taken for the machine's
//! own, so that calls of 32-bit programs have wrong names. Whoever reads this has to say so.

use callgate_syscalls::{Arch, Name, SyscallNr};

use super::made::{Made, Told};
use super::words;
use crate::{Denial, Knowledge};

/// Reads a line, if it is one of these.
pub(super) fn line(line: &str, native: Arch) -> Option<Told> {
    if let Some((before, call)) = line.split_once("sys_enter: NR ") {
        return raw(before, call, native).map(Told::from);
    }
    if let Some((before, call)) = line.split_once("syscalls:sys_enter_") {
        return named(before, call, native).map(Told::from);
    }
    if line.contains("sys_exit: NR ") || line.contains("syscalls:sys_exit_") {
        return Some(Told::Understood);
    }
    traced(line, native)
}

/// `true  4052 [000]  1000.1: raw_syscalls:sys_enter: NR 59 (7ffd10, 55d0, 0, 0, 0, 0)`
fn raw(before: &str, call: &str, native: Arch) -> Option<Made> {
    let (nr, rest) = call.split_once(' ')?;
    let nr = words::number32(nr)?;
    let mut denial = Denial::new(native.token(), SyscallNr::new(nr), Knowledge::Tracer);
    let values = rest.trim().strip_prefix('(')?.strip_suffix(')')?;
    for (place, value) in denial.args.iter_mut().zip(values.split(',')) {
        *place = Some(u64::from_str_radix(value.trim(), 16).ok()?);
    }
    denial.process.comm = thread(before);
    Some(Made::new(denial))
}

/// `true  4052 [000]  1000.1: syscalls:sys_enter_openat: dfd: 0xffffff9c, filename: 0x7f3, flags: 0x80000`
fn named(before: &str, call: &str, native: Arch) -> Option<Made> {
    let (name, rest) = call.split_once(':')?;
    // The kernel's function for a call may have another name than the call.
    let name = Name::parse(words::alias(name.strip_prefix("new").unwrap_or(name)))
        .filter(|name| native.syscall(*name).is_some())
        .or_else(|| Name::parse(name))?;
    let mut denial = Denial::new(native.token(), native.syscall(name)?.nr, Knowledge::Tracer);
    for (place, value) in denial.args.iter_mut().zip(rest.split(", ")) {
        *place = value.split_once(": ").and_then(|(_, value)| words::number(value.trim()));
    }
    denial.process.comm = thread(before);
    Some(Made::new(denial))
}

/// The thread's name in front of its number, the processor and the time.
fn thread(before: &str) -> Option<String> {
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let is_thread = |word: &str| word.split('/').all(is_number);
    let words: Vec<&str> = before.split_ascii_whitespace().collect();
    // perf writes `name 1234 [000]`, ftrace `name-1234 [000]`.
    let processor = words.iter().position(|word| word.starts_with('['));
    let end = processor.unwrap_or(words.len());
    let words = words.get(..end)?;
    match words.split_last()? {
        (last, name) if is_thread(last) && !name.is_empty() => Some(name.join(" ")),
        (last, name) => {
            let (own, number) = last.rsplit_once('-')?;
            is_number(number).then(|| [name, &[own]].concat().join(" "))
        }
    }
}

/// `  0.012 ( 0.003 ms): true/4052 openat(dfd: CWD, filename: 0x1234, flags: RDONLY) = 3`
///
/// Arguments are abridged, and left out where they are 0: what they were is not known.
fn traced(line: &str, native: Arch) -> Option<Told> {
    let (time, rest) = line.split_once("ms): ").or_else(|| line.split_once("): "))?;
    let (start, _) = time.split_once('(')?;
    start.trim().parse::<f64>().ok()?;
    if rest.trim_start().starts_with("... [continued]") {
        return Some(Told::Understood);
    }
    let (before, _) = rest.split_once('(')?;
    let (who, name) = before.rsplit_once(' ')?;
    let nr = native.syscall(Name::parse(words::alias(name))?)?.nr;
    let mut denial = Denial::new(native.token(), nr, Knowledge::Tracer);
    denial.process.comm = who.rsplit_once('/').map(|(name, _)| name.trim().to_owned());
    let mut made = Made::new(denial);
    made.has_succeeded = rest.rsplit_once(" = ").is_some_and(|(_, end)| !end.starts_with('-'));
    Some(made.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str) -> Option<(u32, Option<u64>, Option<String>)> {
        match line(text, Arch::X86_64)? {
            Told::Call(made) => {
                Some((made.denial.nr.raw(), made.denial.args[2], made.denial.process.comm))
            }
            Told::Understood | Told::Nothing => None,
        }
    }

    #[test]
    fn the_forms_of_tracepoints_are_read() {
        let name = |name: &str| Some(name.to_owned());
        for (text, nr, third, comm) in [
            (
                "a b  4052 [000]  1000.12: raw_syscalls:sys_enter: NR 257 (ffffff9c, 7f, 80000, 0, 0, 0)",
                257,
                Some(0x8_0000),
                name("a b"),
            ),
            (
                "  my-app-77 [001] .....  9.1: sys_enter: NR 0 (3, 7ffd, 340, 0, 1, 7f)",
                0,
                Some(0x340),
                name("my-app"),
            ),
            (
                "sh 12/13 [000] 1.2: syscalls:sys_enter_openat: dfd: 0xffffff9c, filename: 0x7, flags: 0x241, mode: 0x1b6",
                257,
                Some(0x241),
                name("sh"),
            ),
            (
                "     0.310 ( 0.002 ms): sh/12 openat(dfd: CWD, filename: 0x1, flags: RDONLY|CLOEXEC) = 3",
                257,
                None,
                name("sh"),
            ),
        ] {
            assert_eq!(made(text), Some((nr, third, comm)), "{text}");
        }
        let exit = "sh 12 [000] 1.2: raw_syscalls:sys_exit: NR 0 = 832";
        assert_eq!(line(exit, Arch::X86_64), Some(Told::Understood));
        assert_eq!(line("sys_enter: NR x (1)", Arch::X86_64), None);
        assert_eq!(line("mkdir(\"x\") = 0", Arch::X86_64), None);
    }
}
