//! Running a command under a filter.
//!
//! Everything that needs syscalls is done first: the command is looked for, its arguments are laid
//! out. Attaching the filter and execve(2) then follow each other with nothing between. So a filter
//! for a command has to allow `execve`, and whatever the command itself calls. Should execve fail,
//! the reason is written to standard error (`write`) and the process exits (`exit_group`); a filter
//! that forbids the one or the other costs the message or the exit code, no more.
//!
//! References: execve(2), execvp(3).

mod handover;
mod supervised;

use std::env;
use std::ffi::{CStr, CString, OsStr};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use callgate_bpf::{Instruction, Operation, Program, Stack};
use callgate_syscalls::{Action, Arch, Endian, Errno, SeccompData, names};

use crate::sys::process::{self, Disposition, StringTable};
use crate::sys::{errno, errno_of};
use crate::{Error, Options, Scope, load_stack};

pub use handover::hands_over;
pub(crate) use handover::{Handover, load_handing_over};
pub use supervised::Supervised;

/// A command that was found and only has to be executed.
///
/// # Examples
/// ```
/// use callgate_kernel::{Command, Error};
///
/// let command = Command::resolve(vec![c"sh".into()], vec![], Some("/usr/bin:/bin".as_ref()))?;
/// assert!(command.file().to_bytes().ends_with(b"/sh"));
///
/// let error = Command::resolve(vec![c"no-such-command".into()], vec![], None).unwrap_err();
/// assert_eq!(error, Error::CommandNotFound { command: c"no-such-command".into() });
/// assert_eq!(error.exit_code(), 127);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Command {
    file: CString,
    argv: StringTable,
    environment: StringTable,
    ignores_sigpipe: bool,
}

impl Command {
    /// Finds `argv[0]` as execvp(3) does: as it is where it has a slash, else in the directories of
    /// `search_path` (`PATH`), or of `/bin:/usr/bin` without one. The entries of `environment`,
    /// usually of the form `NAME=value`, are passed on as they are.
    ///
    /// A file that can't be executed does not end the search, but is what is reported if no other
    /// is found. Unlike execvp(3), a script needs its `#!` line.
    ///
    /// # Errors
    /// [`Error::NoCommand`], [`Error::CommandNotFound`], [`Error::CommandNotExecutable`].
    pub fn resolve(
        argv: Vec<CString>,
        environment: Vec<CString>,
        search_path: Option<&OsStr>,
    ) -> Result<Self, Error> {
        let command = argv.first().ok_or(Error::NoCommand)?;
        let file = find(command, search_path.unwrap_or(OsStr::new("/bin:/usr/bin")))?;
        let (argv, environment) = (StringTable::new(argv), StringTable::new(environment));
        Ok(Self { file, argv, environment, ignores_sigpipe: false })
    }

    /// Finds `argv[0]` in this process's `PATH`, to be run with this process's environment, entry
    /// for entry.
    ///
    /// # Errors
    /// As [`Command::resolve`].
    pub fn resolve_here(argv: Vec<CString>) -> Result<Self, Error> {
        Self::resolve(argv, process::environment(), env::var_os("PATH").as_deref())
    }

    /// Whether the command is to ignore SIGPIPE, as [`Start`](crate::Start) knows of this program.
    /// Without this, the signal gets its default effect, which it has nearly everywhere.
    #[must_use]
    pub const fn ignoring_sigpipe(mut self, ignores: bool) -> Self {
        self.ignores_sigpipe = ignores;
        self
    }

    /// The file that will be executed.
    #[must_use]
    pub fn file(&self) -> &CStr {
        &self.file
    }

    /// Attaches the filter and replaces the process by the command. Returns only if the filter was
    /// not attached; after that, failure is as with [`Command::replace`].
    ///
    /// A filter that would not let this very call of execve(2) through is refused while something
    /// can still be said.
    ///
    /// SIGPIPE, which Rust programs ignore, gets its default effect back, unless [otherwise asked
    /// for](Command::ignoring_sigpipe). The process may have one thread only
    /// ([`Scope::BeforeExec`]).
    ///
    /// # Errors
    /// [`Error::CommandFiltered`], or what [`load()`](crate::load()) says.
    #[must_use = "returning is failure"]
    pub fn exec(&self, program: &Program, options: &Options) -> Error {
        self.exec_under(&Stack::new([program.clone()]), options)
    }

    /// As [`Command::exec`], under filters on top of each other ([`load_stack`]).
    ///
    /// # Errors
    /// As [`Command::exec`].
    #[must_use = "returning is failure"]
    pub fn exec_under(&self, stack: &Stack, options: &Options) -> Error {
        if let Some(action) = self.refused_by(stack) {
            return Error::CommandFiltered { action };
        }
        let sigpipe = match process::set_sigpipe(Disposition::of_ignored(self.ignores_sigpipe)) {
            Ok(before) => before,
            Err(errno) => return Error::Kernel { call: "sigaction", errno },
        };
        match load_stack(stack, Scope::BeforeExec, options) {
            Ok(()) => self.replace(),
            Err(error) => {
                // What was the disposition a moment ago can be so again; there is nothing to do
                // about it if not.
                let _ = process::set_sigpipe(sigpipe);
                error
            }
        }
    }

    /// What filters say to the call that executes the command, unless they let it happen or hand it
    /// to somebody.
    #[must_use]
    pub fn refused_by(&self, stack: &Stack) -> Option<Action> {
        stack.programs().iter().find_map(|filter| self.obstacle(filter))
    }

