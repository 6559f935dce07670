//! Input that is wrong: each kind has a message that names the thing, and nothing is loaded or written.

use std::fs;

use crate::harness::{Folder, callgate, callgate_reading, command, deny, deny_list};

/// Compiles a profile and runs a command under it, both of which must fail in the same way.
#[track_caller]
fn refused(profile: &str, words: &[&str]) {
    let folder = Folder::new();
    let file = folder.file("p.json", profile);
    let mut words = words.to_vec();
    words.push("p.json");
    callgate(&["compile", &file]).fails(2, &words);
    callgate(&["run", "--profile", &file, "--", "echo", "ran"]).fails(2, &words);
}

fn with_rule(rule: &str) -> String {
    format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{rule}]}}"#)
}

fn with_arg(arg: &str) -> String {
    with_rule(&format!(r#"{{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{arg}]}}"#))
}

#[test]
fn malformed_json() {
    refused(r#"{"defaultAction": "#, &[":1:19", "the text ends"]);
    refused("{]", &[":1:2"]);
    refused("{} trailing", &[":1:4", "the text goes on"]);
    refused("[]", &[":1:"]);
}

#[test]
fn policies_that_are_no_text() {
    let folder = Folder::new();
    let nul: &[u8] = b"policy 1\ndefault allow\nerrno\0 EPERM mount\n";
    let bad = b"policy 1\ndefault allow\nerrno\xff EPERM mount\n";
    let nul_file = folder.file("nul.gate", nul);
    let bad_file = folder.file("bad.gate", bad);
    for command in ["show", "check", "compile", "lint", "fmt"] {
        callgate(&[command, &nul_file]).fails(2, &["E0329", "NUL byte", "nul.gate:3:6"]);
    }
    for command in ["show", "check", "compile", "lint"] {
        callgate(&[command, &bad_file]).fails(2, &["bad.gate:3:6: not UTF-8"]);
    }
    callgate(&["fmt", &bad_file]).fails(2, &["not UTF-8 text at line 3, column 6"]);
    // Without a name the first word tells.
    callgate_reading(&["show", "-"], nul).fails(2, &["NUL byte", "standard input:3:6"]);
    callgate_reading(&["show", "-"], bad).fails(2, &["standard input:3:6: not UTF-8"]);
}

#[test]
fn wrong_types() {
    refused(r#"{"defaultAction": 7}"#, &["defaultAction"]);
    refused(&with_rule(r#"{"names": "read", "action": "SCMP_ACT_ALLOW"}"#), &["syscalls[0].names"]);
    refused(&with_rule("7"), &["syscalls[0]"]);
    refused(r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {}}"#, &["syscalls"]);
}

#[test]
fn numbers_out_of_range() {
    refused(&with_arg(r#"{"index": -1, "value": 1, "op": "SCMP_CMP_EQ"}"#), &["args[0].index"]);
    let wide = r#"{"index": 0, "value": 18446744073709551616, "op": "SCMP_CMP_EQ"}"#;
    refused(&with_arg(wide), &["args[0].value"]);
    refused(&with_arg(r#"{"index": 0, "value": 1.5, "op": "SCMP_CMP_EQ"}"#), &["args[0].value"]);
    callgate(&["run", "--default", "errno:4096", "--", "echo"]).fails(2, &["4096"]);
    callgate(&["sim", "container", "--syscall", "4294967296"]).fails(2, &["4294967296"]);
    callgate(&["compile", "container", "--kernel", "999.1"]).fails(2, &["999.1"]);
}

#[test]
fn duplicate_keys() {
    refused(
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "defaultAction": "SCMP_ACT_KILL"}"#,
        &["defaultAction"],
    );
    let twice = r#"{"names": ["read"], "names": ["write"], "action": "SCMP_ACT_ALLOW"}"#;
    refused(&with_rule(twice), &["names"]);
}

#[test]
fn a_hundred_megabytes_of_nesting() {
    let nesting = vec![b'['; 100 << 20];
    callgate_reading(&["compile", "-"], &nesting).fails(2, &["standard input", "longer than"]);
    let deep = [r#"{"syscalls": "#.as_bytes(), &nesting[..1 << 20]].concat();
    callgate_reading(&["compile", "-"], &deep).fails(2, &["standard input"]);
}

#[test]
fn unknown_actions_and_operators() {
    refused(r#"{"defaultAction": "SCMP_ACT_ALOW"}"#, &["SCMP_ACT_ALOW", "SCMP_ACT_ALLOW"]);
    let arg = r#"{"index": 0, "value": 1, "op": "SCMP_CMP_EQUAL"}"#;
    refused(&with_arg(arg), &["SCMP_CMP_EQUAL", "op"]);
    callgate(&["run", "--default", "deny", "--", "echo"]).fails(2, &["deny", "errno:NAME"]);
}

#[test]
fn argument_index_six() {
    refused(&with_arg(r#"{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}"#), &["args[0].index", "6"]);
}

#[test]
fn errno_above_4095() {
    refused(&deny_list(&deny("mount", 4096)), &["errnoRet", "4096"]);
}

#[test]
fn empty_syscall_lists_are_read_with_a_warning() {
    let folder = Folder::new();
    let file = folder.file("p.json", with_rule(r#"{"names": [], "action": "SCMP_ACT_ALLOW"}"#));
    let run = callgate(&["compile", &file, "--format", "hex"]);
    run.succeeds();
    run.says(&["callgate: warning:", "syscalls[0].names", "names no syscall"]);
}

#[test]
fn unknown_names() {
    refused(&deny_list(&deny("mnount", 1)), &["mnount", "mount"]);
    let folder = Folder::new();
    let allow = with_rule(r#"{"names": ["raed", "write"], "action": "SCMP_ACT_ALLOW"}"#);
    let file = folder.file("p.json", allow);
    let run = callgate(&["compile", &file, "--format", "hex"]);
    run.succeeds();
    run.says(&["callgate: warning:", "raed", "did you mean read"]);
}

#[test]
fn readings_that_differ_are_warned_of_with_a_call() {
    let folder = Folder::new();
    let args = r#"{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}"#;
    let file = folder.file("p.json", with_arg(args));
    let [runc, all] = ["runc", "kernel"].map(|reading| {
        let run = callgate(&["compile", &file, "--as", reading, "--format", "hex"]);
        run.says(&["warning", "socket(0x1", reading]);
        run.succeeds().to_owned()
    });
    assert_ne!(runc, all);
    callgate(&["compile", &file, "--as", "some"]).fails(2, &["some", "runc", "podman"]);
}

/// Podman gives containers fewer capabilities than Docker, and the note says whose they are.
#[test]
fn podmans_reading_has_podmans_capabilities() {
    let folder = Folder::new();
    let rule =
        r#"{"names": ["mknod"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_MKNOD"]}}"#;
    let file = folder.file("p.json", with_rule(rule));
    let of = |how: &[&str], answer: &str, words: &[&str]| {
        let run = callgate(&[&["sim", &file, "--syscall", "mknod"], how].concat());
        assert!(run.succeeds().contains(answer), "{run:?}");
        callgate(&[&["lint", &file], how].concat()).says(words);
    };
    of(&[], "ALLOW", &["Docker gives containers", "--as podman"]);
    of(&["--as", "podman"], "ERRNO", &["Podman gives containers"]);
    of(&["--as", "podman", "--caps", "MKNOD"], "ALLOW", &[]);
}

#[test]
fn files_that_cannot_be_read() {
    let folder = Folder::new();
    let dir = folder.path().to_str().unwrap();
    let missing = folder.at("missing.json");
    for command in ["compile", "disasm", "check", "asm"] {
        callgate(&[command, &missing]).fails(2, &[&missing, "No such file"]);
        callgate(&[command, dir]).fails(2, &[dir, "directory"]);
        // Exists and can be opened, but not read at address 0, even by root.
        callgate(&[command, "/proc/self/mem"]).fails(2, &["/proc/self/mem", "cannot read"]);
    }
    callgate(&["prove", "container", &missing]).fails(2, &[&missing]);
    callgate(&["run", "--profile", &missing, "--", "echo", "ran"]).fails(2, &[&missing]);
}

#[test]
fn empty_input() {
    let folder = Folder::new();
    let empty = folder.file("empty", "");
    for command in ["compile", "disasm", "check", "asm"] {
        callgate(&[command, &empty]).fails(2, &[&empty, "empty"]);
    }
    callgate(&["compile", "-"]).fails(2, &["standard input", "empty"]);
}

#[test]
fn input_that_never_ends() {
    for command in ["compile", "disasm", "check", "asm"] {
        callgate(&[command, "/dev/zero"]).fails(2, &["/dev/zero", "longer than"]);
    }
}

#[test]
fn bytes_that_are_no_program() {
    let folder = Folder::new();
    let odd = folder.file("odd", [6, 0, 0, 0, 0, 0, 0xff, 0x7f, 6]);
    callgate(&["disasm", &odd]).fails(2, &[&odd, "9 bytes"]);
    let byte = |i: u32| i.wrapping_mul(2_654_435_761).to_be_bytes()[1];
    let random: Vec<u8> = (0..800).map(byte).collect();
    let random = folder.file("random", random);
    callgate(&["disasm", &random]).fails(2, &[&random, "instruction"]);
    let prose = folder.file("prose", "This is no assembler.\n");
    callgate(&["disasm", &prose]).fails(2, &[&prose, ":1:1:"]);
    callgate(&["asm", &prose]).fails(2, &[&prose, ":1:1:"]);
    let hex = folder.file("hex", "060000000000ff7");
    callgate(&["disasm", &hex]).fails(2, &[&hex, "hexadecimal"]);
    let latin = folder.file("latin", b"ret ALLOW ; \xe9");
    callgate(&["asm", &latin]).fails(2, &[&latin, "UTF-8"]);
    callgate(&["run", "--profile", &prose, "--", "echo", "ran"]).fails(2, &[&prose]);
}

#[test]
fn processes_that_are_none() {
    callgate(&["disasm", "--pid", "0"]).fails(2, &["0"]);
    callgate(&["disasm", "--pid", "x"]).fails(2, &["\"x\""]);
    callgate(&["disasm", "--pid", "2147483647"]).fails(2, &["2147483647"]);
    callgate(&["disasm", "pid:-1"]).fails(2, &["-1"]);
    callgate(&["disasm"]).fails(2, &["FILTER"]);
    callgate(&["disasm", "container", "--pid", "1"]).fails(2, &["--pid"]);
    callgate(&["compile", "pid:1"]).fails(2, &["pid:1"]);
    callgate(&["disasm", "builtin:nothing"]).fails(2, &["nothing", "container"]);
}

#[test]
fn standard_input_is_read_once() {
    callgate(&["prove", "-", "-"]).fails(2, &["standard input", "once"]);
}

#[test]
fn unknown_capabilities() {
    let run = callgate(&["compile", "container", "--caps", "SYS_ADMN"]);
    run.fails(2, &["SYS_ADMN", "CAP_SYS_ADMIN"]);
}

#[test]
fn closed_standard_input_is_no_crash() {
    let output = command(&["disasm", "-"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_is_made_of_a_file_is_never_written_over_it() {
    let folder = Folder::new();
    let text = "policy 1\narch x86_64\ndefault errno EPERM\nallow { read, exit_group }\n";
    let policy = folder.file("a.gate", text);
    let other = folder.file("b.gate", text);
    // The same file by another name, too.
    std::os::unix::fs::symlink(&policy, folder.at("link")).unwrap();
    for words in [
        vec!["compile"],
        vec!["compile", "--emit", "svg"],
        vec!["convert", "--to", "docker"],
        vec!["convert", "--to", "gate"],
        vec!["report"],
        vec!["optimize"],
    ] {
        for output in [&policy[..], &folder.at("link")] {
            let line = [&words[..1], &[&policy[..]], &words[1..], &["-o", output]].concat();
            callgate(&line).fails(2, &["would be lost", output]);
        }
    }
    for words in [["intersect"], ["union"]] {
        callgate(&[words[0], &other, &policy, "-o", &policy]).fails(2, &["would be lost"]);
    }
    assert_eq!(fs::read_to_string(&policy).unwrap(), text);
    callgate(&["compile", &policy, "-o", &folder.at("new.bpf")]).succeeds();
}
