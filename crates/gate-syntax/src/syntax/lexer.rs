//! Text to tokens. Every byte of the text is in exactly one token.

use super::SyntaxKind::{self, *};

/// A token: its kind and its text.
pub(crate) type Token<'a> = (SyntaxKind, &'a str);

/// The tokens of a text, in order.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    // Most tokens of a policy are longer than three bytes with the space behind them.
    let mut tokens = Vec::with_capacity(text.len() / 3 + 1);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (kind, len) = token(rest, first);
        let (token, behind) = rest.split_at(len);
        tokens.push((kind, token));
        rest = behind;
    }
    tokens
}

/// The kind and length of the token that a text, which is not empty, begins with.
fn token(text: &str, first: char) -> (SyntaxKind, usize) {
    match first {
        ' ' | '\t' => (Whitespace, prefix(text, |b| matches!(b, b' ' | b'\t'))),
        '\n' => (Newline, 1),
        '\r' if text.starts_with("\r\n") => (Newline, 2),
        '#' => {
            let line = text.find('\n').unwrap_or(text.len());
            let line = text[..line].trim_end_matches('\r').len();
            (if text.starts_with("#@") { Provenance } else { Comment }, line)
        }
        '"' => string(text),
        '0'..='9' => number(text),
        'a'..='z' | 'A'..='Z' | '_' => (Word, word(text)),
        '@' | '~' => name(text, first),
        _ => symbol(text, first),
    }
}

fn prefix(text: &str, belongs: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| belongs(*byte)).count()
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The length of a word. A hyphen between letters belongs to it (`kill-thread`), a minus sign does
/// not.
fn word(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut len = prefix(text, is_word);
    while bytes.get(len) == Some(&b'-') && bytes.get(len + 1).is_some_and(u8::is_ascii_alphabetic) {
        len += 1 + prefix(&text[len + 1..], is_word);
    }
    len
}

/// A number or a version. `3..9` is a range of numbers, `6.1` a version.
fn number(text: &str) -> (SyntaxKind, usize) {
    let bytes = text.as_bytes();
    let mut len = prefix(text, is_word);
    let mut kind = Number;
    while bytes.get(len) == Some(&b'.') && bytes.get(len + 1).is_some_and(u8::is_ascii_digit) {
        len += 1 + prefix(&text[len + 1..], is_word);
        kind = Version;
    }
    (kind, len)
}

/// `@name` or `~name`.
fn name(text: &str, first: char) -> (SyntaxKind, usize) {
    let belongs = |byte| is_word(byte) || matches!(byte, b'.' | b'-');
    let len = 1 + prefix(&text[1..], belongs);
    match (first, len) {
        (_, 1) => (Unknown, 1),
        ('@', _) => (Block, len),
        _ => (Family, len),
    }
}

/// A text in quotes, which ends at the end of its line if the closing quote is missing.
fn string(text: &str) -> (SyntaxKind, usize) {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'\n' => return (Text, text[..index].trim_end_matches('\r').len()),
            b'"' if !escaped => return (Text, index + 1),
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    (Text, text.len())
}

fn symbol(text: &str, first: char) -> (SyntaxKind, usize) {
    // What C writes `&&` and `||` is one word here, so that one word can replace it.
    const DOUBLE: [(&str, SyntaxKind); 8] = [
        ("&&", Unknown),
        ("||", Unknown),
        ("==", Equal),
        ("!=", NotEqual),
        ("<=", LessEqual),
        (">=", GreaterEqual),
        ("->", Arrow),
        ("..", DotDot),
    ];
    if let Some((_, kind)) = DOUBLE.iter().find(|(symbol, _)| text.starts_with(symbol)) {
        return (*kind, 2);
    }
    let kind = match first {
        '{' => LeftBrace,
        '}' => RightBrace,
        '(' => LeftParen,
        ')' => RightParen,
        ',' => Comma,
        ';' => Semicolon,
        '|' => Pipe,
        '&' => Ampersand,
        '+' => Plus,
        '-' => Minus,
        '<' => Less,
        '>' => Greater,
        _ => Unknown,
    };
    (kind, first.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<SyntaxKind> {
        tokens(text).into_iter().map(|(kind, _)| kind).collect()
    }

    #[test]
    fn every_byte_is_in_one_token() {
        for text in ["", "a", "é#\u{1f600}\r\n\r", "\"a\\\"b\nc", "a-1--b->..3...4", "@ ~ @a.b-c~x"]
        {
            let joined: String = tokens(text).into_iter().map(|(_, text)| text).collect();
            assert_eq!(joined, text);
        }
    }

    #[test]
    fn hyphens_join_letters_and_points_join_digits() {
        assert_eq!(kinds("kill-thread"), [Word]);
        assert_eq!(kinds("a-1"), [Word, Minus, Number]);
        assert_eq!(kinds("a->b"), [Word, Arrow, Word]);
        assert_eq!(kinds("3..9"), [Number, DotDot, Number]);
        assert_eq!(kinds("6.1"), [Version]);
        assert_eq!(kinds("1.2.2"), [Version]);
        assert_eq!(kinds("0x1_0000"), [Number]);
        assert_eq!(kinds("@sockets.netlink-route"), [Block]);
        assert_eq!(kinds("~stat"), [Family]);
    }

    #[test]
    fn comments_and_texts_end_with_their_line() {
        assert_eq!(kinds("# a\r\n#@ b\n"), [Comment, Newline, Provenance, Newline]);
        assert_eq!(kinds("\"a\\\"\"b"), [Text, Word]);
        assert_eq!(kinds("\"a\\\\\"b"), [Text, Word]);
        assert_eq!(kinds("\"open\nb"), [Text, Newline, Word]);
    }
}
