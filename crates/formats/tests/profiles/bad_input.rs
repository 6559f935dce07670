//! Every kind of bad input: the message names the place and the value, and nothing panics.

use callgate_formats::{Error, FILE_MAX, Form, Options, Profile, WarningKind};
use callgate_syscalls::{Action, Arch, KernelVersion};

fn options() -> Options {
    Options::new(Arch::X86_64, KernelVersion::new(6, 12))
}

/// The message about a text that cannot be parsed.
fn refused(text: &str) -> String {
    Profile::parse(text.as_bytes(), "p.json").unwrap_err().to_string()
}

/// The message about a rule, in a profile of three lines with the rule on the second.
fn refused_rule(rule: &str) -> String {
    refused(&profile(rule))
}

fn profile(rule: &str) -> String {
    format!("{{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [\n{rule}\n]}}")
}

const ACTIONS: &str = "SCMP_ACT_KILL, SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, \
                       SCMP_ACT_ERRNO, SCMP_ACT_TRACE, SCMP_ACT_ALLOW, SCMP_ACT_LOG, SCMP_ACT_NOTIFY";

#[test]
fn malformed_json() {
    assert_eq!(refused(""), "p.json:1:1: the text ends where a value is expected");
    assert_eq!(
        refused("{\n  \"defaultAction\""),
        "p.json:1:1: the text ends within this object: `}` is missing"
    );
    assert_eq!(
        refused("{\"defaultAction\": nope}"),
        "p.json:1:19: expected a value; words such as `nope` need double quotes"
    );
    let trailing =
        format!("{} x", profile("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"}"));
    assert_eq!(refused(&trailing), "p.json:3:4: the text goes on behind its value");
    let bytes = b"{\n \"defaultAction\xff\"}";
    let error = Profile::parse(bytes, "p.json").unwrap_err();
    assert_eq!(error.to_string(), "p.json:2:16: not UTF-8 text, so not JSON");
}

#[test]
fn wrong_types() {
    assert_eq!(refused("[]"), "p.json:1:1: expected a seccomp profile object, found a list");
    assert_eq!(
        refused("{\"defaultAction\": 5}"),
        "p.json:1:19: defaultAction: expected the action as a text, found the number 5"
    );
    assert_eq!(
        refused("{\"defaultAction\": \"SCMP_ACT_ALLOW\",\n \"syscalls\": {}}"),
        "p.json:2:14: syscalls: expected the rules as a list, found an object"
    );
    assert_eq!(
        refused_rule("{\"names\": \"read\", \"action\": \"SCMP_ACT_ALLOW\"}"),
        "p.json:2:11: syscalls[0].names: expected the names of syscalls as a list, found the text \"read\""
    );
    assert_eq!(
        refused_rule("7"),
        "p.json:2:1: syscalls[0]: expected a rule object, found the number 7"
    );
    assert_eq!(refused("{}"), "p.json:1:1: missing field `defaultAction`");
}

#[test]
fn numbers_out_of_range() {
    let rule = |arg: &str| {
        refused_rule(&format!(
            "{{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{arg}]}}"
        ))
    };
    assert_eq!(
        rule("{\"index\": 6, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}"),
        "p.json:2:68: syscalls[0].args[0].index: no argument 6: syscalls have arguments 0 to 5"
    );
    assert_eq!(
        rule("{\"index\": 0, \"value\": -1, \"op\": \"SCMP_CMP_EQ\"}"),
        "p.json:2:80: syscalls[0].args[0].value: expected the value as a whole number from 0 on, found -1"
    );
    assert_eq!(
        rule("{\"index\": 0, \"value\": 18446744073709551616, \"op\": \"SCMP_CMP_EQ\"}"),
        "p.json:2:80: syscalls[0].args[0].value: 18446744073709551616 is above 18446744073709551615, the largest number"
    );
    assert_eq!(
        rule("{\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQ\", \"width\": 16}"),
        "p.json:2:113: syscalls[0].args[0].width: 16 is no width: arguments are compared in 32 or 64 bits"
    );
    assert_eq!(
        rule("{\"index\": 0, \"value\": 4294967296, \"op\": \"SCMP_CMP_EQ\", \"width\": 32}"),
        "p.json:2:122: syscalls[0].args[0].width: the values beside it need more than 32 bits"
    );
}

#[test]
fn argument_index_at_its_limit() {
    for (index, accepted) in [(4, true), (5, true), (6, false)] {
        let text = profile(&format!(
            "{{\"names\": [\"mmap\"], \"action\": \"SCMP_ACT_ALLOW\", \
             \"args\": [{{\"index\": {index}, \"value\": 0, \"op\": \"SCMP_CMP_EQ\"}}]}}"
        ));
        assert_eq!(Profile::parse(text.as_bytes(), "p").is_ok(), accepted, "{index}");
    }
}

#[test]
fn errno_at_its_limit() {
    let rule = |action: &str, errno: u64| {
        profile(&format!(
            "{{\"names\": [\"read\"], \"action\": \"SCMP_ACT_{action}\", \"errnoRet\": {errno}}}"
        ))
    };
    for (errno, accepted) in [(4094, true), (4095, true), (4096, false), (1 << 40, false)] {
        let parsed = Profile::parse(rule("ERRNO", errno).as_bytes(), "p.json");
        assert_eq!(parsed.is_ok(), accepted, "{errno}");
    }
    assert!(Profile::parse(rule("TRACE", 65535).as_bytes(), "p").is_ok());
    assert_eq!(
        refused(&rule("ERRNO", 4096)),
        "p.json:2:61: syscalls[0].errnoRet: errno 4096 is above 4095, the largest"
    );
    assert_eq!(
        refused("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrno\": \"EPREM\"}"),
        "p.json:1:53: defaultErrno: unknown errno \"EPREM\": expected a name such as EPERM or ENOSYS, or its number"
    );
}

#[test]
fn duplicate_keys() {
    assert_eq!(
        refused("{\"defaultAction\": \"SCMP_ACT_ALLOW\",\n \"defaultAction\": \"SCMP_ACT_LOG\"}"),
        "p.json:2:2: defaultAction: duplicate field `defaultAction`"
    );
    assert_eq!(
        refused_rule(
            "{\"names\": [\"read\"], \"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\"}"
        ),
        "p.json:2:21: syscalls[0].names: duplicate field `names`"
    );
}

#[test]
fn nesting_of_any_size_is_refused_quickly() {
    let started = std::time::Instant::now();
    let bytes = vec![b'['; 100 << 20];
    let error = Profile::parse(&bytes, "p.json").unwrap_err();
    assert_eq!(error, Error::TooLong { origin: "p.json".to_owned() });
    assert_eq!(error.to_string(), "p.json: longer than 4194304 bytes, which no profile needs");
    for start in ["", "{\"defaultAction\": ", "{\"linux\": ", "{\"syscalls\": [{\"includes\": "] {
        let nested = format!("{start}{}", "[".repeat(FILE_MAX - start.len()));
        assert!(Profile::parse(nested.as_bytes(), "p.json").is_err(), "{start}");
        let nested = format!("{start}{}", "{\"a\":".repeat((FILE_MAX - start.len()) / 5));
        assert!(Profile::parse(nested.as_bytes(), "p.json").is_err(), "{start}");
    }
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

#[test]
fn size_at_its_limit() {
    let text = profile("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"}");
    for (size, accepted) in [(FILE_MAX - 1, true), (FILE_MAX, true), (FILE_MAX + 1, false)] {
        let padded = format!("{text}{}", " ".repeat(size - text.len()));
        assert_eq!(Profile::parse(padded.as_bytes(), "p").is_ok(), accepted, "{size}");
    }
}

#[test]
fn unknown_words() {
    assert_eq!(
        refused("{\"defaultAction\": \"SCMP_ACT_ALOW\"}"),
        format!(
            "p.json:1:19: defaultAction: unknown action \"SCMP_ACT_ALOW\": did you mean SCMP_ACT_ALLOW? \
             Accepted are {ACTIONS}"
        )
    );
    assert_eq!(
        refused_rule(
            "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 1, \"op\": \"==\"}]}"
        ),
        "p.json:2:89: syscalls[0].args[0].op: unknown operator \"==\": did you mean SCMP_CMP_EQ? Accepted are SCMP_CMP_NE, SCMP_CMP_LT, SCMP_CMP_LE, SCMP_CMP_EQ, SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ"
    );
    let message = refused(
        "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86\", \"z80\"]}",
    );
    assert!(message.starts_with("p.json:1:72: architectures[1]: unknown architecture \"z80\"; accepted are SCMP_ARCH_X86,"), "{message}");
    let message = refused(
        "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_TSYNK\"]}",
    );
    assert!(message.contains("flags[0]: unknown flag \"SECCOMP_FILTER_FLAG_TSYNK\": did you mean SECCOMP_FILTER_FLAG_TSYNC?"), "{message}");
    let message = refused_rule(
        "{\"names\": [\"a\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"caps\": [\"CAP_SYS_ADMN\"]}}",
    );
    assert!(
        message.contains(
            "includes.caps[0]: unknown capability \"CAP_SYS_ADMN\": did you mean CAP_SYS_ADMIN?"
        ),
        "{message}"
    );
    let message = refused_rule(
        "{\"names\": [\"a\"], \"action\": \"SCMP_ACT_ALLOW\", \"excludes\": {\"arches\": [\"amd46\"]}}",
    );
    assert!(
        message.contains("excludes.arches[0]: unknown architecture \"amd46\": did you mean amd64?"),
        "{message}"
    );
    assert_eq!(
        refused_rule(
            "{\"names\": [\"a\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"minKernel\": \"new\"}}"
        ),
        "p.json:2:72: syscalls[0].includes.minKernel: \"new\": not a kernel version: expected MAJOR.MINOR, such as 6.12"
    );
    let message = refused_rule(
        "{\"names\": [\"a\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"minKernel\": \"4.8.7\"}}",
    );
    assert!(
        message.ends_with("refused by Docker, which takes two numbers: write \"4.8\""),
        "{message}"
    );
}

#[test]
fn lists_that_say_nothing() {
    assert_eq!(
        refused_rule("{\"names\": [\"read\", \"\"], \"action\": \"SCMP_ACT_ALLOW\"}"),
        "p.json:2:20: syscalls[0].names[1]: an empty text is not the name of a syscall"
    );
    assert_eq!(
        refused_rule("{\"action\": \"SCMP_ACT_ALLOW\", \"comment\": \"Docker\"}"),
        "p.json:2:1: syscalls[0]: the rule names no syscall: `names` is missing"
    );
    assert_eq!(
        refused_rule("{\"action\": \"SCMP_ACT_ALLOW\"}"),
        "p.json:2:1: syscalls[0]: missing field `names`"
    );
}

#[test]
fn what_runtimes_read_is_read_though_it_does_nothing_or_everything() {
    let empty = profile("{\"names\": [], \"action\": \"SCMP_ACT_ALLOW\"}");
    assert_eq!(
        warnings(&empty),
        ["p.json:2:11: syscalls[0].names: no effect: the rule names no syscall"]
    );
    let rules = ["", ", \"syscalls\": []", ", \"syscalls\": null"];
    let actions = [
        ("KILL", Action::KILL_THREAD),
        ("KILL_PROCESS", Action::KILL_PROCESS),
        ("TRAP", Action::trap(0)),
        ("ERRNO", Action::errno(1).unwrap()),
        ("LOG", Action::LOG),
        ("NOTIFY", Action::USER_NOTIFY),
        ("ALLOW", Action::ALLOW),
    ];
    let cases = rules.into_iter().flat_map(|rules| actions.map(|action| (rules, action)));
    for (rules, (action, meant)) in cases {
        let text = format!("{{\"defaultAction\": \"SCMP_ACT_{action}\"{rules}}}");
        let read = Profile::parse(text.as_bytes(), "p").unwrap_or_else(|e| panic!("{text}: {e}"));
        let resolved = read.resolve(&options()).unwrap();
        assert_eq!(resolved.warnings, [], "{text}");
        for nr in Arch::X86_64.syscalls().map(|syscall| syscall.nr) {
            let call = callgate_syscalls::SeccompData::new(Arch::X86_64, nr);
            assert_eq!(resolved.policy.decide(&call), meant, "{text}");
        }
    }
}

#[test]
fn contradicting_fields() {
    assert_eq!(
        refused_rule(
            "{\"name\": \"read\", \"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\"}"
        ),
        "p.json:2:27: syscalls[0].names: stands beside `name`: only one of the two can be meant"
    );
    assert_eq!(
        refused(
            "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86\"],\n\
             \"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\"}]}"
        ),
        "p.json:2:12: archMap: stands beside `architectures`: only one of the two can be meant"
    );
}

#[test]
fn misspelt_fields_are_errors_and_strange_ones_warnings() {
    assert_eq!(
        refused_rule("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\",\n \"arg\": []}"),
        "p.json:3:2: syscalls[0].arg: unknown field: did you mean `args`?"
    );
    let text =
        profile("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\",\n \"x-owner\": \"me\"}");
    let resolved = Profile::parse(text.as_bytes(), "p.json").unwrap().resolve(&options()).unwrap();
    let warnings: Vec<String> = resolved.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["p.json:3:13: syscalls[0].x-owner: unknown field, skipped"]);
}

fn warnings(text: &str) -> Vec<String> {
    let resolved = Profile::parse(text.as_bytes(), "p.json").unwrap().resolve(&options()).unwrap();
    resolved.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn keys_in_other_spellings_are_read_with_a_note() {
    let text = "{\"DefaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"read\"],\n\
                \"action\": \"SCMP_ACT_ERRNO\", \"errno_ret\": 5}]}";
    let said = warnings(text);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().any(|said| said.starts_with("p.json:1:19: DefaultAction: read though")));
    assert!(
        said.iter()
            .any(|said| said.starts_with("p.json:2:42: syscalls[0].errno_ret: read as `errnoRet`")),
        "{said:?}"
    );
    let resolved = Profile::parse(text.as_bytes(), "p.json").unwrap().resolve(&options()).unwrap();
    let call =
        callgate_syscalls::SeccompData::new(Arch::X86_64, callgate_syscalls::SyscallNr::new(0));
    assert_eq!(resolved.policy.decide(&call), Action::errno(5).unwrap());
    // What is there in the right spelling too is a contradiction.
    let both = text.replace("\"syscalls\"", "\"default_action\": \"SCMP_ACT_LOG\", \"syscalls\"");
    assert!(refused(&both).contains("default_action"), "{}", refused(&both));
}

#[test]
fn numbers_in_quotes_and_other_words_are_read_with_their_mend() {
    let text = "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"amd64\", \"i386\", \"0xc000003e\"], \"syscalls\": [\n\
                {\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": [\n\
                {\"index\": 0, \"value\": \"0x10\", \"op\": \"SCMP_CMP_EQ\"}]}]}";
    let profile = Profile::parse(text.as_bytes(), "p.json").unwrap();
    let resolved = profile.resolve(&options()).unwrap();
    let said = |start: &str| resolved.warnings.iter().find(|w| w.to_string().starts_with(start));
    let value = said("p.json:3:23: syscalls[0].args[0].value: read as 16").unwrap().diagnostic();
    assert_eq!(value.helps[0].edit.as_ref().unwrap().replacement, "16");
    let arch =
        said("p.json:1:55: architectures[0]: read as SCMP_ARCH_X86_64").unwrap().diagnostic();
    assert_eq!(arch.helps[0].edit.as_ref().unwrap().replacement, "\"SCMP_ARCH_X86_64\"");
    assert!(said("p.json:1:64: architectures[1]: read as SCMP_ARCH_X86,").is_some());
    let socket = |family| {
        let call = callgate_syscalls::SeccompData::new(
            Arch::X86_64,
            callgate_syscalls::SyscallNr::new(41),
        );
        resolved.policy.decide(&call.with_args([family, 0, 0, 0, 0, 0]))
    };
    assert_eq!([socket(16), socket(10)], [Action::errno(1).unwrap(), Action::ALLOW]);
    for bad in ["0x", "0x-1", "-1", "+1", "010", "0x1_0", "ten", "0x10000000000000000"] {
        let message = refused(&text.replace("0x10", bad));
        assert!(message.contains("found the text"), "{bad}: {message}");
    }
}

#[test]
fn conditions_that_hardly_mean_what_they_say() {
    let args = |args: &str| {
        profile(&format!(
            "{{\"names\": [\"socket\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{args}]}}"
        ))
    };
    let beyond =
        |index: u8| args(&format!("{{\"index\": {index}, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}}"));
    assert!(!warnings(&beyond(2)).iter().any(|said| said.contains("means nothing")));
    let said = warnings(&beyond(3));
    assert!(
        said.iter().any(|said| said.contains("syscalls[0].args[0].index: socket has 3 arguments")),
        "{said:?}"
    );
    let masked = "{\"index\": 0, \"value\": 4, \"op\": \"SCMP_CMP_MASKED_EQ\"";
    let said = warnings(&args(&format!("{masked}}}")));
    assert!(said.iter().any(|said| said.contains("args[0].op: no `valueTwo`")), "{said:?}");
    let said = warnings(&args(&format!("{masked}, \"valueTwo\": 0}}")));
    assert!(!said.iter().any(|said| said.contains("valueTwo")), "{said:?}");
}

#[test]
fn numbers_that_nobody_uses_may_be_any() {
    for number in ["4096", "70000", "18446744073709551615"] {
        let text = profile(&format!(
            "{{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"errnoRet\": {number}}}"
        ));
        let said = warnings(&text);
        assert!(
            said.iter().any(|said| said.contains("syscalls[0].errnoRet: no effect")),
            "{said:?}"
        );
    }
    let text =
        profile("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_TRACE\", \"errnoRet\": 70000}");
    assert!(refused(&text).contains("errnoRet"));
}

#[test]
fn comments_and_last_commas_are_read_and_places_stay_right() {
    let text = "\u{feff}// why\n{\"defaultAction\": \"SCMP_ACT_ERRNO\", /* é */ \"syscalls\": [\n\
                {\"names\": [\"read\",], \"action\": \"SCMP_ACT_ALLOW\",}, // \"not this\"\n\
                ],}\n";
    let profile = Profile::parse(text.as_bytes(), "p.json").unwrap();
    assert_eq!(profile.resolve(&options()).unwrap().warnings, []);
    assert_eq!(
        refused(&text.replace("ALLOW", "ALOW")).split(": ").next(),
        Some("p.json:3:32"),
        "the byte order mark and the comments do not move places"
    );
    assert_eq!(
        refused(&text.replace("/* é */", "/* é */ 5")),
        "p.json:2:45: expected a key in double quotes, or `}`"
    );
    assert_eq!(
        refused("\u{feff}\u{feff}{}"),
        "p.json:1:1: expected a value",
        "one byte order mark is enough"
    );
}

#[test]
fn unreadable_files() {
    let directory = env!("CARGO_MANIFEST_DIR");
    let missing = std::path::Path::new(directory).join("missing.json");
    let message = Profile::load(&missing).unwrap_err().to_string();
    assert!(
        message.ends_with("missing.json: cannot read: No such file or directory (os error 2)"),
        "{message}"
    );
    let message = Profile::load(std::path::Path::new(directory)).unwrap_err().to_string();
    assert!(message.ends_with("cannot read: Is a directory (os error 21)"), "{message}");
    let endless = Profile::load(std::path::Path::new("/dev/zero")).unwrap_err();
    assert_eq!(endless, Error::TooLong { origin: "/dev/zero".to_owned() });
}

#[test]
fn unknown_syscalls_are_skipped_in_allowing_rules_and_refused_in_others() {
    let resolve = |action: &str, name: &str| {
        let text = profile(&format!(
            "{{\"names\": [\"read\", \"{name}\"], \"action\": \"SCMP_ACT_{action}\"}}"
        ));
        Profile::parse(text.as_bytes(), "p.json").unwrap().resolve(&options())
    };
    for action in ["ALLOW", "LOG", "NOTIFY", "TRACE"] {
        let warnings = resolve(action, "mnout").unwrap().warnings;
        let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            warnings,
            [
                "p.json:2:20: syscalls[0].names[1]: unknown syscall \"mnout\", skipped: did you mean mount?"
            ]
        );
    }
    for action in ["ERRNO", "TRAP", "KILL", "KILL_PROCESS", "KILL_THREAD"] {
        let message = resolve(action, "brand_new_call").unwrap_err().to_string();
        assert_eq!(
            message,
            "p.json:2:20: syscalls[0].names[1]: unknown syscall \"brand_new_call\" in a rule that refuses calls: \
             no architecture has it up to Linux 7.1; remove the name"
        );
    }
    let other_arch = resolve("ERRNO", "riscv_flush_icache").unwrap();
    let is_name = |kind: &WarningKind| matches!(kind, WarningKind::UnknownSyscall { .. });
    let about_names = other_arch.warnings.iter().filter(|warning| is_name(&warning.kind));
    assert_eq!(about_names.count(), 0, "known on another architecture");
}

/// Whichever of the two were read, the other's author would be mistaken.
#[test]
fn a_configuration_with_a_profile_beside_its_own_is_refused() {
    let inner = r#""linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}}"#;
    for (outer, field) in [
        (r#""defaultAction": "SCMP_ACT_ALLOW""#, "defaultAction"),
        (r#""defaultAction": null"#, "defaultAction"),
        (r#""architectures": []"#, "architectures"),
        (r#""archMap": []"#, "archMap"),
        (r#""syscalls": []"#, "syscalls"),
    ] {
        for text in [format!("{{{outer}, {inner}}}"), format!("{{{inner}, {outer}}}")] {
            let error = Profile::parse(text.as_bytes(), "p.json").unwrap_err().to_string();
            assert!(error.contains(&format!(": {field}: ")), "{text}: {error}");
            assert!(error.contains("linux.seccomp") && error.contains("remove"), "{text}: {error}");
        }
    }
    let version = r#"{"ociVersion": "1.0.2", "defaultAction": "SCMP_ACT_ALLOW"}"#;
    assert!(Profile::parse(version.as_bytes(), "p.json").is_err());
    let alone = format!(r#"{{"hostname": "x", {inner}}}"#);
    let form = Profile::parse(alone.as_bytes(), "p.json").map(|profile| profile.form());
    assert_eq!(form, Ok(Form::OciConfig));
}

#[test]
fn an_oci_configuration_without_seccomp() {
    let error = Profile::parse(b"{\"ociVersion\": \"1.2.0\", \"linux\": {}}", "config.json");
    assert_eq!(
        error.unwrap_err().to_string(),
        "config.json: this OCI configuration has no linux.seccomp"
    );
}

#[test]
fn errors_inside_a_configuration_have_its_paths() {
    let text = "{\"ociVersion\": \"1.2.0\", \"process\": {\"args\": [\"sh\"]}, \"linux\": {\"seccomp\": {\n\
                \"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [\n\
                {\"names\": [\"\"], \"action\": \"SCMP_ACT_ALLOW\"}]}}}";
    assert_eq!(
        refused(text),
        "p.json:3:12: linux.seccomp.syscalls[0].names[0]: an empty text is not the name of a syscall"
    );
    let fixed = text.replace("[\"\"], ", "[\"read\"], ");
    let profile = Profile::parse(fixed.as_bytes(), "p.json").unwrap();
    assert_eq!(profile.form(), Form::OciConfig);
    assert_eq!(profile.resolve(&options()).unwrap().warnings, []);
}
