//! A filter of a container against a reading of its profile.

use std::time::{Duration, Instant};

use callgate_bpf::Stack;
use callgate_formats::{CapSet, Error, Options, Profile, Reading};
use callgate_kernel::Tid;
use callgate_observe::filters_of;
use callgate_policy::Policy;
use callgate_prover::{Difference, Options as Limits, Prover, Scope};
use callgate_syscalls::{Action, Arch, KernelVersion};
use callgate_testkit::accumulator::mixes;

/// What a profile means by a reading; `None` for rules that contradict each other, which no runtime
/// takes.
pub(super) fn meant(
    text: &str,
    reading: Reading,
    caps: CapSet,
    kernel: KernelVersion,
) -> Result<Option<Policy>, String> {
    let native = Arch::native().ok_or("an architecture that is not known")?;
    let mut options = Options::new(native, kernel);
    options.reading = Some(reading);
    options.caps = caps;
    let profile = Profile::parse(text.as_bytes(), "profile").map_err(|error| error.to_string())?;
    match profile.resolve(&options) {
        Ok(resolved) => Ok(Some(resolved.policy)),
        Err(Error::Conflict { .. }) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// How long a container may take to load its filter: crun comes back before it does.
const PATIENCE: Duration = Duration::from_secs(10);

/// The filters of a process, which has some or will have.
pub(super) fn filters(pid: u32) -> Result<Stack, String> {
    let tid = Tid::new(pid).ok_or_else(|| format!("{pid} is no process"))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let missing = match filters_of(tid) {
            Ok(filters) if filters.is_empty() => "the container has no filter".into(),
            // On a busy machine it may take long to stop.
            Err(error) => error.to_string(),
            Ok(filters) => {
                let programs: Vec<_> = filters.into_iter().map(|filter| filter.program).collect();
                return Ok(Stack::new(programs));
            }
        };
        if Instant::now() > deadline {
            return Err(missing);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How a filter compares with a policy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// They mean the same.
    Equal,
    /// They do but for numbers that no kernel has.
    ButForNoNumber,
    /// Debian's libseccomp made a program that tests a word while another one may be loaded.
    WrongWord,
}

/// Compares a filter with a policy.
///
/// Those have the highest bit and not x32's. On x86_64 without x32, runc's stub says `ENOSYS` to
/// them, and a policy counts them to x32; neither executes anything.
pub(super) fn compare(policy: &Policy, filter: &Stack) -> Result<Found, String> {
    let mut prover = Prover::new(Limits::default());
    let (left, right) = (prover.policy(policy), prover.stack(filter));
    let left = left.map_err(|error| error.to_string())?;
    let right = right.map_err(|error| error.to_string())?;
    let found = prover.differences(&left, &right, Scope::Exact);
    let found = found.map_err(|error| error.to_string())?;
    match found.iter().find(|difference| !is_about_no_number(difference)) {
        Some(_) if filter.programs().iter().any(mixes) => Ok(Found::WrongWord),
        Some(difference) => Err(format!("ours against theirs: {difference}")),
        None if found.is_empty() => Ok(Found::Equal),
        None => Ok(Found::ButForNoNumber),
    }
}

fn is_about_no_number(difference: &Difference) -> bool {
    const FIRST: u32 = 0x8000_0000;
    let refuses =
        |action: Action| action == Action::KILL_THREAD || Action::errno(38) == Some(action);
    difference.numbers.iter().all(|(first, _)| first.raw() >= FIRST)
        && refuses(difference.left)
        && refuses(difference.right)
}
