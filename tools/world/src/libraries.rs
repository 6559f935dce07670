//! The C library beside Debian's on each processor, both as programs of this machine's kernel: QEMU
//! executes their instructions, and hands their calls on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use house::{output, tool};

use crate::machine::{MACHINES, Machine};
use crate::shell::{copied, kept, written};
use crate::{Request, archive, image, programs};

/// A part of the contexts that translated processors get through.
const TRANSLATED: u32 = 6;
/// What CI has time for.
const QUICK: u32 = 30;

/// What was found on a processor: a row of the table.
struct Row {
    machine: &'static Machine,
    theirs: String,
    found: Vec<String>,
}

/// Compares on the processors that the request names, or on all.
pub(crate) fn run(request: &Request) -> Result<(), String> {
    let wanted = |machine: &&&Machine| match (&request.words[..], request.quick) {
        ([], true) => machine.debian == "s390x",
        ([], false) => true,
        (words, _) => words.iter().any(|word| word == machine.debian),
    };
    let mut rows = Vec::new();
    let mut left_out = 0;
    for machine in MACHINES.iter().filter(wanted) {
        if request.leaves_out(&format!("libraries on {}", machine.debian), prepared(machine))? {
            left_out += 1;
            continue;
        }
        let row = row(machine, request).map_err(|error| format!("{}: {error}", machine.debian))?;
        println!("world: libraries on {}: {}", machine.debian, row.found.join("; "));
        rows.push(row);
    }
    if rows.is_empty() {
        return match left_out {
            0 => Err(format!("no processor is called {:?}", request.words)),
            _ => Ok(()),
        };
    }
    println!("\n| processor | beside | what is the same |\n|---|---|---|");
    for Row { machine, theirs, found } in rows {
        let (name, traits) = (machine.debian, machine.traits);
        println!("| {name} ({traits}) | {theirs} | {} |", found.join("; "));
    }
    Ok(())
}

/// Has all there that comes from elsewhere.
fn prepared(machine: &Machine) -> Result<(), String> {
    machine.require(machine.user_emulator().as_deref().unwrap_or("sh"))?;
    archive::userland(machine).map(drop)
}

fn row(machine: &'static Machine, request: &Request) -> Result<Row, String> {
    let library = programs::library(machine)?;
    let folder = kept(&format!("libraries/{}", machine.debian));
    image::root(machine, &folder)?;
    copied(&library, &folder.join("own/libseccomp.so.2"))?;
    let interface = programs::compiled(machine, "api", &library)?;
    let [theirs, ours] = pair(machine, &folder, &interface)?;
    let mut found = vec![interfaces(&theirs, &ours)?];
    pair(machine, &folder, &programs::compiled(machine, "driver", &library)?)?;
    written(&folder.join("native"), machine.arch())?;
    let part = request.part.unwrap_or(match (machine.native(), request.quick) {
        (_, true) => QUICK,
        (true, false) => 1,
        (false, false) => TRANSLATED,
    });
    let mut suite = tool("conformance-libseccomp");
    suite.arg("--drivers").arg(&folder).args(["--part", &part.to_string()]);
    suite.args(["--seed", &request.seed.unwrap_or(1).to_string()]);
    found.extend(output(&mut suite)?.lines().map(str::to_owned));
    Ok(Row { machine, theirs: installed(machine, &folder)?, found })
}

/// Writes the commands `theirs` and `ours`, which run a program with either library.
fn pair(machine: &Machine, folder: &Path, program: &Path) -> Result<[PathBuf; 2], String> {
    let libraries = folder.join("usr/lib").join(machine.gnu);
    let path = libraries.display().to_string();
    let ours = format!("{}:{path}", folder.join("own").display());
    let command = |name: &str, path: &str| -> Result<PathBuf, String> {
        let emulator = machine.user_emulator().unwrap_or_default();
        let loader = folder.join(machine.loader);
        let (loader, program) = (loader.display(), program.display());
        let text =
            format!("#!/bin/sh\nexec {emulator} {loader} --library-path {path} {program} \"$@\"\n");
        let command = folder.join(name);
        written(&command, &text)?;
        fs::set_permissions(&command, fs::Permissions::from_mode(0o755))
            .map_err(|error| format!("{}: {error}", command.display()))?;
        Ok(command)
    };
    Ok([command("theirs", &path)?, command("ours", &ours)?])
}

/// Compares what the program of the interface prints.
fn interfaces(theirs: &Path, ours: &Path) -> Result<String, String> {
    let (theirs, ours) = (output(&mut Command::new(theirs))?, output(&mut Command::new(ours))?);
    let mut lines = theirs.lines().zip(ours.lines());
    if let Some((theirs, ours)) = lines.find(|(theirs, ours)| theirs != ours) {
        return Err(format!("theirs: {theirs}\nours:   {ours}"));
    }
    match ours.lines().count() {
        count if count == theirs.lines().count() && count > 100 => {
            Ok(format!("interface: {count} lines"))
        }
        count => Err(format!("{count} lines are not {}", theirs.lines().count())),
    }
}

/// What Debian's library is called, with its version.
fn installed(machine: &Machine, folder: &Path) -> Result<String, String> {
    let path = folder.join("usr/lib").join(machine.gnu).join("libseccomp.so.2");
    let file = fs::read_link(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(file.display().to_string())
}
