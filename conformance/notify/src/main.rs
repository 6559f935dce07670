//! `cargo xtask conformance notify`: a supervisor under load. Fifty threads in ten processes make
//! calls that our dispatcher answers, while signals interrupt them and processes are killed.
//!
//! Each answer is a number that is given out once; the threads note the numbers they get. None may
//! be lost but with a killed process or, where any signal interrupts, with a call that one
//! interrupted in the moment of its answer; none may come twice, and nothing may be left behind: no
//! descriptor in either side, no memory in the supervisor.
//!
//! Claim: C-SUPERVISE
//!
//! Options: `--full` for ten times the calls, `--part N` for an Nth of them.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints what it found")]

use std::fs::{self, File};
use std::num::NonZeroU8;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use callgate::KernelVersion;
use callgate::supervise::{
    Added, Delivery, Dispatcher, Error, Examined, Failure, Listener, Notification, OnExec,
    Placement, Seen, Summary, Value,
};
use callgate_kernel::{Flag, Interruption, flag_supported, running_kernel};
use callgate_lab::swarm::{ANSWERS_MAX, PROCESSES, Plan, Swarm, THREADS, Tally, Wish};

use house::{Request, part_of, timed};

/// The number of calls in a run, for each kind of interruption.
const TENTH: u32 = 10_000;
const FULL: u32 = 100_000;

/// The number of threads that answer.
const WORKERS: NonZeroU8 = NonZeroU8::new(4).unwrap();

/// Now and then an answer takes its time, so that signals and kills come between a call and its
/// answer.
const CALLS_PER_DELAY: u32 = 32;
const DELAY: Duration = Duration::from_micros(300);

/// Memory that a run may leave in the supervisor, in pages: the C library keeps some for later.
const PAGES_LEFT_MAX: i64 = 64;

/// How many runs may leave more before it is a fault.
const RUNS_MAX: u32 = 6;

fn main() -> std::process::ExitCode {
    house::main("conformance notify", run)
}

/// Runs the load with each kind of interruption.
fn run(args: &[String]) -> Result<(), String> {
    let (part, args) = part_of(args)?;
    let request = Request::parse(&args)?;
    let calls = if request.full { FULL } else { TENTH }.div_ceil(part);
    // What a first run allocates for good, such as the stacks that the C library keeps, a later one
    // finds there.
    load(Plan { calls: TENTH.div_ceil(part), interruption: Interruption::AnySignal })?;
    timed("any signal interrupts", || {
        leaving_nothing(Plan { calls, interruption: Interruption::AnySignal })
    })?;
    if !flag_supported(Flag::WaitKillableRecv) {
        println!("skipped: fatal signals interrupt: the kernel is older than 5.19");
        return Ok(());
    }
    let fatal = Plan { calls, interruption: Interruption::FatalSignals };
    timed("fatal signals interrupt", || leaving_nothing(fatal))
}

/// A run after which this process holds what it held before.
///
/// What is lost with calls is lost in every run. The C library takes memory for good in any, when
/// more threads than ever before allocate at once; so the run is made again before memory counts.
fn leaving_nothing(plan: Plan) -> Result<String, String> {
    let mut runs = 1;
    loop {
        let before = Footprint::now()?;
        let text = load(plan)?;
        let left = Footprint::now()?.since(&before);
        if left.descriptors != 0 || (left.pages > PAGES_LEFT_MAX && runs == RUNS_MAX) {
            return Err(format!("left behind by run {runs}: {left:?}"));
        }
        if left.pages <= PAGES_LEFT_MAX {
            let pages = left.pages;
            return Ok(format!("{text}; left behind 0 descriptors, {pages} pages (run {runs})"));
        }
        runs += 1;
    }
}

fn load(plan: Plan) -> Result<String, String> {
    let answers = Answers::new()?;
    let (swarm, listener) = Swarm::start(plan).map_err(|error| error.to_string())?;
    let summary = Listener::new(listener)
        .and_then(|listener| Dispatcher::new(listener, WORKERS))
        .and_then(|dispatcher| dispatcher.run(|call| answers.answer(call.examine())))
        .map_err(|error| error.to_string())?;
    let tally = swarm.finish().map_err(|error| error.to_string())?;
    let lost = check(plan, &answers, &summary, &tally)?;
    Ok(format!(
        "{} calls of {} threads, {} answered ({} with descriptors), {} interrupted, {} gone; {} signals, {} kills; 0 lost but {lost} with their process or interruption, 0 answered twice",
        tally.claimed,
        THREADS * PROCESSES,
        summary.delivered,
        tally.descriptors,
        tally.interrupted,
        summary.gone,
        tally.signals,
        tally.kills,
    ))
}

/// The fate of each number.
struct Answers {
    next: AtomicU32,
    descriptors: AtomicU32,
    done: Vec<AtomicU8>,
    file: File,
    /// Whether a call can be answered with a descriptor, both or neither (Linux 5.14).
    at_once: bool,
}

const DELIVERED: u8 = 1;
const GONE: u8 = 2;

impl Answers {
    fn new() -> Result<Self, String> {
        let file = File::open("/dev/null").map_err(|error| format!("/dev/null: {error}"))?;
        let done = (0..ANSWERS_MAX).map(|_| AtomicU8::new(0)).collect();
        let kernel = running_kernel().map_err(|error| error.to_string())?;
        let at_once = kernel >= KernelVersion::new(5, 14);
        Ok(Self { next: AtomicU32::new(1), descriptors: AtomicU32::new(0), done, file, at_once })
    }

