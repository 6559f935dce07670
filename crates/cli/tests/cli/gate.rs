//! The language: policies in `*.gate`.

use std::fs;

use crate::harness::{Folder, callgate, callgate_reading, command};

const UNTIDY: &str = "policy   1\n\n\nallow {read,write}# both\n";
const TIDY: &str = "policy 1\n\nallow { read, write }  # both\n";

#[test]
fn fmt_replaces_files_and_answers_standard_input() {
    let folder = Folder::new();
    let path = folder.file("a.gate", UNTIDY);
    assert_eq!(callgate(&["fmt", &path]).succeeds(), "");
    assert_eq!(fs::read_to_string(&path).unwrap(), TIDY);
    assert_eq!(callgate_reading(&["fmt", "-"], UNTIDY.as_bytes()).succeeds(), TIDY);
    assert_eq!(callgate_reading(&["fmt"], UNTIDY.as_bytes()).succeeds(), TIDY);
}

#[test]
fn fmt_check_names_files_and_changes_nothing() {
    let folder = Folder::new();
    let [untidy, tidy] = [folder.file("a.gate", UNTIDY), folder.file("b.gate", TIDY)];
    let check = callgate(&["fmt", "--check", &untidy, &tidy]);
    assert_eq!((check.code, check.text()), (Some(1), format!("{untidy}\n").as_str()));
    assert_eq!(fs::read_to_string(&untidy).unwrap(), UNTIDY);
    assert_eq!(callgate(&["fmt", "--check", &tidy]).succeeds(), "");
}

#[test]
fn fmt_leaves_what_it_does_not_understand() {
    let folder = Folder::new();
    let wrong = folder.file("a.gate", "policy 1\n  alow  read\n");
    let run = callgate(&["fmt", &wrong]);
    assert_eq!(run.code, Some(2));
    run.says(&["a.gate:2:3", "error[E0300]", "`alow`", "did you mean `allow`?"]);
    assert_eq!(fs::read_to_string(&wrong).unwrap(), "policy 1\n  alow  read\n");
}

const POLICY: &str = "policy 1\narch x86_64\ndefault errno EPERM\nallow { read, exit_group }\n\
                      allow socket where family in {AF_UNIX, AF_INET}\n";

#[test]
fn whatever_reads_a_filter_reads_the_language() {
    let folder = Folder::new();
    let path = folder.file("a.gate", POLICY);
    let program = folder.at("a.bpf");
    callgate(&["compile", &path, "-o", &program]).succeeds();
    let equal = callgate(&["prove", &path, &program]);
    assert!(equal.succeeds().starts_with("equal"), "{equal:?}");
    let sim = callgate(&["sim", &path, "--arch", "x86_64", "--syscall", "socket", "--args", "16"]);
    assert!(sim.succeeds().contains("ERRNO(1)"), "{sim:?}");
    let commented = format!("# a comment\n\n{POLICY}");
    let stdin = callgate_reading(&["prove", "-", &program], commented.as_bytes());
    assert!(stdin.succeeds().starts_with("equal"), "{stdin:?}");
    callgate(&["check", &path, "--arch", "x86_64"]).succeeds();
    callgate(&["disasm", &path]).succeeds();
}

#[test]
fn a_policy_includes_files_beside_it() {
    let folder = Folder::new();
    folder.file("base.gate", "policy 1\nallow { read, exit_group }\n");
    let rest = "allow socket where family in {AF_UNIX, AF_INET}\n";
    let header = "policy 1\narch x86_64\ndefault errno EPERM\n";
    let including = folder.file("b.gate", format!("{header}include \"base.gate\"\n{rest}"));
    let whole = folder.file("a.gate", POLICY);
    assert!(callgate(&["prove", &including, &whole]).succeeds().starts_with("equal"));
    let alone = callgate_reading(&["prove", "-", &whole], &fs::read(&including).unwrap());
    assert_eq!(alone.code, Some(2));
    alone.says(&["E0326", "base.gate"]);
}

