//! Samples of what tells of denials, made on real kernels, and their explanations.
//!
//! `samples/README.md` says how they were made. With `CALLGATE_BLESS` in the environment the
//! expectations are written anew, to be looked at.
//!
//! Claim: C-EXPLAIN
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use callgate_explain::{Denials, Filter, Found, Reader, explain, read_core};
use callgate_gate::{nothing, read};
use callgate_rules::{Source, Target};
use callgate_syscalls::Arch;

/// What a sample is of, and how many there are at least.
const KINDS: [(&str, usize); 6] =
    [("audit-", 15), ("ausearch-", 2), ("core-", 5), ("strace-", 9), ("gdb-", 2), ("exit-", 4)];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples")
}

fn samples() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let is_sample =
        |path: &PathBuf| path.extension().is_some_and(|kind| kind == "txt" || kind == "core");
    let mut samples: Vec<PathBuf> = entries.filter(is_sample).collect();
    samples.sort();
    samples
}

#[test]
fn each_sample_has_its_explanation() {
    let text = fs::read_to_string(folder().join("policy.gate")).unwrap();
    let written = read(Source::new("policy.gate", text).unwrap(), &mut nothing).unwrap();
    let lowered = written.lower(&Target::new(Arch::X86_64)).unwrap();
    let filter = Filter::rules(&lowered.policy, &lowered.provenance, &written.sources);
    let samples = samples();
    for sample in &samples {
        let explained = explained(&fs::read(sample).unwrap(), &filter);
        let expected = sample.with_extension("expected");
        if std::env::var_os("CALLGATE_BLESS").is_some() {
            fs::write(&expected, &explained).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(explained, expected, "{}\n{explained}", sample.display());
    }
    for (kind, count) in KINDS {
        let name = |path: &&PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(kind);
        assert!(samples.iter().filter(name).count() >= count, "{kind}");
    }
}

/// What the command would say.
fn explained(bytes: &[u8], filter: &Filter<'_>) -> String {
    if bytes.starts_with(b"\x7fELF") {
        return explain(&read_core(bytes).unwrap(), Some(filter)).to_string();
    }
    let (mut reader, mut denials) = (Reader::new(Arch::X86_64), Denials::default());
    let (mut text, mut unknown) = (String::new(), 0);
    for line in String::from_utf8_lossy(bytes).lines() {
        match reader.line(line) {
            Found::Denial(denial) => _ = denials.add(*denial),
            Found::Ended(ended) => writeln!(text, "{ended}").unwrap(),
            Found::Understood => {}
            _ => unknown += 1,
        }
    }
    for denial in denials.list() {
        let explanation = explain(denial, Some(filter));
        if explanation.is_likely() {
            writeln!(text, "{explanation}").unwrap();
        }
    }
    writeln!(text, "{unknown} lines that are not known").unwrap();
    text
}

#[test]
fn whatever_is_cut_off_or_changed_ends_in_an_answer() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut read = 0;
    for sample in samples() {
        let bytes = fs::read(&sample).unwrap();
        for _ in 0..200 {
            let mut changed = bytes.clone();
            changed.truncate(random.usize(..=bytes.len()));
            for _ in 0..random.usize(..4) {
                if let Some(byte) = changed.iter().position(|_| random.usize(..64) == 0) {
                    changed[byte] = random.u8(..);
                }
            }
            read += usize::from(read_core(&changed).is_ok());
            let mut reader = Reader::new(*random.choice(&Arch::ALL).unwrap());
            for line in String::from_utf8_lossy(&changed).lines() {
                if let Found::Denial(denial) = reader.line(line) {
                    read += usize::from(!denial.is_like(&explain(&denial, None).denial)) + 1;
                }
            }
        }
    }
    // They are not all refused at once.
    assert!(read > 1000, "{read}");
}

#[test]
fn random_lines_of_known_words_end_in_an_answer() {
    const WORDS: [&str; 26] = [
        "type=1326 ",
        "audit(",
        "1.2:3): ",
        "auid=",
        "arch=",
        "c000003e",
        " syscall=",
        "-1",
        "code=",
        "0x",
        "si_syscall",
        "=",
        "--- SIGSYS {",
        "+++ killed by SIGSYS",
        "mkdir(",
        "\"",
        "\\",
        ")",
        " = -1 EPERM",
        "[pid ",
        "]: SECCOMP ",
        "Exited (159",
        "{",
        ",",
        "\u{e9}",
        "4294967296",
    ];
    let mut random = fastrand::Rng::with_seed(2);
    let (mut reader, mut known) = (Reader::new(Arch::X86_64), 0);
    for _ in 0..LINES {
        let words = random.usize(..16);
        let line: String = (0..words).map(|_| *random.choice(&WORDS).unwrap()).collect();
        known += u32::from(!matches!(reader.line(&line), Found::Nothing));
    }
    assert!(known > LINES / 100 && known < LINES, "{known}");
}

/// Enough to meet each pair of words often; `cargo xtask fuzz` goes on from there.
const LINES: u32 = 100_000;
