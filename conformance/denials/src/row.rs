//! A row: a program, the profile that refuses one of its calls, and what has to be said of it.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Where rows are run: the command, and programs in C that make calls which are refused.
pub(crate) struct Bench {
    pub(crate) callgate: PathBuf,
    pub(crate) folder: PathBuf,
}

/// What a row refuses, and to whom.
pub(crate) struct Row {
    pub(crate) name: String,
    /// The profile, a text in the language whose line [`LINE`] refuses the call.
    pub(crate) profile: String,
    /// The program with its arguments; `{}` is the bench's folder.
    pub(crate) command: Vec<String>,
    /// The refused syscall, its architecture, and the name of the thread that makes it.
    pub(crate) call: (&'static str, &'static str, &'static str),
    /// How often.
    pub(crate) count: u64,
    /// A program without which the row is skipped.
    pub(crate) needs: Option<&'static str>,
}

/// The line that refuses.
pub(crate) const LINE: usize = 3;

pub(crate) enum Outcome {
    Passed,
    Skipped(String),
}

impl Bench {
    pub(crate) fn new(callgate: PathBuf) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("callgate-denials-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let bench = Self { callgate, folder };
        bench.compile("refused", include_str!("refused.c"), &["-pthread"])?;
        bench.compile("static", include_str!("refused.c"), &["-pthread", "-static"])?;
        let narrow = ["-m32", "-static", "-nostdlib", "-fno-pic", "-no-pie"];
        if is_there("musl-gcc") {
            for (name, flags) in [("musl", &["-static"][..]), ("musl-shared", &[])] {
                bench.compile_by("musl-gcc", name, include_str!("foreign.c"), flags)?;
            }
        }
        if is_there("go") {
            bench.compile_go("gopher", include_str!("refused.go"))?;
        }
        bench.compile("narrow", include_str!("narrow.c"), &narrow)?;
        Ok(bench)
    }

    pub(crate) fn compile(&self, name: &str, text: &str, flags: &[&str]) -> Result<(), String> {
        self.compile_by("cc", name, text, flags)
    }

    fn compile_by(&self, by: &str, name: &str, text: &str, flags: &[&str]) -> Result<(), String> {
        let source = self.file(&format!("{name}.c"), text)?;
        let mut command = Command::new(by);
        command.arg("-O1").args(flags).arg("-o").arg(self.folder.join(name)).arg(source);
        house::output(&mut command).map(drop)
    }

    fn compile_go(&self, name: &str, text: &str) -> Result<(), String> {
        let source = self.file(&format!("{name}.go"), text)?;
        let mut command = Command::new("go");
        command.args(["build", "-o"]).arg(self.folder.join(name)).arg(source);
        // No module and no network are needed.
        command.env("GOFLAGS", "-mod=mod").env("CGO_ENABLED", "0").current_dir(&self.folder);
        house::output(&mut command).map(drop)
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(|error| error.to_string())?;
        Ok(path)
    }

    /// `callgate run` with these options.
    pub(crate) fn run(&self, options: &[&str], profile: &Path, words: &[String]) -> Command {
        let mut command = Command::new(&self.callgate);
        command.arg("run").args(options).arg("--profile").arg(profile).arg("--");
        let folder = self.folder.to_string_lossy();
        command.args(words.iter().map(|word| word.replace("{}", &folder)));
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // What can't be removed is in the temporary folder anyway.
        drop(fs::remove_dir_all(&self.folder));
    }
}

impl Row {
    pub(crate) fn run(self, bench: &Bench) -> Result<Outcome, String> {
        if let Some(program) = self.needs.filter(|program| !is_there(program)) {
            return Ok(Outcome::Skipped(format!("there is no {program}")));
        }
        let profile = bench.file("profile.gate", &self.profile)?;
        let told = bench.file("told.json", "")?;
        let plain = output(&mut bench.run(&[], &profile, &self.command))?;
        if String::from_utf8_lossy(&plain.stderr).contains("callgate: no filter") {
            return Err(format!("the row's profile is wrong: {plain:?}"));
        }
        for more in [&[][..], &["--trace"]] {
            let to = format!("--explain-to={}", told.display());
            let options = [&[&*to], more].concat();
            let explained = output(&mut bench.run(&options, &profile, &self.command))?;
            let way = |reason| format!("{more:?}: {reason}");
            self.compare(&plain, &explained).map_err(way)?;
            let told = fs::read_to_string(&told).map_err(|error| error.to_string())?;
            self.judge(&told, &profile).map_err(|reason| way(format!("{reason}\n{told}")))?;
        }
        Ok(Outcome::Passed)
    }

    /// Nothing is different but what is told elsewhere.
    fn compare(&self, plain: &Output, explained: &Output) -> Result<(), String> {
        same("exit code", &plain.status.code(), &explained.status.code())?;
        same("signal", &plain.status.signal(), &explained.status.signal())?;
        same("output", &own(&plain.stdout), &own(&explained.stdout))?;
        same("messages", &own(&plain.stderr), &own(&explained.stderr))
    }

    /// What was told has to name the call.
    fn judge(&self, told: &str, profile: &Path) -> Result<(), String> {
        let lines: Result<Vec<Value>, _> = told.lines().map(serde_json::from_str).collect();
        let lines = lines.map_err(|error| error.to_string())?;
        let (name, arch, comm) = self.call;
        let is_it = |line: &&Value| line["call"]["name"] == name && line["comm"] == comm;
        let refused = lines.iter().filter(|line| line["event"] == "refused").find(is_it);
        let refused = refused.ok_or_else(|| format!("no {name} by {comm} was told"))?;
        same("architecture", &refused["call"]["arch"], &arch.into())?;
        let place = format!("{}:{LINE}:1", profile.display());
        same("place", &refused["rulings"][0]["place"], &place.into())?;
        same("consistency", &refused["consistent"], &true.into())?;
        if refused["caller"].as_array().is_none_or(Vec::is_empty) {
            return Err("no caller was found".to_owned());
        }
        let total = lines.iter().rfind(|line| line["event"] != "end" && is_it(line));
        same("count", &total.map(|line| line["count"].clone()), &Some(self.count.into()))?;
        let end = lines.last().ok_or("nothing was told")?;
        same("last line", &end["event"], &"end".into())
    }
}

pub(crate) fn is_there(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|path| path.join(program).exists())
}

fn output(command: &mut Command) -> Result<Output, String> {
    command.output().map_err(|error| format!("{command:?}: {error}"))
}

/// What a program has written, without what callgate says of its profile.
fn own(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let is_ours = |line: &&str| {
        line.starts_with("callgate: warning: ") || line.starts_with("callgate: note: ")
    };
    let lines = text.lines().filter(|line| !is_ours(line));
    lines.collect::<Vec<_>>().join("\n")
}

pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    one: &T,
    other: &T,
) -> Result<(), String> {
    match one == other {
        true => Ok(()),
        false => Err(format!("{what}: {one:?} is not {other:?}")),
    }
}
