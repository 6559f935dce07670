//! The log: a line of JSON for each decision and event.
//!
//! A thread of its own writes it. When what reads the log is slower than what happens, lines are
//! dropped and counted: containers never wait for a log.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::Builder;
use std::time::{SystemTime, UNIX_EPOCH};

use callgate_supervise::Delivery;
use callgate_syscalls::{Arch, SeccompData};
use serde::Serialize;

use crate::Error;
use crate::answer::Decision;
use crate::oci::Container;

/// How many lines may wait to be written.
const LINES_MAX: usize = 8192;

/// Where lines go.
#[derive(Clone, Debug)]
pub(crate) struct Log(SyncSender<String>);

/// What happened beside decisions.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Event {
    Started,
    Added,
    Restored,
    Ended,
    Rejected,
    Reloaded,
    Error,
    Stopped,
}

#[derive(Serialize)]
struct EventLine<'a> {
    time: f64,
    event: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Where the metrics are.
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<SocketAddr>,
}

#[derive(Serialize)]
struct DecisionLine<'a> {
    time: f64,
    event: &'static str,
    container: &'a str,
    tid: Option<u32>,
    arch: Option<&'static str>,
    syscall: Option<&'static str>,
    number: u32,
    args: [u64; 6],
    /// Null for the default.
    rule: Option<usize>,
    /// Where the rule or the default stands, as `FILE:LINE:COLUMN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
    answer: &'static str,
    errno: Option<String>,
    /// Whether the call got the answer; it may have ended before.
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Log {
    /// Starts the thread that writes.
    pub(crate) fn start(mut sink: impl Write + Send + 'static) -> Result<Self, Error> {
        let (sender, lines) = sync_channel::<String>(LINES_MAX);
        let write = move || {
            for line in lines {
                // A sink that fails is one that nobody reads.
                let _ = sink.write_all(line.as_bytes()).and_then(|()| sink.flush());
            }
        };
        let thread = Builder::new().name("log".to_owned()).spawn(write);
        thread.map_err(|reason| Error::system("starting a thread", reason))?;
        Ok(Self(sender))
    }

    /// Notes an event; whether there was room for it.
    #[must_use]
    pub(crate) fn event(
        &self,
        event: Event,
        container: Option<&str>,
        reason: Option<&str>,
    ) -> bool {
        self.line(&EventLine { time: now(), event, container, reason, metrics: None })
    }

    /// Notes that the agent works, and where it serves metrics; whether there was room for it.
    #[must_use]
    pub(crate) fn started(&self, metrics: Option<SocketAddr>) -> bool {
        let event = Event::Started;
        self.line(&EventLine { time: now(), event, container: None, reason: None, metrics })
    }

    /// Notes a decision; whether there was room for it.
    #[must_use]
    pub(crate) fn decision(
        &self,
        container: &Container,
        tid: Option<u32>,
        call: &SeccompData,
        decision: &Decision,
    ) -> bool {
        let arch = Arch::of_call(call.arch, call.nr);
        let syscall = arch.and_then(|arch| arch.syscall_at(call.nr));
        let failure = decision.failure.map(|failure| failure.errno());
        let errno = failure.map(|errno| {
            let name = Arch::native().and_then(|arch| errno.name(arch));
            name.map_or_else(|| errno.raw().to_string(), str::to_owned)
        });
        self.line(&DecisionLine {
            time: now(),
            event: "decision",
            container: &container.id,
            tid,
            arch: arch.map(Arch::name),
            syscall: syscall.map(|syscall| syscall.name.as_str()),
            number: call.nr.raw(),
            args: call.args,
            rule: decision.rule,
            place: decision.place.as_deref(),
            answer: decision.answer,
            errno,
            outcome: outcome(decision),
            error: decision.delivery.as_ref().err().map(ToString::to_string),
        })
    }

    fn line(&self, line: &impl Serialize) -> bool {
        // The lines hold nothing that JSON lacks.
        let Ok(mut text) = serde_json::to_string(line) else { return false };
        text.push('\n');
        !matches!(self.0.try_send(text), Err(TrySendError::Full(_)))
    }
}

fn outcome(decision: &Decision) -> &'static str {
    match decision.delivery {
        Ok(Delivery::Delivered) => "delivered",
        Ok(Delivery::Gone) => "gone",
        Err(_) => "error",
    }
}

/// Seconds since 1970, to the millisecond.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs_f64() * 1000.0).round() / 1000.0
}
