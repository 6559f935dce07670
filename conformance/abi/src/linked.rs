//! Programs with the static library, each with an unwinder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use house::library::{Library, PROGRAMS, exports};
use house::{output, root};

const SOURCES: &str = "crates/scmp-capi/tests/static";

/// The archive has the functions of the interface, and nothing else that a program could run into;
/// programs in C, C++, Rust and Go load a filter with it; and one in C passes all checks without a
/// dynamic linker.
///
/// Claim: C-STATIC
pub(super) fn check(library: &Library) -> Result<String, String> {
    let archive = library.lib().join("libseccomp.a");
    globals(&archive)?;
    let mut said = Vec::new();
    for program in [c(library)?, cpp(library)?, rust(library)?, go(library)?] {
        let needed = output(Command::new("readelf").args(["-d", "-W"]).arg(&program))?;
        if needed.contains("libseccomp.so") {
            return Err(format!("{} needs the shared library", program.display()));
        }
        said.push(output(&mut Command::new(&program))?.trim().to_owned());
    }
    Ok(format!("{}; without a dynamic linker {}", said.join(", "), whole(library)?))
}

fn globals(archive: &Path) -> Result<(), String> {
    let symbols = output(Command::new("readelf").args(["--syms", "-W"]).arg(archive))?;
    let names = symbols.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, _, binding, _, section, name] = columns[..] else { return None };
        (["GLOBAL", "WEAK", "UNIQUE"].contains(&binding) && section != "UND").then_some(name)
    });
    let (found, wanted) = (names.map(str::to_owned).collect(), exports()?);
    match wanted.symmetric_difference(&found).next() {
        Some(name) => Err(format!("{name} is in only one of the exports and the archive")),
        None => Ok(()),
    }
}

fn c(library: &Library) -> Result<PathBuf, String> {
    compile(library, "gcc", "program.c", "c")
}

fn cpp(library: &Library) -> Result<PathBuf, String> {
    compile(library, "g++", "program.cc", "cpp")
}

fn compile(library: &Library, compiler: &str, source: &str, name: &str) -> Result<PathBuf, String> {
    let program = library.folder.join(format!("static-{name}"));
    let mut compile = Command::new(compiler);
    compile.arg("-I").arg(library.include()).arg("-o").arg(&program);
    compile.arg(root().join(SOURCES).join(source)).arg(library.lib().join("libseccomp.a"));
    output(&mut compile)?;
    Ok(program)
}

fn rust(library: &Library) -> Result<PathBuf, String> {
    let program = library.folder.join("static-rust");
    let mut compile = Command::new("rustc");
    compile.args(["--edition", "2024", "-l", "static=seccomp", "-L"]).arg(library.lib());
    compile.arg("-o").arg(&program).arg(root().join(SOURCES).join("program.rs"));
    output(&mut compile)?;
    Ok(program)
}

fn go(library: &Library) -> Result<PathBuf, String> {
    let program = library.folder.join("static-go");
    let mut compile = Command::new("go");
    compile.args(["build", "-o"]).arg(&program).arg(root().join(SOURCES).join("program.go"));
    compile.env("CGO_CFLAGS", format!("-I{}", library.include().display()));
    compile.env("CGO_LDFLAGS", library.lib().join("libseccomp.a"));
    // Its cache and its configuration are this run's.
    compile
        .env("GOCACHE", library.folder.join("go-cache"))
        .env("GOFLAGS", "")
        .env("GO111MODULE", "off");
    output(&mut compile)?;
    Ok(program)
}

/// A program without a dynamic linker, built as packages of static programs do.
fn whole(library: &Library) -> Result<String, String> {
    let mut config = Command::new("pkg-config");
    config.env("PKG_CONFIG_PATH", library.lib().join("pkgconfig"));
    let flags = output(config.args(["--static", "--cflags", "--libs", "libseccomp"]))?;
    let program = library.folder.join("static");
    let mut compile = Command::new("gcc");
    compile.args(["-std=gnu99", "-static", "-o"]).arg(&program);
    compile.arg(root().join(PROGRAMS).join("alone.c")).args(flags.split_whitespace());
    output(&mut compile)?;
    let headers = output(Command::new("readelf").args(["-l", "-W"]).arg(&program))?;
    match headers.contains("INTERP") {
        true => Err("the program asks for a dynamic linker".into()),
        false => Ok(output(&mut Command::new(&program))?.trim().into()),
    }
}
