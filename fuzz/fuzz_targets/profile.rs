//! Profiles in any form: what is read resolves or is refused with a place; decisions have a rule
//! that stands in the text.
#![no_main]

use callgate_formats::{Options, Profile};
use callgate_policy::Decider;
use callgate_rules::{Diagnostic, Origin, Source};
use callgate_syscalls::{Arch, KernelVersion, SeccompData, SyscallNr};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = Source::from_bytes("p", bytes.to_vec()) else { return };
    let profile = match Profile::read(source.clone()) {
        Ok(profile) => profile,
        Err(error) => return check(&error.diagnostic(), &source),
    };
    for arch in [Arch::X86_64, Arch::S390x] {
        let resolved = match profile.resolve(&Options::new(arch, KernelVersion::new(6, 12))) {
            Ok(resolved) => resolved,
            Err(error) => {
                check(&error.diagnostic(), &source);
                continue;
            }
        };
        resolved.warnings.iter().for_each(|warning| check(&warning.diagnostic(), &source));
        for nr in 0..500 {
            let call = SeccompData::new(arch, SyscallNr::new(nr)).with_args([2; 6]);
            let decision = resolved.policy.decisive(&call);
            let Decider::Rule(id) = decision.by else { continue };
            let rule = &resolved.policy.arch(id.arch).unwrap().rules_for(id.nr)[id.index];
            assert_eq!(rule.action(), decision.action);
            if let Some(written) = resolved.provenance.rule(id) {
                let Origin::Text(span) = written.origin else { panic!("{written:?}") };
                assert!(source.slice(span).unwrap().starts_with('{'));
            }
        }
    }
});

/// Every place is in the text.
fn check(diagnostic: &Diagnostic, source: &Source) {
    assert!(!diagnostic.message.is_empty());
    let edits = diagnostic.helps.iter().filter_map(|help| Some(help.edit.as_ref()?.span));
    for span in diagnostic.labels.iter().map(|label| label.span).chain(edits) {
        assert!(source.slice(span).is_some(), "{diagnostic:?}");
        assert!(source.offset(source.position(span.start())).is_some(), "{diagnostic:?}");
    }
}
