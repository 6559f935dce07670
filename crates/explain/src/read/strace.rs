//! Lines of strace.

use std::borrow::Cow;
use std::collections::BTreeMap;

use callgate_facts::kernel_name;
use callgate_syscalls::{Arch, Argument, Errno, Name, SyscallNr};

use super::made::Made;
use super::{Found, siginfo, words};
use crate::call::set;
use crate::{Answer, Denial, Knowledge};

/// How many processes are remembered with their last call and their word size.
const PROCESSES_MAX: usize = 4096;

/// The longest beginning of a line that is kept until its end comes.
const PENDING_MAX: usize = 4096;

/// What lines said before: a signal is about the call before it.
#[derive(Debug)]
pub(super) struct Strace {
    native: Arch,
    last: BTreeMap<u32, Denial>,
    arches: BTreeMap<u32, Arch>,
    /// The process of the last line: one that is new runs what it runs, as strace has it.
    latest: Option<u32>,
    /// Beginnings of lines whose calls have not returned.
    pending: BTreeMap<u32, String>,
}

/// A line that tells of no call, or of one.
#[derive(Debug)]
pub(super) enum Line<'l> {
    /// Of a signal, an end, or a call's beginning.
    Other(Found),
    /// A whole call of a process, in one line or put together of two.
    Call(Option<u32>, Cow<'l, str>),
}

impl Strace {
    pub(super) const fn new(native: Arch) -> Self {
        let arches = BTreeMap::new();
        Self { native, last: BTreeMap::new(), arches, latest: None, pending: BTreeMap::new() }
    }

    pub(super) fn line(&mut self, line: &str) -> Option<Found> {
        match self.read(line)? {
            Line::Other(found) => Some(found),
            Line::Call(pid, call) => self.call(pid, &call),
        }
    }

    /// The calls that have begun and of which no line tells the end.
    pub(super) fn unfinished(&mut self) -> Vec<Made> {
        let pending = std::mem::take(&mut self.pending);
        pending.iter().filter_map(|(pid, text)| self.made(Some(*pid), text)).collect()
    }

