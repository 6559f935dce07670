//! Every allocation of a context's life is refused in turn: the error says so, and the context is
//! as it was.

use callgate_lab::refusing::{Refusing, grant, grant_all};
use callgate_scmp::{ArgCmp, Attribute, Capabilities, Context, Error, Exactness, Number, Token};
use callgate_syscalls::{Action, Arch};

#[global_allocator]
static ALLOCATOR: Refusing = Refusing;

/// Makes a call with ever more allocations granted until it succeeds. Before that it fails for the
/// one reason, and so often is the context asked whether it is as it was.
fn until_granted<T>(
    context: &mut Context,
    call: impl Fn(&mut Context) -> Result<T, Error>,
    refusals: &mut usize,
) -> T {
    let before = context.export_pfc();
    assert!(before.is_ok());
    for allocations in 0.. {
        grant(allocations);
        let result = call(context);
        grant_all();
        match result {
            Ok(value) => return value,
            Err(error) => assert_eq!(error, Error::OutOfMemory, "after {allocations}"),
        }
        *refusals += 1;
        assert_eq!(context.export_pfc(), before, "after {allocations}");
    }
    unreachable!()
}

const fn cmp(arg: u32, op: u32, datum_a: u64, datum_b: u64) -> ArgCmp {
    ArgCmp { arg, op, datum_a, datum_b }
}

#[test]
fn a_call_without_memory_changes_nothing_and_says_why() {
    let kernel = Capabilities::ALL;
    let mut context = Context::new(Arch::X86_64, Action::ALLOW, &kernel).unwrap();
    let mut refusals = 0;
    let refusals = &mut refusals;
    for arch in [Arch::X86, Arch::X32] {
        until_granted(&mut context, |c| c.arch_add(Token::of(arch)), refusals);
    }
    let add = |number: i32, list: Vec<ArgCmp>| {
        move |context: &mut Context| {
            let (action, number) = (Action::KILL_PROCESS, Number::new(number));
            context.rule_add(action, number, &list, Exactness::Adapted, &kernel)
        }
    };
    for value in 0..12 {
        let mixed = vec![cmp(0, 7, 1 << value, 1 << value), cmp(1, 6, value << 30, 0)];
        until_granted(&mut context, add(16, mixed), refusals);
        until_granted(&mut context, add(41, vec![cmp(1, 4, value, 0)]), refusals);
    }
    // This one makes others redundant, this one makes all redundant, and these have no number.
    until_granted(&mut context, add(41, vec![cmp(0, 1, 5, 0)]), refusals);
    until_granted(&mut context, add(2, vec![]), refusals);
    until_granted(&mut context, add(-10_207, vec![]), refusals);
    until_granted(&mut context, |c| c.syscall_priority(Number::new(7), 9), refusals);
    until_granted(&mut context, Context::transaction_start, refusals);
    until_granted(&mut context, add(16, vec![]), refusals);
    context.transaction_reject();
    until_granted(&mut context, |c| c.precompute().map(drop), refusals);
    until_granted(&mut context, |c| c.export_bpf().map(drop), refusals);
    for level in [1, 2] {
        context.attr_set(Attribute::CtlOptimize, level, &kernel).unwrap();
        until_granted(&mut context, |c| c.export_pfc().map(drop), refusals);
    }
    let merges = |context: &mut Context| {
        let mut other = Context::new(Arch::Aarch64, Action::ALLOW, &kernel)?;
        context.merge(&mut other)
    };
    until_granted(&mut context, merges, refusals);
    assert!(*refusals > 200, "{refusals}");
}
