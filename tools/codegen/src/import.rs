//! `codegen import`: brings the facts under `data/` up to a kernel tree.
//!
//! Only facts are taken: numbers, names, types and values. A row that is already there keeps its
//! release; a row that is new gets the release of the tree. Rows of `supplement.tsv`, newer than
//! the tree or outside its tables, are merged.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::version::KernelVersion;

use super::definitions::Definitions;
use super::facts::{self, Parameter, Row, TABLES, Table};
use super::{errnos, replace};

/// Names in MIPS's tables that only keep a number free.
const PLACEHOLDERS: &[&str] = &["unused", "reserved"];

/// Entry points that stand for "no such syscall".
const UNIMPLEMENTED: &[&str] = &["-", "sys_ni_syscall", "sys32_unimplemented"];

/// Imports a tree into the folder of facts.
pub(super) fn run(data: &Path, tree: &Path) -> Result<(), String> {
    let release = release(tree)?;
    let definitions = Definitions::read(tree, &TABLES)?;
    let mut signatures = Grouped::default();
    for ((table, entry), parameters) in
        facts::read_signature_file(&data.join("supplement-signatures.tsv"))?
    {
        let table = TABLES.iter().find(|known| known.name == table);
        table.iter().for_each(|table| signatures.add(table, &entry, &parameters));
    }
    let before = facts::read_signature_file(&data.join("signatures.tsv"))?;
    let (mut known, mut total) = (0, 0);
    for table in &TABLES {
        let source = Listed::read(tree, table, release)?;
        let rows = table_rows(data, table, &source)?;
        for row in &rows {
            let Some(entry) = &row.entry else { continue };
            total += 1;
            if let Some(parameters) = definitions.parameters(entry, table) {
                signatures.add(table, entry, parameters);
            }
            // An entry point of which a newer kernel has nothing but the number.
            let gone = before.get(&(table.name, entry.clone()));
            if let Some(parameters) = gone.filter(|_| !signatures.has(table, entry)) {
                signatures.add(table, entry, parameters);
            }
            known += usize::from(signatures.has(table, entry));
            if !signatures.has(table, entry) {
                eprintln!("import: {}: {entry} ({}) is not defined in C", table.name, row.name);
            }
        }
        if source.rows.is_some() {
            let path = data.join("syscalls").join(table.name).with_extension("tsv");
            replace(&path, &table_text(table, release, &rows))?;
        }
    }
    replace(&data.join("signatures.tsv"), &signatures.text(release))?;
    let heading = format!("# Errno values of Linux {release}: family, value, name.\n");
    replace(&data.join("errnos.tsv"), &(heading + &errnos::import(tree)?))?;
    println!("import: Linux {release}; C definitions for {known} of {total} entry points");
    Ok(())
}

/// The release of a tree, from its Makefile.
pub(super) fn release(tree: &Path) -> Result<KernelVersion, String> {
    let path = tree.join("Makefile");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='));
        line.and_then(|value| value.trim().parse().ok())
    };
    match (value("VERSION"), value("PATCHLEVEL")) {
        (Some(major), Some(minor)) => Ok(KernelVersion::new(major, minor)),
        _ => Err(format!("{}: no VERSION and PATCHLEVEL", path.display())),
    }
}

/// What a tree lists for a table.
struct Listed {
    /// Nothing where the tree has this ABI no more.
    rows: Option<Vec<Row>>,
}

impl Listed {
    fn read(tree: &Path, table: &Table, release: KernelVersion) -> Result<Self, String> {
        let path = tree.join(table.source.0);
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        if table.retired && !text.lines().any(|line| is_own(line, table)) {
            return Ok(Self { rows: None });
        }
        let rows = text.lines().filter_map(|line| table_line(line, table, release)).collect();
        Ok(Self { rows: Some(rows) })
    }
}

/// Whether a line of a kernel table is for no other ABI than the table's.
fn is_own(line: &str, table: &Table) -> bool {
    let abi = line.split_whitespace().nth(1);
    abi.is_some_and(|abi| abi != "common" && table.source.1.contains(&abi))
        && !line.starts_with('#')
}

/// The rows of a table: the tree's, those of the supplement, and those already known.
fn table_rows(data: &Path, table: &Table, listed: &Listed) -> Result<Vec<Row>, String> {
    let mut rows: BTreeMap<u32, Row> = BTreeMap::new();
    let known = facts::read_table(data, table)?;
    let Some(listed) = &listed.rows else { return Ok(known) };
    for row in known {
        rows.insert(row.number, Row { entry: None, ..row });
    }
    for row in listed.iter().cloned().chain(supplement(data, table)?) {
        let known = rows.get(&row.number);
        if let Some(known) = known.filter(|known| known.name != row.name) {
            let (old, new) = (&known.name, &row.name);
            return Err(format!("{}: {} was {old} and is {new}", table.name, row.number));
        }
        let since = known.map_or(row.since, |known| known.since);
        rows.insert(row.number, Row { since, ..row });
    }
    Ok(rows.into_values().collect())
}