#[test]
fn errors_are_for_people_or_for_editors() {
    let folder = Folder::new();
    let path = folder.file("a.gate", format!("{POLICY}allow opne\n"));
    let people = callgate(&["compile", &path]);
    assert_eq!(people.code, Some(2));
    people.says(&[
        "error[E0340]",
        "a.gate:6:7",
        "help: did you mean `open`",
        "because of an error",
    ]);
    let editors = callgate(&["compile", &path, "--error-format", "json"]);
    assert_eq!(editors.code, Some(2));
    let error: serde_json::Value = serde_json::from_str(&editors.stderr).unwrap();
    assert_eq!((&error["code"], &error["severity"]), (&"E0340".into(), &"error".into()));
    let label = &error["labels"][0];
    assert_eq!(
        (&label["line"], &label["column"], &label["end_column"]),
        (&6.into(), &7.into(), &11.into())
    );
    assert_eq!(error["helps"][0]["edit"]["replacement"], "open");
    let usage = callgate(&["--error-format", "json", "compile", "/nonexistent.gate"]);
    let error: serde_json::Value = serde_json::from_str(&usage.stderr).unwrap();
    assert!(error["message"].as_str().unwrap().contains("/nonexistent.gate"));
}

#[test]
fn tests_are_proved_and_a_failure_names_call_and_line() {
    let folder = Folder::new();
    let right = folder.file(
        "a.gate",
        format!("{POLICY}test socket(AF_NETLINK, _, _) -> errno EPERM\ntest read -> allow\n"),
    );
    let run = callgate(&["test", &right]);
    assert!(run.succeeds().starts_with("2 hold"), "{run:?}");
    let wrong = folder.file(
        "b.gate",
        format!("{POLICY}test socket -> allow\ntest socket(AF_INET, ..) -> kill\n"),
    );
    let run = callgate(&["test", &wrong]);
    assert_eq!(run.code, Some(1));
    for words in [
        "error[E0390]: on x86_64, socket(family: 0, type: 0, protocol: 0) gets `errno EPERM`",
        "b.gate:6:1",
        "expected `allow`",
        "no statement holds, so that this decides",
        "socket(family: 2, type: 0, protocol: 0) gets `allow`",
        "this statement decides",
        "2 of 2 do not hold",
    ] {
        assert!(run.text().contains(words), "no {words:?} in {}", run.text());
    }
    let json = callgate(&["test", &wrong, "--format", "json"]);
    let last: serde_json::Value =
        serde_json::from_str(json.text().lines().last().unwrap()).unwrap();
    assert_eq!((&last["tests"], &last["failed"]), (&2.into(), &2.into()));
    callgate(&["test", &folder.file("c.gate", POLICY)]).fails(2, &["no file has a test"]);
}

#[test]
fn tables_of_tests_are_for_any_filter() {
    let folder = Folder::new();
    let policy = folder.file("a.gate", POLICY);
    let table = folder.file("a.tests", "# a table\non x86_64 { test read(_, _, _) -> allow }\ntest socket(AF_ALG, ..) -> errno EPERM\n");
    assert!(callgate(&["test", &table]).succeeds().starts_with("2 hold"));
    let program = folder.at("a.bpf");
    callgate(&["compile", &policy, "-o", &program]).succeeds();
    assert!(callgate(&["test", &table, "--filter", &program]).succeeds().starts_with("2 hold"));
    let other = folder.file("b.tests", "allow read\n");
    let run = callgate(&["test", &other, "--filter", &program]);
    assert_eq!(run.code, Some(2));
    run.says(&["E0392", "b.tests:1:1"]);
    let run = callgate(&["test", &table, "--filter", "container", "--arch", "aarch64"]);
    assert_eq!(run.code, Some(2));
    run.says(&["E0332", "the policy is not for x86_64"]);
}

