//! What the library needs to build a filter, beside what the other one needs: memory, address
//! space, stack, time, system calls. One program (`tests/c/needs.c`) measures, with each of the
//! libraries in turn.
//!
//! Claim: C-NEEDS

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use house::library::{Against, Library};
use house::output;

use super::Extent;

/// How much more memory than the other library this one may have in use, and how little is fine
/// whatever the other needs: the diagrams of the first proof, which are limited.
const MEMORY_FACTOR: u64 = 4;
const MEMORY_FREE: u64 = 512 << 10;

/// The most that may be asked for at once.
const PIECE_MAX: u64 = 1 << 20;

/// How many times the other library's time, and what is fine whatever the other takes: for up to so
/// many rules, and beyond. Most filters take a tenth of that; rules of six comparisons, masks among
/// them, on one syscall take it.
const TIME_FACTOR: u64 = 3;
const FEW_RULES: u64 = 30;
const TIME_FREE: (u64, u64) = (2_000_000, 6_000_000);

/// A machine that does other things meanwhile slows a run down, and not all of so many: of ours the
/// fastest counts.
const TRIES: usize = 8;

/// The most instructions that a kernel takes.
const LEN_MAX: u64 = 4096;

/// A line of the program: a filter, and what it took to build it.
#[derive(Clone, Debug)]
struct Line {
    what: String,
    rules: u64,
    code: i64,
    instructions: u64,
    /// In the order of the program's output: bytes in use, bytes at once, nanoseconds; or
    /// nanoseconds alone.
    figures: Vec<u64>,
}

/// Memory and time over random shapes.
pub(super) fn memory_and_time(library: &Library, extent: &Extent) -> Result<String, String> {
    let needs = Needs::new(library)?;
    let pairs = needs.pairs("memory", extent.shapes)?;
    let (mut compared, mut most, mut slowest) = (0_usize, 0.0_f64, 0.0_f64);
    for (theirs, ours) in &pairs {
        let [ours_most, at_once, _] = ours.figures[..] else { return Err(format!("{ours:?}")) };
        if at_once > PIECE_MAX {
            return Err(format!("{}: asks for {at_once} bytes at once", ours.what));
        }
        // What the other library never ends, or refuses, gives nothing to compare with.
        let Some(theirs) = theirs.as_ref().filter(|theirs| theirs.code == 0) else { continue };
        compared += 1;
        if ours.code != 0 && theirs.instructions <= LEN_MAX {
            return Err(format!(
                "{}: {} here, {} instructions there",
                ours.what, ours.code, theirs.instructions
            ));
        }
        let [theirs_most, _, _] = theirs.figures[..] else { return Err(format!("{theirs:?}")) };
        if ours_most > MEMORY_FREE.max(MEMORY_FACTOR * theirs_most) {
            return Err(format!("{}: {ours_most} bytes in use, {theirs_most} there", ours.what));
        }
        most = most.max(ratio(ours_most, theirs_most));
        slowest = slowest.max(needs.time(theirs, ours, "memory")?);
    }
    if compared < pairs.len() / 2 {
        return Err(format!("only {compared} of {} filters compared", pairs.len()));
    }
    Ok(format!(
        "{compared} filters, at most {most:.1} times the memory and {slowest:.1} times the time"
    ))
}

/// Nothing that the other library builds is refused.
pub(super) fn dense(library: &Library, extent: &Extent) -> Result<String, String> {
    let needs = Needs::new(library)?;
    let pairs = needs.pairs("dense", extent.dense)?;
    let (mut compared, mut longest, mut slowest) = (0_usize, 0.0_f64, 0.0_f64);
    for (theirs, ours) in &pairs {
        let Some(theirs) = theirs.as_ref().filter(|theirs| theirs.code == 0) else { continue };
        if theirs.instructions > LEN_MAX {
            continue;
        }
        if ours.code != 0 {
            return Err(format!(
                "{}: {} here, {} instructions there",
                ours.what, ours.code, theirs.instructions
            ));
        }
        compared += 1;
        longest = longest.max(ratio(ours.instructions, theirs.instructions));
        slowest = slowest.max(needs.time(theirs, ours, "dense")?);
    }
    if compared < pairs.len() / 4 {
        return Err(format!("only {compared} of {} sets compared", pairs.len()));
    }
    Ok(format!(
        "{compared} sets, none refused; at most {longest:.1} times as long, {slowest:.1} times the time"
    ))
}

/// Every function in a thread of the least stack that a thread can have, with a guard below it.
pub(super) fn stack(library: &Library, extent: &Extent) -> Result<String, String> {
    let needs = Needs::new(library)?;
    let said = needs.ours(&["stack", "1", &extent.stacks.to_string()])?;
    match said.lines().find(|line| line.contains("status")) {
        Some(line) => Err(line.to_owned()),
        None => Ok(format!("{} filters in threads of 16 KiB", said.lines().count())),
    }
}

