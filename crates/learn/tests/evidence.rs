//! Evidence is a semilattice, and its file is its text.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use callgate_learn::{Arguments, CallKey, Evidence, LineError, Phase, Run, RunId, Seen};
use callgate_syscalls::{Arch, names};

fn random(random: &mut fastrand::Rng) -> Evidence {
    let mut evidence = Evidence::default();
    for _ in 0..random.usize(0..40) {
        let arch = [Arch::X86_64, Arch::X86][random.usize(0..2)];
        let with = [names::IOCTL, names::FCNTL, names::PRCTL];
        let without = [names::READ, names::WRITE, names::RESTART_SYSCALL];
        let is_with = random.bool();
        let name = if is_with { with } else { without }[random.usize(0..3)];
        let key = CallKey::named(arch, name).unwrap();
        let selector = if name == names::PRCTL { "option" } else { "cmd" };
        let value = is_with.then(|| (selector, random.u64(0..400)));
        let arguments = Arguments::new(value);
        let arguments = (random.u8(0..60) > 0).then_some(arguments);
        let texts =
            |random: &mut fastrand::Rng| -> Box<str> { random.u8(0..20).to_string().into() };
        let seen = Seen {
            runs: (0..random.usize(1..9)).map(|_| run_id(random.u64(0..100))).collect(),
            calls: random.u64(0..1000),
            threads: (0..3).map(|_| texts(random)).collect(),
            phases: [Phase::ALL[random.usize(0..2)]].into_iter().collect(),
            results: (0..3).map(|_| texts(random)).collect(),
        };
        evidence.insert(key, arguments, seen);
    }
    let run = Run { command: random.u8(0..9).to_string(), ..Run::default() };
    evidence.insert_run(run_id(random.u64(0..100)), run);
    evidence
}

fn run_id(number: u64) -> RunId {
    RunId::of([number.to_le_bytes().as_slice()])
}

fn joined(parts: &[&Evidence]) -> Evidence {
    let mut all = Evidence::default();
    parts.iter().for_each(|part| all.join((*part).clone()));
    all
}

/// Enough that each kind of row is full, and that a call has more arguments than are told apart.
#[test]
fn joining_is_associative_commutative_and_idempotent() {
    let mut rng = fastrand::Rng::with_seed(19);
    let parts: Vec<Evidence> = (0..600).map(|_| random(&mut rng)).collect();
    let forth = joined(&parts.iter().collect::<Vec<_>>());
    let back = joined(&parts.iter().rev().collect::<Vec<_>>());
    assert_eq!(forth, back);
    let (left, right) = parts.split_at(251);
    let [left, right] = [left, right].map(|half| joined(&half.iter().collect::<Vec<_>>()));
    assert_eq!(joined(&[&right, &left, &right, &forth]), forth);
    let many =
        forth.calls().filter(|(_, seen)| matches!(seen, callgate_learn::Observations::Many(_)));
    assert!(many.count() > 0, "no call had too many arguments");
    for part in &parts[..50] {
        assert_eq!(joined(&[part, part]), *part);
    }
}

#[test]
fn a_file_holds_what_was_written() {
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..200 {
        let evidence = random(&mut rng);
        let mut bytes = Vec::new();
        evidence.write_lines(&mut bytes).unwrap();
        let mut again = Evidence::default();
        again.read_lines(bytes.as_slice()).unwrap();
        assert_eq!(again, evidence);
        again.read_lines(bytes.as_slice()).unwrap();
        assert_eq!(again, evidence, "twice is once");
    }
}

