//! What is wrong with a text, and where; and programs that the kernel would refuse.

use callgate_bpf::Style;
use callgate_dumps::{Form, Options, marked, read, recognise};

#[track_caller]
fn said(text: &str, expected: &[&str]) {
    let error = read(text.as_bytes(), &Options::default()).expect_err("refused").to_string();
    for part in expected {
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    }
}

#[test]
fn each_mistake_has_its_place() {
    said("", &["empty"]);
    said(
        "struct sock_filter f[] = {\n { 0x06, 0, 0, NOTHING },\n};",
        &["2:16: `NOTHING`", "C array"],
    );
    said("struct sock_filter f[] = {\n { 0x06, 256, 0, 0 },\n};", &["2:10: 256", "8 bits"]);
    said("struct sock_filter f[] = {\n BPF_STMT(BPF_RET, 0),\n", &["3:1", "expected"]);
    said("A = arch\nif (A == 1) goto nowhere\nreturn ALLOW", &["2:18: label `nowhere`"]);
    said("A = arch\nA == read_all ? a : b\nreturn ALLOW", &["2:6: `read_all`"]);
    said("l: A = arch\nl: return ALLOW", &["2:1: label `l`", "second time"]);
    said("ret #1\nret what", &["2:5: unknown constant"]);
    said("ld [0] /* no end", &["1:8", "*/"]);
    said("2\n32 0 0 4\n", &["expected line 2"]);
    said(" 0000: 0x20 0x00 0x00 0x00000004\n 0002: 0x06 0x00 0x00 0x00000000\n", &["2:2", "0002"]);
    said("00000000: 0600 0000 0000 ff7f\n00000010: 0600 0000 0000 ff7f\n", &["2:1", "0x8", "0x10"]);
    said("\\x06\\x00\\x00\\x00\\x00\\x00\\xff", &["7 bytes", "1 are missing"]);
    said("0x06, 0x00, 0x00, 0x1ff,", &["1:1", "more than one width"]);
}

#[test]
fn rows_of_four_numbers_stay_rows() {
    // The last row is cut off; a jump goes too far; words of 16 bits, turned round, would be a
    // program.
    said("32 0 0 4\n21 0 1 41\n6 0 0", &["3:1", "four numbers"]);
    for text in ["32 0 0 4\n21 0 1 41\n6 0 0 0", "32,0,0,4, 21,9,1,41, 6,0,0,0"] {
        let dump = read(text.as_bytes(), &Options::default()).expect("rows");
        let codes: Vec<u16> = dump.instructions.iter().map(|i| i.code).collect();
        assert_eq!((codes, dump.checked.is_err()), (vec![32, 21, 6], true), "{text}");
    }
    let dump = read(b"32 0 0 4\n21 0 1 41\n6 0 0 0\n6 0 0 2147418112", &Options::default());
    assert_eq!(dump.map(|dump| dump.instructions.len()), Ok(4));
}

#[test]
fn strace_without_the_list_says_what_to_do() {
    let call = "seccomp(SECCOMP_SET_MODE_FILTER, 0, {len=1, filter=";
    said(&format!("{call}0x7ffd}}) = 0"), &["1:52", "run it with -v"]);
    said(&format!("{call}[BPF_STMT(BPF_RET, 0), ...]}}) = 0"), &["run it with -v"]);
    let one = format!("{call}[BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW)]}}) = 0\n");
    let two = format!("{one}{one}");
    said(&two, &["2 programs", "1 or 2"]);
    let options = Options { name: Some("2"), ..Options::default() };
    assert!(read(two.as_bytes(), &options).expect("the second").checked.is_ok());
    let options = Options { name: Some("3"), ..Options::default() };
    let error = read(two.as_bytes(), &options).expect_err("no third").to_string();
    assert!(error.contains("there is 1 or 2"), "{error}");
}

#[test]
fn one_of_several_arrays_is_chosen_by_its_name() {
    let text =
        "struct sock_filter a[] = { {6, 0, 0, 0} };\nstruct sock_filter b[] = { {6, 0, 0, 1} };";
    said(text, &["2 programs", "a or b"]);
    let options = Options { name: Some("b"), ..Options::default() };
    assert_eq!(read(text.as_bytes(), &options).expect("b").instructions[0].k, 1);
    let options = Options { name: Some("c"), ..Options::default() };
    assert!(read(text.as_bytes(), &options).is_err());
    let options = Options { name: Some("c"), ..Options::default() };
    assert!(read(b"ret ALLOW", &options).is_err(), "assembler has no names");
    // An array that can't be read is not passed over in silence.
    let text =
        "struct sock_filter a[] = { {6, 0, 0, X} };\nstruct sock_filter b[] = { {6, 0, 0, 1} };";
    said(text, &["2 programs"]);
}

#[test]
fn macros_that_say_several_things_are_refused() {
    let text = "#ifdef A\n#define N 1\n#else\n#define N 2\n#endif\n\
                struct sock_filter f[] = { BPF_STMT(BPF_RET, N) };";
    said(text, &["6:46: macro `N`", "several ways"]);
    let text = "#define N N2\n#define N2 N\nstruct sock_filter f[] = { BPF_STMT(BPF_RET, N) };";
    said(text, &["never ends"]);
    let text = "#define N(a) a\nstruct sock_filter f[] = { BPF_STMT(BPF_RET, N) };";
    said(text, &["macro `N`"]);
}

#[test]
fn what_the_kernel_refuses_is_shown_with_the_line_marked() {
    let text = "{ 0x20, 0, 0, 0 },\n{ 0x15, 5, 1, 59 },\n{ 0x28, 0, 0, 0 },\n{ 0x06, 0, 0, 0 },\n";
    let dump = read(text.as_bytes(), &Options::default()).expect("instructions");
    let refused = dump.checked.as_ref().expect_err("a jump outside");
    assert_eq!(refused.reason.index(), Some(1));
    assert_eq!(refused.place.map(|place| place.to_string()).as_deref(), Some("2:3"));
    let shown = marked(&dump, Style::default());
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].starts_with("> ") && lines[2].contains("instruction 1"), "{shown}");
    assert!(lines[3].contains("??? ") && lines[3].contains("0x0028"), "{shown}");
    assert_eq!(lines.iter().filter(|line| line.starts_with('>')).count(), 2);
}

#[test]
fn ambiguous_text_is_not_guessed() {
    // Both as hexadecimal digits and as base64 this is a program.
    let hex = "0600000000000000".repeat(3);
    let dump = read(hex.as_bytes(), &Options::default()).expect("hex");
    assert_eq!(dump.form, Form::Hex);
    let forced = Options { form: Some(Form::Base64), ..Options::default() };
    assert!(read(hex.as_bytes(), &forced).is_err());
}

#[test]
fn other_texts_are_not_taken_for_programs() {
    for text in ["[Service]\nExecStart=/bin/true\n", "policy x\n", "hello, world", "{}", "a: b\n"] {
        assert!(!matches!(recognise(text.as_bytes()), Some(Form::Assembler)), "{text}");
    }
    assert_eq!(recognise(b"ld [0]\nret ALLOW"), Some(Form::Assembler));
    assert_eq!(recognise(b"; first\nL0: LD [0]\n"), Some(Form::Assembler));
}
