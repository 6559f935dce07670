//! What a name under the cursor is: signature, since which kernel, who calls it, what its risk is.

use std::fmt::Write as _;

use callgate_facts::{Allowance, Block, Constant, Constants, Denial, Drift, Groups, Stance};
use callgate_gate::{File, SyntaxKind, Token};
use callgate_syscalls::{Arch, Name};
use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind};

use crate::cursor;
use crate::document::Document;
use crate::vocabulary;

/// How many entries of a list are shown before it is cut.
const LIST_MAX: usize = 6;

/// What stands at a byte of a text.
pub(crate) fn hover(document: &Document, offset: usize) -> Option<Hover> {
    let token = cursor::token_at(&File::parse(&document.text), offset)?;
    let arches = cursor::arches_of_text(&document.text);
    let value = text(&token, &arches)?;
    let contents = MarkupContent { kind: MarkupKind::Markdown, value };
    let range = document.range(token.text_range().into());
    Some(Hover { contents: HoverContents::Markup(contents), range: Some(range) })
}

fn text(token: &Token, arches: &[Arch]) -> Option<String> {
    let word = token.text();
    let parent = token.parent()?.kind();
    match (token.kind(), parent) {
        (SyntaxKind::Block, _) => group(word.trim_start_matches('@'), arches),
        (SyntaxKind::Family, _) => family(word.trim_start_matches('~')),
        (SyntaxKind::Word, SyntaxKind::Call) => match Name::parse(word) {
            Some(name) => Some(syscall(name, arches)),
            None => vocabulary::meaning(word).map(str::to_owned),
        },
        (SyntaxKind::Word, SyntaxKind::Verdict) => match vocabulary::verdict(word) {
            Some(meaning) => Some(meaning.to_owned()),
            None => errno(word, arches),
        },
        (SyntaxKind::Word, SyntaxKind::Operand) => argument(token, arches),
        (SyntaxKind::Word, SyntaxKind::Term) => constant(word, arches),
        (SyntaxKind::Word, _) => vocabulary::meaning(word).map(str::to_owned).or_else(|| {
            let arch = Arch::from_name(word)?;
            Some(format!("The architecture {arch}, token {:#010x}.", arch.token().raw()))
        }),
        _ => None,
    }
}

/// A call as its prototype in C.
pub(crate) fn prototype(name: Name, arches: &[Arch]) -> String {
    let arguments = arches.iter().find_map(|arch| arch.signature(name)).map(|signature| {
        let each = signature.arguments().map(|argument| {
            let space = if argument.c_type.ends_with('*') { "" } else { " " };
            format!("{}{space}{}", argument.c_type, argument.name)
        });
        each.collect::<Vec<_>>().join(", ")
    });
    let arguments = arguments.map(|list| if list.is_empty() { "void".to_owned() } else { list });
    format!("{name}({})", arguments.as_deref().unwrap_or("..."))
}

fn syscall(name: Name, arches: &[Arch]) -> String {
    let mut text = format!("```c\n{}\n```\n", prototype(name, arches));
    for arch in arches {
        let _ = match arch.syscall(name) {
            Some(call) => writeln!(
                text,
                "- {arch}: number {}, since Linux {}",
                call.nr.raw() & !0x4000_0000,
                call.since
            ),
            None => writeln!(text, "- {arch}: has no such call"),
        };
    }
    blocks_of(&mut text, name, arches);
    section(&mut text, "Called by", Drift::of(name).map(drift_line));
    section(&mut text, "If it is refused", Denial::of(name).map(denial_line));
    text
}

/// The blocks, the family and the risks of a call.
fn blocks_of(text: &mut String, name: Name, arches: &[Arch]) {
    let groups = Groups::LATEST;
    let allows = |block: &Block| {
        let line = |arch: &Arch| block.line(name, *arch);
        arches.iter().filter_map(line).any(|line| line.stance() == Stance::Allow)
    };
    let blocks: Vec<Block> = groups.blocks().filter(|b| b.is_intent() && allows(b)).collect();
    for block in &blocks {
        let _ = write!(text, "\n`@{block}`: {}", block.purpose());
        let allowance = arches.iter().find_map(|arch| Allowance::of(&[*block], name, *arch));
        if let Some(Allowance::If(conditions)) = allowance {
            let _ = write!(text, "; there only where `{}`", conditions.join("` or `"));
        }
        text.push('\n');
    }
    let mut risks: Vec<_> = blocks.iter().flat_map(|block| block.risks()).collect();
    risks.sort_unstable();
    risks.dedup();
    if !risks.is_empty() {
        let names: Vec<&str> = risks.iter().map(|risk| risk.name()).collect();
        let _ = writeln!(text, "\nRisk: {}", names.join(", "));
    }
    if let Some(family) = groups.family_of(name) {
        let _ = writeln!(text, "\nFamily `~{family}`, with its variants.");
    }
}

