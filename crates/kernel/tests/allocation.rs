//! A load allocates nothing, in success and in failure: it can be made after a fork, when another
//! thread may have held the allocator's lock.
#![expect(clippy::unwrap_used, reason = "also what the tests share may panic")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::CString;
use std::fs;
use std::hint::black_box;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use callgate_kernel::child::{self, Ending};
use callgate_kernel::{Command, Error, Interruption, Options, Scope, load, load_with_listener};

use support::{ALLOW, NOTIFY, allow_all, in_child, one_call};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

/// The one process that may allocate, if it is not 0; others abort when they do.
static ALONE: AtomicU32 = AtomicU32::new(0);

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let alone = ALONE.load(Ordering::Relaxed);
        if alone != 0 && alone != std::process::id() {
            std::process::abort();
        }
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's obligations are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's obligations are the system allocator's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(action: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    action();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

#[test]
fn the_counter_counts() {
    in_child(|| assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1));
}

#[test]
fn loads_allocate_nothing() {
    let (program, options) = (allow_all(4096), Options::default());
    in_child(|| {
        for scope in [Scope::ThisThread, Scope::AllThreads, Scope::BeforeExec] {
            let mut result = Err(Error::NoCommand);
            let count = allocations(|| result = load(&program, scope, &options));
            assert_eq!((count, result), (0, Ok(())), "{scope:?}");
        }
    });
}

#[test]
fn refusals_allocate_nothing() {
    let program = one_call(callgate_syscalls::names::GETPPID, NOTIFY, ALLOW);
    let (long, options) = (allow_all(4096), Options::default());
    in_child(|| {
        let mut results = [Ok(()), Ok(())];
        let count = allocations(|| {
            let load = || {
                load_with_listener(&program, Scope::AllThreads, &options, Interruption::AnySignal)
            };
            let first = load();
            results[0] = load().map(drop);
            drop(first);
            while results[1].is_ok() {
                results[1] = load_long(&long, &options);
            }
        });
        assert_eq!(count, 0);
        assert_eq!(results[0], Err(Error::ListenerExists));
        assert!(matches!(results[1], Err(Error::FiltersTooLong { filters: 1.. })), "{results:?}");
    });
}

fn load_long(program: &callgate_bpf::Program, options: &Options) -> Result<(), Error> {
    load(program, Scope::ThisThread, options)
}

/// A file that was executable and is no program, so that only execve(2) finds out.
fn no_program() -> (PathBuf, Command) {
    let name =
        format!("callgate-no-program-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, "no program").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let argv = vec![CString::new(path.as_os_str().as_bytes()).unwrap()];
    (path, Command::resolve(argv, vec![], None).unwrap())
}

/// Under a filter an allocation may take a call that is refused, or kills.
#[test]
fn a_command_that_cannot_be_executed_is_reported_without_allocation() {
    let (path, command) = no_program();
    let ending = child::run(|| {
        ALONE.store(1, Ordering::Relaxed);
        command.replace()
    });
    fs::remove_file(path).unwrap();
    assert_eq!(ending, Ok(Ending::Exited { code: 126 }));
}

/// Another thread may have held the allocator's lock, and the C library does not know of this kind
/// of fork.
#[test]
fn the_child_of_a_supervised_command_allocates_nothing() {
    let (path, command) = no_program();
    let program = one_call(callgate_syscalls::names::GETPPID, NOTIFY, ALLOW);
    // In a process of its own, because the other tests of this one allocate and fork.
    let ending = child::run(|| {
        ALONE.store(std::process::id(), Ordering::Relaxed);
        let spawned =
            command.spawn_supervised(&program, &Options::default(), Interruption::AnySignal);
        match spawned.and_then(|supervised| supervised.child.wait()) {
            Ok(Ending::Exited { code }) => code,
            _ => 98,
        }
    });
    fs::remove_file(path).unwrap();
    assert_eq!(ending, Ok(Ending::Exited { code: 126 }));
}
