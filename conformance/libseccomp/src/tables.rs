//! `cargo xtask tables compare FILE.csv`: our syscall tables against a table of libseccomp's.
//!
//! The file has a column `name` and one column for each architecture; `PNR` stands for "absent". A
//! difference is accepted only where `data/known-differences.tsv` lists it with a reason, and a
//! listed one must still exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use callgate_syscalls::{Arch, Name};

/// A difference: architecture, name, our number, their number; `-` where there is none.
type Difference = [String; 4];

/// Compares, and fails on the first difference without a reason.
pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let [command, file] = args else { return Err("usage: tables compare FILE.csv".into()) };
    if command != "compare" {
        return Err(format!("no command {command:?}: expected compare"));
    }
    let text = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let theirs = parse(&text)?;
    let found = differences(&theirs);
    let known = known_differences()?;
    for difference in found.difference(&known) {
        println!("{}", difference.join("\t"));
    }
    for difference in known.difference(&found) {
        println!("no longer differs: {}", difference.join("\t"));
    }
    let pairs: usize = theirs.values().map(BTreeMap::len).sum();
    let unexplained = found.symmetric_difference(&known).count();
    println!("{pairs} pairs compared, {} differences, {unexplained} unexplained", found.len());
    if unexplained == 0 { Ok(()) } else { Err(format!("{unexplained} unexplained differences")) }
}

/// Their numbers by architecture and name.
fn parse(text: &str) -> Result<BTreeMap<Arch, BTreeMap<String, Option<u32>>>, String> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let mut tables: BTreeMap<Arch, BTreeMap<String, Option<u32>>> = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let name = cells.first().copied().unwrap_or_default();
        for (column, cell) in header.iter().zip(&cells) {
            let Some(arch) = Arch::from_name(column) else { continue };
            let number = match *cell {
                "PNR" => None,
                cell => Some(cell.parse().map_err(|_| format!("{name}: {cell:?} is no number"))?),
            };
            tables.entry(arch).or_default().insert(name.to_owned(), number);
        }
    }
    if tables.is_empty() {
        Err("no column is named after an architecture".into())
    } else {
        Ok(tables)
    }
}

fn differences(theirs: &BTreeMap<Arch, BTreeMap<String, Option<u32>>>) -> BTreeSet<Difference> {
    let mut found = BTreeSet::new();
    for (&arch, their_names) in theirs {
        let ours: BTreeMap<&str, u32> =
            arch.syscalls().map(|syscall| (syscall.name.as_str(), syscall.nr.raw())).collect();
        let our_names = Name::all().map(|name| name.as_str().to_owned());
        let names: BTreeSet<String> = their_names.keys().cloned().chain(our_names).collect();
        for name in names {
            let our_number = ours.get(name.as_str()).copied();
            let their_number = their_names.get(&name).copied().flatten();
            if our_number != their_number {
                let number = |n: Option<u32>| n.map_or("-".into(), |n| n.to_string());
                let (ours, theirs) = (number(our_number), number(their_number));
                found.insert([arch.name().into(), name, ours, theirs]);
            }
        }
    }
    found
}

fn known_differences() -> Result<BTreeSet<Difference>, String> {
    let mut known = BTreeSet::new();
    for (place, columns) in house::lines(&house::root().join("data/known-differences.tsv"))? {
        let [arch, name, ours, theirs, reason] = &columns[..] else {
            return Err(format!("{place}: expected architecture, name, ours, theirs and reason"));
        };
        if reason.is_empty() {
            return Err(format!("{place}: no reason"));
        }
        known.insert([arch, name, ours, theirs].map(Clone::clone));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_a_missing_and_an_extra_number_all_show() {
        let theirs = parse("name,x86_64\nread,0\nwrite,7\nmystery,9999\n").unwrap_or_default();
        let found = differences(&theirs);
        let has = |d: [&str; 4]| found.contains(&d.map(str::to_owned));
        assert!(has(["x86_64", "write", "1", "7"]));
        assert!(has(["x86_64", "mystery", "-", "9999"]));
        assert!(has(["x86_64", "openat", "257", "-"]));
        assert!(!found.iter().any(|difference| difference[1] == "read"));
    }

    #[test]
    fn a_table_without_architectures_is_refused() {
        assert!(parse("name,x87\nread,0\n").is_err());
        assert!(parse("name,x86\nread,zero\n").is_err());
    }
}
