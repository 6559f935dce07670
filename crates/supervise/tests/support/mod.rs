//! What the tests of this crate share: processes under a filter that hands some of their calls
//! over.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this runs in tests only")]

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use callgate_bpf::{Instruction, Program};
use callgate_kernel::child::{self, Child, Ending};
use callgate_kernel::notify::handover;
use callgate_kernel::{Interruption, Options, Scope, load_with_listener};
use callgate_supervise::{Event, Fresh, Listener, Notification};
use callgate_syscalls::{Action, Arch, Name, SyscallNr};

/// The number of a syscall on this machine.
pub(crate) fn number(name: Name) -> SyscallNr {
    Arch::native().unwrap().syscall(name).unwrap().nr
}

/// A program that hands these calls over and allows all others.
pub(crate) fn handing_over(names: &[Name]) -> Program {
    answering(names, Action::USER_NOTIFY)
}

/// A program that answers these calls with an action and allows all others.
pub(crate) fn answering(names: &[Name], action: Action) -> Program {
    let mut instructions = vec![Instruction::new(0x20, 0)];
    for &name in names {
        instructions.push(Instruction { code: 0x15, jt: 0, jf: 1, k: number(name).raw() });
        instructions.push(Instruction::new(0x06, action.raw()));
    }
    instructions.push(Instruction::new(0x06, Action::ALLOW.raw()));
    Program::new(instructions).unwrap()
}

/// Attaches such a program to this thread.
pub(crate) fn attach(names: &[Name]) -> Listener {
    let (options, interruption) = (Options::default(), Interruption::fewest());
    let program = handing_over(names);
    let listener = load_with_listener(&program, Scope::ThisThread, &options, interruption);
    Listener::new(listener.unwrap()).unwrap()
}

/// Runs a closure in a child under such a program, whose listener comes over a socket.
pub(crate) fn supervised(names: &[Name], closure: impl FnOnce() -> u8) -> (Listener, Child) {
    let (here, there) = UnixStream::pair().unwrap();
    let child = child::start(|| {
        let listener = attach(names);
        handover::send(there.as_fd(), b"L", listener.as_fd()).unwrap();
        drop(listener);
        closure()
    });
    let mut message = handover::receive(here.as_fd(), &mut [0; 1]).unwrap();
    (Listener::new(message.descriptors.remove(0)).unwrap(), child.unwrap())
}

/// The next event, which must be a call.
#[track_caller]
pub(crate) fn next_call(listener: &Listener) -> Notification<'_, Fresh> {
    match listener.receive().unwrap() {
        Event::Call(call) => call,
        event => panic!("{event:?}"),
    }
}

/// The next event, which must be the last.
#[track_caller]
pub(crate) fn assert_ended(listener: &Listener) {
    let event = listener.receive().unwrap();
    assert!(matches!(event, Event::Ended), "{event:?}");
}

/// Waits for a child, which must exit with 0.
#[track_caller]
pub(crate) fn assert_succeeds(child: Child) {
    assert_eq!(child.wait(), Ok(Ending::Exited { code: 0 }), "the child said why");
}
