//! `SeccompProfile` of the Kubernetes Security Profiles Operator, v1 and v1beta1, in YAML or JSON.
//!
//! Its `spec` is an OCI profile, which is handed on as JSON whose values know where they stand in the
//! YAML. The rules of the profiles that it builds on (`baseProfileName`) stand before its own, as the
//! operator adds them, and where it names them; all else is the profile's own.

use std::ops::Range;

use callgate_formats::json::{Document, Written};
use callgate_rules::{Code, Diagnostic, Source};
use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::Refused;
use crate::context::{code, unsigned};

/// The keys of `spec` that say nothing about calls.
const PASSED_OVER: [&str; 2] = ["disabled", BASE];

/// The key of `spec` that names the profile below.
const BASE: &str = "baseProfileName";

/// The most profiles that build on each other.
const BASES_MAX: usize = 16;

/// The deepest nesting: that of the JSON it becomes.
const DEPTH_MAX: usize = 100;

/// Finds the profile of a name that another one builds on; the error is a sentence.
pub type Bases<'b> = dyn FnMut(&str) -> Result<Source, String> + 'b;

/// The profile in a `SeccompProfile`, as OCI's JSON, with the rules of those that it builds on.
///
/// # Errors
/// Text that is not YAML, one without a `spec`, and a profile below that is not found.
pub fn profile(source: &Source, bases: &mut Bases<'_>) -> Result<Document, Refused> {
    let own = read(source)?;
    let mut below = Vec::new();
    let mut base = own.base.clone();
    while let Some(Base { name, line, column, bytes }) = base {
        let wrong = |reason: &str| refused(source, line, column, reason);
        if below.len() == BASES_MAX {
            return Err(wrong(&format!("more than {BASES_MAX} profiles build on each other")));
        }
        let found = bases(&name).map_err(|reason| wrong(&reason))?;
        let read = read(&found)?;
        below.push(rules(&read.json).map_err(|reason| wrong(&format!("{name}: {reason}")))?);
        // What is wrong further down is told where the text itself names what is below.
        base = read.base.map(|next| Base { line, column, bytes, ..next });
    }
    let whole = |reason: &str| refused(source, 1, 0, reason);
    let own = with_rules(own, &below).map_err(|reason| whole(&reason))?;
    let json = Source::new(source.name(), own.json).map_err(|error| whole(&error.to_string()))?;
    let written = Written::new(source.clone(), own.tokens);
    Document::parse_as(json, written).map_err(|fault| whole(&fault.reason))
}

/// The profile that another one builds on, and where that says so.
#[derive(Clone)]
struct Base {
    name: String,
    line: usize,
    column: usize,
    /// The bytes of the name.
    bytes: Range<usize>,
}

/// The JSON of a list of rules without its brackets.
fn rules(json: &str) -> Result<String, String> {
    Ok(rules_at(json)?.map(|inside| json[inside].replace('\n', " ")).unwrap_or_default())
}

/// Where the rules of a profile stand in its JSON.
fn rules_at(json: &str) -> Result<Option<Range<usize>>, String> {
    let source = Source::new("spec", json).map_err(|error| error.to_string())?;
    let document = Document::parse(source).map_err(|error| error.to_string())?;
    let object = document.root().object("a profile").map_err(|fault| fault.to_string())?;
    let mut object = object;
    let Some(list) = object.take_value("syscalls") else { return Ok(None) };
    drop(list.array("the rules").map_err(|fault| fault.to_string())?);
    Ok(Some(list.span().start + 1..list.span().end - 1))
}

