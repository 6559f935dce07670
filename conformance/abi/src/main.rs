//! `cargo xtask abi`: the C library, as C compilers and linkers see it.
//!
//! - its symbols are those of `crates/scmp-capi/exports.txt`, no more and no fewer, and its SONAME
//!   is libseccomp's;
//! - its headers compile without a warning as C99 and C++, and agree with another libseccomp's in
//!   sizes, offsets, values and the number of every system call that both name;
//! - `abidiff` finds nothing in it that a program linked to the other could miss;
//! - one compiled program prints the same with both;
//! - a second program, for what the other does not have, passes with ours, also under valgrind;
//! - `libcallgate` makes filters of policies, and holds functions against filters, in programs with
//!   either library;
//! - a program reports its trapped call with `callgate.h`, with either library;
//! - programs in C, C++, Rust and Go link it statically, the first also without a dynamic linker,
//!   with what `pkg-config --static` says;
//! - a third lets every allocation fail in turn, and loads a precomputed filter where none is
//!   allowed;
//! - over random filters it needs no more memory, address space, stack, time and system calls than
//!   the other by much, and refuses none that the other builds (`needs`); with `--long` over many;
//! - the library is small, has few relocations, and needs only the C library.
//!
//! Needs compilers for C, C++ and Go, binutils, pkg-config, valgrind, strace, abigail-tools, and
//! libseccomp's package with its headers.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints what it found")]

mod beside;
mod headers;
mod linked;
mod needs;
mod shape;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use house::library::{Against, EXPORTS, Library, PROGRAMS, WARNINGS, exports};
use house::{output, root, stage};

