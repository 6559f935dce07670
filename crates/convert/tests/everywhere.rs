//! Profiles of engines as one text each, equal under all circumstances.

use callgate_convert::{Everywhere, Format, NotConverted, Open, everywhere};
use callgate_formats::{Options, Profile, Reading};
use callgate_gate::{Style, nothing, read};
use callgate_raise::{Agreement, compare};
use callgate_rules::{CapSet, Capability, Source, Target};
use callgate_syscalls::{Action, Arch, KernelVersion, SeccompData, SyscallNr};
use callgate_testkit::{Rng, skip};

/// A profile, and whose reading of it is meant.
type Read<'a> = (&'a Profile, Option<Reading>);

fn written((profile, reading): Read<'_>, style: Style) -> Everywhere {
    let found = everywhere(&Open::Profile(profile, reading), Format::Gate, style)
        .expect("the profile can be said");
    found.expect("the profile depends on circumstances")
}

fn pick<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

/// Compares text and profile under circumstances that the writer did not choose.
fn assert_equal_at_random(profile: Read<'_>, text: &str, rng: &mut Rng, count: u32) {
    let (profile, reading) = profile;
    let source = Source::new("written.gate", text).expect("a short text");
    let gate = read(source, &mut nothing).expect("a policy");
    for _ in 0..count {
        let native = pick(rng, &Arch::ALL);
        let caps: CapSet = Capability::all().filter(|_| rng.bool()).collect();
        let kernel = pick(rng, &[(2, 6), (4, 7), (4, 8), (5, 7), (5, 8), (6, 12)]);
        let kernel = KernelVersion::new(kernel.0, kernel.1);
        let mut options = Options::new(native, kernel);
        (options.caps, options.reading) = (caps, reading);
        let Ok(meant) = profile.resolve(&options) else { continue };
        let target = Target { native, arches: None, kernel: Some(kernel), caps };
        let lowered = gate.lower(&target).expect("it is refused on no target");
        let agreement = compare(&meant.policy, &lowered.policy).expect("the proof ends");
        let is_same = !matches!(agreement, Agreement::Differ(_));
        assert!(is_same, "{native} {kernel} {caps}: {agreement:?}\n{text}");
    }
}

fn large(name: &str) -> Profile {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/profiles");
    Profile::load(format!("{folder}/{name}.json").as_ref()).expect("a profile")
}

