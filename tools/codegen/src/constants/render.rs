//! The generated file of constants.

use std::fmt::Write as _;
use std::path::Path;

use super::layout::Layout;
use super::{Kind, parts, read, uses};
use crate::facts::{Facts, TABLES};
use crate::render::{array, header, words};

/// The tables of `callgate-facts`, from `data/constants`.
pub(crate) fn render(data: &Path, facts: &Facts) -> Result<String, String> {
    let layout = Layout::new(&parts(data)?, &read(data)?, &uses(data)?, facts)?;
    let mut text = header("Constants, their values, and the arguments that take them.");
    text.push_str("use callgate_syscalls::{Arch, Name, names};\n\nuse crate::part::PartKind;\n\n");
    arches(&mut text);
    words(&mut text, "NAME", &layout.names);
    array(&mut text, "VALUE_STARTS", "u16", &layout.starts);
    array(&mut text, "VALUE_ARCHES", "u32", &column(&layout.values, |value| value.0));
    array(&mut text, "VALUES", "i64", &column(&layout.values, |value| value.1));
    words(&mut text, "SET", &column(&layout.sets[..layout.sets.len() - 1], |set| set.0.clone()));
    array(&mut text, "SET_PARTS", "u16", &column(&layout.sets, |set| set.1));
    let kinds: Vec<String> = layout.parts.iter().filter_map(|part| part.0).map(kind).collect();
    array(&mut text, "PART_KINDS", "PartKind", &kinds);
    array(&mut text, "PART_MEMBERS", "u16", &column(&layout.parts, |part| part.1));
    array(&mut text, "MEMBERS", "u16", &layout.members);
    words(&mut text, "WORD", &layout.words);
    let uses = column(&layout.arguments, |argument| {
        let (other, start, end) = argument.condition;
        let syscall = argument.syscall.to_ascii_uppercase();
        format!("(names::{syscall}, {}, {}, {other}, {start}, {end})", argument.word, argument.set)
    });
    array(&mut text, "ARGUMENTS", "(Name, u16, u16, u16, u16, u16)", &uses);
    array(&mut text, "CONDITIONS", "u16", &layout.conditions);
    Ok(text)
}

/// The constants of the library `callgate`: an item each, as Rust code names them.
pub(crate) fn render_items(data: &Path, facts: &Facts) -> Result<String, String> {
    let layout = Layout::new(&parts(data)?, &read(data)?, &uses(data)?, facts)?;
    let mut text = header("Constants of the kernel's interface under their names in C.");
    text.push_str("use callgate_syscalls::Arch;\n\nuse crate::constants::{differing, equal};\n\n");
    let all: Vec<String> = each_arch().collect();
    let _ = writeln!(text, "const ARCHES: [Arch; {}] = [{}];\n", all.len(), all.join(", "));
    let (mut equal, mut differing) = (String::new(), String::new());
    for (name, bounds) in layout.names.iter().zip(layout.starts.windows(2)) {
        let values = &layout.values[bounds[0]..bounds[1]];
        let count: u32 = values.iter().map(|(arches, _)| arches.count_ones()).sum();
        let _ = match values {
            [(_, value)] if count as usize == all.len() => writeln!(equal, "{name} = {value};"),
            _ => {
                let pair = |(arches, value): &(u32, i64)| format!("({arches:#x}, {value})");
                let pairs = column(values, pair).join(", ");
                writeln!(differing, "{name} on {count} = [{pairs}];")
            }
        };
    }
    let _ = write!(text, "equal! {{\n{equal}}}\n\ndiffering! {{ ARCHES:\n{differing}}}\n");
    Ok(text)
}

fn column<T, U>(rows: &[T], of: impl Fn(&T) -> U) -> Vec<U> {
    rows.iter().map(of).collect()
}

/// The architectures in the order of the bits of `VALUE_ARCHES`.
fn arches(text: &mut String) {
    let arches: Vec<String> = each_arch().collect();
    array(text, "ARCHES", "Arch", &arches);
}

fn each_arch() -> impl Iterator<Item = String> {
    TABLES.iter().flat_map(|table| table.arches).map(|arch| format!("Arch::{arch}"))
}

fn kind(kind: Kind) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = match kind {
        Kind::Values => write!(text, "PartKind::Values"),
        Kind::Flags => write!(text, "PartKind::Flags"),
        Kind::Field { mask, shift } => {
            write!(text, "PartKind::Field {{ mask: {mask:#x}, shift: {shift} }}")
        }
    };
    text
}