    /// What kind of line it is.
    pub(super) fn read<'l>(&mut self, line: &'l str) -> Option<Line<'l>> {
        if let Some(found) = self.mode(line) {
            return Some(Line::Other(found));
        }
        let (pid, rest) = without_prefix(line);
        self.inherit(pid.unwrap_or(0));
        if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            let begun = begun.trim_end();
            if begun.len() <= PENDING_MAX {
                bounded(&mut self.pending, pid.unwrap_or(0), begun.to_owned());
            }
            return Some(Line::Other(Found::Understood));
        }
        if let Some(end) = rest.strip_prefix("<... ") {
            let begun = self.pending.remove(&pid.unwrap_or(0))?;
            let (_, end) = end.split_once(" resumed>")?;
            return Some(Line::Call(pid, Cow::Owned(format!("{begun}{end}"))));
        }
        match self.event(pid, rest) {
            Some(found) => Some(Line::Other(found)),
            None => Some(Line::Call(pid, Cow::Borrowed(rest))),
        }
    }

    /// A signal, or an end.
    fn event(&mut self, pid: Option<u32>, rest: &str) -> Option<Found> {
        if let Some(signal) = rest.strip_prefix("--- SIGSYS {") {
            return self.signal(pid, signal);
        }
        if rest.starts_with("+++ killed by SIGSYS") {
            // The signal's own line told more, or the last call does.
            return Some(match self.last.remove(&pid.unwrap_or(0)) {
                Some(mut denial) => {
                    denial.answer = Answer::Sigsys(None);
                    denial.into()
                }
                None => Found::Understood,
            });
        }
        if rest.starts_with("+++ ") || rest.starts_with("--- ") {
            return Some(Found::Understood);
        }
        None
    }

    /// A process that is new runs in the mode of the one before: strace says only what differs.
    fn inherit(&mut self, pid: u32) {
        let latest = self.latest.replace(pid).filter(|latest| *latest != pid);
        let arch = latest.and_then(|latest| self.arches.get(&latest).copied());
        if let Some(arch) = arch.filter(|_| !self.arches.contains_key(&pid)) {
            bounded(&mut self.arches, pid, arch);
        }
    }

    /// `[ Process PID=1234 runs in 32 bit mode. ]`, behind a prefix as calls have it.
    fn mode(&mut self, line: &str) -> Option<Found> {
        let (before, rest) = line.split_once("[ Process PID=")?;
        let (pid, mode) = rest.split_once(" runs in ")?;
        let arch = match (mode.split_once(" mode")?.0, self.native) {
            ("32 bit", Arch::X86_64 | Arch::X32 | Arch::X86) => Arch::X86,
            ("32 bit", Arch::Aarch64) => Arch::Arm,
            ("64 bit", Arch::X86 | Arch::X32) => Arch::X86_64,
            ("x32", _) => Arch::X32,
            _ => self.native,
        };
        let pid: u32 = pid.parse().ok()?;
        // Where one process is traced, no line says whose it is.
        let (prefix, _) = without_prefix(before);
        for key in [Some(pid), prefix.is_none().then_some(0)].into_iter().flatten() {
            bounded(&mut self.arches, key, arch);
        }
        self.latest = Some(prefix.unwrap_or(0));
        Some(Found::Understood)
    }

    /// A signal with its fields, and the call that it is about.
    fn signal(&mut self, pid: Option<u32>, fields: &str) -> Option<Found> {
        let last = self.last.remove(&pid.unwrap_or(0));
        if fields.contains("si_code=SI_") {
            // Somebody sent it, as kill(2) does: no call was refused.
            return Some(Found::Understood);
        }
        let mut denial = siginfo::denial(fields, self.native)?;
        denial.knowledge = Knowledge::Strace;
        if let Some(last) = last.filter(|last| last.nr == denial.nr && last.token == denial.token) {
            denial.args = last.args;
            denial.texts = last.texts;
        }
        denial.process.tid = pid;
        Some(denial.into())
    }

    /// `mkdir("x", 0777) = -1 EPERM (Operation not permitted)`
    fn call(&mut self, pid: Option<u32>, line: &str) -> Option<Found> {
        let Made { denial, .. } = self.made(pid, line)?;
        let key = pid.unwrap_or(0);
        if line.contains("<unfinished ...>) = ?") {
            // It had begun, and ended with its process.
            self.last.remove(&key);
            return Some(Found::Understood);
        }
        if denial.answer == Answer::Unknown {
            // What was killed has the number as its result, or none.
            bounded(&mut self.last, key, denial);
            return Some(Found::Understood);
        }
        self.last.remove(&key);
        Some(denial.into())
    }

    /// The number of a process's call. A name that only the other mode has tells the mode.
    fn number(&mut self, key: u32, name: &str) -> Option<(Arch, SyscallNr)> {
        let arch = self.arches.get(&key).copied().unwrap_or(self.native);
        if let Some(nr) = number_of(name, arch) {
            return Some((arch, nr));
        }
        let other = other_mode(arch)?;
        let nr = number_of(name, other)?;
        bounded(&mut self.arches, key, other);
        Some((other, nr))
    }

    /// A call, refused or not. One that failed has its errno for an answer.
    pub(super) fn made(&mut self, pid: Option<u32>, line: &str) -> Option<Made> {
        let (name, rest) = line.split_once('(')?;
        let (arch, nr) = self.number(pid.unwrap_or(0), name)?;
        let mut made = Made::new(Denial::new(arch.token(), nr, Knowledge::Strace));
        made.denial.process.tid = pid;
        let (arguments, result) = split(rest);
        if let Some(name) = arch.syscall_at(nr).map(|syscall| syscall.name) {
            made.is_given = read_arguments(&mut made.denial, arch, name, &arguments);
        }
        if let Some(errno) = result.and_then(failure) {
            made.denial.answer = Answer::Returned(Errno::from_name(errno, arch)?);
        }
        made.has_succeeded = made.denial.answer == Answer::Unknown
            && result.is_some_and(|result| {
                result.trim_start().strip_prefix('=').is_some_and(|end| end.trim() != "?")
            });
        Some(made)
    }
}

/// The other mode that programs of a machine run in. With `-o` strace does not say which.
const fn other_mode(arch: Arch) -> Option<Arch> {
    match arch {
        Arch::X86_64 => Some(Arch::X86),
        Arch::X86 => Some(Arch::X86_64),
        Arch::Aarch64 => Some(Arch::Arm),
        Arch::Arm => Some(Arch::Aarch64),
        _ => None,
    }
}

