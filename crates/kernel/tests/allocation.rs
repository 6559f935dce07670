//! A load allocates nothing, in success and in failure: it can be made after a fork, when another thread may have
//! held the allocator's lock.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};

use callgate_kernel::{Error, Interruption, Options, Scope, load, load_with_listener};

use support::{ALLOW, NOTIFY, allow_all, in_child, one_call};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
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
