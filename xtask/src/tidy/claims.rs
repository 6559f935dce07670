//! Each claim of VERIFICATION.md stands beside the code that keeps it, and the other way round.
//!
//! A claim is a word such as `C-DECIDE` in the first column of a table in VERIFICATION.md; the code
//! or test that keeps it says `Claim: C-DECIDE` in a comment.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::text;

pub(super) fn violations(root: &Path, files: &[PathBuf]) -> Result<Vec<String>, String> {
    let document = text(root, Path::new("VERIFICATION.md"))?.unwrap_or_default();
    let stated: BTreeSet<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| C-"))
        .filter_map(|rest| rest.split_whitespace().next())
        .map(|word| format!("C-{word}"))
        .collect();
    let mut kept = BTreeSet::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
        // This module's own explanation is not a claim.
        if !file.ends_with("tidy/claims.rs") {
            kept.extend(claims(&text(root, file)?.unwrap_or_default()));
        }
    }
    if stated.is_empty() {
        return Ok(vec!["VERIFICATION.md states no claim".into()]);
    }
    let unkept = stated.difference(&kept);
    let unstated = kept.difference(&stated);
    Ok(unkept
        .map(|claim| format!("VERIFICATION.md states {claim}, which no code says it keeps"))
        .chain(unstated.map(|claim| format!("{claim} is not stated in VERIFICATION.md")))
        .collect())
}

fn claims(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter_map(|line| {
        let (_, claim) = line.split_once("Claim: ")?;
        let name: String = claim
            .chars()
            .take_while(|c| c.is_ascii_uppercase() || matches!(c, '-' | '0'..='9'))
            .collect();
        name.starts_with("C-").then_some(name)
    })
}
