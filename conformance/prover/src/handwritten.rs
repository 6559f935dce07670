//! Programs written by hand in the shape of well-known sandboxes, against policies written apart
//! from them; and the same with a mistake, which must be found.
//!
//! The programs are in `testdata/foreign`.

use std::fs;

use callgate_bpf::{Program, assemble};
use callgate_policy::{
    Action, Arch, ArchPolicy, Comparison, Condition, Field, Operator, Policy, SeccompData,
    SyscallNr,
};
use callgate_syscalls::{Endian, Name, names};

use super::{Side, differences, endian_of, milliseconds, proved};
use house::root;

/// A program that means a policy, and one that was meant to.
struct Shape {
    right: &'static str,
    wrong: &'static str,
    policy: fn() -> Result<Policy, callgate_policy::Error>,
    /// Whether a call shows the mistake.
    shows_mistake: fn(&SeccompData) -> bool,
}

const SHAPES: [Shape; 2] = [
    Shape {
        right: "openssh-style",
        wrong: "openssh-style-without-high-half",
        policy: openssh,
        shows_mistake: |call| call.nr == nr(names::FUTEX) && call.args[2] >> 32 != 0,
    },
    Shape {
        right: "chromium-style",
        wrong: "chromium-style-without-x32",
        policy: chromium,
        shows_mistake: |call| call.nr.is_x32(),
    },
];

pub(super) fn run() -> Result<String, String> {
    let reports: Result<Vec<_>, _> = SHAPES.iter().map(compare).collect();
    Ok(reports?.join("; "))
}

fn compare(shape: &Shape) -> Result<String, String> {
    let policy = (shape.policy)().map_err(|error| error.to_string())?;
    let (right, wrong) = (program(shape.right)?, program(shape.wrong)?);
    let time = proved(Side::Policy(&policy), Side::Program(&right))
        .map_err(|error| format!("{}: {error}", shape.right))?;
    let found = differences(Side::Policy(&policy), Side::Program(&wrong))?;
    if found.is_empty() {
        return Err(format!("{}: the mistake was not found", shape.wrong));
    }
    for difference in &found {
        let call = &difference.witness;
        let (meant, done) = (policy.decide(call), wrong.run(call, endian_of(call)));
        if meant == done || right.run(call, endian_of(call)) != meant {
            return Err(format!("{}: the witness does not replay: {difference}", shape.wrong));
        }
        if !(shape.shows_mistake)(call) {
            return Err(format!("{}: another difference than meant: {difference}", shape.wrong));
        }
    }
    Ok(format!(
        "{} ({} instructions) proved in {}, {} refuted by {} witnesses",
        shape.right,
        right.len(),
        milliseconds(time),
        shape.wrong,
        found.len()
    ))
}

fn program(name: &str) -> Result<Program, String> {
    let path = root().join("testdata/foreign").join(format!("{name}.asm"));
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    assemble(&text, Endian::native()).map_err(|error| format!("{name}: {error}"))
}

/// A number of x86_64; -1, which no rule may have, where it lacks the name.
fn nr(name: Name) -> SyscallNr {
    Arch::X86_64.syscall(name).map_or(SyscallNr::new(u32::MAX), |syscall| syscall.nr)
}

fn errno(number: u16) -> Action {
    Action::errno(number).unwrap_or(Action::KILL_PROCESS)
}

const EPERM: u16 = 1;
const EACCES: u16 = 13;

fn openssh() -> Result<Policy, callgate_policy::Error> {
    let low =
        |field, value| Condition::from(Comparison::low32(field, u32::MAX, Operator::Eq, value));
    let full = |field, value| Condition::from(Comparison::new(field, Operator::Eq, value));
    let mut rules = ArchPolicy::new(Action::KILL_PROCESS);
    for name in [names::OPEN, names::OPENAT, names::NEWFSTATAT] {
        rules.rule(nr(name), Condition::always(), errno(EACCES));
    }
    for name in [
        names::READ,
        names::WRITE,
        names::CLOSE,
        names::BRK,
        names::MUNMAP,
        names::POLL,
        names::GETPID,
        names::GETRANDOM,
        names::CLOCK_GETTIME,
        names::EXIT_GROUP,
    ] {
        rules.rule(nr(name), Condition::always(), Action::ALLOW);
    }
    rules.rule(nr(names::SHUTDOWN), low(Field::Arg1, 2), Action::ALLOW);
    rules.rule(nr(names::IOCTL), low(Field::Arg1, 0x5401), Action::ALLOW);
    rules.rule(nr(names::IOCTL), low(Field::Arg1, 0x541b), Action::ALLOW);
    for name in [names::MMAP, names::MPROTECT] {
        rules.rule(nr(name), Comparison::new(Field::Arg2, Operator::Le, 3).into(), Action::ALLOW);
    }
    let wake_one = Condition::all([full(Field::Arg1, 0x81), full(Field::Arg2, 1)])?;
    rules.rule(nr(names::FUTEX), wake_one, Action::ALLOW);
    Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build()
}

fn chromium() -> Result<Policy, callgate_policy::Error> {
    const HIGH: u64 = 0xffff_ffff << 32;
    let mut rules = ArchPolicy::new(Action::ALLOW);
    for name in [names::PTRACE, names::KEYCTL] {
        rules.rule(nr(name), Condition::always(), errno(EPERM));
    }
    // The only negative number that is not x32's.
    rules.rule(SyscallNr::new(u32::MAX), Condition::always(), Action::KILL_PROCESS);

    let ioctl = nr(names::IOCTL);
    let extended = Comparison::new(Field::Arg1, Operator::Le, u32::MAX.into());
    rules.rule(ioctl, extended.negated().into(), Action::KILL_PROCESS);
    for request in [0x5412, 0x541c] {
        let request = Comparison::new(Field::Arg1, Operator::Eq, request);
        rules.rule(ioctl, request.into(), errno(EPERM));
    }

    let socket = nr(names::SOCKET);
    let extended = Condition::any([
        Comparison::masked(Field::Arg0, HIGH, Operator::Eq, 0).into(),
        Comparison::new(Field::Arg0, Operator::Ge, HIGH | 1 << 31).into(),
    ])?;
    rules.rule(socket, extended.negated(), Action::KILL_PROCESS);
    for domain in [1, 2, 10] {
        let domain = Comparison::low32(Field::Arg0, u32::MAX, Operator::Eq, domain);
        rules.rule(socket, domain.into(), Action::ALLOW);
    }
    rules.rule(socket, Condition::always(), errno(EPERM));

    let namespaces = Comparison::masked(Field::Arg0, HIGH | 0x7e02_0000, Operator::Ne, 0);
    rules.rule(nr(names::CLONE), namespaces.into(), errno(EPERM));
    Policy::builder(Action::KILL_PROCESS).arch(Arch::X86_64, rules).build()
}
