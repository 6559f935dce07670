//! Evidence is a semilattice, and its file is its text.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use callgate_learn::{Arguments, CallKey, Evidence, LineError, Phase, Run, RunId, Seen};
use callgate_syscalls::{Arch, SyscallNr};

fn random(random: &mut fastrand::Rng) -> Evidence {
    let mut evidence = Evidence::default();
    for _ in 0..random.usize(0..40) {
        let nr = SyscallNr::new(random.u32(0..6));
        let arch = [Arch::X86_64, Arch::X86][random.usize(0..2)];
        let key = CallKey { arch: arch.token(), nr };
        let arguments = Arguments::new([("cmd", random.u64(0..400))]);
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
    for observation in 0..500_u64 {
        let nr = SyscallNr::new(u32::try_from(observation % 250).unwrap());
        let key = CallKey { arch: Arch::X86_64.token(), nr };
        let arguments = Arguments::new([("cmd", (observation / 250) * 7 + machine % 40)]);
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
