//! `cargo xtask bench --growth`: what filters cost as they grow, as tables and plots in `docs/`.

use std::fmt::Write as _;
use std::process::Command;

use callgate_policy::{Action, Arch, ArchPolicy, Condition, Policy, SyscallNr};

use super::measure::{self, Counts};
use super::plot;
use super::reference::{Reference, container, pairs};
use house::root;

/// The cost of one size.
pub(super) struct Point {
    pub(super) size: u32,
    counts: Counts,
    /// Microseconds.
    pub(super) compiling: f64,
    /// Microseconds.
    pub(super) proving: f64,
}

/// What grows, and what it costs then.
pub(super) struct Series {
    pub(super) name: &'static str,
    about: &'static str,
    pub(super) points: Vec<Point>,
}

/// The time for which each size is compiled again and again.
const MILLISECONDS: u32 = 300;

pub(super) fn run() -> Result<(), String> {
    let all = [syscalls()?, rules()?, architectures()?];
    let docs = root().join("docs");
    std::fs::create_dir_all(&docs).map_err(|e| format!("{}: {e}", docs.display()))?;
    let page = docs.join("growth.md");
    std::fs::write(&page, text(&all)).map_err(|e| format!("{}: {e}", page.display()))?;
    plot::write(&all, &docs.join("growth.svg"))?;
    println!("bench: {} and growth.svg are written", page.display());
    Ok(())
}

impl Point {
    fn of(size: u32, policy: &Policy) -> Result<Self, String> {
        let reference = Reference::new(String::new(), policy.clone());
        let filters = measure::filters(policy)?;
        let each: Vec<Counts> =
            filters.programs().iter().map(|program| Counts::of(program, &reference)).collect();
        let compiling = measure::repeated(MILLISECONDS, || measure::compiled(policy))?;
        let both = measure::repeated(MILLISECONDS, || measure::proved(policy))?;
        Ok(Self { size, counts: Counts::sum(&each), compiling, proving: both - compiling })
    }

    pub(super) fn instructions(&self) -> f64 {
        u32::try_from(self.counts.instructions).map_or(f64::NAN, f64::from)
    }
}

/// Syscalls that are allowed whatever their arguments, spread over all numbers as badly as can be.
fn syscalls() -> Result<Series, String> {
    const NUMBERS: u32 = 460;
    let mut numbers: Vec<u32> = (0..NUMBERS).collect();
    fastrand::Rng::with_seed(1).shuffle(&mut numbers);
    let point = |size: u32| {
        let mut list = ArchPolicy::new(Action::KILL_PROCESS);
        for nr in numbers.iter().take(usize::try_from(size).unwrap_or(usize::MAX)) {
            list.rule(SyscallNr::new(*nr), Condition::always(), Action::ALLOW);
        }
        let policy = Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, list).build();
        Point::of(size, &policy.map_err(|e| e.to_string())?)
    };
    let points: Result<_, String> =
        [1, 10, 25, 50, 100, 150, 200, 250, 300, 350, 400].into_iter().map(point).collect();
    let about = "syscalls of x86_64 allowed whatever their arguments, numbers picked at random: more \
                 of them make more gaps, and then fewer";
    Ok(Series { name: "syscalls", about, points: points? })
}

/// Rules for pairs of arguments of one syscall.
fn rules() -> Result<Series, String> {
    let point = |size: u32| Point::of(size, &pairs(size.into(), 1)?);
    let points: Result<_, String> =
        [1, 25, 50, 100, 200, 300, 450, 600, 750, 900, 1050, 1200].into_iter().map(point).collect();
    let about = "rules `a0 == v && a1 == w` for one syscall, all of different values";
    Ok(Series { name: "rules", about, points: points? })
}

/// The profile `container` on more and more architectures.
fn architectures() -> Result<Series, String> {
    const ORDER: [Arch; 10] = [
        Arch::X86_64,
        Arch::X86,
        Arch::X32,
        Arch::Aarch64,
        Arch::Arm,
        Arch::Riscv64,
        Arch::Ppc64le,
        Arch::Loongarch64,
        Arch::Mipsel64,
        Arch::Mipsel,
    ];
    let point = |count: usize| {
        let size = u32::try_from(count).map_err(|e| e.to_string())?;
        Point::of(size, &container(&ORDER[..count])?)
    };
    let points: Result<_, String> = (1..=ORDER.len()).map(point).collect();
    let about = "architectures of the profile `container`: x86_64, x86, x32, aarch64, arm, riscv64, \
                 ppc64le, loongarch64, mipsel64, mipsel";
    Ok(Series { name: "architectures", about, points: points? })
}

fn text(all: &[Series]) -> String {
    let mut text = format!(
        "# What filters cost as they grow\n\n\
         Made by `cargo xtask bench --growth`; {}. Times are medians, and those of another machine differ; proofs are \
         those of the programs in the same row. Executed instructions are over the calls that are allowed whatever \
         their arguments.\n\n![The same as plots](growth.svg)\n",
        machine()
    );
    for Series { name, about, points } in all {
        let _ = write!(
            text,
            "\n## By {name}\n\nHow many {about}.\n\n\
             | {name} | instructions | executed, mean | executed, max | compiling | proof |\n\
             |---:|---:|---:|---:|---:|---:|\n"
        );
        for Point { size, counts, compiling, proving } in points {
            let Counts { instructions, mean, max } = counts;
            let executed = match max {
                0 => "- | -".to_owned(),
                _ => format!("{mean:.2} | {max}"),
            };
            let _ = writeln!(
                text,
                "| {size} | {instructions} | {executed} | {compiling:.0} us | {proving:.0} us |"
            );
        }
    }
    text
}

/// When and where.
pub(super) fn machine() -> String {
    let said = |command: &mut Command| {
        let output = command.output().ok();
        output.map_or_else(String::new, |o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
    };
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{}, Linux {}, {cpus} CPUs ({})",
        said(Command::new("date").args(["-u", "+%F"])),
        // Without the builder's suffix.
        said(Command::new("uname").arg("-r")).split('-').next().unwrap_or_default(),
        model.trim_start_matches([' ', '\t', ':'])
    )
}