/// A line of a kernel table: number, ABI, name, entry point, compat entry point.
fn table_line(line: &str, table: &Table, release: KernelVersion) -> Option<Row> {
    let line = line.split('#').next().unwrap_or_default();
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [number, abi, name, entries @ ..] = &columns[..] else { return None };
    let placeholder = |name: &str| {
        let word = name.trim_end_matches(|c: char| c.is_ascii_digit());
        PLACEHOLDERS.contains(&word)
    };
    if !table.source.1.contains(abi) || placeholder(name) {
        return None;
    }
    let compat = entries.get(1).filter(|entry| table.compat && **entry != "-");
    let entry = compat.or(entries.first()).filter(|entry| !UNIMPLEMENTED.contains(entry));
    Some(Row {
        number: table.base + number.parse::<u32>().ok()?,
        name: (*name).to_owned(),
        since: release,
        entry: entry.map(|entry| (*entry).to_owned()),
    })
}

/// The hand-kept rows for a table: tables, number without base, name, release, entry point, origin.
fn supplement(data: &Path, table: &Table) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (place, columns) in house::lines(&data.join("syscalls/supplement.tsv"))? {
        let [tables, number, name, since, entry, _origin] = &columns[..] else {
            return Err(format!("{place}: expected six columns"));
        };
        let tables = facts::tables_named(tables).map_err(|error| format!("{place}: {error}"))?;
        if !tables.iter().any(|named| named.name == table.name) {
            continue;
        }
        let number: u32 = number.parse().map_err(|_| format!("{place}: no number"))?;
        rows.push(Row {
            number: table.base + number,
            name: name.clone(),
            since: since.parse().map_err(|error| format!("{place}: {error}"))?,
            entry: Some(entry.clone()).filter(|entry| entry != "-"),
        });
    }
    Ok(rows)
}

fn table_text(table: &Table, release: KernelVersion, rows: &[Row]) -> String {
    let (path, abis) = (table.source.0, table.source.1.join(", "));
    let mut text = format!(
        "# {}: number as filters see it, name, first release, entry point.\n\
         # From Linux {release} ({path}: {abis}) and supplement.tsv.\n",
        table.name
    );
    for row in rows {
        let entry = row.entry.as_deref().unwrap_or("-");
        text.push_str(&format!("{}\t{}\t{}\t{entry}\n", row.number, row.name, row.since));
    }
    text
}

/// Signatures by entry point and parameters, with the tables that share them.
#[derive(Default)]
struct Grouped(BTreeMap<(String, String), Vec<&'static str>>);

impl Grouped {
    fn add(&mut self, table: &Table, entry: &str, parameters: &[Parameter]) {
        let parameters: Vec<String> =
            parameters.iter().map(|(c_type, name)| format!("{c_type} {name}")).collect();
        let text = if parameters.is_empty() { "void".into() } else { parameters.join("; ") };
        let tables = self.0.entry((entry.to_owned(), text)).or_default();
        if !tables.contains(&table.name) {
            tables.push(table.name);
        }
    }

    fn has(&self, table: &Table, entry: &str) -> bool {
        self.0.iter().any(|((known, _), tables)| known == entry && tables.contains(&table.name))
    }

    fn text(&self, release: KernelVersion) -> String {
        let mut text = format!(
            "# What entry points take: tables, entry point, parameters.\n\
             # From the definitions in Linux {release} and supplement-signatures.tsv.\n"
        );
        for ((entry, parameters), tables) in &self.0 {
            let variants = self.0.keys().filter(|(other, _)| other == entry).count();
            let tables = if variants == 1 { "*".into() } else { tables.join(",") };
            text.push_str(&format!("{tables}\t{entry}\t{parameters}\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_lines_become_rows() {
        let table = |name: &str| TABLES.iter().find(|t| t.name == name).unwrap_or(&TABLES[0]);
        let release = KernelVersion::new(6, 12);
        let row = |line, name| table_line(line, table(name), release);
        let entry = |line, name| row(line, name).and_then(|row| row.entry);
        assert_eq!(row("4 o32 write sys_write", "mips").map(|row| row.number), Some(4004));
        assert_eq!(row("18 o32 unused18 sys_ni_syscall", "mips"), None);
        assert_eq!(row("1 oabi x sys_x", "arm"), None);
        assert_eq!(row("# comment", "arm"), None);
        let line = "5 i386 open sys_open compat_sys_open";
        assert_eq!(entry(line, "x86").as_deref(), Some("compat_sys_open"));
        assert_eq!(entry("1 i386 exit sys_exit - noreturn", "x86").as_deref(), Some("sys_exit"));
        assert_eq!(entry("17 i386 break", "x86"), None);
        assert_eq!(entry("8 32 x - sys_x16", "s390").as_deref(), Some("sys_x16"));
        assert!(is_own("8 32 x - sys_x16", table("s390")));
        assert!(!is_own("8 common x sys_x", table("s390")) && !is_own("# 32", table("s390")));
    }
}