fn with_rules(mut own: Resource, below: &[String]) -> Result<Resource, String> {
    let added: Vec<&str> =
        below.iter().map(|rules| rules.trim()).filter(|rules| !rules.is_empty()).collect();
    if added.is_empty() {
        return Ok(own);
    }
    let added = added.join(",");
    let json = &own.json;
    let (at, added) = match rules_at(json)? {
        Some(rules) => {
            let comma = if json[rules.clone()].trim().is_empty() { "" } else { "," };
            (rules.start, format!("{added}{comma}"))
        }
        None => {
            let end = json.trim_end().len() - 1;
            let comma = if json[..end].trim_end().ends_with('{') { "" } else { "," };
            (end, format!("{comma}\"syscalls\":[{added}]"))
        }
    };
    own.json.insert_str(at, &added);
    let behind = own.tokens.partition_point(|(start, _)| *start < at);
    own.tokens[behind..].iter_mut().for_each(|(start, _)| *start += added.len());
    own.tokens.extend(own.base.iter().map(|base| (at, base.bytes.clone())));
    own.tokens.sort_by_key(|(start, _)| *start);
    Ok(own)
}

/// A resource on its own.
struct Resource {
    json: String,
    base: Option<Base>,
    /// Where values begin in the JSON, and their bytes in the YAML.
    tokens: Vec<(usize, Range<usize>)>,
}

fn read(source: &Source) -> Result<Resource, Refused> {
    let mut writer = Writer::default();
    let mut bytes = Bytes { text: source.text(), characters: 0, bytes: 0 };
    for event in Parser::new_from_str(source.text()) {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            refused(source, marker.line(), marker.col(), error.info())
        })?;
        let (line, column) = (span.start.line(), span.start.col());
        writer.bytes = bytes.at(span.start.index())..bytes.at(span.end.index());
        let written = writer.event(&event, (line, column));
        written.map_err(|reason| refused(source, line, column, &reason))?;
        if writer.is_done {
            break;
        }
    }
    if !writer.is_done {
        return Err(refused(source, 1, 0, "the resource has no `spec` with a profile"));
    }
    Ok(Resource { json: writer.json, base: writer.base, tokens: writer.tokens })
}

/// Counts the bytes before a character, in one pass over the text.
struct Bytes<'t> {
    text: &'t str,
    characters: usize,
    bytes: usize,
}

impl Bytes<'_> {
    fn at(&mut self, index: usize) -> usize {
        for character in self.text[self.bytes..].chars().take(index.saturating_sub(self.characters))
        {
            self.characters += 1;
            self.bytes += character.len_utf8();
        }
        self.bytes
    }
}

fn refused(source: &Source, line: usize, column: usize, reason: &str) -> Refused {
    let position = callgate_rules::Position { line, column: column + 1 };
    let at = source.offset(position).unwrap_or_default();
    let error = Diagnostic::error(Code::new(code::SYNTAX), reason);
    let diagnostics = vec![error.primary(source.span(at..at), "")];
    Refused { sources: source.clone().into(), diagnostics }
}

/// What is open in the YAML.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    List,
    /// A mapping, of which a key comes next or a value.
    Key,
    Value,
}

#[derive(Default)]
struct Writer {
    json: String,
    line: usize,
    open: Vec<Open>,
    /// How deep `spec` is, while it is read.
    spec: Option<usize>,
    /// The last key of the outermost mapping was `spec`.
    is_spec: bool,
    /// How deep a value is that is passed over.
    skipped: Option<usize>,
    /// The value that comes next names the profile below.
    names_base: bool,
    base: Option<Base>,
    needs_comma: bool,
    is_done: bool,
    /// The bytes of the event.
    bytes: Range<usize>,
    tokens: Vec<(usize, Range<usize>)>,
}

impl Writer {
    fn event(&mut self, event: &Event<'_>, at: (usize, usize)) -> Result<(), String> {
        let line = at.0;
        match event {
            Event::MappingStart(..) => self.start('{', Open::Key, line),
            Event::SequenceStart(..) => self.start('[', Open::List, line),
            Event::MappingEnd => {
                self.end('}', line);
                Ok(())
            }
            Event::SequenceEnd => {
                self.end(']', line);
                Ok(())
            }
            Event::Scalar(text, style, ..) => self.scalar(text, *style, at),
            Event::Alias(_) => Err("aliases of YAML are not taken: write the value".to_owned()),
            _ => Ok(()),
        }
    }

