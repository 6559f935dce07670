//! What the tests share: rules and verdicts in short.
#![allow(dead_code, reason = "each test file uses its part")]

use callgate_policy::{Action, Arch, SeccompData, SyscallNr};
use callgate_scmp::{ArgCmp, Capabilities, Context, Error, Exactness, Number, Token};

pub(crate) const KERNEL: Capabilities = Capabilities::ALL;
pub(crate) const KILL: Action = Action::KILL_THREAD;
pub(crate) const ALLOW: Action = Action::ALLOW;
pub(crate) const TRAP: Action = Action::trap(0);
pub(crate) const E1: Action = Action::from_raw(0x0005_0001);
pub(crate) const E2: Action = Action::from_raw(0x0005_0002);
pub(crate) const E3: Action = Action::from_raw(0x0005_0003);
/// The lowest value with a bit in the high half.
pub(crate) const H: u64 = 1 << 32;
/// The syscall that most rules are about; it has this number on x86_64, and 54 on x86.
pub(crate) const IOCTL: i32 = 16;

pub(crate) const fn cmp(arg: u32, op: u32, datum_a: u64, datum_b: u64) -> ArgCmp {
    ArgCmp { arg, op, datum_a, datum_b }
}
pub(crate) const fn ne(arg: u32, value: u64) -> ArgCmp {
    cmp(arg, 1, value, 0)
}
pub(crate) const fn lt(arg: u32, value: u64) -> ArgCmp {
    cmp(arg, 2, value, 0)
}
pub(crate) const fn le(arg: u32, value: u64) -> ArgCmp {
    cmp(arg, 3, value, 0)
}
pub(crate) const fn eq(arg: u32, value: u64) -> ArgCmp {
    cmp(arg, 4, value, 0)
}
pub(crate) const fn ge(arg: u32, value: u64) -> ArgCmp {
    cmp(arg, 5, value, 0)
}
pub(crate) const fn gt(arg: u32, value: u64) -> ArgCmp {
    cmp(arg, 6, value, 0)
}
pub(crate) const fn masked(arg: u32, mask: u64, value: u64) -> ArgCmp {
    cmp(arg, 7, mask, value)
}

/// A context of one architecture with the default action KILL, written with x86_64's numbers.
pub(crate) fn context(arch: Arch) -> Context {
    let mut context = Context::new(Arch::X86_64, KILL, &KERNEL).unwrap();
    if arch != Arch::X86_64 {
        context.arch_remove(Token::NATIVE).unwrap();
        context.arch_add(Token::of(arch)).unwrap();
    }
    context
}

pub(crate) fn add(
    context: &mut Context,
    action: Action,
    number: i32,
    comparisons: &[ArgCmp],
) -> Result<(), Error> {
    let number = Number::new(number);
    context.rule_add(action, number, comparisons, Exactness::Adapted, &KERNEL)
}

pub(crate) fn add_exact(
    context: &mut Context,
    action: Action,
    number: i32,
    comparisons: &[ArgCmp],
) -> Result<(), Error> {
    context.rule_add(action, Number::new(number), comparisons, Exactness::Exact, &KERNEL)
}

/// What the proved program does with a call; the policy and the exported bytes must say the same.
pub(crate) fn verdict(context: &mut Context, arch: Arch, nr: u32, args: &[u64]) -> Action {
    let mut six = [0; 6];
    six[..args.len()].copy_from_slice(args);
    let call = SeccompData::new(arch, SyscallNr::new(nr)).with_args(six);
    let meant = context.policy().unwrap().decide(&call);
    let endian = context.endian().unwrap();
    let verified = context.precompute().unwrap();
    assert_eq!(verified.program().run(&call, endian), meant, "{call:?}");
    meant
}
