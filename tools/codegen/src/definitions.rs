//! The kernel's definitions of syscall entry points, with the `#if` conditions around each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::conditions;
use super::facts::{Parameter, Table};

/// Where entry points are defined, beside the architectures' folders.
const FOLDERS: &[&str] = &[
    "block",
    "drivers/char",
    "drivers/pci",
    "fs",
    "io_uring",
    "ipc",
    "kernel",
    "mm",
    "net",
    "security",
];

/// Files for kernels without an MMU, without POSIX timers, or without the syscall.
const SKIPPED: &[&str] =
    &["mm/nommu.c", "kernel/sys_ni.c", "kernel/time/posix-stubs.c", "x86/um/tls_32.c"];

/// One definition.
struct Definition {
    /// The folder under `arch/`, where it is in one.
    folder: Option<String>,
    /// The conditions that must hold.
    conditions: Vec<String>,
    parameters: Vec<Parameter>,
}

/// All definitions in a kernel tree, by entry point.
pub(super) struct Definitions(BTreeMap<String, Vec<Definition>>);

impl Definitions {
    /// Reads a kernel tree: the common folders, and the architectures of the given tables.
    pub(super) fn read(tree: &Path, tables: &[Table]) -> Result<Self, String> {
        let mut definitions = Self(BTreeMap::new());
        for folder in FOLDERS {
            definitions.read_folder(&tree.join(folder), None)?;
        }
        let folders: std::collections::BTreeSet<_> = tables.iter().map(|t| t.folder).collect();
        for folder in folders {
            definitions.read_folder(&tree.join("arch").join(folder), Some(folder))?;
        }
        Ok(definitions)
    }

    fn read_folder(&mut self, start: &Path, folder: Option<&str>) -> Result<(), String> {
        let mut waiting = vec![start.to_owned()];
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                let mut entries = entries(&path)?;
                waiting.append(&mut entries);
            } else if path.extension().is_some_and(|extension| extension == "c")
                && !SKIPPED.iter().any(|skipped| path.ends_with(skipped))
            {
                let bytes = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
                self.read_text(&String::from_utf8_lossy(&bytes), folder);
            }
        }
        Ok(())
    }

    fn read_text(&mut self, text: &str, folder: Option<&str>) {
        if !text.contains("SYSCALL") && !text.contains("asmlinkage") {
            return;
        }
        for section in sections(&without_comments(text)) {
            for (symbols, parameters) in definitions(&section.text) {
                for symbol in symbols {
                    self.0.entry(symbol).or_default().push(Definition {
                        folder: folder.map(str::to_owned),
                        conditions: section.conditions.clone(),
                        parameters: parameters.clone(),
                    });
                }
            }
        }
    }

    /// The parameters of an entry point as a kernel for this table has it. The architecture's own
    /// definition comes first; an assembly wrapper stands for the function that it calls.
    pub(super) fn parameters(&self, entry: &str, table: &Table) -> Option<&[Parameter]> {
        let inner = entry.trim_end_matches("_wrapper");
        let plain = inner.trim_start_matches("__");
        [entry, inner, plain].into_iter().find_map(|symbol| self.find(symbol, table))
    }

    fn find(&self, symbol: &str, table: &Table) -> Option<&[Parameter]> {
        let fits = |d: &&Definition| {
            d.folder.as_deref().is_none_or(|folder| folder == table.folder)
                && d.conditions.iter().all(|condition| conditions::holds(condition, table))
        };
        let fitting: Vec<&Definition> = self.0.get(symbol)?.iter().filter(fits).collect();
        let own = fitting.iter().find(|d| d.folder.is_some());
        let chosen = own.or(fitting.first())?;
        if fitting.iter().any(|d| d.folder == chosen.folder && d.parameters != chosen.parameters) {
            eprintln!("import: {symbol} is defined in several ways for {}", table.name);
        }
        Some(&chosen.parameters)
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A link would lead out of the folder, or in circles.
        if !entry.file_type().map_err(failed)?.is_symlink() {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable_by(|a, b| b.cmp(a));
    Ok(paths)
}

/// C text without comments; line breaks stay.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('/') {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        let end = match tail.as_bytes().get(1) {
            Some(b'*') => tail.find("*/").map_or(tail.len(), |end| end + 2),
            Some(b'/') => tail.find('\n').unwrap_or(tail.len()),
            _ => {
                out.push('/');
                1
            }
        };
        if end > 1 {
            out.push(' ');
            out.extend(tail[..end].chars().filter(|c| *c == '\n'));
        }
        rest = &tail[end..];
    }
    out.push_str(rest);
    out
}