/// A limit of the address space, in steps of 64 KiB.
pub(super) fn limit(library: &Library, extent: &Extent) -> Result<String, String> {
    let needs = Needs::new(library)?;
    let said = needs.ours(&["limit", "1", &extent.limits.to_string()])?;
    let (mut steps, mut filters) = (0, 0);
    for line in said.lines() {
        let numbers: Vec<u64> =
            line.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
        let [_, refused, 0, _] = numbers[..] else { return Err(line.to_owned()) };
        steps += refused;
        filters += 1;
    }
    match steps > 0 {
        true => Ok(format!("{filters} filters, {steps} limits answered with -ENOMEM, no signal")),
        false => Err("no limit was felt".into()),
    }
}

/// A second filter under one that kills for mmap, munmap, mprotect and mremap.
pub(super) fn second(library: &Library, _: &Extent) -> Result<String, String> {
    let needs = Needs::new(library)?;
    for rules in ["1", "30", "100"] {
        output(&mut needs.command(false, &["second", rules]))?;
        needs.ours(&["second", rules]).map_err(|error| format!("{rules} rules: {error}"))?;
    }
    Ok("filters of 1, 30 and 100 rules".into())
}

/// The same programs whatever the machine does meanwhile, and without a look at the clock.
pub(super) fn load(library: &Library, extent: &Extent) -> Result<String, String> {
    let needs = Needs::new(library)?;
    let count = extent.stacks.to_string();
    let looks = needs.ours(&["clock", "1", &count])?;
    if looks.trim() != "0" {
        return Err(format!("{} looks at the clock", looks.trim()));
    }
    let arguments = ["bytes", "1", &count];
    let idle = bytes(&mut needs.command(true, &arguments))?;
    let stopped = interrupted(needs.command(true, &arguments))?;
    let mut beside = needs.command(true, &["dense", "1", "400"]);
    let mut beside = beside.stdout(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    let loaded = bytes(&mut needs.command(true, &arguments));
    // It may have ended by itself.
    let _ = beside.kill();
    let _ = beside.wait();
    match idle == stopped && idle == loaded? && idle.len() > 1000 {
        true => Ok(format!(
            "{} bytes the same, stopped and beside others; no look at the clock",
            idle.len()
        )),
        false => Err("the programs differ".into()),
    }
}

/// No system call while a filter is built that the other library does not make.
pub(super) fn calls(library: &Library, _: &Extent) -> Result<String, String> {
    let needs = Needs::new(library)?;
    let names = |ours: bool| -> Result<Vec<String>, String> {
        let mut trace = Command::new("strace");
        trace.args(["-f", "-o", "/dev/stderr"]).arg(&needs.program).args(["calls", "1", "12"]);
        if ours {
            trace.env("LD_LIBRARY_PATH", &needs.lib);
        }
        let run = trace.output().map_err(|error| format!("strace: {error}"))?;
        let text = String::from_utf8_lossy(&run.stderr).into_owned();
        let between = text.split("getpriority(").nth(1).ok_or("no mark in the trace")?;
        let names = between.lines().skip(1).filter_map(|line| line.split('(').next());
        let names = names.filter_map(|name| name.split_whitespace().last());
        // A line that is cut at the second mark has the process alone.
        let names = names.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    };
    let (theirs, ours) = (names(false)?, names(true)?);
    match ours.iter().find(|name| !theirs.contains(name)) {
        Some(name) => Err(format!("{name}, beside {}", theirs.join(", "))),
        None => Ok(ours.join(", ")),
    }
}

/// A precomputed filter is loaded in a handler that interrupts malloc.
pub(super) fn signal(library: &Library, _: &Extent) -> Result<String, String> {
    let program = library.program("needs", Against::Ours)?;
    output(library.command(&program).arg("signal"))?;
    Ok("50 handlers that interrupted malloc loaded a filter".into())
}

/// Many threads with refused allocations, forks, a context that all use, and the library opened and
/// closed.
pub(super) fn stress(library: &Library, extent: &Extent) -> Result<String, String> {
    let program = library.program("stress", Against::Installed)?;
    let mut command = Command::new(program);
    command.arg(library.shared()).arg(extent.seconds.to_string()).arg("16");
    output(&mut command).map(|said| said.trim().to_owned())
}

/// The measuring program, which either library can be put under.
struct Needs {
    program: PathBuf,
    lib: PathBuf,
}

impl Needs {
    fn new(library: &Library) -> Result<Self, String> {
        Ok(Self { program: library.program("needs", Against::Installed)?, lib: library.lib() })
    }

    fn command(&self, ours: bool, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        if ours {
            command.env("LD_LIBRARY_PATH", &self.lib);
        }
        command
    }

    fn ours(&self, arguments: &[&str]) -> Result<String, String> {
        output(&mut self.command(true, arguments))
    }

    /// What both libraries took for the same filters; nothing of the other where it did not come to
    /// an end.
    fn pairs(&self, what: &str, count: usize) -> Result<Vec<(Option<Line>, Line)>, String> {
        let run = |ours| output(&mut self.command(ours, &[what, "1", &count.to_string()]));
        let (theirs, ours) = (run(false)?, run(true)?);
        let pair = |(theirs, ours): (&str, &str)| {
            let ours = line(ours).ok_or_else(|| ours.to_owned())?;
            Ok((line(theirs), ours))
        };
        let pairs: Result<Vec<_>, String> = theirs.lines().zip(ours.lines()).map(pair).collect();
        let pairs = pairs?;
        match pairs.len() == count {
            true => Ok(pairs),
            false => Err(format!("{} lines and {}", theirs.lines().count(), ours.lines().count())),
        }
    }

    /// How many times the other library's time a filter takes; an error where that is too much in
    /// every try.
    fn time(&self, theirs: &Line, ours: &Line, what: &str) -> Result<f64, String> {
        let free = if ours.rules <= FEW_RULES { TIME_FREE.0 } else { TIME_FREE.1 };
        let nanoseconds = |line: &Line| line.figures.last().copied().unwrap_or(u64::MAX);
        let number = ours.what.split(' ').next().unwrap_or_default();
        let (mut there, mut here) = (nanoseconds(theirs), nanoseconds(ours));
        for _ in 0..TRIES {
            if here <= free.max(TIME_FACTOR * there) {
                return Ok(if here <= free { 0.0 } else { ratio(here, there) });
            }
            let again = |ours| {
                line(&output(&mut self.command(ours, &[what, number, "1"]))?)
                    .ok_or("no line".to_owned())
            };
            there = there.max(nanoseconds(&again(false)?));
            here = here.min(nanoseconds(&again(true)?));
        }
        Err(format!("{}: {here} ns, {there} there", ours.what))
    }
}

/// Reads a line; `None` where the filter was not built to an end.
fn line(text: &str) -> Option<Line> {
    let (what, figures) = text.trim().rsplit_once(": ")?;
    let numbers: Vec<i64> =
        figures.split(' ').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [code, instructions, rest @ ..] = &numbers[..] else { return None };
    let rules = what.split(" rules").next()?.rsplit(' ').next()?.parse().ok()?;
    let calls = what.split(" calls").next().and_then(|text| text.rsplit(' ').next()?.parse().ok());
    // In a dense set each call has that many rules.
    let rules = if what.contains("arches") { rules } else { rules * calls.unwrap_or(1) };
    let figures: Option<Vec<u64>> = rest.iter().map(|&number| u64::try_from(number).ok()).collect();
    let instructions = u64::try_from(*instructions).ok()?;
    Some(Line { what: what.to_owned(), rules, code: *code, instructions, figures: figures? })
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn ratio(ours: u64, theirs: u64) -> f64 {
    ours as f64 / theirs.max(1) as f64
}

fn bytes(command: &mut Command) -> Result<Vec<u8>, String> {
    let run = command.output().map_err(|error| error.to_string())?;
    if run.status.success() { Ok(run.stdout) } else { Err(format!("{command:?}: {}", run.status)) }
}

/// What a program prints that is stopped again and again.
fn interrupted(mut command: Command) -> Result<Vec<u8>, String> {
    let child = command.stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let id = child.id().to_string();
    let running = thread::spawn(move || child.wait_with_output());
    while !running.is_finished() {
        for signal in ["-STOP", "-CONT"] {
            // It may have ended by now.
            let _ = Command::new("kill").arg(signal).arg(&id).stderr(Stdio::null()).status();
            thread::sleep(Duration::from_millis(3));
        }
    }
    let run =
        running.join().map_err(|_| "a thread panicked")?.map_err(|error| error.to_string())?;
    if run.status.success() { Ok(run.stdout) } else { Err(format!("{}", run.status)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_those_of_filters_without_an_end_are_not() {
        let shape = "7 3 rules, 2 arches, 74 calls, 4 comparisons, operator -1, constants 2: 0 56 25584 448 27100";
        let read = line(shape).unwrap();
        assert_eq!((read.rules, read.code, read.instructions), (3, 0, 56));
        assert_eq!(read.figures, [25_584, 448, 27_100]);
        let dense = line("1 10 calls, 30 rules: -14 0 12").unwrap();
        assert_eq!((dense.rules, dense.code, &dense.figures[..]), (300, -14, &[12][..]));
        assert!(line("9 ended: status 0xe").is_none());
    }
}
