//! The embedded policies mean what they meant as container profiles: for every call, on every
//! machine, kernel and set of capabilities.
//!
//! Claim: C-CONTAINER
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use callgate::gate::{Builtin, Written, builtins};
use callgate::profiles::{Arches, CapSet, Options, Profile, Reading};
use callgate::prover::{Prover, Scope};
use callgate::rules::Target;
use callgate::{Arch, Filter, KernelVersion, Policy};

/// What the policy was, read as it was read.
fn profile(builtin: Builtin) -> Profile {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/profiles");
    Profile::load(format!("{folder}/{}.json", builtin.name).as_ref()).unwrap()
}

fn of_profile(profile: &Profile, target: &Target) -> Policy {
    let mut options = Options::new(target.native, target.kernel.unwrap());
    options.caps = target.caps;
    options.reading = Some(Reading::Kernel);
    if let Some(arches) = &target.arches {
        options.arches = Arches::Exactly(arches.clone());
    }
    profile.resolve(&options).unwrap().policy
}

fn of_text(written: &Written, target: &Target) -> Policy {
    let lowered = written.lower(target).unwrap();
    assert!(lowered.warnings.is_empty(), "{target:?}: {:?}", lowered.warnings);
    lowered.policy
}

/// Asserts that the two are equal, for every call. The same policies are compared once.
fn assert_equal(of: [Policy; 2], seen: &mut Vec<[Policy; 2]>, target: &Target) {
    if seen.contains(&of) {
        return;
    }
    let mut prover = Prover::default();
    let [left, right] = of.each_ref().map(|policy| prover.policy(policy).unwrap());
    let found = prover.differences(&left, &right, Scope::Exact).unwrap();
    assert!(found.is_empty(), "{target:?}: {found:#?}");
    seen.push(of);
}

/// The machines on which the text may differ from what it was: it goes by the names of arguments
/// and constants, whose place and value the profile had for the machines that it names alone.
fn is_named(builtin: Builtin, native: Arch) -> bool {
    let named = [Arch::X86_64, Arch::Aarch64, Arch::Riscv64, Arch::Ppc64le, Arch::S390x];
    builtin.name != "qemu" || named.contains(&native)
}

#[test]
fn they_mean_what_they_meant_under_all_circumstances() {
    for builtin in builtins() {
        let (profile, written) = (profile(*builtin), builtin.read().unwrap());
        let own = profile.circumstances(Some(Reading::Kernel)).unwrap();
        let both = own.union(&written.rules.circumstances().unwrap());
        let targets = both.targets().unwrap();
        assert!(targets.len() >= Arch::ALL.len());
        let mut seen = Vec::new();
        for target in targets.iter().filter(|target| is_named(*builtin, target.native)) {
            let of = [of_profile(&profile, target), of_text(&written, target)];
            assert_equal(of, &mut seen, target);
        }
    }
}

#[test]
fn they_mean_what_they_meant_for_each_architecture_alone() {
    for builtin in builtins() {
        let (profile, written) = (profile(*builtin), builtin.read().unwrap());
        for native in Arch::ALL.into_iter().filter(|native| is_named(*builtin, *native)) {
            for (caps, kernel) in [(CapSet::DOCKER_DEFAULT, (6, 12)), (CapSet::ALL, (4, 7))] {
                let kernel = Some(KernelVersion::new(kernel.0, kernel.1));
                let target = Target { native, arches: Some(vec![native]), kernel, caps };
                let of = [of_profile(&profile, &target), of_text(&written, &target)];
                assert_equal(of, &mut Vec::new(), &target);
            }
        }
    }
}

#[test]
fn their_tests_hold_on_every_machine() {
    for builtin in builtins() {
        let (written, mut made) = (builtin.read().unwrap(), 0);
        assert!(written.warnings.is_empty(), "{:?}", written.warnings);
        for native in Arch::ALL {
            let target = Target { kernel: Some(KernelVersion::new(6, 12)), ..Target::new(native) };
            let lowered = written.lower(&target).unwrap();
            for (tests, lowered) in written.suites(&target, lowered).unwrap() {
                for test in tests {
                    // A test of other machines is made there.
                    let Ok(failures) = test.failures(&lowered.policy) else { continue };
                    assert!(failures.is_empty(), "{}: {native}: {failures:?}", builtin.name);
                    made += 1;
                }
            }
        }
        assert!(made >= 3 * Arch::ALL.len(), "{}: {made}", builtin.name);
    }
}

#[test]
fn a_name_that_is_none_is_answered_by_those_there_are() {
    let message = Filter::builtin("contianer").unwrap_err().to_string();
    assert_eq!(message, "no embedded profile is called \"contianer\"; there are: container, qemu");
}
