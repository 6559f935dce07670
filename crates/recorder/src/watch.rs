//! Who is told of events: they are gathered, and the user told how it goes.

use std::time::Instant;

use callgate_console::output;
use callgate_learn::{CallKey, Collector, Report};
use callgate_observe::record::{Event, Going, Observer};
use callgate_syscalls::{Arch, Errno};

/// Gathers events and tells the user how it goes.
pub(crate) struct Watch {
    pub(crate) collector: Collector,
    told: Instant,
    signals: u32,
    /// What is recorded is not ours: it goes on when the recording ends.
    follows: bool,
}

impl Watch {
    /// Of a command.
    pub(crate) fn new(collector: Collector) -> Self {
        Self { collector, told: Instant::now(), signals: 0, follows: false }
    }

    /// Of what runs already.
    pub(crate) fn following(collector: Collector) -> Self {
        Self { follows: true, ..Self::new(collector) }
    }
}

impl Observer for Watch {
    fn event(&mut self, event: &Event<'_>) {
        let native = Arch::native();
        let result = event.result.map(|value| match u16::try_from(-value) {
            Ok(errno @ 1..=4095) => {
                let name = native.and_then(|arch| Errno::new(errno).name(arch));
                name.map_or_else(|| errno.to_string(), str::to_owned)
            }
            _ => "0".to_owned(),
        });
        let report = Report {
            call: CallKey::of(event.call),
            args: event.call.args.map(Some),
            is_given: [false; 6],
            thread: event.thread,
            result: result.as_deref(),
            count: event.count,
        };
        if event.is_late {
            self.collector.take_more(&report);
        } else {
            self.collector.take(&report);
        }
    }

    fn tick(&mut self, signals: u32) -> Going {
        if signals > self.signals {
            self.signals = signals;
            if self.follows || signals > 1 {
                return Going::End;
            }
            output::note(&"waiting for the command to end; once more, and it is killed");
        }
        if self.told.elapsed().as_secs() >= 60 {
            self.told = Instant::now();
            let progress = self.collector.progress();
            output::note(&format_args!(
                "{} events so far, {} calls; {} new in the last minute",
                progress.events, progress.calls, progress.new
            ));
        }
        Going::On
    }
}
