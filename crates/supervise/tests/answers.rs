//! Every answer reaches the call that waits for it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::parent_id;

use callgate_supervise::{Added, Delivery, Event, Excuse, Failure, OnExec, Placement, Seen, Value};
use callgate_syscalls::names;
use support::{assert_ended, assert_succeeds, next_call, supervised};

/// A directory that can't be made.
const NOWHERE: &str = "/nonexistent/directory";

#[test]
fn each_answer_is_the_calls_result() {
    let (listener, child) = supervised(&[names::MKDIR], || {
        let mkdir = || fs::create_dir(NOWHERE).map_err(|error| error.raw_os_error().unwrap());
        assert_eq!(mkdir(), Err(libc::EACCES));
        assert_eq!(mkdir(), Ok(()));
        assert_eq!(mkdir(), Err(libc::ENOENT), "made by the kernel");
        assert_eq!(mkdir(), Err(libc::ENOENT), "made by the kernel, after a look");
        assert_eq!(mkdir(), Err(libc::ENOSYS), "dropped");
        assert_eq!(mkdir(), Err(libc::ENOSYS), "dropped after a look");
        0
    });
    let delivered = Ok(Delivery::Delivered);
    assert_eq!(next_call(&listener).fail(Failure::EACCES), delivered);
    assert_eq!(next_call(&listener).succeed(Value::ZERO), delivered);
    assert_eq!(next_call(&listener).proceed(), delivered);
    let looked = next_call(&listener).examine();
    assert_eq!(looked.proceed_despite(Excuse::OnlyWatched), delivered);
    drop(next_call(&listener));
    drop(next_call(&listener).examine());
    assert_ended(&listener);
    assert_succeeds(child);
}

#[test]
fn values_are_returned_as_they_are() {
    let (listener, child) = supervised(&[names::GETPPID], || {
        assert_eq!(parent_id(), 4242);
        assert_eq!(parent_id(), 0x7fff_ffff);
        0
    });
    for value in [4242, 0x7fff_ffff] {
        let call = next_call(&listener);
        assert_eq!(call.caller(), Some(child.id()));
        assert_eq!(call.still_waits(), Ok(true));
        assert_eq!(call.succeed(Value::from(value)), Ok(Delivery::Delivered));
    }
    assert_ended(&listener);
    assert_succeeds(child);
}

#[test]
fn a_path_is_read_and_a_file_given() {
    let (listener, child) = supervised(&[names::OPENAT], || {
        let mut text = String::new();
        File::open("/virtual/greeting").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "callgate-supervise\n");
        0
    });
    let call = next_call(&listener).examine();
    let path = call.memory().c_string(call.pointer(1), 4096).unwrap();
    assert_eq!(path, Seen::Value(Some(c"/virtual/greeting".into())));

    let path = std::env::temp_dir().join(format!("callgate-supervise-{}", std::process::id()));
    fs::write(&path, "callgate-supervise\n").unwrap();
    let file = File::open(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let added = call.add_fd(&file, Placement::At(77), OnExec::Close).unwrap();
    assert_eq!(added, Added::As(77));
    let delivery = call.answer_with_fd(&file, Placement::Lowest, OnExec::Close).unwrap();
    assert_eq!(delivery, Delivery::Delivered);
    assert_ended(&listener);
    assert_succeeds(child);
}

#[test]
fn a_call_whose_process_was_killed_is_gone() {
    let (listener, child) =
        supervised(&[names::GETPPID], || u8::try_from(parent_id()).unwrap_or(0));
    let call = next_call(&listener).examine();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(call.still_waits(), Ok(false));
    assert_eq!(call.memory().bytes::<4>(call.pointer(0)), Ok(Seen::Gone));
    assert_eq!(call.add_fd(&listener, Placement::Lowest, OnExec::Close), Ok(Added::Gone));
    assert_eq!(call.fail(Failure::EPERM), Ok(Delivery::Gone));
    assert!(matches!(listener.into_pollable().try_next(), Ok(Some(Event::Ended))));
}
