//! The vectors in `testdata/algebra`.
#![expect(clippy::unwrap_used, reason = "what cannot be had fails the test that needs it")]

use std::fs;
use std::path::{Path, PathBuf};

use callgate_convert::{Format, Nearest, convert};
use callgate_formats::{Options, Profile};
use callgate_policy::Policy;
use callgate_raise::{Algebra, combine, permits_no_more};
use callgate_syscalls::{Arch, KernelVersion, Name, SeccompData};

fn vectors() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/algebra");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut vectors: Vec<PathBuf> = entries.filter(|path| path.join("a.json").is_file()).collect();
    vectors.sort();
    vectors
}

fn policy(path: &Path) -> Policy {
    let text = fs::read(path).unwrap();
    let profile = Profile::parse(&text, &path.display().to_string()).unwrap();
    profile.resolve(&Options::new(Arch::X86_64, KernelVersion::new(6, 12))).unwrap().policy
}

/// `ARCH SYSCALL ARGS ACTION`.
fn verdict(policy: &Policy, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let arch = Arch::from_name(words[0]).unwrap();
    let nr = arch.syscall(Name::parse(words[1]).unwrap()).unwrap().nr;
    let mut args = [0; 6];
    for (arg, value) in args.iter_mut().zip(words[2].split(',')) {
        *arg = value.parse().unwrap();
    }
    let action = policy.decide(&SeccompData::new(arch, nr).with_args(args));
    format!("{} {} {} {action}", words[0], words[1], words[2])
}

#[test]
fn limits_of_artifacts_have_the_verdicts_of_the_vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/algebra/limits");
    let verdicts = fs::read_to_string(folder.join("verdicts")).unwrap();
    assert_eq!(verdicts.lines().count(), 5);
    for line in verdicts.lines() {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let profile = Profile::parse(&fs::read(folder.join(name)).unwrap(), name).unwrap();
        let exceeded = profile.exceeds_artifact();
        let codes: Vec<&str> = exceeded.iter().map(|found| found.code.as_str()).collect();
        assert_eq!(codes, words.collect::<Vec<_>>(), "{name}");
        assert!(exceeded.iter().all(|found| found.primary_span().is_some()));
    }
}

#[test]
fn limits_of_artifacts_are_exact() {
    let rule = r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW"}"#;
    let codes = |text: &str| {
        let profile = Profile::parse(text.as_bytes(), "p.json").unwrap();
        let exceeded = profile.exceeds_artifact();
        exceeded.iter().map(|found| found.code.as_str().to_owned()).collect::<Vec<_>>()
    };
    let of = |entries: usize, bytes: usize| {
        let rules = vec![rule; entries].join(",");
        let text = format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{rules}]}}"#);
        format!("{text}{}", " ".repeat(bytes.saturating_sub(text.len())))
    };
    let few = callgate_formats::ENTRIES_MAX;
    for (entries, expected) in [(few - 1, None), (few, None), (few + 1, Some("E0244"))] {
        assert_eq!(codes(&of(entries, 0)), expected.into_iter().collect::<Vec<_>>(), "{entries}");
    }
    let all = callgate_formats::ARTIFACT_MAX;
    for (bytes, expected) in [(all - 1, None), (all, None), (all + 1, Some("E0240"))] {
        assert_eq!(codes(&of(1, bytes)), expected.into_iter().collect::<Vec<_>>(), "{bytes}");
    }
}

#[test]
fn intersections_have_the_verdicts_of_the_vectors() {
    assert_eq!(vectors().len(), 6);
    for vector in vectors() {
        let [a, b] = ["a.json", "b.json"].map(|name| policy(&vector.join(name)));
        let both = combine(&a, &b, Algebra::Intersect).unwrap();
        for side in [&a, &b] {
            assert!(permits_no_more(&both, side).unwrap().is_some(), "{}", vector.display());
        }
        let written = convert(&both, Format::Oci, Nearest::Equal).unwrap();
        let verdicts = fs::read_to_string(vector.join("verdicts")).unwrap();
        assert!(verdicts.lines().count() >= 2);
        for line in verdicts.lines() {
            assert_eq!(verdict(&both, line), line, "{}", vector.display());
            assert_eq!(verdict(&written.policy, line), line, "{}", vector.display());
        }
        let expected = vector.join("expected.json");
        if std::env::var_os("CALLGATE_BLESS").is_some() {
            fs::write(&expected, &written.text).unwrap();
        }
        assert_eq!(fs::read_to_string(&expected).unwrap(), written.text, "{}", vector.display());
    }
}