    /// Replaces the process by the command, with filters or without. The calls made are `execve`
    /// and, if that fails, `write` and `exit_group`: the reason goes to standard error, and the
    /// exit code is 127 if something was not found (the interpreter of a script, too) and else 126.
    pub fn replace(&self) -> ! {
        let reason = process::execve(&self.file, &self.argv, &self.environment);
        let mut line = [0; 512];
        let len = message(&mut line, &self.file, reason);
        process::write_stderr(&line[..len]);
        process::exit_now(if reason == errno(libc::ENOENT) { 127 } else { 126 })
    }

    /// What the program returns for the call that [`Command::replace`] will make, unless that lets
    /// the call happen or hands it to somebody. Programs that read the instruction pointer, which
    /// is not known yet, are not predicted.
    fn obstacle(&self, program: &Program) -> Option<Action> {
        if program.instructions().iter().any(reads_instruction_pointer) {
            return None;
        }
        let arch = Arch::native()?;
        let execve = arch.syscall(names::EXECVE)?;
        let [file, argv, environment] =
            [self.file.as_ptr().addr(), self.argv.address(), self.environment.address()]
                .map(|address| address as u64);
        let args = [file, argv, environment, 0, 0, 0];
        let call = SeccompData::new(arch, execve.nr).with_args(args);
        let action = program.run(&call, Endian::native());
        (!action.kind().may_execute()).then_some(action)
    }
}

fn reads_instruction_pointer(instruction: &Instruction) -> bool {
    const WORDS: [u8; 2] = [2, 3];
    matches!(instruction.operation(), Ok(Operation::LoadData(word)) if WORDS.contains(&word.index()))
}

/// Writes the message for a failed execve, cut off where the buffer ends, and returns its length.
/// No allocation: it might take a call that the filter forbids, or a lock that another thread held
/// at the fork.
fn message(buffer: &mut [u8], file: &CStr, reason: Errno) -> usize {
    let size = buffer.len();
    let mut rest = buffer;
    let mut put = |text: &[u8]| drop(rest.write_all(text));
    put(b"can't execute ");
    // A longer name would leave no room for the reason.
    let name = file.to_bytes();
    put(&name[..name.len().min(size / 2)]);
    let raw = reason.raw();
    drop(match reason_text(raw.into()) {
        Some(text) => writeln!(rest, ": {text} (os error {raw})"),
        None => writeln!(rest, ": os error {raw}"),
    });
    size - rest.len()
}

/// Why execve(2) fails, in the C library's words, which it gives only in allocated or locked
/// memory.
const fn reason_text(raw: i32) -> Option<&'static str> {
    Some(match raw {
        libc::E2BIG => "Argument list too long",
        libc::EACCES => "Permission denied",
        libc::EAGAIN => "Resource temporarily unavailable",
        libc::EINVAL => "Invalid argument",
        libc::EIO => "Input/output error",
        libc::EISDIR => "Is a directory",
        libc::ELIBBAD => "Accessing a corrupted shared library",
        libc::ELOOP => "Too many levels of symbolic links",
        libc::EMFILE => "Too many open files",
        libc::ENAMETOOLONG => "File name too long",
        libc::ENFILE => "Too many open files in system",
        libc::ENOENT => "No such file or directory",
        libc::ENOEXEC => "Exec format error",
        libc::ENOMEM => "Cannot allocate memory",
        libc::ENOSYS => "Function not implemented",
        libc::ENOTDIR => "Not a directory",
        libc::EPERM => "Operation not permitted",
        libc::ETXTBSY => "Text file busy",
        _ => return None,
    })
}

fn find(command: &CStr, search_path: &OsStr) -> Result<CString, Error> {
    let name = OsStr::from_bytes(command.to_bytes());
    if name.is_empty() || name.as_bytes().contains(&b'/') {
        return check(Path::new(name).into()).map_err(|errno| failure(command, errno));
    }
    let mut worst = errno(libc::ENOENT);
    for directory in env::split_paths(search_path) {
        match check(directory.join(name)) {
            Ok(file) => return Ok(file),
            Err(reason) if reason == errno(libc::EACCES) => worst = reason,
            Err(_) => {}
        }
    }
    Err(failure(command, worst))
}

/// Whether execve(2) can be expected to take a file. Whether it does shows only when it is called.
fn check(path: PathBuf) -> Result<CString, Errno> {
    let metadata = path.metadata().map_err(|error| errno_of(&error))?;
    if !metadata.is_file() {
        return Err(errno(libc::EACCES));
    }
    let file = CString::new(path.into_os_string().into_vec()).map_err(|_| errno(libc::ENOENT))?;
    process::executable(&file)?;
    Ok(file)
}

fn failure(command: &CStr, reason: Errno) -> Error {
    let command = command.to_owned();
    match i32::from(reason.raw()) {
        libc::ENOENT | libc::ENOTDIR => Error::CommandNotFound { command },
        _ => Error::CommandNotExecutable { command, errno: reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same texts as everywhere else, on C libraries with these words.
    #[test]
    #[cfg(target_env = "gnu")]
    fn reasons_are_those_of_the_system() {
        let mut known = 0;
        for raw in 1..200 {
            let Some(text) = reason_text(raw) else { continue };
            let system = std::io::Error::from_raw_os_error(raw).to_string();
            assert_eq!(system, format!("{text} (os error {raw})"));
            known += 1;
        }
        assert_eq!(known, 18);
    }
}