/// Text under the same conditions.
struct Section {
    conditions: Vec<String>,
    text: String,
}

/// Cuts a file at its conditional directives; other directives are dropped.
fn sections(text: &str) -> Vec<Section> {
    let joined = text.replace("\\\n", " ");
    let mut stack: Vec<Vec<String>> = Vec::new();
    let mut sections = vec![Section { conditions: Vec::new(), text: String::new() }];
    for line in joined.lines() {
        let Some(directive) = line.trim_start().strip_prefix('#') else {
            if let Some(section) = sections.last_mut() {
                section.text.push_str(line);
                section.text.push('\n');
            }
            continue;
        };
        if directed(directive.trim(), &mut stack) {
            sections.push(Section { conditions: stack.concat(), text: String::new() });
        }
    }
    sections
}

/// Follows a conditional directive; false for any other.
fn directed(directive: &str, stack: &mut Vec<Vec<String>>) -> bool {
    let end = directive.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(directive.len());
    let (word, rest) = directive.split_at(end);
    let rest = rest.trim();
    match word {
        "if" => stack.push(vec![rest.to_owned()]),
        "ifdef" => stack.push(vec![format!("defined({rest})")]),
        "ifndef" => stack.push(vec![format!("!defined({rest})")]),
        "else" | "elif" => {
            let Some(frame) = stack.last_mut() else { return false };
            if let Some(last) = frame.last_mut() {
                *last = format!("!({last})");
            }
            if word == "elif" {
                frame.push(rest.to_owned());
            }
        }
        "endif" => drop(stack.pop()),
        _ => return false,
    }
    true
}

/// The definitions in a section: the entry points that each makes, and its parameters.
fn definitions(text: &str) -> Vec<(Vec<String>, Vec<Parameter>)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("SYSCALL") {
        found.extend(macro_definition(text, at));
    }
    for (at, word) in text.match_indices("asmlinkage") {
        found.extend(function_definition(&text[at + word.len()..]));
    }
    found
}

/// `SYSCALL_DEFINE2(name, type, parameter, ...)` and its relatives.
fn macro_definition(text: &str, at: usize) -> Option<(Vec<String>, Vec<Parameter>)> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let start = text[..at].rfind(|c| !word(c)).map_or(0, |index| index + 1);
    let (name, rest) = text[start..].split_once('(')?;
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let (inside, _) = enclosed(rest)?;
    let mut pieces = inside.into_iter();
    let symbol = pieces.next()?;
    let native = format!("sys_{symbol}");
    let compat = format!("compat_sys_{symbol}");
    let symbols = match kind {
        "SYSCALL_DEFINE" => vec![native],
        "COMPAT_SYSCALL_DEFINE" => vec![compat],
        "SYSCALL32_DEFINE" | "PPC32_SYSCALL_DEFINE" => vec![compat],
        _ => return None,
    };
    let mut parameters = Vec::new();
    while let Some(piece) = pieces.next() {
        match piece.split_once('(') {
            // A 64-bit value in two registers.
            Some((_, inner)) => {
                let name = inner.trim_end_matches(')').trim();
                parameters.extend([0, 1].map(|n| ("u32".into(), format!("{name}_word{n}"))));
            }
            None => parameters.push((spaced(&piece), pieces.next()?)),
        }
    }
    Some((symbols, parameters))
}