/// A filter as sandboxes have it: no new Unix sockets, nothing foreign; 13 instructions.
const UNIX_BLOCK: &str = "\
        ld   [arch]
        jne  #AUDIT_ARCH_X86_64, bad
        ld   [nr]
        jge  #0x40000000, bad
        jne  #x86_64:socket, good
        ld   [args[0].hi]
        jne  #0, good
        ld   [args[0].lo]
        jne  #1, good
        ret  ERRNO(EPERM)
bad:    ret  KILL_PROCESS
good:   ret  ALLOW
        ret  KILL_THREAD
";

#[test]
fn a_program_is_shown_in_a_few_lines_and_means_the_same() {
    let folder = Folder::new();
    let program = folder.at("a.bpf");
    callgate(&["asm", &folder.file("a.s", UNIX_BLOCK), "-o", &program]).succeeds();
    let shown = callgate(&["show", &program]);
    let expected = "policy 1; arch x86_64; default allow\n\
                    kill nr 0xffffffff  # -1, by which a tracer skips a call\n\
                    errno EPERM socket where full(family) == AF_UNIX\n";
    assert_eq!(shown.succeeds(), expected);
    let text = folder.file("b.gate", shown.text());
    callgate(&["fmt", "--check", &text]).succeeds();
    assert!(callgate(&["prove", &program, &text]).succeeds().starts_with("equal"));
}

#[test]
fn profiles_and_programs_are_shown_and_proved_or_shown_as_programs() {
    let folder = Folder::new();
    let testdata = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/foreign");
    let mut filters: Vec<String> = ["container", "qemu"].map(str::to_owned).to_vec();
    for entry in fs::read_dir(testdata).unwrap() {
        filters.push(entry.unwrap().path().to_str().unwrap().to_owned());
    }
    let mut policies = 0;
    for filter in filters {
        for style in [&[][..], &["--expand"]] {
            let shown = callgate(&[&["show", &filter], style].concat());
            let name = if shown.succeeds().starts_with("policy 1") { "a.gate" } else { "a.s" };
            policies += usize::from(name == "a.gate");
            let text = folder.file(name, shown.text());
            let equal = callgate(&["prove", &filter, &text]);
            assert!(equal.succeeds().starts_with("equal"), "{filter}: {equal:?}");
            if name == "a.gate" {
                callgate(&["fmt", "--check", &text]).succeeds();
            }
        }
    }
    assert!(policies >= 10, "{policies}");
    let container = callgate(&["show", "container"]);
    assert!(container.succeeds().lines().count() < 120);
}

#[test]
fn one_call_is_shown_in_words() {
    let folder = Folder::new();
    let policy = folder.file("a.gate", POLICY);
    let words = callgate(&["show", &policy, "socket"]);
    let expected = "x86_64: socket is executed where family in {AF_UNIX, AF_INET}\n\
                    x86_64: socket fails with EPERM otherwise\n";
    assert_eq!(words.succeeds(), expected);
    assert_eq!(callgate(&["show", &policy, "read"]).succeeds(), "x86_64: read is executed\n");
    assert_eq!(callgate(&["show", &policy, "open"]).succeeds(), "x86_64: open fails with EPERM\n");
    // What earlier statements leave nothing of is not told, nor a default that no call gets.
    let text = "policy 1\narch x86_64\ndefault kill\nalways errno EACCES socket where family == AF_NETLINK\n\
                allow socket where family == AF_UNIX or family == AF_NETLINK and protocol == 0\n\
                errno EPERM socket where family != AF_UNIX\n";
    let whole = callgate(&["show", &folder.file("b.gate", text), "socket"]);
    let expected = "x86_64: socket fails with EACCES where family == AF_NETLINK\n\
                    x86_64: socket is executed where family == AF_UNIX\n\
                    x86_64: socket fails with EPERM where family != AF_UNIX\n";
    assert_eq!(whole.succeeds(), expected);
}

#[test]
fn every_code_has_a_page() {
    let page = callgate(&["explain-error", "e0350"]);
    assert!(page.succeeds().starts_with("E0350: a pointer cannot be tested\n\n"));
    assert!(callgate(&["explain-error"]).succeeds().lines().count() > 60);
    callgate(&["explain-error", "E9999"]).fails(2, &["E9999", "lists them"]);
}

