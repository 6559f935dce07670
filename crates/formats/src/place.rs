//! Where in a file something stands: its JSON path, line and column.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use callgate_rules::{Source, Span};

use crate::json::{Document, Node, shortened};

/// A place in a profile: `origin:line:column: path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the caller named it.
    pub origin: String,
    /// The path of the JSON value, such as `syscalls[3].names[2]`; empty for the whole file.
    pub path: String,
    /// The line of the first byte, from 1.
    pub line: usize,
    /// The column of the first byte in characters, from 1.
    pub column: usize,
    /// The bytes in the source.
    pub span: Span,
}

impl Place {
    /// The place of some bytes of a source, which are the value with that path.
    pub(crate) fn in_source(source: &Source, bytes: Range<usize>, path: String) -> Self {
        let position = source.position(bytes.start);
        let (line, column) = (position.line, position.column);
        let span = source.span(bytes);
        Self { origin: source.name().to_owned(), path, line, column, span }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.origin, self.line, self.column)?;
        if self.path.is_empty() { Ok(()) } else { write!(f, ": {}", self.path) }
    }
}

/// A path into a JSON document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(Cow<'static, str>),
    Index(usize),
}

impl JsonPath {
    pub(crate) fn key(mut self, key: impl Into<Cow<'static, str>>) -> Self {
        self.0.push(Step::Key(key.into()));
        self
    }

    pub(crate) fn index(mut self, index: usize) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    /// The place of the value in a file; the innermost value on the way to it, where it is not
    /// there.
    pub(crate) fn locate(&self, document: &Document) -> Place {
        let mut node = document.root();
        for step in &self.0 {
            match step.of(node) {
                Some(inner) => node = inner,
                None => break,
            }
        }
        let bytes = document.written(beginning(document, node));
        Place::in_source(document.source(), bytes, self.to_string())
    }
}

impl Step {
    fn of<'d>(&self, node: Node<'d>) -> Option<Node<'d>> {
        match self {
            Self::Key(key) => node.field(key),
            Self::Index(index) => node.element(*index),
        }
    }
}

/// The bytes of a value, without the lines behind its first: a rule is pointed at by where it
/// begins.
fn beginning(document: &Document, node: Node<'_>) -> Range<usize> {
    let span = node.span();
    let text = &document.json().text()[span.clone()];
    let line = text.find(['\n', '\r']).unwrap_or(text.len());
    span.start..span.start + line
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    write!(f, "{}{}", if position == 0 { "" } else { "." }, shortened(key))?
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\n  \"a\": [\n    {\"b\": \"x\"},\n    {\"b\": 17,\n  \"c\": 1}\n  ]\n}\n";

    fn locate(path: JsonPath) -> (String, String) {
        let source = Source::new("f", TEXT).unwrap();
        let document = Document::parse(source).unwrap();
        let place = path.locate(&document);
        (place.to_string(), document.source().slice(place.span).unwrap().to_owned())
    }

    #[test]
    fn finds_values_and_the_first_line_of_objects() {
        let element = |index| JsonPath::default().key("a").index(index);
        let found = |place: &str, text: &str| (place.to_owned(), text.to_owned());
        assert_eq!(locate(element(0).key("b")), found("f:3:11: a[0].b", "\"x\""));
        assert_eq!(locate(element(1).key("b")), found("f:4:11: a[1].b", "17"));
        assert_eq!(locate(element(1)), found("f:4:5: a[1]", "{\"b\": 17,"));
        assert_eq!(locate(element(1).key("z")), found("f:4:5: a[1].z", "{\"b\": 17,"));
        assert_eq!(locate(JsonPath::default().key("z")), found("f:1:1: z", "{"));
        assert_eq!(locate(element(9)), found("f:2:8: a[9]", "["));
    }
}
