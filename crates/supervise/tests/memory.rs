//! The memory of the calling process, at its edges.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs::File;
use std::os::fd::AsRawFd;

use callgate_kernel::child::{Call, Outcome, Restart, Target};
use callgate_kernel::{Interruption, Options, Scope, load};
use callgate_supervise::{Delivery, Failure, Listener, Seen, Value};
use callgate_syscalls::{Errno, names};
use support::{handing_over, next_call, number};

/// A process that makes one call with these arguments, which are addresses of this process's
/// memory: it has a copy.
fn pointing(args: [u64; 6]) -> (Listener, Target) {
    let call = Call::new(number(names::GETPPID)).with_args(args);
    let program = handing_over(&[names::GETPPID]);
    let mut target =
        Target::start(&program, Interruption::fewest(), Restart::Never, &[call]).unwrap();
    (Listener::new(target.listener().unwrap()).unwrap(), target)
}

fn address<T: ?Sized>(of: &T) -> u64 {
    std::ptr::from_ref(of).cast::<u8>().addr() as u64
}

#[test]
fn what_was_there_at_the_fork_is_read() {
    let text = *b"a string of some length\0";
    let number = 0x0123_4567_89ab_cdef_u64;
    let (listener, target) = pointing([address(&text), address(&number), 8, 0, u64::MAX, 0]);
    let call = next_call(&listener).examine();
    let memory = call.memory();
    assert_eq!(memory.bytes(call.pointer(1)), Ok(Seen::Value(number.to_ne_bytes())));
    let whole = c"a string of some length".to_owned();
    for (limit, expected) in [(23, None), (24, Some(whole.clone())), (25, Some(whole)), (0, None)] {
        assert_eq!(memory.c_string(call.pointer(0), limit), Ok(Seen::Value(expected)), "{limit}");
    }
    for bad in [2, 3, 4] {
        assert_eq!(memory.bytes::<1>(call.pointer(bad)), Ok(Seen::Fault), "{bad}");
        assert_eq!(memory.c_string(call.pointer(bad), 10), Ok(Seen::Fault), "{bad}");
        assert_eq!(memory.write(call.pointer(bad), b"x"), Ok(Seen::Fault), "{bad}");
    }
    assert_eq!(memory.read(u64::MAX, &mut []), Ok(Seen::Value(())), "nothing is everywhere");
    assert_eq!(call.fail(Failure::EFAULT), Ok(Delivery::Delivered));
    assert_eq!(target.outcomes().unwrap(), [Outcome::Errno(Errno::new(14))]);
}

#[test]
fn long_strings_are_pieced_together() {
    let mut text = vec![b'x'; 5_000];
    text.push(0);
    // Wherever the pieces begin.
    for start in [0, 1, 255, 256, 257, 4_743, 4_744, 4_745, 5_000] {
        let (listener, target) = pointing([address(&text[start]), 0, 0, 0, 0, 0]);
        let call = next_call(&listener).examine();
        let Ok(Seen::Value(Some(read))) = call.memory().c_string(call.pointer(0), 5_001) else {
            panic!("{start}");
        };
        assert_eq!(read.to_bytes(), &text[start..5_000], "{start}");
        let _delivery = call.succeed(Value::ZERO);
        target.outcomes().unwrap();
    }
}

#[test]
fn a_string_may_end_where_the_memory_does() {
    // The last mapping below the end of what a process can have is the stack or above it: its end
    // is a known edge.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let stack = maps.lines().find(|line| line.ends_with("[stack]")).unwrap();
    let end = stack.split(['-', ' ']).nth(1).unwrap();
    let end = u64::from_str_radix(end, 16).unwrap();
    let (listener, target) = pointing([end - 9, end - 8, 0, 0, 0, 0]);
    let call = next_call(&listener).examine();
    // The kernel leaves eight zeroes there, behind the name of the program.
    assert_eq!(call.memory().bytes::<8>(call.pointer(1)), Ok(Seen::Value([0; 8])));
    assert_eq!(call.memory().bytes::<9>(call.pointer(1)), Ok(Seen::Fault));
    let text = call.memory().c_string(call.pointer(1), 4_096);
    assert_eq!(text, Ok(Seen::Value(Some(c"".into()))));
    let _delivery = call.succeed(Value::ZERO);
    target.outcomes().unwrap();
}

