//! Counters, and their text for Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use callgate_supervise::Delivery;

use crate::answer::Decision;
use crate::oci::Rejection;

/// What the agent has done since it started.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Containers that it answers now.
    pub(crate) containers: AtomicU64,
    /// Containers that it has answered.
    pub(crate) containers_total: AtomicU64,
    /// Threads that do what may wait for a container.
    pub(crate) hands: AtomicU64,
    /// Lines that the log had no room for.
    pub(crate) log_dropped: AtomicU64,
    answers: [AtomicU64; ANSWERS.len()],
    rejections: [AtomicU64; REJECTIONS.len()],
    gone: AtomicU64,
    errors: AtomicU64,
}

const ANSWERS: [&str; 6] = ["errno", "continue", "value", "file", "mknod", "late"];
const REJECTIONS: [&str; 7] =
    ["slow", "displaced", "oversized", "garbage", "no_listener", "not_a_listener", "broken"];

impl Metrics {
    pub(crate) fn decided(&self, decision: &Decision) {
        add(&ANSWERS, &self.answers, decision.answer);
        match decision.delivery {
            Ok(Delivery::Delivered) => {}
            Ok(Delivery::Gone) => increment(&self.gone),
            Err(_) => increment(&self.errors),
        }
    }

    pub(crate) fn rejected(&self, rejection: &Rejection) {
        add(&REJECTIONS, &self.rejections, rejection.name());
    }

    /// Counts a line of the log, unless there was room for it.
    pub(crate) fn logged(&self, room: bool) {
        if !room {
            increment(&self.log_dropped);
        }
    }

    /// The text that Prometheus reads.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        single(&mut text, "containers", "gauge", "containers answered now", &self.containers);
        single(&mut text, "hands", "gauge", "threads that may wait for a container", &self.hands);
        let total = &self.containers_total;
        single(&mut text, "containers_total", "counter", "containers handed over", total);
        labelled(&mut text, "decisions_total", "calls answered", "answer", &ANSWERS, &self.answers);
        let (names, counts) = (&REJECTIONS, &self.rejections);
        labelled(&mut text, "rejections_total", "clients turned away", "reason", names, counts);
        single(
            &mut text,
            "gone_total",
            "counter",
            "calls that ended before their answer",
            &self.gone,
        );
        single(
            &mut text,
            "errors_total",
            "counter",
            "calls that could not be answered",
            &self.errors,
        );
        let dropped = &self.log_dropped;
        single(&mut text, "log_dropped_total", "counter", "lines the log had no room for", dropped);
        text
    }
}

/// Adds one.
pub(crate) fn increment(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn add(names: &[&str], counters: &[AtomicU64], name: &str) {
    let counter = names.iter().position(|known| *known == name).and_then(|i| counters.get(i));
    if let Some(counter) = counter {
        increment(counter);
    }
}

// Writing to a string cannot fail.

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP callgate_agent_{name} {help}");
    let _ = writeln!(text, "# TYPE callgate_agent_{name} {kind}");
}

fn single(text: &mut String, name: &str, kind: &str, help: &str, counter: &AtomicU64) {
    head(text, name, kind, help);
    let _ = writeln!(text, "callgate_agent_{name} {}", counter.load(Ordering::Relaxed));
}

fn labelled(
    text: &mut String,
    name: &str,
    help: &str,
    label: &str,
    values: &[&str],
    counters: &[AtomicU64],
) {
    head(text, name, "counter", help);
    for (value, counter) in values.iter().zip(counters) {
        let count = counter.load(Ordering::Relaxed);
        let _ = writeln!(text, "callgate_agent_{name}{{{label}=\"{value}\"}} {count}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_their_labels() {
        let metrics = Metrics::default();
        metrics.rejected(&Rejection::NoListener);
        metrics.logged(true);
        metrics.logged(false);
        let text = metrics.text();
        for line in [
            "callgate_agent_rejections_total{reason=\"no_listener\"} 1",
            "callgate_agent_rejections_total{reason=\"slow\"} 0",
            "callgate_agent_log_dropped_total 1",
            "# TYPE callgate_agent_containers gauge",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
