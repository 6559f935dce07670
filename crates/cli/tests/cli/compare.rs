//! `callgate prove`, `diff`, `subset`, `intersect` and `union`.

use crate::harness::{Folder, Run, callgate, deny, deny_list};

const VSOCK_REFUSED: &str = r#"{"names": ["socket"], "action": "SCMP_ACT_ERRNO",
    "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}]},"#;

/// Two deny lists: both refuse `mount`, only the first one vsock sockets, only the second one `bpf`.
fn pair(folder: &Folder) -> [String; 2] {
    let a = deny_list(&(deny("mount", 1) + VSOCK_REFUSED));
    let b = deny_list(&(deny("mount", 1) + &deny("bpf", 13)));
    [folder.file("a.json", a), folder.file("b.json", b)]
}

fn on_x86_64(command: &str, a: &str, b: &str, more: &[&str]) -> Run {
    let mut args = vec![command, a, b, "--arch", "x86_64"];
    args.extend(more);
    callgate(&args)
}

#[test]
fn equal_filters_are_proved_equal() {
    let folder = Folder::new();
    let [a, _] = pair(&folder);
    let program = folder.at("a.bpf");
    callgate(&["compile", &a, "--arch", "x86_64", "-o", &program]).succeeds();
    assert!(on_x86_64("prove", &a, &program, &[]).succeeds().starts_with("equal"));
    assert_eq!(on_x86_64("diff", &a, &program, &[]).succeeds(), "no difference\n");
    assert!(on_x86_64("subset", &a, &program, &[]).succeeds().starts_with("subset"));
}

#[test]
fn different_filters_come_with_calls() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let run = on_x86_64("prove", &a, &b, &[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.text().starts_with("different\n"));
    assert!(run.text().contains("socket(AF_VSOCK"), "{}", run.text());
    assert!(run.text().contains("EPERM in A, ALLOW in B"));
    assert!(run.text().contains("ALLOW in A, EACCES in B"));
}

#[test]
fn what_a_single_bit_changes_is_found() {
    let folder = Folder::new();
    let [narrow, wide] = ["0xfe", "0xff"].map(|mask| {
        let text =
            format!("ld [args[5].hi]\n and #{mask}\n jeq #2, no\n ret ALLOW\nno: ret ERRNO(1)\n");
        folder.file(mask, text)
    });
    let run = callgate(&["prove", &narrow, &wide]);
    assert_eq!(run.code, Some(1));
    assert!(run.text().contains("0x300000000"), "{}", run.text());
}

#[test]
fn no_answer_is_not_a_yes() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let run = on_x86_64("prove", &a, &b, &["--tests-max", "3"]);
    run.fails(3, &["undecided", "3"]);
    on_x86_64("diff", &a, &b, &["--tests-max", "3"]).fails(3, &["undecided"]);
    on_x86_64("subset", &a, &b, &["--tests-max", "3"]).fails(3, &["undecided"]);
}

#[test]
fn ignored_data_counts_only_where_asked_for() {
    let folder = Folder::new();
    let [plain, data] = [("plain", "ret ALLOW"), ("data", "ret #0x7fff0001")]
        .map(|(name, text)| folder.file(name, text));
    assert_eq!(callgate(&["prove", &plain, &data]).code, Some(1));
    assert_eq!(callgate(&["prove", &plain, &data, "--count", "exact"]).code, Some(1));
    assert_eq!(callgate(&["prove", &plain, &data, "--count", "effective"]).code, Some(0));
}

#[test]
fn a_diff_reads_like_a_review() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let run = on_x86_64("diff", &a, &b, &[]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let text = run.text();
    assert!(text.starts_with("1 looser, 1 stricter\n"), "{text}");
    let looser =
        text.find("  socket where full(family) == AF_VSOCK on x86_64: was EPERM, is ALLOW");
    let stricter = text.find("  bpf on x86_64: was ALLOW, is EACCES\n");
    assert!(looser.is_some() && looser < stricter, "{text}");
    assert!(text.contains("e.g. socket(AF_VSOCK, 0, 0) on x86_64"), "{text}");
    // The line of the rule on the side that has one.
    assert!(text.contains(&format!("A: {a}:")) && text.contains(" (socket)"), "{text}");
    assert!(text.contains(&format!("B: {b}:")) && text.contains(" (bpf)"), "{text}");
    assert!(!text.contains("mount"), "{text}");
}

