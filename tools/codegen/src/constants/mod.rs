//! Constants: the names that syscall arguments are compared with, and their values on each
//! architecture.
//!
//! `data/constants/sets.tsv` says by hand which names belong together and in which headers they
//! stand; [`import()`] asks the headers of a kernel tree for their values, and [`read`] reads what
//! it left.

mod import;
mod layout;
mod names;
mod render;
mod target;

use std::path::Path;

pub(super) use import::run as import;
pub(super) use layout::{arches_named, takes};
pub(super) use render::{render, render_items};

use crate::facts::{self, TABLES};
use house::lines;
use names::Pattern;

/// A line of `sets.tsv`: one part of a set.
pub(super) struct Part {
    /// The set's name.
    pub set: String,
    /// The part as the file spells it.
    pub spelling: String,
    /// The headers that define them, as an `#include` names them.
    headers: Vec<String>,
    /// Which of the headers' names.
    patterns: Vec<Pattern>,
}

/// How the names of a part share the value of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The whole value is one of them.
    Values,
    /// Any of them, ORed.
    Flags,
    /// The bits within the mask are one of them, shifted to the left.
    Field {
        /// The bits.
        mask: u64,
        /// By how much.
        shift: u8,
    },
}

/// The parts of all sets, in the order of the file.
pub(super) fn parts(data: &Path) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    for (place, columns) in lines(&data.join("constants/sets.tsv"))? {
        let [set, kind, headers, names] = &columns[..] else {
            return Err(format!("{place}: expected set, part, headers and names"));
        };
        let spelling = kind.clone();
        Kind::parse(kind).ok_or_else(|| format!("{place}: {kind:?} is no part"))?;
        parts.push(Part {
            set: set.clone(),
            spelling,
            headers: headers.split(' ').map(str::to_owned).collect(),
            patterns: names.split(' ').map(Pattern::parse).collect(),
        });
    }
    Ok(parts)
}

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let mask = |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok();
        match words[..] {
            ["values"] => Some(Self::Values),
            ["flags"] => Some(Self::Flags),
            ["field", bits] => Some(Self::Field { mask: mask(bits)?, shift: 0 }),
            ["field", bits, shift] => {
                Some(Self::Field { mask: mask(bits)?, shift: shift.parse().ok()? })
            }
            _ => None,
        }
    }
}

/// A line of `values.tsv`: a name with the value it has in some tables.
pub(super) struct Value {
    /// The set.
    pub set: String,
    /// The part of the set, as `sets.tsv` spells it.
    pub part: String,
    /// The name in C.
    pub name: String,
    /// The tables, a bit each, in the order of [`TABLES`].
    pub tables: u32,
    /// The value that the expression has in C.
    pub value: i64,
}

/// The values that were imported.
pub(super) fn read(data: &Path) -> Result<Vec<Value>, String> {
    let mut values = values(data)?;
    values.extend(read_file(&data.join("constants/supplement.tsv"))?);
    Ok(values)
}

/// The values that the last import left.
fn values(data: &Path) -> Result<Vec<Value>, String> {
    read_file(&data.join("constants/values.tsv"))
}

fn read_file(path: &Path) -> Result<Vec<Value>, String> {
    let read = |(place, columns): (String, Vec<String>)| {
        value(&columns).map_err(|error| format!("{place}: {error}"))
    };
    lines(path)?.into_iter().map(read).collect()
}

fn value(columns: &[String]) -> Result<Value, String> {
    let [set, part, tables, name, value] = columns else {
        return Err("expected set, part, tables, name and value".into());
    };
    let number = match value.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => value.parse().ok(),
    };
    let tables = facts::tables_named(tables)?;
    let bit = |(index, table): (usize, &facts::Table)| {
        u32::from(tables.iter().any(|named| named.name == table.name)) << index
    };
    Ok(Value {
        set: set.clone(),
        part: part.clone(),
        name: name.clone(),
        tables: TABLES.iter().enumerate().map(bit).sum(),
        value: number.ok_or_else(|| format!("{value:?} is no value"))?,
    })
}

/// A line of `arguments.tsv`: which set the arguments of some syscalls take their values from.
pub(super) struct Use {
    /// The set.
    pub set: String,
    /// The syscalls.
    pub syscalls: Vec<String>,
    /// The argument's names in the kernel.
    pub arguments: Vec<String>,
    /// Another argument, and the constants that it must be.
    pub condition: Option<(String, Vec<String>)>,
    /// Where it is written.
    pub place: String,
}

/// The uses of sets, in the order of the file.
pub(super) fn uses(data: &Path) -> Result<Vec<Use>, String> {
    let list = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let mut uses = Vec::new();
    for (place, columns) in lines(&data.join("constants/arguments.tsv"))? {
        let [set, syscalls, arguments, condition] = &columns[..] else {
            return Err(format!("{place}: expected set, syscalls, argument and condition"));
        };
        let condition = match condition.split_once(' ') {
            Some((argument, constants)) => Some((argument.to_owned(), list(constants))),
            None if condition == "-" => None,
            None => return Err(format!("{place}: {condition:?} is no condition")),
        };
        let (syscalls, arguments) = (list(syscalls), list(arguments));
        uses.push(Use { set: set.clone(), syscalls, arguments, condition, place });
    }
    Ok(uses)
}
