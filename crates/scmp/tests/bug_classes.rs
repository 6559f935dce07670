//! Bugs that syscall filters have had, each with its smallest trigger.
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

mod support;

use callgate_policy::{Action, Arch};
use callgate_scmp::{Attribute, Context, Error, Number, Proof, Token};
use support::{
    ALLOW, E1, E2, E3, H, IOCTL, KERNEL, KILL, TRAP, add, context, eq, gt, le, lt, masked, verdict,
};

#[test]
fn a_merged_bound_loses_no_branch() {
    let mut context = context(Arch::X86_64);
    add(&mut context, E1, IOCTL, &[lt(0, 1)]).unwrap();
    add(&mut context, E2, IOCTL, &[lt(0, H + 1)]).unwrap();
    for (value, action) in [(0, E1), (1, E2), (H - 1, E2), (H, E2), (H + 1, KILL)] {
        assert_eq!(verdict(&mut context, Arch::X86_64, 16, &[value]), action, "{value:#x}");
    }
}

#[test]
fn a_program_that_no_kernel_accepts_is_an_error_and_leaves_the_rules_alone() {
    let mut context = context(Arch::X86_64);
    for value in 0..4_200_u64 {
        add(&mut context, ALLOW, IOCTL, &[eq(0, value * (H + 1))]).unwrap();
    }
    let error = context.export_bpf().unwrap_err();
    assert!(matches!(error, Error::TooLong { .. }), "{error:?}");
    assert_eq!(error.code(), -14);
    assert!(context.precomputed().is_none());
    assert_eq!(context.reset(KILL, &KERNEL), Ok(()));
    assert!(context.export_bpf().is_ok());
}

#[test]
fn the_longest_list_of_errnos_that_libseccomp_loads_is_exported() {
    let build = |rules: u16| {
        let mut context = context(Arch::X86_64);
        assert_eq!(context.reset(ALLOW, &KERNEL), Ok(()));
        for index in 0..rules {
            let errno = Action::errno(index + 1).unwrap();
            add(&mut context, errno, 2 * i32::from(index), &[]).unwrap();
        }
        context.export_bpf().map(|_| ())
    };
    assert_eq!(build(2_044), Ok(()));
    assert!(matches!(build(2_045), Err(Error::TooLong { .. })));
}

#[test]
fn order_of_64_bit_values_is_decided_by_the_high_half_first() {
    let bound = 5 * H + 5;
    for (rule, holds) in [
        (gt(0, bound), [false, false, false, true, true]),
        (support::ge(0, bound), [false, false, true, true, true]),
        (lt(0, bound), [true, true, false, false, false]),
        (le(0, bound), [true, true, true, false, false]),
    ] {
        let mut context = context(Arch::X86_64);
        add(&mut context, ALLOW, IOCTL, &[rule]).unwrap();
        let values = [4 * H + 9, bound - 1, bound, bound + 1, 6 * H + 1];
        for (value, holds) in values.into_iter().zip(holds) {
            let expected = if holds { ALLOW } else { KILL };
            let actual = verdict(&mut context, Arch::X86_64, 16, &[value]);
            assert_eq!(actual, expected, "{rule:?} of {value:#x}");
        }
    }
}

#[test]
fn no_value_of_a_long_list_is_lost() {
    let mut context = context(Arch::X86_64);
    let values: Vec<u64> = (1..=40).map(|n| n * 7 + (n % 3) * H).collect();
    for &value in &values {
        add(&mut context, ALLOW, 13, &[eq(0, value)]).unwrap();
    }
    for &value in &values {
        assert_eq!(verdict(&mut context, Arch::X86_64, 13, &[value]), ALLOW);
        assert_eq!(verdict(&mut context, Arch::X86_64, 13, &[value + 1]), KILL);
    }
}

#[test]
fn a_ladder_of_bounds_answers_with_the_largest() {
    let mut context = context(Arch::X86_64);
    let errno = |errno| Action::errno(errno).unwrap();
    for step in 5..=12 {
        add(&mut context, errno(step), 0, &[gt(2, 4 << step)]).unwrap();
    }
    add(&mut context, ALLOW, 0, &[le(2, 64)]).unwrap();
    for (value, action) in
        [(64, ALLOW), (128, KILL), (129, errno(5)), (8_000, errno(10)), (1 << 20, errno(12))]
    {
        assert_eq!(verdict(&mut context, Arch::X86_64, 0, &[0, 0, value]), action, "{value}");
    }
}

#[test]
fn a_context_without_rules_means_its_default_at_both_levels() {
    for level in [1, 2] {
        let mut context = Context::new(Arch::X86_64, ALLOW, &KERNEL).unwrap();
        context.attr_set(Attribute::CtlOptimize, level, &KERNEL).unwrap();
        assert_eq!(verdict(&mut context, Arch::X86_64, 1, &[]), ALLOW);
        assert_eq!(verdict(&mut context, Arch::Aarch64, 1, &[]), KILL);
    }
}

#[test]
fn masks_reach_the_high_half() {
    let mut context = context(Arch::X86_64);
    add(&mut context, ALLOW, IOCTL, &[masked(0, 3 * H + 1, 2 * H)]).unwrap();
    for (value, action) in
        [(2 * H, ALLOW), (6 * H + 2, ALLOW), (2 * H + 1, KILL), (3 * H, KILL), (0, KILL)]
    {
        assert_eq!(verdict(&mut context, Arch::X86_64, 16, &[value]), action, "{value:#x}");
    }
}

