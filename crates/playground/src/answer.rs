//! What is to say about a filter.

use callgate_bpf::{Listing, Stack};
use callgate_gate::{Style, show, words_of};
use callgate_lint::{Subject, Text};
use callgate_policy::{Policy, SeccompData};
use callgate_prover::{Meaning, Options, Prover, Scope};
use callgate_review::{Decided, Layout, Report, Span, Tone, changes, folded, svg, text};
use callgate_rules::{Diagnostic, Severity, Source, Sources};
use callgate_syscalls::{Action, Arch, Endian, Name};
use serde::Serialize;

use crate::read::{Failure, Filter, read};
use crate::settings::Settings;

/// What is known of a filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The form that it has, in the place of a noun.
    pub form: String,
    /// What is wrong, if it is no filter.
    pub errors: Vec<Note>,
    /// The filter as a policy in the language, proved equal.
    pub shown: String,
    /// Why there is no such text.
    pub not_shown: String,
    /// What lint finds.
    pub findings: Vec<Note>,
    /// How many instructions the compiled filter has; 0 where it was not compiled.
    pub instructions: usize,
    /// What becomes of the syscall that was asked about.
    pub call: String,
    /// How many tests there are.
    pub tests: usize,
    /// Those that do not hold.
    pub failed: Vec<Note>,
    /// What changes from this filter to the other one, if there is one.
    pub changes: Option<Vec<Change>>,
    /// What is wrong with the other one.
    pub other_errors: Vec<Note>,
}

/// Something about a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// The code, if it has one.
    pub code: String,
    /// What it is.
    pub message: String,
    /// The line, from 1; 0 where it has none.
    pub line: usize,
    /// The column, from 1; 0 where it has none.
    pub column: usize,
    /// What explains it, and what to do.
    pub more: Vec<String>,
}

/// A piece of the text that says what changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// How it looks: `plain`, `heading`, `looser`, `stricter` or `faint`.
    pub tone: &'static str,
    /// The text.
    pub text: String,
}

/// How wide the text of changes is.
const COLUMNS: usize = 96;

pub(crate) fn of(bytes: &[u8], other: &[u8], tests: &str, settings: &Settings) -> Facts {
    let mut answer = Facts::default();
    let filter = match read(bytes, "filter", settings) {
        Ok(filter) => filter,
        Err(failure) => {
            answer.errors = notes_of(&failure);
            return answer;
        }
    };
    answer.form.clone_from(&filter.form);
    let shown = match &filter.policy {
        Ok(policy) => show(policy, Style::Folded).map_err(|reason| reason.to_string()),
        Err(reason) => Err(reason.clone()),
    };
    match shown {
        Ok(shown) => answer.shown = shown.text,
        Err(reason) => (answer.not_shown, answer.shown) = (reason, listing(&filter)),
    }
    answer.findings = findings(&filter);
    answer.instructions = instructions(&filter);
    if let Ok(policy) = &filter.policy {
        answer.call = call(policy, &settings.call);
        prove_tests(&filter, policy, tests, &mut answer);
    }
    if !other.trim_ascii().is_empty() {
        match read(other, "other", settings) {
            Ok(other) => compare(&filter, &other, &mut answer),
            Err(failure) => answer.other_errors = notes_of(&failure),
        }
    }
    answer
}

/// The decisions as a picture.
pub(crate) fn picture(bytes: &[u8], settings: &Settings) -> Option<String> {
    let policy = read(bytes, "filter", settings).ok()?.policy.ok()?;
    Some(svg(&Report::of(&policy, "the filter").ok()?))
}

fn findings(filter: &Filter) -> Vec<Note> {
    let mut subject = match (&filter.stack, &filter.policy) {
        (Some(stack), _) => Subject::stack(stack),
        (None, Ok(policy)) => Subject::policy(policy),
        (None, Err(_)) => return Vec::new(),
    };
    if let Some(provenance) = &filter.provenance {
        let (sources, joined) = (&filter.sources, filter.joined);
        subject.text = Some(Text { provenance, sources, joined });
    }
    subject.warnings = &filter.warnings;
    subject.listener = filter.listener;
    let own = filter.notes.iter().map(|diagnostic| note(diagnostic, &filter.sources));
    match callgate_lint::lint(&subject, &callgate_lint::Options::default()) {
        Ok(report) => {
            let found = report.findings.iter();
            own.chain(found.map(|found| note(&found.diagnostic(), &filter.sources))).collect()
        }
        Err(error) => own.chain([said(error.to_string())]).collect(),
    }
}

