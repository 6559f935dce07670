//! What was found, for people and for scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use callgate_syscalls::{Arch, Name, SyscallNr, names};
use serde::Serialize;

use crate::machine::{Machine, Trap};
use crate::numbers::{Found, FunctionId, Use};
use crate::reach::{Item, Reached, Reason};
use crate::world::{Role, World, base_name};

/// What a program can reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The files, in the order in which they are loaded.
    pub files: Vec<FileReport>,
    /// The calls, by architecture and name.
    pub calls: Vec<Call>,
    /// What could not be found out.
    pub unknown: Vec<Unknown>,
}

/// A file that was scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Where it is.
    pub path: String,
    /// How it comes to be loaded: `program`, `needed` by another file, or `named` in one.
    pub role: &'static str,
}

/// A call that can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The architecture.
    pub arch: &'static str,
    /// The number, as filters see it.
    pub number: u32,
    /// Its name; none where the architecture has no such call.
    pub name: Option<&'static str>,
    /// The shortest way to it.
    pub path: Vec<Step>,
}

/// A place on the way to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The file, by its place in [`Report::files`].
    pub file: usize,
    /// The function or data by its name, or by its address in the file.
    pub symbol: String,
}

/// What could not be found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// What.
    pub what: Doubt,
    /// Where: an address in a file, or the name that was not found.
    pub at: String,
    /// The shortest way to it.
    pub path: Vec<Step>,
}

/// Something that keeps a scan from knowing all calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Doubt {
    /// The number of a call is computed.
    Number,
    /// A library is loaded whose name is computed.
    LibraryName,
    /// A library that is needed was not found, or not read.
    LibraryMissing,
    /// A library that is named in a file, and may be loaded, was not found.
    LibraryAbsent,
    /// Other programs are started, and not scanned.
    Programs,
}

impl Report {
    pub(crate) fn new(
        world: &World,
        reached: &Reached,
        found: &BTreeMap<FunctionId, Found>,
    ) -> Self {
        let mut report = Self { files: Vec::new(), calls: Vec::new(), unknown: Vec::new() };
        report.files.extend(world.files.iter().map(|file| FileReport {
            path: file.path.display().to_string(),
            role: match file.role {
                Role::Program => "program",
                Role::Needed => "needed",
                Role::Named => "named",
            },
        }));
        report.add_functions(world, reached, found);
        report.add_missing(world);
        if let Some(node) = reached.converters {
            let (what, at) = (Doubt::LibraryName, "modules of iconv(3)".to_owned());
            report.unknown.push(Unknown { what, at, path: path(world, reached, node) });
        }
        report.calls.sort_by_key(|call| (call.arch, call.name.is_none(), call.name, call.number));
        report.unknown.sort_by_key(|unknown| unknown.what);
        report
    }

    fn add_functions(
        &mut self,
        world: &World,
        reached: &Reached,
        found: &BTreeMap<FunctionId, Found>,
    ) {
        let mut seen = BTreeSet::new();
        let mut starts = false;
        for node in &reached.order {
            let Item::Function(file, function) = *node else { continue };
            let Some(own) = found.get(&(file, function)) else { continue };
            let path = || path(world, reached, *node);
            for &(trap, number) in &own.numbers {
                let (arch, number) = arch_of(world.files[file].image.machine, trap, number);
                // The loader starts programs only where somebody starts it by its own name.
                if starts_programs(arch, number) && !world.is_interpreter(file) && !starts {
                    starts = true;
                    let at = "execve".to_owned();
                    self.unknown.push(Unknown { what: Doubt::Programs, at, path: path() });
                }
                if seen.insert((arch.name(), number)) {
                    let name = arch.syscall_at(SyscallNr::new(number)).map(|s| s.name.as_str());
                    self.calls.push(Call { arch: arch.name(), number, name, path: path() });
                }
            }
            for &(at, purpose) in &own.unknown {
                let what = match purpose {
                    Use::Number(_) => Doubt::Number,
                    Use::Library => Doubt::LibraryName,
                };
                let at = format!("{}+{at:#x}", base_name(&self.files[file].path));
                self.unknown.push(Unknown { what, at, path: path() });
            }
        }
    }

