//! Running the binary, and what is expected of it whatever it is asked.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// What became of a run of the binary.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// The binary with these arguments, to be changed further.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callgate"));
    command.args(args).stdin(Stdio::null()).env_remove("NO_COLOR");
    command
}

/// The binary with signals as they are by default: whoever runs the tests may ignore some.
pub(crate) fn command_with_signals(args: &[&str]) -> Command {
    let mut command = Command::new("env");
    command.args(["--default-signal", env!("CARGO_BIN_EXE_callgate")]).args(args);
    command.stdin(Stdio::null()).env_remove("NO_COLOR");
    command
}

/// The processes whose command line, of words that each end in NUL, is one that is looked for.
pub(crate) fn processes(is_one: impl Fn(&[u8]) -> bool) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let found = entries.filter(|path| fs::read(path.join("cmdline")).is_ok_and(|it| is_one(&it)));
    found.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect()
}

/// Runs the binary.
pub(crate) fn callgate(args: &[&str]) -> Run {
    Run::from(command(args).output().unwrap())
}

/// Runs the binary with something on standard input.
pub(crate) fn callgate_reading(args: &[&str], input: &[u8]) -> Run {
    let mut command = command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The binary may stop reading before the end.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Run::from(output)
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert!(!stderr.contains('\x1b'), "colours in a pipe: {stderr}");
        let (code, signal) = (output.status.code(), output.status.signal());
        Self { code, signal, stdout: output.stdout, stderr }
    }
}

impl Run {
    /// The output as text.
    pub(crate) fn text(&self) -> &str {
        let text = std::str::from_utf8(&self.stdout).unwrap();
        assert!(!text.contains('\x1b'), "colours in a pipe: {text}");
        text
    }

    /// Expects success, and returns the output.
    #[track_caller]
    pub(crate) fn succeeds(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.text()
    }

    /// Expects this exit status and nothing on standard output but a message with these words on standard error.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.stdout.is_empty(), "{self:?}");
        let is_message = ["callgate: ", "error["].iter().any(|by| self.stderr.starts_with(by));
        assert!(is_message, "{}", self.stderr);
        self.says(words);
    }

    /// Expects these words on standard error.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in: {}", self.stderr);
        }
    }
}

/// A folder for the files of a test, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("callgate-{}-{count}", std::process::id());
            let path = std::env::temp_dir().join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // Of a test that was killed, in a process with the same number.
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{}", path.display())
                }
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The path of a file in the folder, which need not exist.
    pub(crate) fn at(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.at(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Compiles a program of C there and returns its path.
    pub(crate) fn compiled(&self, name: &str, source: &str) -> String {
        let (source, program) = (self.file(&format!("{name}.c"), source), self.at(name));
        let built = Command::new("cc").args(["-o", &program, &source]).status();
        assert!(built.unwrap().success());
        program
    }

    /// The names of the files in the folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that failed has its own message.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A profile that allows everything but what `rules` (JSON, with a comma at the end of each) say.
pub(crate) fn deny_list(rules: &str) -> String {
    let rules = rules.trim_end_matches(',');
    format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{rules}]}}"#)
}

/// A rule that gives one syscall an errno.
pub(crate) fn deny(name: &str, errno: u16) -> String {
    format!(r#"{{"names": ["{name}"], "action": "SCMP_ACT_ERRNO", "errnoRet": {errno}}},"#)
}

/// Says why a test did not test anything.
pub(crate) use callgate_testkit::skip;
