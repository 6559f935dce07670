//! Statements, blocks and tests, in their order.

use std::collections::{BTreeMap, BTreeSet};

use callgate_facts::{Allowance, Block};
use callgate_rules::{
    Applies, Code, Cond, Diagnostic, ErrnoSpec, Group, Origin, Rule, Span, Subject, SubjectKind,
    Verdict,
};
use callgate_syscalls::Arch;

use super::{GroupLines, Reader, Scope};
use crate::expect::{Expected, Test};
use crate::syntax::{File, Node, SyntaxKind, Token, unquoted};
use crate::{known, tree};

/// How deep groups may be pasted into each other.
const PASTES_MAX: usize = 8;

/// The most groups that a policy may paste in all: groups that use others several times grow as
/// powers.
const PASTED_GROUPS_MAX: usize = 1_024;

/// The most rules that a policy's text may make: more than one for each of the numbers of four
/// architectures.
const RULES_MAX: usize = 16_384;

impl Reader<'_, '_> {
    /// Reads the lines of a file or block.
    pub(super) fn lines(&mut self, node: &Node, scope: &Scope) {
        for line in node.children() {
            if self.is_full() || self.pasted_groups > PASTED_GROUPS_MAX {
                return;
            }
            match line.kind() {
                SyntaxKind::Include => self.include(&line, scope),
                SyntaxKind::Use => self.uses(&line, scope),
                SyntaxKind::On => self.on(&line, scope),
                SyntaxKind::Group => self.group(&line, scope),
                SyntaxKind::Statement => self.statement(&line, scope),
                SyntaxKind::Test => self.test(&line, scope),
                _ => {}
            }
        }
    }

    /// Reports all lines that are no tests, in blocks too.
    pub(super) fn only_tests(&mut self, node: &Node) {
        for line in node.children() {
            match line.kind() {
                SyntaxKind::Test => {}
                SyntaxKind::On => self.only_tests(&line),
                _ => {
                    let span = self.span_of(&line);
                    let message = "a table of tests has `test` lines and nothing else";
                    self.error("E0392", message, span, "belongs into the policy");
                }
            }
        }
    }

    fn group(&mut self, line: &Node, scope: &Scope) {
        self.no_header(line);
        let name = tree::tokens(line).filter(|token| token.kind() == SyntaxKind::Word).nth(1);
        let Some(name) = name else { return };
        let span = self.span(name.text_range().into());
        // It is used elsewhere, where what is asked for here would be forgotten.
        if scope.applies != Applies::default() {
            let message = format!("the group `{}` is within `on`", name.text());
            let diagnostic = Diagnostic::error(Code::new("E0355"), message)
                .primary(span, "a group is used anywhere, and does not ask for what is around it")
                .help("put the group at the top, and `on ... { }` into it or around `use`");
            self.report(diagnostic);
        }
        let taken = self.groups.get(name.text()).map(|group| group.name);
        if let Some(first) = taken {
            let message = format!("the group `{}` exists already", name.text());
            let diagnostic = Diagnostic::error(Code::new("E0335"), message)
                .primary(span, "the second one")
                .secondary(first, "the first one");
            return self.report(diagnostic);
        }
        if known::block_names().any(|block| block == name.text()) {
            let message = format!("`{}` is a block of callgate's", name.text());
            return self.error("E0335", message, span, "a group needs a name of its own");
        }
        let lines =
            GroupLines { node: line.clone(), source: self.source, name: span, is_used: false };
        self.groups.insert(name.text().to_owned(), lines);
    }

    fn uses(&mut self, line: &Node, scope: &Scope) {
        let mut blocks = Vec::new();
        for token in tree::tokens(line).filter(|token| token.kind() == SyntaxKind::Block) {
            let name = token.text().trim_start_matches('@');
            match (self.named_group(name), known::blocks(name)) {
                (Some(group), _) => self.paste(&group, &token, scope),
                (None, Some(found)) => blocks.extend(found),
                (None, None) => {
                    let span = self.span(token.text_range().into());
                    self.unknown_block(name, span);
                }
            }
        }
        self.blocks(&blocks, scope, self.span_of(line));
    }

    /// A group of the file, which is used herewith.
    pub(super) fn named_group(&mut self, name: &str) -> Option<GroupLines> {
        let group = self.groups.get_mut(name)?;
        group.is_used = true;
        Some(group.clone())
    }