#[test]
fn another_default_is_the_headline() {
    let folder = Folder::new();
    let text = |default: &str, rest: &str| {
        format!("policy 1\narch x86_64\n{default}\nallow {{ read, write }}\n{rest}")
    };
    let old = folder.file("old.gate", text("default errno EPERM", ""));
    let said = |default: &str, rest: &str| {
        let new = folder.file("new.gate", text(default, rest));
        let run = on_x86_64("diff", &old, &new, &[]);
        let markdown = on_x86_64("diff", &old, &new, &["--format", "markdown"]);
        let line = run.text().lines().nth(1).unwrap().to_owned();
        assert!(markdown.text().contains(&line) || line.is_empty(), "{}", markdown.text());
        line
    };
    assert_eq!(
        said("default log", ""),
        "default is now LOG, was ERRNO(1): nothing is refused any more, on x86_64"
    );
    assert!(said("default allow", "kill ptrace\n").contains("no longer refused"));
    assert!(said("default kill", "").contains("refused in another way"));
    assert_eq!(said("default errno EPERM", "allow getpid\n"), "");
    // A program has no default that no call gets, and equal filters no other.
    let baseline =
        folder.file("b.gate", text("baseline linux 6.1 else ENOSYS\ndefault errno EPERM", ""));
    let compiled = folder.at("b.bpf");
    callgate(&["compile", &baseline, "-o", &compiled]).succeeds();
    let equal = on_x86_64("diff", &baseline, &compiled, &[]);
    assert_eq!(equal.text(), "no difference\n", "{equal:?}");
    // Of programs, too.
    let [open, shut] = [("open", "ret ALLOW"), ("shut", "ret KILL_PROCESS")]
        .map(|(name, text)| folder.file(name, text));
    let run = on_x86_64("diff", &open, &shut, &[]);
    assert!(run.text().contains("default is now KILL_PROCESS, was ALLOW"), "{}", run.text());
}

#[test]
fn everything_is_named_where_that_is_asked_for() {
    let folder = Folder::new();
    // More than a line has room for, and no families.
    let names = "access acct brk capget capset chdir chroot delete_module eventfd2 execve fadvise64 fallocate fcntl fsync \
        getcpu getcwd getpgrp getpriority getrusage getsid gettid inotify_add_watch ioctl iopl keyctl lseek madvise mincore \
        mlockall mremap msync munmap nanosleep pause personality prctl ptrace quotactl reboot semop setsid shmat sync sysinfo \
        syslog times umask uname userfaultfd ustat vhangup wait4 waitid";
    let names: Vec<&str> = names.split_whitespace().collect();
    let rule = format!("allow {{ {} }}\n", names.join(", "));
    let text =
        |rest: &str| format!("policy 1\narch x86_64\ndefault errno EPERM\nallow read\n{rest}");
    let [a, b] = [folder.file("a.gate", text("")), folder.file("b.gate", text(&rule))];
    let short = on_x86_64("diff", &a, &b, &[]);
    let is_short = |text: &str| text.contains(" more (--all") && !text.contains("waitid");
    assert!(is_short(short.text()), "{}", short.text());
    let whole = on_x86_64("diff", &a, &b, &["--all"]);
    let is_whole = |text: &str| text.contains("waitid") && !text.contains("--all");
    assert!(is_whole(whole.text()), "{}", whole.text());
    assert!(on_x86_64("prove", &a, &b, &["--all"]).text().contains("waitid"));
}

