//! Commands recorded call by call.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;
use std::ffi::CString;

use callgate_kernel::Command;
use callgate_kernel::child::Ending;
use callgate_observe::record::{Event, Going, Notify, Observer, Ptrace, Recorded, Recorder};
use callgate_syscalls::{Arch, Name, names};

/// How often each call was made, by name, and by which threads.
#[derive(Default)]
struct Counted {
    calls: BTreeMap<Name, u64>,
    threads: Vec<String>,
    errors: Vec<i64>,
    end: bool,
}

impl Observer for Counted {
    fn event(&mut self, event: &Event<'_>) {
        let arch = Arch::of_call(event.call.arch, event.call.nr).unwrap();
        *self.calls.entry(arch.syscall_at(event.call.nr).unwrap().name).or_default() += 1;
        self.errors.extend(event.result.filter(|result| *result < 0));
        if !self.threads.iter().any(|thread| thread == event.thread) {
            self.threads.push(event.thread.to_owned());
        }
    }

    fn tick(&mut self, _signals: u32) -> Going {
        if self.end { Going::End } else { Going::On }
    }
}

fn recorded(script: &str, end: bool) -> (Counted, Recorded) {
    recorded_by(&Notify::everything().unwrap(), script, end)
}

fn recorded_by(recorder: &dyn Recorder, script: &str, end: bool) -> (Counted, Recorded) {
    let words = ["/bin/sh", "-c", script].map(|word| CString::new(word).unwrap());
    let command = Command::resolve_here(words.to_vec()).unwrap();
    let mut counted = Counted { end, ..Counted::default() };
    let recorded = recorder.record(&command, &mut counted).unwrap();
    (counted, recorded)
}

/// One test, because signals and timers are a process's own.
#[test]
fn a_command_and_all_it_starts_are_recorded_to_their_end() {
    let (counted, recorded) = recorded("cat /proc/self/comm >/dev/null & exit 7", false);
    assert_eq!(recorded.ending, Some(Ending::Exited { code: 7 }));
    assert_eq!(counted.calls.get(&names::EXECVE), Some(&2), "{:?}", counted.calls);
    assert!(counted.calls.contains_key(&names::EXIT_GROUP));
    assert!(counted.threads.iter().any(|name| name == "cat"), "{:?}", counted.threads);
    assert!(!counted.threads.iter().any(|name| name.starts_with("record-")), "not the recorder");

    // Its orphans, too, are ended when the observer wants it: else this would take 1,000 s.
    let (counted, recorded) = recorded_and_ended();
    assert_eq!(recorded.ending, None);
    assert!(counted.calls.contains_key(&names::CLOCK_NANOSLEEP), "{:?}", counted.calls);
    tracing();
}

/// The same by tracing, with results. How a shell waits for a background job depends on which of the
/// two is faster, so there is none.
fn tracing() {
    let script = "cat /proc/self/comm >/dev/null; test -e /nowhere/x; exit 7";
    let (by_notification, _) = recorded(script, false);
    let (traced, recorded) = recorded_by(&Ptrace::everything(), script, false);
    assert_eq!(recorded.ending, Some(Ending::Exited { code: 7 }));
    let names = |counted: &Counted| counted.calls.keys().copied().collect::<Vec<Name>>();
    assert_eq!(names(&traced), names(&by_notification));
    assert!(traced.threads.iter().any(|name| name == "cat"), "{:?}", traced.threads);
    assert!(!traced.threads.iter().any(|name| name.starts_with("record-")), "not the recorder");
    assert!(traced.errors.contains(&-2), "a file that is not there: {:?}", traced.errors);
    assert!(by_notification.errors.is_empty(), "results are not known");

    let (_, recorded) =
        recorded_by(&Ptrace::everything(), "(setsid sleep 1000 &); sleep 1000", true);
    assert_eq!(recorded.ending, None);
}

fn recorded_and_ended() -> (Counted, Recorded) {
    recorded("(setsid sleep 1000 &); sleep 1000", true)
}