/// A check: its name, and the function that makes it on a laid out library.
type Check = (&'static str, fn(&Library) -> Result<String, String>);

/// A check that can go on for longer.
type Measure = (&'static str, fn(&Library, &Extent) -> Result<String, String>);

/// How much is measured.
struct Extent {
    /// Random shapes whose memory and time are compared.
    shapes: usize,
    /// Random dense sets of equalities that must not be refused.
    dense: usize,
    /// Shapes built in small threads, and under load.
    stacks: usize,
    /// Shapes under limits of the address space.
    limits: usize,
    /// Shapes of which every allocation is refused.
    refusals: usize,
    /// How long threads are let loose.
    seconds: u64,
}

const SHORT: Extent =
    Extent { shapes: 50, dense: 100, stacks: 40, limits: 12, refusals: 6, seconds: 4 };
const LONG: Extent =
    Extent { shapes: 2000, dense: 10_000, stacks: 1000, limits: 300, refusals: 200, seconds: 60 };

const CHECKS: &[Check] = &[
    ("symbols", symbols),
    ("headers", headers::compile),
    ("values", headers::values),
    ("abidiff", abidiff),
    ("the same program twice", twice),
    ("what is ours alone", alone),
    ("policies", beside::check),
    ("reports", report),
    ("statically linked", linked::check),
    ("shape", shape::check),
];

const MEASURES: &[Measure] = &[
    ("out of memory", memory),
    ("memory and time", needs::memory_and_time),
    ("dense sets", needs::dense),
    ("small stacks", needs::stack),
    ("little address space", needs::limit),
    ("a second filter", needs::second),
    ("under load", needs::load),
    ("system calls", needs::calls),
    ("in a signal handler", needs::signal),
    ("stress", needs::stress),
];

fn main() -> std::process::ExitCode {
    house::main("abi", run)
}

/// Makes all checks.
fn run(args: &[String]) -> Result<(), String> {
    let extent = match args {
        [] => SHORT,
        [flag] if flag == "--long" => LONG,
        _ => return Err("options: --long".into()),
    };
    stage::check_headers()?;
    let library = Library::stage()?;
    for (name, check) in CHECKS {
        let found = check(&library).map_err(|error| format!("{name}: {error}"))?;
        println!("abi: {name}: {found}");
    }
    for (name, measure) in MEASURES {
        let found = measure(&library, &extent).map_err(|error| format!("{name}: {error}"))?;
        println!("abi: {name}: {found}");
    }
    println!("abi: {} checks passed", CHECKS.len() + MEASURES.len());
    Ok(())
}

fn symbols(library: &Library) -> Result<String, String> {
    let shared = library.shared();
    let found = defined(&shared)?;
    let wanted = exports()?;
    if let Some(name) = found.symmetric_difference(&wanted).next() {
        return Err(format!("{name} is in only one of {EXPORTS} and the library"));
    }
    let dynamic = output(Command::new("readelf").args(["-d", "-W"]).arg(&shared))?;
    if !dynamic.contains("Library soname: [libseccomp.so.2]") {
        return Err(format!("wrong SONAME in\n{dynamic}"));
    }
    let missing = defined(&installed()?)?.into_iter().find(|name| !found.contains(name));
    match missing {
        Some(name) => Err(format!("the installed libseccomp also has {name}")),
        None => Ok(format!("{} functions, SONAME libseccomp.so.2", found.len())),
    }
}

/// The symbols that a shared library defines, with their versions, of which there should be none.
fn defined(shared: &Path) -> Result<BTreeSet<String>, String> {
    let text = output(Command::new("nm").args(["-D", "--defined-only"]).arg(shared))?;
    Ok(text.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned).collect())
}

/// The installed libseccomp.
fn installed() -> Result<PathBuf, String> {
    let path = output(Command::new("gcc").arg("-print-file-name=libseccomp.so.2"))?;
    let path = PathBuf::from(path.trim());
    if path.is_absolute() { Ok(path) } else { Err("libseccomp2 is not installed".into()) }
}

/// Without debugging information of theirs only symbols can be compared; what they mean the other
/// checks compare.
fn abidiff(library: &Library) -> Result<String, String> {
    const INCOMPATIBLE: i32 = 8;
    const FAILED: i32 = 3;
    let mut command = Command::new("abidiff");
    let output = command.arg(installed()?).arg(library.shared()).output();
    let output = output.map_err(|error| format!("abidiff: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = output.status.code().ok_or("abidiff was killed")?;
    if code & (INCOMPATIBLE | FAILED) != 0 {
        return Err(text);
    }
    let summaries = || text.lines().filter(|line| line.contains(" changes summary: "));
    match summaries().find(|line| !line.contains("summary: 0 Removed")) {
        Some(removed) => Err(format!("{removed}\n{text}")),
        None if summaries().count() < 2 => Err(format!("no summary in\n{text}")),
        None => Ok(summaries().find(|line| line.contains("symbols")).unwrap_or_default().into()),
    }
}

fn twice(library: &Library) -> Result<String, String> {
    let program = library.program("api", Against::Installed)?;
    let theirs = output(&mut Command::new(&program))?;
    let ours = output(&mut library.command(&program))?;
    let mut lines = theirs.lines().zip(ours.lines());
    if let Some((theirs, ours)) = lines.find(|(theirs, ours)| theirs != ours) {
        return Err(format!("theirs: {theirs}\nours:   {ours}"));
    }
    let count = theirs.lines().count();
    match count == ours.lines().count() && count > 100 {
        true => Ok(format!("{count} lines are the same")),
        false => Err(format!("{count} lines are not {}", ours.lines().count())),
    }
}

fn alone(library: &Library) -> Result<String, String> {
    let program = library.program("alone", Against::Ours)?;
    let said = output(&mut library.command(&program))?;
    let valgrind = |program: &Path| {
        let mut command = library.command(Path::new("valgrind"));
        let kinds = "--show-leak-kinds=definite,indirect,possible";
        command.args(["--quiet", "--leak-check=full", kinds]);
        command.args(["--errors-for-leak-kinds=definite,indirect,possible", "--error-exitcode=9"]);
        command.arg(program);
        output(&mut command)
    };
    valgrind(&program)?;
    valgrind(&library.program("api", Against::Installed)?)?;
    Ok(format!("{}; no error and no leak under valgrind", said.trim()))
}

/// A program that reports its trapped call, by the static functions of `callgate.h`, with ours and
/// with theirs.
fn report(library: &Library) -> Result<String, String> {
    const SIGSYS: i32 = 31;
    let program = beside::report(library)?;
    let mut lines = Vec::new();
    for mut run in [library.command(&program), Command::new(&program)] {
        let ended = run.output().map_err(|error| format!("report: {error}"))?;
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        let line = text.lines().find(|line| line.starts_with("callgate: a filter trapped mkdir"));
        match (std::os::unix::process::ExitStatusExt::signal(&ended.status), line) {
            (Some(SIGSYS), Some(line)) if line.contains("si_errno=0") => {
                lines.push(line.to_owned())
            }
            _ => return Err(format!("ended with {}: {text}", ended.status)),
        }
    }
    Ok(lines.swap_remove(0))
}

/// Every allocation over the whole interface refused, alone and with all behind it.
///
/// Claim: C-MEMORY
fn memory(library: &Library, extent: &Extent) -> Result<String, String> {
    let program = library.program("memory", Against::Ours)?;
    let mut run = library.command(&program);
    output(run.args(["1", &extent.refusals.to_string()])).map(|said| said.trim().to_owned())
}
