//! Where in a text the cursor stands: which statement, and what of it stands before.

use callgate_gate::{File, SyntaxKind, Token, words};
use callgate_syscalls::{Arch, Name};

/// A token as far as completion looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) kind: SyntaxKind,
    pub(crate) text: String,
}

/// The statement that the cursor stands in, up to the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    /// Its tokens before the word that is being written.
    pub(crate) pieces: Vec<Piece>,
    /// Where that word begins.
    pub(crate) word_start: usize,
    /// Whether the cursor stands in a comment or in a text in quotes.
    pub(crate) is_prose: bool,
}

impl Before {
    /// What stands before a byte of a text.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let mut before = Self { word_start: offset, ..Self::default() };
        let mut at_line_start = true;
        for token in tokens(&File::parse(text)) {
            let range: std::ops::Range<usize> = token.text_range().into();
            if range.start >= offset {
                break;
            }
            let kind = token.kind();
            if kind == SyntaxKind::Newline {
                at_line_start = true;
                continue;
            }
            // Another part of the header.
            if kind == SyntaxKind::Semicolon {
                at_line_start = true;
                before.pieces.clear();
                continue;
            }
            if range.end >= offset && is_word(kind) {
                before.word_start = range.start;
                break;
            }
            let ends_here = range.end >= offset;
            before.is_prose = matches!(kind, SyntaxKind::Comment | SyntaxKind::Provenance)
                || (kind == SyntaxKind::Text && range.end > offset);
            if kind.is_trivia() {
                continue;
            }
            if at_line_start && words::STATEMENTS.contains(&token.text()) && !before.is_in_set() {
                before.pieces.clear();
            }
            at_line_start = false;
            before.pieces.push(Piece { kind, text: token.text().to_owned() });
            if ends_here {
                break;
            }
        }
        if at_line_start && !before.is_in_set() {
            before.pieces.clear();
        }
        before
    }

    /// Whether a set or parenthesis is open that the next lines belong to.
    fn is_in_set(&self) -> bool {
        let mut open = 0usize;
        for piece in &self.pieces {
            match piece.kind {
                SyntaxKind::LeftBrace | SyntaxKind::LeftParen => open += 1,
                SyntaxKind::RightBrace | SyntaxKind::RightParen => open = open.saturating_sub(1),
                _ => {}
            }
        }
        let holds_statements = |first: &Piece| matches!(first.text.as_str(), "on" | "group");
        open > usize::from(self.pieces.first().is_some_and(holds_statements))
    }

    pub(crate) fn texts(&self) -> Vec<&str> {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }
}

const fn is_word(kind: SyntaxKind) -> bool {
    matches!(kind, SyntaxKind::Word | SyntaxKind::Block | SyntaxKind::Family | SyntaxKind::Unknown)
}

/// All tokens of a text.
pub(crate) fn tokens(file: &File) -> impl Iterator<Item = Token> {
    let all = file.root().descendants_with_tokens();
    all.filter_map(|element| element.into_token())
}

/// The token at a byte: the one that begins there or around it, else the word that ends there.
pub(crate) fn token_at(file: &File, offset: usize) -> Option<Token> {
    let offset = u32::try_from(offset).ok()?.into();
    if offset > file.root().text_range().end() {
        return None;
    }
    let found = file.root().token_at_offset(offset);
    let (left, right) = (found.clone().left_biased(), found.right_biased());
    right.filter(|token| !token.kind().is_trivia()).or(left)
}

/// The calls that the statement around a token names.
pub(crate) fn calls_around(token: &Token) -> Vec<Name> {
    let mut statements = token.parent_ancestors();
    let is_statement = |kind| matches!(kind, SyntaxKind::Statement | SyntaxKind::Test);
    let Some(statement) = statements.find(|node| is_statement(node.kind())) else {
        return Vec::new();
    };
    let subject = statement.children().find(|node| node.kind() == SyntaxKind::Subject);
    let texts = subject.into_iter().flat_map(|subject| {
        let tokens = subject.descendants_with_tokens().filter_map(|element| element.into_token());
        tokens.map(|token| token.text().to_owned()).collect::<Vec<_>>()
    });
    named(texts)
}

