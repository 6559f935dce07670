//! Whose filters are measured: our own compiler, and others, built here from `bench/`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use callgate::UnprovedStack;
use callgate_syscalls::Endian;

use super::reference::Reference;
use super::{measure, optimal};
use house::{cargo, root, stage};

/// A compiler of filters.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    how: How,
}

enum How {
    /// Ours in this process, without a proof.
    Compile,
    /// Ours in this process, with its proof.
    CompileAndProve,
    /// A program that reads the rules.
    Ask(Harness),
    /// The best tree of one kind, by trying all.
    Optimal,
}

/// A program that builds a filter again and again.
struct Harness {
    command: PathBuf,
    /// What comes between the rules and the milliseconds.
    level: Option<&'static str>,
    /// The folder in which the loader looks for libraries first.
    libraries: Option<PathBuf>,
    /// Whether it knows x86_64 and comparisons for equality only.
    plain_only: bool,
}

/// The time limit of a program for one turn.
const TURN_MAX: Duration = Duration::from_secs(60);

/// What ours is called in reports; others are compared with it.
pub(crate) const OURS: &str = "callgate";

/// All that this machine can measure. What can't be built is said and left out. The library without
/// its proof has to be built for it alone, which only a `patient` run waits for.
pub(crate) fn all(folder: &Path, patient: bool) -> Vec<Contender> {
    let mut all = vec![
        Contender { name: OURS, how: How::Compile },
        Contender { name: "callgate, proved", how: How::CompileAndProve },
        Contender { name: "optimal >= tree", how: How::Optimal },
    ];
    match compile("libseccomp.c", &folder.join("libseccomp"), &["-lseccomp"]) {
        Ok(command) => all.extend(libseccomp(&command, folder, patient)),
        Err(error) => println!("without libseccomp (needs libseccomp-dev): {error}"),
    }
    match seccompiler(folder) {
        Ok(command) => {
            let how = How::Ask(Harness { command, level: None, libraries: None, plain_only: true });
            all.push(Contender { name: "seccompiler", how });
        }
        Err(error) => println!("without seccompiler: {error}"),
    }
    println!("without seacomb: its releases need a newer compiler than this project's\n");
    all
}

/// The same program with the system's library at both levels, and with ours.
fn libseccomp(command: &Path, folder: &Path, patient: bool) -> Vec<Contender> {
    let contender = |name, level, libraries| {
        let command = command.to_owned();
        let harness = Harness { command, level: Some(level), libraries, plain_only: false };
        Contender { name, how: How::Ask(harness) }
    };
    let mut list =
        vec![contender("libseccomp", "1", None), contender("libseccomp tree", "2", None)];
    let staged = folder.join("staged");
    match stage::library(&staged) {
        Ok(()) => list.push(contender("our libseccomp.so", "1", Some(staged.join("lib")))),
        Err(error) => println!("without our libseccomp.so: {error}"),
    }
    if patient {
        match unproved(&folder.join("unproved")) {
            Ok(libraries) => list.push(contender("our .so, unproved", "1", Some(libraries))),
            Err(error) => println!("without our library without proofs: {error}"),
        }
    }
    list
}

/// Builds our library with its proof left out, which shows what the proof costs; says in which
/// folder it is.
fn unproved(folder: &Path) -> Result<PathBuf, String> {
    let target = house::target().join("unproved");
    let mut command = cargo(&["build", "--quiet", "--profile", stage::LIBRARY_PROFILE]);
    command.args(["--package", "callgate-scmp-capi", "--features", "unproved"]);
    succeed(command.env("CARGO_TARGET_DIR", &target))?;
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let built = target.join(stage::LIBRARY_PROFILE).join("libseccomp.so");
    std::fs::copy(&built, folder.join("libseccomp.so.2"))
        .map_err(|e| format!("{}: {e}", built.display()))?;
    Ok(folder.to_owned())
}

fn seccompiler(folder: &Path) -> Result<PathBuf, String> {
    let target = folder.join("target");
    let mut command = cargo(&["build", "--quiet", "--release", "--manifest-path"]);
    command.arg(root().join("bench/seccompiler/Cargo.toml")).env("CARGO_TARGET_DIR", &target);
    succeed(&mut command)?;
    Ok(target.join("release/bench-seccompiler"))
}