#[test]
fn what_is_refused_is_refused_in_these_words() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/gate/bad");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "gate") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut compile = command(&["compile", name, "-o", "/dev/null"]);
        let output = compile.current_dir(folder).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        let expected = fs::read_to_string(path.with_extension("txt")).unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), expected, "{name}");
        assert!(expected.contains(&format!("{name}:")) && expected.contains("error[E0"), "{name}");
        count += 1;
    }
    assert!(count >= 60, "{count}");
}

#[test]
fn a_command_runs_under_a_policy_in_the_language() {
    let folder = Folder::new();
    let text = "policy 1\ndefault allow\nerrno EACCES { mkdir, mkdirat }\n";
    let text = if cfg!(target_arch = "x86_64") { text } else { &text.replace("mkdir, ", "") };
    let policy = folder.file("a.gate", text);
    let wanted = folder.at("new");
    let run = callgate(&["run", "--profile", &policy, "--", "mkdir", &wanted]);
    assert_eq!(run.code, Some(1), "{run:?}");
    run.says(&["Permission denied"]);
    assert!(!folder.path().join("new").exists());
    callgate(&["run", "--profile", &policy, "--", "true"]).succeeds();
}

#[test]
fn the_guides_example_is_right_formatted_and_keeps_its_promises() {
    let page = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/guide/src/language.md"
    ));
    let page = page.unwrap();
    let (_, behind) = page.split_once("```text\n").unwrap();
    let (example, _) = behind.split_once("```").unwrap();
    let folder = Folder::new();
    let path = folder.file("a.gate", example);
    callgate(&["fmt", "--check", &path]).succeeds();
    assert!(callgate(&["test", &path]).succeeds().starts_with("2 hold"));
    let (_, behind) = behind.split_once("```text\n").unwrap();
    let (first, _) = behind.split_once("```").unwrap();
    let first = folder.file("first.gate", first);
    let listed = callgate(&["run", "--profile", &first, "--", "ls", &first]);
    assert_eq!(listed.succeeds().trim_end(), first);
}

#[test]
fn a_servers_policy_is_formatted_and_keeps_its_promises() {
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/gate/nginx.gate");
    callgate(&["fmt", "--check", policy]).succeeds();
    assert!(callgate(&["test", policy]).succeeds().starts_with("5 hold"));
}

#[test]
fn calls_are_made_under_the_loaded_filter() {
    let arch = callgate_syscalls::Arch::native().unwrap();
    let folder = Folder::new();
    let text = format!(
        "policy 1\narch {arch}\ndefault errno EPERM\nallow {{ read, exit_group, seccomp }}\n\
         kill ptrace\ntrap 3 personality\nerrno 95 {{ reboot, kill }}\nlog getpid\n\
         allow socket where family in {{AF_UNIX, AF_INET}}\n\
         test socket(AF_NETLINK, _, _) -> errno EPERM\ntest socket(AF_INET, _, _) -> allow\n\
         test {{ read, exit_group, seccomp }} -> allow\ntest ptrace -> kill\n\
         test personality(0xffffffff) -> trap 3\ntest reboot -> errno 95\n\
         test kill(-1, 9) -> errno 95\ntest getpid -> log\ntest mount -> errno EPERM\n"
    );
    let policy = folder.file("a.gate", &text);
    let run = callgate(&["test", "--live", &policy]);
    assert_eq!(run.succeeds(), "9 hold  for every call, proved; the kernel answered 44 calls so\n");
    // The other direction: a program that is no policy, and a test that does not hold of it.
    let (program, table) = (folder.at("a.bpf"), "test { socket, ptrace } -> allow\n");
    callgate(&["compile", &policy, "-o", &program]).succeeds();
    let table = folder.file("b.tests", table);
    let run = callgate(&["test", "--live", &table, "--filter", &program]);
    assert_eq!(run.code, Some(1));
    for words in [
        "error[E0393]: under the loaded filter, socket(family: 0, type: 0, protocol: 0) fails with EPERM",
        "ptrace(request: 0, pid: 0, addr: 0, data: 0) ends its process by signal 31",
        "b.tests:1:1",
        "expected `allow`",
    ] {
        assert!(run.text().contains(words), "no {words:?} in {}", run.text());
    }
}

