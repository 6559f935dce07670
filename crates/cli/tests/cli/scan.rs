//! What programs can reach: everything that they do when they run is among it.
//!
//! Claim: C-REACHABLE

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::harness::{Folder, callgate};

/// Threads, other users, processes, and numbers that are chosen when the program runs.
const PROGRAM: &str = r#"
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *work(void *data) {
    struct timespec time = {0, 1000};
    nanosleep(&time, 0);
    return data;
}

int main(int count, char **words) {
    pthread_t thread;
    pthread_create(&thread, 0, work, 0);
    pthread_join(thread, 0);
    setuid(getuid());
    syscall(count > 5 ? SYS_gettid : SYS_getppid);
    printf("%ld\n", (long)time(0));
    if (fork() == 0)
        _exit(0);
    wait(0);
    long number = count > 1 ? SYS_getpgrp : SYS_getsid;
    return syscall(number, 0) < 0;
}
"#;

const GO: &str = r#"
package main

import (
    "fmt"
    "net"
    "os"
    "time"
)

func main() {
    entries, _ := os.ReadDir("/")
    listener, _ := net.Listen("tcp", "127.0.0.1:0")
    go listener.Accept()
    time.Sleep(time.Millisecond)
    fmt.Println(len(entries), listener.Addr() != nil)
}
"#;

/// Calls without any library, so that the truth is exact.
const BARE: &str = r#"
static long call(long number, long a) {
    long result;
#ifdef __x86_64__
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a) : "rcx", "r11", "memory");
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8) : "memory");
    result = x0;
#endif
    return result;
}

/* By a pointer in data, and the number by the caller's caller. */
__attribute__((noinline)) long wrapper(long number) { return call(number, 0); }
__attribute__((noinline)) long middle(long number) { __asm__(""); return wrapper(number) + 1; }
static long pointed(void) { return call(GETPPID, 0); }
static long never(void) { return call(GETSID, 0); }
long (*volatile table[])(void) = {pointed};

void _start(void) {
    middle(GETPID);
    table[0]();
#ifdef UNKNOWN
    middle(*(volatile long *)0x10000);
#endif
    for (;;)
        call(EXIT, 0);
}
"#;

#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn skipped(tool: &str) {
    eprintln!("skipped (no {tool})");
}

fn compiled(folder: &Folder, name: &str, source: &str, compiler: &[&str]) -> Option<String> {
    let suffix = if compiler[0] == "go" { "go" } else { "c" };
    let source = folder.file(&format!("{name}.{suffix}"), source);
    let program = folder.at(name);
    let mut command = Command::new(compiler[0]);
    command.args(&compiler[1..]).args(["-o", &program, &source]);
    command.env("GOCACHE", folder.at("go")).env("HOME", folder.path());
    match command.output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(program)
        }
        Err(_) => {
            skipped(compiler[0]);
            None
        }
    }
}

/// The calls that a command makes, without the execve that starts it.
fn made(folder: &Folder, words: &[&str]) -> BTreeSet<(String, String)> {
    let evidence = folder.at("evidence");
    let _ = fs::remove_file(&evidence);
    let mut args = vec!["learn", "--evidence", &evidence, "-o", "/dev/null", "--"];
    args.extend(words);
    callgate(&args).succeeds();
    let text = fs::read_to_string(&evidence).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let calls = lines.filter(|line| line["kind"] == "call");
    calls.map(|call| (word(&call["arch"]), word(&call["name"]))).collect()
}

fn reachable(args: &[&str]) -> (BTreeSet<(String, String)>, serde_json::Value) {
    let run = callgate(&[&["scan", "--json"], args].concat());
    let report: serde_json::Value = serde_json::from_str(run.succeeds()).unwrap();
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let calls = report["calls"].as_array().unwrap().iter();
    (calls.map(|call| (word(&call["arch"]), word(&call["name"]))).collect(), report)
}