    const fn is_written(&self) -> bool {
        self.spec.is_some() && self.skipped.is_none()
    }

    fn put(&mut self, text: &str, line: usize) {
        while self.line + 1 < line {
            self.json.push('\n');
            self.line += 1;
        }
        self.json.push_str(text);
    }

    /// Writes what stands in the text, too.
    fn put_token(&mut self, text: &str, line: usize) {
        self.put("", line);
        self.tokens.push((self.json.len(), self.bytes.clone()));
        self.json.push_str(text);
    }

    /// A value begins.
    fn value(&mut self) {
        if let Some(open @ Open::Value) = self.open.last_mut() {
            *open = Open::Key;
        }
    }

    fn start(&mut self, bracket: char, open: Open, line: usize) -> Result<(), String> {
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("values nest more than {DEPTH_MAX} deep"));
        }
        if self.open.last() == Some(&Open::Key) {
            return Err("a key must be a text".to_owned());
        }
        self.value();
        if self.spec.is_none() && self.is_spec && self.open.len() == 1 && open == Open::Key {
            self.spec = Some(self.open.len());
        }
        if self.is_written() {
            self.comma(line);
            self.put_token(&bracket.to_string(), line);
            self.needs_comma = false;
        }
        self.open.push(open);
        Ok(())
    }

    fn end(&mut self, bracket: char, line: usize) {
        self.open.pop();
        if self.is_written() {
            self.put(&bracket.to_string(), line);
            self.needs_comma = true;
        }
        let depth = self.open.len();
        self.skipped = self.skipped.filter(|skipped| *skipped != depth);
        if self.spec == Some(depth) {
            self.is_done = true;
        }
    }

    fn comma(&mut self, line: usize) {
        // A value stands behind its key's colon.
        if self.needs_comma && self.open.last() != Some(&Open::Value) {
            self.put(",", line);
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        (line, column): (usize, usize),
    ) -> Result<(), String> {
        match self.open.last_mut() {
            Some(open @ Open::Key) => {
                *open = Open::Value;
                self.key(text, line)
            }
            _ => {
                if self.is_written() {
                    if self.open.last() == Some(&Open::List) {
                        self.comma(line);
                    }
                    let is_bare = style == ScalarStyle::Plain && is_json(text);
                    let value = match (is_bare, text) {
                        (_, "~" | "") if style == ScalarStyle::Plain => "null".to_owned(),
                        (true, _) => text.to_owned(),
                        (false, _) => quoted(text),
                    };
                    self.put_token(&value, line);
                    self.needs_comma = true;
                }
                if std::mem::take(&mut self.names_base) {
                    self.base = Some(Base {
                        name: text.to_owned(),
                        line,
                        column,
                        bytes: self.bytes.clone(),
                    });
                }
                self.value();
                let depth = self.open.len();
                self.skipped = self.skipped.filter(|skipped| *skipped != depth);
                Ok(())
            }
        }
    }

    fn key(&mut self, text: &str, line: usize) -> Result<(), String> {
        let depth = self.open.len();
        if depth == 1 {
            self.is_spec = text == "spec";
        }
        self.names_base = self.spec == Some(depth - 1) && text == BASE;
        if self.spec == Some(depth - 1) && PASSED_OVER.contains(&text) {
            self.skipped = Some(depth);
        }
        if self.is_written() {
            if self.needs_comma {
                self.put(",", line);
            }
            self.put_token(&format!("{}:", quoted(text)), line);
            self.needs_comma = false;
        }
        Ok(())
    }
}

