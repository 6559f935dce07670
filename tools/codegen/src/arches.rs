//! The architectures: `callgate_syscalls::Arch` from `data/arches.tsv`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use house::lines;

use crate::facts::TABLES;
use crate::render::header;

/// A line of the file.
struct Row {
    name: String,
    /// What follows `AUDIT_ARCH_`; nothing for an ABI that shares another's token.
    audit: Option<String>,
    token: String,
    endian: &'static str,
    long: u8,
    register: u8,
    /// The widest ABI of its machine.
    machine: String,
    /// `target_arch` of a Rust compiler.
    rust: Option<String>,
    multiplexes: bool,
    others: Vec<String>,
    what: String,
}

impl Row {
    /// The variant of the enumeration.
    fn variant(&self) -> String {
        variant(&self.name)
    }
}

fn variant(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}

/// The enumeration, and what is known of each of its members.
pub(crate) fn render(data: &Path) -> Result<String, String> {
    let rows = read(&data.join("arches.tsv"))?;
    let mut text = header("The architectures.");
    text.push_str("use crate::{ArchToken, Endian};\n\n");
    enumeration(&mut text, &rows);
    text.push_str("impl Arch {\n");
    all(&mut text, &rows);
    token(&mut text, &rows);
    names(&mut text, &rows);
    native(&mut text, &rows);
    measures(&mut text, &rows);
    of_machine(&mut text, &rows);
    multiplexes(&mut text, &rows);
    text.push_str("}\n");
    Ok(text)
}

fn read(path: &Path) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = Vec::new();
    for (place, columns) in lines(path)? {
        let row =
            row(&columns).ok_or_else(|| format!("{place}: not the line of an architecture"))?;
        if rows.iter().any(|known| known.name == row.name) {
            return Err(format!("{place}: {} is there twice", row.name));
        }
        rows.push(row);
    }
    let known: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    if let Some(row) = rows.iter().find(|row| !known.contains(row.machine.as_str())) {
        return Err(format!(
            "{}: of the machine {}, which is no architecture",
            row.name, row.machine
        ));
    }
    let with_table: BTreeSet<&str> =
        TABLES.iter().flat_map(|table| table.arches).copied().collect();
    let with_row: Vec<String> = rows.iter().map(Row::variant).collect();
    match with_row.iter().map(String::as_str).collect::<BTreeSet<_>>() == with_table {
        true => Ok(rows),
        false => Err(format!("{}: not the architectures that have number tables", path.display())),
    }
}

fn row(columns: &[String]) -> Option<Row> {
    let [name, audit, token, endian, long, register, machine, rust, multiplexes, others, what] =
        columns
    else {
        return None;
    };
    let hex = token.strip_prefix("0x").filter(|digits| digits.len() == 8)?;
    u32::from_str_radix(hex, 16).ok()?;
    let given = |text: &String| (text != "-").then(|| text.clone());
    let bits = |text: &str| text.parse().ok().filter(|bits| matches!(bits, 32 | 64));
    Some(Row {
        name: name.clone(),
        audit: given(audit),
        token: format!("0x{}_{}", &hex[..4], &hex[4..]),
        endian: match endian.as_str() {
            "little" => "Little",
            "big" => "Big",
            _ => return None,
        },
        long: bits(long)?,
        register: bits(register)?,
        machine: machine.clone(),
        rust: given(rust),
        multiplexes: match multiplexes.as_str() {
            "yes" => true,
            "no" => false,
            _ => return None,
        },
        others: given(others).iter().flat_map(|text| text.split(' ')).map(str::to_owned).collect(),
        what: what.clone(),
    })
}

fn enumeration(text: &mut String, rows: &[Row]) {
    text.push_str(
        "/// A syscall ABI: one column of syscall numbers, one byte order, one word size.\n///\n\
         /// Names are those of OCI profiles and libseccomp without `SCMP_ARCH_`, in lower case.\n\
         /// [`Arch::X32`] shares its audit token with [`Arch::X86_64`]; the two are told apart by the\n\
         /// number ([`Arch::of_call`]).\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n\
         #[non_exhaustive]\npub enum Arch {\n",
    );
    for row in rows {
        let _ = writeln!(text, "    /// {}.\n    {},", row.what, row.variant());
    }
    text.push_str("}\n\n");
}

fn all(text: &mut String, rows: &[Row]) {
    let _ = writeln!(
        text,
        "    /// Every architecture, in the order of the enumeration.\n    pub const ALL: [Self; {}] = [",
        rows.len()
    );
    for row in rows {
        let _ = writeln!(text, "        Self::{},", row.variant());
    }
    text.push_str("    ];\n");
}