    /// Reads the lines of a group as if they stood here.
    fn paste(&mut self, group: &GroupLines, token: &Token, scope: &Scope) {
        if scope.pastes >= PASTES_MAX {
            let span = self.span(token.text_range().into());
            let message = format!("groups use each other more than {PASTES_MAX} deep");
            return self.error("E0328", message, span, "one too many");
        }
        self.pasted_groups += 1;
        if self.pasted_groups > PASTED_GROUPS_MAX {
            let span = self.span(token.text_range().into());
            let message = format!("the policy uses groups more than {PASTED_GROUPS_MAX} times");
            return self.error("E0328", message, span, "one too many");
        }
        let before = std::mem::replace(&mut self.source, group.source);
        self.lines(&group.node, &Scope { pastes: scope.pastes + 1, ..scope.clone() });
        self.source = before;
    }

    fn statement(&mut self, line: &Node, scope: &Scope) {
        let span = self.span_of(line);
        let Some(verdict) = tree::child(line, SyntaxKind::Verdict) else { return };
        let Some(subject) = tree::child(line, SyntaxKind::Subject) else { return };
        let verdict_span = self.span_of(&verdict);
        let verdict = self.verdict(&verdict);
        let subjects = self.subjects(&subject, scope);
        let condition = tree::child(line, SyntaxKind::Where)
            .map(|node| self.condition(&node, &subjects, scope));
        let Some(verdict) = verdict else { return };
        if verdict.on(Arch::X86_64).raw() == ERRNO_0 && !gives_reason(line) {
            self.fake_success(line, verdict_span);
        }
        self.no_running_block(&subject, verdict);
        // A condition that is wrong was reported.
        if matches!(condition, Some(None)) || subjects.is_empty() {
            return;
        }
        let is_always = tree::tokens(line).next().is_some_and(|token| token.text() == "always");
        let redundant = says_redundant(line);
        self.push(subjects, condition.flatten(), verdict, scope, span, (is_always, redundant));
    }

    fn push(
        &mut self,
        subjects: Vec<Subject>,
        condition: Option<Cond>,
        verdict: Verdict,
        scope: &Scope,
        span: Span,
        (is_always, redundant): (bool, bool),
    ) {
        let applies = scope.applies.clone();
        let rule = Rule { subjects, condition, verdict, applies, origin: Origin::Text(span) };
        if self.rules.len() + self.always.len() >= RULES_MAX {
            let message = format!("the policy has more than {RULES_MAX} statements");
            return self.error("E0328", message, span, "one too many");
        }
        let list = if is_always { &mut self.always } else { &mut self.rules };
        list.push((rule, redundant));
    }

    /// Adds a rule that stands before all others.
    pub(super) fn push_always(&mut self, subject: Subject, verdict: Verdict, arch: Arch) {
        let span = subject.span.unwrap_or_else(|| self.span(0..0));
        let applies = Applies { arches: vec![arch], ..Applies::default() };
        let scope = Scope { applies, pastes: 0 };
        self.push(vec![subject], None, verdict, &scope, span, (true, true));
    }

    /// Adds the rules of blocks: what any of them allows is allowed.
    fn blocks(&mut self, blocks: &[Block], scope: &Scope, span: Span) {
        let arches = match self.header.machines.is_empty() || !scope.applies.arches.is_empty() {
            true => self.arches_to_check(scope),
            // Machines that are not listed are for themselves.
            false => Arch::ALL.to_vec(),
        };
        let rules = known::block_rules(blocks, &arches);
        let conditions = Conditions::of(&rules);
        for known::BlockRule { members, arches, allowance } in rules {
            let arches = self.unless_all(arches);
            let applies = Applies { arches, ..scope.applies.clone() };
            let inner = Scope { applies, ..scope.clone() };
            let name = "@".to_owned();
            let subject = Subject { kind: SubjectKind::Group(Group { name, members }), span: None };
            let subjects = vec![Subject { span: Some(span), ..subject }];
            let (condition, verdict) = match allowance {
                Allowance::Always => (None, Verdict::Allow),
                Allowance::If(any) => {
                    match self.block_condition(&any, &conditions, &inner, (&subjects, span)) {
                        // What a condition cannot say here is not allowed.
                        None => continue,
                        some => (some, Verdict::Allow),
                    }
                }
                _ => (None, Verdict::Errno(ErrnoSpec::ENOSYS)),
            };
            // Blocks overlap, and programs use several.
            self.push(subjects, condition, verdict, &inner, span, (false, true));
        }
    }

    /// No restriction where the architectures are all of the policy.
    fn unless_all(&self, arches: Vec<Arch>) -> Vec<Arch> {
        if arches == self.header.arches { Vec::new() } else { arches }
    }

