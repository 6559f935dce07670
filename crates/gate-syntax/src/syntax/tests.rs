//! Trees and errors, by example.

use super::*;

/// The tree without spaces and line feeds, one node or token a line.
fn outline(text: &str) -> String {
    let file = File::parse(text);
    assert_eq!(file.root().text().to_string(), text, "the tree is lossless");
    let mut outline = String::new();
    let mut depth = 0;
    for event in file.root().preorder_with_tokens() {
        use rowan::{NodeOrToken::*, WalkEvent::*};
        match event {
            Enter(Node(node)) => {
                outline += &format!("{}{:?}\n", "  ".repeat(depth), node.kind());
                depth += 1;
            }
            Leave(Node(_)) => depth -= 1,
            Enter(Token(token)) if !token.text().trim().is_empty() => {
                outline += &format!("{}{}\n", "  ".repeat(depth), token.text());
            }
            _ => {}
        }
    }
    outline
}

fn codes(text: &str) -> Vec<&'static str> {
    let file = File::parse(text);
    assert_eq!(file.root().text().to_string(), text, "the tree is lossless");
    file.errors().iter().map(|error| error.code).collect()
}

#[test]
fn a_statement_has_its_parts() {
    let outline = outline(
        "allow { kill, nr 5, @a, ~b } where a&0x3 == -1 or not (b in {C|D, 3..9}) because \"x\"",
    );
    let expected = "File\n  Statement\n    Verdict\n      allow\n    Subject\n      {\n      Call\n        kill\n      ,\n      Call\n        nr\n        5\n      ,\n      Call\n        @a\n      ,\n      Call\n        ~b\n      }\n    Where\n      where\n      Or\n        Comparison\n          Operand\n            a\n            &\n            Value\n              Term\n                0x3\n          ==\n          Value\n            Term\n              -\n              1\n        or\n        Not\n          not\n          Paren\n            (\n            Comparison\n              Operand\n                b\n              in\n              Set\n                {\n                Value\n                  Term\n                    C\n                  |\n                  Term\n                    D\n                ,\n                Range\n                  Value\n                    Term\n                      3\n                  ..\n                  Value\n                    Term\n                      9\n                }\n            )\n    Because\n      because\n      \"x\"\n";
    assert_eq!(outline, expected);
}

#[test]
fn right_texts_have_no_errors() {
    for text in [
        "",
        "policy 1\r\narch x86_64 + x86 without socketcall, aarch64\nforeign kill # c\nbaseline linux 6.1 else ENOSYS\n",
        "baseline linux 6.1 else kill-thread\ndefault errno 1\ngroups 2026.11\nlibc glibc>=2.31, musl\n",
        "policy 1; arch x86_64, aarch64 ;default errno EPERM # c\nallow a",
        "include \"a b.gate\"\nuse @a.b, @c-d\nalways kill kill\n",
        "on x86_64 { allow arch_prctl where code in {ARCH_SET_FS, 0x3001} }\n",
        "on x86_64, x86 {\n  group a { allow { read,\n write } }\n  use @a\n}\n",
        "on x86_64\n{\n  allow a\n}\ngroup b # c\n  {\n}\nallow\n{ a, b }\n",
        "test socket(AF_NETLINK, _, _) -> errno EPERM\ntest { a, b } -> kill\ntest clone(A|B, ..) -> trap 3",
        "allow a\n    where b == 1\n    and c == 2\n    because \"d\"\nallow e",
        "allow a where b ==\n  1 and\n c == 2",
        "allow {\n  kill, # c\n  test, allow,\n}\nallow read",
        "allow log where full(a) & 1 == 0",
        "raw 0x7fff0001 nr 5\ntrap nr 5\ntrace 7 read\ntrap { read }",
    ] {
        assert_eq!(codes(text), [""; 0], "{text}");
    }
}

#[test]
fn a_wrong_line_spoils_no_other() {
    assert_eq!(codes("alow read\nallow read\ndeny x\n"), ["E0300", "E0300"]);
    assert_eq!(codes("allow { read, write\nallow open\nallow close where\n"), ["E0304", "E0312"]);
    assert_eq!(codes("on x86 {\nallow\nkill write\n"), ["E0310", "E0304"]);
    assert_eq!(codes("} allow read"), ["E0303"]);
    assert_eq!(codes("on x86 { allow a b }\nallow c d"), ["E0302", "E0302"]);
}

