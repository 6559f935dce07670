//! The text for people.
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

mod support;

use callgate_policy::{Action, Arch};
use callgate_scmp::{Attribute, Number, Token};
use support::{ALLOW, E1, E2, H, KERNEL, TRAP, add, context, eq, gt, lt, masked};

const HEAD: &str = "#\n# pseudo filter code start\n#\n";
const TAIL: &str = "# invalid architecture action\naction KILL;\n#\n# pseudo filter code end\n#\n";

#[test]
fn blocks_and_trees() {
    let mut context = context(Arch::X86_64);
    context.arch_add(Token::of(Arch::X86)).unwrap();
    add(&mut context, ALLOW, 3, &[]).unwrap();
    add(&mut context, TRAP, 16, &[masked(1, 0xf, 3), eq(0, H + 2)]).unwrap();
    add(&mut context, Action::trap(7), 16, &[gt(2, 1)]).unwrap();
    let body = r#"# filter for arch x86_64 (3221225534)
if ($arch == 3221225534)
  # filter for syscall "close" (3) [priority: 65535]
  if ($syscall == 3)
    action ALLOW;
  # filter for syscall "ioctl" (16) [priority: 65528]
  if ($syscall == 16)
    if ($a2.hi32 > 0)
      action TRAP(7);
    else
      if ($a2.hi32 == 0)
        if ($a2.lo32 > 1)
          action TRAP(7);
    if ($a0.hi32 == 1)
      if ($a0.lo32 == 2)
        if ($a1.hi32 & 0x00000000 == 0)
          if ($a1.lo32 & 0x0000000f == 3)
            action TRAP;
  # default action
  action KILL;
# filter for arch x86 (1073741827)
if ($arch == 1073741827)
  # filter for syscall "close" (6) [priority: 65535]
  if ($syscall == 6)
    action ALLOW;
  # filter for syscall "ioctl" (54) [priority: 65532]
  if ($syscall == 54)
    if ($a2 > 1)
      action TRAP(7);
    if ($a0 == 2)
      if ($a1 & 0x0000000f == 3)
        action TRAP;
  # default action
  action KILL;
"#;
    assert_eq!(context.export_pfc().unwrap(), format!("{HEAD}{body}{TAIL}"));
}

#[test]
fn the_binary_tree_has_leaves_of_four() {
    let mut context = context(Arch::X86_64);
    for number in 0..9 {
        add(&mut context, ALLOW, number, &[]).unwrap();
    }
    context.attr_set(Attribute::CtlOptimize, 2, &KERNEL).unwrap();
    let text = context.export_pfc().unwrap();
    let lines = text.lines().filter(|line| line.contains("> ") || line.contains("else"));
    let tests: Vec<&str> = lines.collect();
    let expected = [
        "  if ($syscall > 0)",
        "    if ($syscall > 4)",
        "    else # ($syscall <= 4)",
        "  else # ($syscall <= 0)",
    ];
    assert_eq!(tests, expected);
}

#[test]
fn pseudo_numbers_and_minus_one_are_shown_and_priorities_alone_are_not() {
    let mut context = context(Arch::X86_64);
    context.attr_set(Attribute::ApiTskip, 1, &KERNEL).unwrap();
    add(&mut context, ALLOW, -109, &[]).unwrap();
    add(&mut context, Action::USER_NOTIFY, -1, &[]).unwrap();
    context.syscall_priority(Number::new(2), 9).unwrap();
    let text = context.export_pfc().unwrap();
    assert!(text.contains("# filter for syscall \"send\" (4294967187) [priority: 65535]\n"));
    assert!(text.contains("# filter for syscall \"UNKNOWN\" (4294967295) [priority: 65535]\n"));
    assert!(text.contains("    action 0x7fc00000;\n"));
    assert!(!text.contains("open"));
}

#[test]
fn a_tree_that_says_something_else_is_not_shown() {
    // Merged by words, the first rule would answer for values with a bit in the high half.
    let mut context = context(Arch::X86_64);
    for (action, bound) in [(E1, 100), (Action::LOG, 300), (E2, 200)] {
        add(&mut context, action, 16, &[gt(0, bound)]).unwrap();
    }
    let text = context.export_pfc().unwrap();
    let first = text.lines().skip_while(|line| !line.contains("$syscall ==")).nth(2).unwrap();
    assert_eq!(first.trim(), "action LOG;", "{text}");
    let shown =
        [E1, E2, Action::LOG].map(|action| text.matches(&format!("action {action};")).count());
    assert_eq!(shown, [2, 2, 2], "{text}");
}

#[test]
fn trees_of_bounds_are_merged_where_that_is_right() {
    let mut context = context(Arch::X86_64);
    add(&mut context, E1, 16, &[lt(0, 100)]).unwrap();
    add(&mut context, Action::KILL_PROCESS, 16, &[lt(0, 50)]).unwrap();
    let text = context.export_pfc().unwrap();
    assert_eq!(text.matches("$a0.hi32 > 0").count(), 1, "{text}");
    assert!(text.contains("action KILL_PROCESS;"));
}
