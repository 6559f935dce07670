//! The generated file of groups.

use std::path::Path;

use super::layout::Layout;
use super::read;
use crate::facts::Facts;
use crate::render::{array, header, words};

/// The tables of groups, from `data/groups`.
pub(crate) fn render(data: &Path, facts: &Facts) -> Result<String, String> {
    let layout = Layout::new(&read::versions(data, facts)?, &read::foreign(data)?, facts)?;
    let mut text = header("Families, blocks and roles, and the groups of others.");
    text.push_str("use callgate_syscalls::{Name, names};\n\n");
    text.push_str(
        "use crate::groups::line::{Stance, Subject};\nuse crate::groups::risk::Risk;\n\n",
    );
    let latest = layout.versions.len().saturating_sub(2);
    text.push_str(&format!("pub(crate) const LATEST: u16 = {latest};\n\n"));
    words(&mut text, "WORD", &layout.words);
    let names = layout.names.iter().map(|name| format!("names::{}", name.to_ascii_uppercase()));
    array(&mut text, "NAMES", "Name", &names.collect::<Vec<_>>());
    array(
        &mut text,
        "VERSIONS",
        "(u16, u16, u16, u16)",
        &tuples(&layout.versions, |v| format!("({}, {}, {}, {})", v.0, v.1, v.2, v.3)),
    );
    array(&mut text, "FAMILIES", "(u16, u16)", &pairs(&layout.families));
    array(&mut text, "FAMILY_MEMBERS", "(u16, u16)", &pairs(&layout.family_members));
    array(
        &mut text,
        "BLOCKS",
        "(u16, bool, &[Risk], u16, u16)",
        &tuples(&layout.blocks, |block| {
            let risks: Vec<String> =
                block.2.iter().map(|risk| format!("Risk::{}", camel(risk))).collect();
            format!("({}, {}, &[{}], {}, {})", block.0, block.1, risks.join(", "), block.3, block.4)
        }),
    );
    array(
        &mut text,
        "LINES",
        "(Stance, Subject, u32, u16, u16)",
        &tuples(&layout.lines, |(verdict, subject, arches, condition, reason)| {
            let verdict = camel(verdict);
            format!("(Stance::{verdict}, {subject}, {arches:#x}, {condition}, {reason})")
        }),
    );
    let triple = |t: &(usize, usize, usize)| format!("({}, {}, {})", t.0, t.1, t.2);
    array(&mut text, "ROLES", "(u16, u16, u16)", &tuples(&layout.roles, triple));
    array(&mut text, "ROLE_BLOCKS", "u16", &layout.role_blocks);
    array(&mut text, "ALIASES", "(u16, u16, u16)", &tuples(&layout.aliases, triple));
    Ok(text)
}

fn tuples<T>(rows: &[T], text: impl Fn(&T) -> String) -> Vec<String> {
    rows.iter().map(text).collect()
}

fn pairs(rows: &[(usize, usize)]) -> Vec<String> {
    tuples(rows, |pair| format!("({}, {})", pair.0, pair.1))
}

/// `new-program` as the name of a variant.
fn camel(word: &str) -> String {
    let capital = |part: &str| {
        let (first, rest) = part.split_at(1.min(part.len()));
        first.to_ascii_uppercase() + rest
    };
    word.split('-').map(capital).collect()
}