#[test]
fn a_refusal_with_its_number_is_reworded_without_another() {
    let edit = |text: &str| {
        let file = File::parse(text);
        file.errors()[0].help.iter().find_map(|(_, edit)| edit.clone())
    };
    assert_eq!(edit("deny EPERM mmap").as_deref(), Some("errno"));
    assert_eq!(edit("default block 13").as_deref(), Some("errno"));
    assert_eq!(edit("test mmap -> reject EACCES").as_deref(), Some("errno"));
    assert_eq!(edit("deny mmap").as_deref(), Some("errno EPERM"));
    assert_eq!(edit("deny\nallow read").as_deref(), Some("errno EPERM"));
}

#[test]
fn a_nul_byte_is_the_one_error_of_its_file() {
    let file = File::parse("alow read\nallow re\0ad\0\n");
    let errors: Vec<_> =
        file.errors().iter().map(|error| (error.code, usize::from(error.range.start()))).collect();
    assert_eq!(errors, [("E0329", 18)]);
    assert_eq!(codes("allow read # \0"), ["E0329"]);
}

#[test]
fn each_fault_has_its_code() {
    for (text, code) in [
        ("5", "E0300"),
        ("policy", "E0301"),
        ("allow read write", "E0302"),
        ("allow read;", "E0302"),
        ("policy 1;", "E0302"),
        ("policy 1; allow read", "E0302"),
        ("policy 1; default", "E0308"),
        ("}", "E0303"),
        ("allow { read", "E0304"),
        ("allow a where (b == 1", "E0304"),
        ("test a(1", "E0304"),
        ("allow { read write }", "E0305"),
        ("include \"a", "E0306"),
        ("always read", "E0308"),
        ("errno { read }", "E0309"),
        ("allow 5", "E0310"),
        ("allow a where b = 1", "E0311"),
        ("allow a where 1 == b", "E0312"),
        ("allow a where b == == 1", "E0313"),
    ] {
        assert_eq!(codes(text), [code], "{text}");
    }
}

#[test]
fn header_lines_with_a_semicolon_between_are_parts_of_their_own() {
    let file = File::parse("policy 1; arch arm; default kill\n");
    let kinds: Vec<_> = file.root().children().map(|node| node.kind()).collect();
    assert_eq!(kinds, [SyntaxKind::Policy, SyntaxKind::Arches, SyntaxKind::Default]);
    let edit = |text: &str| File::parse(text).errors()[0].help[0].1.clone();
    assert_eq!(edit("default kill; # c\n").as_deref(), Some(""));
    assert_eq!(edit("on arm { allow read; }").as_deref(), Some(""));
    assert_eq!(edit("allow read; allow write"), None);
}

#[test]
fn nesting_has_limits() {
    let nested = |depth| format!("allow a where {}b == 1{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(codes(&nested(condition::DEPTH_MAX - 1)), [""; 0]);
    assert_eq!(codes(&nested(condition::DEPTH_MAX)), [""; 0]);
    assert_eq!(codes(&nested(condition::DEPTH_MAX + 1)), ["E0307"]);
    assert_eq!(codes(&nested(100_000)), ["E0307"]);
    let not = |depth| format!("allow a where {}b == 1", "not ".repeat(depth));
    assert_eq!(codes(&not(condition::DEPTH_MAX)), [""; 0]);
    assert_eq!(codes(&not(condition::DEPTH_MAX + 1)), ["E0307"]);
    let blocks = |depth| "on x86 {\n".repeat(depth) + &"}\n".repeat(depth);
    assert_eq!(codes(&blocks(grammar::BLOCKS_MAX)), [""; 0]);
    assert!(codes(&blocks(grammar::BLOCKS_MAX + 1)).contains(&"E0307"));
    assert!(codes(&"on x86 {\n".repeat(100_000)).contains(&"E0307"));
}

#[test]
fn quotes_are_taken_off() {
    assert_eq!(unquoted(r#""a \"b\" \\""#).as_deref(), Some(r#"a "b" \"#));
    for open in ["\"", "\"a", "\"a\\\"", "a"] {
        assert_eq!(unquoted(open), None, "{open}");
    }
}
