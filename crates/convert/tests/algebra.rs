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
    let mut vectors: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
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
