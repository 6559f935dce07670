//! Each way in which a listener comes to its supervisor, and what is none.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::thread;

use callgate_bpf::Program;
use callgate_kernel::child::{self, Ending};
use callgate_kernel::notify::handover::Process;
use callgate_kernel::{
    Command, Error as KernelError, Interruption, Options, Scope, load_with_listener,
};
use callgate_supervise::{Delivery, Error, Event, Listener, Value, WakeUp};
use callgate_syscalls::{Errno, names};
use support::{assert_ended, assert_succeeds, attach, handing_over, next_call};

#[test]
fn taken_by_pidfd() {
    let (mut here, there) = UnixStream::pair().unwrap();
    let child = child::start(|| {
        let listener = attach(&[names::GETPPID]);
        let number = listener.as_fd().as_raw_fd().to_ne_bytes();
        std::io::Write::write_all(&mut &there, &number).unwrap();
        // Kept until the supervisor has its copy.
        std::io::Read::read_exact(&mut &there, &mut [0]).unwrap();
        drop(listener);
        u8::from(parent_id() != 11)
    });
    let child = child.unwrap();
    let mut number = [0; 4];
    std::io::Read::read_exact(&mut here, &mut number).unwrap();
    let taken = Process::open(child.id()).unwrap().take(i32::from_ne_bytes(number)).unwrap();
    let listener = Listener::new(taken).unwrap();
    std::io::Write::write_all(&mut here, b".").unwrap();
    assert_eq!(next_call(&listener).succeed(Value::from(11)), Ok(Delivery::Delivered));
    assert_ended(&listener);
    assert_succeeds(child);
}

#[test]
fn shared_between_threads() {
    let ending = child::run(|| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let target = thread::spawn(move || {
            sender.send(attach(&[names::GETPPID])).unwrap();
            parent_id()
        });
        let listener = receiver.recv().unwrap();
        let _delivery = next_call(&listener).succeed(Value::from(12)).unwrap();
        assert_eq!(target.join().unwrap(), 12);
        assert_ended(&listener);
        0
    });
    assert_eq!(ending, Ok(Ending::Exited { code: 0 }));
}

fn spawn(program: &Program, words: &[&str]) -> Result<(Listener, child::Child), KernelError> {
    let words = words.iter().map(|word| std::ffi::CString::new(*word).unwrap()).collect();
    let command = Command::resolve_here(words)?;
    let interruption = Interruption::fewest();
    let supervised = command.spawn_supervised(program, &Options::default(), interruption)?;
    Ok((Listener::new(supervised.listener).unwrap(), supervised.child))
}

#[test]
fn shared_with_a_command_until_it_runs() {
    let script = "ls -l /proc/$$/fd | grep -q 'seccomp notify' && exit 1; exec test $PPID = 13";
    let (listener, child) = spawn(&handing_over(&[names::GETPPID]), &["sh", "-c", script]).unwrap();
    for call in listener.calls() {
        let _delivery = call.unwrap().succeed(Value::from(13)).unwrap();
    }
    assert_succeeds(child);
}

#[test]
fn even_the_execve_of_the_command_is_supervised() {
    let (listener, child) = spawn(&handing_over(&[names::EXECVE]), &["true"]).unwrap();
    let call = next_call(&listener).examine();
    let file = call.memory().c_string(call.pointer(0), 4096).unwrap();
    let callgate_supervise::Seen::Value(Some(file)) = file else { panic!("{file:?}") };
    assert!(file.to_bytes().ends_with(b"/true"), "{file:?}");
    let excuse = callgate_supervise::Excuse::OnlyWatched;
    assert_eq!(call.proceed_despite(excuse), Ok(Delivery::Delivered));
    assert_ended(&listener);
    assert_succeeds(child);

    let (listener, child) = spawn(&handing_over(&[names::EXECVE]), &["true"]).unwrap();
    let eacces = callgate_supervise::Failure::EACCES;
    assert_eq!(next_call(&listener).fail(eacces), Ok(Delivery::Delivered));
    assert_eq!(child.wait(), Ok(Ending::Exited { code: 126 }));
}

#[test]
fn what_the_kernel_refuses_the_child_is_explained_here() {
    let denying = support::answering(&[names::EXECVE], Errno::EPERM.action());
    let refused = spawn(&denying, &["true"]).unwrap_err();
    assert_eq!(refused, KernelError::CommandFiltered { action: Errno::EPERM.action() });

    let nested = child::run(|| {
        let _outer = attach(&[names::GETPPID]);
        let program = handing_over(&[names::GETPPID]);
        let refused = spawn(&program, &["true"]).map(|_| ());
        u8::from(refused != Err(KernelError::ListenerExists))
    });
    assert_eq!(nested, Ok(Ending::Exited { code: 0 }));
}

#[test]
fn a_second_listener_waits_for_the_end_of_the_first() {
    let ending = child::run(|| {
        let first = attach(&[names::GETPPID]);
        let program = handing_over(&[names::GETUID]);
        let second = || {
            let (options, interruption) = (Options::default(), Interruption::fewest());
            load_with_listener(&program, Scope::ThisThread, &options, interruption)
        };
        assert_eq!(second().unwrap_err(), KernelError::ListenerExists);
        drop(first);
        u8::from(second().is_err())
    });
    assert_eq!(ending, Ok(Ending::Exited { code: 0 }));
}

#[test]
fn what_is_no_listener_is_refused() {
    let file = File::open("/dev/null").unwrap();
    let refused = Listener::new(file.into()).unwrap_err();
    assert_eq!(refused, Error::NotAListener { errno: Errno::new(25) });
    let (socket, _other) = UnixStream::pair().unwrap();
    assert!(matches!(Listener::new(socket.into()), Err(Error::NotAListener { .. })));
}

#[test]
fn wake_up_is_synchronous_where_the_kernel_has_it() {
    let ending = child::run(|| {
        let listener = attach(&[names::GETPPID]);
        let kernel = callgate_kernel::running_kernel().unwrap();
        let has = kernel >= callgate_syscalls::KernelVersion::new(6, 6);
        assert_eq!(listener.wake_up() == WakeUp::Synchronous, has);
        let again = Listener::new(OwnedFd::from(listener)).unwrap();
        let nothing = again.into_pollable().try_next().map(|event| event.is_none());
        u8::from(nothing != Ok(true))
    });
    assert_eq!(ending, Ok(Ending::Exited { code: 0 }));
}

#[test]
fn the_end_is_seen_by_every_kind_of_listener() {
    let (listener, child) = support::supervised(&[names::GETPPID], || 0);
    assert_succeeds(child);
    assert_ended(&listener);
    let (never, _other) = UnixStream::pair().unwrap();
    assert!(matches!(listener.receive_unless(never.as_fd()), Ok(Some(Event::Ended))));
    assert!(listener.calls().next().is_none());
    let pollable = listener.into_pollable();
    assert!(matches!(pollable.try_next(), Ok(Some(Event::Ended))));
}
