//! JSON with places: one reading of a text, whose values know where they stand.
//!
//! A [`Document`] is read once, with comments and last commas allowed. Values are taken out of it
//! by [`Node`], which says what was expected where something else stands; an [`Object`] refuses
//! keys that are given twice and says which were not asked for.

mod node;
mod scan;

use std::ops::Range;

use callgate_rules::Source;

pub use node::{Node, Object};

use crate::Place;
use crate::place::JsonPath;
use node::Step;
pub(crate) use node::{is_spelling_of, shortened};
use scan::{Entry, Kind, scan};

/// A text in JSON, with the places of all its values.
///
/// ```
/// use callgate_formats::json::Document;
/// use callgate_rules::Source;
///
/// let text = "{\n  \"pid\": 7, // a comment\n}";
/// let document = Document::parse(Source::new("state.json", text)?)?;
/// let mut state = document.root().object("a state")?;
/// assert_eq!(state.require("pid")?.u64("the process")?, 7);
/// assert!(state.unknown().next().is_none());
///
/// let fault = document.root().object("a state")?.require("pid")?.text("the process").unwrap_err();
/// assert_eq!(
///     document.placed(fault).to_string(),
///     "state.json:2:10: pid: expected the process as a text, found the number 7"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Document {
    json: Source,
    entries: Vec<Entry>,
    written: Option<Box<Written>>,
}

/// The text in another form of which a [`Document`]'s JSON was made.
#[derive(Clone, Debug)]
pub struct Written {
    source: Source,
    /// Where values begin in the JSON, ascending, and their bytes in the text.
    tokens: Vec<(usize, Range<usize>)>,
}

/// What is wrong with a value of a [`Document`], or with the text of what should be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The bytes.
    pub span: Range<usize>,
    /// What is wrong.
    pub reason: String,
    /// What should probably stand there instead.
    pub replacement: Option<Box<str>>,
}

/// A [`Fault`] with its file, line, column and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedFault {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub reason: String,
    /// What should probably stand there instead.
    pub replacement: Option<Box<str>>,
}

impl Document {
    /// Reads a text.
    ///
    /// # Errors
    /// What is not JSON, with its place.
    pub fn parse(source: Source) -> Result<Self, PlacedFault> {
        match scan(source.text()) {
            Ok(entries) => Ok(Self { json: source, entries, written: None }),
            Err(error) => {
                let place = Place::in_source(&source, error.span, String::new());
                Err(PlacedFault { place, reason: error.reason, replacement: None })
            }
        }
    }

    /// Reads JSON that was made of a text in another form. All places are those of that text.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_as(json: Source, written: Written) -> Result<Self, PlacedFault> {
        let own = Self::parse(json).map_err(|fault| {
            let span = written.of(fault.place.span.range());
            let place = Place::in_source(&written.source, span, String::new());
            PlacedFault { place, ..fault }
        })?;
        Ok(Self { written: Some(Box::new(written)), ..own })
    }

    /// The text that people wrote.
    #[must_use]
    pub fn source(&self) -> &Source {
        self.written.as_ref().map_or(&self.json, |written| &written.source)
    }

    /// The text as JSON: the same, unless it was made of another form.
    #[must_use]
    pub const fn json(&self) -> &Source {
        &self.json
    }

    /// The bytes of [`Document::source`] that stand for these of the JSON.
    pub(crate) fn written(&self, json: Range<usize>) -> Range<usize> {
        self.written.as_ref().map_or(json.clone(), |written| written.of(json))
    }

    /// The outermost value.
    #[must_use]
    pub const fn root(&self) -> Node<'_> {
        Node::new(self, 0)
    }

    /// Where a fault stands.
    #[must_use]
    pub fn place(&self, fault: &Fault) -> Place {
        let path = self.path_to(fault.span.start).to_string();
        Place::in_source(self.source(), self.written(fault.span.clone()), path)
    }

    /// A fault with its place.
    #[must_use]
    pub fn placed(&self, fault: Fault) -> PlacedFault {
        let place = self.place(&fault);
        PlacedFault { place, reason: fault.reason, replacement: fault.replacement }
    }

    /// The path of a value.
    pub(crate) fn json_path(&self, node: Node<'_>) -> JsonPath {
        self.path_to(node.span().start)
    }

    /// The path of the innermost value that holds a byte, such as `syscalls[3].names[2]`.
    fn path_to(&self, offset: usize) -> JsonPath {
        let mut path = JsonPath::default();
        let mut node = self.root();
        while let Some((step, inner)) = node.child_at(offset) {
            path = match step {
                Step::Key(key) => path.key(key.into_owned()),
                Step::Index(index) => path.index(index),
            };
            node = inner;
        }
        path
    }
}

impl Written {
    /// A text with its values: where each begins in the JSON, ascending, and its bytes in the text.
    #[must_use]
    pub const fn new(source: Source, tokens: Vec<(usize, Range<usize>)>) -> Self {
        Self { source, tokens }
    }

    /// The bytes from the first of the values that begin there to the last; where none does, the
    /// value before.
    fn of(&self, json: Range<usize>) -> Range<usize> {
        let until = |end: usize| self.tokens.partition_point(|(start, _)| *start < end);
        let (first, behind) = (until(json.start), until(json.end.max(json.start + 1)));
        let first = first.min(behind.saturating_sub(1));
        let Some((_, own)) = self.tokens.get(first) else { return 0..0 };
        let ends = self.tokens[first..behind].iter().map(|(_, own)| own.end);
        own.start..ends.fold(own.end, usize::max)
    }
}

impl Fault {
    /// A fault of these bytes.
    #[must_use]
    pub fn new(span: Range<usize>, reason: impl Into<String>) -> Self {
        Self { span, reason: reason.into(), replacement: None }
    }

    /// The same fault with what should probably stand there.
    #[must_use]
    pub fn instead(mut self, text: impl Into<Box<str>>) -> Self {
        self.replacement = Some(text.into());
        self
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Fault {}

impl std::fmt::Display for PlacedFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

impl std::error::Error for PlacedFault {}
