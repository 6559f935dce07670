//! What statements are about: calls by name or number, families, blocks and groups.

use callgate_rules::{
    Baseline, Code, Diagnostic, ErrnoSpec, Group, Span, Subject, SubjectKind, Verdict, near,
};
use callgate_syscalls::{Arch, Name, SyscallNr};

use super::value::number;
use super::{GroupLines, Reader, Scope};
use crate::syntax::{Node, SyntaxKind, Token};
use crate::{known, tree};

impl Reader<'_, '_> {
    /// The calls of a subject. Those that are wrong are reported and left out.
    pub(super) fn subjects(&mut self, node: &Node, scope: &Scope) -> Vec<Subject> {
        let mut subjects: Vec<Subject> = Vec::new();
        for call in tree::children(node, SyntaxKind::Call) {
            let span = self.span_of(&call);
            let Some(kind) = self.subject(&call, scope) else { continue };
            if let Some(first) = subjects.iter().find(|subject| subject.kind == kind) {
                let first = first.span.unwrap_or(span);
                let diagnostic = Diagnostic::error(
                    Code::new("E0347"),
                    format!("`{}` is named twice", call.text()),
                );
                let diagnostic =
                    diagnostic.primary(span, "the second time").secondary(first, "the first time");
                self.report(diagnostic);
                continue;
            }
            subjects.push(Subject { kind, span: Some(span) });
        }
        subjects
    }

    fn subject(&mut self, call: &Node, scope: &Scope) -> Option<SubjectKind> {
        let token = tree::tokens(call).next()?;
        let span = self.span(token.text_range().into());
        match token.kind() {
            SyntaxKind::Block => self.members(&token, scope),
            SyntaxKind::Family => {
                let name = token.text().trim_start_matches('~');
                let members = known::family(name);
                if members.is_none() {
                    self.report(unknown_family(name, span));
                }
                let name = token.text().to_owned();
                members.map(|members| SubjectKind::Group(Group { name, members }))
            }
            _ => match tree::token(call, SyntaxKind::Number) {
                Some(number) => self.number(&number, scope).map(SubjectKind::Number),
                None => self.call(&token, scope).map(SubjectKind::Call),
            },
        }
    }

    fn number(&mut self, token: &Token, scope: &Scope) -> Option<SyscallNr> {
        let span = self.span(token.text_range().into());
        let Some(raw) = number(token.text()).and_then(|number| u32::try_from(number).ok()) else {
            let message = format!("{} is no syscall number: it has 32 bits", token.text());
            self.error("E0346", message, span, "the largest is 0xffffffff");
            return None;
        };
        let nr = SyscallNr::new(raw);
        // Only x86_64's token stands for two ABIs, told apart by the number.
        let fits = |arch: &Arch| Arch::of_call(arch.token(), nr) == Some(*arch);
        let arches = self.arches_of(scope);
        if let Some(other) = arches.iter().find(|arch| !fits(arch)) {
            let message = format!("no syscall of {other} can have the number {}", token.text());
            let diagnostic = Diagnostic::error(Code::new("E0346"), message)
                .primary(span, "numbers with bit 30 are x32's")
                .help("put the statement into `on ARCH { }` for the architecture that it is about");
            self.report(diagnostic);
            return None;
        }
        Some(nr)
    }

    /// The architectures that a statement applies to; empty where the policy leaves them to the
    /// machine.
    pub(super) fn arches_of(&self, scope: &Scope) -> Vec<Arch> {
        match scope.applies.arches.is_empty() {
            true => self.header.arches.clone(),
            false => scope.applies.arches.clone(),
        }
    }