/// Whether a plain scalar is the same in JSON: a number, a truth value or nothing.
fn is_json(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = unsigned(digits, 10).is_some() && (digits == "0" || !digits.starts_with('0'));
    is_number || ["true", "false", "null"].contains(&text)
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ..' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        let source = Source::new("f", text).expect("short");
        let json = profile(&source, &mut |name| match name {
            "low" => Source::new("low", LOW).map_err(|error| error.to_string()),
            other => Err(format!("there is no {other}")),
        });
        json.map_or_else(|refused| refused.to_string(), |found| found.json().text().to_owned())
    }

    const LOW: &str = "kind: SeccompProfile\nspec:\n  defaultAction: SCMP_ACT_KILL\n  syscalls:\n  - action: a\n    names: [x]\n";

    #[test]
    fn rules_of_the_profile_below_are_added() {
        let own = "spec:\n  baseProfileName: low\n  defaultAction: d\n  syscalls:\n  - action: b\n";
        assert_eq!(
            json(own),
            "\n{\n\"defaultAction\":\"d\"\n,\"syscalls\":\n[{\"action\":\"a\" ,\"names\":[\"x\"] },{\"action\":\"b\"\n}]}"
        );
        let none = "spec:\n  baseProfileName: low\n  defaultAction: d\n";
        assert_eq!(
            json(none),
            "\n{\n\"defaultAction\":\"d\"\n,\"syscalls\":[{\"action\":\"a\" ,\"names\":[\"x\"] }]}"
        );
    }

    #[test]
    fn values_keep_their_lines() {
        let text = "apiVersion: x\nkind: SeccompProfile\nspec:\n  disabled: false\n  defaultAction: SCMP_ACT_ERRNO\n  \
                    syscalls:\n  - action: 'SCMP_ACT_ALLOW'\n    names: [read,\n      \"write\"]\n    args:\n    - index: 0\n      value: 16\n";
        assert_eq!(
            json(text),
            "\n\n\n{\n\"defaultAction\":\"SCMP_ACT_ERRNO\"\n,\"syscalls\":\n[{\"action\":\"SCMP_ACT_ALLOW\"\n,\"names\":[\"read\"\n,\"write\"]\n\
             ,\"args\":\n[{\"index\":0\n,\"value\":16\n}]}]}"
        );
    }

    /// Whatever is said of a value is said of where it stands in the YAML.
    #[test]
    fn values_stand_where_they_were_written() {
        let text = "# é\nspec:\n  defaultAction: \"d\"\n  baseProfileName: low\n  syscalls:\n  - action: é\n    \
                    names: [ä, read,\n      'write']\n    args: [{index: 7, value: 16}]\n  - {action: b}\n";
        let source = Source::new("f", text).expect("short");
        let found = profile(&source, &mut |_| Ok(Source::new("low", LOW).expect("short")));
        let document = found.expect("a profile");
        let json = document.json().text();
        let at = |text: &str| {
            let start = json.find(text).unwrap_or_else(|| panic!("{text} is not in {json}"));
            let fault = callgate_formats::json::Fault::new(start..start + text.len(), "");
            let place = document.place(&fault);
            (format!("{}:{}", place.line, place.column), source.slice(place.span).unwrap_or(""))
        };
        for (json, line, yaml) in [
            ("\"defaultAction\"", "3:3", "defaultAction"),
            ("\"d\"", "3:18", "\"d\""),
            ("\"é\"", "6:13", "é"),
            ("\"read\"", "7:16", "read"),
            ("\"write\"", "8:7", "'write'"),
            ("7", "9:20", "7"),
            ("16", "9:30", "16"),
            ("{\"action\":\"b\"}", "10:5", "{action: b"),
            // What the profile below says is said where that is named.
            ("\"x\"", "4:20", "low"),
        ] {
            assert_eq!(at(json), (line.to_owned(), yaml), "{json}");
        }
    }

    #[test]
    fn what_is_no_profile_is_refused_with_its_place() {
        assert!(json("kind: SeccompProfile\n").contains("no `spec`"));
        assert!(json("spec:\n  baseProfileName: runc\n").starts_with("f:2:20: error"));
        assert!(json("spec:\n  baseProfileName: loop\n").contains("there is no loop"));
        assert!(json("spec: {a: &b 1, c: *b}\n").contains("aliases"));
        assert!(json("spec: [\n").starts_with("f:"));
        let deep = json(&format!("spec: {}", "[".repeat(10_000)));
        assert!(deep.starts_with("f:1:"), "{deep}");
    }
}