/// The calls among words; families and blocks stand for their members.
pub(crate) fn named(texts: impl Iterator<Item = String>) -> Vec<Name> {
    let groups = callgate_facts::Groups::LATEST;
    let mut names = Vec::new();
    for text in texts {
        match text.split_at_checked(1) {
            Some(("~", family)) => {
                names.extend(groups.family(family).into_iter().flat_map(|f| f.members()));
            }
            Some(("@", block)) => {
                let members = groups.block(block).into_iter().flat_map(|b| b.members(Arch::X86_64));
                names.extend(members.map(|(name, _)| name));
            }
            _ => names.extend(Name::parse(&text)),
        }
    }
    names
}

/// The architectures of a policy's `arch` line; without one, this machine's.
pub(crate) fn arches_of_text(text: &str) -> Vec<Arch> {
    let file = File::parse(text);
    let lines = file.root().children().filter(|node| node.kind() == SyntaxKind::Arches);
    let items = lines.flat_map(|line| line.descendants().collect::<Vec<_>>());
    let words = items.filter(|node| node.kind() == SyntaxKind::ArchItem).filter_map(|item| {
        item.children_with_tokens().filter_map(|element| element.into_token()).next()
    });
    let arches: Vec<Arch> = words.filter_map(|word| Arch::from_name(word.text())).collect();
    match arches.is_empty() {
        true => vec![Arch::native().unwrap_or(Arch::X86_64)],
        false => arches,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn before(text: &str) -> (Vec<String>, String) {
        let offset = text.find('^').unwrap();
        let text = text.replace('^', "");
        let before = Before::of(&text, offset);
        let word = text[before.word_start..offset].to_owned();
        (before.texts().into_iter().map(str::to_owned).collect(), word)
    }

    fn expect(text: &str, pieces: &[&str], word: &str) {
        let (found, begun) = before(text);
        assert_eq!(
            (found, begun.as_str()),
            (pieces.iter().map(|p| (*p).to_owned()).collect(), word)
        );
    }

    #[test]
    fn the_statement_before_the_cursor_is_found() {
        expect("policy 1\nall^", &[], "all");
        expect("policy 1\n^\nallow read", &[], "");
        expect("policy 1; def^", &[], "def");
        expect("policy 1; default errno ^", &["default", "errno"], "");
        expect("on x86 {\n    ^\n}", &[], "");
        expect("allow {\n  kill,\n  ^", &["allow", "{", "kill", ","], "");
        expect("policy 1\nallow re^ad", &["allow"], "re");
        expect("allow { read, wr^", &["allow", "{", "read", ","], "wr");
        expect("allow {\n  read,\n  wr^\n}", &["allow", "{", "read", ","], "wr");
        expect("allow socket where ^", &["allow", "socket", "where"], "");
        expect("use @thr^", &["use"], "@thr");
        expect("allow ~st^", &["allow"], "~st");
    }

    #[test]
    fn prose_is_left_alone() {
        for text in ["allow read # a ^comment", "allow read because \"a ^reason\""] {
            let offset = text.find('^').unwrap();
            assert!(Before::of(&text.replace('^', ""), offset).is_prose, "{text}");
        }
        assert!(!Before::of("allow ", 6).is_prose);
    }

    #[test]
    fn architectures_are_those_of_the_header() {
        let text = "policy 1\narch x86_64 + x86 without socketcall, aarch64\n";
        assert_eq!(arches_of_text(text), [Arch::X86_64, Arch::X86, Arch::Aarch64]);
        assert_eq!(arches_of_text("allow ").len(), 1);
    }
}