#[test]
fn what_is_no_evidence_is_refused_by_line() {
    let version = "{\"kind\":\"evidence\",\"version\":1}\n";
    let call = |args: &str, run: &str| {
        format!(
            "{version}{{\"kind\":\"call\",\"arch\":\"x86_64\",\"nr\":16,\"name\":\"ioctl\",\
             \"args\":\"{args}\",\"calls\":1,\"runs\":[\"{run}\"],\"threads\":[],\"phases\":[],\
             \"results\":[]}}\n"
        )
    };
    let run = "0123456789abcdef";
    let read = |text: &str| Evidence::default().read_lines(text.as_bytes());
    assert!(read(&call("cmd=0x5401", run)).is_ok());
    for (text, line, says) in [
        (String::new(), 1, "an empty file"),
        ("{\"kind\":\"evidence\",\"version\":2}\n".to_owned(), 1, "version 2"),
        (call("cmd=5401", run), 2, "name=0xVALUE"),
        (call("cmd=0x05401", run), 2, "name=0xVALUE"),
        (call("cmd=0x5401", "12"), 2, "16 hexadecimal digits"),
        (format!("{version}policy 1\n"), 2, "expected value"),
        (
            call("cmd=0x5401", run).replace("\"ioctl\"", "\"read\""),
            2,
            "number 16 of x86_64 is ioctl",
        ),
        (call("cmd=0x5401", run).replace("\"ioctl\"", "\"\""), 2, "is ioctl, not \"\""),
        (call("", run).replace(":16,", ":1999,"), 2, "number 1999 is no syscall here"),
    ] {
        match read(&text) {
            Err(LineError::Line { line: found, reason }) => {
                assert_eq!(found, line, "{reason}");
                assert!(reason.contains(says), "{reason}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

/// The file of one of many machines: 500 observations of the same programs.
fn of_a_machine(machine: u64, out: &mut Vec<u8>) {
    let mut evidence = Evidence::default();
    let calls: Vec<CallKey> = Arch::X86_64
        .syscalls()
        .map(|call| CallKey { arch: Arch::X86_64.token(), nr: call.nr })
        .filter(|key| Arguments::of(&Arguments::default().call(*key)) == Arguments::default())
        .take(250)
        .collect();
    assert_eq!(calls.len(), 250);
    let ioctl = CallKey::named(Arch::X86_64, names::IOCTL).unwrap();
    for observation in 0..500_u64 {
        // Half of them have arguments that decide, and these differ from machine to machine.
        let (key, value) = match calls.get(usize::try_from(observation).unwrap()) {
            Some(call) => (*call, None),
            None => (ioctl, Some(("cmd", observation - 250 + machine % 40))),
        };
        let arguments = Arguments::new(value);
        let seen = Seen {
            runs: [run_id(machine)].into_iter().collect(),
            calls: machine,
            threads: [format!("worker {}", machine % 64).into()].into_iter().collect(),
            ..Seen::default()
        };
        evidence.insert(key, Some(arguments), seen);
    }
    evidence.insert_run(run_id(machine), Run { date: "2026-11-28".to_owned(), ..Run::default() });
    evidence.write_lines(out).unwrap();
}

fn merged(machines: impl Iterator<Item = u64>) -> Vec<u8> {
    let (mut all, mut bytes) = (Evidence::default(), Vec::new());
    for machine in machines {
        bytes.clear();
        of_a_machine(machine, &mut bytes);
        all.read_lines(bytes.as_slice()).unwrap();
    }
    let mut text = Vec::new();
    all.write_lines(&mut text).unwrap();
    text
}

/// What is kept does not grow with the machines, but with what they saw.
#[test]
fn many_machines_are_no_larger_than_what_they_saw() {
    let forth = merged(0..200);
    assert_eq!(forth, merged((0..200).rev().chain(0..20)));
    assert!(forth.len() < 20_000 * 1_200, "{} bytes", forth.len());
}

/// A selector that is missing would count as 0, and one that comes twice as either.
#[test]
fn arguments_in_evidence_are_all_of_the_calls_and_no_others() {
    let line = |call: &str, args: &str| {
        format!(
            "{{\"kind\":\"evidence\",\"version\":1}}\n{{\"kind\":\"call\",\"arch\":\"x86_64\",{call},\
             \"args\":\"{args}\",\"calls\":1,\"runs\":[],\"threads\":[],\"phases\":[],\"results\":[]}}\n"
        )
    };
    let read = |call: &str, args: &str| Evidence::default().read_lines(line(call, args).as_bytes());
    let [socket, read_call, limits, unnamed] = [
        "\"nr\":41,\"name\":\"socket\"",
        "\"nr\":0,\"name\":\"read\"",
        "\"nr\":302,\"name\":\"prlimit64\"",
        "\"nr\":1999,\"name\":\"of_tomorrow\"",
    ];
    for (call, args) in [
        (socket, "family=0x1 type=0x1 protocol=0x0"),
        (socket, "*"),
        (read_call, ""),
        (limits, "new_rlim=0x1"),
        (unnamed, "anything=0x1"),
    ] {
        read(call, args).unwrap();
    }
    for (call, args, says) in [
        (socket, "", "expected family, type, protocol"),
        (socket, "family=0x1", "expected family, type, protocol"),
        (socket, "family=0x1 family=0x1 protocol=0x0", "expected family, type, protocol"),
        (socket, "type=0x1 family=0x1 protocol=0x0", "expected family, type, protocol"),
        (socket, "family=0x1 type=0x1 protocol=0x0 more=0x1", "expected family, type, protocol"),
        (socket, "family=0x100000001 type=0x1 protocol=0x0", "expected family, type, protocol"),
        (socket, "family=1 type=0x1 protocol=0x0", "expected name=0xVALUE"),
        (limits, "new_rlim=0x2", "expected new_rlim"),
        (read_call, "fd=0x0", "read has no arguments that decide"),
    ] {
        let error = read(call, args).unwrap_err().to_string();
        assert!(error.starts_with("line 2: ") && error.contains(says), "{args}: {error}");
    }
}
