//! Tests of filters by what programs do under them.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use callgate_explain::{Answer, Denial, Denials, Knowledge, explain};
use callgate_kernel::notify::{Format, Response, wait};
use callgate_kernel::{Interruption, Options, Scope};
use callgate_policy::{Action, SeccompData};
use callgate_syscalls::{ArchToken, SyscallNr};

use crate::{Error, Filter};

/// The calls that a filter would have refused; see [`denied`].
#[derive(Debug)]
pub struct Refused {
    denials: Vec<Denial>,
    /// How many more there were than are kept.
    more: u64,
}

/// The most calls of one run that are kept: the list is made before, because what a thread waits for
/// must not wait for the allocator.
const KEPT_MAX: usize = 4096;

/// Runs a closure in a thread under a filter, and says what the filter would refuse of all that the
/// thread and those that it starts do.
///
/// Calls that the filter refuses are noted and made all the same, so that one run finds all of them.
/// The filter stays on the thread, and ends with it; this process is as before.
///
/// # Errors
/// [`Error::Kernel`] where the kernel can't hand calls over (it takes Linux 5.5), or a filter with a
/// listener is in force already; and as [`Filter::from_policy`].
///
/// # Panics
/// Where the closure does.
pub fn denied(filter: &Filter, closure: impl FnOnce() + Send) -> Result<Refused, Error> {
    let asking = Filter::from_policy(filter.policy().clone().with_refusals_notified())?;
    let interruption = Interruption::fewest();
    let decide = |call: &SeccompData| filter.decide(call);
    let (listener, done) = (OnceLock::new(), AtomicBool::new(false));
    let mut kept = Kept::new();
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let options = Options::default();
            let loaded = asking.load_with_listener(Scope::ThisThread, &options, interruption);
            // Nobody waits for this, so that it makes no call.
            let slot = listener.set(loaded);
            if slot.is_ok() && matches!(listener.get(), Some(Ok(_))) {
                closure();
            }
            done.store(true, Ordering::Release);
        });
        let is_noted = || !done.load(Ordering::Acquire);
        let served = match loaded(&listener) {
            Ok(listener) => {
                serve(listener, &decide, &mut kept, &is_noted, &|| thread.is_finished())
            }
            Err(error) => Err(error),
        };
        match thread.join() {
            Ok(()) => served,
            Err(panic) => resume_unwind(panic),
        }
    })?;
    Ok(kept.refused(&decide))
}

/// What a filter would refuse of all that those do whose calls a listener hands over: they are noted
/// and made all the same, until nobody is left under the filter, or `is_over`.
///
/// `decide` says what the filter answers, of which the loaded one hands over what it refuses.
///
/// # Errors
/// [`Error::Kernel`] where the kernel can't hand calls over.
pub fn refused(
    listener: BorrowedFd<'_>,
    decide: &dyn Fn(&SeccompData) -> Action,
    is_over: &dyn Fn() -> bool,
) -> Result<Refused, Error> {
    let mut kept = Kept::new();
    serve(listener, decide, &mut kept, &|| true, is_over)?;
    Ok(kept.refused(decide))
}

/// Fails unless a filter allows all that a closure does, with the calls that it refuses and the lines
/// that would allow them. Otherwise as [`denied`].
///
/// # Panics
/// Where the filter refuses something, where that can't be found out, or where the closure panics.
///
/// # Examples
/// ```
/// use callgate::{Action, Filter, names, testing};
///
/// let filter = Filter::builder(Action::ALLOW).answer(Action::KILL_PROCESS, [names::MKDIR]).build()?;
/// testing::assert_allows(&filter, || {
///     let _ = std::fs::metadata("/");
/// });
/// # Ok::<(), callgate::Error>(())
/// ```
#[track_caller]
#[expect(clippy::panic, reason = "what an assertion is for")]
pub fn assert_allows(filter: &Filter, closure: impl FnOnce() + Send) {
    match denied(filter, closure) {
        Ok(refused) if refused.is_empty() => {}
        Ok(refused) => panic!("{refused}"),
        Err(error) => panic!("whether the filter allows it can't be found out: {error}"),
    }
}