fn token(text: &mut String, rows: &[Row]) {
    begin(text, "The token the kernel reports for this ABI.", "token", "ArchToken");
    arms(text, rows, |row| format!("ArchToken::new({})", row.token));
}

fn names(text: &mut String, rows: &[Row]) {
    let doc = "The name, as in OCI profiles without `SCMP_ARCH_`, in lower case.";
    begin(text, doc, "name", "&'static str");
    arms(text, rows, |row| format!("{:?}", row.name));
    let doc = "The kernel's constant for the token; an ABI that shares another's token has none.";
    begin(text, doc, "audit_name", "Option<&'static str>");
    arms(text, rows, |row| match &row.audit {
        Some(suffix) => format!("Some(\"AUDIT_ARCH_{suffix}\")"),
        None => "None".to_owned(),
    });
    let doc = "What distributions, compilers, Go and Docker call it beside [`Arch::name`].";
    begin(text, doc, "other_names", "&'static [&'static str]");
    arms(text, rows, |row| {
        let others: Vec<String> = row.others.iter().map(|name| format!("{name:?}")).collect();
        format!("&[{}]", others.join(", "))
    });
}

/// Chooses by what the compiler says of its target.
fn native(text: &mut String, rows: &[Row]) {
    text.push_str(
        "\n    /// The ABI this code was compiled for, where seccomp filters exist for it.\n    \
         #[must_use]\n    pub const fn native() -> Option<Self> {\n",
    );
    for row in rows {
        let Some(rust) = &row.rust else { continue };
        let endian = row.endian.to_ascii_lowercase();
        let _ = writeln!(
            text,
            "        if cfg!(all(target_arch = {rust:?}, target_endian = {endian:?}, \
             target_pointer_width = \"{}\")) {{\n            return Some(Self::{});\n        }}",
            row.long,
            row.variant()
        );
    }
    text.push_str("        None\n    }\n");
}

fn measures(text: &mut String, rows: &[Row]) {
    begin(text, "The byte order of this ABI.", "endian", "Endian");
    arms(text, rows, |row| format!("Endian::{}", row.endian));
    begin(text, "The number of bits in this ABI's `long`: 32 or 64.", "word_bits", "u8");
    arms(text, rows, |row| row.long.to_string());
    let doc = "The number of bits of the registers in which arguments are passed: 64 also where\n    \
               /// pointers have 32 but the processor runs in its wide mode, as with x32 and the n32\n    \
               /// ABIs of MIPS.";
    begin(text, doc, "register_bits", "u8");
    arms(text, rows, |row| row.register.to_string());
}

fn of_machine(text: &mut String, rows: &[Row]) {
    let doc = "The architectures whose calls a kernel can get together with this one's, itself among\n    \
               /// them: those of one machine, the widest first.";
    begin(text, doc, "of_machine", "&'static [Self]");
    arms(text, rows, |row| {
        let mut mates: Vec<&Row> = rows.iter().filter(|mate| mate.machine == row.machine).collect();
        mates.sort_by_key(|mate| std::cmp::Reverse((mate.long, mate.register)));
        let mates: Vec<String> =
            mates.iter().map(|mate| format!("Self::{}", mate.variant())).collect();
        format!("&[{}]", mates.join(", "))
    });
}

fn multiplexes(text: &mut String, rows: &[Row]) {
    let doc = "Whether it has `socketcall` and `ipc` beside, or instead of, the calls themselves.";
    begin(text, doc, "multiplexes", "bool");
    arms(text, rows, |row| row.multiplexes.to_string());
}

fn begin(text: &mut String, doc: &str, name: &str, returned: &str) {
    let _ = writeln!(
        text,
        "\n    /// {doc}\n    #[must_use]\n    pub const fn {name}(self) -> {returned} {{\n        match self {{"
    );
}

/// An arm for each value, in the order in which the values come first.
fn arms(text: &mut String, rows: &[Row], value: impl Fn(&Row) -> String) {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows {
        let value = value(row);
        let variant = format!("Self::{}", row.variant());
        match groups.iter_mut().find(|(known, _)| *known == value) {
            Some((_, variants)) => variants.push(variant),
            None => groups.push((value, vec![variant])),
        }
    }
    for (value, variants) in groups {
        let lines: Vec<String> = variants.chunks(4).map(|chunk| chunk.join(" | ")).collect();
        let lines = lines.join("\n            | ");
        match lines.len() + value.len() < 84 {
            true => writeln!(text, "            {lines} => {value},"),
            false => {
                writeln!(text, "            {lines} => {{\n                {value}\n            }}")
            }
        }
        .ok();
    }
    text.push_str("        }\n    }\n");
}
