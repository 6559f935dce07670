//! The shape of the generated tables of constants: every list that the look-ups index, and the
//! checks of the data.

use std::collections::{BTreeMap, BTreeSet};

use super::{Kind, Part, Use, Value};
use crate::facts::{Facts, TABLES, Table, tables_named};

/// The lists.
pub(super) struct Layout {
    /// Every constant's name, sorted.
    pub names: Vec<String>,
    /// Where the values of each constant begin in `values`, and the end.
    pub starts: Vec<usize>,
    /// The architectures, a bit each in the order of `Arch::ALL`, with the value that they share.
    pub values: Vec<(u32, i64)>,
    /// The sets, sorted by name, with the place of their first part; the last is the end.
    pub sets: Vec<(String, usize)>,
    /// The parts of sets, with the place of their first member; the last is the end.
    pub parts: Vec<(Option<Kind>, usize)>,
    /// The constants of the parts.
    pub members: Vec<usize>,
    /// Which set an argument takes its values from, sorted by syscall.
    pub arguments: Vec<Argument>,
    /// The constants that conditions name.
    pub conditions: Vec<usize>,
    /// The names of arguments, sorted.
    pub words: Vec<String>,
}

/// A use of a set by one argument of one syscall.
pub(super) struct Argument {
    /// The syscall's name.
    pub syscall: String,
    /// The argument's, as an index.
    pub word: usize,
    /// The set.
    pub set: usize,
    /// The other argument and its constants in [`Layout::conditions`]; an empty range where there
    /// is no condition.
    pub condition: (usize, usize, usize),
}

impl Layout {
    /// Lays the constants out, or says which line does not fit.
    pub(super) fn new(
        parts: &[Part],
        values: &[Value],
        uses: &[Use],
        facts: &Facts,
    ) -> Result<Self, String> {
        let names: BTreeSet<&str> = values.iter().map(|value| &*value.name).collect();
        let mut layout = Self {
            names: names.into_iter().map(str::to_owned).collect(),
            starts: Vec::new(),
            values: Vec::new(),
            sets: Vec::new(),
            parts: Vec::new(),
            members: Vec::new(),
            arguments: Vec::new(),
            conditions: Vec::new(),
            words: Vec::new(),
        };
        layout.add_values(values)?;
        layout.add_sets(parts, values)?;
        layout.add_uses(uses, facts)?;
        Ok(layout)
    }

    fn constant(&self, name: &str) -> Result<usize, String> {
        let found = self.names.binary_search_by(|known| known.as_str().cmp(name));
        found.map_err(|_| format!("{name} is no constant"))
    }

    fn add_values(&mut self, values: &[Value]) -> Result<(), String> {
        let mut of: BTreeMap<&str, BTreeMap<i64, u32>> = BTreeMap::new();
        for value in values {
            let tables = of.entry(&value.name).or_default().entry(value.value).or_default();
            *tables |= value.tables;
        }
        for (name, values) in of {
            self.starts.push(self.values.len());
            let mut seen = 0;
            for (value, tables) in values {
                if seen & tables != 0 {
                    return Err(format!("{name} has two values in one table"));
                }
                seen |= tables;
                self.values.push((arches(tables), value));
            }
        }
        self.starts.push(self.values.len());
        Ok(())
    }

    fn add_sets(&mut self, parts: &[Part], values: &[Value]) -> Result<(), String> {
        let names: BTreeSet<&str> = values.iter().map(|value| &*value.set).collect();
        for name in names {
            self.sets.push((name.to_owned(), self.parts.len()));
            let mut spellings: Vec<&str> = Vec::new();
            for value in values.iter().filter(|value| value.set == name) {
                if !spellings.contains(&&*value.part) {
                    spellings.push(&value.part);
                }
            }
            for spelling in spellings {
                let kind = Kind::parse(spelling).ok_or_else(|| format!("{spelling}: no part"))?;
                self.parts.push((Some(kind), self.members.len()));
                let in_part = |value: &&Value| value.set == name && value.part == spelling;
                for value in values.iter().filter(in_part) {
                    let constant = self.constant(&value.name)?;
                    let start = self.parts.last().map_or(0, |part| part.1);
                    if !self.members[start..].contains(&constant) {
                        self.members.push(constant);
                    }
                }
            }
        }
        self.sets.push((String::new(), self.parts.len()));
        self.parts.push((None, self.members.len()));
        match parts.iter().find(|part| !values.iter().any(|value| value.set == part.set)) {
            Some(part) => Err(format!("{} has no constants: import them", part.set)),
            None => Ok(()),
        }
    }

    fn add_uses(&mut self, uses: &[Use], facts: &Facts) -> Result<(), String> {
        let condition = |used: &Use| used.condition.clone().map(|(argument, _)| argument);
        let words: BTreeSet<String> = uses
            .iter()
            .flat_map(|used| used.arguments.iter().cloned().chain(condition(used)))
            .collect();
        self.words = words.into_iter().collect();
        for used in uses {
            self.add_use(used, facts).map_err(|error| format!("{}: {error}", used.place))?;
        }
        self.arguments.sort_by(|a, b| a.syscall.cmp(&b.syscall));
        Ok(())
    }

    fn add_use(&mut self, used: &Use, facts: &Facts) -> Result<(), String> {
        let set = self.sets[..self.sets.len() - 1].iter().position(|(name, _)| *name == used.set);
        let set = set.ok_or_else(|| format!("{} is no set", used.set))?;
        let word = |name: &String| self.words.binary_search(name).unwrap_or_default();
        let start = self.conditions.len();
        let mut added = Vec::new();
        let mut other = 0;
        if let Some((argument, constants)) = &used.condition {
            other = word(argument);
            for constant in constants {
                added.push(self.constant(constant)?);
            }
        }
        let condition = (other, start, start + added.len());
        for syscall in &used.syscalls {
            let mut found = false;
            for argument in &used.arguments {
                if takes(facts, syscall, argument) {
                    found = true;
                    let word = word(argument);
                    let syscall = syscall.clone();
                    self.arguments.push(Argument { syscall, word, set, condition });
                }
            }
            if !found {
                return Err(format!("{syscall} takes no {}", used.arguments.join(" or ")));
            }
        }
        self.conditions.extend(added);
        Ok(())
    }
}

/// Whether a syscall takes an argument of that name on some architecture.
pub(crate) fn takes(facts: &Facts, syscall: &str, argument: &str) -> bool {
    TABLES.iter().zip(&facts.tables).any(|(table, rows)| {
        let row = rows.iter().find(|row| row.name == syscall);
        let entry = row.and_then(|row| row.entry.clone()).unwrap_or_default();
        let parameters = facts.signatures.get(&(table.name, entry));
        parameters.is_some_and(|parameters| parameters.iter().any(|(_, name)| name == argument))
    })
}

/// A bit for each architecture of each table, in the order of `Arch::ALL`.
fn arches(tables: u32) -> u32 {
    let mut bits = 0;
    let mut place = 0;
    for (index, table) in TABLES.iter().enumerate() {
        for _ in table.arches {
            bits |= (tables >> index & 1) << place;
            place += 1;
        }
    }
    bits
}

/// The architectures of a list of tables, a bit each in the order of `Arch::ALL`.
pub(crate) fn arches_named(list: &str) -> Result<u32, String> {
    let named = tables_named(list)?;
    let bit = |(index, table): (usize, &Table)| {
        u32::from(named.iter().any(|named| named.name == table.name)) << index
    };
    Ok(arches(TABLES.iter().enumerate().map(bit).sum()))
}
