//! `cargo xtask world [OPTION...] [WORD...]`: Debian's kernels, booted under QEMU, each with the
//! project's own checks inside.
//!
//! | check | what runs in the guest |
//! |---|---|
//! | `doctor` | `callgate doctor` |
//! | `command` | `callgate run`, with `--explain` too, and `callgate learn`: a call is refused, and what was learned is allowed |
//! | `live` | `conformance live`: a row for each thing that a loaded filter does, those of the C library with ours and Debian's |
//! | `notify` | `conformance notify`: a supervisor under load |
//! | `api` | the C library's program of its whole interface: it prints the same with Debian's |
//! | `kernel` | `conformance kernel`: checker, simulator, stacks, converted length, constant-action walk |
//!
//! `--libraries` instead compares the C library with Debian's on each processor: the lines of that
//! program, and random contexts (`conformance libseccomp`).
//!
//! A world is a kernel with its machine and settings; words choose those whose names hold all of
//! them. Kernels and the guests' libraries are fetched by apt, from the mirror that this machine's
//! apt uses and with its checks of signatures (with `--quick`, what can't be had is skipped), and kept under `target/world` with the consoles'
//! output. Where `/dev/kvm` is absent, and for other processors, QEMU translates: then fewer cases
//! are tried, and the table says how many.
//!
//! Wants QEMU for each machine, a C compiler and Rust's standard library for each processor.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this command talks to a person")]

mod archive;
mod guest;
mod image;
mod libraries;
mod machine;
mod programs;
mod shell;
mod table;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use guest::Report;
use machine::ARMHF;
use world::{WORLDS, World};

const USAGE: &str = "options: --libraries (the C library beside Debian's, on each processor), \
                     --list, --quick (what CI does), --check NAME (not all of them), --part N (an Nth of the cases), \
                     --seed N, --renew (fetch kernels again); else words of worlds' names";

/// What the command line asks for.
#[derive(Debug, Default)]
pub(crate) struct Request {
    libraries: bool,
    list: bool,
    pub(crate) quick: bool,
    renew: bool,
    /// The checks that are made; all if it names none.
    pub(crate) checks: Vec<String>,
    /// An Nth part of the cases, where not as the machine can.
    pub(crate) part: Option<u32>,
    /// The seed of the random cases, where not the world's own.
    pub(crate) seed: Option<u32>,
    words: Vec<String>,
}

impl Request {
    fn parse(args: &[String]) -> Result<Self, String> {
        let mut request = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if arg == "--check" {
                request.checks.push(args.next().ok_or("--check needs a name")?.clone());
                continue;
            }
            let mut number = || args.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
            match arg.as_str() {
                "--libraries" => request.libraries = true,
                "--list" => request.list = true,
                "--quick" => request.quick = true,
                "--renew" => request.renew = true,
                "--part" => request.part = Some(number().ok_or("--part needs a number")?),
                "--seed" => request.seed = Some(number().ok_or("--seed needs a number")?),
                word if !word.starts_with('-') => request.words.push(word.into()),
                _ => return Err(format!("{arg}: {USAGE}")),
            }
        }
        Ok(request)
    }

    /// Whether something is left out since what it needs is not there, which CI says and goes on;
    /// else that is an error.
    pub(crate) fn leaves_out(
        &self,
        name: &str,
        prepared: Result<(), String>,
    ) -> Result<bool, String> {
        match prepared {
            Ok(()) => Ok(false),
            Err(reason) if self.quick => {
                // The words by which CI counts what was skipped; a reason may have many lines.
                let reason = reason.lines().next().unwrap_or_default();
                eprintln!("skipped (world: {name}): {reason}");
                Ok(true)
            }
            Err(reason) => Err(format!("{name}: {reason}")),
        }
    }

    /// The worlds that are wanted, with what tells them apart.
    fn worlds(&self) -> Result<Vec<(u32, &'static World)>, String> {
        let wanted = |world: &World| {
            let name = world.name();
            let holds = |word: &String| name.split(' ').any(|part| part == word);
            self.words.iter().all(holds) && (!self.quick || world.quick)
        };
        let found: Vec<_> = (1..).zip(WORLDS).filter(|(_, world)| wanted(world)).collect();
        match found.is_empty() {
            true => Err(format!("no world is called {:?}; see --list", self.words)),
            false => Ok(found),
        }
    }
}

fn main() -> ExitCode {
    house::main("world", run)
}

fn run(args: &[String]) -> Result<(), String> {
    let request = Request::parse(args)?;
    if request.libraries {
        return libraries::run(&request);
    }
    let worlds = request.worlds()?;
    if request.list {
        worlds.iter().for_each(|(_, world)| println!("{}", world.name()));
        return Ok(());
    }
    if request.quick {
        narrow(&request)?;
    }
    let mut reports = Vec::new();
    for (number, world) in worlds {
        let start = Instant::now();
        let name = world.name();
        if request.leaves_out(&name, prepared(world, &request))? {
            continue;
        }
        let report = explored(world, number, &request).map_err(|e| format!("{name}: {e}"))?;
        println!("world: {name}: {} in {:.0} s", report.verdict(), start.elapsed().as_secs_f64());
        reports.push(report);
    }
    println!("\n{}", table::rendered(&reports));
    match reports.iter().filter(|report| !report.failures().is_empty()).count() {
        0 if request.quick => libraries::run(&request),
        0 => Ok(()),
        failed => Err(format!("{failed} of {} worlds disagree", reports.len())),
    }
}

/// Has the compiler look at everything for a machine of 32 bits, which none of the worlds that CI
/// boots is.
fn narrow(request: &Request) -> Result<(), String> {
    if request.leaves_out("32 bits", ARMHF.require_library())? {
        return Ok(());
    }
    programs::looked_at(&ARMHF).map_err(|error| format!("{}: {error}", ARMHF.debian))?;
    println!("world: {}: everything that is shipped compiles", ARMHF.debian);
    Ok(())
}

/// Has all there that comes from elsewhere.
fn prepared(world: &World, request: &Request) -> Result<(), String> {
    world.machine.require(world.machine.qemu)?;
    archive::kernel(world, request.renew)?;
    archive::userland(world.machine).map(drop)
}

/// Boots a world and reads what it reports.
fn explored(world: &'static World, number: u32, request: &Request) -> Result<Report, String> {
    let plan = world.plan(number, request)?;
    let kernel = archive::kernel(world, false)?;
    let programs = programs::built(world.machine, &plan)?;
    let folder = image::laid_out(world.machine, &programs)?;
    let image = image::packed(&folder, &guest::script(&plan, &programs)?, &world.name())?;
    guest::boot(world, &plan, &kernel, &image)
}
