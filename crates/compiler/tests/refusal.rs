//! Every allocation of a compilation is refused in turn, alone or with all behind it: an error, and
//! nothing else.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate_compiler::{Error, compile, compile_parted};
use callgate_lab::refusing::{Refusing, grant, grant_all, largest_request, refuse_alone};
use callgate_policy::{
    Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy, SyscallNr,
};
use callgate_testkit::{Rng, policy};

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

/// Refuses every allocation of a function in turn; says how many there are.
fn refuse_each<T>(alone: bool, function: impl Fn() -> Result<T, Error>) -> usize {
    for count in 0.. {
        let refuse = if alone { refuse_alone } else { grant };
        refuse(count);
        let result = function();
        let was_refused = grant_all();
        match result {
            Err(Error::OutOfMemory) => assert!(was_refused, "{count}"),
            Ok(_) | Err(_) => {
                assert!(count > 0, "no allocation was refused");
                return count;
            }
        }
    }
    unreachable!("some allocation is the last")
}

/// Rules of all kinds: a table, a diagram, and some that are tested as they are written.
fn shapes() -> Policy {
    let mut rules = ArchPolicy::new(Action::ALLOW);
    let refuse = Action::errno(1).unwrap();
    for value in 0..80 {
        let is = |field, value| Comparison::new(field, Operator::Eq, value).into();
        let pair = [is(Field::Arg0, value), is(Field::Arg1, 3 * value)];
        rules.rule(SyscallNr::new(1), Condition::all(pair).unwrap(), refuse);
        let above = Comparison::new(Field::Arg2, Operator::Gt, value << 30).into();
        let nested = [above, Condition::any([is(Field::Arg3, value), is(Field::Arg4, 1)]).unwrap()];
        rules.rule(
            SyscallNr::new(2 + u32::try_from(value % 9).unwrap()),
            Condition::all(nested).unwrap(),
            refuse,
        );
    }
    for bit in 0..30 {
        let set = |field| Comparison::masked(field, 1 << bit, Operator::Eq, 1 << bit).into();
        let both = Condition::all([set(Field::Arg0), set(Field::Arg1)]).unwrap();
        rules.rule(SyscallNr::new(20), both, refuse);
    }
    Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build().unwrap()
}

#[test]
fn any_refused_allocation_is_an_error() {
    let mut policies: Vec<Policy> = vec![shapes()];
    policies.extend((0..12).map(|seed| policy::policy(&mut Rng::with_seed(seed))));
    for (index, policy) in policies.iter().enumerate() {
        for alone in [false, true] {
            refuse_each(alone, || compile(policy));
            // Some of them are too long as they are written.
            let parted = || compile_parted(policy);
            let count = refuse_each(alone, parted);
            assert!(index > 0 || count > 100, "{count}");
        }
    }
}

/// What malloc(3) would ask the kernel for a mapping for.
const MAPPED: usize = 128 << 10;

#[test]
fn no_allocation_is_so_large_that_malloc_would_map_it() {
    let policy = shapes();
    let _before = largest_request();
    compile(&policy).unwrap();
    compile_parted(&policy).unwrap();
    let largest = largest_request();
    assert!(largest > 0 && largest < MAPPED, "{largest}");
}

#[test]
fn the_smallest_stack_suffices() {
    let thread = std::thread::Builder::new().stack_size(24 << 10);
    let compiled = thread.spawn(|| {
        let policy = shapes();
        compile(&policy).unwrap().len() + compile_parted(&policy).unwrap().program.len()
    });
    assert!(compiled.unwrap().join().unwrap() > 0);
}
