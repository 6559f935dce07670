//! `callgate optimize`.

use std::fs;

use crate::harness::{Folder, callgate, callgate_reading, deny, deny_list};

/// A chain of tests, as simple generators write it.
fn chain(numbers: std::ops::Range<u32>) -> String {
    let mut text =
        String::from("ld [arch]\njne #AUDIT_ARCH_X86_64, bad\nld [nr]\njge #0x40000000, bad\n");
    for nr in numbers {
        text += &format!("jeq #{nr}, allow\n");
    }
    text + "bad: ret ERRNO(1)\nallow: ret ALLOW\n"
}

fn figure(stderr: &str, name: &str) -> [String; 2] {
    assert!(stderr.contains(name), "no {name:?} in: {stderr}");
    let line = stderr.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    [words[0].to_owned(), words[1].to_owned()]
}

#[test]
fn a_chain_becomes_a_tree_with_the_same_meaning() {
    let folder = Folder::new();
    let (before, after) = (folder.file("f.s", chain(0..200)), folder.at("f.bpf"));
    let run = callgate(&["optimize", &before, "-o", &after]);
    assert_eq!(run.succeeds(), "");
    assert!(callgate(&["prove", &before, &after]).succeeds().starts_with("equal"));
    let [from, to] = figure(&run.stderr, "instructions");
    assert_eq!(from, "206");
    assert_eq!(fs::metadata(&after).unwrap().len() / 8, to.parse::<u64>().unwrap());
    assert!(to.parse::<u32>().unwrap() < 12, "{to}");
    assert_eq!(figure(&run.stderr, "filters"), ["1", "1"]);
    let [slow, fast] = figure(&run.stderr, "executed, max").map(|n| n.parse::<u32>().unwrap());
    assert!(slow > 200 && fast < 8, "{slow} {fast}");
    assert_eq!(figure(&run.stderr, "cached calls"), ["200", "200"]);
}

#[test]
fn the_result_has_every_form_and_comes_from_every_form() {
    let folder = Folder::new();
    let asm = chain(0..40);
    let raw = callgate_reading(&["optimize", "-"], asm.as_bytes()).stdout;
    assert!(!raw.is_empty() && raw.len() % 8 == 0);
    let file = folder.file("f.bpf", callgate_reading(&["asm", "-"], asm.as_bytes()).stdout);
    assert_eq!(callgate(&["optimize", &file]).stdout, raw);
    let hex = callgate(&["optimize", &file, "--format", "hex"]);
    assert_eq!(hex.succeeds().lines().count(), raw.len() / 8);
    assert!(callgate(&["optimize", "container", "--format", "asm"]).succeeds().contains("ret"));
}

#[test]
fn filters_become_one_with_the_effect_of_all() {
    let folder = Folder::new();
    let files = [folder.file("a.s", chain(0..90)), folder.file("b.s", chain(30..120))];
    let merged = folder.at("m.bpf");
    let run = callgate(&["optimize", &files[0], &files[1], "-o", &merged]);
    run.succeeds();
    assert_eq!(figure(&run.stderr, "filters"), ["2", "1"]);
    let common = folder.file("c.s", chain(30..90));
    assert!(callgate(&["prove", &common, &merged]).succeeds().starts_with("equal"));
}

/// As the kernel does it: of two answers that are equally strict the newest filter's counts.
#[test]
fn the_order_is_that_of_attaching() {
    let folder = Folder::new();
    let [old, new] = [1, 2]
        .map(|errno| folder.file(&format!("{errno}.json"), deny_list(&deny("getppid", errno))));
    for (first, second, newest) in [(&old, &new, &new), (&new, &old, &old)] {
        let merged = folder.at("m.bpf");
        callgate(&["optimize", first, second, "-o", &merged]).succeeds();
        assert!(callgate(&["prove", newest, &merged]).succeeds().starts_with("equal"));
    }
}

#[test]
fn weights_are_taken() {
    let folder = Folder::new();
    let trace = folder.file("trace", "futex 1000000\n");
    let plain = callgate(&["optimize", "container"]).stdout;
    let weighted = callgate(&["optimize", "container", "--weights", &trace]).stdout;
    assert_ne!(plain, weighted);
    callgate(&["optimize", "-", "--weights", "-"]).fails(2, &["only once"]);
}

#[test]
fn what_cannot_be_one_program_is_an_error() {
    let folder = Folder::new();
    let big = folder.at("big.bpf");
    callgate(&["compile", "container", "--arch", "s390x", "-o", &big]).succeeds();
    callgate(&["optimize", "container", &big]).fails(2, &[&big, "byte order"]);
    callgate(&["optimize", "-", "-"]).fails(2, &["only once"]);
    callgate(&["optimize"]).fails(2, &["FILTER"]);
    let junk = folder.file("junk", "no filter");
    callgate(&["optimize", &junk]).fails(2, &[&junk]);
}

#[test]
fn big_endian_programs_stay_so() {
    let folder = Folder::new();
    let file = folder.at("f.bpf");
    callgate(&["compile", "container", "--arch", "s390x", "-o", &file]).succeeds();
    let run = callgate(&["optimize", &file]);
    assert_eq!(run.stdout[..8], [0, 0x20, 0, 0, 0, 0, 0, 4], "{}", run.stderr);
}
