//! Other compilers, built here from `bench/`, and the clock of the kernel's side.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{cargo, root};

/// Another compiler.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    command: PathBuf,
    /// What comes between the rules and the number of builds.
    mode: &'static [&'static str],
}

impl Peer {
    /// The median time in microseconds of building the rules' filter.
    pub(crate) fn run(&self, rules: &Path, builds: usize, directory: &Path) -> Result<f64, String> {
        let mut command = Command::new(&self.command);
        command.arg(rules).args(self.mode).arg(builds.to_string()).arg(self.output(directory));
        Ok(number(&mut command)? / 1e3)
    }

    /// Where it leaves its program.
    pub(crate) fn output(&self, directory: &Path) -> PathBuf {
        directory.join(format!("{}.bpf", self.name.replace(' ', "-")))
    }
}

/// Builds what this machine can, and the program that attaches filters. What can't be built is said and left out.
pub(crate) fn build(directory: &Path) -> Result<(Vec<Peer>, PathBuf), String> {
    let attach = directory.join("attach");
    compile("attach.c", &attach, &[])?;
    let mut peers = Vec::new();
    let libseccomp = directory.join("libseccomp");
    match compile("libseccomp.c", &libseccomp, &["-lseccomp"]) {
        Ok(()) => {
            peers.extend([("libseccomp", "1"), ("libseccomp tree", "2")].map(|(name, mode)| {
                let mode: &[&str] = if mode == "1" { &["1"] } else { &["2"] };
                Peer { name, command: libseccomp.clone(), mode }
            }))
        }
        Err(error) => println!("without libseccomp (needs libseccomp-dev): {error}"),
    }
    let manifest = root().join("bench/seccompiler/Cargo.toml");
    let target = directory.join("target");
    let mut command = cargo(&["build", "--quiet", "--release", "--manifest-path"]);
    command.arg(manifest).env("CARGO_TARGET_DIR", &target);
    match succeed(&mut command) {
        Ok(_) => peers.push(Peer {
            name: "seccompiler",
            command: target.join("release/bench-seccompiler"),
            mode: &[],
        }),
        Err(error) => println!("without seccompiler: {error}"),
    }
    println!("without seacomb: its releases need a newer compiler than this project's");
    Ok((peers, attach))
}

/// The median time in microseconds of attaching a raw program.
pub(crate) fn attach(attach: &Path, program: &Path) -> Result<f64, String> {
    const ATTACHMENTS: &str = "51";
    Ok(number(Command::new(attach).arg(program).arg(ATTACHMENTS))? / 1e3)
}

fn compile(source: &str, binary: &Path, libraries: &[&str]) -> Result<(), String> {
    let source = root().join("bench").join(source);
    let mut command = Command::new("cc");
    command.args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(binary).arg(source);
    succeed(command.args(libraries)).map(|_| ())
}

fn number(command: &mut Command) -> Result<f64, String> {
    let text = succeed(command)?;
    text.trim().parse().map_err(|e| format!("{command:?}: {e}"))
}

fn succeed(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
