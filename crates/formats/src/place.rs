//! Where in a file something stands: its JSON path, line and column.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

/// A place in a profile: `origin:line:column: path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the caller named it.
    pub origin: String,
    /// The path of the JSON value, such as `syscalls[3].names[2]`; empty for the whole file.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, just behind the value where it is a word or a number.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.origin, self.line, self.column)?;
        match self.path.is_empty() {
            true => Ok(()),
            false => write!(f, ": {}", self.path),
        }
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

    /// The path of a value that serde_ignored reports as skipped.
    pub(crate) fn ignored(path: &serde_ignored::Path<'_>) -> Self {
        use serde_ignored::Path;
        match path {
            Path::Root => Self::default(),
            Path::Seq { parent, index } => Self::ignored(parent).index(*index),
            Path::Map { parent, key } => Self::ignored(parent).key(key.clone()),
            Path::Some { parent }
            | Path::NewtypeStruct { parent }
            | Path::NewtypeVariant { parent } => Self::ignored(parent),
        }
    }

    /// The last key, where the path ends in one.
    pub(crate) fn last_key(&self) -> Option<&str> {
        match self.0.last() {
            Some(Step::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// The key or array that holds the value: the last key before the end of the path.
    pub(crate) fn parent_key(&self) -> Option<&str> {
        self.0.iter().rev().skip(1).find_map(|step| match step {
            Step::Key(key) => Some(key.as_ref()),
            Step::Index(_) => None,
        })
    }

    /// The place of the value in a file, found by reading up to it.
    pub(crate) fn locate(&self, origin: &str, text: &str) -> Place {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let (line, column) = match (Seek { steps: &self.0 }).deserialize(&mut deserializer) {
            Err(found) => (found.line(), found.column()),
            Ok(()) => (1, 1),
        };
        Place { origin: origin.to_owned(), path: self.to_string(), line, column }
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => write!(f, "{}{key}", if position == 0 { "" } else { "." })?,
            }
        }
        Ok(())
    }
}

/// Walks down a path and fails at its end, because it is failures that serde_json gives a line and a column.
struct Seek<'p> {
    steps: &'p [Step],
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Fails at scalars: they are the end of the path, or what the path expects to be something else.
macro_rules! stop {
    ($($method:ident($type:ty),)*) => {
        $(fn $method<E: serde::de::Error>(self, _: $type) -> Result<(), E> {
            Err(E::custom("found"))
        })*
    };
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    stop! { visit_bool(bool), visit_u64(u64), visit_i64(i64), visit_f64(f64), visit_str(&str), }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Err(E::custom("found"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), steps)) = self.steps.split_first() else {
            return Err(A::Error::custom("found"));
        };
        while let Some(key) = map.next_key::<String>()? {
            match key == *wanted {
                true => map.next_value_seed(Seek { steps })?,
                false => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((Step::Index(wanted), steps)) = self.steps.split_first() else {
            return Err(A::Error::custom("found"));
        };
        for _ in 0..*wanted {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        seq.next_element_seed(Seek { steps }).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "{\n  \"a\": [\n    {\"b\": \"x\"},\n    {\"b\": 17}\n  ]\n}\n";

    #[test]
    fn finds_words_and_numbers() {
        let path = |index| JsonPath::default().key("a").index(index).key("b");
        let place = path(0).locate("f", TEXT);
        assert_eq!(place.to_string(), "f:3:13: a[0].b");
        assert_eq!(path(1).locate("f", TEXT).to_string(), "f:4:12: a[1].b");
    }

    #[test]
    fn a_path_that_leads_nowhere_is_the_beginning() {
        let place = JsonPath::default().key("z").locate("f", TEXT);
        assert_eq!(place.to_string(), "f:1:1: z");
    }
}
