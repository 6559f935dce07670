//! Values of a document, and what is said where one is not what was expected.

use std::borrow::Cow;
use std::ops::Range;

use callgate_rules::nearest;

use super::scan::{Entry, unescape};
use super::{Document, Fault, Kind};

/// A value of a [`Document`].
#[derive(Clone, Copy, Debug)]
pub struct Node<'d> {
    document: &'d Document,
    position: u32,
}

/// The fields of an object, which are taken out of it by their keys.
#[derive(Clone, Debug)]
pub struct Object<'d> {
    node: Node<'d>,
    /// Those that nobody asked for yet, in their order.
    fields: Vec<(Cow<'d, str>, Node<'d>)>,
    /// Whether keys in another spelling are taken too, where there is none in the right one.
    any_case: bool,
    /// The values whose keys were in another spelling.
    folded: Vec<Node<'d>>,
}

/// A step from a value to one in it.
pub(super) enum Step<'d> {
    Key(Cow<'d, str>),
    Index(usize),
}

impl<'d> Node<'d> {
    pub(super) const fn new(document: &'d Document, position: u32) -> Self {
        Self { document, position }
    }

    /// The bytes of the value.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        let entry = self.entry();
        entry.start as usize..entry.end as usize
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.entry().kind == Kind::Null
    }

    /// A fault of this value.
    #[must_use]
    pub fn fault(self, reason: impl Into<String>) -> Fault {
        Fault::new(self.span(), reason)
    }

    /// The fields of an object.
    ///
    /// # Errors
    /// A value of another kind, or a key that is given twice.
    pub fn object(self, expected: &str) -> Result<Object<'d>, Fault> {
        if self.entry().kind != Kind::Object {
            return Err(self.unexpected(expected, ""));
        }
        // Rules have up to nine fields.
        let mut fields: Vec<(Cow<'d, str>, Self)> = Vec::with_capacity(9);
        let mut keys = self.inside();
        while let (Some(key), Some(value)) = (keys.next(), keys.next()) {
            fields.push((key.unquoted(), value));
        }
        match self.repeated(&fields) {
            Some(fault) => Err(fault),
            None => Ok(Object { node: self, fields, any_case: false, folded: Vec::new() }),
        }
    }

    /// The elements of an array.
    ///
    /// # Errors
    /// A value of another kind.
    pub fn array(self, expected: &str) -> Result<impl Iterator<Item = Self> + use<'d>, Fault> {
        match self.entry().kind {
            Kind::Array => Ok(self.inside()),
            _ => Err(self.unexpected(expected, " as a list")),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// A value of another kind.
    pub fn text(self, expected: &str) -> Result<Cow<'d, str>, Fault> {
        match self.entry().kind {
            Kind::Plain | Kind::Escaped => Ok(self.unquoted()),
            _ => Err(self.unexpected(expected, " as a text")),
        }
    }

    /// A text, or nothing where it is another value.
    #[must_use]
    pub fn as_text(self) -> Option<Cow<'d, str>> {
        matches!(self.entry().kind, Kind::Plain | Kind::Escaped).then(|| self.unquoted())
    }

    /// A number from 0 to 2⁶⁴ - 1 without a fraction.
    ///
    /// # Errors
    /// A value of another kind, or a number out of that range.
    pub fn u64(self, expected: &str) -> Result<u64, Fault> {
        let text = self.number(expected)?;
        text.parse().map_err(|_| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => self.fault(format!("{text} is above {}, the largest number", u64::MAX)),
            false => {
                self.fault(format!("expected {expected} as a whole number from 0 on, found {text}"))
            }
        })
    }

    /// A number from -2⁶³ to 2⁶³ - 1 without a fraction.
    ///
    /// # Errors
    /// A value of another kind, or a number out of that range.
    pub fn i64(self, expected: &str) -> Result<i64, Fault> {
        let text = self.number(expected)?;
        let wrong = || format!("expected {expected} as a whole number of 64 bits, found {text}");
        text.parse().map_err(|_| self.fault(wrong()))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// A value of another kind.
    pub fn bool(self, expected: &str) -> Result<bool, Fault> {
        match self.entry().kind {
            Kind::True => Ok(true),
            Kind::False => Ok(false),
            _ => Err(self.unexpected(expected, " as true or false")),
        }
    }

    /// The value of an object's field, where this is an object that has it; in another spelling,
    /// where there is none in the right one.
    pub(crate) fn field(self, key: &str) -> Option<Self> {
        if self.entry().kind != Kind::Object {
            return None;
        }
        let mut fields = self.inside();
        let mut in_other_case = None;
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            let name = name.unquoted();
            if name == key {
                return Some(value);
            }
            if in_other_case.is_none() && is_spelling_of(&name, key) {
                in_other_case = Some(value);
            }
        }
        in_other_case
    }

    /// An element of an array, where this is an array that has it.
    pub(crate) fn element(self, index: usize) -> Option<Self> {
        (self.entry().kind == Kind::Array).then(|| self.inside().nth(index)).flatten()
    }

    /// How many values are in this one, directly or not: of a list of texts or numbers, how many
    /// there are.
    pub(crate) fn count(self) -> usize {
        (self.entry().next - self.position - 1) as usize
    }

    /// The key of a value that is an object's field.
    pub(crate) const fn key(self) -> Self {
        // Keys stand directly before their values.
        Self { position: self.position.saturating_sub(1), ..self }
    }

    /// The fault that the key of an object's field is probably meant to be another.
    pub(crate) fn misspelt_key(self, near: &str) -> Fault {
        let reason = format!("unknown field: did you mean `{near}`?");
        self.key().fault(reason).instead(format!("\"{near}\""))
    }

    /// The elements of an array; none of another value.
    pub(crate) fn elements(self) -> impl Iterator<Item = Self> + use<'d> {
        let is_array = self.entry().kind == Kind::Array;
        self.inside().take_while(move |_| is_array)
    }

    fn number(self, expected: &str) -> Result<&'d str, Fault> {
        match self.entry().kind {
            Kind::Number => Ok(self.raw()),
            _ => Err(self.unexpected(expected, " as a number")),
        }
    }

    fn entry(self) -> Entry {
        self.document.entries[self.position as usize]
    }

    fn raw(self) -> &'d str {
        &self.document.json().text()[self.span()]
    }

    /// The text between the quotes, with its escapes resolved.
    fn unquoted(self) -> Cow<'d, str> {
        let inner = self.raw().get(1..self.raw().len() - 1).unwrap_or_default();
        match self.entry().kind {
            Kind::Escaped => Cow::Owned(unescape(inner)),
            _ => Cow::Borrowed(inner),
        }
    }

    /// The values directly within this one; of an object, keys and values in turn.
    fn inside(self) -> impl Iterator<Item = Self> + use<'d> {
        let (mut position, end) = (self.position + 1, self.entry().next);
        std::iter::from_fn(move || {
            let node = Self { position, ..self };
            (position < end).then(|| {
                position = node.entry().next;
                node
            })
        })
    }

    /// The value directly within this one that holds a byte; of an object's field, the key counts
    /// too.
    pub(super) fn child_at(self, offset: usize) -> Option<(Step<'d>, Self)> {
        let holds = |node: Node<'_>| node.span().contains(&offset);
        match self.entry().kind {
            Kind::Array => {
                let (index, node) = self.inside().enumerate().find(|(_, node)| holds(*node))?;
                Some((Step::Index(index), node))
            }
            Kind::Object => {
                let mut fields = self.inside();
                while let (Some(key), Some(value)) = (fields.next(), fields.next()) {
                    if holds(key) || holds(value) {
                        return Some((Step::Key(key.unquoted()), value));
                    }
                }
                None
            }
            _ => None,
        }
    }

    /// The fault of a key that an object has twice: of the second.
    fn repeated(self, fields: &[(Cow<'d, str>, Self)]) -> Option<Fault> {
        // Objects have few fields mostly; of many, sorting finds whether there is anything to look
        // for.
        let few = 16;
        if fields.len() > few {
            let mut sorted: Vec<&str> = fields.iter().map(|(key, _)| key.as_ref()).collect();
            sorted.sort_unstable();
            if sorted.windows(2).all(|pair| pair[0] != pair[1]) {
                return None;
            }
        }
        let is_repeated = |index: usize| {
            let (before, rest) = fields.split_at(index);
            before.iter().any(|(key, _)| *key == rest[0].0)
        };
        let index = (1..fields.len()).find(|index| is_repeated(*index))?;
        let key = self.inside().nth(2 * index)?;
        Some(key.fault(format!("duplicate field `{}`", shortened(&fields[index].0))))
    }

    fn unexpected(self, expected: &str, manner: &str) -> Fault {
        let found = match self.entry().kind {
            Kind::Null => "null".to_owned(),
            Kind::True => "true".to_owned(),
            Kind::False => "false".to_owned(),
            Kind::Number => format!("the number {}", shortened(self.raw())),
            Kind::Plain | Kind::Escaped => format!("the text {:?}", shortened(&self.unquoted())),
            Kind::Array => "a list".to_owned(),
            Kind::Object => "an object".to_owned(),
        };
        self.fault(format!("expected {expected}{manner}, found {found}"))
    }
}

impl<'d> Object<'d> {
    /// The object as a value.
    #[must_use]
    pub const fn node(&self) -> Node<'d> {
        self.node
    }

    /// Takes a field out; `None` where the object does not have it.
    pub fn take(&mut self, key: &str) -> Option<Node<'d>> {
        if let Some(index) = self.fields.iter().position(|(name, _)| name == key) {
            return Some(self.fields.remove(index).1);
        }
        let in_other_case = |(name, _): &(Cow<'_, str>, _)| is_spelling_of(name, key);
        let index = self.fields.iter().position(in_other_case).filter(|_| self.any_case)?;
        let (_, node) = self.fields.remove(index);
        self.folded.push(node);
        Some(node)
    }

    /// Takes keys in another case too, as decoders in Go do, and with the words apart
    /// (`default_action`), which is what users of other languages write.
    pub(crate) fn in_any_case(self) -> Self {
        Self { any_case: true, ..self }
    }

    /// The values that were taken though their keys are in another spelling.
    pub(crate) fn folded(&self) -> &[Node<'d>] {
        &self.folded
    }

    /// Takes a field out; `None` where the object does not have it or it is `null`.
    pub fn take_value(&mut self, key: &str) -> Option<Node<'d>> {
        self.take(key).filter(|node| !node.is_null())
    }

    /// Takes a field out that must be there.
    ///
    /// # Errors
    /// The field is missing.
    pub fn require(&mut self, key: &str) -> Result<Node<'d>, Fault> {
        self.take(key).ok_or_else(|| self.missing(key))
    }

    /// The fault that a field is missing, or of another field that is probably meant to be this
    /// one.
    #[must_use]
    pub fn missing(&self, key: &str) -> Fault {
        let misspelt = self.fields.iter().find(|(name, _)| nearest(name, [key]).is_some());
        match misspelt {
            Some((_, value)) => value.misspelt_key(key),
            None => {
                // The whole object may be many lines.
                let start = self.node.span().start;
                Fault::new(start..start + 1, format!("missing field `{key}`"))
            }
        }
    }

    /// Refuses the object where fields are left that were not taken out.
    ///
    /// # Errors
    /// The first such field, with the one of `known` that is probably meant.
    pub fn finish(&self, known: &[&str]) -> Result<(), Fault> {
        let Some((key, node)) = self.unknown().next() else { return Ok(()) };
        Err(match nearest(key, known.iter().copied()) {
            Some(near) => node.misspelt_key(near),
            None => node.key().fault("unknown field"),
        })
    }

    /// The fields that were not taken out, in their order.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, Node<'d>)> {
        self.fields.iter().map(|(key, node)| (key.as_ref(), *node))
    }
}

