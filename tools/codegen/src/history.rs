//! What is known of programs: which call they began to make when, and what users see when it is
//! refused.

use std::collections::BTreeMap;
use std::path::Path;

use house::lines;

use crate::constants::arches_named;
use crate::facts::Facts;
use crate::render::{array, header, words};

/// What a row may say of its confidence.
const CONFIDENCES: &[(&str, &str)] =
    &[("source", "Source"), ("report", "Report"), ("known", "Known")];

/// What a caller may do when a call is refused.
const FALLBACKS: &[(&str, &str)] = &[
    ("none", "None"),
    ("enosys", "Enosys"),
    ("any", "Any"),
    ("ignored", "Ignored"),
    ("probe", "Probe"),
    ("abort", "Abort"),
];

/// What a part may be.
const PART_KINDS: &[(&str, &str)] =
    &[("libc", "Libc"), ("runtime", "Runtime"), ("container", "Container")];

/// The tables of drift and denials, from `data/drift.tsv` and `data/denials.tsv`.
pub(crate) fn render(data: &Path, facts: &Facts) -> Result<String, String> {
    let mut tables = Tables::default();
    tables.word("");
    let drift = tables.drift(data, facts)?;
    let parts = tables.parts(data)?;
    let denials = tables.denials(data, facts)?;
    let mut text = header("Drift of programs, and denials.");
    text.push_str("use callgate_syscalls::{Name, names};\n\n");
    text.push_str("use crate::history::Confidence;\nuse crate::history::drift::Fallback;\n");
    text.push_str("use crate::history::versions::ReleaseKind;\n\n");
    words(&mut text, "WORD", &tables.words);
    array(&mut text, "SYSCALLS", "Name", &tables.syscalls);
    array(&mut text, "DRIFT", "(u32, u16, u16, Fallback, Confidence, [u16; 10])", &drift);
    array(&mut text, "PARTS", "(ReleaseKind, [u16; 4])", &parts);
    array(&mut text, "DENIALS", "(u16, u16, u16, Confidence, [u16; 8])", &denials);
    Ok(text)
}

#[derive(Default)]
struct Tables {
    words: Vec<String>,
    places: BTreeMap<String, usize>,
    syscalls: Vec<String>,
}

impl Tables {
    fn word(&mut self, text: &str) -> usize {
        let text = if text == "-" { "" } else { text };
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        self.words.push(text.to_owned());
        self.places.insert(text.to_owned(), self.words.len() - 1);
        self.words.len() - 1
    }

    /// Where a list of syscalls begins and ends.
    fn list(&mut self, list: &str, facts: &Facts) -> Result<(usize, usize), String> {
        let start = self.syscalls.len();
        for name in list.split(' ').filter(|name| *name != "-") {
            if !facts.names().contains(name) {
                return Err(format!("{name} is no syscall"));
            }
            self.syscalls.push(format!("names::{}", name.to_ascii_uppercase()));
        }
        Ok((start, self.syscalls.len()))
    }

    fn drift(&mut self, data: &Path, facts: &Facts) -> Result<Vec<String>, String> {
        let mut rows = Vec::new();
        for (place, columns) in lines(&data.join("drift.tsv"))? {
            let failed = |error: String| format!("{place}: {error}");
            let [
                part,
                since,
                tables,
                calls,
                call,
                by,
                when,
                with,
                fallback,
                enosys,
                eperm,
                add,
                sure,
                source,
            ] = &columns[..]
            else {
                return Err(failed("expected fourteen columns".into()));
            };
            occasion(when, facts).map_err(failed)?;
            arguments(with, calls).map_err(failed)?;
            let on = arches_named(tables).map_err(failed)?;
            let (start, end) = self.list(calls, facts).map_err(failed)?;
            if start == end {
                return Err(failed("it names no syscall".into()));
            }
            let fallback = variant(FALLBACKS, fallback).map_err(failed)?;
            let sure = variant(CONFIDENCES, sure).map_err(failed)?;
            let texts = [part, since, call, by, enosys, eperm, add, source, when, with];
            let texts = texts.map(|text| self.word(text));
            rows.push(format!(
                "({on:#x}, {start}, {end}, Fallback::{fallback}, Confidence::{sure}, {texts:?})"
            ));
        }
        Ok(rows)
    }

    fn parts(&mut self, data: &Path) -> Result<Vec<String>, String> {
        let mut rows = Vec::new();
        for (place, columns) in lines(&data.join("parts.tsv"))? {
            let failed = |error: String| format!("{place}: {error}");
            let [name, part, kind, first, last] = &columns[..] else {
                return Err(failed("expected five columns".into()));
            };
            let kind = variant(PART_KINDS, kind).map_err(failed)?;
            let texts = [name, part, first, last].map(|text| self.word(text));
            rows.push(format!("(ReleaseKind::{kind}, {texts:?})"));
        }
        Ok(rows)
    }

    fn denials(&mut self, data: &Path, facts: &Facts) -> Result<Vec<String>, String> {
        let mut rows = Vec::new();
        for (place, columns) in lines(&data.join("denials.tsv"))? {
            let failed = |error: String| format!("{place}: {error}");
            let [number, symptom, calls, call, by, eperm, enosys, remedy, risk, sure, source] =
                &columns[..]
            else {
                return Err(failed("expected eleven columns".into()));
            };
            let number: u16 = number.parse().map_err(|_| failed(format!("{number:?}: number")))?;
            let (start, end) = self.list(calls, facts).map_err(failed)?;
            let sure = variant(CONFIDENCES, sure).map_err(failed)?;
            let texts = [symptom, call, by, eperm, enosys, remedy, risk, source];
            let texts = texts.map(|text| self.word(text));
            rows.push(format!("({number}, {start}, {end}, Confidence::{sure}, {texts:?})"));
        }
        Ok(rows)
    }
}

fn variant(known: &[(&str, &'static str)], word: &str) -> Result<&'static str, String> {
    let found = known.iter().find(|(name, _)| *name == word);
    found.map(|(_, variant)| *variant).ok_or_else(|| format!("{word:?} is not known"))
}

/// Whether a word says when a call is made.
fn occasion(when: &str, facts: &Facts) -> Result<(), String> {
    let mut words = when.split(' ');
    match (words.next(), words.clone().next()) {
        (Some("start" | "twins" | "use"), None) => Ok(()),
        (Some("for"), Some(_)) => match words.find(|name| !facts.names().contains(*name)) {
            Some(other) => Err(format!("{other} is no syscall")),
            None => Ok(()),
        },
        _ => Err(format!("{when:?} is no occasion")),
    }
}

/// Whether arguments are those of one of the calls.
fn arguments(with: &str, calls: &str) -> Result<(), String> {
    let is_one = |word: &str| {
        let of = word.split_once('=').and_then(|(place, _)| place.split_once('.'));
        of.is_some_and(|(call, _)| calls.split(' ').any(|name| name == call))
    };
    match with.split(' ').find(|word| *word != "-" && !is_one(word)) {
        Some(word) => Err(format!("{word:?} is no argument of {calls}")),
        None => Ok(()),
    }
}