/// `asmlinkage long name(type parameter, ...)` followed by a body.
fn function_definition(text: &str) -> Option<(Vec<String>, Vec<Parameter>)> {
    let (head, rest) = text.split_once('(')?;
    let symbol = head.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next_back()?;
    let (pieces, after) = enclosed(rest)?;
    if !after.trim_start().starts_with('{') || symbol.is_empty() || head.contains(';') {
        return None;
    }
    let parameters: Vec<Parameter> = pieces
        .iter()
        .filter(|piece| *piece != "void")
        .filter_map(|piece| {
            let at = piece.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
            Some((spaced(&piece[..=at]), piece[at + 1..].to_owned()))
        })
        .collect();
    Some((vec![symbol.to_owned()], parameters))
}

/// The pieces between commas up to the closing parenthesis, and the text after it.
fn enclosed(text: &str) -> Option<(Vec<String>, &str)> {
    let mut depth = 0_usize;
    let mut pieces = vec![String::new()];
    for (at, c) in text.char_indices() {
        match c {
            ')' if depth == 0 => {
                let pieces =
                    pieces.iter().map(|p| p.split_whitespace().collect::<Vec<_>>().join(" "));
                return Some((pieces.filter(|p| !p.is_empty()).collect(), &text[at + 1..]));
            }
            ',' if depth == 0 => pieces.push(String::new()),
            _ => {
                depth += usize::from(c == '(');
                depth -= usize::from(c == ')');
                pieces.last_mut()?.push(c);
            }
        }
    }
    None
}

/// A type with one space before its stars.
fn spaced(c_type: &str) -> String {
    let split = c_type.replace('*', " * ");
    split.split_whitespace().collect::<Vec<_>>().join(" ").replace("* *", "**")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Option<(Vec<String>, Vec<Parameter>)> {
        definitions(&without_comments(text)).into_iter().next()
    }

    #[test]
    fn reads_the_macros() {
        let (symbols, parameters) =
            one("SYSCALL_DEFINE2(open, const char __user *, name,\n\tint, /* x */ flags)\n{")
                .unwrap_or_default();
        assert_eq!(symbols, ["sys_open"]);
        let expected = [("const char __user *", "name"), ("int", "flags")];
        assert_eq!(parameters, expected.map(|(t, n)| (t.into(), n.into())));
        let (symbols, parameters) =
            one("COMPAT_SYSCALL_DEFINE2(f, int, fd, compat_arg_u64_dual(len))").unwrap_or_default();
        assert_eq!(symbols, ["compat_sys_f"]);
        assert_eq!(parameters.len(), 3);
        assert_eq!(parameters[2], ("u32".into(), "len_word1".into()));
    }

    #[test]
    fn reads_functions_with_a_body_only() {
        let (symbols, parameters) =
            one("asmlinkage long sys_f(unsigned long a, char *b)\n{").unwrap_or_default();
        assert_eq!(symbols, ["sys_f"]);
        assert_eq!(parameters[1], ("char *".into(), "b".into()));
        assert_eq!(one("asmlinkage long sys_f(int a);"), None);
    }

    #[test]
    fn sections_carry_their_conditions() {
        let text = "a\n#ifdef X\nb\n#elif Y\nc\n#else\nd\n#endif\ne\n";
        let found: Vec<(String, Vec<String>)> =
            sections(text).into_iter().map(|s| (s.text, s.conditions)).collect();
        let expected: Vec<(&str, Vec<&str>)> = vec![
            ("a\n", vec![]),
            ("b\n", vec!["defined(X)"]),
            ("c\n", vec!["!(defined(X))", "Y"]),
            ("d\n", vec!["!(defined(X))", "!(Y)"]),
            ("e\n", vec![]),
        ];
        for ((text, conditions), (expected_text, expected_conditions)) in
            found.iter().zip(&expected)
        {
            assert_eq!(
                (text.as_str(), conditions),
                (
                    *expected_text,
                    &expected_conditions.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>()
                )
            );
        }
        assert_eq!(found.len(), expected.len());
    }
}
