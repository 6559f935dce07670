//! Commands under filters: what is found, what the filter must allow, what is reported when it goes
//! wrong.
#![expect(clippy::unwrap_used, reason = "also what the tests share may panic")]

mod support;

use std::ffi::{CString, OsStr};
use std::fs;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use callgate_bpf::Program;
use callgate_kernel::child::{self, Ending, Signal};
use callgate_kernel::{Command, Error, Options};
use callgate_syscalls::{Action, Errno, names};

use support::{ALLOW, ERRNO, KILL_PROCESS, allow_all, one_call, only, syscall};

/// A directory of files to execute, which is gone with the value.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("callgate-{name}-{}", std::process::id()));
        // A test that was killed, in a process with the same number, may have left one.
        drop(fs::remove_dir_all(&path));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Puts a file there. A shell does the writing: were it this process, children forked meanwhile
    /// by other tests would hold the file open for writing, and the kernel executes no such file.
    fn file(&self, name: &str, mode: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        let status = std::process::Command::new("sh")
            .args(["-c", r#"printf %s "$1" > "$2" && chmod "$3" "$2""#, "sh", text])
            .arg(&path)
            .arg(mode)
            .status();
        assert!(status.unwrap().success());
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn c_string(text: impl AsRef<OsStr>) -> CString {
    CString::new(text.as_ref().as_encoded_bytes()).unwrap()
}

fn command(argv: &[&str]) -> Command {
    Command::resolve_here(argv.iter().map(c_string).collect()).unwrap()
}

fn resolve(name: &str, path: &[&Path]) -> Result<PathBuf, Error> {
    let path = std::env::join_paths(path).unwrap();
    let command = Command::resolve(vec![c_string(name)], vec![], Some(&path))?;
    Ok(PathBuf::from(command.file().to_str().unwrap()))
}

/// Executes a command under a program in a child. A return, which is a failure, is exit code 99.
fn run(command: &Command, program: &Program) -> Ending {
    child::run(|| {
        let error = command.exec(program, &Options::default());
        if matches!(error, Error::CommandFiltered { .. }) { 98 } else { 99 }
    })
    .unwrap()
}

/// As [`run`], with what the child writes to standard error.
fn run_with_stderr(command: &Command, program: &Program) -> (Ending, String) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let descriptor = usize::try_from(theirs.as_raw_fd()).unwrap();
    let ending = child::run(|| {
        syscall(libc::SYS_dup3, [descriptor, 2, 0, 0]).unwrap();
        drop(command.exec(program, &Options::default()));
        99
    });
    drop(theirs);
    let mut text = [0; 1024];
    ours.set_nonblocking(true).unwrap();
    let len = ours.read(&mut text).unwrap_or(0);
    (ending.unwrap(), String::from_utf8(text[..len].to_vec()).unwrap())
}

const fn exited(code: u8) -> Ending {
    Ending::Exited { code }
}

#[test]
fn the_commands_end_is_the_childs() {
    assert_eq!(run(&command(&["sh", "-c", "exit 3"]), &allow_all(1)), exited(3));
    let Ending::Killed { signal } = run(&command(&["sh", "-c", "kill -TERM $$"]), &allow_all(1))
    else {
        panic!("not killed");
    };
    assert_eq!(signal.raw(), libc::SIGTERM);
}

#[test]
fn the_command_runs_under_the_filter() {
    let directory = Directory::new("filtered");
    let target = directory.0.join("made");
    let make = command(&["mkdir", target.to_str().unwrap()]);
    assert_eq!(run(&make, &one_call(names::MKDIR, ERRNO | 1, ALLOW)), exited(1));
    assert!(!target.exists());
    assert_eq!(
        run(&make, &one_call(names::MKDIR, KILL_PROCESS, ALLOW)),
        Ending::Killed { signal: Signal::SYS }
    );
    assert_eq!(run(&make, &allow_all(1)), exited(0));
    assert!(target.exists());
}

#[test]
fn arguments_and_environment_arrive() {
    let argv = ["sh", "-c", r#"test "$1" = "a b" && test "$NAME" = "x=y""#, "sh", "a b"];
    let argv = argv.iter().map(c_string).collect();
    let environment = vec![c"NAME=x=y".into()];
    let path = std::env::var_os("PATH");
    let command = Command::resolve(argv, environment, path.as_deref()).unwrap();
    assert_eq!(run(&command, &allow_all(1)), exited(0));
}

#[test]
fn scripts_run_by_their_first_line() {
    let directory = Directory::new("script");
    let script = directory.file("script", "755", "#!/bin/sh\nexit 7\n");
    assert_eq!(run(&command(&[script.to_str().unwrap()]), &allow_all(1)), exited(7));
}

/// Rust programs ignore SIGPIPE, and a command would inherit that.
#[test]
fn sigpipe_has_its_default_effect() {
    let ending = run(&command(&["sh", "-c", "kill -PIPE $$"]), &allow_all(1));
    assert!(matches!(ending, Ending::Killed { signal } if signal.raw() == libc::SIGPIPE));
}

#[test]
fn the_search_goes_on_past_what_cannot_be_executed() {
    let (first, second) = (Directory::new("first"), Directory::new("second"));
    let text = "#!/bin/sh\n";
    first.file("tool", "644", text);
    fs::create_dir(first.0.join("folder")).unwrap();
    let tool = second.file("tool", "755", text);
    let path: [&Path; 3] = [Path::new("/nonexistent"), &first.0, &second.0];
    assert_eq!(resolve("tool", &path), Ok(tool));

    let refused =
        |name| Error::CommandNotExecutable { command: c_string(name), errno: Errno::new(13) };
    assert_eq!(resolve("tool", &path[..2]), Err(refused("tool")));
    assert_eq!(resolve("folder", &path), Err(refused("folder")));
    assert_eq!(refused("tool").exit_code(), 126);
}

#[test]
fn commands_that_are_not_there() {
    let directory = Directory::new("missing");
    for name in ["missing", "", "./missing/", "/dev/null/x"] {
        let error = resolve(name, &[&directory.0]).unwrap_err();
        assert_eq!(error, Error::CommandNotFound { command: c_string(name) });
        assert_eq!(error.exit_code(), 127);
    }
    assert_eq!(Command::resolve(vec![], vec![], None).unwrap_err(), Error::NoCommand);
}

/// The filter kills for any call but these three, so the child makes no other between attaching it
/// and its end.
#[test]
fn failure_takes_three_calls() {
    let directory = Directory::new("failure");
    let broken = directory.file("broken", "755", "no program at all");
    let command = command(&[broken.to_str().unwrap()]);
    let three = only(&[names::EXECVE, names::WRITE, names::EXIT_GROUP]);
    let (ending, text) = run_with_stderr(&command, &three);
    assert_eq!(ending, exited(126));
    let expected = format!("can't execute {}: Exec format error (os error 8)\n", broken.display());
    assert_eq!(text, expected);

    let silent = one_call(names::WRITE, ERRNO | 1, ALLOW);
    assert_eq!(run_with_stderr(&command, &silent), (exited(126), String::new()));
}

#[test]
fn a_missing_interpreter_is_not_found() {
    let directory = Directory::new("interpreter");
    let script = directory.file("script", "755", "#!/nonexistent/interpreter\n");
    let (ending, text) = run_with_stderr(&command(&[script.to_str().unwrap()]), &allow_all(1));
    assert_eq!(ending, exited(127));
    assert!(text.ends_with(": No such file or directory (os error 2)\n"), "{text}");
}

#[test]
fn long_names_leave_room_for_the_reason() {
    let directory = Directory::new("long");
    let name = "n".repeat(250);
    fs::create_dir(directory.0.join(&name)).unwrap();
    let script = directory.file(&format!("{name}/{name}"), "755", "no program at all");
    let (_, text) = run_with_stderr(&command(&[script.to_str().unwrap()]), &allow_all(1));
    assert!(text.ends_with("n: Exec format error (os error 8)\n"), "{text}");
}

/// While the filter is not attached yet, everything can still be said.
#[test]
fn a_filter_that_forbids_the_command_is_refused_first() {
    let command = command(&["true"]);
    for word in [ERRNO | 1, KILL_PROCESS] {
        let program = one_call(names::EXECVE, word, ALLOW);
        assert_eq!(run(&command, &program), exited(98));
        // A refusal leaves the process as it was, so that this one can be asked.
        let error = command.exec(&program, &Options::default());
        assert_eq!(error, Error::CommandFiltered { action: Action::from_raw(word) });
        assert_eq!(error.exit_code(), 126);
    }
}
