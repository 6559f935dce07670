//! What the readers of profiles and policies found remarkable.

use callgate_formats::WarningKind;
use callgate_rules::{Diagnostic, Help};

use crate::FindingPlace;
use crate::finding::{Draft, Findings};
use crate::ground::Ground;

/// What readers warn of is so whatever the filter means, and each place counts.
pub(crate) fn remarks(remarks: &[Diagnostic], findings: &mut Findings) {
    for remark in remarks {
        findings.add_each(Draft::of_remark(remark));
    }
}

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for warning in ground.subject.warnings {
        let Some(code) = code(&warning.kind) else { continue };
        let about = format!("{}: {}", warning.place.path, warning.kind);
        let place = Some(FindingPlace::Text(warning.place.span));
        let mut draft = Draft::new(code, about, warning.kind.to_string()).at(place);
        if let WarningKind::Readings { name, call, chosen, .. } = &warning.kind {
            draft = draft.named(*name).show((chosen.1, *call));
        }
        if let Some(edit) = warning.diagnostic().helps.into_iter().find(|help| help.edit.is_some())
        {
            draft = draft.help(Some(Help { message: edit.message, edit: edit.edit }));
        }
        findings.add(ground, draft);
    }
}

/// The code of a warning; none where a check here looks closer.
const fn code(kind: &WarningKind) -> Option<&'static str> {
    match kind {
        WarningKind::Truncated { .. } => Some("L0204"),
        WarningKind::ValueOutsideMask => Some("L0205"),
        WarningKind::Readings { .. } => Some("L0308"),
        WarningKind::UnknownField | WarningKind::WidthSkipped { .. } => Some("L0309"),
        WarningKind::ErrnoUnused | WarningKind::ValueTwoUnused => Some("L0310"),
        WarningKind::UnknownSyscall { .. } => Some("L0311"),
        WarningKind::KeyCase
        | WarningKind::KeySpelling { .. }
        | WarningKind::NumberAsText { .. }
        | WarningKind::ArchSpelling { .. } => Some("L0312"),
        WarningKind::ArgumentUnused { .. } => Some("L0313"),
        WarningKind::ValueTwoMissing => Some("L0314"),
        WarningKind::Overruled { .. } => Some("L0301"),
        WarningKind::EqualsDefault | WarningKind::NamesNothing => Some("L0302"),
        _ => None,
    }
}
