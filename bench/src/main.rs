//! `cargo xtask bench`: our filters beside those of other compilers, on the same policies, in one
//! run.
//!
//! | options | what |
//! |---|---|
//! | none | every reference; builds, attaching, calls on the running kernel, proofs |
//! | `--quick` | the same of a few references, less exactly |
//! | `--json FILE` | the figures also as JSON |
//! | `--goldens` | instruction counts against the committed ones; with `--bless` they are written |
//! | `--growth` | cost against size, into `docs/growth.md` and its plots |
//! | `--texts` | the time from the text of a policy to the policy, as the full run prints it too |
//! | `--costs` | what supervising and starting under a filter cost, beside the least that does the same |
//!
//! Counts are the same on every machine, so that they can be goldens; times are only ever compared
//! within a run. All contenders are measured in turn, several times over, and medians are shown.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints what it found")]

mod contender;
mod costs;
mod golden;
mod growth;
mod kernel;
mod measure;
mod optimal;
mod plot;
mod proofs;
mod reference;
mod report;
mod texts;

use std::path::{Path, PathBuf};
use std::time::Instant;

use contender::Contender;
use kernel::Kernel;
use reference::Reference;
use report::{Report, Row};

/// The precision of a measurement.
#[derive(Clone, Copy)]
struct Effort {
    /// The number of turns of each contender.
    rounds: usize,
    /// How long it builds the same filter in a turn, at least once.
    milliseconds: u32,
    /// After how long with one contender and reference no further turn is taken.
    cell_seconds: f64,
    /// The number of children that attach a filter in a turn.
    children: usize,
    /// Whether all is built that can be measured.
    patient: bool,
}

const FULL: Effort =
    Effort { rounds: 7, milliseconds: 50, cell_seconds: 4.0, children: 15, patient: true };
const QUICK: Effort =
    Effort { rounds: 3, milliseconds: 10, cell_seconds: 1.0, children: 7, patient: false };

fn main() -> std::process::ExitCode {
    house::main("bench", run)
}

fn run(args: &[String]) -> Result<(), String> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--goldens"] => return golden::check(),
        ["--goldens", "--bless"] => return golden::bless(),
        ["--growth"] => return growth::run(),
        ["--costs"] => return in_folder(costs::run),
        ["--texts"] => return texts::measure().map(|text| text.print()),
        _ => {}
    }
    let (effort, references, rest) = match words.split_first() {
        Some((&"--quick", rest)) => (QUICK, reference::few()?, rest),
        _ => (FULL, reference::all()?, words.as_slice()),
    };
    let json = match rest {
        [] => None,
        ["--json", path] => Some(PathBuf::from(path)),
        _ => {
            return Err(
                "expected [--quick] [--json FILE], --growth, --texts, --costs, or --goldens [--bless]"
                    .into(),
            );
        }
    };
    let start = Instant::now();
    let report = in_folder(|folder| compare(&references, effort, folder))?;
    json.map_or(Ok(()), |path| report.write_json(&path))?;
    println!("\nbench: {} rows in {:.0} s", report.rows.len(), start.elapsed().as_secs_f64());
    report.check()
}

/// Does something with an empty folder, which is removed afterwards.
fn in_folder<T>(work: impl FnOnce(&Path) -> Result<T, String>) -> Result<T, String> {
    let folder = std::env::temp_dir().join(format!("callgate-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let result = work(&folder);
    std::fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    result
}

fn compare(references: &[Reference], effort: Effort, folder: &Path) -> Result<Report, String> {
    let contenders = contender::all(folder, effort.patient);
    let kernel = Kernel::build(folder)?;
    let mut report = Report::default();
    println!("{}\n\n{}", growth::machine(), Row::HEADING);
    for reference in references {
        for row in rows(reference, &contenders, &kernel, effort, folder)? {
            println!("{row}");
            report.rows.push(row);
        }
        if let Some(bound) = measure::entropy_bound(reference) {
            println!("{:<17} {:<18} {:>6} {bound:>6.2}", reference.name, "entropy bound", "");
        }
        if reference.is_list {
            let attached = kernel.least(&measure::filters(&reference.policy)?, folder, effort)?;
            println!("{:<17} {:<18} {attached:>41.1}", reference.name, "kernel alone");
        }
    }
    println!("\n{}", report.ratios());
    report.proofs = proofs::rows(references, folder)?;
    proofs::print(&report.proofs);
    let text = texts::measure()?;
    println!();
    text.print();
    report.text = Some(text);
    Ok(report)
}

/// What each contender that can express the reference makes of it.
fn rows(
    reference: &Reference,
    contenders: &[Contender],
    kernel: &Kernel,
    effort: Effort,
    folder: &Path,
) -> Result<Vec<Row>, String> {
    let able: Vec<&Contender> = contenders.iter().filter(|c| c.can(reference)).collect();
    let rules = folder.join("rules");
    std::fs::write(&rules, reference.rules.as_deref().unwrap_or_default())
        .map_err(|e| format!("{}: {e}", rules.display()))?;
    let mut cells: Vec<Cell> = able.iter().map(|_| Cell::default()).collect();
    for _ in 0..effort.rounds {
        for (contender, cell) in able.iter().zip(&mut cells) {
            cell.build(contender, reference, &rules, effort, folder);
        }
    }
    for _ in 0..effort.rounds {
        for (contender, cell) in able.iter().zip(&mut cells) {
            cell.attach(&contender.outputs(reference, folder), reference, kernel, effort);
        }
    }
    let row = |(contender, cell): (&&Contender, Cell)| cell.row(contender, reference, folder);
    Ok(able.iter().zip(cells).map(row).collect())
}

/// What is known of a contender's filter of a reference.
#[derive(Default)]
struct Cell {
    build: Vec<f64>,
    spent: f64,
    attach: Vec<f64>,
    denied: Vec<f64>,
    checked: Vec<f64>,
    failure: Option<String>,
}

impl Cell {
    fn build(
        &mut self,
        contender: &Contender,
        reference: &Reference,
        rules: &Path,
        effort: Effort,
        folder: &Path,
    ) {
        if self.failure.is_some() || self.spent > effort.cell_seconds {
            return;
        }
        let start = Instant::now();
        match contender.build(reference, rules, effort.milliseconds, folder) {
            Ok(microseconds) => self.build.push(microseconds),
            Err(reason) => self.failure = Some(reason),
        }
        self.spent += start.elapsed().as_secs_f64();
    }

    fn attach(
        &mut self,
        programs: &[PathBuf],
        reference: &Reference,
        kernel: &Kernel,
        effort: Effort,
    ) {
        if self.failure.is_some() {
            return;
        }
        for (call, times) in
            [(reference.denied, &mut self.denied), (reference.checked, &mut self.checked)]
        {
            let Some(call) = call else { continue };
            match kernel.measure(programs, call, effort.children) {
                Ok((attached, called)) => {
                    self.attach.push(attached);
                    times.push(called);
                }
                Err(reason) => {
                    self.failure = Some(reason);
                    return;
                }
            }
        }
    }

    fn row(mut self, contender: &Contender, reference: &Reference, folder: &Path) -> Row {
        let outputs = contender.outputs(reference, folder);
        Row {
            reference: reference.name.clone(),
            contender: contender.name,
            filters: outputs.len(),
            counts: measure::Counts::of_files(&outputs, reference),
            build: measure::median(&mut self.build),
            attach: measure::median(&mut self.attach),
            denied: measure::median(&mut self.denied),
            checked: measure::median(&mut self.checked),
            failure: self.failure,
        }
    }
}
