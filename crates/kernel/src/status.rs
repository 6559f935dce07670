//! What `/proc` says about a thread's confinement.
//!
//! Reading allocates nothing, so that a failed load can be explained after a fork.
//!
//! References: proc_pid_status(5), `fs/proc/array.c`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::sys::errno_of;
use crate::{Error, Tid};

/// How a thread is confined, and what it may do about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The seccomp mode.
    pub mode: Mode,
    /// How many filters are stacked; `None` before Linux 5.9, which does not count.
    pub filters: Option<u32>,
    /// Whether no_new_privs is set; `None` before Linux 4.10, which does not say.
    pub no_new_privs: Option<bool>,
    /// Whether `CAP_SYS_ADMIN` is effective, in the thread's own user namespace.
    pub sys_admin: bool,
    #[doc(hidden)]
    pub ended: bool,
    #[doc(hidden)]
    pub user_memory: bool,
    #[doc(hidden)]
    pub process: Option<Tid>,
    #[doc(hidden)]
    pub tracer: Option<Tid>,
}

/// The seccomp mode of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Not confined.
    #[default]
    Disabled,
    /// Only `read`, `write`, `_exit` and `sigreturn`.
    Strict,
    /// One filter or more.
    Filter,
}

/// The confinement of the calling thread.
///
/// # Errors
/// [`Error::Kernel`] where `/proc` can't be read.
///
/// # Examples
/// ```
/// let status = callgate_kernel::current_status()?;
/// if status.filters.is_some_and(|filters| filters > 0) {
///     println!("already confined");
/// }
/// # Ok::<(), callgate_kernel::Error>(())
/// ```
pub fn current_status() -> Result<Status, Error> {
    read_status(Path::new("/proc/thread-self/status")).map_err(unreadable)
}

/// The confinement of a thread.
///
/// # Errors
/// [`Error::NoSuchThread`], or [`Error::Kernel`] where `/proc` can't be read.
pub fn status_of(tid: Tid) -> Result<Status, Error> {
    let path = format!("/proc/{tid}/status");
    read_status(Path::new(&path)).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOENT | libc::ESRCH) => Error::NoSuchThread { tid },
        _ => unreadable(error),
    })
}

fn unreadable(error: io::Error) -> Error {
    Error::Kernel { call: "reading status in /proc", errno: errno_of(&error) }
}

fn read_status(path: &Path) -> io::Result<Status> {
    let mut status = Status::default();
    for_each_line(File::open(path)?, |line| status.take_line(line))?;
    Ok(status)
}

impl Status {
    /// Takes over what a line says; a line it does not know, or can't read, says nothing.
    fn take_line(&mut self, line: &[u8]) {
        let Some((name, value)) = std::str::from_utf8(line).ok().and_then(|l| l.split_once(':'))
        else {
            return;
        };
        let value = value.trim();
        let tid = || value.parse().ok().and_then(Tid::new);
        match name {
            "Seccomp" => self.mode = Mode::from_digit(value),
            "Seccomp_filters" => self.filters = value.parse().ok(),
            "NoNewPrivs" => self.no_new_privs = Some(value == "1"),
            "CapEff" => self.sys_admin = has_sys_admin(value),
            "State" => self.ended = value.starts_with(['Z', 'X']),
            "VmSize" => self.user_memory = true,
            "Tgid" => self.process = tid(),
            "TracerPid" => self.tracer = tid(),
            _ => {}
        }
    }
}

impl Mode {
    fn from_digit(digit: &str) -> Self {
        match digit {
            "0" => Self::Disabled,
            "1" => Self::Strict,
            _ => Self::Filter,
        }
    }
}

fn has_sys_admin(hexadecimal: &str) -> bool {
    const CAP_SYS_ADMIN: u32 = 21;
    u64::from_str_radix(hexadecimal, 16).is_ok_and(|set| set >> CAP_SYS_ADMIN & 1 == 1)
}

/// As much of a line as is looked at: the lines of interest are shorter, and those of long lists
/// are not of interest.
const LINE_MAX: usize = 64;

/// Shows each line without its end, cut off after [`LINE_MAX`] bytes.
fn for_each_line(mut source: impl Read, mut show: impl FnMut(&[u8])) -> io::Result<()> {
    let (mut chunk, mut line, mut len) = ([0; 512], [0; LINE_MAX], 0);
    loop {
        let read = match source.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for &byte in &chunk[..read] {
            if byte == b'\n' {
                show(&line[..len]);
                len = 0;
            } else if len < LINE_MAX {
                line[len] = byte;
                len += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Status {
        let mut status = Status::default();
        for_each_line(text.as_bytes(), |line| status.take_line(line)).unwrap();
        status
    }

    #[test]
    fn reads_the_lines_it_knows() {
        let groups = "1000 ".repeat(400);
        let text = format!(
            "Name:\tSeccomp:\t1\nState:\tS (sleeping)\nTgid:\t12\nTracerPid:\t34\nGroups:\t{groups}\n\
             VmSize:\t 1 kB\nCapEff:\t0000000000200000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n"
        );
        let expected = Status {
            mode: Mode::Filter,
            filters: Some(3),
            no_new_privs: Some(true),
            sys_admin: true,
            ended: false,
            user_memory: true,
            process: Tid::new(12),
            tracer: Tid::new(34),
        };
        assert_eq!(parse(&text), expected);
    }

    #[test]
    fn old_kernels_say_less() {
        let text = "State:\tZ (zombie)\nTracerPid:\t0\nCapEff:\tffffffffffdfffff\nSeccomp:\t0\n";
        assert_eq!(parse(text), Status { ended: true, ..Status::default() });
    }

    #[test]
    fn lines_are_cut_at_their_limit() {
        for (len, expected) in [(63, 63), (64, 64), (65, 64), (1200, 64)] {
            let mut seen = Vec::new();
            let text = format!("{}\nx\n", "a".repeat(len));
            for_each_line(text.as_bytes(), |line| seen.push(line.len())).unwrap();
            assert_eq!(seen, [expected, 1]);
        }
    }
}