    /// The condition that any of a block's conditions holds, which are written in the language
    /// themselves.
    fn block_condition(
        &mut self,
        any: &[&str],
        conditions: &Conditions,
        scope: &Scope,
        (subjects, span): (&[Subject], Span),
    ) -> Option<Cond> {
        let each = any.iter().map(|text| {
            let node = conditions.0.get(*text)?;
            // Places in this text mean nothing to whoever reads the policy.
            self.pasted = Some(span);
            let cond = self.condition(node, subjects, scope);
            self.pasted = None;
            cond
        });
        let mut each = each.collect::<Option<Vec<Cond>>>()?;
        Some(if each.len() == 1 { each.remove(0) } else { Cond::any(each) })
    }

    /// Refuses to let calls run by naming a block: that would leave its conditions out.
    fn no_running_block(&mut self, subject: &Node, verdict: Verdict) {
        // The kernel ignores the data of ALLOW and LOG, so that `raw` words with some let calls run
        // too.
        if !verdict.on(Arch::X86_64).kind().executes() {
            return;
        }
        let blocks = tree::children(subject, SyntaxKind::Call)
            .filter_map(|call| tree::token(&call, SyntaxKind::Block));
        for token in blocks.collect::<Vec<_>>() {
            let span = self.span(token.text_range().into());
            let name = token.text();
            let message = format!("`{verdict} {name}` would leave out the conditions of the block");
            let diagnostic = Diagnostic::error(Code::new("E0349"), message)
                .primary(span, "a block allows some calls only with certain arguments")
                .help(format!("`use {name}` takes the block as it is"));
            self.report(diagnostic);
        }
    }

    fn fake_success(&mut self, line: &Node, verdict: Span) {
        let end = tree::range(line).end;
        let end = self.span(end..end);
        let message = "`errno 0` tells the program that the call succeeded, though nothing happens";
        let diagnostic = Diagnostic::error(Code::new("E0380"), message)
            .primary(verdict, "needs a reason")
            .help_with_edit("say why, if it is meant", end, " because \"...\"")
            .help_with_edit("refuse the call", verdict, "errno EPERM");
        self.report(diagnostic);
    }

    fn test(&mut self, line: &Node, scope: &Scope) {
        let span = self.span_of(line);
        let Some(subject) = tree::child(line, SyntaxKind::Subject) else { return };
        let subjects = self.subjects(&subject, scope);
        let verdict = tree::child(line, SyntaxKind::Verdict).and_then(|node| self.verdict(&node));
        let arguments = tree::child(line, SyntaxKind::Arguments);
        let Some(args) = self.test_arguments(arguments.as_ref(), &subjects, scope) else { return };
        let Some(verdict) = verdict else { return };
        let kinds: Vec<SubjectKind> = subjects.into_iter().map(|subject| subject.kind).collect();
        let applies = scope.applies.clone();
        let expected = Expected { verdict, args };
        self.tests.push(Test { calls: kinds, expected, applies, span });
    }
}

/// Whether a statement says why, and not in an empty text.
fn gives_reason(line: &Node) -> bool {
    let because = tree::child(line, SyntaxKind::Because);
    let text = because.and_then(|because| tree::token(&because, SyntaxKind::Text));
    text.and_then(|token| unquoted(token.text())).is_some_and(|text| !text.trim().is_empty())
}

/// The conditions of blocks by their texts, as nodes of one tree: most of what parsing a short text
/// takes is spent on a tree for it.
struct Conditions(BTreeMap<&'static str, Node>);

impl Conditions {
    fn of(rules: &[known::BlockRule]) -> Self {
        let texts: BTreeSet<&'static str> = rules
            .iter()
            .filter_map(|rule| match &rule.allowance {
                Allowance::If(any) => Some(any.as_slice()),
                _ => None,
            })
            .flatten()
            .copied()
            .collect();
        let lines: String = texts.iter().map(|text| format!("allow it where {text}\n")).collect();
        let root = File::parse(&lines).root();
        let nodes = tree::children(&root, SyntaxKind::Statement)
            .map(|statement| tree::child(&statement, SyntaxKind::Where));
        Self(texts.into_iter().zip(nodes).filter_map(|(text, node)| Some((text, node?))).collect())
    }
}

/// The word that makes a call succeed without being made.
pub(super) const ERRNO_0: u32 = 0x0005_0000;

/// Whether the comment behind a statement says that it may be without effect.
fn says_redundant(line: &Node) -> bool {
    let mut next = line.next_sibling_or_token();
    while let Some(element) = next {
        let Some(token) = element.as_token() else { return false };
        match token.kind() {
            SyntaxKind::Whitespace => next = token.next_sibling_or_token(),
            SyntaxKind::Comment => {
                return token.text().trim_start_matches('#').trim() == "redundant ok";
            }
            _ => return false,
        }
    }
    false
}
