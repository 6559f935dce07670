//! Transactions, priorities and the precomputed program.
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

mod support;

use callgate_policy::Arch;
use callgate_scmp::{Attribute, Number, Token};
use support::{ALLOW, E1, IOCTL, KERNEL, TRAP, add, context, eq, verdict};

#[test]
fn rejecting_restores_rules_priorities_architectures_and_byte_order() {
    let mut context = context(Arch::X86_64);
    add(&mut context, ALLOW, IOCTL, &[eq(0, 1)]).unwrap();
    context.syscall_priority(Number::new(IOCTL), 7).unwrap();
    let before = context.export_pfc();
    context.transaction_start().unwrap();
    context.arch_remove(Token::NATIVE).unwrap();
    context.arch_add(Token::of(Arch::S390x)).unwrap();
    context.syscall_priority(Number::new(1), 9).unwrap();
    add(&mut context, TRAP, 1, &[]).unwrap();
    context.transaction_reject();
    assert_eq!(context.export_pfc(), before);
    assert_eq!(context.arch_add(Token::of(Arch::X86)), Ok(()));
}

#[test]
fn an_inner_commit_is_undone_by_an_outer_reject() {
    let mut context = context(Arch::X86_64);
    let empty = context.export_pfc();
    context.transaction_start().unwrap();
    context.transaction_start().unwrap();
    add(&mut context, ALLOW, 1, &[]).unwrap();
    context.transaction_commit().unwrap();
    assert_eq!(verdict(&mut context, Arch::X86_64, 1, &[]), ALLOW);
    context.transaction_reject();
    assert_eq!(context.export_pfc(), empty);
}

#[test]
fn without_a_transaction_commit_and_reject_do_nothing() {
    let mut context = context(Arch::X86_64);
    add(&mut context, ALLOW, 1, &[]).unwrap();
    let before = context.export_pfc();
    context.transaction_reject();
    context.transaction_commit().unwrap();
    context.transaction_reject();
    assert_eq!(context.export_pfc(), before);
}

#[test]
fn a_failing_rule_keeps_architectures_that_were_added_since_the_last_one() {
    let mut context = context(Arch::X86_64);
    add(&mut context, ALLOW, IOCTL, &[eq(0, 1)]).unwrap();
    context.arch_add(Token::of(Arch::X86)).unwrap();
    context.syscall_priority(Number::new(IOCTL), 3).unwrap();
    let before = context.export_pfc();
    add(&mut context, TRAP, IOCTL, &[eq(0, 1)]).unwrap_err();
    assert_eq!(context.export_pfc(), before);
    context.transaction_start().unwrap();
    context.transaction_reject();
    assert_eq!(context.arches().collect::<Vec<_>>(), [Arch::X86_64, Arch::X86]);
}

#[test]
fn priorities_rise_only_and_survive_rules() {
    let priority = |context: &callgate_scmp::Context| {
        let text = context.export_pfc().unwrap();
        let (_, rest) = text.split_once("[priority: ").unwrap();
        rest.split_once(']').unwrap().0.parse::<u32>().unwrap()
    };
    let mut context = context(Arch::X86_64);
    context.syscall_priority(Number::new(IOCTL), 10).unwrap();
    context.syscall_priority(Number::new(IOCTL), 4).unwrap();
    assert!(!context.export_pfc().unwrap().contains("priority"));
    add(&mut context, ALLOW, IOCTL, &[eq(0, 1), eq(1, 1)]).unwrap();
    assert_eq!(priority(&context), 720_891);
    // The shorter rule makes the other redundant.
    add(&mut context, ALLOW, IOCTL, &[eq(1, 1)]).unwrap();
    assert_eq!(priority(&context), 10 * 65_536 + 65_533);
    add(&mut context, E1, IOCTL, &[]).unwrap();
    assert_eq!(priority(&context), 10 * 65_536 + 65_535);
}

#[test]
fn the_program_is_kept_until_something_changes() {
    let mut context = context(Arch::X86_64);
    let fresh = |context: &mut callgate_scmp::Context| {
        context.precompute().unwrap();
        assert!(context.precomputed().is_some());
    };
    fresh(&mut context);
    context.attr_set(Attribute::CtlLog, 1, &KERNEL).unwrap();
    context.attr_set(Attribute::CtlNnp, 1, &KERNEL).unwrap();
    context.transaction_start().unwrap();
    assert!(context.precomputed().is_some());
    for (what, change) in [
        ("rule", (|c| add(c, ALLOW, 1, &[])) as fn(&mut callgate_scmp::Context) -> _),
        ("priority", |c| c.syscall_priority(Number::new(1), 1)),
        ("added", |c| c.arch_add(Token::of(Arch::X86))),
        ("removed", |c| c.arch_remove(Token::of(Arch::X86))),
        ("bad arch", |c| c.attr_set(Attribute::ActBadArch, TRAP.raw(), &KERNEL)),
        ("tskip", |c| c.attr_set(Attribute::ApiTskip, 1, &KERNEL)),
        ("merge", |c| c.merge(&mut support::context(Arch::X32))),
        ("reject", |c| {
            c.transaction_reject();
            Ok(())
        }),
        ("reset", |c| c.reset(TRAP, &KERNEL)),
    ] {
        fresh(&mut context);
        change(&mut context).unwrap();
        assert!(context.precomputed().is_none(), "{what}");
    }
}

#[test]
fn rejecting_brings_back_the_last_architecture() {
    let mut context = context(Arch::X86_64);
    context.transaction_start().unwrap();
    context.arch_remove(Token::NATIVE).unwrap();
    context.transaction_reject();
    assert_eq!(context.arch_exist(Token::NATIVE), Ok(()));
}