#[test]
fn what_is_not_tried_is_named() {
    let native = callgate_syscalls::Arch::native().unwrap();
    let other = if native == callgate_syscalls::Arch::S390x { "x86_64" } else { "s390x" };
    let folder = Folder::new();
    let text = |arch: &str| {
        format!("policy 1\narch {arch}\ndefault errno EPERM\ntest read -> errno EPERM\n")
    };
    let run = callgate(&["test", "--live", &folder.file("a.gate", text(other))]);
    assert!(run.succeeds().ends_with("the kernel answered 0 calls so\n"), "{run:?}");
    run.says(&["no call of the test at", "a.gate:4:1 was made: the filter is not for"]);
    let both = format!("{}on {other} {{ test write -> errno EPERM }}\n", text(native.name()));
    let both = both.replace(native.name(), &format!("{native}, {other}"));
    let run = callgate(&["test", "--live", &folder.file("b.gate", both)]);
    assert!(run.succeeds().ends_with("the kernel answered 4 calls so\n"), "{run:?}");
    run.says(&["they are about no call of"]);
}

#[test]
fn the_files_for_vs_code_are_json_and_their_patterns_find_words() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/editors/vscode/");
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(format!("{folder}{name}")).unwrap()).unwrap()
    };
    let package = read("package.json");
    let grammar = &package["contributes"]["grammars"][0];
    let grammar_file = read(grammar["path"].as_str().unwrap());
    assert_eq!(grammar["scopeName"], grammar_file["scopeName"]);
    read(package["contributes"]["languages"][0]["configuration"].as_str().unwrap());
    let patterns = grammar_file["patterns"].as_array().unwrap();
    let verdicts = patterns.iter().find(|rule| rule["name"] == "keyword.control.verdict.gate");
    let verdicts = verdicts.unwrap()["match"].as_str().unwrap();
    assert!(verdicts.contains("kill-thread|"), "{verdicts}");
}

#[test]
fn groups_and_numbers_are_shown_in_words() {
    let folder = Folder::new();
    let policy = folder.file("a.gate", POLICY);
    let shown = |what: &str| callgate(&["show", &policy, what]).succeeds().to_owned();
    assert_eq!(shown("0"), "x86_64: read is executed\n");
    let modules = shown("@modules");
    assert!(modules.contains("finit_module fails with EPERM"), "{modules}");
    assert!(shown("~stat").lines().count() > 3);
    for unknown in ["@modulse", "~nothing", "99999", "raed"] {
        let run = callgate(&["show", &policy, unknown]);
        assert_eq!(run.code, Some(2), "{unknown}: {run:?}");
        run.says(&[unknown]);
    }
}

#[test]
fn a_failure_names_the_line_of_the_filter_that_a_table_is_for() {
    let folder = Folder::new();
    let profile = "{ \"defaultAction\": \"SCMP_ACT_ALLOW\",\n  \"architectures\": [\"SCMP_ARCH_X86_64\"],\n\
                   \"syscalls\": [\n    { \"names\": [\"ptrace\"], \"action\": \"SCMP_ACT_ERRNO\" } ] }\n";
    let profile = folder.file("p.json", profile);
    let table = folder.file("a.tests", "test ptrace -> allow\ntest read -> kill\n");
    let run = callgate(&["test", &table, "--filter", &profile]);
    assert_eq!(run.code, Some(1));
    for words in ["p.json:4:", "p.json:1:", "this decides"] {
        assert!(run.text().contains(words), "no {words:?} in {}", run.text());
    }
}

