//! Where readings part, by example; `cargo xtask conformance readings` holds each against its
//! runtime.

use callgate_formats::{Form, Profile, Reading};
use callgate_syscalls::{Action, Arch};

use crate::common::*;

const LISTED: &str =
    "\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": [\"SCMP_ARCH_X86_64\"]";

/// What a profile says about a number on x86_64, by each reading.
fn answers(profile: &Profile, nr: u32) -> [Action; 4] {
    Reading::ALL.map(|reading| {
        let policy = profile.resolve(&options_as(reading)).unwrap().policy;
        policy.decide(&call_nr(Arch::X86_64, nr, &[]))
    })
}

#[test]
fn each_form_is_read_as_by_those_that_it_is_written_for() {
    let oci = profile(&rule("ALLOW", "read", ""));
    assert_eq!((oci.form(), oci.reading()), (Form::Oci, Reading::Runc));
    let docker =
        profile("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {}}");
    assert_eq!((docker.form(), docker.reading()), (Form::Docker, Reading::Docker));
}

#[test]
fn enosys_begins_where_the_reading_has_it() {
    // close_range has number 436 and came with 5.9, after openat2 with 437 in 5.6; 400 is in no
    // table.
    let listed = profile_with(LISTED, &rule("ALLOW", "close_range", ""));
    for (nr, [runc, crun, docker, kernel]) in [
        (400, [EPERM, EPERM, EPERM, ENOSYS]),
        (435, [EPERM, EPERM, EPERM, EPERM]),
        (437, [ENOSYS, EPERM, ENOSYS, EPERM]),
        (441, [ENOSYS, EPERM, ENOSYS, ENOSYS]),
        (u32::MAX, [EPERM, EPERM, EPERM, ENOSYS]),
    ] {
        assert_eq!(answers(&listed, nr), [runc, crun, docker, kernel], "{nr}");
    }
    // runc's stub is for the architectures that are listed.
    let unlisted = profile(&rule("ALLOW", "close_range", ""));
    assert_eq!(answers(&unlisted, 437), [EPERM; 4]);
}

#[test]
fn rules_whose_action_is_the_default_are_skipped_by_runtimes() {
    let rules = [rule("ERRNO", "userfaultfd", ""), rule("ALLOW", "userfaultfd", "")];
    let nr = call(Arch::X86_64, "userfaultfd", &[]).nr.raw();
    let allow = Action::ALLOW;
    assert_eq!(answers(&profile(&rules.join(",")), nr), [allow, allow, allow, EPERM]);
}

#[test]
fn engines_compare_words_and_runtimes_know_none() {
    let nr = call(Arch::X86_64, "bpf", &[]).nr.raw();
    let (yes, no) = (Action::ALLOW, EPERM);
    for (filter, expected) in [
        ("\"includes\": {\"caps\": [\"CAP_CHOWN\"]}", [yes, yes, yes, yes]),
        ("\"includes\": {\"caps\": [\"cap_chown\"]}", [yes, yes, no, yes]),
        ("\"includes\": {\"caps\": [\"CAP_BPF\"]}", [yes, yes, no, no]),
        ("\"excludes\": {\"caps\": [\"chown\"]}", [yes, yes, yes, no]),
        ("\"includes\": {\"arches\": [\"amd64\"]}", [yes, yes, yes, yes]),
        ("\"includes\": {\"arches\": [\"x86_64\"]}", [yes, yes, no, yes]),
        ("\"excludes\": {\"arches\": [\"x86_64\"]}", [yes, yes, yes, no]),
    ] {
        let rule = format!("{{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_ALLOW\", {filter}}}");
        let read = crate::common::rule("ALLOW", "read", "");
        assert_eq!(answers(&profile(&format!("{read}, {rule}")), nr), expected, "{filter}");
    }
}