    fn add_missing(&mut self, world: &World) {
        for missing in &world.missing {
            let asker = &world.files[missing.asker];
            let is_needed = asker.image.needed.contains(&missing.name);
            let what = if is_needed { Doubt::LibraryMissing } else { Doubt::LibraryAbsent };
            let at = match &missing.reason {
                Some(reason) => format!("{}: {reason}", missing.name),
                None => missing.name.clone(),
            };
            let symbol = "needed".to_owned();
            self.unknown.push(Unknown {
                what,
                at,
                path: vec![Step { file: missing.asker, symbol }],
            });
        }
    }

    /// The names of the calls of an architecture.
    pub fn names(&self, arch: Arch) -> impl Iterator<Item = Name> {
        let own = self.calls.iter().filter(move |call| call.arch == arch.name());
        own.filter_map(|call| Name::parse(call.name?))
    }

    /// The architectures of the calls.
    #[must_use]
    pub fn arches(&self) -> Vec<Arch> {
        let named = |arch: &Arch| self.calls.iter().any(|call| call.arch == arch.name());
        Arch::ALL.into_iter().filter(named).collect()
    }

    /// A way as people read it: each file once, with where it is entered and where it is left.
    #[must_use]
    pub fn told(&self, path: &[Step]) -> String {
        let mut parts: Vec<String> = Vec::new();
        for steps in path.chunk_by(|a, b| a.file == b.file) {
            let named: Vec<&str> = steps
                .iter()
                .map(|step| step.symbol.as_str())
                .filter(|symbol| !symbol.starts_with("0x"))
                .collect();
            let shown = match named.as_slice() {
                [] => steps.last().map_or(String::new(), |step| step.symbol.clone()),
                [only] => (*only).to_owned(),
                [first, .., last] if named.len() > NAMES_MAX => format!("{first} → … → {last}"),
                several => several.join(" → "),
            };
            let file = steps.first().and_then(|step| self.files.get(step.file));
            let file = file.map_or("", |file| base_name(&file.path));
            parts.push(format!("{file}: {shown}"));
        }
        parts.join(" → ")
    }
}

/// The most names of one file that are shown of a way.
const NAMES_MAX: usize = 4;

/// The architecture whose call a number is.
fn arch_of(machine: Machine, trap: Trap, number: u32) -> (Arch, u32) {
    match (machine, trap) {
        (Machine::Aarch64, _) => (Arch::Aarch64, number),
        (Machine::X86_64, Trap::Int80) => (Arch::X86, number),
        (Machine::X86_64, Trap::Native) if SyscallNr::new(number).is_x32() => (Arch::X32, number),
        (Machine::X86_64, Trap::Native) => (Arch::X86_64, number),
    }
}

fn starts_programs(arch: Arch, number: u32) -> bool {
    let name = arch.syscall_at(SyscallNr::new(number)).map(|syscall| syscall.name);
    matches!(name, Some(names::EXECVE | names::EXECVEAT))
}

fn path(world: &World, reached: &Reached, node: Item) -> Vec<Step> {
    let (reason, nodes) = reached.path(node);
    let first = nodes.first().map_or(0, |node| match *node {
        Item::Function(file, _) | Item::Data(file, _) => file,
    });
    let why = match reason {
        Reason::Start => None,
        Reason::Loaded => Some("(when it is loaded)"),
        Reason::Export => Some("(exported)"),
        Reason::Kept => Some("(by way of a table)"),
    };
    let why = why.map(|why| Step { file: first, symbol: why.to_owned() });
    why.into_iter().chain(nodes.into_iter().map(|node| step(world, node))).collect()
}

fn step(world: &World, node: Item) -> Step {
    match node {
        Item::Function(file, function) => {
            let start = &world.files[file].code.functions[function];
            let symbol = start.name.clone().unwrap_or_else(|| format!("{:#x}", start.at));
            Step { file, symbol }
        }
        Item::Data(file, at) => {
            let symbols = &world.files[file].image.symbols;
            let after = symbols.partition_point(|symbol| symbol.at <= at);
            let symbol = symbols[..after].last();
            let symbol = symbol.filter(|symbol| symbol.at == at || at < symbol.at + symbol.size);
            let symbol = symbol.map_or_else(|| format!("{at:#x}"), |symbol| symbol.name.clone());
            Step { file, symbol }
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "a number that is computed",
            Self::LibraryName => "a library whose name is computed",
            Self::LibraryMissing => "a needed library that was not found",
            Self::LibraryAbsent => "a named library that is not installed",
            Self::Programs => "programs that are started: scan them as well",
        })
    }
}
