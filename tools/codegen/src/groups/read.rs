//! Reads the groups and refuses what does not fit together.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use house::lines;

use super::{Block, Foreign, Line, Version};
use crate::constants::arches_named;
use crate::facts::Facts;

/// What a line of a block may say.
const VERDICTS: &[&str] = &["allow", "enosys", "leave"];

/// Every published version, oldest first.
pub(super) fn versions(data: &Path, facts: &Facts) -> Result<Vec<Version>, String> {
    let mut versions = Vec::new();
    for name in folder(&data.join("groups"))? {
        if name != "aliases" {
            versions.push(version(&data.join("groups").join(&name), name, facts)?);
        }
    }
    Ok(versions)
}

fn folder(path: &Path) -> Result<Vec<String>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

fn version(folder: &Path, name: String, facts: &Facts) -> Result<Version, String> {
    let mut version = Version { name, families: Vec::new(), blocks: Vec::new(), roles: Vec::new() };
    let known = facts.names();
    let mut seen = BTreeSet::new();
    for (place, columns) in lines(&folder.join("families.tsv"))? {
        let [family, member, note] = &columns[..] else {
            return Err(format!("{place}: expected family, member and note"));
        };
        if !known.contains(&**member) {
            return Err(format!("{place}: {member} is no syscall"));
        }
        if !seen.insert(member.clone()) {
            return Err(format!("{place}: {member} is in two families"));
        }
        let member = (member.clone(), text(note));
        match version.families.iter_mut().find(|(name, _)| name == family) {
            Some((_, members)) => members.push(member),
            None => version.families.push((family.clone(), vec![member])),
        }
    }
    version.families.sort();
    blocks(folder, &mut version, facts)?;
    roles(folder, &mut version)?;
    Ok(version)
}

fn blocks(folder: &Path, version: &mut Version, facts: &Facts) -> Result<(), String> {
    for (place, columns) in lines(&folder.join("kinds.tsv"))? {
        let [name, kind, risks, purpose] = &columns[..] else {
            return Err(format!("{place}: expected block, kind, risks and purpose"));
        };
        let intent = match kind.as_str() {
            "intent" => true,
            "set" => false,
            _ => return Err(format!("{place}: {kind:?} is neither intent nor set")),
        };
        let risks = risks.split(',').filter(|risk| *risk != "-").map(str::to_owned).collect();
        let (name, purpose) = (name.clone(), purpose.clone());
        version.blocks.push(Block { name, intent, risks, purpose, lines: Vec::new() });
    }
    for (place, columns) in lines(&folder.join("blocks.tsv"))? {
        let [block, verdict, subject, tables, condition, reason] = &columns[..] else {
            return Err(format!("{place}: expected six columns"));
        };
        let line = Line {
            verdict: verdict.clone(),
            subject: subject.clone(),
            arches: arches_named(tables).map_err(|error| format!("{place}: {error}"))?,
            condition: text(condition),
            reason: text(reason),
        };
        check(&line, version, facts).map_err(|error| format!("{place}: {error}"))?;
        let found = version.blocks.iter_mut().find(|known| known.name == *block);
        let block = found.ok_or_else(|| format!("{place}: {block} is no block"))?;
        let same = |other: &&Line| other.subject == line.subject && other.arches & line.arches != 0;
        if block.lines.iter().any(|other| same(&other)) {
            return Err(format!("{place}: {} has two lines for {subject}", block.name));
        }
        block.lines.push(line);
    }
    let empty = version.blocks.iter().find(|block| block.lines.is_empty());
    empty.map_or(Ok(()), |block| Err(format!("the block {} is empty", block.name)))
}

fn check(line: &Line, version: &Version, facts: &Facts) -> Result<(), String> {
    if !VERDICTS.contains(&&*line.verdict) {
        return Err(format!("{:?} is no verdict of a block", line.verdict));
    }
    if line.verdict != "allow" && line.reason.is_empty() {
        return Err(format!("say why: {}", line.verdict));
    }
    match line.subject.strip_prefix('~') {
        Some(family) if version.families.iter().any(|(name, _)| name == family) => Ok(()),
        None if facts.names().contains(&*line.subject) => Ok(()),
        _ => Err(format!("{} is neither syscall nor family", line.subject)),
    }
}

fn roles(folder: &Path, version: &mut Version) -> Result<(), String> {
    for (place, columns) in lines(&folder.join("roles.tsv"))? {
        let [name, blocks, purpose] = &columns[..] else {
            return Err(format!("{place}: expected role, blocks and purpose"));
        };
        let blocks: Vec<String> = blocks.split(' ').map(str::to_owned).collect();
        let unknown = |block: &&String| version.blocks.iter().all(|known| known.name != **block);
        if let Some(block) = blocks.iter().find(unknown) {
            return Err(format!("{place}: {block} is no block"));
        }
        version.roles.push((name.clone(), blocks, purpose.clone()));
    }
    Ok(())
}

/// The groups of others, by source.
pub(super) fn foreign(data: &Path) -> Result<Vec<Foreign>, String> {
    let path = data.join("groups/aliases");
    let mut all = Vec::new();
    for file in folder(&path)? {
        let source = file.trim_end_matches(".tsv").to_owned();
        let mut sets: Vec<(String, Vec<Line>)> = Vec::new();
        for (place, columns) in lines(&path.join(&file))? {
            let [set, member, condition] = &columns[..] else {
                return Err(format!("{place}: expected set, member and condition"));
            };
            let line = Line {
                verdict: "allow".into(),
                subject: member.clone(),
                arches: u32::MAX,
                condition: text(condition),
                reason: String::new(),
            };
            match sets.iter_mut().find(|(name, _)| name == set) {
                Some((_, lines)) => lines.push(line),
                None => sets.push((set.clone(), vec![line])),
            }
        }
        sets.sort_by(|a, b| a.0.cmp(&b.0));
        all.push(Foreign { source, sets });
    }
    Ok(all)
}

/// A column in which `-` stands for nothing.
fn text(column: &str) -> String {
    if column == "-" { String::new() } else { column.to_owned() }
}
