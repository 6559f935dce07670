//! Cores of processes that a filter killed.
//!
//! References: core(5), `include/uapi/linux/elf.h`, `include/linux/elfcore.h`, and each
//! architecture's `struct user_regs_struct`.

use std::fmt;

use callgate_syscalls::{Arch, ArchToken, Endian, SyscallNr};

use crate::{Answer, Denial, Frame, Knowledge};

/// Why a file tells of no denial.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoDenial {
    /// It is no ELF core, or its headers are cut off.
    NoCore,
    /// It is a core of a machine whose registers are not known here.
    Machine {
        /// `e_machine`.
        number: u16,
    },
    /// Another signal ended the process.
    Signal {
        /// The signal.
        number: u32,
    },
    /// SIGSYS ended it, and somebody sent that, as kill(2) does.
    Sent,
    /// It has no note about the thread.
    NoThread,
}

const SIGSYS: u32 = 31;
const PT_NOTE: u32 = 4;
const NT_PRSTATUS: u32 = 1;
const NT_PRPSINFO: u32 = 3;
const NT_SIGINFO: u32 = 0x5349_4749;
const NT_FILE: u32 = 0x4649_4c45;

/// The denial that a core tells of.
///
/// # Errors
/// [`NoDenial`].
pub fn read_core(bytes: &[u8]) -> Result<Denial, NoDenial> {
    let core = Core::new(bytes).ok_or(NoDenial::NoCore)?;
    let machine = core.machine()?;
    let notes = core.notes().ok_or(NoDenial::NoCore)?;
    let of = |kind: u32| notes.iter().find(|note| note.0 == kind).map(|note| note.1);
    // The thread that the signal was for comes first.
    let status = of(NT_PRSTATUS).ok_or(NoDenial::NoThread)?;
    let signal = core.u16(status, 12).ok_or(NoDenial::NoThread)?;
    if u32::from(signal) != SIGSYS {
        return Err(NoDenial::Signal { number: signal.into() });
    }
    if of(NT_SIGINFO).is_some_and(|info| core.is_sent(info)) {
        return Err(NoDenial::Sent);
    }
    let register = |index: usize| core.register(status, index);
    let number = register(machine.number).and_then(|nr| u32::try_from(nr & 0xffff_ffff).ok());
    let mut denial = Denial::new(
        machine.arch.token(),
        SyscallNr::new(number.unwrap_or(u32::MAX)),
        Knowledge::Core,
    );
    denial.answer = Answer::Sigsys(None);
    denial.args = machine.arguments.map(register);
    denial.ip = register(machine.counter);
    denial.process.tid = core.u32(status, if core.wide { 32 } else { 24 });
    if let Some(info) = of(NT_SIGINFO) {
        core.read_siginfo(info, &mut denial);
    }
    if machine.arch == Arch::X86_64 && denial.token == Arch::X86.token() {
        // int 0x80: the registers of 32-bit code, in a 64-bit program.
        let [rbx, rcx, rdx, rsi, rdi, rbp] = [5, 11, 12, 13, 14, 4].map(register);
        denial.args = [rbx, rcx, rdx, rsi, rdi, rbp].map(|word| Some(word? & 0xffff_ffff));
    }
    if let Some(info) = of(NT_PRPSINFO) {
        denial.process.comm = core.comm(info);
    }
    if let (Some(ip), Some(files)) = (denial.ip, of(NT_FILE)) {
        denial.caller.push(core.frame(files, ip));
        denial.process.exe = core.first_file(files);
    }
    Ok(denial)
}

/// Where the parts of a call are among the registers of a core.
struct Machine {
    arch: Arch,
    number: usize,
    arguments: [usize; 6],
    counter: usize,
}

struct Core<'b> {
    bytes: &'b [u8],
    wide: bool,
    endian: Endian,
}

impl<'b> Core<'b> {
    fn new(bytes: &'b [u8]) -> Option<Self> {
        const CORE: u16 = 4;
        let [0x7f, b'E', b'L', b'F', class, data, ..] = bytes else { return None };
        let wide = match class {
            1 => false,
            2 => true,
            _ => return None,
        };
        let endian = if *data == 2 { Endian::Big } else { Endian::Little };
        let core = Self { bytes, wide, endian };
        (core.u16(bytes, 16)? == CORE).then_some(core)
    }

