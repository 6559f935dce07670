//! Audit records of type 1326 (`AUDIT_SECCOMP`), in the kernel log, the journal, auditd's log and
//! what ausearch prints of it.
//!
//! References: `kernel/auditsc.c` (`audit_seccomp`), auditd.conf(5) on `log_format`.

use std::collections::{BTreeMap, VecDeque};

use callgate_syscalls::{Action, ActionKind, ArchToken, SyscallNr};

use super::made::{Made, Told};
use super::{Found, words};
use crate::{Answer, Denial, Knowledge, Time};

/// How many events are remembered, to know them again in another clothing.
const REMEMBERED: usize = 4096;

/// Records, of which the journal has each twice: from the kernel log and from the audit socket.
#[derive(Debug, Default)]
pub(super) struct Audit {
    seen: BTreeMap<String, [u32; 2]>,
    order: VecDeque<String>,
}

impl Audit {
    pub(super) fn line(&mut self, line: &str) -> Option<Found> {
        // Where auditd enriches, names follow behind a separator of their own.
        let raw = line.split('\u{1d}').next().unwrap_or(line);
        let clothing = clothing(raw)?;
        let denial = denial(raw)?;
        match self.is_new(raw, clothing) {
            true => Some(denial.into()),
            false => Some(Found::Understood),
        }
    }

    /// Whether an event was not told in the other clothing before: what the kernel writes of one is
    /// the same in both from `auid=` on.
    fn is_new(&mut self, line: &str, clothing: usize) -> bool {
        let Some(start) = line.find("auid=") else { return true };
        let event = line[start..].to_owned();
        if !self.seen.contains_key(&event) {
            if self.order.len() >= REMEMBERED {
                let oldest = self.order.pop_front().unwrap_or_default();
                self.seen.remove(&oldest);
            }
            self.order.push_back(event.clone());
        }
        let counts = self.seen.entry(event).or_default();
        let told = counts[0].max(counts[1]);
        counts[clothing] = counts[clothing].saturating_add(1);
        counts[clothing] > told
    }
}

/// Whether it is a record of a filter: 1 in the clothing of the audit socket in the journal, 0 in
/// all others.
fn clothing(line: &str) -> Option<usize> {
    if line.contains("type=1326 ") || line.contains("type=SECCOMP ") {
        return Some(0);
    }
    line.contains("]: SECCOMP auid=").then_some(1)
}

/// A record of type 1300 (`AUDIT_SYSCALL`): a call that a rule of auditctl(8) asks for.
pub(super) fn made(line: &str) -> Option<Told> {
    let raw = line.split('\u{1d}').next().unwrap_or(line);
    if !(raw.contains("type=1300 ") || raw.contains("type=SYSCALL ")) {
        return None;
    }
    let mut made = Made::new(denial(raw)?);
    made.denial.answer = Answer::Unknown;
    for (index, key) in ["a0", "a1", "a2", "a3"].into_iter().enumerate() {
        let value = field(raw, key).and_then(|word| {
            let digits = word.strip_prefix("0x").unwrap_or(word);
            u64::from_str_radix(digits, 16).ok()
        });
        made.denial.args[index] = value;
    }
    made.has_succeeded = field(raw, "success") == Some("yes");
    Some(made.into())
}

fn denial(line: &str) -> Option<Denial> {
    let arch = field(line, "arch")?;
    // The kernel writes the token in hexadecimal, without a sign of it; ausearch a name.
    let token = u32::from_str_radix(arch, 16).ok().filter(|_| is_hexadecimal(arch));
    let token = token.map(ArchToken::new).or_else(|| words::token(arch))?;
    let nr: SyscallNr = words::call(field(line, "syscall")?, token)?;
    let mut denial = Denial::new(token, nr, Knowledge::Audit);
    denial.answer = answer(line);
    denial.ip = field(line, "ip").and_then(words::number).filter(|ip| *ip != 0);
    denial.first = time(line);
    denial.last = denial.first;
    // The record's pid is the thread's.
    denial.process.tid = field(line, "pid").and_then(|pid| pid.parse().ok());
    denial.process.comm = text(line, "comm");
    denial.process.exe = text(line, "exe");
    Some(denial)
}

fn is_hexadecimal(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) || word.len() == 8
}

/// The value of `key=value`, as a word of its own.
fn field<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    let words = line.split_ascii_whitespace();
    let mut values = words.filter_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    values.next_back()
}