#[test]
fn what_a_block_allows_may_be_said_again() {
    let folder = Folder::new();
    let text = "policy 1\narch x86_64\ndefault errno EPERM\nuse @cli-tool\nallow execve\n";
    let run = callgate(&["compile", &folder.file("a.gate", text), "-o", &folder.at("a.bpf")]);
    run.succeeds();
    run.says(&["warning[E0371]", "a.gate:5:7", "a block of `use` allows it"]);
}

/// Profiles in the shapes that people write, each as an engine reads it.
const PROFILES: [(&str, &str); 9] = [
    (
        "a baseline by numbers",
        r#""syscalls":[{"names":["read","openat2"],"action":"SCMP_ACT_ALLOW"}]"#,
    ),
    (
        "a value above 32 bits and one below 0",
        r#""syscalls":[{"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":4294967334,"op":"SCMP_CMP_NE"}]},
           {"names":["fchmodat"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":18446744073709551516,"op":"SCMP_CMP_EQ"}]}]"#,
    ),
    (
        "ranges",
        r#""syscalls":[{"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":37,"op":"SCMP_CMP_LE"}]},
           {"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":41,"op":"SCMP_CMP_GE"}]}]"#,
    ),
    (
        "one argument twice",
        r#""syscalls":[{"names":["personality"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":0,"op":"SCMP_CMP_EQ"},
           {"index":0,"value":8,"op":"SCMP_CMP_EQ"}]}]"#,
    ),
    (
        "a mask",
        r#""syscalls":[{"names":["clone"],"action":"SCMP_ACT_ALLOW",
           "args":[{"index":0,"value":2114060288,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}]"#,
    ),
    (
        "an allow behind a refusal",
        r#""syscalls":[{"names":["ptrace"],"action":"SCMP_ACT_ERRNO","errnoRet":38},
           {"names":["ptrace"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":0,"op":"SCMP_CMP_EQ"}]}]"#,
    ),
    (
        "two errors",
        r#""syscalls":[{"names":["mount"],"action":"SCMP_ACT_ERRNO","errnoRet":38},{"names":["bpf"],"action":"SCMP_ACT_ERRNO","errnoRet":2}]"#,
    ),
    (
        "kills and traps",
        r#""syscalls":[{"names":["bpf"],"action":"SCMP_ACT_KILL_PROCESS"},{"names":["mount"],"action":"SCMP_ACT_TRAP"}]"#,
    ),
    (
        "numbers of other architectures",
        r#""archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]}],
           "syscalls":[{"names":["read","socketcall","mmap2"],"action":"SCMP_ACT_ALLOW"}]"#,
    ),
];

#[test]
fn the_profile_that_users_start_from_is_shown_as_engines_read_it() {
    let folder = Folder::new();
    let profile = callgate(&["profiles", "show", "container"]);
    let profile = folder.file("p.json", profile.succeeds());
    let shown = callgate(&["show", &profile]);
    let shown = shown.succeeds();
    assert!(shown.starts_with("policy 1\n") && shown.lines().count() < 120, "{shown}");
    let gate = folder.file("p.gate", shown);
    assert!(callgate(&["prove", &profile, &gate]).succeeds().starts_with("equal"));
}

#[test]
fn profiles_in_every_shape_are_shown_in_the_language() {
    let folder = Folder::new();
    for (what, rest) in PROFILES {
        for reading in ["runc", "crun", "docker", "kernel"] {
            let text = format!(
                "{{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 1, {rest} }}"
            );
            let profile = folder.file("p.json", text);
            let how = ["--as", reading];
            let shown = callgate(&[&["show", &profile][..], &how].concat());
            let shown = shown.succeeds();
            assert!(shown.starts_with("policy 1"), "{what}, {reading}: {shown}");
            let gate = folder.file("p.gate", shown);
            callgate(&["fmt", "--check", &gate]).succeeds();
            let equal = callgate(&[&["prove", &profile, &gate][..], &how].concat());
            assert!(equal.succeeds().starts_with("equal"), "{what}, {reading}: {equal:?}");
        }
    }
}