#[test]
fn a_diff_comes_as_json_and_markdown() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let json = on_x86_64("diff", &a, &b, &["--format", "json"]);
    assert_eq!(json.code, Some(1));
    let json: serde_json::Value = serde_json::from_str(json.text()).unwrap();
    let bpf = json["calls"].as_array().unwrap().iter().find(|c| c["syscalls"][0] == "bpf").unwrap();
    assert_eq!((&bpf["from"], &bpf["to"]), (&"ALLOW".into(), &"EACCES".into()));
    assert_eq!(bpf["looser"], false);
    let markdown = on_x86_64("diff", &a, &b, &["--format", "markdown"]);
    assert!(
        markdown.text().starts_with("**1 looser, 1 stricter**\n\n### looser"),
        "{}",
        markdown.text()
    );
    assert!(markdown.text().contains("| `bpf` |"));
}

#[test]
fn syscalls_that_changed_alike_stand_together() {
    let folder = Folder::new();
    let a = folder.file("a.json", deny_list(""));
    let b = deny_list(&(deny("mount", 1) + &deny("umount2", 1) + &deny("bpf", 1)));
    let b = folder.file("b.json", b);
    let run = on_x86_64("diff", &a, &b, &[]);
    assert!(run.text().contains("  mount, umount2, bpf on "), "{}", run.text());
}

