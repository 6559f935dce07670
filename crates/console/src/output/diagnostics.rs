//! What is wrong with a text: with its lines on a terminal, or as JSON for editors.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use callgate_rules::{Diagnostic, Edit, Help, Label, LabelKind, Severity, Source, Sources, Span};
use serde::Serialize;

/// Diagnostics as people read them, coloured; whoever writes them takes the colours off where nobody sees them.
pub fn rendered(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let renderer = Renderer::styled();
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&report(diagnostic, sources)));
        text.push_str("\n\n");
    }
    text
}

fn report<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Vec<Group<'a>> {
    let title = level(diagnostic.severity).primary_title(&*diagnostic.message);
    let mut main = Group::with_title(title.id(diagnostic.code.as_str()));
    let mut labels: Vec<&Label> = diagnostic.labels.iter().collect();
    while let Some(first) = labels.first() {
        let id = first.span.source();
        let Some(source) = sources.get(id) else { break };
        let (here, elsewhere) =
            labels.iter().partition::<Vec<&Label>, _>(|l| l.span.source() == id);
        main = main.element(snippet(source, &here));
        labels = elsewhere;
    }
    let notes = diagnostic.notes.iter().map(|note| Level::NOTE.message(&**note));
    let plain = diagnostic.helps.iter().filter(|help| help.edit.is_none());
    main = main.elements(notes).elements(plain.map(|help| Level::HELP.message(&*help.message)));
    let edits = diagnostic.helps.iter().filter_map(|help| patch(help, sources));
    std::iter::once(main).chain(edits).collect()
}

fn snippet<'a>(
    source: &'a Source,
    labels: &[&'a Label],
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let annotation = |label: &&'a Label| {
        let kind = match label.kind {
            LabelKind::Primary => AnnotationKind::Primary,
            LabelKind::Secondary => AnnotationKind::Context,
        };
        let annotation = kind.span(within(source, label.span));
        if label.text.is_empty() { annotation } else { annotation.label(&*label.text) }
    };
    Snippet::source(source.text()).path(source.name()).annotations(labels.iter().map(annotation))
}

/// The change that a help proposes, as the lines would look.
fn patch<'a>(help: &'a Help, sources: &'a Sources) -> Option<Group<'a>> {
    let Edit { span, replacement } = help.edit.as_ref()?;
    let source = sources.get(span.source())?;
    let title = Level::HELP.secondary_title(&*help.message);
    let patch = Patch::new(within(source, *span), &**replacement);
    Some(title.element(Snippet::source(source.text()).path(source.name()).patch(patch)))
}

/// The bytes of a span, all of which the text has.
fn within(source: &Source, span: Span) -> std::ops::Range<usize> {
    let len = source.text().len();
    span.start().min(len)..span.end().min(len)
}

const fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    }
}

/// A diagnostic as JSON has it; lines and columns from 1, bytes from 0.
#[derive(Debug, Serialize)]
pub struct DiagnosticJson<'a> {
    code: Option<&'a str>,
    severity: &'static str,
    message: String,
    labels: Vec<LabelJson<'a>>,
    notes: &'a [String],
    helps: Vec<HelpJson<'a>>,
}

#[derive(Debug, Serialize)]
struct LabelJson<'a> {
    primary: bool,
    #[serde(flatten)]
    place: Option<PlaceJson<'a>>,
    text: &'a str,
}

#[derive(Debug, Serialize)]
struct HelpJson<'a> {
    message: &'a str,
    edit: Option<EditJson<'a>>,
}

#[derive(Debug, Serialize)]
struct EditJson<'a> {
    #[serde(flatten)]
    place: Option<PlaceJson<'a>>,
    replacement: &'a str,
}

#[derive(Debug, Serialize)]
struct PlaceJson<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    start: usize,
    end: usize,
}

impl<'a> DiagnosticJson<'a> {
    /// One of a text.
    pub fn new(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Self {
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let label = |label: &'a Label| LabelJson {
            primary: label.kind == LabelKind::Primary,
            place: place(label.span, sources),
            text: &label.text,
        };
        let edit = |edit: &'a Edit| EditJson {
            place: place(edit.span, sources),
            replacement: &edit.replacement,
        };
        let help = |help: &'a Help| HelpJson {
            message: &help.message,
            edit: help.edit.as_ref().map(edit),
        };
        Self {
            code: Some(diagnostic.code.as_str()),
            severity,
            message: diagnostic.message.clone(),
            labels: diagnostic.labels.iter().map(label).collect(),
            notes: &diagnostic.notes,
            helps: diagnostic.helps.iter().map(help).collect(),
        }
    }

    /// A message that has no place in a text.
    pub const fn message(severity: &'static str, message: String) -> Self {
        let labels = Vec::new();
        let helps = Vec::new();
        Self { code: None, severity, message, labels, notes: &[], helps }
    }
}

fn place(span: Span, sources: &Sources) -> Option<PlaceJson<'_>> {
    let source = sources.get(span.source())?;
    let (first, last) = (source.position(span.start()), source.position(span.end()));
    Some(PlaceJson {
        file: source.name(),
        line: first.line,
        column: first.column,
        end_line: last.line,
        end_column: last.column,
        start: span.start(),
        end: span.end(),
    })
}
