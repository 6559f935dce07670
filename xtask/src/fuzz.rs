//! `cargo xtask fuzz [SECONDS]`: a short run of every fuzz target, and proof that the rig is alive.
//!
//! Coverage comes from flags that the stable compiler has, so that CI needs no other one; long runs
//! are for cargo-fuzz (`fuzz/README.md`). The seeds are copied, because the fuzzer adds what it
//! finds to its first folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{cargo, root};

/// The targets that must not fail.
const TARGETS: &[&str] =
    &["decode", "assemble", "gate", "agent_policy", "oci_state", "profile", "explain"];

/// The target that must fail, and the longest time it may take to.
const CANARY: &str = "canary";
const CANARY_SECONDS: u32 = 60;

/// The seconds that each target runs unless the command says otherwise.
const SECONDS: u32 = 10;

/// Edge counters and compared constants, as libFuzzer reads them.
const COVERAGE: &str = "--cfg fuzzing -Cdebug-assertions -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let seconds = match args.first() {
        None => SECONDS,
        Some(text) => text.parse().map_err(|_| format!("{text} is not a number of seconds"))?,
    };
    let binaries = build()?;
    let work = std::env::temp_dir().join(format!("callgate-fuzz-{}", std::process::id()));
    let result = all(&binaries, &work, seconds);
    // Findings are in the error's text; the rest is only clutter in the temporary folder.
    let _ = std::fs::remove_dir_all(&work);
    result
}

fn all(binaries: &Path, work: &Path, seconds: u32) -> Result<(), String> {
    for name in TARGETS {
        let output = fuzz(binaries, work, name, seconds)?;
        if !output.passed {
            return Err(format!("{name} failed:\n{}", output.text));
        }
        let done = output.text.lines().rev().find(|line| line.starts_with("Done "));
        println!("fuzz: {name}: {}", done.ok_or_else(|| format!("{name} did nothing"))?);
    }
    let canary = fuzz(binaries, work, CANARY, CANARY_SECONDS)?;
    match canary.text.contains("the canary sings") && !canary.passed {
        true => println!("fuzz: {CANARY}: failed, as it must"),
        false => return Err(format!("the rig is dead: {CANARY} did not fail\n{}", canary.text)),
    }
    println!("fuzz: {} targets passed", TARGETS.len());
    Ok(())
}

/// Builds the targets and returns the folder of the executables.
fn build() -> Result<PathBuf, String> {
    let target = root().join("target/fuzz");
    let manifest = root().join("fuzz/Cargo.toml");
    let host = "x86_64-unknown-linux-gnu";
    let status = cargo(&["build", "--release", "--quiet", "--target", host, "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .env("RUSTFLAGS", COVERAGE)
        .status();
    match status {
        Ok(status) if status.success() => Ok(target.join(host).join("release")),
        Ok(status) => Err(format!("cannot build the fuzz targets: {status}")),
        Err(error) => Err(format!("cargo: {error}")),
    }
}

struct Run {
    passed: bool,
    text: String,
}

fn fuzz(binaries: &Path, work: &Path, name: &str, seconds: u32) -> Result<Run, String> {
    let corpus = work.join(name);
    std::fs::create_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
    let seeds = root().join("fuzz/seeds").join(name);
    let output = Command::new(binaries.join(name))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", work.display()))
        .arg(&corpus)
        .args(seeds.is_dir().then_some(&seeds))
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(Run { passed: output.status.success(), text })
}
