//! Texts at random: no reader panics, and none takes more than linear time.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use callgate_dialects::{Dialect, Options, detect, nothing, read, spo};
use callgate_formats::{Place, Profile};
use callgate_rules::{Source, Target};
use callgate_syscalls::{Arch, KernelVersion};

/// Words of all forms, so that random texts get beyond the first line.
const WORDS: [&str; 96] = [
    "read",
    "write",
    "socket",
    "mount",
    "1",
    "2",
    "allowlist",
    "denylist",
    "[all]",
    "[x86]",
    "errno 1",
    "[0,1,==]",
    "[1,2,&=,3]",
    ":",
    "arg0",
    "arg1 ==",
    "&&",
    "||",
    "&",
    "in",
    "~",
    "(",
    ")",
    "{",
    "}",
    ",",
    ";",
    "return",
    "EPERM",
    "allow",
    "kill",
    "@include ./x",
    "@default",
    "@denylist",
    "POLICY",
    "USE",
    "DEFAULT",
    "ALLOW",
    "ERRNO(1)",
    "KILL",
    "#define",
    "#include",
    "SYSCALL[3]",
    "ON",
    "amd64",
    "==",
    "!=",
    "<",
    ">=",
    "[Service]",
    "SystemCallFilter=",
    "@system-service",
    "@mount",
    "RestrictNamespaces=yes",
    "RestrictAddressFamilies=",
    "AF_UNIX",
    "MemoryDenyWriteExecute=1",
    "SystemCallErrorNumber=",
    "\\",
    "if ($arch == 3221225534)",
    "if ($syscall == 1)",
    "if ($a0.lo32 == 1)",
    "else",
    "action ALLOW;",
    "action KILL;",
    "seccomp_string:",
    "\"ALLOW { read }\"",
    "\"DEFAULT KILL\"",
    "seccomp",
    "seccomp.drop",
    "seccomp.keep",
    "!chroot",
    "$3",
    "protocol unix",
    "memory-deny-write-execute",
    "-",
    "!5",
    "|6",
    "4|5",
    "~ptrace",
    "@complain",
    "0x7fffffffffffffff",
    "18446744073709551615",
    "-1",
    "0b1",
    "\n",
    "\n",
    "\n",
    "\n  ",
    "\n    ",
    "#",
    "//",
    "/*",
    "\"",
    "é",
    "TIOCSTI",
];

const READ: [Dialect; 9] = [
    Dialect::Firejail,
    Dialect::Systemd,
    Dialect::Minijail,
    Dialect::Kafel,
    Dialect::Nsjail,
    Dialect::Seccompiler,
    Dialect::Lxc,
    Dialect::Snapd,
    Dialect::Pfc,
];

/// How many texts each form gets; `CALLGATE_RANDOM` gives another number.
fn rounds() -> usize {
    let asked = std::env::var("CALLGATE_RANDOM").ok().and_then(|count| count.parse().ok());
    asked.unwrap_or(1_000)
}

/// Reads a text and lowers what it means, and says whether it has a meaning.
fn try_text(dialect: Dialect, text: &str) -> bool {
    let source = Source::new("f", text).unwrap();
    let Ok(written) = read(dialect, Options::default(), source, &mut nothing) else { return false };
    let target = Target::new(Arch::X86_64);
    written.parts.iter().all(|part| written.lower(part, &target).is_ok())
}

