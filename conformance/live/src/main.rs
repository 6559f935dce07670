//! `cargo xtask conformance live`: filters on the running kernel, row by row.
//!
//! The rows are what the kernel's own tests of seccomp check, and what those leave out; each has a
//! name of ours, and makes its observations through the library (`callgate`, `callgate-kernel`) or,
//! where libseccomp's interface can say it, through the C library. Every row runs in processes of
//! its own, which are thrown away.
//!
//! A row that this kernel or machine can't show is skipped with its reason, and counted. An
//! argument picks the rows whose names contain it; the rows in C are all called `capi-` something.
//! Where nothing can be built, `--library DIR` names a folder that holds the C program `live` and,
//! in `lib`, our library.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints what it found")]

mod actions;
mod c;
mod compiled;
mod general;
mod listener_end;
mod loading;
mod notify;
mod notify_fd;
mod notify_life;
mod notify_signal;
mod precedence;
mod probes;
mod stacking;
mod support;
mod trace;
mod tsync;
mod x86;

use std::panic;
use std::path::Path;
use std::time::Instant;

use support::{Row, Verdict};

/// A group of rows: its name, and how to make them.
type Group = (&'static str, &'static [Row]);

const GROUPS: &[Group] = &[
    ("modes and programs", general::ROWS),
    ("loading", loading::ROWS),
    ("actions", actions::ROWS),
    ("compiled programs", compiled::ROWS),
    ("precedence", precedence::ROWS),
    ("stacks and machine", stacking::ROWS),
    ("tracers", trace::ROWS),
    ("threads", tsync::ROWS),
    ("notifications", notify::ROWS),
    ("notifications: lives and namespaces", notify_life::ROWS),
    ("notifications: the end", listener_end::ROWS),
    ("notifications: descriptors", notify_fd::ROWS),
    ("notifications: signals", notify_signal::ROWS),
    ("other entries of x86", x86::ROWS),
    ("probes", probes::ROWS),
];

/// The outcomes of the rows.
#[derive(Default)]
struct Counts {
    passed: usize,
    skipped: usize,
    failed: usize,
}

fn main() -> std::process::ExitCode {
    house::main("conformance live", run)
}

/// Runs all rows, or those whose names contain the argument.
///
/// Claim: C-LIVE.
fn run(args: &[String]) -> Result<(), String> {
    // Rows report for themselves, in processes whose output nobody reads.
    panic::set_hook(Box::new(|_| {}));
    let (laid_out, args) = match args {
        [option, folder, rest @ ..] if option == "--library" => (Some(Path::new(folder)), rest),
        all => (None, all),
    };
    let wanted = |name: &str| args.first().is_none_or(|part| name.contains(part.as_str()));
    let mut counts = Counts::default();
    for (group, rows) in GROUPS {
        for row in rows.iter().filter(|row| wanted(row.name)) {
            let start = Instant::now();
            let verdict = (row.check)();
            report(group, row.name, row.about, verdict, &mut counts);
            if start.elapsed().as_secs() > 10 {
                println!("     took {:.0} s", start.elapsed().as_secs_f64());
            }
        }
    }
    // The rows in C cost a build of the library: not where others are asked for.
    if args.first().is_none_or(|part| part.starts_with("capi")) {
        let mut tell = |name: &str, about: &str, verdict| {
            report("C library", name, about, verdict, &mut counts);
        };
        c::run(laid_out, &wanted, &mut tell)?;
    }
    let Counts { passed, skipped, failed } = counts;
    println!("live: {passed} rows passed, {skipped} skipped, {failed} failed");
    match failed {
        0 if passed == 0 => Err(format!("no row is called {args:?}")),
        0 => Ok(()),
        _ => Err(format!("{failed} rows failed")),
    }
}

fn report(
    group: &str,
    name: &str,
    about: &str,
    verdict: Result<Verdict, String>,
    counts: &mut Counts,
) {
    let (word, reason) = match verdict {
        Ok(Verdict::Passed) => ("pass", String::new()),
        Ok(Verdict::Skipped(reason)) => ("skip", reason),
        Err(reason) => ("FAIL", reason),
    };
    match word {
        "pass" => counts.passed += 1,
        "skip" => counts.skipped += 1,
        _ => counts.failed += 1,
    }
    println!("{word}  {group}: {name}: {about}");
    if !reason.is_empty() {
        println!("     {reason}");
    }
}
