//! The fields of `siginfo_t` of a SIGSYS, as strace, gdb and handlers of programs print them, and the
//! sentences of some handlers that print the number alone.

use callgate_syscalls::{Arch, SyscallNr};

use super::{Found, words};
use crate::{Answer, Denial, Knowledge};

/// What handlers print before the number of the call.
const SENTENCES: [&str; 3] =
    ["seccomp-bpf failure in syscall ", "bad syscall (", "blocked system call occurred: "];

pub(super) fn line(line: &str, native: Arch) -> Option<Found> {
    denial(line, native).or_else(|| sentence(line, native)).map(Found::from)
}

/// A denial by fields, in whatever order and punctuation: at least the number is there.
pub(super) fn denial(fields: &str, native: Arch) -> Option<Denial> {
    let token = value(fields, "arch").and_then(words::token).unwrap_or(native.token());
    let nr = words::call(value(fields, "syscall")?, token)?;
    let mut denial = Denial::new(token, nr, Knowledge::Siginfo);
    denial.ip = value(fields, "call_addr").and_then(words::number).filter(|ip| *ip != 0);
    let data = value(fields, "errno").and_then(words::number32);
    denial.answer = Answer::Sigsys(data.and_then(|data| u16::try_from(data).ok()));
    Some(denial)
}

/// The value of `si_KEY` or gdb's `_KEY`, behind `=` or `:`.
fn value<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let mut from = 0;
    while let Some(at) = line[from..].find(key) {
        let (before, after) = (&line[..from + at], &line[from + at + key.len()..]);
        from += at + key.len();
        let prefix = before.rsplit(|c: char| !is_word(c)).next().unwrap_or_default();
        let rest = after.trim_start();
        if !matches!(prefix, "si_" | "_") || !rest.starts_with(['=', ':']) {
            continue;
        }
        let rest = rest[1..].trim_start();
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        return Some(&rest[..end]).filter(|word| !word.is_empty());
    }
    None
}

fn sentence(line: &str, native: Arch) -> Option<Denial> {
    let rest = SENTENCES.iter().find_map(|sentence| Some(line.split_once(sentence)?.1))?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let word = &rest[..end];
    // Some write leading zeros for width.
    let nr = match word.parse::<u32>() {
        Ok(number) => SyscallNr::new(number),
        Err(_) => words::call(word, native.token())?,
    };
    let mut denial = Denial::new(native.token(), nr, Knowledge::Siginfo);
    denial.answer = Answer::Sigsys(None);
    Some(denial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_many_punctuations() {
        for line in [
            "si_signo=31 si_errno=7 si_code=1 si_syscall=41 si_arch=0xc000003e si_call_addr=0x1000",
            "si_errno: 7, si_syscall: 41, si_arch: AUDIT_ARCH_X86_64, si_call_addr: 0x1000",
            "_sigsys = {_call_addr = 0x1000, _syscall = 41, _arch = 3221225534}, si_errno = 7",
        ] {
            let denial = denial(line, Arch::Aarch64).unwrap();
            assert_eq!((denial.token, denial.nr.raw()), (Arch::X86_64.token(), 41), "{line}");
            assert_eq!(
                (denial.ip, denial.answer),
                (Some(0x1000), Answer::Sigsys(Some(7))),
                "{line}"
            );
        }
        for not in [
            "",
            "syscall=41",
            "si_syscall",
            "si_syscall=",
            "si_syscall=frobnicate",
            "xsi_syscall=1",
        ] {
            assert_eq!(denial(not, Arch::X86_64), None, "{not}");
        }
    }

    #[test]
    fn handlers_that_print_a_number_are_understood() {
        let nr = |line| sentence(line, Arch::X86_64).map(|denial| denial.nr.raw());
        assert_eq!(nr("handlers.cc:**CRASHING**:seccomp-bpf failure in syscall 0230"), Some(230));
        assert_eq!(nr("Shutting down VM after intercepting a bad syscall (41)."), Some(41));
        assert_eq!(nr("blocked system call occurred: mkdir"), Some(83));
        assert_eq!(nr("seccomp-bpf failure in syscall "), None);
    }
}
