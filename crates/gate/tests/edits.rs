//! What a diagnostic proposes is right: a policy with the edit made has one mistake less, and where
//! it had one it is a policy.
#![expect(clippy::unwrap_used, reason = "what cannot be had fails the test that needs it")]

use std::fs;
use std::path::Path;

use callgate_gate::{Refused, from_folder, read};
use callgate_rules::{Diagnostic, Edit, Severity, Source, SourceId, Target};
use callgate_syscalls::Arch;

/// What is wrong with a text; warnings are not.
fn mistakes(path: &Path, text: &str) -> Vec<Diagnostic> {
    let source = Source::new(path.display().to_string(), text).unwrap();
    let read = read(source, &mut from_folder);
    let lowered = read.and_then(|written| written.lower(&Target::new(Arch::X86_64)));
    let diagnostics = lowered.err().map_or(Vec::new(), |Refused { diagnostics, .. }| diagnostics);
    diagnostics.into_iter().filter(|found| found.severity == Severity::Error).collect()
}

fn edited(text: &str, edit: &Edit) -> String {
    let range = edit.span.range();
    format!("{}{}{}", &text[..range.start], edit.replacement, &text[range.end..])
}

/// Texts in which another mistake shows once the first is mended: a second constant, a file that is
/// not there.
const HIDING: [&str; 2] = ["constant-short.gate", "open-text.gate"];

#[test]
fn every_proposed_edit_mends_what_it_is_about() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/gate/bad");
    let (mut edits, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "gate") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let before = mistakes(&path, &text);
        let own = |edit: &&Edit| edit.span.source() == SourceId::default();
        for found in &before {
            for edit in found.helps.iter().filter_map(|help| help.edit.as_ref()).filter(own) {
                edits += 1;
                let after = mistakes(&path, &edited(&text, edit));
                let name = path.file_name().unwrap().display();
                let same = after.iter().any(|left| left.message == found.message);
                let hides = HIDING.contains(&name.to_string().as_str());
                if same || (after.len() >= before.len() && !hides) {
                    let left: Vec<String> = after.iter().map(ToString::to_string).collect();
                    wrong.push(format!("{name}: {found}\n  {:?}: {left:?}", edit.replacement));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(edits >= 25, "{edits}");
}
