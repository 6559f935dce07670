//! What is wrong with a text, and the edits that mend it.

use callgate_gate::{Refused, from_folder, nothing, read, read_tests};
use callgate_rules::{Diagnostic, Label, LabelKind, Severity, Source, SourceId, Sources, Target};
use callgate_syscalls::Arch;
use lsp_types::{
    CodeAction, CodeActionKind, DiagnosticRelatedInformation, DiagnosticSeverity, Location,
    NumberOrString, Position, Range, TextEdit, WorkspaceEdit,
};

use crate::cursor;
use crate::document::Document;

/// What the language has to say about a text, with the texts that it includes.
pub(crate) struct Findings {
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
}

impl Findings {
    /// Reads a text as `callgate compile` does for this machine, and a table as `callgate test`.
    pub(crate) fn of(document: &Document) -> Self {
        let name = document
            .path()
            .map_or_else(|| document.uri.as_str().to_owned(), |path| path.display().to_string());
        let source = match Source::new(name, document.text.clone()) {
            Ok(source) => source,
            Err(error) => return Refused::from(error).into(),
        };
        if document.is_table() {
            let arches = cursor::arches_of_text(&document.text);
            return read_tests(source, &arches).err().map_or_else(Self::nothing, Self::from);
        }
        let read = match document.path() {
            Some(_) => read(source, &mut from_folder),
            None => read(source, &mut nothing),
        };
        let lowered = read.and_then(|written| {
            let target = Target::new(Arch::native().unwrap_or(Arch::X86_64));
            let lowered = written.lower(&target)?;
            Ok((written.sources, lowered.warnings))
        });
        match lowered {
            Ok((sources, diagnostics)) => Self { sources, diagnostics },
            Err(refused) => refused.into(),
        }
    }

    fn nothing() -> Self {
        Self { sources: Sources::new(), diagnostics: Vec::new() }
    }

    /// All of them, as editors show them.
    pub(crate) fn for_editor(&self, document: &Document) -> Vec<lsp_types::Diagnostic> {
        self.diagnostics.iter().map(|found| self.one_for_editor(found, document)).collect()
    }

    fn one_for_editor(&self, found: &Diagnostic, document: &Document) -> lsp_types::Diagnostic {
        let main = found.labels.iter().find(|label| label.kind == LabelKind::Primary);
        let mut message = found.message.clone();
        if let Some(label) = main.filter(|label| !label.text.is_empty()) {
            message += &format!(": {}", label.text);
        }
        // What stands in another file is shown at the top of this one, with its place.
        if let Some(place) = main.filter(|label| !is_own(label)).and_then(|label| self.place(label))
        {
            message = format!("{place}: {message}");
        }
        for (kind, texts) in [("note", &found.notes), ("help", &helps(found))] {
            texts.iter().for_each(|text| message += &format!("\n{kind}: {text}"));
        }
        let others = found.labels.iter().filter(|label| {
            label.kind == LabelKind::Secondary && is_own(label) && !label.text.is_empty()
        });
        let related = others.map(|label| DiagnosticRelatedInformation {
            location: Location {
                uri: document.uri.clone(),
                range: document.range(label.span.range()),
            },
            message: label.text.clone(),
        });
        lsp_types::Diagnostic {
            range: main
                .filter(|label| is_own(label))
                .map_or_else(Range::default, |label| document.range(label.span.range())),
            severity: Some(match found.severity {
                Severity::Error => DiagnosticSeverity::ERROR,
                Severity::Warning => DiagnosticSeverity::WARNING,
                Severity::Note => DiagnosticSeverity::INFORMATION,
            }),
            code: Some(NumberOrString::String(found.code.as_str().to_owned())),
            source: Some("callgate".to_owned()),
            message,
            related_information: Some(related.collect()),
            ..lsp_types::Diagnostic::default()
        }
    }

    fn place(&self, label: &Label) -> Option<String> {
        self.sources.place(label.span)
    }

    /// The edits for what is wrong in a range.
    #[expect(clippy::mutable_key_type, reason = "the protocol's map; nothing changes an address")]
    pub(crate) fn actions(&self, document: &Document, range: Range) -> Vec<CodeAction> {
        let mut actions = Vec::new();
        for found in &self.diagnostics {
            let shown = self.one_for_editor(found, document);
            let (first, last) = (shown.range.start, shown.range.end);
            if first > range.end || last < range.start {
                continue;
            }
            for help in &found.helps {
                let own = help.edit.as_ref().filter(|edit| edit.span.source() == main_source());
                let Some(edit) = own else { continue };
                let range = document.range(edit.span.range());
                let edit = TextEdit { range, new_text: edit.replacement.clone() };
                let changes = [(document.uri.clone(), vec![edit])].into_iter().collect();
                actions.push(CodeAction {
                    title: help.message.clone(),
                    kind: Some(CodeActionKind::QUICKFIX),
                    diagnostics: Some(vec![shown.clone()]),
                    edit: Some(WorkspaceEdit::new(changes)),
                    ..CodeAction::default()
                });
            }
        }
        actions
    }
}

impl From<Refused> for Findings {
    fn from(refused: Refused) -> Self {
        Self { sources: refused.sources, diagnostics: refused.diagnostics }
    }
}

/// The text as everybody formats it, as an edit; none where it is so, or has errors.
pub(crate) fn format(document: &Document) -> Vec<TextEdit> {
    let formatted = callgate_gate::format(&callgate_gate::File::parse(&document.text));
    let changed = formatted.filter(|formatted| *formatted != document.text);
    let whole = Range { start: Position::default(), end: document.position(document.text.len()) };
    changed.into_iter().map(|new_text| TextEdit { range: whole, new_text }).collect()
}

/// The advice without an edit; that with one is offered as an action.
fn helps(found: &Diagnostic) -> Vec<String> {
    found.helps.iter().filter(|help| help.edit.is_none()).map(|help| help.message.clone()).collect()
}

fn is_own(label: &Label) -> bool {
    label.span.source() == main_source()
}

/// The text itself, which is the first of its sources.
fn main_source() -> SourceId {
    SourceId::default()
}
