//! What programs and this process pass to each other, byte by byte.

use callgate_syscalls::{ArchToken, SeccompData, SyscallNr};

use super::Interest;

/// An observation: ABI, number and flags, registers, result, name of the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key([u8; KEY_LEN as usize]);

pub(super) const KEY_LEN: i32 = 88;
pub(super) const ARCH: i16 = 0;
pub(super) const NR: i16 = 4;
pub(super) const FLAGS: i16 = 8;
pub(super) const REGISTERS: i16 = 16;
pub(super) const RESULT: i16 = 64;
pub(super) const THREAD: i16 = 72;
pub(super) const THREAD_LEN: i32 = 16;

/// The flag of a call of which only the end was seen.
pub(super) const ONLY_END: i32 = 1;
/// The result of a call that has none, or none yet: no error is positive.
pub(super) const NO_RESULT: i32 = 1;

/// What is known of a thread: how it stands, what is expected of it, and the call that it makes.
pub(super) const THREAD_VALUE_LEN: u32 = 96;
pub(super) const STATE: i16 = 0;
pub(super) const AWAITED: i16 = 4;
pub(super) const KEY: i16 = 8;

/// How a thread stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is not recorded.
    Left = 0,
    /// It is recorded once it has executed a program.
    Armed = 1,
    Recorded = 2,
}

/// What is expected of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// That it begins a call.
    Begin = 0,
    /// That its call ends.
    End = 1,
    /// That its parent's call ends in it, too, which has made it.
    Birth = 2,
}

/// How often something was seen, and when it was told last.
pub(super) const COUNT_VALUE_LEN: u32 = 16;
pub(super) const COUNT: i16 = 0;
pub(super) const EPOCH: i16 = 8;

/// How many observations had no room, and how many threads.
pub(super) const LOST_LEN: u32 = 16;
pub(super) const LOST_CALLS: i16 = 0;
pub(super) const LOST_THREADS: i16 = 8;

/// The bits that are kept of each register, and a bit for each that is given or not.
pub(super) const INTEREST_LEN: u32 = 56;
pub(super) const GIVEN: i16 = 48;

impl Key {
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        bytes.get(..KEY_LEN as usize)?.try_into().ok().map(Self)
    }

    /// The call, with the registers that were asked for and 0 in all others.
    pub(super) fn call(&self) -> SeccompData {
        let register = |index: i16| self.double(REGISTERS + 8 * index);
        SeccompData {
            nr: SyscallNr::new(self.word(NR)),
            arch: ArchToken::new(self.word(ARCH)),
            instruction_pointer: 0,
            args: [0, 1, 2, 3, 4, 5].map(register),
        }
    }

    /// What the call returned: 0 or an error.
    pub(super) fn result(&self) -> Option<i64> {
        const EINTR: i64 = -(libc::EINTR as i64);
        let result = i64::from_ne_bytes(self.double(RESULT).to_ne_bytes());
        match result {
            1.. => None,
            // The kernel's own words for a call that it makes again or that becomes EINTR.
            -516..=-512 => Some(EINTR),
            other => Some(other),
        }
    }

    pub(super) fn is_only_end(&self) -> bool {
        self.word(FLAGS) & ONLY_END.unsigned_abs() != 0
    }

    /// The name of the thread.
    pub(super) fn thread(&self) -> String {
        let name = self.0.get(THREAD.unsigned_abs().into()..).unwrap_or_default();
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        String::from_utf8_lossy(&name[..end]).into_owned()
    }

    fn word(&self, at: i16) -> u32 {
        let bytes: [u8; 4] = self.field(at);
        u32::from_ne_bytes(bytes)
    }

    fn double(&self, at: i16) -> u64 {
        let bytes: [u8; 8] = self.field(at);
        u64::from_ne_bytes(bytes)
    }

    fn field<const N: usize>(&self, at: i16) -> [u8; N] {
        let at = usize::from(at.unsigned_abs());
        self.0.get(at..at + N).and_then(|bytes| bytes.try_into().ok()).unwrap_or([0; N])
    }
}

/// Key and value of an interest.
pub(super) fn interest(interest: &Interest) -> ([u8; 8], [u8; INTEREST_LEN as usize]) {
    let (mut key, mut value) = ([0; 8], [0; INTEREST_LEN as usize]);
    key[..4].copy_from_slice(&interest.arch.raw().to_ne_bytes());
    key[4..].copy_from_slice(&interest.nr.raw().to_ne_bytes());
    let words = value.chunks_exact_mut(8);
    let bits = interest.is_given.iter().enumerate();
    let given = bits.fold(0, |bits, (index, is_given)| bits | u64::from(*is_given) << index);
    for (word, number) in words.zip(interest.masks.iter().chain([&given])) {
        word.copy_from_slice(&number.to_ne_bytes());
    }
    (key, value)
}

/// The call that a thread makes, of the value that is kept for it; `None` where it makes none or
/// is not recorded.
pub(super) fn call_of_thread(value: &[u8]) -> Option<Key> {
    let word = |at: i16| {
        let at = usize::from(at.unsigned_abs());
        value.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes)
    };
    let makes = word(STATE)? == State::Recorded as u32 && word(AWAITED)? == Awaited::End as u32;
    let mut key = makes.then(|| Key::new(&value[usize::from(KEY.unsigned_abs())..])).flatten()?;
    let at = usize::from(RESULT.unsigned_abs());
    key.0[at..at + 8].copy_from_slice(&i64::from(NO_RESULT).to_ne_bytes());
    Some(key)
}
