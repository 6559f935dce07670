//! Every allocation of a build is refused in turn, alone and with all behind it, whichever way the
//! proof goes: the error says so, or the program is the one there is with all memory.
//!
//! Claim: C-MEMORY
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate_build::{Built, Error, Proof, program};
use callgate_lab::refusing::{Refusing, grant, grant_all, refuse_alone};
use callgate_policy::{
    Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy, SyscallNr,
};

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

/// Syscalls with rules "bit k is set in both arguments": `lists` different lists.
fn masked(rules: u32, lists: u32) -> Policy {
    let mut list = ArchPolicy::new(Action::ALLOW);
    for nr in 0..2 * lists {
        for bit in 0..rules {
            let set = |field, bit: u32| {
                let bit = 1 << ((bit + nr % lists) % 32);
                Condition::from(Comparison::masked(field, bit, Operator::Eq, bit))
            };
            let both = Condition::all([set(Field::Arg0, bit), set(Field::Arg1, 5 * bit)]);
            list.rule(SyscallNr::new(nr), both.unwrap(), Action::errno(1).unwrap());
        }
    }
    Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, list).build().unwrap()
}

/// Builds with ever more allocations granted until nothing is refused; gives how many were.
fn refuse_each(policy: &Policy, refuse: fn(usize)) -> usize {
    let whole = program(policy).unwrap();
    for granted in 0.. {
        refuse(granted);
        let result: Result<Built, Error> = program(policy);
        let was_refused = grant_all();
        match result {
            Ok(built) => assert_eq!(built, whole, "after {granted}"),
            Err(error) => assert_eq!(error, Error::OutOfMemory, "after {granted}"),
        }
        if !was_refused {
            return granted;
        }
    }
    unreachable!()
}

#[test]
fn a_proof_in_pieces_without_memory_says_so() {
    let policy = masked(20, 2);
    let built = program(&policy).unwrap();
    assert!(matches!(built.proof(), Proof::Pieces { pieces, .. } if *pieces > 4), "{built:?}");
    for refuse in [grant, refuse_alone] {
        let refusals = refuse_each(&policy, refuse);
        assert!(refusals > 300, "{refusals}");
    }
}

#[test]
fn a_proof_of_the_whole_without_memory_says_so() {
    let policy = masked(5, 1);
    let built = program(&policy).unwrap();
    assert!(matches!(built.proof(), Proof::Whole(_)), "{built:?}");
    for refuse in [grant, refuse_alone] {
        let refusals = refuse_each(&policy, refuse);
        assert!(refusals > 50, "{refusals}");
    }
}