fn instructions(filter: &Filter) -> usize {
    if let Some(stack) = &filter.stack {
        return stack.programs().iter().map(|program| program.len()).sum();
    }
    let built = filter.policy.as_ref().ok().and_then(|policy| callgate_build::program(policy).ok());
    built.map_or(0, |built| built.into_program().len())
}

/// The instructions of programs that no policy means.
fn listing(filter: &Filter) -> String {
    let programs = filter.stack.iter().flat_map(Stack::programs);
    let style = callgate_bpf::Style { endian: Endian::Little, arch: Some(Arch::X86_64) };
    let lines = programs.flat_map(|program| Listing::new(program, style).lines);
    lines.fold(String::new(), |text, line| text + &line.text + "\n")
}

fn call(policy: &Policy, name: &str) -> String {
    match (name.trim(), Name::parse(name.trim())) {
        ("", _) => String::new(),
        (name, None) => format!("no syscall is called {name:?}"),
        (_, Some(name)) => words_of(policy, name).unwrap_or_else(|error| error.to_string()),
    }
}

/// The tests in a policy and those of a table, each proved for every call that it describes.
fn prove_tests(filter: &Filter, policy: &Policy, table: &str, answer: &mut Facts) {
    let mut all: Vec<(callgate_gate::Test, Sources)> =
        filter.tests.iter().map(|test| (test.clone(), filter.sources.clone())).collect();
    let arches: Vec<Arch> = policy.arches().map(|(arch, _)| arch).collect();
    if !table.trim().is_empty() {
        let read = Source::new("tests", table).map_err(|error| Failure::Said(error.to_string()));
        let read = read
            .and_then(|source| callgate_gate::read_tests(source, &arches).map_err(Failure::Text));
        match read {
            Ok((sources, tests)) => {
                all.extend(tests.into_iter().map(|test| (test, sources.clone())));
            }
            Err(failure) => answer.failed = notes_of(&failure),
        }
    }
    answer.tests = all.len();
    for (test, sources) in &all {
        match test.failures(policy) {
            Ok(failures) => {
                let notes = failures.iter().map(|found| {
                    let diagnostic =
                        callgate_gate::failure(test, found, filter.provenance.as_ref());
                    note(&diagnostic, sources)
                });
                answer.failed.extend(notes);
            }
            Err(reason) => answer.failed.push(said(reason.to_string())),
        }
    }
}

fn compare(from: &Filter, to: &Filter, answer: &mut Facts) {
    let mut prover = Prover::new(Options::default());
    let differences = meaning(&mut prover, from).and_then(|left| {
        let right = meaning(&mut prover, to)?;
        prover.differences(&left, &right, Scope::Exact).map_err(|error| error.to_string())
    });
    match differences {
        Ok(differences) => {
            let mut changes = changes(&differences, &[]);
            for change in &mut changes {
                change.from_by = place(from, &change.witness);
                change.to_by = place(to, &change.witness);
            }
            let folded = folded(&changes, |call| [decided(from, call), decided(to, call)]);
            let spans = text(&folded, Layout { columns: COLUMNS, whole: true }).into_iter();
            answer.changes =
                Some(spans.map(|Span { tone, text }| Change { tone: word(tone), text }).collect());
        }
        Err(error) => answer.other_errors.push(said(error)),
    }
}

fn meaning<'f>(prover: &mut Prover, filter: &'f Filter) -> Result<Meaning<'f>, String> {
    let meaning = match (&filter.stack, &filter.policy) {
        (Some(stack), _) => prover.stack(stack),
        (None, Ok(policy)) => prover.policy(policy),
        (None, Err(reason)) => return Err(reason.clone()),
    };
    meaning.map_err(|error| error.to_string())
}

/// What a filter does with a call.
fn decided(filter: &Filter, call: &SeccompData) -> Decided {
    let endian = Arch::of_call(call.arch, call.nr).map_or(Endian::Little, Arch::endian);
    let action = match (&filter.stack, &filter.policy) {
        (Some(stack), _) => stack.run(call, endian).action,
        (None, Ok(policy)) => policy.decisive(call).action,
        // What cannot be read was not compared.
        (None, Err(_)) => Action::KILL_PROCESS,
    };
    Decided { action, by: place(filter, call) }
}

/// Where in a text stands who decides about a call.
fn place(filter: &Filter, call: &SeccompData) -> Option<String> {
    let by = filter.policy.as_ref().ok()?.decisive(call).by;
    filter.sources.place(callgate_gate::decider(by, filter.provenance.as_ref())?)
}