/// Expects that a scan has what a run does.
#[track_caller]
fn covers(folder: &Folder, program: &str, words: &[&str]) {
    let mut made = made(folder, words);
    let (reachable, _) = reachable(&[program]);
    made.remove(&("x86_64".to_owned(), "execve".to_owned()));
    assert!(made.len() > 5, "{made:?}");
    let missed: Vec<_> = made.difference(&reachable).collect();
    assert!(missed.is_empty(), "{program} makes these, which are not reachable: {missed:?}");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn what_a_program_does_is_reachable() {
    let folder = Folder::new();
    let ways: &[(&str, &[&str])] = &[
        ("glibc", &["cc", "-O2", "-pthread"]),
        ("glibc-static", &["cc", "-O2", "-static", "-pthread"]),
        ("glibc-stripped", &["cc", "-O1", "-static", "-s", "-pthread"]),
        ("glibc-fixed", &["cc", "-O2", "-no-pie", "-pthread"]),
        ("glibc-plain", &["cc", "-O0", "-pthread"]),
        ("musl", &["musl-gcc", "-O2"]),
        ("musl-static", &["musl-gcc", "-O2", "-static"]),
        ("musl-stripped", &["musl-gcc", "-O2", "-static", "-s"]),
    ];
    for (name, compiler) in ways {
        if let Some(program) = compiled(&folder, name, PROGRAM, compiler) {
            covers(&folder, &program, &[&program]);
        }
    }
    let go = &["go", "build", "-ldflags", "-s -w"];
    if let Some(program) = compiled(&folder, "golang", GO, go) {
        covers(&folder, &program, &[&program]);
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn what_programs_of_the_system_do_is_reachable() {
    let folder = Folder::new();
    let text = folder.file("text", "select 1;\n".repeat(100));
    let (archive, url) = (folder.at("archive.tar"), format!("file://{text}"));
    let rows: &[&[&str]] = &[
        &["/usr/bin/tar", "-cf", &archive, &text],
        &["/usr/bin/curl", "-s", &url],
        &["/usr/bin/git", "--no-pager", "config", "--list"],
        &["/usr/bin/xz", "-k", "-f", "-T2", &text],
        &["/usr/bin/sqlite3", ":memory:", "create table a(b); insert into a values(1);"],
        &["/usr/bin/openssl", "dgst", "-sha256", &text],
        &["/usr/bin/ls", "-l", "/usr/bin"],
    ];
    let mut tried = 0;
    for words in rows {
        if fs::exists(words[0]).unwrap() {
            covers(&folder, words[0], words);
            tried += 1;
        }
    }
    assert!(tried >= 3, "only {tried} programs are here");
}

#[test]
fn without_libraries_the_answer_is_exact() {
    let folder = Folder::new();
    let x86 = ["-DGETPID=39", "-DGETPPID=110", "-DGETSID=124", "-DEXIT=60"];
    let arm = ["-DGETPID=172", "-DGETPPID=173", "-DGETSID=156", "-DEXIT=93"];
    let native =
        if cfg!(target_arch = "x86_64") { ("x86_64", "cc", x86) } else { ("aarch64", "cc", arm) };
    let cross = ("aarch64", "aarch64-linux-gnu-gcc", arm);
    let bare = ["-nostdlib", "-static", "-ffreestanding", "-fno-stack-protector", "-w"];
    for (arch, compiler, numbers) in [native, cross] {
        for optimised in ["-O0", "-O1", "-O2"] {
            let all = [&[compiler, optimised], &bare[..], &numbers[..]].concat();
            let Some(program) = compiled(&folder, "bare", BARE, &all) else { continue };
            let (calls, report) = reachable(&[&program]);
            let names: Vec<&str> = calls.iter().map(|(_, name)| name.as_str()).collect();
            assert_eq!(names, ["exit", "getpid", "getppid"], "{arch} {optimised}");
            assert!(calls.iter().all(|(of, _)| of == arch), "{calls:?}");
            assert_eq!(report["unknown"].as_array().unwrap().len(), 0, "{report}");
            callgate(&["scan", "--strict", &program]).succeeds();

            let all = [&all[..], &["-DUNKNOWN"]].concat();
            let program = compiled(&folder, "unknown", BARE, &all).unwrap();
            let run = callgate(&["scan", "--strict", &program]);
            assert_eq!(run.code, Some(1), "{run:?}");
            assert!(run.text().contains("a number that is computed"), "{run:?}");
            assert!(run.text().contains("_start"), "{run:?}");
        }
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_program_runs_under_what_it_can_reach() {
    let folder = Folder::new();
    let Some(program) = compiled(&folder, "program", PROGRAM, &["cc", "-O2", "-pthread"]) else {
        return;
    };
    let profile = folder.at("program.gate");
    callgate(&["scan", "-o", &profile, &program]).succeeds();
    let text = fs::read_to_string(&profile).unwrap();
    assert!(text.contains("#@ reachable program: _start → main → "), "{text}");
    callgate(&["fmt", "--check", &profile]).succeeds();
    callgate(&["run", "--profile", &profile, "--", &program]).succeeds();
    let refused = callgate(&["run", "--profile", &profile, "--", "unshare", "-U", "true"]);
    assert_ne!(refused.code, Some(0), "{refused:?}");
}

#[test]
fn libraries_of_another_root_and_what_is_missing_there() {
    let folder = Folder::new();
    let source = "#include <stdio.h>\nint main(void) { return puts(\"\") < 0; }\n";
    let compiler = &["aarch64-linux-gnu-gcc", "-O2"];
    let Some(program) = compiled(&folder, "foreign", source, compiler) else { return };
    let (calls, _) = reachable(&["--root", "/usr/aarch64-linux-gnu", &program]);
    for name in ["write", "mmap", "openat", "exit_group", "set_tid_address", "rseq"] {
        assert!(calls.contains(&("aarch64".to_owned(), name.to_owned())), "{name}: {calls:?}");
    }
    for name in ["ptrace", "mount", "bpf", "kexec_load"] {
        assert!(!calls.contains(&("aarch64".to_owned(), name.to_owned())), "{name}");
    }
    let empty = folder.path().to_str().unwrap();
    let run = callgate(&["scan", "--root", empty, &program]);
    assert!(run.succeeds().contains("a needed library that was not found"), "{run:?}");
    assert!(run.text().contains("libc.so.6"), "{run:?}");
}

#[test]
fn what_is_no_program_is_refused() {
    let folder = Folder::new();
    let text = folder.file("text", "no program");
    callgate(&["scan", &text]).fails(2, &["cannot scan", "text", "no ELF file"]);
    callgate(&["scan", &folder.at("nothing")]).fails(2, &["cannot read", "nothing"]);
    let mut elf = fs::read(std::env::current_exe().unwrap()).unwrap();
    elf[18] = 8;
    let foreign = folder.file("mips", &elf);
    callgate(&["scan", &foreign]).fails(2, &["another machine", "x86_64 and aarch64"]);
    // Cut off anywhere, it is an error and no crash.
    for length in (0..elf.len().min(1 << 16)).step_by(4099) {
        elf[18] = 62;
        let cut = folder.file("cut", &elf[..length]);
        assert_eq!(callgate(&["scan", &cut]).code, Some(2), "{length}");
    }
}