#[test]
fn what_is_written_is_the_processs_own_memory() {
    let place = [0_u8; 8];
    // A call that is made, to show what the process then has there: it writes those bytes to a
    // pipe.
    let (mut reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
    let descriptor = u64::try_from(writer.as_raw_fd()).unwrap();
    let show = Call::new(number(names::WRITE)).with_args([descriptor, address(&place), 8, 0, 0, 0]);
    let ask = Call::new(number(names::GETPPID)).with_args([address(&place), 0, 0, 0, 0, 0]);
    let program = handing_over(&[names::GETPPID]);
    let mut target =
        Target::start(&program, Interruption::fewest(), Restart::Never, &[ask, show]).unwrap();
    let listener = Listener::new(target.listener().unwrap()).unwrap();
    let call = next_call(&listener).examine();
    assert_eq!(call.memory().write(call.pointer(0), b"written!"), Ok(Seen::Value(())));
    let _delivery = call.succeed(Value::ZERO);
    let mut shown = [0; 8];
    std::io::Read::read_exact(&mut reader, &mut shown).unwrap();
    assert_eq!((&shown, place), (b"written!", [0; 8]));
    assert_eq!(target.outcomes().unwrap(), [Outcome::Returned(0), Outcome::Returned(8)]);
}

#[test]
fn descriptors_are_the_processs_own() {
    let file = File::open("/dev/null").unwrap();
    let number = u64::try_from(file.as_raw_fd()).unwrap();
    let (listener, target) = pointing([number, 1_000_000, u64::from(u32::MAX), 0, 0, 0]);
    drop(file);
    let call = next_call(&listener).examine();
    let argument = |index: usize| u32::try_from(call.call().args[index]).unwrap();
    let Ok(Seen::Value(copy)) = call.descriptor(argument(0)) else { panic!("none") };
    let link = std::fs::read_link(format!("/proc/self/fd/{}", copy.as_raw_fd())).unwrap();
    assert_eq!(link.to_str(), Some("/dev/null"));
    assert!(matches!(call.descriptor(argument(1)), Ok(Seen::Fault)));
    assert!(matches!(call.descriptor(argument(2)), Ok(Seen::Fault)));
    let _delivery = call.succeed(Value::ZERO);
    target.outcomes().unwrap();
}

/// A sandbox that has no process_vm_readv(2), such as an old container's: the memory is read as a
/// file.
#[test]
fn memory_is_read_without_the_call_for_it_too() {
    let text = *b"the other way\0";
    let (listener, target) = pointing([address(&text), 8, u64::MAX, 0, 0, 0]);
    let supervisor = callgate_kernel::child::run(|| {
        let refusing = support::answering(&[names::PROCESS_VM_READV], Errno::ENOSYS.action());
        load(&refusing, Scope::ThisThread, &Options::default()).unwrap();
        let call = next_call(&listener).examine();
        let read = call.memory().c_string(call.pointer(0), 20);
        assert_eq!(read, Ok(Seen::Value(Some(c"the other way".into()))));
        assert_eq!(call.memory().bytes::<1>(call.pointer(1)), Ok(Seen::Fault));
        assert_eq!(call.memory().bytes::<1>(call.pointer(2)), Ok(Seen::Fault));
        u8::from(call.succeed(Value::from(5)) != Ok(Delivery::Delivered))
    });
    assert_eq!(supervisor, Ok(callgate_kernel::child::Ending::Exited { code: 0 }));
    assert_eq!(target.outcomes().unwrap(), [Outcome::Returned(5)]);
}