const fn word(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Heading => "heading",
        Tone::Looser => "looser",
        Tone::Stricter => "stricter",
        Tone::Faint => "faint",
    }
}

fn notes_of(failure: &Failure) -> Vec<Note> {
    match failure {
        Failure::Said(message) => vec![said(message.clone())],
        Failure::Text(refused) => {
            refused.diagnostics.iter().map(|error| note(error, &refused.sources)).collect()
        }
    }
}

fn said(message: String) -> Note {
    Note { severity: "error", code: String::new(), message, line: 0, column: 0, more: Vec::new() }
}

fn note(diagnostic: &Diagnostic, sources: &Sources) -> Note {
    let place = diagnostic.primary_span().and_then(|span| {
        let source = sources.get(span.source())?;
        Some(source.position(span.start()))
    });
    let labels = diagnostic.labels.iter().filter(|label| !label.text.is_empty());
    let labels = labels.map(|label| match sources.place(label.span) {
        Some(place) => format!("{place}: {}", label.text),
        None => label.text.clone(),
    });
    let helps = diagnostic.helps.iter().map(|help| match &help.edit {
        Some(edit) => format!("{}: {}", help.message, edit.replacement),
        None => help.message.clone(),
    });
    Note {
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        code: diagnostic.code.as_str().to_owned(),
        message: diagnostic.message.clone(),
        line: place.map_or(0, |place| place.line),
        column: place.map_or(0, |place| place.column),
        more: labels.chain(diagnostic.notes.iter().cloned()).chain(helps).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATE: &str = "policy 1\narch x86_64\ndefault errno EPERM\nallow { read, write, exit_group }\n\
        allow socket where family == AF_UNIX\ntest socket(AF_INET, _, _) -> errno EPERM\n";

    fn answer(filter: &str, other: &str, tests: &str) -> Facts {
        of(filter.as_bytes(), other.as_bytes(), tests, &Settings::default())
    }

    #[test]
    fn a_policy_is_shown_tested_and_compared() {
        let other = GATE.replace("AF_UNIX", "AF_INET");
        let found = answer(GATE, &other, "test read -> allow\ntest write -> kill\n");
        assert!(found.shown.contains("allow socket where family == AF_UNIX"), "{found:?}");
        assert!(found.instructions > 5);
        assert_eq!((found.tests, found.failed.len()), (3, 1), "{:?}", found.failed);
        let changes: String =
            found.changes.unwrap().into_iter().map(|change| change.text).collect();
        assert!(changes.contains("socket") && changes.contains("AF_INET"), "{changes}");
    }

    #[test]
    fn every_kind_of_form_is_read() {
        let docker = include_str!("../../../testdata/profiles/container.json");
        assert_eq!(answer(docker, "", "").form, "a container profile");
        let container = callgate_gate::builtin("container").unwrap().text;
        assert_eq!(answer(container, "", "").form, answer(GATE, "", "").form);
        let unit = "[Service]\nSystemCallFilter=@system-service\nSystemCallErrorNumber=EPERM\n";
        assert_eq!(answer(unit, "", "").form, "a systemd unit");
        let firejail = answer("seccomp.keep read,write,exit_group\n", "", "");
        assert!(firejail.shown.contains("read") && firejail.errors.is_empty(), "{firejail:?}");
        let program = "{ 0x20, 0, 0, 0 },\n{ 0x15, 0, 1, 39 },\n{ 0x06, 0, 0, 0x00050001 },\n\
            { 0x06, 0, 0, 0x7fff0000 },\n";
        let found = answer(program, "", "");
        assert!(found.form.starts_with("a program of 4 instructions"), "{found:?}");
        assert!(found.shown.contains("ERRNO(1)") && !found.not_shown.is_empty());
        assert!(found.findings.iter().any(|finding| finding.code == "L0101"));
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let found = answer("policy 1\ndefault allow\nerrno EPERM opnat\n", "", "");
        let error = &found.errors[0];
        assert_eq!((error.line, error.column), (3, 13), "{error:?}");
        assert!(!answer("", "", "").errors.is_empty());
        assert!(!answer(GATE, "{", "").other_errors.is_empty());
        let settings = Settings { call: "socket".into(), ..Settings::default() };
        let found = of(GATE.as_bytes(), b"", "", &settings);
        assert!(found.call.contains("socket is executed where family == AF_UNIX"));
    }
}
