//! `codegen import`: asks the headers of a kernel tree for the values of the constants.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use super::names;
use super::target::Target;
use super::{Part, Value, parts};
use crate::facts::{TABLES, Table};
use crate::replace;

/// How often names without a constant value are taken out before the headers count as broken.
const ATTEMPTS: usize = 4;

/// Each name of a part, with the tables that give it each value.
type Found = BTreeMap<(usize, String), BTreeMap<i64, Vec<&'static str>>>;

/// Writes `values.tsv` from the headers of a tree.
pub(crate) fn run(data: &Path, tree: &Path) -> Result<(), String> {
    let parts = parts(data)?;
    let folder = std::env::temp_dir().join(format!("callgate-headers-{}", std::process::id()));
    let mut found = Found::new();
    let mut order: Vec<Vec<String>> = vec![Vec::new(); parts.len()];
    for table in &TABLES {
        let target = Target::new(table, tree, &folder)?;
        for (index, part) in parts.iter().enumerate() {
            for (name, value) in values(&target, table, part)? {
                if !order[index].contains(&name) {
                    order[index].push(name.clone());
                }
                let tables = found.entry((index, name)).or_default();
                tables.entry(value).or_default().push(table.name);
            }
        }
    }
    fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    keep(&super::values(data)?, &parts, &mut order, &mut found);
    let release = crate::import::release(tree)?;
    let text = format!(
        "# Constants of Linux {release}: set, part, tables, name, value.\n\
         # From the headers that sets.tsv names.\n{}",
        lines(&parts, &order, &found)
    );
    replace(&data.join("constants/values.tsv"), &text)?;
    println!("import: {} constants in {} parts of sets", found.len(), parts.len());
    Ok(())
}

/// Adds what is known of a name on a table and the tree lacks: programs and policies still have it.
fn keep(known: &[Value], parts: &[Part], order: &mut [Vec<String>], found: &mut Found) {
    let at = |name: &&str| TABLES.iter().position(|table| table.name == *name);
    for value in known {
        // A set may have several parts of a kind, from different headers.
        let is_its = |part: &Part| part.set == value.set && part.spelling == value.part;
        let its = || (0..parts.len()).filter(|&index| is_its(&parts[index]));
        let given = |table: &str| {
            its()
                .filter_map(|index| found.get(&(index, value.name.clone())))
                .any(|values| values.values().flatten().any(|given| *given == table))
        };
        let lost: Vec<&str> = (TABLES.iter().enumerate())
            .filter(|(bit, table)| value.tables >> bit & 1 == 1 && !given(table.name))
            .map(|(_, table)| table.name)
            .collect();
        let has = |index: &usize| order[*index].contains(&value.name);
        let Some(index) = its().find(has).or_else(|| its().next()) else { continue };
        if lost.is_empty() {
            continue;
        }
        eprintln!("import: {} stays on {}", value.name, lost.join(", "));
        if !order[index].contains(&value.name) {
            order[index].push(value.name.clone());
        }
        let tables = found.entry((index, value.name.clone())).or_default();
        let tables = tables.entry(value.value).or_default();
        tables.extend(lost);
        tables.sort_by_key(at);
    }
}

fn lines(parts: &[Part], order: &[Vec<String>], found: &Found) -> String {
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        for name in &order[index] {
            let Some(values) = found.get(&(index, name.clone())) else { continue };
            for (value, tables) in values {
                let tables = match tables.len() == TABLES.len() {
                    true => "*".to_owned(),
                    false => tables.join(","),
                };
                let value = if *value < 0 { value.to_string() } else { format!("{value:#x}") };
                let (set, part) = (&part.set, &part.spelling);
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{set}\t{part}\t{tables}\t{name}\t{value}");
            }
        }
    }
    text
}

/// The names of a part that a table's programs have, in the order of the patterns, with their
/// values.
fn values(target: &Target<'_>, table: &Table, part: &Part) -> Result<Vec<(String, i64)>, String> {
    let includes = includes(&part.headers);
    let preprocessed = output(target, &["-E", "-dD", "-"], &includes)?;
    if !preprocessed.errors.is_empty() {
        return Err(format!("{}: {}: {}", table.name, part.set, preprocessed.errors));
    }
    let defined = names::defined(&preprocessed.text);
    let chosen = names::chosen(&part.patterns, &defined);
    evaluated(target, &includes, chosen)
        .map_err(|error| format!("{}: {}: {error}", table.name, part.set))
}

/// Lines that include the headers, where the target has all of them.
fn includes(headers: &[String]) -> String {
    let mut text = String::new();
    for header in headers {
        let _ = writeln!(text, "#if __has_include(<{header}>)");
    }
    for header in ["linux/types.h", "linux/ioctl.h"].into_iter().chain(headers.iter().map(|h| &**h))
    {
        let _ = writeln!(text, "#include <{header}>");
    }
    text + &"#endif\n".repeat(headers.len())
}

/// What a run of the compiler left.
struct Output {
    text: String,
    errors: String,
}

fn output(target: &Target<'_>, arguments: &[&str], input: &str) -> Result<Output, String> {
    let failed = |error: std::io::Error| format!("cc: {error}");
    let mut command = target.compiler();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = match output.status.success() {
        true => String::new(),
        false => String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    Ok(Output { text, errors })
}

/// The names that are constants, with their values: the compiler writes each as an operand into its
/// assembly.
fn evaluated(
    target: &Target<'_>,
    includes: &str,
    mut names: Vec<&str>,
) -> Result<Vec<(String, i64)>, String> {
    let first = includes.lines().count() + 1;
    let mut errors = String::new();
    for _ in 0..ATTEMPTS {
        let mut text = includes.to_owned();
        for (index, name) in names.iter().enumerate() {
            let operand = format!("asm(\"@{name} %0\" : : \"i\" ((long long)({name})));");
            let _ = writeln!(text, "void value{index}(void) {{ {operand} }}");
        }
        let assembly = output(target, &["-S", "-o", "-", "-"], &text)?;
        if assembly.errors.is_empty() {
            return assembly.text.lines().filter_map(value).map(Ok).collect();
        }
        let broken = broken_lines(&assembly.errors);
        let before = names.len();
        let mut line = first;
        names.retain(|name| {
            line += 1;
            let keep = !broken.contains(&(line - 1));
            if !keep {
                eprintln!("import: {name} has no value");
            }
            keep
        });
        errors = assembly.errors;
        if names.len() == before {
            break;
        }
    }
    Err(errors)
}

/// A line of the assembly: `@NAME $VALUE`.
fn value(line: &str) -> Option<(String, i64)> {
    let (name, value) = line.trim().strip_prefix('@')?.split_once(' ')?;
    Some((name.to_owned(), value.trim_start_matches('$').parse().ok()?))
}

/// The lines of standard input in which the compiler found errors.
fn broken_lines(errors: &str) -> Vec<usize> {
    let line = |line: &str| line.strip_prefix("<stdin>:")?.split(':').next()?.parse().ok();
    let names = |text: &&str| text.contains("error:") || text.contains("in expansion of macro");
    errors.lines().filter(names).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_text_is_understood() {
        assert_eq!(value("\t@AT_FDCWD $-100"), Some(("AT_FDCWD".into(), -100)));
        assert_eq!(value("\tret"), None);
        let errors =
            "<stdin>: In function 'values':\n<stdin>:7:5: error: x\n<stdin>:8:5: note: y\n";
        assert_eq!(broken_lines(errors), [7]);
    }
}