#[test]
fn large_profiles_are_one_text_each() {
    let mut rng = Rng::with_seed(1);
    for name in ["container", "qemu"] {
        let profile = large(name);
        let read = (&profile, Some(Reading::Kernel));
        for style in [Style::Folded, Style::Expanded] {
            let found = written(read, style);
            assert!(found.compared > Arch::ALL.len(), "{name}: {}", found.compared);
            assert!(found.refusals.is_empty(), "{name}: {:?}", found.refusals);
            assert_equal_at_random(read, &found.text, &mut rng, 40);
        }
    }
    let text = written((&large("container"), Some(Reading::Kernel)), Style::Folded).text;
    for part in ["on cap CAP_SYS_ADMIN, CAP_BPF {", "kernel >= 4.8", "machine x86_64 + x86 + x32,"]
    {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

/// On machines that a policy does not name, too, Docker gets a list from which it infers which
/// calls are known.
#[test]
fn embedded_policies_can_be_given_to_docker() {
    let docker = |name| {
        let rules = callgate_gate::builtin(name).unwrap().read().unwrap().rules;
        everywhere(&Open::Rules(&rules), Format::Docker, Style::Folded)
    };
    let container = docker("container").unwrap().unwrap();
    assert!(container.refusals.numbers.len() >= 20, "{:?}", container.refusals);
    assert!(container.refusals.foreign.is_empty() && container.refusals.syscalls.is_empty());
    let profile = Profile::parse(container.text.as_bytes(), "docker.json").unwrap();
    for arch in [Arch::Riscv64, Arch::X86] {
        let read = profile.resolve(&Options::new(arch, KernelVersion::new(6, 12))).unwrap();
        let newer = SeccompData::new(arch, SyscallNr::new(2000));
        assert_eq!(read.policy.decide(&newer), Action::errno(38).unwrap(), "{arch}");
    }
    // Where there is `socketcall`, runtimes open it for a rule about `socket`.
    let error = docker("qemu").unwrap_err().to_string();
    assert!(error.contains("socketcall(call: 1, args: 0) on x86 gets ALLOW"), "{error}");
}

/// Podman's own, where it is installed.
#[test]
fn the_profile_of_an_engine_is_one_text() {
    let path = std::path::Path::new("/usr/share/containers/seccomp.json");
    let Ok(profile) = Profile::load(path) else {
        return skip("no engine's profile is installed");
    };
    let found = written((&profile, None), Style::Folded);
    assert!(found.text.contains("on cap CAP_SYS_ADMIN {"), "{}", found.text);
    assert_equal_at_random((&profile, None), &found.text, &mut Rng::with_seed(2), 60);
    let gate = read(Source::new("a.gate", found.text).unwrap(), &mut nothing).unwrap();
    let back = everywhere(&Open::Rules(&gate.rules), Format::Docker, Style::Folded);
    let back = back.unwrap().unwrap().text;
    assert_same_at_random(&profile, &back, &mut Rng::with_seed(4), 30);
}

const NAMES: [&str; 9] =
    ["read", "socket", "socketcall", "clone", "bpf", "ptrace", "semop", "ipc", "futex_waitv"];

/// Compares two profiles under circumstances that the writer did not choose.
fn assert_same_at_random(one: &Profile, other: &str, rng: &mut Rng, count: u32) {
    let other = Profile::parse(other.as_bytes(), "written.json").expect("a profile");
    for _ in 0..count {
        let native = pick(rng, &Arch::ALL);
        let kernel = pick(rng, &[(2, 6), (4, 7), (4, 8), (5, 7), (5, 8), (6, 12)]);
        let mut options = Options::new(native, KernelVersion::new(kernel.0, kernel.1));
        options.caps = Capability::all().filter(|_| rng.bool()).collect();
        let Ok(meant) = one.resolve(&options) else { continue };
        let read = other.resolve(&options).expect("it is refused on no target");
        let agreement = compare(&meant.policy, &read.policy).expect("the proof ends");
        let is_same = !matches!(agreement, Agreement::Differ(_));
        assert!(is_same, "{native} {kernel:?} {}: {agreement:?}", options.caps);
    }
}

/// Through the language and back, and from one profile to another, nothing is lost.
#[test]
fn a_profile_comes_back_from_the_language() {
    let mut rng = Rng::with_seed(3);
    // As engines read it.
    let profile = large("container");
    let gate = written((&profile, None), Style::Folded).text;
    let read_gate = |text: &str| read(Source::new("a.gate", text).unwrap(), &mut nothing).unwrap();
    let rules = read_gate(&gate).rules;
    let docker = |open: &Open<'_>| {
        let found = everywhere(open, Format::Docker, Style::Folded).unwrap().unwrap();
        assert!(found.compared > 3 * Arch::ALL.len(), "{}", found.compared);
        found.text
    };
    let back = docker(&Open::Rules(&rules));
    assert_eq!(back, docker(&Open::Profile(&profile, None)));
    assert_same_at_random(&profile, &back, &mut rng, 30);
    for part in [r#""minKernel": "4.8""#, r#""CAP_SYS_ADMIN""#, r#""archMap""#, r#""ppc64le""#] {
        assert!(back.contains(part), "{part} is not in\n{back}");
    }
    // What was written is the same profile, and is written in the same words again.
    let again = Profile::parse(back.as_bytes(), "again.json").unwrap();
    assert_eq!(back, docker(&Open::Profile(&again, None)));
    let gate = written((&again, None), Style::Folded).text;
    assert_equal_at_random((&profile, None), &gate, &mut rng, 20);
    let shown = everywhere(&Open::Rules(&rules), Format::Gate, Style::Folded).unwrap().unwrap();
    assert_equal_at_random((&profile, None), &shown.text, &mut rng, 20);
}

/// An errno whose number machines differ in is named, as Podman's own profile does.
#[test]
fn a_default_by_name_comes_back_by_name() {
    let text = "policy 1\nmachine x86_64 + x86, aarch64 + arm\n\
        default enosys\nallow { read, write }\n\
        on cap CAP_BPF { errno EPERM bpf }\n";
    let rules = read(Source::new("a.gate", text).unwrap(), &mut nothing).unwrap().rules;
    let docker = everywhere(&Open::Rules(&rules), Format::Docker, Style::Folded);
    let docker = docker.unwrap().unwrap().text;
    assert!(docker.contains(r#""defaultErrnoRet": 38"#), "{docker}");
    assert!(docker.contains(r#""defaultErrno": "ENOSYS""#), "{docker}");
}

/// An errno that is a number is written as one where machines have different names for it.
#[test]
fn a_default_by_number_is_one_text() {
    let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}}]}"#;
    let profile = Profile::parse(text.as_bytes(), "profile.json").unwrap();
    let gate = written((&profile, None), Style::Folded).text;
    assert!(gate.contains("default errno 38\n"), "{gate}");
    assert_equal_at_random((&profile, None), &gate, &mut Rng::with_seed(5), 20);
}

/// Machines on which rules are no policy are left out; other forms have no words for circumstances.
#[test]
fn rules_are_written_for_the_machines_on_which_they_mean_something() {
    let rules = |lines: &str| {
        let text = format!("policy 1\ndefault errno EPERM\n{lines}");
        read(Source::new("a.gate", text).unwrap(), &mut nothing).unwrap().rules
    };
    let on = "allow { read, arch_prctl }\non kernel >= 5.8 { allow getrandom }\n\
        on not machine x86_64 { allow pause }\n";
    let open = rules(on);
    let docker = everywhere(&Open::Rules(&open), Format::Docker, Style::Folded);
    let docker = docker.unwrap().unwrap().text;
    assert!(docker.contains(r#""minKernel": "5.8""#), "{docker}");
    assert!(everywhere(&Open::Rules(&open), Format::Oci, Style::Folded).unwrap().is_none());
    let wide = rules(&format!("{on}allow lseek where offset == 0x100000000\n"));
    let gate = everywhere(&Open::Rules(&wide), Format::Gate, Style::Folded).unwrap().unwrap().text;
    let machines = gate.lines().find(|line| line.starts_with("machine")).unwrap();
    assert!(machines.contains("x86_64, ") && !machines.contains("x86, "), "{gate}");
    // For fixed architectures it stays what it is.
    let fixed = rules(&format!("arch x86_64, x86\n{on}"));
    let gate = everywhere(&Open::Rules(&fixed), Format::Gate, Style::Folded).unwrap().unwrap().text;
    assert!(gate.contains("\narch x86_64, x86\n"), "{gate}");
}

/// A rule with some of what Docker's have.
fn rule(rng: &mut Rng) -> String {
    let words = |rng: &mut Rng, all: &[&str]| {
        let some: Vec<String> =
            all.iter().filter(|_| rng.bool()).take(2).map(|word| format!("{word:?}")).collect();
        some.join(", ")
    };
    let circumstances = |rng: &mut Rng| {
        let caps = words(rng, &["CAP_BPF", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE"]);
        let arches = words(rng, &["amd64", "arm64", "s390x", "x86"]);
        let kernel = pick(rng, &["", r#", "minKernel": "4.8""#, r#", "minKernel": "5.8""#]);
        let (arches, kernel) = if rng.bool() { (arches.as_str(), "") } else { ("", kernel) };
        format!(r#"{{"caps": [{caps}], "arches": [{arches}]{kernel}}}"#)
    };
    let args = match rng.bool() {
        true => r#", "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}]"#,
        false => "",
    };
    let name = pick(rng, &NAMES);
    let action = pick(rng, &["SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRAP"]);
    let (includes, excludes) = (circumstances(rng), circumstances(rng));
    let excludes = if rng.bool() { format!(r#", "excludes": {excludes}"#) } else { String::new() };
    format!(
        r#"{{"names": ["{name}"], "action": "{action}"{args}, "includes": {includes}{excludes}}}"#
    )
}

/// Random profiles are one text each, or refused because rules contradict each other somewhere.
#[test]
fn random_profiles_are_one_text_each() {
    let (mut shown, mut came_back) = (0, 0);
    for seed in 0..60 {
        let mut rng = Rng::with_seed(seed);
        let rules: Vec<String> = (0..4).map(|_| rule(&mut rng)).collect();
        let map = match rng.bool() {
            true => {
                r#""archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
                {"architecture": "SCMP_ARCH_S390X", "subArchitectures": ["SCMP_ARCH_S390"]}],"#
            }
            false => "",
        };
        let text = format!(
            r#"{{"defaultAction": "SCMP_ACT_ERRNO", {map} "syscalls": [
                {{"names": ["write", "exit_group"], "action": "SCMP_ACT_ALLOW"}}, {}]}}"#,
            rules.join(",\n")
        );
        let profile = Profile::parse(text.as_bytes(), "random.json").unwrap();
        match everywhere(&Open::Profile(&profile, None), Format::Gate, Style::Folded) {
            Ok(Some(found)) => {
                shown += 1;
                assert_equal_at_random((&profile, None), &found.text, &mut rng, 8);
                let gate = read(Source::new("a.gate", &*found.text).unwrap(), &mut nothing);
                let rules = gate.unwrap().rules;
                for open in [Open::Profile(&profile, None), Open::Rules(&rules)] {
                    match everywhere(&open, Format::Docker, Style::Folded) {
                        Ok(Some(back)) => {
                            came_back += 1;
                            assert_same_at_random(&profile, &back.text, &mut rng, 8);
                        }
                        // Which calls are known depends on circumstances, and a rule for those of
                        // a multiplexer is one for the multiplexer, too.
                        Err(NotConverted::Inexpressible { what, .. }) => {
                            let known = ["socketcall", "ipc", "contradict", "conflict"];
                            let is_known = known.iter().any(|word| what.contains(word));
                            assert!(is_known, "seed {seed}: {what}\n{text}\n{}", found.text);
                        }
                        other => panic!("seed {seed}: {other:?}"),
                    }
                }
            }
            Ok(None) => panic!("seed {seed}: nothing is left open in {text}"),
            Err(NotConverted::Inexpressible { what, .. }) => {
                assert!(
                    what.contains("contradict") || what.contains("conflict"),
                    "seed {seed}: {what}\n{text}"
                );
            }
            Err(error) => panic!("seed {seed}: {error}\n{text}"),
        }
    }
    assert!(shown >= 30, "only {shown} were shown");
    assert!(came_back >= shown, "only {came_back} of {shown} came back");
}

/// What does not depend on anything stays a policy for its architectures.
#[test]
fn profiles_that_are_the_same_everywhere_are_left_alone() {
    let oci = r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}"#;
    let profile = Profile::parse(oci.as_bytes(), "oci.json").unwrap();
    assert!(
        everywhere(&Open::Profile(&profile, None), Format::Gate, Style::Folded).unwrap().is_none()
    );
}
