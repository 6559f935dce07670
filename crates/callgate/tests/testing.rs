//! Filters tried out by what is done under them, and reports of trapped calls.
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::{env, fs, thread};

use callgate::{Action, Filter, Scope, names, testing};

fn without_mkdir(action: Action) -> Filter {
    Filter::builder(Action::ALLOW).answer(action, [names::MKDIR, names::MKDIRAT]).build().unwrap()
}

#[test]
fn what_a_closure_and_its_threads_do_is_noted_and_done_all_the_same() {
    let folder = env::temp_dir().join(format!("callgate-testing-{}", std::process::id()));
    let filter = without_mkdir(Action::KILL_PROCESS);
    let refused = testing::denied(&filter, || {
        fs::create_dir(&folder).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| fs::create_dir(&folder).unwrap_err());
        });
    });
    let refused = refused.unwrap();
    fs::remove_dir(&folder).unwrap();
    let count: u64 = refused.denials().iter().map(|denial| denial.count).sum();
    assert_eq!(count, 2, "{refused}");
    let name = if cfg!(target_arch = "aarch64") { "mkdirat" } else { "mkdir" };
    assert!(refused.lines().iter().all(|line| line.starts_with(&format!("allow {name}"))));
    assert!(refused.to_string().contains("KILL_PROCESS"), "{refused}");
}

#[test]
fn what_is_allowed_is_not_noted_and_the_thread_may_end_as_it_likes() {
    let nothing = Filter::builder(Action::errno(1).unwrap()).build().unwrap();
    testing::assert_allows(&without_mkdir(Action::trap(0)), || drop(fs::metadata("/")));
    // Neither the start of the thread nor its end are the closure's.
    testing::assert_allows(&nothing, || {});
    let file = testing::denied(&nothing, || drop(fs::File::open("/dev/null"))).unwrap();
    let lines = file.lines();
    assert!(lines.iter().any(|line| line.starts_with("allow openat")), "{lines:?}");
}

#[test]
#[should_panic(expected = "allow mkdir")]
fn an_assertion_fails_with_the_lines_that_are_missing() {
    testing::assert_allows(&without_mkdir(Action::errno(1).unwrap()), || {
        drop(fs::create_dir("/nonexistent/x"));
    });
}

#[test]
#[should_panic(expected = "the closure's own")]
fn a_panic_of_the_closure_is_the_tests() {
    testing::assert_allows(&without_mkdir(Action::trap(0)), || panic!("the closure's own"));
}

const CHILD: &str = "CALLGATE_TEST_OF_REPORTS";

/// This test as a program of its own, which reports and is then killed.
#[test]
fn a_trapped_call_is_reported_and_ends_the_process_as_it_would_without() {
    const NAME: &str = "a_trapped_call_is_reported_and_ends_the_process_as_it_would_without";
    if env::var_os(CHILD).is_some() {
        callgate::report().unwrap();
        without_mkdir(Action::trap(7)).load(Scope::ThisThread).unwrap();
        drop(fs::create_dir("/nonexistent/x"));
        return;
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", NAME, "--nocapture"]).env(CHILD, "1").stdout(Stdio::null());
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(31), "{text}");
    let line = text.lines().find(|line| line.starts_with("callgate: a filter trapped ")).unwrap();
    let name = if cfg!(target_arch = "aarch64") { "mkdirat(" } else { "mkdir(pathname=0x" };
    assert!(line.contains(name) && line.contains(", mode=0x1ff)"), "{line}");
    assert!(line.contains("si_errno=7") && line.contains("+0x"), "{line}");
    // The command reads it.
    let mut reader = callgate_explain::Reader::new(callgate::Arch::native().unwrap());
    let callgate_explain::Found::Denial(denial) = reader.line(line) else { panic!("{line}") };
    assert_eq!(denial.answer, callgate_explain::Answer::Sigsys(Some(7)));
}
