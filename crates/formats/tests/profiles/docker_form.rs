//! The file form of Docker and Podman: what is picked for which container and machine.

use crate::common::*;
use callgate_formats::{CapSet, Form, Options, Profile};
use callgate_syscalls::{Action, Arch, KernelVersion};

fn filtered(filter: &str) -> Profile {
    let rule = format!("{{\"names\": [\"dup\"], \"action\": \"SCMP_ACT_ALLOW\", {filter}}}");
    let profile = profile(&format!("{},{rule}", rule_read()));
    assert_eq!(profile.form(), Form::Docker);
    profile
}

fn rule_read() -> String {
    rule("ALLOW", "read", "")
}

fn applies(profile: &Profile, options: &Options) -> bool {
    decide(&profile.resolve(options).unwrap(), "dup", &[]) == Action::ALLOW
}

#[test]
fn included_capabilities_must_all_be_there_and_excluded_ones_all_absent() {
    let both = "{\"caps\": [\"CAP_BPF\", \"CAP_SYSLOG\"]}";
    let includes = filtered(&format!("\"includes\": {both}"));
    let excludes = filtered(&format!("\"excludes\": {both}"));
    for (caps, included, excluded) in [
        ("", false, true),
        ("BPF", false, false),
        ("SYSLOG", false, false),
        ("BPF,SYSLOG", true, false),
        ("ALL", true, false),
    ] {
        let mut options = options();
        options.caps = caps.parse().unwrap();
        assert_eq!(applies(&includes, &options), included, "includes, {caps}");
        assert_eq!(applies(&excludes, &options), excluded, "excludes, {caps}");
    }
}

#[test]
fn kernels_count_from_the_one_named() {
    let includes = filtered("\"includes\": {\"minKernel\": \"4.8\"}");
    let excludes = filtered("\"excludes\": {\"minKernel\": \"4.8\"}");
    for (kernel, is_newer) in [((4, 7), false), ((4, 8), true), ((4, 10), true), ((5, 0), true)] {
        let mut options = options();
        options.kernel = KernelVersion::new(kernel.0, kernel.1);
        assert_eq!(applies(&includes, &options), is_newer, "{kernel:?}");
        assert_eq!(applies(&excludes, &options), !is_newer, "{kernel:?}");
    }
}

#[test]
fn architectures_are_the_machines_own_in_dockers_words() {
    for (word, is_native) in
        [("amd64", true), ("x86_64", true), ("x86", false), ("386", false), ("arm64", false)]
    {
        let filter = format!("{{\"arches\": [\"{word}\"]}}");
        let includes = filtered(&format!("\"includes\": {filter}"));
        assert_eq!(applies(&includes, &options()), is_native, "{word}");
        let excludes = filtered(&format!("\"excludes\": {filter}"));
        assert_eq!(applies(&excludes, &options()), !is_native, "{word}");
    }
}

#[test]
fn all_parts_of_includes_count_together() {
    let filter =
        "\"includes\": {\"caps\": [\"CAP_BPF\"], \"arches\": [\"amd64\"], \"minKernel\": \"5.0\"}";
    let profile = filtered(filter);
    let mut options = options();
    assert!(!applies(&profile, &options));
    options.caps = CapSet::ALL;
    assert!(applies(&profile, &options));
    options.kernel = KernelVersion::new(4, 19);
    assert!(!applies(&profile, &options));
}

#[test]
fn arch_map_adds_the_architectures_of_the_machine() {
    let fields = "\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": [\
        {\"architecture\": \"SCMP_ARCH_AARCH64\", \"subArchitectures\": [\"SCMP_ARCH_ARM\"]},\
        {\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": [\"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"]},\
        {\"architecture\": \"SCMP_ARCH_RISCV64\", \"subArchitectures\": null}]";
    let profile = profile_with(fields, &rule_read());
    for (native, arches) in [
        (Arch::X86_64, &[Arch::X86, Arch::X86_64, Arch::X32][..]),
        (Arch::Aarch64, &[Arch::Arm, Arch::Aarch64]),
        (Arch::Riscv64, &[Arch::Riscv64]),
        (Arch::S390x, &[Arch::S390x]),
    ] {
        let mut options = options();
        options.native = native;
        let policy = profile.resolve(&options).unwrap().policy;
        assert_eq!(policy.arches().map(|(arch, _)| arch).collect::<Vec<_>>(), arches);
    }
}

#[test]
fn old_and_podmans_fields_are_read() {
    let old = profile("{\"name\": \"dup\", \"action\": \"SCMP_ACT_ALLOW\", \"args\": null}");
    assert_eq!(old.form(), Form::Docker);
    assert!(applies(&old, &options()));
    let podman = profile_with(
        "\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrno\": \"ENOSYS\", \"defaultErrnoRet\": 1",
        "{\"names\": [\"dup\"], \"action\": \"SCMP_ACT_ERRNO\", \"errno\": \"EPERM\", \"comment\": \"\", \"args\": []}",
    );
    let resolved = podman.resolve(&options()).unwrap();
    assert_eq!(decide(&resolved, "dup", &[]), EPERM);
    assert_eq!(decide(&resolved, "read", &[]), ENOSYS);
    assert_eq!(warnings(&resolved), [""; 0]);
}

#[test]
fn what_is_not_picked_cannot_fail() {
    let unknown = "{\"names\": [\"no_such_call\"], \"action\": \"SCMP_ACT_KILL\", \"includes\": {\"caps\": [\"CAP_BPF\"]}}";
    let profile = profile(&format!("{},{unknown}", rule_read()));
    assert!(profile.resolve(&options()).is_ok());
    let mut options = options();
    options.caps = CapSet::ALL;
    assert!(profile.resolve(&options).is_err());
}

#[test]
fn files_are_written_as_they_are_read() {
    let text = "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\",\
                \"subArchitectures\":[\"SCMP_ARCH_X86\"]}],\"syscalls\":[{\"names\":[\"dup\"],\
                \"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\",\
                \"width\":32}],\"includes\":{\"caps\":[\"CAP_BPF\"],\"arches\":[\"amd64\"],\
                \"minKernel\":\"4.8\"}}]}";
    let source = callgate_rules::Source::new("p.json", text).unwrap();
    let file = callgate_formats::docker::Seccomp::read(source).unwrap();
    assert_eq!(serde_json::to_string(&file).unwrap(), text);
}
