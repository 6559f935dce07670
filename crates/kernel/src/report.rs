//! A line on standard error for a call that a filter traps, in a program that filters itself.
//!
//! References: sigaction(2), `SIGSYS` in signal(7), signal-safety(7).

use std::fmt::{self, Write as _};
use std::fs;
use std::sync::OnceLock;

use callgate_syscalls::{Arch, ArchToken, SyscallNr};

use crate::{Error, sys};

/// Has this process write a line for the first call that a filter traps, before it ends as it would
/// without: the call by its name, its arguments, and where in the program it was made.
///
/// `callgate explain` reads the line. A kill can't be reported by the process that it kills; filters
/// that shall be reported answer with [`Action::trap`](callgate_syscalls::Action::trap). They have to
/// allow `write`, and `rt_sigreturn` for the rest to be as without: the call is made again with
/// SIGSYS's default, so that a core shows it.
///
/// Call it before the filter is loaded: it reads `/proc/self/maps`, to name files instead of
/// addresses.
///
/// # Errors
/// [`Error::Kernel`] where the handler can't be installed.
///
/// # Examples
/// ```
/// callgate_kernel::report()?;
/// # Ok::<(), callgate_kernel::Error>(())
/// ```
pub fn report() -> Result<(), Error> {
    let _known = MAPS.get_or_init(executable_maps);
    let installed = sys::report::install();
    installed.map_err(|errno| Error::Kernel { call: "sigaction", errno })
}

/// What is mapped to be executed, as it was when reports were asked for. It is made before a handler
/// can run and never changed.
static MAPS: OnceLock<Vec<Map>> = OnceLock::new();

#[derive(Debug)]
struct Map {
    start: u64,
    end: u64,
    offset: u64,
    file: String,
}

fn executable_maps() -> Vec<Map> {
    let text = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    text.lines().filter_map(map).collect()
}

/// `7f…-7f… r-xp 00028000 08:01 1234   /usr/lib/libc.so.6`
fn map(line: &str) -> Option<Map> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let is_executable = words.next()?.contains('x');
    let number = |text| u64::from_str_radix(text, 16).ok();
    let offset = number(words.next()?)?;
    let file = line.find('/').map(|at| &line[at..]).filter(|_| is_executable)?;
    let file = file.rsplit('/').next()?.to_owned();
    Some(Map { start: number(start)?, end: number(end)?, offset, file })
}

/// A trapped call, as the signal has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trapped {
    pub(crate) token: ArchToken,
    pub(crate) nr: SyscallNr,
    pub(crate) data: i32,
    pub(crate) address: u64,
    /// Where the registers are known to hold the arguments.
    pub(crate) args: Option<[u64; 6]>,
}

/// A line without an allocator: what does not fit is cut off.
#[derive(Debug)]
pub(crate) struct Line {
    bytes: [u8; Self::BYTES_MAX],
    length: usize,
}

impl Line {
    const BYTES_MAX: usize = 512;

    /// The line for a call. It allocates nothing and takes no lock.
    pub(crate) fn of(call: &Trapped) -> Self {
        let mut line = Self { bytes: [0; Self::BYTES_MAX], length: 0 };
        // A line that is full says so by its end.
        let _ = line.describe(call);
        line.length = line.length.min(Self::BYTES_MAX - 1);
        line.bytes[line.length] = b'\n';
        line.length += 1;
        line
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn describe(&mut self, call: &Trapped) -> fmt::Result {
        let Trapped { token, nr, data, address, args } = *call;
        let arch = Arch::of_call(token, nr);
        let name = arch.and_then(|arch| arch.syscall_at(nr)).map(|syscall| syscall.name);
        self.write_str("callgate: a filter trapped ")?;
        match name {
            Some(name) => self.write_str(name.as_str())?,
            None => write!(self, "syscall {nr}")?,
        }
        if let (Some(arch), Some(name), Some(args)) = (arch, name, args) {
            self.arguments(arch, name, args)?;
        }
        if let Some(arch) = arch {
            write!(self, " on {arch}")?;
        }
        self.place(address)?;
        write!(self, " (si_syscall={nr} si_arch={:#x} si_errno={data}", token.raw())?;
        write!(self, " si_call_addr={address:#x})")
    }

    fn arguments(
        &mut self,
        arch: Arch,
        name: callgate_syscalls::Name,
        args: [u64; 6],
    ) -> fmt::Result {
        let Some(signature) = arch.signature(name) else { return Ok(()) };
        self.write_str("(")?;
        for (index, (argument, value)) in signature.arguments().zip(args).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(self, "{separator}{}={value:#x}", argument.name)?;
        }
        self.write_str(")")
    }

    fn place(&mut self, address: u64) -> fmt::Result {
        let maps = MAPS.get().map_or(&[][..], Vec::as_slice);
        match maps.iter().find(|map| (map.start..map.end).contains(&address)) {
            Some(map) => {
                let offset = (address - map.start).wrapping_add(map.offset);
                write!(self, " at {}+{offset:#x}", map.file)
            }
            None => write!(self, " at {address:#x}"),
        }
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = Self::BYTES_MAX - self.length;
        let fits = text.len().min(room);
        self.bytes[self.length..self.length + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        if fits < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(nr: u32, args: Option<[u64; 6]>) -> String {
        let (token, nr) = (Arch::X86_64.token(), SyscallNr::new(nr));
        let call = Trapped { token, nr, data: 7, address: 0x1000, args };
        String::from_utf8(Line::of(&call).bytes().to_vec()).unwrap()
    }

    #[test]
    fn the_line_names_the_call_and_fits() {
        assert_eq!(
            line(83, Some([0x10, 0o700, 0, 0, 0, 0])),
            "callgate: a filter trapped mkdir(pathname=0x10, mode=0x1c0) on x86_64 at 0x1000 \
             (si_syscall=83 si_arch=0xc000003e si_errno=7 si_call_addr=0x1000)\n"
        );
        assert!(
            line(9999, None).starts_with("callgate: a filter trapped syscall 9999 on x86_64 at")
        );
        // The longest line there is.
        for syscall in Arch::X86_64.syscalls() {
            let text = line(syscall.nr.raw(), Some([u64::MAX; 6]));
            assert!(text.ends_with("si_call_addr=0x1000)\n"), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut_off() {
        let mut line = Line { bytes: [0; Line::BYTES_MAX], length: 0 };
        let text = "x".repeat(Line::BYTES_MAX - 1);
        assert!(line.write_str(&text).is_ok() && line.write_str("y").is_ok());
        assert!(line.write_str("z").is_err());
        assert_eq!(line.bytes().len(), Line::BYTES_MAX);
    }
}
