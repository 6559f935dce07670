//! What is read is what serde_json reads, and comments and last commas beside it.

use super::*;

/// What serde_json makes of a text.
fn reference(text: &str) -> Option<serde_json::Value> {
    serde_json::from_str(text).ok()
}

fn is_out_of_range(text: &str) -> bool {
    let read = serde_json::from_str::<serde_json::Value>(text);
    read.is_err_and(|error| error.to_string().contains("number out of range"))
}

/// The scanned values in the form of serde_json's.
fn value(text: &str, entries: &[Entry], position: usize) -> serde_json::Value {
    let entry = entries[position];
    let inside = position + 1..entry.next as usize;
    let raw = &text[entry.start as usize..entry.end as usize];
    let string = |entry: Entry| {
        let inner = &text[entry.start as usize + 1..entry.end as usize - 1];
        if entry.kind == Kind::Plain { inner.to_owned() } else { unescape(inner) }
    };
    match entry.kind {
        Kind::Null => serde_json::Value::Null,
        Kind::True => true.into(),
        Kind::False => false.into(),
        Kind::Number => serde_json::from_str(raw).unwrap(),
        Kind::Plain | Kind::Escaped => string(entry).into(),
        Kind::Array => {
            let mut list = Vec::new();
            let mut at = inside.start;
            while at < inside.end {
                list.push(value(text, entries, at));
                at = entries[at].next as usize;
            }
            list.into()
        }
        Kind::Object => {
            let mut map = serde_json::Map::new();
            let mut at = inside.start;
            while at < inside.end {
                map.insert(string(entries[at]), value(text, entries, at + 1));
                at = entries[at + 1].next as usize;
            }
            map.into()
        }
    }
}

/// Pieces of JSON, and some that are almost such.
const PIECES: [&str; 48] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\"",
    "\"b\\n\"",
    "\"\\ud83e\\udd80\"",
    "\"\\ud83e\"",
    "\"\\uD83E\\u0041\"",
    "\"\\u00e9\\/\\\\\\\"\\b\\f\\r\\t\"",
    "\"é\u{1f980}\"",
    "\"\\x\"",
    "\"\\u+123\"",
    "\"",
    "\\",
    "\t",
    "\n",
    "\r",
    " ",
    "\u{a0}",
    "\u{1}",
    "\"\u{1}\"",
    "0",
    "-0",
    "01",
    "-",
    "7",
    "1.5",
    "1.",
    ".5",
    "1e3",
    "1E+3",
    "1e-3",
    "1e",
    "1e+",
    "-1.25e2",
    "18446744073709551615",
    "18446744073709551616",
    "null",
    "true",
    "false",
    "nul",
    "truex",
    "NaN",
    "+1",
    "'a'",
];

/// The pieces that are values.
const VALUES: [&str; 14] = [
    "\"a\"",
    "\"b\\n\"",
    "\"\\ud83e\\udd80\"",
    "\"é\u{1f980}\"",
    "0",
    "-0",
    "7",
    "1.5",
    "1E+3",
    "-1.25e2",
    "18446744073709551616",
    "null",
    "true",
    "false",
];

/// The pieces of a value.
fn random_value(random: &mut impl FnMut(usize) -> usize, depth: usize, pieces: &mut Vec<&str>) {
    let count = random(4);
    match random(if depth < 4 { 4 } else { 2 }) {
        2 => {
            pieces.push("[");
            for index in 0..count {
                pieces.extend((index > 0).then_some(","));
                random_value(random, depth + 1, pieces);
            }
            pieces.push("]");
        }
        3 => {
            pieces.push("{");
            for index in 0..count {
                pieces.extend((index > 0).then_some(","));
                pieces.extend(["\"k\"", "\"a\"", "\"\\u006b\""].get(random(3)));
                pieces.push(":");
                random_value(random, depth + 1, pieces);
            }
            pieces.push("}");
        }
        _ => pieces.push(VALUES[random(VALUES.len())]),
    }
}

