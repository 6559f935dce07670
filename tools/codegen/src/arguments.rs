//! What is known of arguments beside their types: what stands behind pointers, the names in the
//! manual pages, and those that the kernel reads in part under some values of another.

use std::path::Path;

use house::lines;

use crate::constants::{arches_named, takes};
use crate::facts::Facts;
use crate::render::{array, header};

/// The tables, from `data/hidden.tsv`, `data/argument-names.tsv` and `data/commands.tsv`.
pub(crate) fn render(data: &Path, facts: &Facts) -> Result<String, String> {
    let mut text = header("What stands behind pointers, and other names of arguments.");
    text.push_str("use callgate_syscalls::{Name, names};\n\n");
    let row = "(Name, u32, &str, &str, &str)";
    array(&mut text, "HIDDEN", row, &hidden(data, facts)?);
    array(&mut text, "NAMES", "(Name, &str, &str)", &other_names(data, facts)?);
    array(&mut text, "COMMANDS", row, &commands(data, facts)?);
    Ok(text)
}

fn hidden(data: &Path, facts: &Facts) -> Result<Vec<String>, String> {
    let mut rows = Vec::new();
    for (place, columns) in lines(&data.join("hidden.tsv"))? {
        let [syscalls, tables, pointers, fields, instead] = &columns[..] else {
            return Err(format!("{place}: expected five columns"));
        };
        let on = arches_named(tables).map_err(|error| format!("{place}: {error}"))?;
        let instead = if instead == "-" { "" } else { instead };
        for (syscall, pointer) in pairs(syscalls, pointers, facts, &place)? {
            let name = syscall.to_ascii_uppercase();
            rows.push(format!("(names::{name}, {on:#x}, {pointer:?}, {fields:?}, {instead:?})"));
        }
    }
    Ok(rows)
}

fn commands(data: &Path, facts: &Facts) -> Result<Vec<String>, String> {
    let mut rows = Vec::new();
    for (place, columns) in lines(&data.join("commands.tsv"))? {
        let [syscalls, tables, other, values, argument, _] = &columns[..] else {
            return Err(format!("{place}: expected six columns"));
        };
        let on = arches_named(tables).map_err(|error| format!("{place}: {error}"))?;
        pairs(syscalls, other, facts, &place)?;
        for (syscall, argument) in pairs(syscalls, argument, facts, &place)? {
            let name = syscall.to_ascii_uppercase();
            rows.push(format!("(names::{name}, {on:#x}, {other:?}, {values:?}, {argument:?})"));
        }
    }
    Ok(rows)
}

fn other_names(data: &Path, facts: &Facts) -> Result<Vec<String>, String> {
    let mut rows = Vec::new();
    for (place, columns) in lines(&data.join("argument-names.tsv"))? {
        let [syscalls, argument, others] = &columns[..] else {
            return Err(format!("{place}: expected syscalls, argument and other names"));
        };
        for (syscall, argument) in pairs(syscalls, argument, facts, &place)? {
            let name = syscall.to_ascii_uppercase();
            if let Some(other) = others.split(' ').find(|other| takes(facts, &syscall, other)) {
                return Err(format!("{place}: {other} is an argument of {syscall} itself"));
            }
            for other in others.split(' ') {
                rows.push(format!("(names::{name}, {other:?}, {argument:?})"));
            }
        }
    }
    Ok(rows)
}

/// Each syscall with each of the arguments that it takes: at least one.
fn pairs(
    syscalls: &str,
    arguments: &str,
    facts: &Facts,
    place: &str,
) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    for syscall in syscalls.split(',') {
        let before = pairs.len();
        for argument in arguments.split(',').filter(|argument| takes(facts, syscall, argument)) {
            pairs.push((syscall.to_owned(), argument.to_owned()));
        }
        if pairs.len() == before {
            return Err(format!("{place}: {syscall} takes no {arguments}"));
        }
    }
    Ok(pairs)
}