impl Refused {
    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.denials.is_empty() && self.more == 0
    }

    /// The calls, each with how often it was made.
    #[must_use]
    pub fn denials(&self) -> &[Denial] {
        &self.denials
    }

    /// The lines of the language that would allow them, each once.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for denial in &self.denials {
            let changes = explain(denial, None).changes;
            let exact = changes
                .into_iter()
                .find(|change| change.kind == callgate_explain::ChangeKind::Exact);
            lines.extend(exact.map(|change| change.line));
        }
        lines.sort();
        lines.dedup();
        lines
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the filter refuses {} calls:", self.denials.len())?;
        for denial in &self.denials {
            let call = explain(denial, None).call;
            let Answer::Action(action) = denial.answer else { continue };
            writeln!(f, "  {call}: {action}, {} times", denial.count)?;
        }
        if self.more > 0 {
            writeln!(f, "  and {} more", self.more)?;
        }
        writeln!(f, "these lines would allow them:")?;
        self.lines().iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// What was noted while threads waited.
struct Kept {
    calls: Vec<(SeccompData, u32)>,
    more: u64,
}

impl Kept {
    fn new() -> Self {
        Self { calls: Vec::with_capacity(KEPT_MAX), more: 0 }
    }

    /// Notes a call without asking for memory.
    fn note(&mut self, call: SeccompData, thread: u32) {
        match self.calls.len() < self.calls.capacity() {
            true => self.calls.push((call, thread)),
            false => self.more = self.more.saturating_add(1),
        }
    }

    fn refused(self, decide: &dyn Fn(&SeccompData) -> Action) -> Refused {
        let mut denials = Denials::default();
        for (call, thread) in self.calls {
            let mut denial = Denial::new(call.arch, call.nr, Knowledge::Notification);
            denial.args = call.args.map(Some);
            denial.ip = Some(call.instruction_pointer);
            denial.answer = Answer::Action(decide(&call));
            denial.process.tid = Some(thread);
            denials.add(denial);
        }
        Refused { denials: denials.list().to_vec(), more: self.more }
    }
}

/// The longest that a wait for calls or for a listener takes.
const PAUSE: Duration = Duration::from_millis(1);

/// Waits for the listener of a filter that a thread loads.
fn loaded(
    listener: &OnceLock<Result<std::os::fd::OwnedFd, Error>>,
) -> Result<BorrowedFd<'_>, Error> {
    loop {
        match listener.get() {
            Some(Ok(listener)) => return Ok(listener.as_fd()),
            Some(Err(error)) => return Err(error.clone()),
            None => thread::sleep(PAUSE),
        }
    }
}

/// Lets all calls go on, and notes those that are refused while they shall be.
fn serve(
    listener: BorrowedFd<'_>,
    decide: &dyn Fn(&SeccompData) -> Action,
    kept: &mut Kept,
    is_noted: &dyn Fn() -> bool,
    is_over: &dyn Fn() -> bool,
) -> Result<(), Error> {
    const CONTINUE: u32 = 1;
    let kernel = |call, errno| Error::Kernel(callgate_kernel::Error::Kernel { call, errno });
    let format = Format::of_kernel().map_err(|errno| kernel("seccomp", errno))?;
    let Some(format) = format else { return Ok(()) };
    loop {
        let ready = wait(listener, None, Some(PAUSE * 20)).unwrap_or_default();
        if ready.ended || !ready.call && is_over() {
            return Ok(());
        }
        // Whoever gave up meanwhile needs no answer.
        let Some(asked) = ready.call.then(|| format.receive(listener).ok()).flatten() else {
            continue;
        };
        let call = SeccompData {
            nr: SyscallNr::new(u32::from_ne_bytes(asked.data.nr.to_ne_bytes())),
            arch: ArchToken::new(asked.data.arch),
            instruction_pointer: asked.data.instruction_pointer,
            args: asked.data.args,
        };
        if !decide(&call).kind().may_execute() && is_noted() {
            kept.note(call, asked.pid);
        }
        let response = Response { id: asked.id, val: 0, error: 0, flags: CONTINUE };
        let _ = format.respond(listener, response);
    }
}