#[test]
fn comparisons_of_a_rule_must_all_hold() {
    let mut context = context(Arch::X86_64);
    add(&mut context, ALLOW, IOCTL, &[eq(1, 2), eq(0, 1)]).unwrap();
    for (args, action) in [([1, 2], ALLOW), ([1, 3], KILL), ([3, 2], KILL)] {
        assert_eq!(verdict(&mut context, Arch::X86_64, 16, &args), action);
    }
}

#[test]
fn numbers_do_not_leak_between_architectures() {
    // Number 2 is open on x86_64 and fork on x86, where open is 5.
    let mut context = context(Arch::X86_64);
    for arch in [Arch::X86, Arch::X32, Arch::Aarch64] {
        context.arch_add(Token::of(arch)).unwrap();
    }
    add(&mut context, ALLOW, 2, &[]).unwrap();
    for (arch, nr, action) in [
        (Arch::X86_64, 2, ALLOW),
        (Arch::X86, 2, KILL),
        (Arch::X86, 5, ALLOW),
        (Arch::X32, 0x4000_0002, ALLOW),
        (Arch::Aarch64, 2, KILL),
    ] {
        assert_eq!(verdict(&mut context, arch, nr, &[]), action, "{nr} on {arch}");
    }
}

#[test]
fn argument_numbers_are_not_reordered_for_an_architecture() {
    // clone has its flags second on s390x; a rule says which argument it means and gets that one.
    let mut context = context(Arch::S390x);
    add(&mut context, ALLOW, 56, &[masked(1, 0x0002_0000, 0)]).unwrap();
    let clone = 120;
    assert_eq!(verdict(&mut context, Arch::S390x, clone, &[0x0002_0000, 0]), ALLOW);
    assert_eq!(verdict(&mut context, Arch::S390x, clone, &[0, 0x0002_0000]), KILL);
}

#[test]
fn multiplexed_calls_are_filtered_by_their_call_number() {
    let mut context = context(Arch::X86_64);
    context.arch_add(Token::of(Arch::X86)).unwrap();
    add(&mut context, ALLOW, 41, &[eq(0, 1)]).unwrap();
    for (nr, args, action) in
        [(102, [1, 9], ALLOW), (102, [2, 1], KILL), (359, [1, 0], ALLOW), (359, [2, 0], KILL)]
    {
        assert_eq!(verdict(&mut context, Arch::X86, nr, &args), action, "{nr} {args:?}");
    }
    // Without comparisons both rules on x86 conflict where the plain ones do not.
    add(&mut context, TRAP, 42, &[]).unwrap();
    let conflict = add(&mut context, ALLOW, 42, &[]).unwrap_err();
    assert_eq!(conflict, Error::Conflict { arch: Arch::X86, number: Number::new(102) });
    assert_eq!(verdict(&mut context, Arch::X86_64, 42, &[]), TRAP);
}

#[test]
fn descriptor_zero_is_a_listener() {
    let mut context = context(Arch::X86_64);
    add(&mut context, Action::USER_NOTIFY, 1, &[]).unwrap();
    let plan = context.load_plan(&KERNEL, false).unwrap();
    assert_eq!(plan.result(Ok(0)), callgate_scmp::LoadResult::Listener(0));
}

#[test]
fn syscalls_known_by_priority_or_pseudo_number_only_change_nothing() {
    for (priority, rule) in [(2, 1), (-10_166, 1), (2, -109)] {
        let mut context = context(Arch::X86_64);
        context.syscall_priority(Number::new(priority), 255).unwrap();
        add(&mut context, E3, rule, &[]).unwrap();
        let expected = if rule == 1 { E3 } else { KILL };
        assert_eq!(verdict(&mut context, Arch::X86_64, 1, &[]), expected);
        assert_eq!(verdict(&mut context, Arch::X86_64, 2, &[]), KILL);
    }
}

#[test]
fn rules_on_separate_bits_of_two_arguments_are_proved_in_pieces() {
    // The diagram of these needs a node for each subset of the first argument's bits.
    let mut context = context(Arch::X86_64);
    for bit in 0..30 {
        let one = 1 << bit;
        add(&mut context, ALLOW, IOCTL, &[masked(0, one, one), masked(1, one, one)]).unwrap();
    }
    let proof = *context.precompute().unwrap().proof();
    assert!(matches!(proof, Proof::Pieces { pieces: 8, .. }), "{proof:?}");
    for (args, action) in [([0x4001, 0x4000], ALLOW), ([0x5555, 0xaaaa], KILL), ([1, 1], ALLOW)] {
        assert_eq!(verdict(&mut context, Arch::X86_64, 16, &args), action, "{args:x?}");
    }
    assert_eq!(verdict(&mut context, Arch::X86_64, 1, &[]), KILL);
    assert_eq!(verdict(&mut context, Arch::Aarch64, 16, &[1, 1]), KILL);
}

#[test]
fn minus_one_is_filtered_with_x32_alone() {
    let mut context = context(Arch::X32);
    context.attr_set(Attribute::ActBadArch, TRAP.raw(), &KERNEL).unwrap();
    assert_eq!(verdict(&mut context, Arch::X86_64, u32::MAX, &[]), KILL);
    assert_eq!(verdict(&mut context, Arch::X86_64, 1, &[]), TRAP);
    context.attr_set(Attribute::ApiTskip, 1, &KERNEL).unwrap();
    add(&mut context, ALLOW, -1, &[]).unwrap();
    assert_eq!(verdict(&mut context, Arch::X86_64, u32::MAX, &[]), ALLOW);
    context.attr_set(Attribute::ApiTskip, 0, &KERNEL).unwrap();
    assert_eq!(verdict(&mut context, Arch::X86_64, u32::MAX, &[]), KILL);
}