/// The number of a call by its name, or of one without a name: `syscall_0x1f3`.
fn number_of(name: &str, arch: Arch) -> Option<SyscallNr> {
    if let Some(number) = name.strip_prefix("syscall_0x") {
        return u32::from_str_radix(number, 16).ok().map(SyscallNr::new);
    }
    Some(arch.syscall(Name::parse(words::alias(name))?)?.nr)
}

/// Inserts, unless there is no room: a log of more processes than that loses signals' arguments.
fn bounded<V>(map: &mut BTreeMap<u32, V>, key: u32, value: V) {
    if map.len() < PROCESSES_MAX || map.contains_key(&key) {
        map.insert(key, value);
    } else if let Some((oldest, _)) = map.pop_first() {
        debug_assert!(oldest != key, "it was not there");
        map.insert(key, value);
    }
}

/// The process and the rest of a line: `[pid  1234] …`, `1234  …`, with or without a time.
fn without_prefix(line: &str) -> (Option<u32>, &str) {
    let mut rest = line.trim_start();
    let mut pid = None;
    if let Some(inside) = rest.strip_prefix("[pid ") {
        if let Some((number, after)) = inside.split_once(']') {
            pid = number.trim().parse().ok();
            rest = after.trim_start();
        }
    }
    // A pid comes before a time; a time has punctuation, a pid none.
    for _ in 0..2 {
        let Some((word, after)) = rest.split_once(' ') else { break };
        let is_time = word.starts_with(|c: char| c.is_ascii_digit())
            && word.contains([':', '.'])
            && word.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.'));
        if !is_time {
            match word.parse() {
                Ok(number) if pid.is_none() => pid = Some(number),
                _ => break,
            }
        }
        rest = after.trim_start();
    }
    (pid, rest)
}

