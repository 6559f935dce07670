//! The shape of the generated tables of groups.

use std::collections::BTreeMap;

use super::{Foreign, Line, Version};
use crate::facts::Facts;

/// The lists.
#[derive(Default)]
pub(super) struct Layout {
    /// Every text, in the order of its first use; the first is empty.
    pub words: Vec<String>,
    places: BTreeMap<String, usize>,
    /// Every syscall that a group names.
    pub names: Vec<String>,
    /// Families: name, place of the first member; the last is the end.
    pub families: Vec<(usize, usize)>,
    /// Members of families: syscall and note.
    pub family_members: Vec<(usize, usize)>,
    /// Blocks: name, intent, risks, purpose, place of the first line; the last is the end.
    pub blocks: Vec<(usize, bool, Vec<String>, usize, usize)>,
    /// Lines: verdict, subject, architectures, condition, reason.
    pub lines: Vec<(String, String, u32, usize, usize)>,
    /// Roles: name, purpose, place of the first block; the last is the end.
    pub roles: Vec<(usize, usize, usize)>,
    /// The blocks of roles.
    pub role_blocks: Vec<usize>,
    /// Versions: name, places of the first family, block and role; the last is the end.
    pub versions: Vec<(usize, usize, usize, usize)>,
    /// Groups of others: source, name, place of the first line; the last is the end.
    pub aliases: Vec<(usize, usize, usize)>,
}

impl Layout {
    pub(super) fn new(
        versions: &[Version],
        foreign: &[Foreign],
        facts: &Facts,
    ) -> Result<Self, String> {
        let mut layout = Self::default();
        layout.word("");
        layout.names = facts.names().into_iter().map(str::to_owned).collect();
        for version in versions {
            layout.add_version(version)?;
        }
        layout.versions.push(layout.ends(0));
        layout.families.push((0, layout.family_members.len()));
        layout.blocks.push((0, false, Vec::new(), 0, layout.lines.len()));
        layout.roles.push((0, 0, layout.role_blocks.len()));
        for source in foreign {
            layout.add_foreign(source, foreign, facts)?;
        }
        layout.aliases.push((0, 0, layout.lines.len()));
        Ok(layout)
    }

    fn ends(&self, name: usize) -> (usize, usize, usize, usize) {
        (name, self.families.len(), self.blocks.len(), self.roles.len())
    }

    fn word(&mut self, text: &str) -> usize {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        self.words.push(text.to_owned());
        self.places.insert(text.to_owned(), self.words.len() - 1);
        self.words.len() - 1
    }

    fn add_version(&mut self, version: &Version) -> Result<(), String> {
        let name = self.word(&version.name);
        let ends = self.ends(name);
        self.versions.push(ends);
        let first_family = self.families.len();
        for (family, members) in &version.families {
            let name = self.word(family);
            self.families.push((name, self.family_members.len()));
            for (member, note) in members {
                let (syscall, note) = (self.syscall(member)?, self.word(note));
                self.family_members.push((syscall, note));
            }
        }
        let first_block = self.blocks.len();
        for block in &version.blocks {
            let (name, purpose) = (self.word(&block.name), self.word(&block.purpose));
            let first = self.lines.len();
            self.blocks.push((name, block.intent, block.risks.clone(), purpose, first));
            for line in &block.lines {
                let subject = match line.subject.strip_prefix('~') {
                    Some(family) => {
                        let found = version.families.iter().position(|(name, _)| name == family);
                        let place = found.ok_or_else(|| format!("{family} is no family"))?;
                        format!("Subject::Family({})", first_family + place)
                    }
                    None => format!("Subject::Syscall({})", self.syscall(&line.subject)?),
                };
                self.add_line(line, subject);
            }
        }
        for (role, blocks, purpose) in &version.roles {
            let (name, purpose) = (self.word(role), self.word(purpose));
            self.roles.push((name, purpose, self.role_blocks.len()));
            for block in blocks {
                let found = version.blocks.iter().position(|known| known.name == *block);
                let place = found.ok_or_else(|| format!("{block} is no block"))?;
                self.role_blocks.push(first_block + place);
            }
        }
        Ok(())
    }

    fn add_foreign(
        &mut self,
        foreign: &Foreign,
        all: &[Foreign],
        facts: &Facts,
    ) -> Result<(), String> {
        let source = self.word(&foreign.source);
        let before = all.iter().take_while(|other| other.source != foreign.source);
        let first: usize = before.map(|other| other.sets.len()).sum();
        for (set, lines) in &foreign.sets {
            let name = self.word(set);
            self.aliases.push((source, name, self.lines.len()));
            for line in lines {
                let nested = foreign.sets.iter().position(|(name, _)| *name == line.subject);
                let subject = match nested {
                    Some(place) => format!("Subject::Alias({})", first + place),
                    None if facts.names().contains(&*line.subject) => {
                        format!("Subject::Syscall({})", self.syscall(&line.subject)?)
                    }
                    None if line.subject.starts_with('@') => {
                        return Err(format!("{}: {} is no set", foreign.source, line.subject));
                    }
                    None => format!("Subject::Unknown({})", self.word(&line.subject)),
                };
                self.add_line(line, subject);
            }
        }
        Ok(())
    }

    fn add_line(&mut self, line: &Line, subject: String) {
        let (condition, reason) = (self.word(&line.condition), self.word(&line.reason));
        self.lines.push((line.verdict.clone(), subject, line.arches, condition, reason));
    }

    fn syscall(&self, name: &str) -> Result<usize, String> {
        let found = self.names.binary_search_by(|known| known.as_str().cmp(name));
        found.map_err(|_| format!("{name} is no syscall"))
    }
}
