//! The file systems that guests start from: a few libraries, a shell, and the programs.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use house::output;

use crate::archive::userland;
use crate::machine::Machine;
use crate::programs::Programs;
use crate::shell::{copied, emptied, kept, made, piped, written};

/// Where guests have the programs.
pub(crate) const BIN: &str = "/world";
/// Where guests have our C library, under the name that the program is linked to.
pub(crate) const LIB: &str = "/world/lib";

/// Folders that the guest mounts something at.
const MOUNTS: [&str; 5] = ["proc", "sys", "dev", "tmp", "run"];
/// Folders that are in `usr`, which packages no longer say.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// A root with a machine's libraries, in a folder that is made anew.
pub(crate) fn root(machine: &Machine, folder: &Path) -> Result<(), String> {
    let userland = userland(machine)?;
    emptied(folder)?;
    output(Command::new("cp").arg("-aT").arg(&userland).arg(folder))?;
    for name in MERGED {
        made(&folder.join("usr").join(name))?;
        match symlink(format!("usr/{name}"), folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(format!("{name}: {error}"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Lays out a machine's file system.
pub(crate) fn laid_out(machine: &Machine, programs: &Programs) -> Result<PathBuf, String> {
    let folder = kept(&format!("images/{}", machine.debian));
    root(machine, &folder)?;
    for name in MOUNTS {
        made(&folder.join(name))?;
    }
    let inside = |path: &str| folder.join(path.trim_start_matches('/'));
    for program in &programs.programs {
        let name = program.file_name().unwrap_or_default();
        copied(program, &inside(BIN).join(name))?;
    }
    copied(&programs.library, &inside(LIB).join("libseccomp.so.2"))?;
    written(&inside("/etc/passwd"), "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")?;
    Ok(folder)
}

/// Packs a laid out file system with a script that its kernel starts.
pub(crate) fn packed(folder: &Path, script: &str, name: &str) -> Result<PathBuf, String> {
    let init = folder.join("init");
    written(&init, script)?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))
        .map_err(|error| format!("{}: {error}", init.display()))?;
    let packed = kept(&format!("images/{name}.cpio"));
    let mut cpio = Command::new("cpio");
    cpio.args(["--quiet", "--create", "--format=newc", "--owner=+0:+0", "--file"]).arg(&packed);
    piped(Command::new("find").arg(".").current_dir(folder), cpio.current_dir(folder))?;
    Ok(packed)
}