/// Whether a key is another one but for its case and what stands between its words.
pub(crate) fn is_spelling_of(written: &str, key: &str) -> bool {
    let letters = written.bytes().filter(|byte| !matches!(byte, b'_' | b'-'));
    letters
        .map(|byte| byte.to_ascii_lowercase())
        .eq(key.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// A text for a message: its first 60 characters.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use callgate_rules::Source;

    use super::*;

    fn document(text: &str) -> Document {
        Document::parse(Source::new("f", text).unwrap()).unwrap()
    }

    #[test]
    fn faults_name_file_line_column_and_path() {
        let document =
            document("{\n \"a\": [\n  {\"b\": \"x\"},\n  {\"b\": 17, \"c\": {}}\n ]\n}\n");
        let mut root = document.root().object("it").unwrap();
        let list: Vec<_> = root.take("a").unwrap().array("it").unwrap().collect();
        let place = |fault: &Fault| format!("{}: {}", document.place(fault), fault.reason);
        let [mut first, mut second] = [list[0], list[1]].map(|node| node.object("it").unwrap());
        assert_eq!(
            place(&first.take("b").unwrap().u64("it").unwrap_err()),
            "f:3:9: a[0].b: expected it as a number, found the text \"x\""
        );
        assert_eq!(
            place(&second.take("b").unwrap().text("it").unwrap_err()),
            "f:4:9: a[1].b: expected it as a text, found the number 17"
        );
        assert_eq!(
            place(&second.take("c").unwrap().bool("it").unwrap_err()),
            "f:4:18: a[1].c: expected it as true or false, found an object"
        );
        assert_eq!(place(&first.require("d").unwrap_err()), "f:3:3: a[0]: missing field `d`");
        assert_eq!(
            place(&document.root().array("it").map(drop).unwrap_err()),
            "f:1:1: expected it as a list, found an object"
        );
    }

    #[test]
    fn keys_are_compared_as_what_they_say_and_refused_twice() {
        let fault = |text: &str| {
            let document = document(text);
            let fault = document.root().object("it").map(|_| ()).unwrap_err();
            (document.place(&fault).to_string(), fault.reason)
        };
        let twice = |place: &str| (place.to_owned(), "duplicate field `a`".to_owned());
        assert_eq!(fault("{\"a\": 1, \"\\u0061\": 2}"), twice("f:1:10: a"));
        for count in [1, 15, 16, 17, 1000] {
            let others: String = (0..count).map(|n| format!("\"{n}\": 0, ")).collect();
            let place = format!("f:1:{}: a", 10 + others.len());
            assert_eq!(fault(&format!("{{\"a\": 1, {others}\"a\": 2, \"a\": 3}}")), twice(&place));
        }
    }

    #[test]
    fn numbers_have_their_range() {
        let read = |text: &str| {
            let document = document(text);
            (document.root().u64("n").ok(), document.root().i64("n").ok())
        };
        assert_eq!(read("18446744073709551615"), (Some(u64::MAX), None));
        assert_eq!(read("18446744073709551616"), (None, None));
        assert_eq!(read("-9223372036854775808"), (None, Some(i64::MIN)));
        assert_eq!(read("9223372036854775807"), (Some(i64::MAX.unsigned_abs()), Some(i64::MAX)));
        assert_eq!(read("-0"), (None, Some(0)));
        assert_eq!(read("1.0"), (None, None));
        assert_eq!(read("1e3"), (None, None));
        let reason = |text: &str| document(text).root().u64("the value").unwrap_err().reason;
        assert_eq!(
            reason("18446744073709551616"),
            "18446744073709551616 is above 18446744073709551615, the largest number"
        );
        assert_eq!(reason("-1"), "expected the value as a whole number from 0 on, found -1");
    }

    #[test]
    fn keys_are_known_in_other_spellings() {
        for written in ["defaultAction", "DefaultAction", "default_action", "DEFAULT-ACTION"] {
            assert!(is_spelling_of(written, "defaultAction"), "{written}");
        }
        for written in ["default action", "defaultactions", "defaultActio", "", "_"] {
            assert!(!is_spelling_of(written, "defaultAction"), "{written}");
        }
    }

    #[test]
    fn what_nobody_asked_for_is_told_in_order() {
        let document = document("{\"x\": 1, \"a\": null, \"y\": {\"z\": 2}}");
        let mut object = document.root().object("it").unwrap();
        assert!(object.take_value("a").is_none() && object.take("a").is_none());
        let unknown: Vec<_> =
            object.unknown().map(|(key, node)| (key.to_owned(), node.span())).collect();
        assert_eq!(unknown, [("x".to_owned(), 6..7), ("y".to_owned(), 25..33)]);
    }

    #[test]
    fn long_texts_are_shortened_in_messages() {
        let document = document(&format!("\"{}\"", "é".repeat(1 << 20)));
        assert!(document.root().u64("n").unwrap_err().reason.len() < 250);
    }
}