#[test]
fn random_texts_do_no_harm() {
    let mut random = fastrand::Rng::with_seed(0x20);
    let mut taken = [0_usize; READ.len()];
    for _ in 0..rounds() {
        let words = random.usize(..40);
        let mut text = String::new();
        for _ in 0..words {
            text.push_str(random.choice(WORDS).unwrap());
            text.push_str(random.choice(["", " ", " ", "\n"]).unwrap());
        }
        assert!(detect(&text).len() <= 3, "{text:?}");
        for (dialect, taken) in READ.into_iter().zip(&mut taken) {
            let first = match dialect {
                Dialect::Firejail => "seccomp\n",
                Dialect::Lxc => "2\ndenylist\n",
                Dialect::Nsjail => "seccomp_string: \"ALLOW { read } DEFAULT KILL\"\n",
                Dialect::Systemd => "SystemCallFilter=read\n",
                Dialect::Seccompiler => {
                    "{\"a\":{\"default_action\":\"trap\",\"filter_action\":\"allow\",\"filter\":[]}}"
                }
                Dialect::Kafel => "DEFAULT ALLOW\n",
                Dialect::Pfc => "if ($arch == 3221225534)\n  action ALLOW;\naction KILL;\n",
                _ => "",
            };
            *taken += usize::from(try_text(dialect, &format!("{first}{text}")));
        }
    }
    // Where all are refused, nothing was looked at beyond the first mistake.
    for (dialect, taken) in READ.into_iter().zip(taken) {
        assert!(taken >= 10, "{dialect}: only {taken} texts were taken");
    }
}

const RESOURCE: &str = "apiVersion: security-profiles-operator.x-k8s.io/v1\nkind: SeccompProfile\nmetadata: {name: x}\n\
    spec:\n  defaultAction: SCMP_ACT_ERRNO\n  architectures: [SCMP_ARCH_X86_64]\n  syscalls:\n  - action: SCMP_ACT_ALLOW\n    \
    names: [read,\n      'write']\n    args:\n    - {index: 0, value: 1, valueTwo: 2, op: SCMP_CMP_MASKED_EQ}\n";

/// A resource with pieces taken out, repeated and put in is a profile or an error, whose place is in
/// the text.
#[test]
fn random_resources_do_no_harm() {
    let mut random = fastrand::Rng::with_seed(0x21);
    let mut taken = 0;
    for _ in 0..rounds() {
        let mut text = RESOURCE.to_owned();
        for _ in 0..random.usize(1..4) {
            let mut at =
                || (0..=random.usize(..=text.len())).rev().find(|at| text.is_char_boundary(*at));
            let (one, other) = (at().unwrap_or(0), at().unwrap_or(0));
            let near = (0..=other.min(one + 12)).rev().find(|near| text.is_char_boundary(*near));
            let other = near.unwrap_or(one);
            let piece = text[one.min(other)..one.max(other)].to_owned();
            match random.u8(..4) {
                0 => text.replace_range(one.min(other)..one.max(other), ""),
                1 => text.insert_str(one, &piece),
                _ => text.insert_str(one, random.choice(WORDS).unwrap()),
            }
        }
        let source = Source::new("f", text.as_str()).unwrap();
        let found = spo::profile(&source, &mut |name| Err(format!("there is no {name}")));
        let Ok(document) = found else { continue };
        let machine = callgate_formats::Options::new(Arch::X86_64, KernelVersion::new(6, 12));
        let profile = Profile::of_document(document);
        match profile.and_then(|profile| profile.resolve(&machine)) {
            Ok(resolved) => {
                taken += 1;
                let places = resolved.warnings.iter().map(|warning| &warning.place);
                assert!(
                    places.into_iter().all(|place| source.slice(place.span).is_some()),
                    "{text}"
                );
            }
            Err(error) => {
                let is_within = |place: &Place| source.slice(place.span).is_some();
                assert!(error.place().is_none_or(is_within), "{text}: {error}");
            }
        }
    }
    assert!(taken * 20 > rounds(), "only {taken} were taken");
}

/// Texts of one word again and again, at a length and at eight times that: the time may grow by
/// much more than eight times on a busy machine, but not by sixty-four.
#[test]
fn time_is_linear_in_the_text() {
    for dialect in READ {
        for word in WORDS.into_iter().step_by(3) {
            let line = format!("{word}\n");
            let time = |bytes: usize| {
                let text = line.repeat(bytes / line.len());
                let started = Instant::now();
                let source = Source::new("f", text.as_str()).unwrap();
                let _ = read(dialect, Options::default(), source, &mut nothing);
                started.elapsed()
            };
            let (short, long) = (time(2 << 10), time(16 << 10));
            let limit = short.max(Duration::from_millis(10)) * 40;
            assert!(long < limit, "{dialect}: {word:?} took {short:?}, then {long:?}");
        }
    }
}
