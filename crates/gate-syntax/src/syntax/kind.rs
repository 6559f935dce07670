//! The kinds of tokens and nodes.

/// Writes the enum and the list of its kinds from one list, so that each stands at its number.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident,)+) => {
        /// A kind of token or node of the syntax tree.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum SyntaxKind {
            $($(#[$doc])* $kind,)+
        }

        /// All kinds, each at the place of its number.
        static KINDS: &[SyntaxKind] = &[$(SyntaxKind::$kind,)+];
    };
}

kinds! {
    /// Spaces and tabs.
    Whitespace,
    /// One line feed, with the carriage return before it.
    Newline,
    /// `# text` up to the end of the line.
    Comment,
    /// `#@ text` up to the end of the line: where a rule comes from, for machines to edit.
    Provenance,
    /// A name or a keyword; keywords are told by their place, because `kill` is also a syscall.
    Word,
    /// `@threads`.
    Block,
    /// `~stat`.
    Family,
    /// `17`, `0x11`, `0o21`, `0b10001`, with `_` anywhere behind the first digit.
    Number,
    /// `6.1`, `2026.11`, `1.2.2`.
    Version,
    /// `"text"`.
    Text,
    /// `{`.
    LeftBrace,
    /// `}`.
    RightBrace,
    /// `(`.
    LeftParen,
    /// `)`.
    RightParen,
    /// `,`.
    Comma,
    /// `;`.
    Semicolon,
    /// `|`.
    Pipe,
    /// `&`.
    Ampersand,
    /// `+`.
    Plus,
    /// `-`.
    Minus,
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterEqual,
    /// `->`.
    Arrow,
    /// `..`.
    DotDot,
    /// Anything that begins no token.
    Unknown,
    /// The end of the text; in no tree.
    End,

    /// A whole file.
    File,
    /// `policy 1`.
    Policy,
    /// `arch x86_64 + x86 without socketcall, aarch64`.
    Arches,
    /// One architecture of the header, with what it does without.
    ArchItem,
    /// `machine x86_64 + x86, aarch64 + arm`.
    Machines,
    /// `foreign kill`.
    Foreign,
    /// `baseline linux 6.1 else ENOSYS`.
    Baseline,
    /// `x86_64 nr 462` or `linux 6.1` of a baseline.
    KnownItem,
    /// `default errno EPERM`.
    Default,
    /// `groups 2026.11`.
    Groups,
    /// `libc glibc >= 2.31, musl`.
    Libc,
    /// `load-flags SECCOMP_FILTER_FLAG_LOG`.
    Flags,
    /// `listener "/run/agent.sock" with "metadata"`.
    Listener,
    /// `include "base.gate"`.
    Include,
    /// `use @threads, @malloc`.
    Use,
    /// `on x86_64 { ... }`, `on cap CAP_BPF and kernel >= 5.8 { ... }`.
    On,
    /// `group NAME { ... }`.
    Group,
    /// `VERDICT SUBJECT [where CONDITION] [because "text"]`, with `always` before it or not.
    Statement,
    /// `test CALL(args) -> VERDICT`.
    Test,
    /// A line that is none of these.
    Wrong,
    /// `errno EPERM`.
    Verdict,
    /// What a statement is about: a name, `nr 512`, `@block`, `~family`, or a set of these.
    Subject,
    /// One call of a subject: `read` or `nr 512`.
    Call,
    /// `where CONDITION`.
    Where,
    /// `because "text"`.
    Because,
    /// `a or b`.
    Or,
    /// `a and b`.
    And,
    /// `not a`.
    Not,
    /// `(a)`.
    Paren,
    /// `flags has CLONE_NEWUSER`.
    Comparison,
    /// `flags`, `full(flags)`, `flags & 0xff`.
    Operand,
    /// `{1, 3..9}` behind `in`.
    Set,
    /// `3..9`.
    Range,
    /// `PROT_READ|PROT_WRITE`.
    Value,
    /// `-1`, `AF_UNIX`, `7`.
    Term,
    /// `(AF_NETLINK, _, _)` of a test.
    Arguments,
    /// `_`, `..` or a value in a test.
    Argument,
}

impl SyntaxKind {
    /// The kind with that number.
    pub(crate) fn from_raw(raw: u16) -> Option<Self> {
        KINDS.get(usize::from(raw)).copied()
    }

    /// Whether the kind is a token that no statement is made of.
    #[must_use]
    pub const fn is_trivia(self) -> bool {
        matches!(self, Self::Whitespace | Self::Newline | Self::Comment | Self::Provenance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_stands_at_its_number() {
        for (raw, kind) in (0u16..).zip(KINDS) {
            assert_eq!(*kind as u16, raw, "{kind:?}");
            assert_eq!(SyntaxKind::from_raw(raw), Some(*kind));
        }
        assert_eq!(SyntaxKind::from_raw(SyntaxKind::Argument as u16 + 1), None);
    }
}
