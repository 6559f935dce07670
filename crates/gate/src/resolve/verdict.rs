//! Verdicts: `allow`, `errno EPERM`, `trap 3`.

use callgate_rules::{Code, Diagnostic, ErrnoSpec, Span, Verdict, near};
use callgate_syscalls::{Action, Arch, Errno};

use super::Reader;
use super::value::number;
use crate::syntax::{Node, SyntaxKind, Token};
use crate::tree;

impl Reader<'_, '_> {
    /// The verdict of a node; none where it is wrong, which was reported.
    pub(super) fn verdict(&mut self, node: &Node) -> Option<Verdict> {
        let mut tokens = tree::tokens(node);
        let word = tokens.next()?;
        let operand = tokens.next();
        Some(match word.text() {
            "allow" => Verdict::Allow,
            "log" => Verdict::Log,
            "notify" => Verdict::Notify,
            "kill" => Verdict::Kill,
            "kill-thread" => Verdict::KillThread,
            "enosys" => Verdict::Errno(ErrnoSpec::ENOSYS),
            "errno" => Verdict::Errno(self.errno(&operand?)?),
            "trap" => Verdict::Trap(self.data("trap", operand)?),
            "trace" => Verdict::Trace(ErrnoSpec::Number(self.data("trace", operand)?)),
            _ => Verdict::from(self.raw(&operand?)?),
        })
    }

    /// An errno by name or number.
    pub(super) fn errno(&mut self, token: &Token) -> Option<ErrnoSpec> {
        let text = token.text();
        let span = self.span(token.text_range().into());
        if token.kind() != SyntaxKind::Number {
            let named = ErrnoSpec::named(text);
            if named.is_none() {
                self.report(unknown_errno(text, span));
            }
            return named;
        }
        let value = number(text).and_then(|number| u16::try_from(number).ok());
        match value.filter(|value| *value <= ErrnoSpec::MAX) {
            Some(value) => Some(ErrnoSpec::Number(value)),
            None => {
                let message =
                    format!("there is no errno {text}: the largest is {}", ErrnoSpec::MAX);
                self.error("E0382", message, span, "the kernel would return 4095 instead");
                None
            }
        }
    }

    /// The data of `trap` and `trace`; 0 where none is given.
    fn data(&mut self, verdict: &str, operand: Option<Token>) -> Option<u16> {
        let Some(token) = operand else { return Some(0) };
        let data = number(token.text()).and_then(|number| u16::try_from(number).ok());
        if data.is_none() {
            let span = self.span(token.text_range().into());
            let message = format!("`{verdict}` carries 16 bits, and {} needs more", token.text());
            self.error("E0381", message, span, "the largest is 65535");
        }
        data
    }

    fn raw(&mut self, token: &Token) -> Option<Action> {
        let word = number(token.text()).and_then(|number| u32::try_from(number).ok());
        if word.is_none() {
            let span = self.span(token.text_range().into());
            let message = format!("a filter returns 32 bits, and {} needs more", token.text());
            self.error("E0381", message, span, "the largest is 0xffffffff");
        }
        word.map(Action::from_raw)
    }
}

fn unknown_errno(text: &str, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error(Code::new("E0383"), format!("no errno is called `{text}`"))
        .primary(span, "not one of errno(3)");
    let names = (1..=ErrnoSpec::MAX).filter_map(|raw| Errno::new(raw).name(Arch::X86_64));
    match near(text, names).first() {
        Some(near) => {
            let help = format!("did you mean `{near}`?");
            diagnostic.help_with_edit(help, span, *near)
        }
        None => diagnostic.help("names are those of errno(3), such as EPERM, EACCES and ENOSYS"),
    }
}
