//! From the tree to [`Rules`]: names are looked up, includes and groups pasted, `always` put first.

mod arguments;
mod condition;
mod header;
mod include;
mod on;
mod statement;
mod subject;
mod value;
mod verdict;

use std::collections::BTreeMap;
use std::fmt;

use callgate_rules::{
    Applies, Code, Diagnostic, Label, Rule, Rules, Severity, Source, SourceError, SourceId,
    Sources, Span,
};
use callgate_syscalls::Arch;

use crate::expect::Test;
use crate::syntax::{File, Node, SyntaxError};

pub use header::Libc;
pub use include::{Loader, from_folder, nothing};

/// A policy that was read, with all that it includes.
#[derive(Clone, Debug)]
pub struct Written {
    /// The texts, the policy's own first.
    pub sources: Sources,
    /// What the policy says.
    pub rules: Rules,
    /// What its `test` lines expect.
    pub tests: Vec<Test>,
    /// The C libraries that the policy is for; empty where it does not say.
    pub libc: Vec<Libc>,
    /// What is remarkable, but no error.
    pub warnings: Vec<Diagnostic>,
    /// How many of the rules stand first because the text says `always`.
    pub(crate) always: usize,
    /// For each rule whether the text says that it may be without effect.
    pub(crate) redundant: Vec<bool>,
}

/// Why a text is no policy, with the texts that the places are in.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The texts, the policy's own first.
    pub sources: Sources,
    /// What is wrong, in the order of the text: at least one error.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a policy. `load` reads the files that it includes.
///
/// # Errors
/// Everything that is wrong with the text: of a text that is not understood only that, of one that
/// is understood all names that are not known.
pub fn read(source: Source, load: &mut Loader<'_>) -> Result<Written, Refused> {
    let mut reader = Reader::new(load);
    reader.main(source);
    reader.finish()
}

/// Reads a table of tests: `test` lines, in blocks `on ARCH { }` or not, for a filter of these
/// architectures.
///
/// # Errors
/// What is wrong with the text, also lines that are no tests.
pub fn read_tests(source: Source, arches: &[Arch]) -> Result<(Sources, Vec<Test>), Refused> {
    let mut load = nothing;
    let mut reader = Reader::new(&mut load);
    reader.header.arches = arches.to_vec();
    if let Some(root) = reader.parsed(source) {
        reader.only_tests(&root);
        reader.lines(&root, &Scope::default());
    }
    match reader.diagnostics.is_empty() {
        true => Ok((reader.sources, reader.tests)),
        false => Err(Refused { sources: reader.sources, diagnostics: shown(reader.diagnostics) }),
    }
}

/// Reads the syntax of a text and nothing more.
///
/// # Errors
/// What is not understood.
pub fn read_syntax(source: Source) -> Result<File, Refused> {
    let file = File::parse(source.text());
    if file.errors().is_empty() {
        return Ok(file);
    }
    let other = crate::other_form::in_place_of_policy(source.text());
    let mut sources = Sources::new();
    let id = sources.add(source);
    let errors = other.as_ref().map_or(file.errors(), std::slice::from_ref);
    let errors = errors.iter().take(MISTAKES_MAX);
    let diagnostics = shown(errors.map(|error| diagnostic(error, id)).collect());
    Err(Refused { sources, diagnostics })
}

/// The most mistakes in a policy that are told.
const MISTAKES_MAX: usize = 64;

/// Where statements apply.
#[derive(Clone, Debug, Default)]
struct Scope {
    /// What the blocks around ask for.
    applies: Applies,
    /// How deep groups are pasted into each other.
    pastes: usize,
}

/// A group of the file.
#[derive(Clone, Debug)]
struct GroupLines {
    node: Node,
    source: SourceId,
    name: Span,
    /// Whether anything names it.
    is_used: bool,
}

/// What has been read so far.
struct Reader<'a, 'l> {
    load: &'a mut Loader<'l>,
    sources: Sources,
    /// The text that is being read.
    source: SourceId,
    /// The files that include each other down to the one that is being read.
    including: Vec<String>,
    header: header::Lines,
    always: Vec<(Rule, bool)>,
    rules: Vec<(Rule, bool)>,
    tests: Vec<Test>,
    groups: BTreeMap<String, GroupLines>,
    /// How many groups were pasted so far.
    pasted_groups: usize,
    diagnostics: Vec<Diagnostic>,
    /// The statement for which a text of the language's own is read.
    pasted: Option<Span>,
}

impl<'a, 'l> Reader<'a, 'l> {
    fn new(load: &'a mut Loader<'l>) -> Self {
        Self {
            load,
            sources: Sources::new(),
            source: SourceId::default(),
            including: Vec::new(),
            header: header::Lines::default(),
            always: Vec::new(),
            rules: Vec::new(),
            tests: Vec::new(),
            groups: BTreeMap::new(),
            pasted_groups: 0,
            diagnostics: Vec::new(),
            pasted: None,
        }
    }

    fn main(&mut self, source: Source) {
        self.including.push(source.name().to_owned());
        let Some(root) = self.parsed(source) else { return };
        self.header(&root);
        self.without();
        self.lines(&root, &Scope::default());
        self.unused_groups();
    }

