//! A command whose filter is enforced from outside ends as it does under the filter itself.
#![expect(clippy::unwrap_used, reason = "also what the tests share may panic")]

use std::ffi::CString;
use std::path::PathBuf;
use std::process::Command as Process;
use std::sync::{Mutex, PoisonError};

use callgate_bpf::Stack;
use callgate_enforce::{Answered, Enforcer, Event, Frame, Symbols, Thread};
use callgate_kernel::child::{Ending, Signal};
use callgate_kernel::{Command, Options};
use callgate_policy::{
    Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy, SeccompData,
};
use callgate_syscalls::{Endian, Name, names};
use callgate_testkit::plain;

/// A policy that gives one syscall an action and allows all others.
fn only(name: Name, condition: Condition, action: Action) -> Policy {
    let arch = Arch::native().unwrap();
    let mut rules = ArchPolicy::new(Action::ALLOW);
    rules.rule(arch.syscall(name).unwrap().nr, condition, action);
    Policy::builder(Action::ALLOW).arch(arch, rules).build().unwrap()
}

/// What was refused, and how the command ended.
struct Enforced {
    refused: Vec<(SeccompData, Thread, Vec<Frame>)>,
    ending: Ending,
}

/// Who enforces may have one thread: another that began at the same time would have this one's
/// connection to its guard in its own guard, so that neither of the two would end.
static ONE: Mutex<()> = Mutex::new(());

fn enforce(policy: &Policy, words: &[&str]) -> Enforced {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let filter = Stack::new([plain::program(policy).unwrap()]);
    let asking = plain::program(&policy.clone().with_refusals_notified()).unwrap();
    let words = words.iter().map(|word| CString::new(*word).unwrap()).collect();
    let command = Command::resolve_here(words).unwrap();
    let mut enforcer = Enforcer::start(&command, &asking, &Options::default()).unwrap();
    let (mut refused, mut ending, mut symbols) = (Vec::new(), None, Symbols::default());
    loop {
        match enforcer.wait().unwrap() {
            Event::Refused(call) => {
                let action = filter.run(&call.call, Endian::native()).action;
                assert_ne!(action, Action::ALLOW, "{call:?}");
                let caller = enforcer.caller(&call, &mut symbols);
                refused.push((call.call, enforcer.thread(&call).unwrap(), caller));
                assert_eq!(enforcer.answer(&call, action).unwrap(), Answered::AsTheFilter);
            }
            // Nothing is traced here.
            Event::Tracing(_) => {}
            Event::Ended(how) => ending = Some(how),
            Event::Over => return Enforced { refused, ending: ending.unwrap() },
        }
    }
}

const EXITED: fn(u8) -> Ending = |code| Ending::Exited { code };
const SYS: Ending = Ending::Killed { signal: Signal::SYS };

#[test]
fn each_action_does_to_uname_what_a_filter_does() {
    for (action, ending) in [
        (Action::errno(13).unwrap(), EXITED(1)),
        (Action::KILL_PROCESS, SYS),
        (Action::KILL_THREAD, SYS),
        (Action::trap(7), SYS),
        (Action::trace(7), EXITED(1)),
        (Action::from_raw(0x1234_0000), SYS),
        (Action::LOG, EXITED(0)),
    ] {
        let policy = only(names::UNAME, Condition::always(), action);
        let enforced = enforce(&policy, &["uname"]);
        assert_eq!(enforced.ending, ending, "{action}");
        let [(call, thread, _)] = &enforced.refused[..] else { panic!("{:?}", enforced.refused) };
        assert_eq!(call.nr, Arch::native().unwrap().syscall(names::UNAME).unwrap().nr);
        assert_eq!(thread.name, "uname");
        assert!(thread.executable.as_ref().unwrap().ends_with("/uname"), "{thread:?}");
    }
}

#[test]
fn what_is_allowed_is_never_handed_over() {
    let policy = only(names::REBOOT, Condition::always(), Action::KILL_PROCESS);
    let enforced = enforce(&policy, &["sh", "-c", "ls / >/dev/null; exit 7"]);
    assert_eq!(enforced.ending, EXITED(7));
    assert!(enforced.refused.is_empty(), "{:?}", enforced.refused);
}

