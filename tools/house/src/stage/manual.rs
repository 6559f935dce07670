//! The pages of section 3 of the manual, from one compact source a library.
//!
//! `packaging/man3/functions.txt` and `callgate.txt` have a block a page: `@ FUNCTION ...` with the functions it is
//! about, the first of which names it; `: TEXT` with what it does in a line; then paragraphs; then
//! `- CODE TEXT` for what the functions return. Prototypes come from the header, so that a page
//! can't show another one.

use std::fs;

use crate::library::{BESIDE_EXPORTS, EXPORTS, names};
use crate::root;

/// The manual of a library.
pub(super) struct Manual {
    source: &'static str,
    header: &'static str,
    /// The list of the functions, each of which has a page.
    exports: &'static str,
    /// What programs include and link with.
    include: &'static str,
    link: &'static str,
}

pub(super) const LIBSECCOMP: Manual = Manual {
    source: "packaging/man3/functions.txt",
    header: "crates/scmp-capi/include/seccomp.h",
    exports: EXPORTS,
    include: "seccomp.h",
    link: "lseccomp",
};

pub(super) const BESIDE: Manual = Manual {
    source: "packaging/man3/callgate.txt",
    header: "crates/capi/include/callgate.h",
    exports: BESIDE_EXPORTS,
    include: "callgate.h",
    link: "lcallgate",
};

/// Every page: its file name and its text. Functions that share a page have a file that refers to
/// it.
pub(super) fn pages(manual: &Manual) -> Result<Vec<(String, String)>, String> {
    let read = |path: &str| {
        fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))
    };
    let (source, header) = (read(manual.source)?, read(manual.header)?);
    let mut pages = Vec::new();
    for block in source.split("\n@ ").skip(1) {
        let (names, body) = block.split_once('\n').ok_or("a page without text")?;
        let names: Vec<&str> = names.split_whitespace().collect();
        let first = names.first().ok_or("a page without a function")?;
        pages.push((format!("{first}.3"), page(manual, &names, body, &header)?));
        for name in &names[1..] {
            pages.push((format!("{name}.3"), format!(".so man3/{first}.3\n")));
        }
    }
    complete(manual, &pages)?;
    Ok(pages)
}

/// Whether every exported function has a page.
fn complete(manual: &Manual, pages: &[(String, String)]) -> Result<(), String> {
    let missing = names(manual.exports)?
        .into_iter()
        .find(|export| !pages.iter().any(|(name, _)| *name == format!("{export}.3")));
    missing.map_or(Ok(()), |name| Err(format!("{} has no page for {name}", manual.source)))
}

fn page(manual: &Manual, names: &[&str], body: &str, header: &str) -> Result<String, String> {
    let title = names[0].to_uppercase();
    let mut text = format!(".TH {title} 3 \"\" callgate \"libseccomp\"\n.SH NAME\n");
    let summary = body.lines().find_map(|line| line.strip_prefix(": "));
    let summary = summary.ok_or_else(|| format!("{}: no summary", names[0]))?;
    text.push_str(&format!("{} \\- {}\n.SH SYNOPSIS\n.nf\n", names.join(", "), escaped(summary)));
    text.push_str(&format!(".B #include <{}>\n.PP\n", manual.include));
    for name in names {
        text.push_str(&format!(".B {}\n", prototype(manual, name, header)?));
    }
    let link = manual.link;
    text.push_str(&format!(".fi\n.PP\nLink with \\fI\\-{link}\\fP.\n.SH DESCRIPTION\n"));
    let mut returns = String::new();
    for line in body.lines().filter(|line| !line.starts_with(": ")) {
        match line.strip_prefix("- ").and_then(|line| line.split_once(' ')) {
            Some((code, meaning)) => {
                returns.push_str(&format!(".TP\n.B {}\n{}\n", escaped(code), escaped(meaning)));
            }
            None if line.is_empty() => text.push_str(".PP\n"),
            None => text.push_str(&format!("{}\n", escaped(line))),
        }
    }
    text.push_str(&format!(".SH RETURN VALUE\n{returns}"));
    text.push_str(".SH SEE ALSO\n.BR seccomp_init (3),\n.BR seccomp (2)\n");
    Ok(text)
}

/// The prototype of a function as the header has it, in one line.
fn prototype(manual: &Manual, name: &str, header: &str) -> Result<String, String> {
    let missing = || format!("{} does not declare {name}", manual.header);
    let call = header.find(&format!("{name}(")).ok_or_else(missing)?;
    let at = |text: &str| text.rfind('\n').map_or(0, |newline| newline + 1);
    // The name may stand in a comment first; a declaration begins a line and is no comment.
    let declared = header[call..].match_indices(&format!("{name}(")).find_map(|(offset, _)| {
        let start = at(&header[..call + offset]);
        let line = &header[start..];
        let comment = line.starts_with(['/', ' ', '\t', '#']);
        (!comment).then(|| line.split(';').next().unwrap_or_default())
    });
    let words: Vec<&str> = declared.ok_or_else(missing)?.split_whitespace().collect();
    Ok(format!("\"{};\"", words.join(" ")))
}

/// A text in which a hyphen is a minus and nothing begins a request.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