impl Contender {
    /// Whether it can be asked for that reference.
    pub(crate) fn can(&self, reference: &Reference) -> bool {
        match &self.how {
            How::Compile | How::CompileAndProve => true,
            How::Optimal => reference.is_list,
            How::Ask(harness) => {
                reference.rules.is_some() && (reference.is_plain || !harness.plain_only)
            }
        }
    }

    /// Builds the filter for that long and at least once; gives the median time in microseconds.
    pub(crate) fn build(
        &self,
        reference: &Reference,
        rules: &Path,
        milliseconds: u32,
        folder: &Path,
    ) -> Result<f64, String> {
        match &self.how {
            How::Compile => {
                self.write(reference, folder)?;
                measure::repeated(milliseconds, || measure::compiled(&reference.policy))
            }
            How::CompileAndProve => {
                self.write(reference, folder)?;
                measure::repeated(milliseconds, || measure::proved(&reference.policy))
            }
            How::Optimal => {
                let program = optimal::program(&reference.policy)?;
                let bytes = program.to_bytes(Endian::native());
                write(&self.output(reference, folder, 0), &bytes)?;
                measure::repeated(milliseconds, || optimal::program(&reference.policy))
            }
            How::Ask(harness) => harness
                .run(rules, milliseconds, &self.output(reference, folder, 0))
                .map(|ns| ns / 1e3),
        }
    }

    /// The files of its filters, oldest first.
    pub(crate) fn outputs(&self, reference: &Reference, folder: &Path) -> Vec<PathBuf> {
        let count = match &self.how {
            How::Compile | How::CompileAndProve => {
                measure::compiled(&reference.policy).map_or(0, |stack| stack.programs().len())
            }
            How::Ask(_) | How::Optimal => 1,
        };
        (0..count).map(|index| self.output(reference, folder, index)).collect()
    }

    fn output(&self, reference: &Reference, folder: &Path, index: usize) -> PathBuf {
        folder.join(file_name(self.name, reference, index))
    }

    fn write(&self, reference: &Reference, folder: &Path) -> Result<(), String> {
        let options = callgate::compiler::Options::default();
        let stack = UnprovedStack::compile(reference.policy.clone(), &options);
        let stack = stack.map_err(|e| e.to_string())?;
        for (index, program) in stack.stack().programs().iter().enumerate() {
            let bytes = program.to_bytes(Endian::native());
            write(&self.output(reference, folder, index), &bytes)?;
        }
        Ok(())
    }
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))
}

/// The name of the file to which a contender's filter is written.
pub(super) fn file_name(contender: &str, reference: &Reference, index: usize) -> String {
    let name: String = contender.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{name}.{}.{index}", reference.name)
}

impl Harness {
    /// What it says: a time in nanoseconds.
    fn run(&self, rules: &Path, milliseconds: u32, output: &Path) -> Result<f64, String> {
        let mut command = Command::new(&self.command);
        command.arg(rules).args(self.level).arg(milliseconds.to_string()).arg(output);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let text = within(&mut command, TURN_MAX)?;
        text.trim().parse().map_err(|e| format!("{command:?}: {e}"))
    }
}

/// The output of a command that does not take longer than that.
fn within(command: &mut Command, limit: Duration) -> Result<String, String> {
    let failed = |e: std::io::Error| format!("cannot be run: {e}");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let start = Instant::now();
    while child.try_wait().map_err(failed)?.is_none() {
        if start.elapsed() > limit {
            // What can't be killed has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("takes more than {} s", limit.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    output_of(&child.wait_with_output().map_err(failed)?)
}

fn output_of(output: &std::process::Output) -> Result<String, String> {
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")),
    }
}

/// The output of a command that must succeed.
pub(super) fn succeed(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    output_of(&output).map_err(|e| format!("{command:?}: {e}"))
}

/// Compiles a C program of `bench/`.
pub(super) fn compile(source: &str, binary: &Path, libraries: &[&str]) -> Result<PathBuf, String> {
    let mut command = Command::new("cc");
    command.args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(binary);
    command.arg(root().join("bench").join(source)).args(libraries);
    succeed(&mut command)?;
    Ok(binary.to_owned())
}