    /// Answers as the call wishes.
    fn answer(&self, call: Notification<'_, Examined>) -> Result<Delivery, Error> {
        match Wish::of(call.call().args[0]) {
            Some(Wish::Number) => self.answer_number(call),
            Some(Wish::NumberForDigits) => {
                let digits = call.call().args[2].to_string();
                match call.memory().c_string(call.pointer(1), 20)? {
                    Seen::Value(Some(text)) if text.to_bytes() == digits.as_bytes() => {
                        self.answer_number(call)
                    }
                    // Also without an answer the call, which is gone, has to be let go.
                    Seen::Gone => call.fail(Failure::EIO),
                    _ => call.fail(Failure::EFAULT),
                }
            }
            Some(Wish::Descriptor) => {
                let delivery = self.answer_descriptor(call)?;
                let count = u32::from(delivery == Delivery::Delivered);
                self.descriptors.fetch_add(count, Ordering::Relaxed);
                Ok(delivery)
            }
            None => call.fail(Failure::EINVAL),
        }
    }

    /// With the number at once, where the kernel can do that.
    fn answer_descriptor(&self, call: Notification<'_, Examined>) -> Result<Delivery, Error> {
        let (placement, on_exec) = (Placement::Lowest, OnExec::Close);
        if self.at_once {
            let answered = call.answer_with_fd(&self.file, placement, on_exec);
            return answered.map_err(|unanswered| unanswered.error);
        }
        match call.add_fd(&self.file, placement, on_exec)? {
            Added::As(number) => call.succeed(Value::from(number)),
            // Also without an answer the call, which is gone, has to be let go.
            Added::Gone => call.fail(Failure::EIO),
        }
    }

    fn answer_number(&self, call: Notification<'_, Examined>) -> Result<Delivery, Error> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number % CALLS_PER_DELAY == 0 {
            thread::sleep(DELAY);
        }
        let delivery = call.succeed(Value::from(number))?;
        let done = if delivery == Delivery::Delivered { DELIVERED } else { GONE };
        if let Some(place) = usize::try_from(number).ok().and_then(|place| self.done.get(place)) {
            place.store(done, Ordering::Relaxed);
        }
        Ok(delivery)
    }
}

/// Compares what was given out with what came; returns how many answers went down with a killed
/// process or, where any signal interrupts, an interrupted call.
fn check(plan: Plan, answers: &Answers, summary: &Summary, tally: &Tally) -> Result<u32, String> {
    let threads = u32::try_from(THREADS).map_err(|error| error.to_string())?;
    // A thread waits for one answer at a time.
    let killed_max = tally.kills * threads;
    if summary.failed + summary.panicked + u64::from(tally.wrong) > 0 || tally.claimed != plan.calls
    {
        return Err(format!("{summary:?}; {} wrong results", tally.wrong));
    }
    if tally.kills < plan.calls / 5_000 || tally.signals < plan.calls / 1_000 {
        return Err(format!("{} kills and {} signals: too few", tally.kills, tally.signals));
    }
    // In two steps, a call that is interrupted between them keeps its descriptor.
    let leaked_max = if answers.at_once { 0 } else { tally.interrupted };
    if tally.leaked > leaked_max {
        return Err(format!("{} descriptors left behind in the processes", tally.leaked));
    }
    let mut missing = 0;
    for (number, (done, returned)) in answers.done.iter().zip(&tally.returned).enumerate() {
        match (done.load(Ordering::Relaxed), *returned) {
            (DELIVERED, 1) | (GONE | 0, 0) => {}
            (DELIVERED, 0) => missing += 1,
            (done, times) => return Err(format!("answer {number} ({done}) came {times} times")),
        }
    }
    missing += answers.descriptors.load(Ordering::Relaxed).saturating_sub(tally.descriptors);
    let returned = tally.numbers + tally.descriptors + tally.interrupted;
    let unfinished = tally.claimed - returned;
    let fatal_only = plan.interruption == Interruption::FatalSignals;
    // The kernel takes an answer while the caller, woken by a signal, is on its way to take the
    // notification back, and returns EINTR.
    let overtaken_max = if fatal_only { 0 } else { tally.interrupted };
    if missing > killed_max + overtaken_max || unfinished > killed_max {
        return Err(format!(
            "{missing} answers and {unfinished} calls lost, of which {killed_max} may have been \
             killed and {overtaken_max} interrupted"
        ));
    }
    if fatal_only && summary.gone > killed_max.into() {
        return Err(format!("{} calls gone with {killed_max} killed", summary.gone));
    }
    Ok(missing)
}

/// The resources of this process.
#[derive(Debug)]
struct Footprint {
    descriptors: i64,
    pages: i64,
}

impl Footprint {
    fn now() -> Result<Self, String> {
        let count =
            fs::read_dir("/proc/self/fd").map_err(|e| format!("/proc/self/fd: {e}"))?.count();
        let statm = fs::read_to_string("/proc/self/statm");
        let statm = statm.map_err(|error| format!("/proc/self/statm: {error}"))?;
        // size resident shared text lib data: what is private and written to is in the last.
        let data = statm.split_whitespace().nth(5).and_then(|pages| pages.parse().ok());
        let descriptors = i64::try_from(count).map_err(|error| error.to_string())?;
        Ok(Self { descriptors, pages: data.ok_or("/proc/self/statm: no sixth number")? })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            descriptors: self.descriptors - before.descriptors,
            pages: self.pages - before.pages,
        }
    }
}