/// A text: in quotes, or as hexadecimal digits where it has odd bytes; ausearch writes it plain.
fn text(line: &str, key: &str) -> Option<String> {
    let start = line.find(&format!(" {key}="))? + key.len() + 2;
    let rest = &line[start..];
    if let Some(quoted) = rest.strip_prefix('"') {
        return Some(quoted.split('"').next()?.to_owned());
    }
    let word = rest.split_ascii_whitespace().next()?;
    match word {
        "(null)" | "?" => None,
        _ => Some(from_hexadecimal(word).unwrap_or_else(|| word.to_owned())),
    }
}

fn from_hexadecimal(word: &str) -> Option<String> {
    let digits = word.as_bytes();
    let upper = |byte: &u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte);
    if digits.len() < 2 || digits.len() % 2 != 0 || !digits.iter().all(upper) {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    Some(String::from_utf8_lossy(&bytes?).into_owned())
}

fn answer(line: &str) -> Answer {
    let Some(code) = field(line, "code") else { return Answer::Unknown };
    if let Some(word) = words::number32(code) {
        // The kernel leaves the data out of it.
        return match Action::from_raw(word).kind() {
            kind @ (ActionKind::Errno | ActionKind::Trap | ActionKind::Trace) => Answer::Kind(kind),
            _ => Answer::Action(Action::from_raw(word)),
        };
    }
    match &*code.replace('-', "_") {
        "kill" | "kill_thread" => Answer::Action(Action::KILL_THREAD),
        "kill_process" => Answer::Action(Action::KILL_PROCESS),
        "trap" => Answer::Kind(ActionKind::Trap),
        "errno" => Answer::Kind(ActionKind::Errno),
        "trace" => Answer::Kind(ActionKind::Trace),
        "log" => Answer::Action(Action::LOG),
        "allow" => Answer::Action(Action::ALLOW),
        "user_notif" | "user_notify" => Answer::Action(Action::USER_NOTIFY),
        _ => Answer::Unknown,
    }
}

/// The time in `audit(SECONDS.MILLISECONDS:SERIAL)`; ausearch may write it as the locale has it.
fn time(line: &str) -> Option<Time> {
    let (_, rest) = line.split_once("audit(")?;
    let (stamp, _) = rest.split_once(':')?;
    let (seconds, millis) = stamp.split_once('.')?;
    let (seconds, millis): (u64, u64) = (seconds.parse().ok()?, millis.parse().ok()?);
    Some(Time::from_millis(seconds.checked_mul(1000)?.checked_add(millis)?))
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::Arch;

    use super::*;

    const RECORD: &str = "auid=4294967295 uid=0 gid=0 ses=4294967295 pid=7 comm=\"a b\" exe=\"/x y\" sig=0 \
        arch=40000003 syscall=20 compat=1 ip=0x55acaef92378 code=0x50000";

    fn only(audit: &mut Audit, line: &str) -> Option<Denial> {
        match audit.line(line)? {
            Found::Denial(denial) => Some(*denial),
            _ => None,
        }
    }

    #[test]
    fn names_may_have_spaces_and_odd_bytes() {
        let line = format!("audit: type=1326 audit(1795871271.784:3965): {RECORD}");
        let denial = only(&mut Audit::default(), &line).unwrap();
        assert_eq!(denial.process.comm.as_deref(), Some("a b"));
        assert_eq!(denial.process.exe.as_deref(), Some("/x y"));
        assert_eq!(denial.arch(), Some(Arch::X86));
        assert_eq!(denial.answer, Answer::Kind(ActionKind::Errno));
        assert_eq!(denial.first.map(Time::millis), Some(1_795_871_271_784));
        let odd = line.replace("\"a b\"", "612062").replace("\"/x y\"", "(null)");
        let denial = only(&mut Audit::default(), &odd).unwrap();
        assert_eq!((denial.process.comm.as_deref(), denial.process.exe), (Some("a b"), None));
    }

    #[test]
    fn an_event_in_both_clothings_is_one() {
        let mut audit = Audit::default();
        let kernel = format!("kernel: audit: type=1326 audit(1.0:1): {RECORD}");
        let socket = format!("audit[7]: SECCOMP {RECORD}");
        let new: Vec<bool> = [&socket, &kernel, &kernel, &socket, &socket]
            .map(|line| only(&mut audit, line).is_some())
            .into();
        assert_eq!(new, [true, false, true, false, true]);
        for serial in 0..=REMEMBERED {
            let other = RECORD.replace("pid=7", &format!("pid={serial}"));
            let line = format!("type=SECCOMP msg=audit(1.0:1): {other}");
            audit.line(&line);
        }
        assert_eq!(audit.seen.len(), REMEMBERED);
        assert_eq!(audit.order.len(), REMEMBERED);
    }
}