/// JSON, in half of the cases with a few pieces more, less or other.
fn random_text(random: &mut impl FnMut(usize) -> usize) -> String {
    let mut pieces = Vec::new();
    random_value(random, 0, &mut pieces);
    for _ in 0..random(6).saturating_sub(2) {
        let (at, piece) = (random(pieces.len() + 1), PIECES[random(PIECES.len())]);
        match random(4) {
            0 if at < pieces.len() => drop(pieces.remove(at)),
            1 if at < pieces.len() => pieces[at] = piece,
            2 => pieces.insert(at, ","),
            _ => pieces.insert(at, piece),
        }
    }
    pieces.concat()
}

#[test]
fn agrees_with_serde_json_on_random_texts() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    let (mut accepted, mut forgiven) = (0, 0);
    for _ in 0..200_000 {
        let text = random_text(&mut random);
        match (scan(&text), reference(&text)) {
            (Ok(entries), Some(expected)) => {
                assert_eq!(value(&text, &entries, 0), expected, "{text:?}");
                accepted += 1;
            }
            (Err(error), None) => {
                assert!(text.get(error.span.clone()).is_some(), "{error:?} in {text:?}");
            }
            // What numbers stand for is not looked at before somebody asks.
            (Ok(_), None) if is_out_of_range(&text) => {}
            // A comma behind the last element.
            (Ok(_), None) => {
                let repaired =
                    text.replace(char::is_whitespace, "").replace(",]", "]").replace(",}", "}");
                assert!(reference(&repaired).is_some(), "{text:?}");
                forgiven += 1;
            }
            (Err(error), Some(_)) => panic!("{text:?}: {error:?}"),
        }
    }
    assert!(accepted > 100_000 && forgiven > 500, "{accepted} {forgiven}");
}

#[test]
fn comments_are_blanks() {
    let text = "// one\n{/*a*/\"k\"/* : */:// two\n[1,/**/2,],/*/ */}//";
    let entries = scan(text).unwrap();
    assert_eq!(value(text, &entries, 0), reference("{\"k\": [1, 2]}").unwrap());
    let quoted = "\"// no /* comment */\"";
    assert_eq!(value(quoted, &scan(quoted).unwrap(), 0), reference(quoted).unwrap());
    for (text, at) in [("/", 0..1), ("1 /", 2..3), ("/* 1", 0..2), ("/*/", 0..2), ("1 # x", 2..3)] {
        assert_eq!(scan(text).unwrap_err().span, at, "{text}");
    }
}

#[test]
fn nesting_is_limited() {
    for (depth, is_ok) in [(DEPTH_MAX - 1, true), (DEPTH_MAX, true), (DEPTH_MAX + 1, false)] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(scan(&text).is_ok(), is_ok, "{depth}");
        assert_eq!(
            scan(&"{\"a\":".repeat(depth)).unwrap_err().span.start,
            match is_ok {
                true => 5 * depth,
                false => 5 * DEPTH_MAX,
            }
        );
    }
}

#[test]
fn errors_point_at_what_is_wrong() {
    for (text, span, reason) in [
        ("", 0..0, "the text ends where a value is expected"),
        ("{\"a\"", 0..1, "the text ends within this object: `}` is missing"),
        ("[1, [2", 4..5, "the text ends within this array: `]` is missing"),
        ("{\"a\" 1}", 5..6, "expected `:` between a key and its value"),
        ("{a: 1}", 1..2, "expected a key in double quotes, or `}`"),
        ("{\"a\": nope}", 6..10, "expected a value; words such as `nope` need double quotes"),
        ("[1 2]", 3..4, "expected `,` or `]`"),
        ("{\"a\": 1 \"b\"}", 8..9, "expected `,` or `}`"),
        ("[,]", 1..2, "expected a value"),
        ("[é]", 1..3, "expected a value"),
        ("{} x", 3..4, "the text goes on behind its value"),
        ("\"abc", 0..1, "this text has no end: `\"` is missing"),
        ("\"a\nb\"", 2..3, "control characters in texts are written as `\\n` or `\\u0000`"),
        ("\"\\x\"", 1..3, "there is no such escape in JSON"),
        (
            "\"\\u1é\u{1f980}\"",
            1..10,
            "`\\u` needs four hexadecimal digits, and a surrogate its other half",
        ),
        ("0x10", 0..4, "`0x10` is not a number of JSON"),
        ("-1.", 0..3, "`-1.` is not a number of JSON"),
    ] {
        assert_eq!(scan(text), Err(SyntaxError { span, reason: reason.to_owned() }), "{text}");
    }
}
