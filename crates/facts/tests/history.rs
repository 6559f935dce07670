//! What the tables of drift and denials hold.

use std::collections::BTreeSet;

use callgate_facts::{Confidence, Denial, Drift, Fallback};
use callgate_syscalls::{Arch, names};

#[test]
fn each_row_of_drift_is_whole() {
    assert_eq!(Drift::all().count(), 107);
    for drift in Drift::all() {
        assert!(!drift.part().is_empty() && !drift.since().is_empty(), "{drift:?}");
        assert!(!drift.call().is_empty() && !drift.caller().is_empty(), "{drift:?}");
        let has = |arch: Arch| {
            drift.is_on(arch) && drift.syscalls().iter().any(|name| arch.syscall(*name).is_some())
        };
        assert!(Arch::ALL.into_iter().any(has), "{}: {}", drift.part(), drift.call());
        let named = drift.confidence() == Confidence::Known || !drift.source().is_empty();
        assert!(named, "{}: {} has no source", drift.part(), drift.call());
    }
}

#[test]
fn fallbacks_are_those_of_the_sources() {
    let of = |part: &str, since: &str, name| {
        let mut found = Drift::of(name).filter(|d| d.part() == part && d.since() == since);
        found.next().map(Drift::fallback)
    };
    assert_eq!(of("glibc", "2.34", names::CLONE3), Some(Fallback::Enosys));
    assert_eq!(of("glibc", "2.35", names::RSEQ), Some(Fallback::Ignored));
    assert_eq!(of("glibc", "2.36", names::GETRANDOM), Some(Fallback::Abort));
    assert_eq!(of("glibc", "2.42", names::MADVISE), Some(Fallback::Any));
    assert_eq!(of("libuv", "1.50", names::IO_URING_SETUP), Some(Fallback::Probe));
    assert_eq!(of("Go", "1.23", names::PIDFD_OPEN), Some(Fallback::Probe));
    assert_eq!(of("musl", "1.2.2", names::FACCESSAT2), Some(Fallback::Enosys));
    assert_eq!(of("musl", "1.1.24", names::CLOCK_GETTIME64), Some(Fallback::Enosys));
    assert_eq!(of("musl", "1.1.24", names::CLONE3), None);
}

#[test]
fn each_denial_has_a_symptom_and_a_number_of_its_own() {
    let numbers: BTreeSet<u16> = Denial::all().map(Denial::number).collect();
    assert_eq!((numbers.len(), Denial::all().count()), (75, 75));
    for denial in Denial::all() {
        assert!(!denial.symptom().is_empty(), "{}", denial.number());
    }
    let clone3: Vec<u16> = Denial::of(names::CLONE3).map(Denial::number).collect();
    assert_eq!(clone3, [1, 2, 73]);
    let first = Denial::of(names::CLONE3).next().expect("a denial");
    assert!(first.symptom().contains("pthread_create failed"), "{}", first.symptom());
    assert!(first.remedy().contains("ENOSYS"), "{}", first.remedy());
    assert_eq!(first.confidence(), Confidence::Report);
}
