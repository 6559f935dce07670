//! Where workloads are run.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The command under test, and folders for its runs.
pub(crate) struct Bench {
    command: PathBuf,
    folder: PathBuf,
}

/// What programs are started with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wrap<'a> {
    /// Nothing.
    Bare,
    /// A recorder that adds to a file.
    Learn(&'a Path),
    /// strace, with a file for each program.
    Strace(&'a Path),
    /// A profile.
    Enforce(&'a Path),
}

/// `nc -N HOST PORT` and `nc -N -U PATH`, of which there are too many kinds.
const NC: &str = r#"#!/usr/bin/python3
import socket, sys
if "-U" in sys.argv:
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[-1])
else:
    s = socket.create_connection((sys.argv[-2], int(sys.argv[-1])))
s.settimeout(20)
s.sendall(sys.stdin.buffer.read()); s.shutdown(socket.SHUT_WR)
while True:
    data = s.recv(65536)
    if not data: break
    sys.stdout.buffer.write(data)
"#;

impl Bench {
    pub(crate) fn new(command: PathBuf) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("callgate-learn-{}", std::process::id()));
        fs::create_dir_all(folder.join("tools")).map_err(|error| error.to_string())?;
        let bench = Self { command, folder };
        let tool = bench.at("tools/nc");
        fs::write(&tool, NC).map_err(|error| error.to_string())?;
        house::output(Command::new("chmod").args(["755".as_ref(), tool.as_os_str()]))?;
        Ok(bench)
    }

    /// A place in the bench's own folder.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The command under test.
    pub(crate) fn callgate(&self, args: &[&str]) -> Result<Output, String> {
        let mut command = Command::new(&self.command);
        command.args(args).output().map_err(|error| error.to_string())
    }

    /// The programs that have workloads.
    pub(crate) fn programs(&self) -> Result<Vec<String>, String> {
        let files = fs::read_dir(workloads()).map_err(|error| error.to_string())?;
        let names = files
            .flatten()
            .filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".train")?.to_owned()));
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    /// Why the held-out work of a program cannot work after its training, where that is known.
    pub(crate) fn reason(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(workloads().join(format!("{name}.why"))).ok()?;
        Some(text.trim().to_owned())
    }

    /// Plays a workload in a new folder; how it ended, if not well.
    pub(crate) fn play(&self, workload: &str, wrap: Wrap<'_>) -> Result<Option<String>, String> {
        let folder = self.at("work");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let script = workloads().join(workload);
        let path =
            format!("{}:{}", self.at("tools").display(), std::env::var("PATH").unwrap_or_default());
        // Neither a server that a profile keeps from ending nor one that a script left is waited for.
        let said = self.at("said");
        let mut timeout = Command::new("timeout")
            .args(["--kill-after", "5", "180", "sh", "-e"])
            .arg(script)
            .current_dir(&folder)
            .env("PATH", path)
            .env("WRAP", self.words(wrap))
            .env("PORT", free_port()?.to_string())
            .stdout(Stdio::null())
            .stderr(File::create(&said).map_err(|error| error.to_string())?)
            .spawn()
            .map_err(|error| format!("{workload}: {error}"))?;
        let status = timeout.wait().map_err(|error| format!("{workload}: {error}"))?;
        // timeout(1) leads a process group, in which what it started is.
        let group = format!("-{}", timeout.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let said = fs::read(&said).map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&said);
        Ok((!status.success()).then(|| {
            let last: Vec<&str> = said.lines().rev().take(3).collect();
            format!("{workload}: {status}: {}", last.join(" / "))
        }))
    }

    fn words(&self, wrap: Wrap<'_>) -> String {
        let callgate = self.command.display();
        match wrap {
            Wrap::Bare => String::new(),
            Wrap::Learn(evidence) => {
                format!("{callgate} learn --evidence {} -o /dev/null --", evidence.display())
            }
            Wrap::Strace(trace) => {
                format!("strace -f -qq -s 0 -A -o {} --", trace.display())
            }
            Wrap::Enforce(profile) => {
                format!("{callgate} run --profile {} --", profile.display())
            }
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn workloads() -> PathBuf {
    house::root().join("conformance/learn/programs")
}

/// A port that nobody listened on a moment ago.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