#[test]
fn a_process_that_handles_or_ignores_the_signal_is_killed_all_the_same() {
    for script in ["trap '' SYS; uname", "trap 'echo handled' SYS; uname; exit 3"] {
        for action in [Action::KILL_PROCESS, Action::KILL_THREAD] {
            // exec keeps what is ignored.
            let policy = only(names::UNAME, Condition::always(), action);
            let ending = enforce(&policy, &["sh", "-c", &format!("{script}; kill -9 $$")]).ending;
            let expected = match script.contains("exit") {
                true => EXITED(3),
                false => Ending::Killed { signal: Signal::KILL },
            };
            assert_eq!(ending, expected, "{script}");
        }
        let policy = only(names::UNAME, Condition::always(), Action::KILL_PROCESS);
        let ending = enforce(&policy, &["sh", "-c", "trap '' SYS; exec uname"]).ending;
        assert_eq!(ending, SYS, "{script}");
    }
}

#[test]
fn a_filter_that_refuses_what_steers_it_is_enforced_too() {
    let arch = Arch::native().unwrap();
    let mut rules = ArchPolicy::new(Action::ALLOW);
    for name in [names::SECCOMP, names::PRCTL, names::UNAME] {
        rules.rule(arch.syscall(name).unwrap().nr, Condition::always(), Action::KILL_PROCESS);
    }
    let policy = Policy::builder(Action::ALLOW).arch(arch, rules).build().unwrap();
    let enforced = enforce(&policy, &["uname"]);
    assert_eq!((enforced.ending, enforced.refused.len()), (SYS, 1));
}

#[test]
fn conditions_decide_by_what_the_call_was_made_with() {
    let create = Comparison::low32(Field::Arg0, u32::MAX, Operator::Eq, 16);
    let policy = only(names::SOCKET, create.into(), Action::errno(97).unwrap());
    let script = "import socket\n\
                  socket.socket(socket.AF_UNIX)\n\
                  try: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)\n\
                  except OSError as e: exit(e.errno)";
    let enforced = enforce(&policy, &["python3", "-c", script]);
    assert_eq!(enforced.ending, EXITED(97));
    let [(call, ..)] = &enforced.refused[..] else { panic!("{:?}", enforced.refused) };
    assert_eq!(call.args[0], 16);
}

#[test]
fn what_the_command_leaves_behind_is_enforced_as_well() {
    let policy = only(names::UNAME, Condition::always(), Action::errno(1).unwrap());
    let enforced =
        enforce(&policy, &["sh", "-c", "(sleep 0.1; uname; uname) 2>/dev/null & exit 4"]);
    assert_eq!((enforced.ending, enforced.refused.len()), (EXITED(4), 2));
}

#[test]
fn a_trap_looks_to_its_handler_as_the_kernels() {
    let program = Compiled::new("trap", include_str!("trap.c"));
    // Before this thread holds its signals back.
    let plain = Process::new(&program.file).arg("alone").status().unwrap();
    assert_eq!(plain.code(), Some(0), "the program tests nothing");
    let policy = only(names::GETPPID, Condition::always(), Action::trap(513));
    let enforced = enforce(&policy, &[&program.file]);
    // What the program checks is what the kernel's own trap sends.
    assert_eq!((enforced.ending, enforced.refused.len()), (EXITED(0), 3));
}

#[test]
fn the_callers_functions_are_named_from_the_inside_out() {
    let source = "#include <sys/syscall.h>\n#include <unistd.h>\n\
        __attribute__((noinline)) int inner(int i) { return syscall(SYS_getppid, i) + 1; }\n\
        __attribute__((noinline)) int middle(int i) { return inner(i) + 1; }\n\
        int main(void) { return middle(1) + 1; }\n";
    let program = Compiled::new("caller", source);
    let errno = Action::errno(1).unwrap();
    let enforced = enforce(&only(names::GETPPID, Condition::always(), errno), &[&program.file]);
    let [(.., caller)] = &enforced.refused[..] else { panic!("{:?}", enforced.refused) };
    let name = |frame: &Frame| frame.symbol.as_ref().map(|(name, _)| name.clone());
    let called: Vec<_> = caller.iter().filter_map(name).collect();
    assert_eq!(called[..4], ["syscall", "inner", "middle", "main"], "{caller:?}");
    assert!(caller[0].file.as_ref().unwrap().contains("libc"), "{caller:?}");
    assert_eq!(caller[1].file.as_deref(), Some(&*program.file));
}

/// A program in C, compiled.
struct Compiled {
    folder: PathBuf,
    file: String,
}

impl Compiled {
    fn new(name: &str, text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("callgate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (source, file) = (folder.join("source.c"), folder.join(name));
        std::fs::write(&source, text).unwrap();
        let flags = ["-O1", "-fno-optimize-sibling-calls", "-o"];
        let compiled = Process::new("cc").args(flags).arg(&file).arg(&source).status();
        assert!(compiled.unwrap().success());
        Self { folder, file: file.to_str().unwrap().to_owned() }
    }
}

impl Drop for Compiled {
    fn drop(&mut self) {
        // A test that failed has its own message.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