    /// A syscall by name, which at least one of the statement's architectures has.
    fn call(&mut self, token: &Token, scope: &Scope) -> Option<Name> {
        let span = self.span(token.text_range().into());
        let Some(name) = Name::parse(token.text()) else {
            self.report(unknown_call(token.text(), span, &self.arches_of(scope)));
            return None;
        };
        let arches = self.arches_of(scope);
        let since =
            arches.iter().filter_map(|arch| arch.syscall(name)).map(|call| call.since).min();
        if since.is_none() && !arches.is_empty() {
            self.report(other_arch(name, span, &arches));
            return None;
        }
        let baseline = match self.header.unknown.as_ref().map(|unknown| &unknown.baseline) {
            Some(Baseline::Kernel(kernel)) => Some(*kernel),
            // Of several there is no one kernel to name.
            Some(Baseline::Each(_)) | None => None,
        };
        if let (Some(since), Some(baseline)) = (since, baseline) {
            if since > baseline {
                let message = format!("`{name}` is newer than the baseline Linux {baseline}");
                let diagnostic = Diagnostic::warning(Code::new("E0342"), message)
                    .primary(span, format!("Linux {since} added it"))
                    .note("on the baseline kernel the call fails with ENOSYS whatever the policy says")
                    .help(format!("raise the baseline to {since}, or leave the statement away"));
                self.report(diagnostic);
            }
        }
        Some(name)
    }

    /// The calls that a group of the file or a block is about.
    fn members(&mut self, token: &Token, scope: &Scope) -> Option<SubjectKind> {
        let name = token.text().trim_start_matches('@');
        let span = self.span(token.text_range().into());
        let members = match self.named_group(name) {
            Some(group) => {
                if let Some(line) = group.node.children().find(|line| !self.is_plain(line)) {
                    self.no_plain_group(&group, &line, token);
                    return None;
                }
                let before = std::mem::replace(&mut self.source, group.source);
                let mut members = Vec::new();
                for line in tree::children(&group.node, SyntaxKind::Statement) {
                    let Some(subject) = tree::child(&line, SyntaxKind::Subject) else { continue };
                    let subjects = self.subjects(&subject, scope);
                    members.extend(subjects.iter().flat_map(|s| s.kind.names().iter().copied()));
                }
                self.source = before;
                members
            }
            None => match known::block_members(name, &self.arches_to_check(scope)) {
                Some(members) => members,
                None => {
                    self.unknown_block(name, span);
                    return None;
                }
            },
        };
        let mut members = members;
        members.sort_unstable();
        members.dedup();
        Some(SubjectKind::Group(Group { name: token.text().to_owned(), members }))
    }

    /// Whether a line of a group names calls and families and nothing else, so that naming the
    /// group names them all.
    fn is_plain(&self, line: &Node) -> bool {
        let plain = |call: &Node| {
            let own = |token: Token| self.groups.contains_key(token.text().trim_start_matches('@'));
            tree::token(call, SyntaxKind::Number).is_none()
                && !tree::token(call, SyntaxKind::Block).is_some_and(own)
        };
        match line.kind() {
            SyntaxKind::Statement => tree::child(line, SyntaxKind::Subject).is_none_or(|subject| {
                tree::children(&subject, SyntaxKind::Call).all(|c| plain(&c))
            }),
            SyntaxKind::Test => true,
            _ => false,
        }
    }

    fn no_plain_group(&mut self, group: &GroupLines, line: &Node, token: &Token) {
        let name = token.text();
        let message =
            format!("`{name}` holds more than syscalls by name, so it cannot be named here");
        let line = Span::new(group.source, tree::range(line));
        let diagnostic = Diagnostic::error(Code::new("E0336"), message)
            .primary(self.span(token.text_range().into()), "this would leave a part of it out")
            .secondary(line, "such as this line")
            .help(format!("`use {name}` takes the group as it is"));
        self.report(diagnostic);
    }

    pub(super) fn unknown_block(&mut self, name: &str, span: Span) {
        let message = format!("no block or group is called `@{name}`");
        let diagnostic = Diagnostic::error(Code::new("E0343"), message)
            .primary(span, "neither defined above nor a block of callgate's");
        let own: Vec<String> = self.groups.keys().cloned().collect();
        let mut names: Vec<&str> = own.iter().map(String::as_str).collect();
        // `extend` would ask for names that live as long as the blocks'.
        known::block_names().for_each(|name| names.push(name));
        let near = near(name, names);
        let diagnostic = match near.first() {
            Some(near) => {
                let help = format!("did you mean `@{near}`?");
                diagnostic.help_with_edit(help, span, format!("@{near}"))
            }
            None => {
                let list = "`callgate groups` lists the blocks; a group of your own is `group NAME { ... }`";
                let told = known::about::unknown_block(name);
                let diagnostic = told.into_iter().fold(diagnostic, Diagnostic::help);
                match known::about::others_set(name) {
                    Some(set) => diagnostic.help(format!("`callgate groups {set}` lists that set")),
                    None => diagnostic.help(list),
                }
            }
        };
        self.report(diagnostic);
    }

