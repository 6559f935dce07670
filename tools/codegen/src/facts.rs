//! The facts under `data/`: plain text, one fact a line, columns separated by tabs, `#` starts a
//! comment line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use house::lines;

use crate::version::KernelVersion;

/// A number table: the syscalls of one architecture, or of the two byte orders of one.
pub(crate) struct Table {
    /// The name of the first `callgate_syscalls::Arch` that uses it, and of its file.
    pub name: &'static str,
    /// The identifiers of all architectures that use it.
    pub arches: &'static [&'static str],
    /// The difference between the kernel's number and the one that filters see.
    pub base: u32,
    /// The bits of a register as the kernel's entry points read it.
    pub register_bits: u8,
    /// The kernel's folder under `arch/`.
    pub folder: &'static str,
    /// The kernel's table, and the values of its second column that belong to this ABI.
    pub source: (&'static str, &'static [&'static str]),
    /// Whether the compat entry of a line is this ABI's.
    pub compat: bool,
    /// Whether newer kernels have this ABI no more: where no line of theirs is its own, what is
    /// known of it stays.
    pub retired: bool,
}

impl Table {
    const fn new(
        name: &'static str,
        arches: &'static [&'static str],
        folder: &'static str,
        source: (&'static str, &'static [&'static str]),
    ) -> Self {
        Self {
            name,
            arches,
            base: 0,
            register_bits: 64,
            folder,
            source,
            compat: false,
            retired: false,
        }
    }

    const fn base(mut self, base: u32) -> Self {
        self.base = base;
        self
    }

    const fn narrow(mut self) -> Self {
        self.register_bits = 32;
        self
    }

    const fn retired(mut self) -> Self {
        self.retired = true;
        self
    }

    /// A 32-bit ABI that 64-bit kernels serve through the second entry column.
    const fn compat(mut self) -> Self {
        self.compat = true;
        self.register_bits = 32;
        self
    }
}

const GENERIC: &str = "scripts/syscall.tbl";
const M68K: &str = "arch/m68k/kernel/syscalls/syscall.tbl";
const N32: &str = "arch/mips/kernel/syscalls/syscall_n32.tbl";
const N64: &str = "arch/mips/kernel/syscalls/syscall_n64.tbl";
const O32: &str = "arch/mips/kernel/syscalls/syscall_o32.tbl";
const PARISC: &str = "arch/parisc/kernel/syscalls/syscall.tbl";
const PPC: &str = "arch/powerpc/kernel/syscalls/syscall.tbl";
const S390: &str = "arch/s390/kernel/syscalls/syscall.tbl";
const SH: &str = "arch/sh/kernel/syscalls/syscall.tbl";
const X86_32: &str = "arch/x86/entry/syscalls/syscall_32.tbl";
const X86_64: &str = "arch/x86/entry/syscalls/syscall_64.tbl";
const AARCH64_ABIS: &[&str] = &["common", "64", "renameat", "rlimit", "memfd_secret"];
const RISCV64_ABIS: &[&str] = &["common", "64", "riscv", "rlimit", "memfd_secret"];

/// The number tables, in the order of `callgate_syscalls::Arch::ALL`.
pub(crate) const TABLES: [Table; 18] = [
    Table::new("x86", &["X86"], "x86", (X86_32, &["i386"])).compat(),
    Table::new("x86_64", &["X86_64"], "x86", (X86_64, &["common", "64"])),
    Table::new("x32", &["X32"], "x86", (X86_64, &["common", "x32"])).base(0x4000_0000),
    Table::new("arm", &["Arm"], "arm", ("arch/arm/tools/syscall.tbl", &["common", "eabi"]))
        .narrow(),
    Table::new("aarch64", &["Aarch64"], "arm64", (GENERIC, AARCH64_ABIS)),
    Table::new("loongarch64", &["Loongarch64"], "loongarch", (GENERIC, &["common", "64"])),
    Table::new("m68k", &["M68k"], "m68k", (M68K, &["common"])).narrow(),
    Table::new("mips", &["Mips", "Mipsel"], "mips", (O32, &["o32"])).base(4000).compat(),
    Table::new("mips64", &["Mips64", "Mipsel64"], "mips", (N64, &["n64", "common"])).base(5000),
    Table::new("mips64n32", &["Mips64n32", "Mipsel64n32"], "mips", (N32, &["n32"])).base(6000),
    Table::new("parisc", &["Parisc"], "parisc", (PARISC, &["common", "32"])).compat(),
    Table::new("parisc64", &["Parisc64"], "parisc", (PARISC, &["common", "64"])),
    Table::new("ppc", &["Ppc"], "powerpc", (PPC, &["common", "32", "nospu"])).compat(),
    Table::new("ppc64", &["Ppc64", "Ppc64le"], "powerpc", (PPC, &["common", "64", "nospu"])),
    Table::new("riscv64", &["Riscv64"], "riscv", (GENERIC, RISCV64_ABIS)),
    // Linux 7.2 runs no programs of 31 bits.
    Table::new("s390", &["S390"], "s390", (S390, &["common", "32"])).compat().retired(),
    Table::new("s390x", &["S390x"], "s390", (S390, &["common", "64"])),
    Table::new("sh", &["Sh", "Sheb"], "sh", (SH, &["common"])).narrow(),
];

/// A syscall of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The number as filters see it.
    pub number: u32,
    /// The kernel's name.
    pub name: String,
    /// The first release with this number in this table.
    pub since: KernelVersion,
    /// The kernel's entry point, where it has one.
    pub entry: Option<String>,
}

/// An argument as the kernel's source spells it: its C type and its name.
pub(crate) type Parameter = (String, String);

/// Everything under `data/` that the tables are made from.
pub(crate) struct Facts {
    /// The rows of each of [`TABLES`], ascending by number.
    pub tables: Vec<Vec<Row>>,
    /// The parameters of an entry point (second) in a table (first).
    pub signatures: BTreeMap<(&'static str, String), Vec<Parameter>>,
    /// Errno values: name and value, by the name of the family (`generic` and those that differ).
    pub errnos: BTreeMap<String, BTreeMap<u16, Vec<String>>>,
}

impl Facts {
    /// Reads and checks all files.
    pub(crate) fn read(data: &Path) -> Result<Self, String> {
        let tables =
            TABLES.iter().map(|table| read_table(data, table)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { tables, signatures: read_signatures(data)?, errnos: read_errnos(data)? })
    }

    /// Every name, sorted.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.tables.iter().flatten().map(|row| row.name.as_str()).collect()
    }
}

/// The rows of a table's file.
pub(crate) fn read_table(data: &Path, table: &Table) -> Result<Vec<Row>, String> {
    let path = data.join("syscalls").join(table.name).with_extension("tsv");
    let mut rows = Vec::new();
    let mut names = BTreeSet::new();
    for (place, columns) in lines(&path)? {
        let row = row(&columns).ok_or_else(|| {
            format!("{place}: expected number, name, release and entry point, separated by tabs")
        })?;
        if rows.last().is_some_and(|last: &Row| last.number >= row.number) {
            return Err(format!("{place}: {} is out of order or listed twice", row.number));
        }
        if !names.insert(row.name.clone()) {
            return Err(format!("{place}: {} is listed twice", row.name));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn row(columns: &[String]) -> Option<Row> {
    let [number, name, since, entry] = columns else { return None };
    Some(Row {
        number: number.parse().ok()?,
        name: name.clone(),
        since: since.parse().ok()?,
        entry: Some(entry.clone()).filter(|entry| entry != "-"),
    })
}

/// The tables that a column such as `*`, `mips,mips64` or `*,-s390` names.
pub(crate) fn tables_named(list: &str) -> Result<Vec<&'static Table>, String> {
    let mut chosen = BTreeSet::new();
    for word in list.split(',') {
        let (remove, word) = word.strip_prefix('-').map_or((false, word), |word| (true, word));
        let before = chosen.len();
        for (index, table) in TABLES.iter().enumerate() {
            match word == "*" || word == table.name {
                true if remove => drop(chosen.remove(&index)),
                true => drop(chosen.insert(index)),
                false => {}
            }
        }
        if chosen.len() == before {
            return Err(format!("{word:?} names no table"));
        }
    }
    Ok(chosen.into_iter().map(|index| &TABLES[index]).collect())
}

/// The signatures in a file: tables, entry point, `type name` separated by `; `.
pub(crate) fn read_signature_file(
    path: &Path,
) -> Result<BTreeMap<(&'static str, String), Vec<Parameter>>, String> {
    let mut signatures = BTreeMap::new();
    for (place, columns) in lines(path)? {
        let [tables, entry, parameters] = &columns[..] else {
            return Err(format!("{place}: expected tables, entry point and parameters"));
        };
        let parameters = parse_parameters(parameters)
            .ok_or_else(|| format!("{place}: expected TYPE NAME; TYPE NAME"))?;
        for table in tables_named(tables).map_err(|error| format!("{place}: {error}"))? {
            signatures.insert((table.name, entry.clone()), parameters.clone());
        }
    }
    Ok(signatures)
}

fn read_signatures(
    data: &Path,
) -> Result<BTreeMap<(&'static str, String), Vec<Parameter>>, String> {
    read_signature_file(&data.join("signatures.tsv"))
}

fn parse_parameters(text: &str) -> Option<Vec<Parameter>> {
    if text == "void" {
        return Some(Vec::new());
    }
    text.split("; ").map(|p| p.rsplit_once(' ').map(|(t, n)| (t.into(), n.into()))).collect()
}

/// Errno values by family: `generic`, and those that number some errors differently.
fn read_errnos(data: &Path) -> Result<BTreeMap<String, BTreeMap<u16, Vec<String>>>, String> {
    let mut families: BTreeMap<String, BTreeMap<u16, Vec<String>>> = BTreeMap::new();
    for (place, columns) in lines(&data.join("errnos.tsv"))? {
        let entry = match &columns[..] {
            [family, value, name] => value.parse().ok().map(|value| (family, value, name)),
            _ => None,
        };
        let (family, value, name) =
            entry.ok_or_else(|| format!("{place}: expected family, value and name"))?;
        let names = families.entry(family.clone()).or_default().entry(value).or_default();
        names.push(name.clone());
    }
    Ok(families)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_lists_add_and_remove() {
        let names = |list| tables_named(list).map(|t| t.iter().map(|t| t.name).collect::<Vec<_>>());
        assert_eq!(names("sh,x86"), Ok(vec!["x86", "sh"]));
        assert_eq!(names("*,-s390").map(|names| names.len()), Ok(17));
        assert_eq!(names("x87"), Err("\"x87\" names no table".into()));
    }

    #[test]
    fn a_row_needs_four_columns_that_parse() {
        let columns = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
        let parsed = row(&columns("3\tread\t2.6\tsys_read"));
        assert_eq!(parsed.map(|row| (row.number, row.name)), Some((3, "read".into())));
        for bad in ["3\tread\t2.6", "x\tread\t2.6\t-", "3\tread\t2\t-"] {
            assert_eq!(row(&columns(bad)), None, "{bad}");
        }
    }

    #[test]
    fn parameters_keep_the_type_whole() {
        let parsed = parse_parameters("int fd; const char __user * path");
        let expected = [("int", "fd"), ("const char __user *", "path")];
        assert_eq!(parsed, Some(expected.map(|(t, n)| (t.into(), n.into())).to_vec()));
        assert_eq!(parse_parameters("void"), Some(Vec::new()));
    }
}