    fn machine(&self) -> Result<Machine, NoDenial> {
        let number = self.u16(self.bytes, 18).ok_or(NoDenial::NoCore)?;
        let machine =
            |arch, number, arguments, counter| Machine { arch, number, arguments, counter };
        Ok(match (number, self.wide, self.endian) {
            (3, false, _) => machine(Arch::X86, 11, [0, 1, 2, 3, 4, 5], 12),
            (62, true, _) => machine(Arch::X86_64, 15, [14, 13, 12, 7, 9, 8], 16),
            (183, true, Endian::Little) => machine(Arch::Aarch64, 8, [0, 1, 2, 3, 4, 5], 32),
            (40, false, Endian::Little) => machine(Arch::Arm, 7, [0, 1, 2, 3, 4, 5], 15),
            (243, true, Endian::Little) => machine(Arch::Riscv64, 17, [10, 11, 12, 13, 14, 15], 0),
            (258, true, Endian::Little) => machine(Arch::Loongarch64, 11, [4, 5, 6, 7, 8, 9], 33),
            (21, true, Endian::Little) => machine(Arch::Ppc64le, 0, [3, 4, 5, 6, 7, 8], 32),
            (21, true, Endian::Big) => machine(Arch::Ppc64, 0, [3, 4, 5, 6, 7, 8], 32),
            _ => return Err(NoDenial::Machine { number }),
        })
    }

    /// The notes, with their type and content.
    fn notes(&self) -> Option<Vec<(u32, &'b [u8])>> {
        let (offset, size, count) = match self.wide {
            true => {
                (self.word(self.bytes, 32)?, self.u16(self.bytes, 54)?, self.u16(self.bytes, 56)?)
            }
            false => {
                (self.word(self.bytes, 28)?, self.u16(self.bytes, 42)?, self.u16(self.bytes, 44)?)
            }
        };
        let mut notes = Vec::new();
        for index in 0..u64::from(count) {
            let start = offset.checked_add(index * u64::from(size))?;
            let Some(header) = from(self.bytes, start) else { break };
            if self.u32(header, 0)? != PT_NOTE {
                continue;
            }
            let (at, length) = match self.wide {
                true => (self.word(header, 8)?, self.word(header, 32)?),
                false => (self.word(header, 4)?, self.word(header, 16)?),
            };
            let content = from(self.bytes, at)?;
            let length = usize::try_from(length).ok()?.min(content.len());
            self.read_notes(&content[..length], &mut notes);
        }
        Some(notes)
    }

