//! One static executable in an archive, as a release has it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use house::{cargo, root, target};

use crate::shell::{copied, fresh, heard, kept, made, written};
use crate::{Extent, Row};

/// The longest that the command may be, stripped: what is fetched and kept for one sandbox.
const SIZE_MAX: u64 = 7_000_000;

/// Nothing to load; the addresses that the program corrects when it starts as bits instead of 24
/// bytes each; and functions of the same code once, which is the linker's that comes with Rust for
/// this machine.
const FLAGS: &str = if cfg!(target_arch = "x86_64") {
    "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--icf=all"
} else {
    "-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs"
};

const SHELLS: [(&str, &str); 3] =
    [("bash", "callgate.bash"), ("zsh", "_callgate"), ("fish", "callgate.fish")];

/// Where [`arrive`] leaves what it packed, before it packs it.
pub(crate) fn folder() -> PathBuf {
    kept("callgate")
}

/// Builds, strips and packs the command.
pub(crate) fn arrive(_: Extent) -> Result<Vec<Row>, String> {
    let built = built()?;
    let folder = fresh("callgate")?;
    let command = copied(&built, &folder)?;
    let debug = folder.with_file_name("callgate.debug");
    heard(Command::new("objcopy").arg("--only-keep-debug").arg(&built).arg(&debug))?;
    heard(Command::new("strip").arg(&command))?;
    let link = format!("--add-gnu-debuglink={}", debug.display());
    heard(Command::new("objcopy").arg(link).arg(&command))?;
    accompany(&command, &folder)?;
    let archive = packed(&folder)?;
    let size = std::fs::metadata(&command).map_err(|error| error.to_string())?.len();
    if size > SIZE_MAX {
        return Err(format!("the command has {size} bytes, and may have {SIZE_MAX}"));
    }
    let packed = std::fs::metadata(&archive).map_err(|error| error.to_string())?.len();
    let shown = format!("static, {size} bytes stripped, {packed} in the archive");
    Ok(vec![Row { way: "binary".into(), root: "this machine".into(), shown }])
}

/// The command with nothing to load beside it. The target is named, so that build scripts and
/// macros, which are loaded themselves, are built as ever. `agent`, `lsp` and `scan` are left out,
/// for their size.
fn built() -> Result<PathBuf, String> {
    let triple = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let arguments = ["build", "--quiet", "--profile", "command", "--package", "callgate-cli"];
    let mut build = cargo(&arguments);
    build.arg("--no-default-features").arg("--target").arg(&triple).env("RUSTFLAGS", FLAGS);
    heard(&mut build)?;
    Ok(target().join(triple).join("command/callgate"))
}

/// Manual pages, completions and licences, made by the command itself.
fn accompany(command: &Path, folder: &Path) -> Result<(), String> {
    let pages = folder.join("man");
    made(&pages)?;
    heard(Command::new(command).args(["man", "--out"]).arg(&pages))?;
    let completions = folder.join("completions");
    made(&completions)?;
    for (shell, name) in SHELLS {
        let text = heard(Command::new(command).args(["completions", shell]))?;
        written(&completions.join(name), &text)?;
    }
    for name in ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md"] {
        copied(&root().join(name), folder)?;
    }
    Ok(())
}

/// The archive, the same bytes whoever makes it and when.
fn packed(folder: &Path) -> Result<PathBuf, String> {
    let archive = folder.with_file_name(format!("callgate-{}-linux.tar.gz", env::consts::ARCH));
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.arg("--use-compress-program=gzip -n9").arg("-cf").arg(&archive);
    tar.arg("-C").arg(folder.parent().unwrap_or(folder)).arg("callgate");
    heard(&mut tar)?;
    Ok(archive)
}
