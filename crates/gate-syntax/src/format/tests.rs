//! Formatting, by example.

use super::*;

fn formatted(text: &str) -> String {
    let file = File::parse(text);
    assert_eq!(file.errors(), [], "{text}");
    let once = format(&file).unwrap();
    let again = File::parse(&once);
    assert_eq!(again.errors(), [], "{once}");
    assert_eq!(format(&again).unwrap(), once, "formatting twice changes nothing");
    once
}

#[test]
fn spaces_are_set() {
    for (text, expected) in [
        ("policy\t1", "policy 1\n"),
        (
            "arch x86_64+x86  without socketcall ,aarch64",
            "arch x86_64 + x86 without socketcall, aarch64\n",
        ),
        ("policy 1;arch x86_64 ;  default kill", "policy 1; arch x86_64; default kill\n"),
        ("libc glibc>=2.31,musl", "libc glibc >= 2.31, musl\n"),
        ("load-flags  A,B", "load-flags A, B\n"),
        ("listener   \"/a\"with\"b\"", "listener \"/a\" with \"b\"\n"),
        ("allow {read,nr 5 , @a}where x&3==-1", "allow { read, nr 5, @a } where x & 3 == -1\n"),
        ("allow a where b in { 1 , 3 .. 9 , A | B }", "allow a where b in {1, 3..9, A|B}\n"),
        (
            "allow a where not(full ( b )==1)or(c<2)",
            "allow a where not (full(b) == 1) or (c < 2)\n",
        ),
        ("test a ( _ , 1|2, .. )->errno 1", "test a(_, 1|2, ..) -> errno 1\n"),
        ("on x86 {allow a}", "on x86 { allow a }\n"),
        ("on x86{\nallow a}", "on x86 {\n    allow a\n}\n"),
        ("on x86\n{\nallow a\n}", "on x86 {\n    allow a\n}\n"),
        ("group a{}", "group a {\n}\n"),
        ("\n\n\nallow a\n\n\n\nallow b\n\n\n", "allow a\n\nallow b\n"),
        ("", ""),
    ] {
        assert_eq!(formatted(text), expected);
    }
}

#[test]
fn comments_stay_and_are_aligned() {
    let text = "# one\n\n# two\nallow a # x\nallow bcd #@ y\nallow e\n   # f\non x86 { # g\n# h\nallow i\n# j\n}# k\n";
    let expected = "# one\n\n# two\nallow a    # x\nallow bcd  #@ y\nallow e\n# f\non x86 {  # g\n    # h\n    allow i\n    # j\n}  # k\n";
    assert_eq!(formatted(text), expected);
}

#[test]
fn comments_within_a_set_keep_their_part() {
    let text = "allow { # files\n  read, write, # both\n  # more\n  close\n } where a == 1";
    let expected =
        "allow {\n    # files\n    read, write,  # both\n    # more\n    close\n} where a == 1\n";
    assert_eq!(formatted(text), expected);
}

#[test]
fn a_last_comma_keeps_one_part_a_line() {
    assert_eq!(formatted("allow { a, b, }"), "allow {\n    a,\n    b,\n}\n");
}

#[test]
fn long_statements_are_broken() {
    let names: Vec<String> = (0..40).map(|index| format!("name{index}")).collect();
    let set = formatted(&format!("allow {{ {} }} where a == 1", names.join(", ")));
    assert!(set.starts_with("allow {\n    name0, name1,"), "{set}");
    assert!(set.ends_with(" name39\n} where a == 1\n"), "{set}");
    let tests: Vec<String> = (0..12).map(|index| format!("argument == {index}000000")).collect();
    let condition = formatted(&format!("allow a where {}", tests.join(" or ")));
    assert!(
        condition.starts_with("allow a\n    where argument == 0000000\n    or "),
        "{condition}"
    );
    let flags: Vec<String> = (0..20).map(|index| format!("CONSTANT_{index}")).collect();
    let value = formatted(&format!("allow a where flags only {}", flags.join("|")));
    let uses: Vec<String> = (0..20).map(|index| format!("@block.{index}")).collect();
    let uses = formatted(&format!("use {}", uses.join(", ")));
    let values = formatted(&format!("allow a where flags in {{{}}}", flags.join(", ")));
    for text in [set, condition, value, uses, values] {
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
    }
}

#[test]
fn header_lines_share_a_line_where_they_fit() {
    let arches = ["x86_64"; 10].join(", ");
    let long = formatted(&format!("policy 1; arch {arches}; default kill"));
    assert_eq!(long, format!("policy 1; arch {arches}\ndefault kill\n"));
    let comment = formatted("policy 1; arch arm, # of phones\n aarch64; default kill # rest");
    assert_eq!(
        comment,
        "policy 1\narch arm,                  # of phones\n    aarch64; default kill  # rest\n"
    );
}

#[test]
fn a_text_with_errors_is_left_alone() {
    assert_eq!(format(&File::parse("alow a")), None);
}