    /// Reads the groups that nothing uses, for what is wrong with them, and takes nothing of them.
    fn unused_groups(&mut self) {
        let unused: Vec<GroupLines> =
            self.groups.values().filter(|group| !group.is_used).cloned().collect();
        let before = (self.rules.len(), self.always.len(), self.tests.len());
        for group in unused {
            self.source = group.source;
            self.lines(&group.node, &Scope { pastes: 1, ..Scope::default() });
        }
        self.rules.truncate(before.0);
        self.always.truncate(before.1);
        self.tests.truncate(before.2);
    }

    /// Adds a text and reads its tree; none where it is not understood.
    fn parsed(&mut self, source: Source) -> Option<Node> {
        let other = crate::other_form::in_place_of_policy(source.text());
        let file = File::parse(source.text());
        self.source = self.sources.add(source);
        if let Some(other) = other.filter(|_| !file.errors().is_empty()) {
            self.report(diagnostic(&other, self.source));
            return None;
        }
        self.no_directions();
        let left = MISTAKES_MAX.saturating_sub(self.diagnostics.len());
        let errors = file.errors().iter().take(left).map(|error| diagnostic(error, self.source));
        self.diagnostics.extend(errors);
        file.errors().is_empty().then(|| file.root())
    }

    /// Refuses characters that turn the direction of a text: in comments and reasons, too, they let
    /// it look like another one.
    fn no_directions(&mut self) {
        let text = self.sources.get(self.source).map_or("", Source::text);
        let is_turn = |c: &char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let Some((at, turn)) = text.char_indices().find(|(_, c)| is_turn(c)) else { return };
        let span = self.span(at..at + turn.len_utf8());
        let message = format!("U+{:04X} turns the direction of the text", u32::from(turn));
        self.error("E0359", message, span, "the text is not what it looks like: take it out");
    }

    fn finish(mut self) -> Result<Written, Refused> {
        let header = self.header_of_rules();
        let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
        let Some(header) = header.filter(|_| !self.diagnostics.iter().any(is_error)) else {
            self.diagnostics.sort_by_key(Diagnostic::primary_span);
            return Err(Refused { sources: self.sources, diagnostics: shown(self.diagnostics) });
        };
        let always = self.always.len();
        self.always.append(&mut self.rules);
        let (rules, redundant) = self.always.into_iter().unzip();
        Ok(Written {
            sources: self.sources,
            rules: Rules { header, rules },
            tests: self.tests,
            libc: self.header.libc,
            warnings: self.diagnostics,
            always,
            redundant,
        })
    }

    fn span(&self, range: std::ops::Range<usize>) -> Span {
        self.pasted.unwrap_or_else(|| Span::new(self.source, range))
    }

    fn span_of(&self, node: &Node) -> Span {
        self.span(crate::tree::range(node))
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        // Statements that are pasted twice are wrong once.
        if !self.is_full() && !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Whether so much is wrong that reading on helps nobody.
    fn is_full(&self) -> bool {
        self.diagnostics.len() >= MISTAKES_MAX
    }

    /// Reports an error with the place that is wrong.
    fn error(&mut self, code: &'static str, message: impl Into<String>, span: Span, label: &str) {
        self.report(Diagnostic::error(Code::new(code), message).primary(span, label));
    }
}

/// Says at the end of a full list that it may not be all.
fn shown(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if diagnostics.len() >= MISTAKES_MAX {
        if let Some(last) = diagnostics.pop() {
            let note = format!("only {MISTAKES_MAX} mistakes are shown; there may be more");
            diagnostics.push(last.note(note));
        }
    }
    diagnostics
}

/// What the parser has to say, in the form of everything else.
pub(crate) fn diagnostic(error: &SyntaxError, source: SourceId) -> Diagnostic {
    let span = Span::new(source, error.range.into());
    let plain = Diagnostic::error(Code::new(error.code), error.message.clone());
    let labelled = plain.primary(span, error.label.clone());
    error.help.iter().fold(labelled, |diagnostic, (text, edit)| match edit {
        Some(edit) => diagnostic.help_with_edit(text.clone(), span, edit.clone()),
        None => diagnostic.help(text.clone()),
    })
}

impl From<SourceError> for Refused {
    fn from(error: SourceError) -> Self {
        let diagnostic = Diagnostic::error(Code::new("E0329"), error.to_string());
        Self { sources: Sources::new(), diagnostics: vec![diagnostic] }
    }
}

/// Two refusals are equal if they say the same about the same places.
impl PartialEq for Refused {
    fn eq(&self, other: &Self) -> bool {
        self.diagnostics == other.diagnostics
    }
}

impl fmt::Display for Refused {
    /// One paragraph for each error, as compilers write them: `FILE:LINE:COLUMN: error[CODE]:
    /// MESSAGE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            let place = diagnostic.primary_span().and_then(|span| self.sources.place(span));
            let newline = if index == 0 { "" } else { "\n" };
            let place = place.map_or(String::new(), |place| format!("{place}: "));
            write!(f, "{newline}{place}{diagnostic}")?;
            let labels = diagnostic.labels.iter().filter(|label| !label.text.is_empty());
            for Label { text, span, .. } in labels {
                match Some(*span) == diagnostic.primary_span() {
                    true => write!(f, ": {text}")?,
                    false => {
                        let place = self.sources.place(*span).unwrap_or_default();
                        write!(f, "\n  {place}: {text}")?;
                    }
                }
            }
            let notes = diagnostic.notes.iter().map(|note| ("note", note));
            let helps = diagnostic.helps.iter().map(|help| ("help", &help.message));
            for (kind, text) in notes.chain(helps) {
                write!(f, "\n  {kind}: {text}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests;