/// The arguments of a call, and what follows behind them.
fn split(text: &str) -> (Vec<&str>, Option<&str>) {
    let mut arguments = Vec::new();
    let (mut depth, mut start, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if quoted {
            quoted = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'(' | b'{' | b'[' => depth += 1,
            b')' if depth == 0 => {
                push(&mut arguments, &text[start..at]);
                return (arguments, Some(&text[at + 1..]));
            }
            b')' | b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                push(&mut arguments, &text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    push(&mut arguments, &text[start..]);
    (arguments, None)
}

fn push<'t>(arguments: &mut Vec<&'t str>, text: &'t str) {
    let text = text.trim();
    if !text.is_empty() {
        arguments.push(text);
    }
}

/// The errno in ` = -1 EPERM (Operation not permitted)`.
fn failure(result: &str) -> Option<&str> {
    let rest = result.trim_start().strip_prefix('=')?.trim_start().strip_prefix("-1 ")?;
    rest.split_ascii_whitespace().next().filter(|word| word.starts_with('E'))
}

/// Reads what is known of the arguments; gives which of them point to something.
fn read_arguments(denial: &mut Denial, arch: Arch, name: Name, texts: &[&str]) -> [bool; 6] {
    let mut given = [false; 6];
    let Some(signature) = arch.signature(name) else { return given };
    let arguments: Vec<Argument> = signature.arguments().collect();
    // A call that takes none has nothing that is not known.
    for (place, text) in texts.iter().enumerate().take(denial.args.len()) {
        let Some((index, text)) = placed(name, &arguments, place, text) else { continue };
        if text.starts_with(['"', '{', '[']) {
            given[index] = true;
        }
        if let Some(string) = text.strip_prefix('"') {
            let end = string.rfind('"').unwrap_or(string.len());
            denial.texts.push((index, unescaped(&string[..end])));
            continue;
        }
        // `3</path>` is a descriptor with its file, and `0777 /* … */` a number with words.
        let end = if text.starts_with("_IOC(") { &['<'][..] } else { &['<', ' '] };
        let text = text.split(end).next().unwrap_or(text);
        let taken = set(denial, arch, name, &arguments, index);
        denial.args[index] = words::value(text, taken, arch);
    }
    given
}

/// Which argument a text is for: mostly that of its place; `flags=CLONE_VM|SIGCHLD` says it, in
/// clone's lines, which have an order of their own.
fn placed<'t>(
    name: Name,
    arguments: &[Argument],
    place: usize,
    text: &'t str,
) -> Option<(usize, &'t str)> {
    let is_word = |key: &str| key.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
    let Some((key, value)) = text.split_once('=').filter(|(key, _)| is_word(key)) else {
        return (place < arguments.len()).then_some((place, text));
    };
    let kernel = match key {
        "child_stack" => "newsp",
        _ => kernel_name(name, key).unwrap_or(key),
    };
    let index = arguments.iter().position(|argument| argument.name == kernel)?;
    Some((index, value))
}

/// A string without its escapes for quotes and backslashes; others stay as they are.
fn unescaped(text: &str) -> String {
    text.replace("\\\"", "\"").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Call;

    fn lines(lines: &[&str]) -> Vec<String> {
        let mut strace = Strace::new(Arch::X86_64);
        let mut calls = Vec::new();
        for line in lines {
            if let Some(Found::Denial(denial)) = strace.line(line) {
                calls.push(format!("{} {:?}", Call::of(&denial), denial.process.tid));
            }
        }
        calls
    }

    #[test]
    fn arguments_are_read_with_their_constants() {
        for (line, call) in [
            (
                "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = -1 EPERM (Operation not permitted)",
                "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) on x86_64 None",
            ),
            (
                "[pid  12] 10:11:12.5 mkdir(\"a, \\\"b\", 0777) = -1 EPERM (Operation not permitted)",
                "mkdir(\"a, \\\"b\", 0777) on x86_64 Some(12)",
            ),
            (
                "77 clone(child_stack=NULL, flags=CLONE_NEWUSER|SIGCHLD) = -1 EPERM (Operation not permitted)",
                "clone(SIGCHLD|CLONE_NEWUSER, 0, ?, ?, ?) on x86_64 Some(77)",
            ),
            (
                "5 1700000000.123456 fchdir(3</tmp/a, b>) = -1 ENOSYS (Function not implemented)",
                "fchdir(3) on x86_64 Some(5)",
            ),
        ] {
            assert_eq!(lines(&[line]), [call], "{line}");
        }
    }

    #[test]
    fn a_signal_is_about_the_call_before_it() {
        let call = "mkdir(\"x\", 0700) = 83";
        let signal = "--- SIGSYS {si_signo=SIGSYS, si_code=SYS_SECCOMP, si_call_addr=0x7f0, si_syscall=__NR_mkdir, \
                      si_arch=AUDIT_ARCH_X86_64} ---";
        let killed = "+++ killed by SIGSYS (core dumped) +++";
        let expected = ["mkdir(\"x\", 0700) on x86_64 None"];
        assert_eq!(lines(&[call, signal, killed]), expected);
        assert_eq!(lines(&["mkdir(\"x\", 0700)  = ?", killed]), expected);
        assert_eq!(lines(&[killed]), [""; 0]);
        let sent = "--- SIGSYS {si_signo=SIGSYS, si_code=SI_USER, si_pid=7, si_uid=0} ---";
        assert_eq!(lines(&["kill(7, SIGSYS) = 0", sent, killed]), [""; 0], "no filter did");
    }

    #[test]
    fn calls_that_end_with_their_process_were_not_refused() {
        let sleeps = "1 mkdir(\"a\", 0700 <unfinished ...>";
        let refused = "2 mkdir(\"b\", 0700) = 83";
        let ended = "1 <... mkdir resumed> <unfinished ...>) = ?";
        let killed = ["1 +++ killed by SIGSYS +++", "2 +++ killed by SIGSYS +++"];
        let told = lines(&[sleeps, refused, ended, killed[0], killed[1]]);
        assert_eq!(told, ["mkdir(\"b\", 0700) on x86_64 Some(2)"]);
    }

    #[test]
    fn a_call_that_others_interrupt_is_put_together() {
        let begun = "7 mkdir(\"x\", 0700 <unfinished ...>";
        let other = "8 mkdir(\"y\", 0700) = -1 EPERM (Operation not permitted)";
        let end = "7 <... mkdir resumed>) = -1 EPERM (Operation not permitted)";
        let expected =
            ["mkdir(\"y\", 0700) on x86_64 Some(8)", "mkdir(\"x\", 0700) on x86_64 Some(7)"];
        assert_eq!(lines(&[begun, other, end]), expected);
        assert_eq!(lines(&[end]), [""; 0], "nothing is known of its beginning");
    }

    #[test]
    fn processes_of_another_word_size_are_told_apart() {
        let mode = "[ Process PID=9 runs in 32 bit mode. ]";
        let call = "9 mkdir(\"x\", 0700) = -1 EPERM (Operation not permitted)";
        assert_eq!(lines(&[mode, call]), ["mkdir(\"x\", 0700) on x86 Some(9)"]);
    }
}
