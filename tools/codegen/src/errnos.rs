//! Errno values from the kernel's headers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A family of numbers and the headers that define it, later ones over earlier ones.
const FAMILIES: &[(&str, &[&str])] = &[
    ("generic", &["asm-generic/errno-base.h", "asm-generic/errno.h"]),
    ("mips", &["asm-generic/errno-base.h", "mips"]),
    ("parisc", &["asm-generic/errno-base.h", "parisc"]),
    ("powerpc", &["asm-generic/errno-base.h", "asm-generic/errno.h", "powerpc"]),
];

/// The kernel's own values begin here; programs never see them.
const INTERNAL: u16 = 2048;

/// The lines of `errnos.tsv` for a kernel tree.
pub(super) fn import(tree: &Path) -> Result<String, String> {
    let mut text = String::new();
    for (family, headers) in FAMILIES {
        let mut names: Vec<(String, String)> = Vec::new();
        for header in *headers {
            let path = match header.contains('/') {
                true => tree.join("include/uapi").join(header),
                false => tree.join(format!("arch/{header}/include/uapi/asm/errno.h")),
            };
            let header =
                fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            read_header(&header, &mut names);
        }
        for (value, names) in by_value(&names)? {
            for name in names {
                text.push_str(&format!("{family}\t{value}\t{name}\n"));
            }
        }
    }
    Ok(text)
}

/// Adds the definitions of a header: the name and what it is defined as.
fn read_header(header: &str, names: &mut Vec<(String, String)>) {
    for line in header.lines() {
        let mut words = line.split_whitespace();
        let (directive, name, value) = (words.next(), words.next(), words.next());
        let Some(name) = name.filter(|name| name.starts_with('E')) else { continue };
        match (directive, value) {
            (Some("#define"), Some(value)) => {
                names.retain(|(known, _)| known != name);
                names.push((name.to_owned(), value.to_owned()));
            }
            (Some("#undef"), _) => names.retain(|(known, _)| known != name),
            _ => {}
        }
    }
}

/// The names of each value: those defined by the number first, then those defined by another name.
fn by_value(names: &[(String, String)]) -> Result<BTreeMap<u16, Vec<&str>>, String> {
    let mut values: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    let (numbers, others): (Vec<_>, Vec<_>) =
        names.iter().partition(|(_, value)| value.parse::<u16>().is_ok());
    for (name, value) in &numbers {
        let value = value.parse().map_err(|_| format!("{name}: no value"))?;
        if value < INTERNAL {
            values.entry(value).or_default().push(name);
        }
    }
    for (name, value) in others {
        let target = numbers.iter().find(|(known, _)| known == value);
        let (_, value) = target.ok_or_else(|| format!("{name}: defined as {value}"))?;
        let value = value.parse().map_err(|_| format!("{name}: no value"))?;
        values.entry(value).or_default().push(name);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_headers_override_and_other_names_follow() {
        let mut names = Vec::new();
        read_header("#define EAGAIN 11 /* x */\n#define EWOULDBLOCK EAGAIN\n", &mut names);
        read_header("#define EDEADLK 35\n#define EDEADLOCK EDEADLK\n", &mut names);
        read_header("#undef EDEADLOCK\n#define EDEADLOCK 58\n", &mut names);
        let values = by_value(&names).unwrap_or_default();
        assert_eq!(values[&11], ["EAGAIN", "EWOULDBLOCK"]);
        assert_eq!((&values[&35], &values[&58]), (&vec!["EDEADLK"], &vec!["EDEADLOCK"]));
    }
}
