//! What may wait for a container is done by a thread that only this container keeps waiting.
//!
//! To look into a process, to give it a descriptor or to make a file for it can take as long as the
//! container likes: its memory may be filled by a process of its own (userfaultfd(2), FUSE), or it
//! may be frozen. The kernel lets no thread out of that but by ending the whole process. So each
//! container has one thread for such calls, its *hand*, which is started for the first of them, and
//! each call has a deadline. When that is over the call fails, whatever the hand is at, and the
//! calls behind it wait no longer than their own time. Other containers, and the calls of the same
//! container that need no hand, notice nothing.
//!
//! A hand that is held when its container ends stays until it is let go of; there are at most
//! [`HANDS_MAX`] at a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use callgate_supervise::{Aside, AsyncListener, Failure};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::Policy;
use crate::answer::Decision;
use crate::metrics::Metrics;
use crate::oci::Container;

/// How long a call may take that needs a hand.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(5);

/// The most hands at a time.
const HANDS_MAX: u64 = 4096;

/// What a hand needs no more of its memory than: paths and texts of some kilobytes.
const STACK_SIZE: usize = 256 << 10;

/// A container that is answered, with its hand.
pub(crate) struct Answered {
    pub(crate) container: Container,
    pub(crate) listener: AsyncListener,
    metrics: Arc<Metrics>,
    hand: Mutex<Option<Sender<Job>>>,
}

/// A call that needs a hand, and where the hand says what was decided.
struct Job {
    call: Aside,
    policy: Arc<Policy>,
    decided: oneshot::Sender<Decision>,
}

impl Answered {
    pub(crate) fn new(
        container: Container,
        listener: AsyncListener,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { container, listener, metrics, hand: Mutex::default() }
    }

    /// Answers a call by hand, within its time.
    pub(crate) async fn answer(self: &Arc<Self>, call: Aside, policy: Arc<Policy>) -> Decision {
        let id = call.id();
        let (decided, decision) = oneshot::channel();
        let failure = match self.give(Job { call, policy, decided }) {
            Ok(()) => match timeout(TIME_MAX, decision).await {
                Ok(Ok(decision)) => return decision,
                // The time is up; or the hand is gone, which takes a panic.
                _ => Failure::EIO,
            },
            Err(failure) => failure,
        };
        Decision::late(failure, self.listener.listener().left(id).fail(failure))
    }

    /// Gives a call to the hand, which is started where there is none.
    fn give(self: &Arc<Self>, job: Job) -> Result<(), Failure> {
        let mut hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
        let job = match hand.as_ref() {
            Some(hand) => match hand.send(job) {
                Ok(()) => return Ok(()),
                Err(unsent) => unsent.0,
            },
            None => job,
        };
        let started = self.start().ok_or(Failure::EIO)?;
        started.send(job).map_err(|_| Failure::EIO)?;
        *hand = Some(started);
        Ok(())
    }

    /// Starts the hand. It ends with the last of those who may give it something.
    fn start(self: &Arc<Self>) -> Option<Sender<Job>> {
        let counted = Counted::new(&self.metrics)?;
        let (jobs, given) = channel::<Job>();
        // Not the whole: the hand must not keep itself waiting for work.
        let answered = Arc::downgrade(self);
        let work = move || {
            let _counted = counted;
            for Job { call, policy, decided } in given {
                // Its time is up: it was answered.
                if decided.is_closed() {
                    continue;
                }
                let Some(answered) = answered.upgrade() else { return };
                let call = answered.listener.listener().take_up(call);
                // Nobody waits for a decision that comes late, and the call is gone then.
                let _ = decided.send(policy.answer_by_hand(call, &answered.container.metadata));
            }
        };
        Builder::new().name("hand".to_owned()).stack_size(STACK_SIZE).spawn(work).ok()?;
        Some(jobs)
    }
}

/// A hand that is counted as long as it is there.
struct Counted(Arc<Metrics>);

impl Counted {
    /// None where there are as many as there may be.
    fn new(metrics: &Arc<Metrics>) -> Option<Self> {
        let one_more = |hands| (hands < HANDS_MAX).then_some(hands + 1);
        let counter: &AtomicU64 = &metrics.hands;
        counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self(Arc::clone(metrics)))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.hands.fetch_sub(1, Ordering::Relaxed);
    }
}