fn drift_line(drift: Drift) -> String {
    let mut line = format!("{} since {}: {}", drift.part(), drift.since(), drift.caller());
    for (name, behaviour) in [("ENOSYS", drift.on_enosys()), ("EPERM", drift.on_eperm())] {
        if !behaviour.is_empty() {
            let _ = write!(line, "; on {name}: {behaviour}");
        }
    }
    line
}

fn denial_line(denial: Denial) -> String {
    let mut line = format!("{}: {}", denial.symptom(), denial.remedy());
    if !denial.risk().is_empty() {
        let _ = write!(line, " (risk: {})", denial.risk());
    }
    line
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}:");
    for line in lines.iter().take(LIST_MAX) {
        let _ = writeln!(text, "- {line}");
    }
    if lines.len() > LIST_MAX {
        let _ = writeln!(text, "- and {} more", lines.len() - LIST_MAX);
    }
}

fn group(name: &str, arches: &[Arch]) -> Option<String> {
    let groups = Groups::LATEST;
    if let Some(role) = groups.role(name) {
        let blocks: Vec<String> = role.blocks().map(|block| format!("`@{block}`")).collect();
        return Some(format!("{}\n\n{}\n", role.purpose(), blocks.join(", ")));
    }
    let block = groups.block(name)?;
    let mut text = format!("{}\n", block.purpose());
    let risks: Vec<&str> = block.risks().iter().map(|risk| risk.name()).collect();
    if !risks.is_empty() {
        let _ = writeln!(text, "\nRisk: {}", risks.join(", "));
    }
    let mut members: Vec<Name> =
        arches.iter().flat_map(|arch| block.members(*arch)).map(|(name, _)| name).collect();
    members.sort_by_key(|name| name.as_str());
    members.dedup();
    let names: Vec<&str> = members.iter().map(|name| name.as_str()).collect();
    let _ = writeln!(text, "\n{}", names.join(", "));
    Some(text)
}

fn family(name: &str) -> Option<String> {
    let family = Groups::LATEST.family(name)?;
    let mut text = "One operation in all its variants:\n".to_owned();
    for member in family.members() {
        let note = family.note(member).map_or(String::new(), |note| format!(": {note}"));
        let _ = writeln!(text, "- {member}{note}");
    }
    Some(text)
}

fn errno(name: &str, arches: &[Arch]) -> Option<String> {
    let values = arches.iter().filter_map(|arch| {
        let errno = callgate_syscalls::Errno::from_name(name, *arch)?;
        Some(format!("- {arch}: {}", errno.raw()))
    });
    let values: Vec<String> = values.collect();
    (!values.is_empty()).then(|| format!("The error {name}:\n{}\n", values.join("\n")))
}

fn argument(token: &Token, arches: &[Arch]) -> Option<String> {
    let word = token.text();
    let calls = cursor::calls_around(token);
    let found = calls.iter().find_map(|call| {
        let signature = arches.iter().find_map(|arch| arch.signature(*call))?;
        let argument = signature.arguments().find(|argument| argument.name == word)?;
        Some((*call, argument))
    });
    let Some((call, argument)) = found else { return vocabulary::meaning(word).map(str::to_owned) };
    let mut text = format!("```c\n{} {}\n```\nof {call}", argument.c_type, argument.name);
    let names = constants(call, argument.name, arches);
    if !names.is_empty() {
        let shown: Vec<&str> = names.iter().take(40).copied().collect();
        let more = if names.len() > shown.len() { ", ..." } else { "" };
        let _ = write!(text, "\n\n{}{more}", shown.join(", "));
    }
    text.push('\n');
    Some(text)
}

/// The constants that an argument takes on any of these architectures.
pub(crate) fn constants(call: Name, argument: &str, arches: &[Arch]) -> Vec<&'static str> {
    let members = Constants::of(call, argument).flat_map(|usage| usage.constants.members());
    let here = members.filter(|c| arches.iter().any(|arch| c.on(*arch).is_some()));
    let mut names: Vec<&'static str> = Vec::new();
    for name in here.map(Constant::name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn constant(word: &str, arches: &[Arch]) -> Option<String> {
    let Some(constant) = Constant::parse(word) else {
        return vocabulary::meaning(word).map(str::to_owned);
    };
    let mut text = format!("`{constant}`\n");
    for arch in arches {
        let _ = match constant.on(*arch) {
            Some(value) => writeln!(text, "- {arch}: {value} ({value:#x})"),
            None => writeln!(text, "- {arch}: not defined"),
        };
    }
    let sets: Vec<&str> = constant.sets().map(Constants::name).collect();
    if !sets.is_empty() {
        let _ = writeln!(text, "\nof {}", sets.join(", "));
    }
    Some(text)
}
