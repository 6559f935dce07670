//! Each rule of a policy is known by the rule of the file that it comes from.

use callgate_formats::{CapSet, Profile};
use callgate_policy::{Decider, RuleId};
use callgate_rules::Origin;
use callgate_syscalls::{Arch, SeccompData, names};

use crate::common::{large, options};

/// The text of the rule behind each rule of the policy, with the name of the syscall; how many have
/// none.
fn check(profile: &Profile, caps: CapSet) -> (usize, usize) {
    let mut options = options();
    options.caps = caps;
    let resolved = profile.resolve(&options).unwrap();
    let (mut found, mut without) = (0, 0);
    for (arch, policy) in resolved.policy.arches() {
        for (nr, rules) in policy.rules() {
            for index in 0..rules.len() {
                let Some(written) = resolved.provenance.rule(RuleId { arch, nr, index }) else {
                    without += 1;
                    continue;
                };
                let Origin::Text(span) = written.origin else { panic!("{written:?}") };
                let text = profile.source().slice(span).unwrap();
                let name = arch.syscall_at(nr).unwrap().name.as_str();
                // A call of `socketcall` or `ipc` may be there because of what it stands for.
                let is_named = text.contains(&format!("\"{name}\""));
                assert!(is_named || ["socketcall", "ipc"].contains(&name), "{arch} {name}: {text}");
                found += 1;
            }
        }
    }
    (found, without)
}

#[test]
fn rules_of_large_profiles_stand_where_they_are_said_to() {
    for (name, most) in [("container", 900), ("qemu", 100)] {
        let profile = large(name);
        for caps in [CapSet::NONE, CapSet::DOCKER_DEFAULT, CapSet::ALL] {
            let (found, without) = check(&profile, caps);
            assert!(found > most, "{name}: {found} found");
            assert_eq!(without, 0, "{name}");
        }
    }
}

#[test]
fn a_decision_leads_to_its_line() {
    let text = "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [\n\
                {\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"caps\": [\"CAP_BPF\"]}},\n\
                {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 2, \"op\": \"SCMP_CMP_EQ\"}]},\n  \
                {\"names\": [\"write\", \"socket\"], \"action\": \"SCMP_ACT_LOG\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}]}\n\
                ]}";
    let profile = Profile::parse(text.as_bytes(), "p.json").unwrap();
    let resolved = profile.resolve(&options()).unwrap();
    let place = |name, arg| {
        let nr = Arch::X86_64.syscall(name).unwrap().nr;
        let call = SeccompData::new(Arch::X86_64, nr).with_args([arg, 0, 0, 0, 0, 0]);
        let Decider::Rule(id) = resolved.policy.decisive(&call).by else { return None };
        let written = resolved.provenance.rule(id)?;
        let Origin::Text(span) = written.origin else { return None };
        Some((profile.source().place(span), written.index))
    };
    let found = |place: &str, index| Some((place.to_owned(), index));
    assert_eq!(place(names::SOCKET, 2), found("p.json:3:1", 1));
    assert_eq!(place(names::SOCKET, 1), found("p.json:4:3", 2));
    assert_eq!(place(names::WRITE, 1), found("p.json:4:3", 2));
    assert_eq!(place(names::READ, 1), None);
    let Some(Origin::Text(default)) = resolved.provenance.default else { panic!("no default") };
    assert_eq!(profile.source().place(default), "p.json:1:19");
}
