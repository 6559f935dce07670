//! `callgate compile`, and files as they are written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::harness::{Folder, callgate, command, skip};

#[test]
fn the_program_is_whole_instructions_and_always_the_same() {
    let first = callgate(&["compile", "container"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert!(first.stdout.len() > 100 && first.stdout.len() % 8 == 0, "{}", first.stdout.len());
    assert_eq!(first.stdout, callgate(&["compile", "builtin:container"]).stdout);
}

#[test]
fn every_form_is_the_same_program() {
    let folder = Folder::new();
    let raw = callgate(&["compile", "container"]).stdout;
    for form in ["hex", "asm"] {
        let text = callgate(&["compile", "container", "--format", form]);
        let file = folder.file(form, text.succeeds());
        let proved = callgate(&["prove", "container", &file]);
        assert!(proved.succeeds().starts_with("equal"), "{form}: {proved:?}");
    }
    let hex = callgate(&["compile", "container", "--format", "hex"]);
    assert_eq!(hex.succeeds().lines().count(), raw.len() / 8);
    let c = callgate(&["compile", "container", "--format", "c"]);
    assert!(c.succeeds().contains("struct sock_filter filter["));
    let json = callgate(&["compile", "container", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(json.succeeds()).unwrap();
    assert_eq!(json["instructions"].as_array().unwrap().len(), raw.len() / 8);
    assert_eq!(json["instructions"][0]["text"], "ld   [arch]");
}

#[test]
fn the_c_array_is_c() {
    let folder = Folder::new();
    let array = callgate(&["compile", "container", "--format", "c"]);
    let main = "int main(void) { return filter[0].code == 0x20 ? 0 : 1; }\n";
    let source = folder.file("f.c", format!("{}{main}", array.succeeds()));
    let program = folder.at("f");
    let flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-std=c99"];
    match Command::new("cc").args(flags).args(["-o", &program, &source]).status() {
        Err(error) => skip(&format!("no C compiler: {error}")),
        Ok(status) => {
            assert!(status.success());
            assert!(Command::new(program).status().unwrap().success());
        }
    }
}

#[test]
fn architectures_are_chosen() {
    let little = callgate(&["compile", "container", "--arch", "aarch64", "--format", "asm"]);
    assert!(little.succeeds().contains("AUDIT_ARCH_AARCH64"));
    assert!(!little.text().contains("AUDIT_ARCH_X86_64"));
    let big = callgate(&["compile", "container", "--arch", "s390x"]);
    assert_eq!(big.code, Some(0));
    assert_eq!(big.stdout[..8], [0, 0x20, 0, 0, 0, 0, 0, 4], "the byte order of the target");
    callgate(&["compile", "container", "--arch", "s390x", "--arch", "x86_64"])
        .fails(2, &["byte order", "--arch"]);
    let folder = Folder::new();
    let mixed = "policy 1\narch x86_64, s390x\ndefault errno EPERM\nallow read\n";
    let mixed = folder.file("mixed.gate", mixed);
    callgate(&["compile", &mixed]).fails(2, &["x86_64 and s390x differ in byte order", "--arch"]);
    assert_eq!(callgate(&["compile", &mixed, "--arch", "s390x"]).code, Some(0));
    callgate(&["compile", &mixed, "--format", "asm"]).succeeds();
    callgate(&["compile", "container", "--arch", "vax"]).fails(2, &["vax", "x86_64"]);
}

/// Masks whose diagrams outgrow every budget: what `run` loads, `compile` writes.
#[test]
fn what_is_loaded_is_compiled() {
    let folder = Folder::new();
    let rule = |bit: u32| {
        let mask = 1_u64 << bit;
        let both = format!("full(arg2) has {mask:#x} and full(arg3) has {mask:#x}");
        format!("errno {} prctl where {both}\n", 1 + bit % 3)
    };
    let rules: String = (0..28).map(rule).collect();
    let policy = folder.file("p.gate", format!("policy 1\narch x86_64\ndefault allow\n{rules}"));
    let program = folder.at("p.bpf");
    callgate(&["compile", &policy, "-o", &program]).succeeds();
    assert!(fs::metadata(program).unwrap().len() > 28 * 8);
}

#[test]
fn figures_go_to_standard_error() {
    let run = callgate(&["compile", "container", "--stats", "--format", "hex"]);
    assert!(run.succeeds().chars().all(|c| c.is_ascii_hexdigit() || c == '\n'));
    run.says(&[
        "instructions  ",
        "executed      mean ",
        "cacheable     ",
        "compiled in",
        "proved in",
    ]);
}

#[test]
fn files_are_replaced_whole() {
    let folder = Folder::new();
    let file = folder.file("f.bpf", "old");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let run = callgate(&["compile", "container", "-o", &file]);
    assert_eq!(run.succeeds(), "");
    assert_eq!(fs::read(&file).unwrap(), callgate(&["compile", "container"]).stdout);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(folder.names(), ["f.bpf"], "no temporary file is left");
}

#[test]
fn a_failure_leaves_the_old_file() {
    let folder = Folder::new();
    let file = folder.file("f.bpf", "old");
    callgate(&["compile", "/no/such.json", "-o", &file]).fails(2, &["/no/such.json"]);
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(folder.names(), ["f.bpf"]);
}

#[test]
fn links_and_devices_stay_what_they_are() {
    let folder = Folder::new();
    let (target, link) = (folder.file("target", "old"), folder.at("link"));
    std::os::unix::fs::symlink(&target, &link).unwrap();
    callgate(&["compile", "container", "-o", &link]).succeeds();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_ne!(fs::read(&target).unwrap(), b"old");
    callgate(&["compile", "container", "-o", "/dev/null"]).succeeds();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn paths_that_cannot_be_written_are_named() {
    let folder = Folder::new();
    let dir = folder.path().to_str().unwrap();
    let inside = folder.at("missing/f.bpf");
    callgate(&["compile", "container", "-o", &inside]).fails(2, &[&inside, "No such file"]);
    callgate(&["compile", "container", "-o", dir]).fails(2, &[dir, "directory"]);
    let under_a_file = folder.file("plain", "") + "/f.bpf";
    callgate(&["compile", "container", "-o", &under_a_file]).fails(2, &[&under_a_file]);
}

#[test]
fn a_full_disk_is_an_error() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(&["compile", "container"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("callgate: cannot write standard output: "), "{stderr}");
}

#[test]
fn bubblewrap_takes_the_program() {
    let folder = Folder::new();
    let file = folder.at("f.bpf");
    callgate(&["compile", "container", "-o", &file]).succeeds();
    let bwrap = "bwrap --ro-bind / / --proc /proc --dev /dev";
    let sh = |script: &str| Command::new("sh").args(["-c", script]).output().unwrap();
    let plain = sh(&format!("{bwrap} true"));
    if !plain.status.success() {
        skip(&format!("bwrap does not work here: {}", String::from_utf8_lossy(&plain.stderr)));
        return;
    }
    let inside = "grep Seccomp: /proc/self/status; unshare -U true";
    let output = sh(&format!("{bwrap} --seccomp 3 sh -c '{inside}' 3< {file}"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stdout.contains("Seccomp:\t2"), "{stdout}{stderr}");
    assert!(stderr.contains("Operation not permitted"), "{stderr}");
}
