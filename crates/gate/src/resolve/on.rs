//! `on`: statements for some architectures, machines, kernels or capabilities.

use callgate_rules::{Applies, CapSet, Capability, Code, Diagnostic, Span, near};
use callgate_syscalls::Arch;

use super::{Reader, Scope};
use crate::syntax::{Node, SyntaxKind, Token};
use crate::tree;

impl Reader<'_, '_> {
    pub(super) fn on(&mut self, line: &Node, scope: &Scope) {
        self.no_header(line);
        let is_open = |token: &Token| token.kind() == SyntaxKind::LeftBrace;
        let head: Vec<Token> =
            tree::tokens(line).skip(1).take_while(|token| !is_open(token)).collect();
        let mut applies = scope.applies.clone();
        let before = self.diagnostics.len();
        for test in head.split(|token| token.text() == "and") {
            let is_not = test.first().is_some_and(|token| token.text() == "not");
            self.circumstance(&test[usize::from(is_not)..], is_not, &mut applies);
        }
        if self.diagnostics.len() > before {
            return;
        }
        if applies.is_nowhere() {
            return self.nowhere(&head);
        }
        self.lines(line, &Scope { applies, ..scope.clone() });
    }

    /// Adds one test to what is asked for.
    fn circumstance(&mut self, test: &[Token], is_not: bool, applies: &mut Applies) {
        let Some(first) = test.first() else { return };
        let all = |token: &&Token| token.kind() == SyntaxKind::Word;
        match first.text() {
            "kernel" => {
                let (Some(order), Some(version)) = (test.get(1), test.get(2)) else { return };
                let Some(kernel) = self.kernel(version) else { return };
                let is_from = (order.kind() == SyntaxKind::GreaterEqual) != is_not;
                let (from, before) = (&mut applies.kernel_from, &mut applies.kernel_before);
                match is_from {
                    true => *from = Some(from.map_or(kernel, |other| other.max(kernel))),
                    false => *before = Some(before.map_or(kernel, |other| other.min(kernel))),
                }
            }
            "cap" => {
                let words = test[1..].iter().filter(all);
                let named: CapSet = words.filter_map(|token| self.capability(token)).collect();
                match is_not {
                    true => applies.without_caps = applies.without_caps.union(named),
                    false => applies.with_caps.push(named),
                }
            }
            "machine" => {
                let words = test[1..].iter().filter(all);
                let named: Vec<Arch> = words.filter_map(|token| self.arch(token)).collect();
                self.narrow(&mut applies.machines, &named, is_not, &Arch::ALL, test);
            }
            _ => {
                let words = test.iter().filter(all);
                let named =
                    words.filter_map(|token| self.arch_of_policy(token)).collect::<Vec<_>>();
                let all = match self.header.arches.is_empty() {
                    true => Arch::ALL.to_vec(),
                    false => self.header.arches.clone(),
                };
                self.narrow(&mut applies.arches, &named, is_not, &all, test);
            }
        }
    }

    /// Leaves of a list, which stands for all where it is empty, the named ones or the others.
    fn narrow(
        &mut self,
        list: &mut Vec<Arch>,
        named: &[Arch],
        is_not: bool,
        all: &[Arch],
        test: &[Token],
    ) {
        if list.is_empty() {
            list.extend(all);
        }
        list.retain(|arch| named.contains(arch) != is_not);
        // A name that is not known was reported.
        if list.is_empty() && !named.is_empty() {
            self.nowhere(test);
        }
    }

    fn arch_of_policy(&mut self, token: &Token) -> Option<Arch> {
        let arch = self.arch(token)?;
        let of_policy = &self.header.arches;
        if !of_policy.is_empty() && !of_policy.contains(&arch) {
            let names: Vec<&str> = of_policy.iter().map(|arch| arch.name()).collect();
            let message = format!("the policy is not for {arch}");
            let label = format!("it has {} here", names.join(", "));
            self.error("E0332", message, self.span(token.text_range().into()), &label);
            return None;
        }
        Some(arch)
    }

    fn capability(&mut self, token: &Token) -> Option<Capability> {
        let text = token.text();
        let span = self.span(token.text_range().into());
        let found = Capability::parse(text);
        if found.is_none_or(|cap| cap.to_string() != text) {
            self.report(unknown_capability(text, found, span));
        }
        found
    }

    fn nowhere(&mut self, tokens: &[Token]) {
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return };
        let range = first.text_range().cover(last.text_range());
        let diagnostic = Diagnostic::error(Code::new("E0339"), "this block applies nowhere")
            .primary(self.span(range.into()), "with the blocks around it, this is never so")
            .help("tests joined by `and`, and those of blocks in each other, must all hold");
        self.report(diagnostic);
    }
}

fn unknown_capability(text: &str, found: Option<Capability>, span: Span) -> Diagnostic {
    let message = format!("no capability is called `{text}`");
    let diagnostic = Diagnostic::error(Code::new("E0319"), message)
        .primary(span, "capabilities have the kernel's names, as in CAP_SYS_ADMIN");
    let names: Vec<String> = Capability::all().map(|cap| cap.to_string()).collect();
    let prefixed = format!("CAP_{}", text.trim_start_matches("CAP_"));
    let nearest = || near(&prefixed, names.iter().map(String::as_str)).first().copied();
    match found.map(|cap| cap.to_string()).or_else(|| nearest().map(str::to_owned)) {
        Some(near) => diagnostic.help_with_edit(format!("did you mean `{near}`?"), span, near),
        None => diagnostic.help("capabilities(7) lists them"),
    }
}