    /// The rules that the header's `without` makes.
    pub(super) fn without(&mut self) {
        for (arch, name, span) in self.header.without.clone() {
            let subject = Subject { kind: SubjectKind::Call(name), span: Some(span) };
            self.push_always(subject, Verdict::Errno(ErrnoSpec::ENOSYS), arch);
        }
    }
}

/// A name that no table has: misspelt, or newer than the tables.
fn unknown_call(text: &str, span: Span, arches: &[Arch]) -> Diagnostic {
    let diagnostic =
        Diagnostic::error(Code::new("E0340"), format!("no syscall is called `{text}`"));
    let exists =
        |name: &Name| arches.is_empty() || arches.iter().any(|arch| arch.syscall(*name).is_some());
    let names = || Name::all().filter(exists).map(Name::as_str);
    let lower = text.to_ascii_lowercase();
    let plain = lower.trim_start_matches("sys_").trim_start_matches("__nr_");
    if plain != text && names().any(|name| name == plain) {
        return diagnostic
            .primary(span, "syscalls have the kernel's names, without a prefix, in small letters")
            .help_with_edit("write", span, plain);
    }
    if known::family(text).is_some() {
        return diagnostic.primary(span, "but a family is").help_with_edit(
            "a family's name begins with `~`",
            span,
            format!("~{text}"),
        );
    }
    if known::block_names().any(|name| name == text) {
        return diagnostic.primary(span, "but a block is").help_with_edit(
            "a block's name begins with `@`",
            span,
            format!("@{text}"),
        );
    }
    if matches!(text, "all" | "any" | "everything" | "others" | "rest") {
        return diagnostic
            .primary(span, "a statement names its syscalls")
            .help("the line `default` says what happens to all that no statement is about");
    }
    let near = near(text, names());
    match near.first() {
        Some(first) => {
            let list: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
            let help = format!("did you mean {}?", list.join(" or "));
            diagnostic.primary(span, "misspelt?").help_with_edit(help, span, *first)
        }
        None => {
            let mut diagnostic = Diagnostic::error(
                Code::new("E0344"),
                format!("no syscall that callgate knows is called `{text}`"),
            );
            let all = Arch::ALL.into_iter().flat_map(Arch::syscalls);
            let newest = all.map(|call| call.since).max();
            if let Some(newest) = newest {
                diagnostic =
                    diagnostic.primary(span, format!("its tables end with Linux {newest}"));
            }
            diagnostic
                .help("a syscall that is newer than that can be named by its number: `nr NUMBER`")
        }
    }
}

fn other_arch(name: Name, span: Span, arches: &[Arch]) -> Diagnostic {
    let list = |arches: &mut dyn Iterator<Item = Arch>| {
        arches.map(Arch::name).collect::<Vec<_>>().join(", ")
    };
    let here = list(&mut arches.iter().copied());
    let having = Arch::ALL.into_iter().filter(|arch| arch.syscall(name).is_some());
    let there = list(&mut having.clone());
    let diagnostic =
        Diagnostic::error(Code::new("E0341"), format!("`{name}` does not exist on {here}"))
            .primary(span, "no architecture of this statement has it")
            .note(format!("it exists on {there}"));
    match known::successor(name, arches) {
        Some(other) => diagnostic.help_with_edit(
            format!("there, programs call `{other}` for the same"),
            span,
            other.as_str(),
        ),
        None => diagnostic
            .help("leave it away, or add an architecture that has it to the policy's `arch` line"),
    }
}

fn unknown_family(name: &str, span: Span) -> Diagnostic {
    let message = format!("no family of syscalls is called `~{name}`");
    let diagnostic = Diagnostic::error(Code::new("E0345"), message).primary(span, "not known");
    match known::near_families(name).first() {
        Some(near) => {
            let help = format!("did you mean `~{near}`?");
            diagnostic.help_with_edit(help, span, format!("~{near}"))
        }
        None => diagnostic.help("`callgate groups` lists the families"),
    }
}
