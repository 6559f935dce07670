//! The lines that say how the filter is loaded, and who is handed its calls.

use callgate_rules::{Code, Diagnostic, Listener, LoadFlag, Span, nearest};

use crate::resolve::Reader;
use crate::syntax::{Node, SyntaxKind, unquoted};
use crate::tree;

/// What the names of all flags begin with.
const PREFIX: &str = "SECCOMP_FILTER_FLAG_";

impl Reader<'_, '_> {
    /// `load-flags SECCOMP_FILTER_FLAG_LOG`.
    pub(super) fn flags(&mut self, line: &Node) {
        let words = tree::tokens(line).skip(1).filter(|token| token.kind() == SyntaxKind::Word);
        for token in words {
            let span = self.span(token.text_range().into());
            let Some(flag) = LoadFlag::from_name(token.text()) else {
                self.report(unknown_flag(token.text(), span));
                continue;
            };
            match self.header.flags.contains(&flag) {
                true => self.error("E0333", format!("{flag} is named twice"), span, "once more"),
                false => self.header.flags.push(flag),
            }
        }
    }

    /// `listener "/run/agent.sock" with "metadata"`.
    pub(super) fn listener(&mut self, line: &Node, span: Span) {
        let mut texts = tree::tokens(line)
            .filter(|token| token.kind() == SyntaxKind::Text)
            .filter_map(|token| unquoted(token.text()));
        let Some(path) = texts.next() else { return };
        if path.is_empty() || path.contains('\0') {
            let message = format!("{path:?} is no path of a socket");
            return self.error("E0358", message, span, "nobody can listen there");
        }
        self.header.listener = Some(Listener { path, metadata: texts.next() });
    }
}

fn unknown_flag(text: &str, span: Span) -> Diagnostic {
    let names = LoadFlag::ALL.map(LoadFlag::name);
    let diagnostic = Diagnostic::error(Code::new("E0357"), format!("no flag is called `{text}`"))
        .primary(span, "not a flag that a filter can be loaded with");
    let long = format!("{PREFIX}{}", text.to_ascii_uppercase());
    let meant = LoadFlag::from_name(&long).map(LoadFlag::name);
    match meant.or_else(|| nearest(text, names)) {
        Some(name) => diagnostic.help_with_edit(format!("did you mean `{name}`?"), span, name),
        None => diagnostic.note(format!("there are: {}", names.join(", "))),
    }
}
