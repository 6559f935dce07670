//! What `/proc` says of the thread whose call waits. All of it is for people to read: names are the
//! program's own choice.

use std::fs;

use callgate_kernel::{Tid, notify};

use super::{Enforcer, Refused};

/// The thread that made a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thread {
    /// The thread.
    pub id: Tid,
    /// Its process.
    pub process: Tid,
    /// Its name, which is that of the program unless it has chosen another.
    pub name: String,
    /// The program's file.
    pub executable: Option<String>,
}

/// A part of an address space.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mapping {
    /// The first address.
    pub start: u64,
    /// The address behind the last.
    pub end: u64,
    /// Where it begins in the file.
    pub offset: u64,
    /// Whether code can be executed there.
    pub code: bool,
    /// The file, or what else the kernel calls it, such as `[vdso]`.
    pub file: Option<String>,
}

impl Thread {
    /// The name of a thread, if it is there.
    #[must_use]
    pub fn name_of(id: Tid) -> Option<String> {
        let name = fs::read(format!("/proc/{id}/comm")).ok()?;
        Some(String::from_utf8_lossy(name.trim_ascii_end()).into_owned())
    }
}

impl Enforcer {
    /// The thread that made a call; `None` where it can't be seen, or the call waits no longer.
    #[must_use]
    pub fn thread(&self, refused: &Refused) -> Option<Thread> {
        let id = refused.thread?;
        let process = SignalState::of(id)?.process;
        let name = Thread::name_of(id)?;
        let executable = fs::read_link(format!("/proc/{id}/exe")).ok();
        let executable = executable.map(|path| path.to_string_lossy().into_owned());
        self.waits(refused).then_some(Thread { id, process, name, executable })
    }

    /// The address space of the thread that made a call; empty where it can't be seen.
    #[must_use]
    pub fn mappings(&self, refused: &Refused) -> Vec<Mapping> {
        let mappings = refused.thread.map(mappings_of).unwrap_or_default();
        if self.waits(refused) { mappings } else { Vec::new() }
    }

    /// The address where the caller's stack ends at the time of the call.
    #[must_use]
    pub fn stack_pointer(&self, refused: &Refused) -> Option<u64> {
        let line = fs::read_to_string(format!("/proc/{}/syscall", refused.thread?)).ok()?;
        // The stack pointer and the instruction pointer come last.
        let pointer = line.split_ascii_whitespace().rev().nth(1)?.strip_prefix("0x")?;
        let pointer = u64::from_str_radix(pointer, 16).ok()?;
        self.waits(refused).then_some(pointer)
    }

    /// Memory of the caller, as much of it as is there. It is for reading only: another thread may
    /// change it at any moment.
    #[must_use]
    pub fn memory(&self, refused: &Refused, address: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let read = refused.thread.and_then(|tid| read(tid, address, &mut bytes));
        bytes.truncate(read.filter(|_| self.waits(refused)).unwrap_or(0));
        bytes
    }
}

fn read(tid: Tid, address: u64, buffer: &mut [u8]) -> Option<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match notify::read_memory(tid, address.checked_add(done as u64)?, rest) {
            Ok(0) | Err(_) => break,
            Ok(more) => done += more,
        }
    }
    Some(done)
}

/// A thread's process, and what SIGSYS does to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignalState {
    pub(super) process: Tid,
    /// A handler runs at once.
    pub(super) sigsys_is_handled: bool,
    /// The process ends at once.
    pub(super) sigsys_ends: bool,
}

impl SignalState {
    pub(super) fn of(thread: Tid) -> Option<Self> {
        const SIGSYS: u64 = 1 << (libc::SIGSYS - 1);
        let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        let has = |name| {
            let set = field(name).and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
            set.is_some_and(|set| set & SIGSYS != 0)
        };
        let process = field("Tgid:")?.trim().parse().ok().and_then(Tid::new)?;
        let [held, ignored, handled] = ["SigBlk:", "SigIgn:", "SigCgt:"].map(has);
        Some(Self {
            process,
            sigsys_is_handled: handled && !held,
            sigsys_ends: !held && !ignored && !handled,
        })
    }
}

/// The address space of a thread; empty where it can't be seen.
pub(super) fn mappings_of(thread: Tid) -> Vec<Mapping> {
    let maps = fs::read(format!("/proc/{thread}/maps")).unwrap_or_default();
    String::from_utf8_lossy(&maps).lines().filter_map(mapping).collect()
}

/// Reads `start-end perms offset device inode   file`.
fn mapping(line: &str) -> Option<Mapping> {
    let number = |text| u64::from_str_radix(text, 16).ok();
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let code = words.next()?.contains('x');
    let offset = number(words.next()?)?;
    let file = words.nth(2).map(str::trim_start).filter(|file| !file.is_empty());
    Some(Mapping {
        start: number(start)?,
        end: number(end)?,
        offset,
        code,
        file: file.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_read_with_and_without_a_file() {
        let file = "7f00-7f20 r-xp 00000010 fe:01 123                        /lib/a b.so";
        let read = mapping(file).unwrap();
        assert_eq!((read.start, read.end, read.offset, read.code), (0x7f00, 0x7f20, 0x10, true));
        assert_eq!(read.file.as_deref(), Some("/lib/a b.so"));
        let anonymous = mapping("1000-2000 rw-p 00000000 00:00 0 ").unwrap();
        assert_eq!((anonymous.code, anonymous.file), (false, None));
        assert_eq!(mapping(""), None);
    }
}