#[test]
fn every_group_of_changes_comes_with_a_call_of_its_own() {
    let folder = Folder::new();
    // One change on x86_64, whose calls are of two groups: aarch64 has no chmod, and has the calls
    // with the lowest and with the highest of the numbers.
    let refuse = |names: &str| {
        format!(r#"{{"names": [{names}], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}},"#)
    };
    let all = deny_list(&refuse(r#""read", "chmod", "mount""#));
    let none = deny_list("");
    let [a, b] = [("a.json", all), ("b.json", none)].map(|(name, text)| folder.file(name, text));
    let both = ["--arch", "x86_64", "--arch", "aarch64"];
    let examples = |text: &str, names: [&str; 2]| {
        for name in names {
            let call = text.lines().find(|line| line.contains("e.g. ") && line.contains(name));
            assert!(call.is_some(), "{name}: {text}");
        }
        assert_eq!(text.matches("    A: ").count(), 2, "{text}");
        assert_eq!(text.matches("    B: ").count(), 2, "{text}");
    };
    for (command, a, b) in [("diff", &a, &b), ("subset", &b, &a), ("prove", &a, &b)] {
        let run = callgate(&[&[command, a, b][..], &both].concat());
        assert_eq!(run.code, Some(1), "{run:?}");
        examples(run.text(), ["chmod(0, 0) on x86_64", "mount(0, 0, 0, 0, 0) on x86_64"]);
    }
    // The same of programs, where instructions decide.
    let [a, b] = [&a, &b].map(|text| {
        let program = format!("{text}.bpf");
        callgate(&[&["compile", text, "-o", &program][..], &both].concat()).succeeds();
        program
    });
    let run = callgate(&[&["diff", &a, &b][..], &both].concat());
    examples(run.text(), ["chmod(0, 0) on x86_64", "mount(0, 0, 0, 0, 0) on x86_64"]);
    assert_eq!(run.text().matches("A: instruction ").count(), 2, "{run:?}");
}

#[test]
fn subsets_have_a_direction() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let all = folder.file("all.json", deny_list(""));
    on_x86_64("subset", &a, &all, &[]).succeeds();
    let run = on_x86_64("subset", &all, &a, &[]);
    assert_eq!(run.code, Some(1));
    assert!(run.text().starts_with("no subset") && run.text().contains("ALLOW in A"), "{run:?}");
    // A witness for each kind of calls, with its line; not what B permits more.
    let [more, less] = [on_x86_64("subset", &a, &b, &[]), on_x86_64("subset", &b, &a, &[])];
    for kind in ["bpf on x86_64: ALLOW in A, EACCES in B", "e.g. bpf(", "B: ", " (bpf)"] {
        assert!(more.text().contains(kind), "{kind}: {}", more.text());
        assert!(!less.text().contains("bpf"), "{}", less.text());
    }
    assert!(less.text().contains("AF_VSOCK on x86_64: ALLOW in A, EPERM in B"), "{less:?}");
    let json = on_x86_64("subset", &a, &b, &["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(json.text()).unwrap();
    assert_eq!(json["subset"], false);
    assert!(json["calls"].as_array().unwrap().iter().all(|call| call["looser"] == false));
    let yes = on_x86_64("subset", &a, &all, &["--format", "json"]);
    assert!(yes.succeeds().contains("\"subset\": true"), "{yes:?}");
    assert_eq!(on_x86_64("subset", &a, &b, &[]).code, Some(1));
    assert_eq!(on_x86_64("subset", &b, &a, &[]).code, Some(1));
}

#[test]
fn intersections_and_unions_mean_what_they_say() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let [both, either] = ["intersect", "union"].map(|command| {
        let file = folder.at(command);
        assert_eq!(on_x86_64(command, &a, &b, &["-o", &file]).succeeds(), "");
        file
    });
    for filter in [&a, &b] {
        on_x86_64("subset", &both, filter, &[]).succeeds();
        on_x86_64("subset", filter, &either, &[]).succeeds();
    }
    let sim = |filter: &str, call: &[&str]| {
        let run = callgate(&[&["sim", filter, "--arch", "x86_64", "--syscall"], call].concat());
        run.succeeds().lines().next().unwrap().to_owned()
    };
    assert_eq!(sim(&both, &["bpf"]), "action  ERRNO(13)");
    assert_eq!(sim(&both, &["socket", "--args", "40"]), "action  ERRNO(1)");
    assert_eq!(sim(&either, &["bpf"]), "action  ALLOW");
    assert_eq!(sim(&either, &["socket", "--args", "40"]), "action  ALLOW");
    assert_eq!(sim(&either, &["mount"]), "action  ERRNO(1)");
}

#[test]
fn a_result_that_a_profile_can_express_becomes_one() {
    let folder = Folder::new();
    let [a, b] = pair(&folder);
    let profile = on_x86_64("intersect", &a, &b, &["--format", "profile"]);
    let file = folder.file("both.json", profile.succeeds());
    let program = folder.at("both.bpf");
    on_x86_64("intersect", &a, &b, &["-o", &program]).succeeds();
    assert!(on_x86_64("prove", &file, &program, &[]).succeeds().starts_with("equal"));
}

#[test]
fn a_proof_about_one_architecture_says_nothing_of_others() {
    let folder = Folder::new();
    // They differ on i386 alone.
    let [a, b] = [("a", "ALLOW"), ("b", "ERRNO(1)")].map(|(name, action)| {
        let text = format!("ld [arch]\n jeq #0x40000003, i386\n ret ALLOW\ni386: ret {action}\n");
        folder.file(name, text)
    });
    let on = |arch| callgate(&["prove", &a, &b, "--arch", arch]);
    assert!(on("x86_64").succeeds().starts_with("equal  for every call on x86_64"));
    let run = on("x86");
    assert_eq!(run.code, Some(1));
    assert!(run.text().contains("on x86: ALLOW in A, EPERM in B"), "{run:?}");
    assert!(run.text().lines().all(|line| line.chars().count() < 200), "{run:?}");
}

#[test]
fn refusals_permit_the_same_whatever_they_do_to_the_caller() {
    let folder = Folder::new();
    let file = |verdict: &str| {
        let text = format!("policy 1\narch x86_64\ndefault allow\n{verdict} ptrace\n");
        folder.file(&format!("{}.gate", verdict.replace(' ', "-")), text)
    };
    let refusals = ["errno EPERM", "enosys", "trap", "kill"].map(file);
    for one in &refusals {
        for other in &refusals {
            assert_eq!(callgate(&["subset", one, other]).code, Some(0), "{one} {other}");
        }
    }
    assert_eq!(callgate(&["subset", &file("log"), &refusals[0]]).code, Some(1));
}

/// A program that tests bits of numbers tells even calls from odd ones: what is said names those that change, and no others.
#[test]
fn what_is_said_of_tests_of_bits_is_so_for_each_call() {
    let folder = Folder::new();
    let program = |name: &str, test: &str| {
        let rest = "ret #0x7fff0000\nkill: ret #0x80000000\n";
        folder.file(name, format!("ld [4]\njne #0xc000003e, kill\nld [0]\n{test}\n{rest}"))
    };
    let odd = program("odd.asm", "xor #0x40000000\njset #0x40000001, kill");
    let plain = program("plain.asm", "jge #0x40000000, kill");
    let text = callgate(&["diff", &odd, &plain, "--all"]).stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(!text.contains("every x32 call"), "{text}");
    let x32 = text.split("stricter:").nth(1).unwrap();
    assert!(x32.contains(" read, ") && !x32.contains(" write, "), "{text}");
    // Only x32's bit: numbers that nobody has are told apart, and the rest can be shown.
    let bit = program("bit.asm", "jset #0x40000000, kill");
    let shown = callgate(&["show", &bit]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    shown.says(&["0x80000000 to 0xfffffffe", "the text kills them all"]);
    assert!(String::from_utf8_lossy(&shown.stdout).starts_with("policy 1; arch x86_64; "));
    assert_eq!(callgate(&["report", &bit]).code, Some(0));
}

/// What differs on another machine, kernel or with other capabilities is not seen here: a yes says so.
#[test]
fn a_yes_under_some_circumstances_says_under_which() {
    let folder = Folder::new();
    let text = "policy 1\nmachine x86_64, aarch64\ndefault errno EPERM\nallow { read, write }\n";
    let plain = folder.file("plain.gate", text);
    let more = "on machine aarch64 { allow mount }\non cap CAP_BPF { allow bpf }\n";
    let open = folder.file("open.gate", format!("{text}{more}"));
    for command in ["prove", "subset", "diff"] {
        let caps = ["--caps", "", "--kernel", "6.12"];
        let run = callgate(&[command, &open, &plain]);
        assert_eq!(run.code, Some(0), "{run:?}");
        run.says(&["depends on the machine, the kernel or capabilities", "--caps"]);
        assert_eq!(callgate(&[command, &open, &plain, "-q"]).stderr, "");
        let given = callgate(&[&[command, &open, &plain][..], &caps[..]].concat());
        assert_eq!((given.code, &*given.stderr), (Some(0), ""), "{given:?}");
        // A script sees it in the answer, be the circumstances given or not.
        let json = |args: &[&str]| -> serde_json::Value {
            let all = [&[command, args[0], args[1], "--format", "json", "-q"], &args[2..]].concat();
            serde_json::from_str(callgate(&all).text()).unwrap()
        };
        let under = &json(&[&open, &plain])["circumstances"];
        assert!(under["machine"].is_string() && under["kernel"].is_string(), "{under}");
        let given =
            &json(&[&open, &plain, "--caps", "CAP_KILL", "--kernel", "6.12"])["circumstances"];
        assert_eq!(
            (&given["kernel"], &given["capabilities"][0]),
            (&"6.12".into(), &"CAP_KILL".into())
        );
        let fixed = folder.file("f.gate", "policy 1\narch x86_64\ndefault allow\nkill mount\n");
        assert!(json(&[&fixed, &fixed])["circumstances"].is_null());
    }
    assert_eq!(callgate(&["prove", &open, &plain, "--caps", "BPF"]).code, Some(1));
    let tests = folder.file("a.tests", "test read(..) -> allow\n");
    let own = folder.file("own.gate", format!("{text}{more}test read(..) -> allow\n"));
    let asked: [&[&str]; 7] = [
        &["lint", &open],
        &["lint", &plain, "--against", &open],
        &["show", &open, "bpf"],
        &["report", &open, "--format", "markdown"],
        &["report", &plain, "--against", &open],
        &["test", &tests, "--filter", &open],
        &["test", &own],
    ];
    for args in asked {
        callgate(args).says(&["depends on the machine, the kernel or capabilities", "--caps"]);
        for given in [&["-q"][..], &["--caps", "", "--kernel", "6.12"][..]] {
            let run = callgate(&[args, given].concat());
            assert!(!run.stderr.contains("depends on"), "{run:?}");
        }
    }
    let report = String::from_utf8_lossy(&callgate(asked[3]).stdout).into_owned();
    assert!(report.contains("This is so on "), "{report}");
    // A block says itself what its tests are for.
    let block = format!("{text}{more}on cap CAP_BPF {{ test bpf(..) -> allow }}\n");
    assert_eq!(callgate(&["test", &folder.file("block.gate", block)]).stderr, "");
    let fixed = folder.file("fixed.gate", text.replace("machine x86_64, aarch64", "arch x86_64"));
    assert_eq!(callgate(&["prove", &fixed, &fixed]).stderr, "", "it depends on nothing");
}

/// A filter that goes on whatever the architecture is: numbers have other names on each of them.
#[test]
fn calls_of_other_machines_are_no_numbers_without_a_syscall() {
    let folder = Folder::new();
    let program = |name: &str, other: &str, rest: &str| {
        let text =
            format!("ld [arch]\njeq #AUDIT_ARCH_X86_64, known, {other}\nknown: ld [nr]\n{rest}");
        folder.file(name, text + "ret ALLOW\nno: ret KILL_PROCESS\n")
    };
    let list = "jeq #0, yes\njeq #3, yes\nret KILL_PROCESS\nyes: ";
    let [strict, open] = [program("a.asm", "no", list), program("b.asm", "known", list)];
    let [all_strict, all] = [program("c.asm", "no", ""), program("d.asm", "known", "")];
    for (a, b, said) in
        [(&strict, &open, "calls with the numbers 0, 3 on "), (&all_strict, &all, "every call on ")]
    {
        for (command, a, b) in [("diff", a, b), ("subset", b, a), ("prove", a, b)] {
            let run = callgate(&[command, a, b, "--all"]);
            let text = run.text().to_owned();
            assert!(text.contains(said) && text.contains("aarch64"), "{text}");
            // This machine's calls come first.
            let own = text.find(" on x86:").unwrap();
            assert!(own < text.find(said).unwrap(), "{text}");
            let example = text[text.find(said).unwrap()..].split("e.g. ").nth(1).unwrap();
            assert!(example.starts_with("restart_syscall() on arm"), "{text}");
            let json = callgate(&[command, a, b, "--format", "json"]);
            let json: serde_json::Value = serde_json::from_str(json.text()).unwrap();
            for call in json["calls"].as_array().unwrap() {
                let is_foreign = call["arch"].as_str().unwrap().contains("tokens");
                let [other, numbers] =
                    ["other_numbers", "numbers"].map(|key| call[key].as_array().unwrap().len());
                assert!(!is_foreign || (other == 0 && numbers > 0), "{call}");
            }
        }
    }
}

#[test]
fn what_leads_out_of_a_sandbox_is_said_before_what_no_kernel_answers() {
    let folder = Folder::new();
    let file = |name: &str, arch: &str, default: &str| {
        let text = format!("policy 1\narch {arch}\ndefault {default}\nallow {{ read, write }}\n");
        folder.file(name, text)
    };
    let shut = file("a.gate", "x86_64, x86, x32", "errno EPERM");
    let open = file("b.gate", "x86_64, x86, x32", "allow");
    for (command, a, b) in [("diff", &shut, &open), ("subset", &open, &shut)] {
        let run = callgate(&[command, a, b, "--all"]);
        let text = run.text();
        let [severe, dead] = [" mount,", " create_module,"].map(|name| text.find(name).unwrap());
        assert!(severe < dead, "{text}");
        let examples: Vec<&str> = text.lines().filter(|line| line.contains("e.g. ")).collect();
        assert!(!examples[0].contains("_sysctl"), "{text}");
        // Of a long list the beginning is shown.
        let short = callgate(&[command, a, b]);
        for name in [" mount,", " bpf,", "~debug"] {
            assert!(short.text().contains(name), "{name}: {}", short.text());
        }
    }
    // The example of a whole architecture.
    let fewer = file("c.gate", "x86_64, x86", "allow");
    let run = callgate(&["subset", &open, &fewer]);
    let line = run.text().lines().find(|line| line.contains("e.g. ")).unwrap();
    assert!(run.text().contains("every x32 call") && !line.contains(" read("), "{run:?}");
}
