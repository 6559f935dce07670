//! Where things stand in the text of a profile.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use callgate_syscalls::{Arch, Name};

use super::Update;
use crate::evidence::CallKey;
use crate::profile::one_line;

/// The architectures that a line is about: those of the policy, or of the block around it.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    policy: Vec<Arch>,
    block: Option<Vec<Arch>>,
    depth: usize,
}

impl Context {
    /// Reads on.
    pub(super) fn read(&mut self, line: &str) {
        let code = line.split('#').next().unwrap_or("").trim();
        let arches = |list: &str| -> Vec<Arch> {
            list.split([',', '+']).filter_map(|word| Arch::from_name(word.trim())).collect()
        };
        // Lines of the header may share one.
        let header = || code.split(';').map(str::trim_start);
        if let Some(list) = header().find_map(|part| part.strip_prefix("arch ")) {
            self.policy = arches(list);
        }
        if let Some(list) = code.strip_prefix("on ").and_then(|rest| rest.strip_suffix('{')) {
            self.block = Some(arches(list));
            self.depth = 0;
        }
        let opened = code.matches('{').count();
        self.depth = (self.depth + opened).saturating_sub(code.matches('}').count());
        if self.depth == 0 {
            self.block = None;
        }
    }

    /// The architectures of the line that was read last.
    pub(super) fn arches(&self) -> &[Arch] {
        self.block.as_deref().unwrap_or(&self.policy)
    }
}

/// The learned `enosys { ... }` lists of a text.
#[derive(Debug)]
pub(super) struct Lists<'t> {
    text: &'t str,
    /// The names of each, by the bytes of the whole statement.
    lists: Vec<List>,
}

#[derive(Debug)]
struct List {
    start: usize,
    end: usize,
    names: Vec<Name>,
    arches: Vec<Arch>,
}

impl<'t> Lists<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let mut context = Context::default();
        let (mut lists, mut at, mut open) = (Vec::new(), 0, None);
        for line in text.split_inclusive('\n') {
            if line.trim_start().starts_with("enosys {") && open.is_none() {
                open = Some((at, context.clone()));
            }
            context.read(line);
            at += line.len();
            let Some((start, before)) = &open else { continue };
            if let Some((_, comment)) = line.split_once('}') {
                if comment.trim_start().starts_with("#@ fallback") {
                    lists.extend(List::read(text, *start, at, before.arches()));
                }
                open = None;
            }
        }
        Self { text, lists }
    }

    pub(super) fn has(&self, call: CallKey) -> bool {
        self.lists.iter().any(|list| list.has(call))
    }

    /// The text with these calls taken out of their lists.
    pub(super) fn without(&self, calls: &BTreeSet<CallKey>) -> String {
        let (mut text, mut at) = (String::new(), 0);
        for list in &self.lists {
            let gone = |name: &Name| {
                list.arches.iter().any(|arch| {
                    CallKey::named(*arch, *name).is_some_and(|call| calls.contains(&call))
                })
            };
            if !list.names.iter().any(gone) {
                continue;
            }
            text += &self.text[at..list.start];
            at = list.end;
            let left: Vec<&str> =
                list.names.iter().filter(|name| !gone(name)).map(|name| name.as_str()).collect();
            let statement = &self.text[list.start..list.end];
            let indent = &statement[..statement.len() - statement.trim_start().len()];
            if !left.is_empty() {
                let _ = writeln!(text, "{indent}enosys {{ {} }}  #@ fallback", left.join(", "));
            }
        }
        text + &self.text[at..]
    }
}

impl List {
    fn read(text: &str, start: usize, end: usize, arches: &[Arch]) -> Option<Self> {
        let (_, inside) = text[start..end].split_once('{')?;
        let (inside, _) = inside.split_once('}')?;
        let names: Option<Vec<Name>> = inside
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(Name::parse)
            .collect();
        Some(Self { start, end, names: names?, arches: arches.to_vec() })
    }

    fn has(&self, call: CallKey) -> bool {
        let of = |arch: &Arch| call.arch() == Some(*arch);
        self.arches.iter().any(of) && call.name().is_some_and(|name| self.names.contains(&name))
    }
}

/// Puts statements at the end: in blocks of their own where the policy has several architectures.
pub(super) fn append(text: &mut String, input: &Update<'_>, lines: &[(Option<Arch>, String)]) {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let _ = writeln!(text, "\n# Added {}", one_line(input.heading));
    if input.policy.arches().len() == 1 {
        lines.iter().for_each(|(_, line)| {
            let _ = writeln!(text, "{line}");
        });
        return;
    }
    let mut by_arch: BTreeMap<Arch, Vec<&str>> = BTreeMap::new();
    for (arch, line) in lines {
        if let Some(arch) = arch {
            by_arch.entry(*arch).or_default().push(line);
        }
    }
    for (arch, lines) in by_arch {
        let _ = writeln!(text, "on {} {{", arch.name());
        lines.iter().for_each(|line| {
            let _ = writeln!(text, "    {line}");
        });
        text.push_str("}\n");
    }
}
