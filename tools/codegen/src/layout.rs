//! The shape of the generated tables: every list that the look-ups index, before it becomes Rust
//! text.

use std::collections::{BTreeMap, BTreeSet};

use crate::version::KernelVersion;

use super::facts::{Facts, Parameter, TABLES, Table};
use super::narrowed::Narrowed;
use super::widths;

/// The bits that hold a name's index in an entry; the number stands above them.
pub(super) const NAME_BITS: u32 = 12;

/// Marks a name that a table lacks.
pub(super) const ABSENT: u16 = u16::MAX;

/// The signature index of a syscall whose arguments are not known.
pub(super) const NO_SIGNATURE: u16 = 0;

/// A parameter with the bits that the kernel reads: name, type, width, as indices.
pub(super) type Argument = (u16, u16, u8);

/// The lists.
pub(super) struct Layout<'a> {
    /// Every name, sorted.
    pub names: Vec<&'a str>,
    /// The oldest release in which a table has the name.
    pub oldest: Vec<KernelVersion>,
    /// In how many tables the name is.
    pub count: Vec<usize>,
    /// Where each table begins in `entries`, and the end.
    pub starts: Vec<u16>,
    /// `number << NAME_BITS | name`, table after table, ascending.
    pub entries: Vec<u32>,
    /// The release of each entry, as an index.
    pub since: Vec<u8>,
    /// Every release that occurs, sorted.
    pub releases: Vec<KernelVersion>,
    /// For each table and name, the place in `entries`, or [`ABSENT`].
    pub positions: Vec<u16>,
    /// The signature of each entry.
    pub signature_of: Vec<u16>,
    /// The distinct signatures, each a list of arguments; the first stands for "not known".
    pub signatures: Vec<Vec<u16>>,
    /// The distinct arguments.
    pub arguments: Vec<Argument>,
    /// The distinct argument names and types.
    pub words: Vec<String>,
}

impl<'a> Layout<'a> {
    /// Lays the facts out, or says which fact does not fit.
    pub(super) fn new(facts: &'a Facts, narrowed: &Narrowed) -> Result<Self, String> {
        let names: Vec<&str> = facts.names().into_iter().collect();
        let releases: BTreeSet<_> = facts.tables.iter().flatten().map(|row| row.since).collect();
        let mut layout = Self {
            oldest: vec![KernelVersion::new(u8::MAX, 0); names.len()],
            count: vec![0; names.len()],
            positions: vec![ABSENT; names.len() * TABLES.len()],
            names,
            starts: Vec::new(),
            entries: Vec::new(),
            since: Vec::new(),
            releases: releases.into_iter().collect(),
            signature_of: Vec::new(),
            signatures: vec![Vec::new()],
            arguments: Vec::new(),
            words: Vec::new(),
        };
        if layout.names.len() >= 1 << NAME_BITS {
            return Err(format!("more than {} names", 1 << NAME_BITS));
        }
        layout.add_tables(facts)?;
        let mut pool = Pool::default();
        layout.add_signatures(facts, narrowed, &mut pool)?;
        layout.signatures.extend(pool.signatures.into_order());
        layout.arguments = pool.arguments.into_order();
        layout.words = pool.words.into_order();
        Ok(layout)
    }

    fn add_tables(&mut self, facts: &Facts) -> Result<(), String> {
        for (index, (table, rows)) in TABLES.iter().zip(&facts.tables).enumerate() {
            self.starts.push(index16(self.entries.len())?);
            for row in rows {
                let name = place(&self.names, &row.name.as_str())?;
                let release = place(&self.releases, &row.since)?;
                self.positions[index * self.names.len() + name] = index16(self.entries.len())?;
                self.oldest[name] = self.oldest[name].min(row.since);
                self.count[name] += 1;
                self.entries.push(entry(table, row.number, name)?);
                self.since.push(u8::try_from(release).map_err(|_| "more than 256 releases")?);
            }
        }
        self.starts.push(index16(self.entries.len())?);
        Ok(())
    }

    fn add_signatures(
        &mut self,
        facts: &Facts,
        narrowed: &Narrowed,
        pool: &mut Pool,
    ) -> Result<(), String> {
        for (table, rows) in TABLES.iter().zip(&facts.tables) {
            for row in rows {
                let entry = row.entry.clone().unwrap_or_default();
                let index = match facts.signatures.get(&(table.name, entry.clone())) {
                    None => NO_SIGNATURE,
                    Some(parameters) => {
                        let place = || format!("{} on {}", row.name, table.name);
                        let arguments = registers(narrowed, table, &entry, parameters);
                        let index = arguments.and_then(|arguments| pool.signature(arguments));
                        1 + index.map_err(|error| format!("{}: {error}", place()))?
                    }
                };
                self.signature_of.push(index);
            }
        }
        Ok(())
    }
}

/// The registers that an entry point's parameters take, each with the bits that are read of it.
fn registers(
    narrowed: &Narrowed,
    table: &Table,
    entry: &str,
    parameters: &[Parameter],
) -> Result<Vec<(Parameter, u8)>, String> {
    let with_bits = |register: Parameter| {
        let bits = narrowed.bits(table, entry, &register)?;
        Ok((register, bits))
    };
    widths::registers(table, parameters)?.into_iter().map(with_bits).collect()
}

/// The place of a value in a sorted list that was made from all of them.
fn place<T: Ord>(sorted: &[T], value: &T) -> Result<usize, String> {
    sorted.binary_search(value).map_err(|_| "a list lacks one of its values".into())
}

fn entry(table: &Table, number: u32, name: usize) -> Result<u32, String> {
    // MIPS's base is part of the number; x32's is a bit that would not fit.
    let base = if table.name == "x32" { table.base } else { 0 };
    let fits = |number: &u32| *number < 1 << (u32::BITS - NAME_BITS);
    let number = number.checked_sub(base).filter(fits);
    let number = number.ok_or_else(|| format!("{}: a number is out of range", table.name))?;
    Ok(number << NAME_BITS | u32::from(index16(name)?))
}

fn index16(index: usize) -> Result<u16, String> {
    u16::try_from(index).ok().filter(|i| *i != ABSENT).ok_or("a table outgrew 16 bits".into())
}

/// Distinct values numbered in order of their first use.
struct Interned<T>(BTreeMap<T, usize>);

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Ord> Interned<T> {
    fn index(&mut self, value: T) -> Result<u16, String> {
        let next = self.0.len();
        index16(*self.0.entry(value).or_insert(next))
    }

    fn into_order(self) -> Vec<T> {
        let mut pairs: Vec<_> = self.0.into_iter().collect();
        pairs.sort_by_key(|pair| pair.1);
        pairs.into_iter().map(|pair| pair.0).collect()
    }
}

/// The parts of signatures.
#[derive(Default)]
struct Pool {
    words: Interned<String>,
    arguments: Interned<Argument>,
    signatures: Interned<Vec<u16>>,
}

impl Pool {
    fn signature(&mut self, registers: Vec<(Parameter, u8)>) -> Result<u16, String> {
        let mut arguments = Vec::new();
        for ((c_type, name), bits) in registers {
            let argument = (self.words.index(name)?, self.words.index(c_type)?, bits);
            arguments.push(self.arguments.index(argument)?);
        }
        self.signatures.index(arguments)
    }
}