    fn read_notes(&self, mut rest: &'b [u8], notes: &mut Vec<(u32, &'b [u8])>) {
        let padded = |length: u32| (length as usize).checked_add(3).map(|length| length & !3);
        while let (Some(name), Some(length), Some(kind)) =
            (self.u32(rest, 0), self.u32(rest, 4), self.u32(rest, 8))
        {
            let Some(start) = padded(name).and_then(|name| name.checked_add(12)) else { return };
            let Some(content) = rest.get(start..) else { return };
            let end = (length as usize).min(content.len());
            notes.push((kind, &content[..end]));
            let Some(next) = padded(length).and_then(|length| content.get(length..)) else {
                return;
            };
            rest = next;
        }
    }

    fn register(&self, status: &[u8], index: usize) -> Option<u64> {
        // What stands before the registers: the signal, ids and times of `struct elf_prstatus`.
        let (start, size) = if self.wide { (112, 8) } else { (72, 4) };
        self.word(status, start + index * size)
    }

    /// Whether a process sent the signal: what the kernel sends has a code above 0.
    fn is_sent(&self, info: &[u8]) -> bool {
        let code = self.u32(info, 8).map(|code| i32::from_ne_bytes(code.to_ne_bytes()));
        self.u32(info, 0) == Some(SIGSYS) && code.is_some_and(|code| code <= 0)
    }

    fn read_siginfo(&self, info: &[u8], denial: &mut Denial) {
        const SYS_SECCOMP: u32 = 1;
        let (address, number, arch) = if self.wide { (16, 24, 28) } else { (12, 16, 20) };
        if self.u32(info, 0) != Some(SIGSYS) || self.u32(info, 8) != Some(SYS_SECCOMP) {
            return;
        }
        let data = self.u32(info, 4).and_then(|data| u16::try_from(data).ok());
        denial.answer = Answer::Sigsys(data);
        denial.ip = self.word(info, address).or(denial.ip);
        if let (Some(nr), Some(token)) = (self.u32(info, number), self.u32(info, arch)) {
            let token = ArchToken::new(token);
            denial.token = token;
            denial.nr = SyscallNr::new(nr);
        }
    }

    /// The thread's name.
    fn comm(&self, info: &[u8]) -> Option<String> {
        let start = if self.wide { 40 } else { 28 };
        let name = info.get(start..start + 16)?;
        let text = name.split(|&byte| byte == 0).next()?;
        (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
    }

    /// The file that is mapped at an address.
    fn frame(&self, files: &[u8], ip: u64) -> Frame {
        let mut frame = Frame { offset: ip, ..Frame::default() };
        for (start, end, offset, name) in self.files(files) {
            if (start..end).contains(&ip) {
                frame.object = Some(name);
                frame.offset = (ip - start).saturating_add(offset);
                break;
            }
        }
        frame
    }

    fn first_file(&self, files: &[u8]) -> Option<String> {
        self.files(files).next().map(|(.., name)| name)
    }

    /// Mappings of files: first and last address, offset in the file, path.
    fn files<'f>(&'f self, files: &'f [u8]) -> impl Iterator<Item = (u64, u64, u64, String)> + 'f {
        let size = if self.wide { 8 } else { 4 };
        let word = move |index: usize| self.word(files, index.checked_mul(size)?);
        let count = word(0).and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
        let page = word(1).unwrap_or(0);
        let names = count.checked_mul(3 * size).and_then(|length| files.get(2 * size + length..));
        let names = names.unwrap_or_default().split(|&byte| byte == 0);
        names.take(count).enumerate().map_while(move |(index, name)| {
            let [start, end, offset] = [2, 3, 4].map(|field| word(3 * index + field));
            let name = String::from_utf8_lossy(name).into_owned();
            Some((start?, end?, offset?.checked_mul(page)?, name))
        })
    }

    fn word(&self, bytes: &[u8], at: usize) -> Option<u64> {
        match self.wide {
            false => self.u32(bytes, at).map(u64::from),
            true => {
                let bytes: [u8; 8] = bytes.get(at..)?.first_chunk().copied()?;
                Some(match self.endian {
                    Endian::Little => u64::from_le_bytes(bytes),
                    Endian::Big => u64::from_be_bytes(bytes),
                })
            }
        }
    }

    fn u32(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes: [u8; 4] = bytes.get(at..)?.first_chunk().copied()?;
        Some(match self.endian {
            Endian::Little => u32::from_le_bytes(bytes),
            Endian::Big => u32::from_be_bytes(bytes),
        })
    }

    fn u16(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes: [u8; 2] = bytes.get(at..)?.first_chunk().copied()?;
        Some(match self.endian {
            Endian::Little => u16::from_le_bytes(bytes),
            Endian::Big => u16::from_be_bytes(bytes),
        })
    }
}

fn from(bytes: &[u8], at: u64) -> Option<&[u8]> {
    bytes.get(usize::try_from(at).ok()?..)
}

impl fmt::Display for NoDenial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCore => f.write_str("no ELF core, or cut off within its headers"),
            Self::Machine { number } => {
                write!(f, "a core of machine {number}, whose registers are not known here")
            }
            Self::Signal { number } => {
                write!(f, "signal {number} ended this process, and no filter: that is SIGSYS, 31")
            }
            Self::Sent => f.write_str(
                "somebody sent SIGSYS to this process, with kill(2) or the like: no filter ended it",
            ),
            Self::NoThread => f.write_str("a core without a note about the thread"),
        }
    }
}

impl std::error::Error for NoDenial {}
