//! `callgate syscalls` and `callgate profiles`.

use crate::harness::{Folder, callgate};

#[test]
fn names_and_numbers_find_each_other() {
    let by_name = callgate(&["syscalls", "openat2", "--arch", "x86_64", "--format", "tsv"]);
    let by_number = callgate(&["syscalls", "437", "--arch", "x86_64", "--format", "tsv"]);
    assert_eq!(by_name.succeeds(), by_number.succeeds());
    let row: Vec<&str> = by_name.text().lines().nth(1).unwrap().split('\t').collect();
    assert_eq!(row[..4], ["x86_64", "437", "openat2", "5.6"]);
    let hexadecimal = callgate(&["syscalls", "0x400001b5", "--arch", "x32"]);
    assert!(hexadecimal.succeeds().contains("openat2"));
}

#[test]
fn arguments_have_types() {
    let run = callgate(&["syscalls", "socket", "--arch", "x86_64"]);
    assert!(run.succeeds().contains("int family, int type, int protocol"), "{run:?}");
    let json = callgate(&["syscalls", "socket", "--arch", "x86_64", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(json.succeeds()).unwrap();
    assert_eq!(json[0]["number"], 41);
    assert_eq!(json[0]["arguments"][0]["name"], "family");
    assert_eq!(json[0]["arguments"][0]["bits"], 32);
}

#[test]
fn all_architectures_are_shown_on_request() {
    let run = callgate(&["syscalls", "read", "--all-arches"]);
    assert_eq!(run.succeeds().lines().count(), 23);
    let run = callgate(&["syscalls", "--all-arches", "--format", "tsv"]);
    assert!(run.succeeds().lines().count() > 23 * 300);
}

#[test]
fn only_newer_ones_are_shown_on_request() {
    let all = callgate(&["syscalls", "--arch", "riscv64"]);
    let new = callgate(&["syscalls", "--arch", "riscv64", "--since", "6.6"]);
    assert!(new.succeeds().contains("cachestat") || new.text().contains("fchmodat2"));
    assert!(!new.text().contains("openat2"));
    assert!(new.text().lines().count() < all.succeeds().lines().count());
}

#[test]
fn what_does_not_exist_is_named_with_what_is_near() {
    callgate(&["syscalls", "opnat"]).fails(2, &["\"opnat\"", "did you mean openat"]);
    callgate(&["syscalls", "frobnicate"]).fails(2, &["\"frobnicate\""]);
    callgate(&["syscalls", "99999", "--arch", "arm"]).fails(2, &["99999", "arm"]);
    callgate(&["syscalls", "0x100000000"]).fails(2, &["0x100000000", "32 bits"]);
    callgate(&["syscalls", "open", "--arch", "aarch64"]).fails(2, &["open", "aarch64", "x86_64"]);
    callgate(&["syscalls", "--arch", "pdp11"]).fails(2, &["pdp11", "x86_64"]);
    callgate(&["syscalls", "--since", "new"]).fails(2, &["new", "6.12"]);
    callgate(&["syscalls", "--arch", "arm", "--all-arches"]).fails(2, &["--all-arches"]);
}

#[test]
fn profiles_are_listed_and_shown() {
    assert!(callgate(&["profiles"]).succeeds().contains("container"));
    let shown = callgate(&["profiles", "show", "container"]);
    let text = shown.succeeds();
    assert!(text.contains("\npolicy 1\n") && text.contains("\non cap CAP_SYS_CHROOT {"), "{text}");
    let folder = Folder::new();
    let file = folder.file("own.gate", text);
    callgate(&["fmt", "--check", &file]).succeeds();
    assert!(callgate(&["prove", "container", &file]).succeeds().starts_with("equal"));
    callgate(&["profiles", "show", "nothing"]).fails(2, &["nothing", "container"]);
}
