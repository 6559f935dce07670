//! Changes as they are said, done by hand in the texts of policies: what comes out is understood,
//! cures the call, and permits what was said.
#![expect(clippy::unwrap_used, reason = "a helper fails its test by panicking")]

use callgate_explain::{
    Answer, Change, ChangeKind, Cost, Denial, Explanation, Filter, Knowledge, explain,
};
use callgate_gate::{Refused, Written, read};
use callgate_policy::Policy;
use callgate_rules::{Source, SourceError, Target};
use callgate_syscalls::{Action, Arch, Name, SeccompData, SyscallNr, names};

/// Files by their names, the policy first.
type Files = Vec<(&'static str, String)>;

fn written(files: &Files) -> Result<Written, Refused> {
    let (name, text) = &files[0];
    read(Source::new(*name, text.as_str()).unwrap(), &mut |path, _| {
        let found = files.iter().find(|(name, _)| *name == path);
        let missing = || SourceError::Unreadable { name: path.to_owned(), reason: String::new() };
        Source::new(path, found.ok_or_else(missing)?.1.as_str())
    })
}

fn policy(files: &Files) -> Policy {
    let lowered = written(files).and_then(|it| it.lower(&Target::new(Arch::X86_64)));
    lowered.unwrap().policy
}

fn explained(files: &Files, denial: &Denial) -> Explanation {
    let written = written(files).unwrap();
    let lowered = written.lower(&Target::new(Arch::X86_64)).unwrap();
    let filter = Filter::rules(&lowered.policy, &lowered.provenance, &written.sources);
    explain(denial, Some(&filter))
}

fn denial(files: &Files, arch: Arch, name: Name, args: &[u64]) -> Denial {
    let nr = arch.syscall(name).unwrap().nr;
    let mut denial = Denial::new(arch.token(), nr, Knowledge::Notification);
    denial.args = [Some(0); 6];
    for (register, value) in denial.args.iter_mut().zip(args) {
        *register = Some(*value);
    }
    denial.answer = Answer::Action(policy(files).decide(&call(&denial)));
    denial
}

fn call(denial: &Denial) -> SeccompData {
    let arch = denial.arch().unwrap();
    SeccompData::new(arch, denial.nr).with_args(denial.args.map(|it| it.unwrap_or(0)))
}

/// Does what a change says, line by line, and nothing else.
fn changed(files: &Files, change: &Change) -> Files {
    let mut files = files.clone();
    let at = |place: &str| {
        let (name, line) = place.rsplit_once(':').unwrap();
        (name.to_owned(), line.parse::<usize>().unwrap() - 1)
    };
    let mut edit = |place: &str, edit: &mut dyn FnMut(&mut String)| {
        let (name, line) = at(place);
        let (_, text) = files.iter_mut().find(|(known, _)| *known == name).unwrap();
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        edit(&mut lines[line]);
        *text = lines.join("\n");
    };
    for removal in &change.removals {
        edit(&removal.place, &mut |line| match &removal.whole {
            Some(statement) => *line = line.replacen(&**statement, "", 1),
            None => {
                for call in &removal.calls {
                    let before = line.clone();
                    *line =
                        line.replace(&format!("{call}, "), "").replace(&format!(", {call}"), "");
                    assert_ne!(*line, before, "{call}");
                }
            }
        });
    }
    match &change.before {
        // Behind the line break, so that other places stay where they are.
        Some(before) => edit(&before.place, &mut |line| *line = format!("{}\n{line}", change.line)),
        None => files[0].1 += &format!("{}\n", change.line),
    }
    files
}

/// A policy, a call that it refuses, and where the first change stands and what goes for it.
type Case = (Files, Denial, &'static [&'static str]);

fn one(text: &str) -> Files {
    vec![("p.gate", text.to_owned())]
}

const HEADER: &str = "policy 1\narch x86_64, aarch64\ndefault allow\n";

fn with(statements: &str) -> Files {
    one(&format!("{HEADER}{statements}"))
}

fn case(files: Files, name: Name, args: &[u64], steps: &'static [&'static str]) -> Case {
    let denial = denial(&files, Arch::X86_64, name, args);
    (files, denial, steps)
}

fn kill(files: Files, steps: &'static [&'static str]) -> Case {
    case(files, names::KILL, &[1, 9], steps)
}

fn uname(files: Files, steps: &'static [&'static str]) -> Case {
    case(files, names::UNAME, &[0], steps)
}

fn cases_in_blocks() -> Vec<Case> {
    vec![
        // Within a block, for its architectures alone.
        kill(
            with("on x86_64 {\n    errno EPERM kill\n}\nerrno EACCES kill\n"),
            &["in place of p.gate:5, to which nothing is left to decide"],
        ),
        kill(
            with("on x86_64 { errno EPERM { kill, tkill } }\nerrno EACCES kill\n"),
            &["before p.gate:4, which then has to be without kill"],
        ),
        kill(
            with("on x86_64 { on cap CAP_KILL { errno EPERM kill } }\nerrno EACCES kill\n"),
            &["in place of p.gate:4, to which nothing is left to decide"],
        ),
        // What stands behind has nothing left to decide either.
        uname(
            with("errno EPERM uname where name == NULL\nerrno EACCES { uname, tkill }\n"),
            &[
                "in place of p.gate:4, to which nothing is left to decide",
                "and p.gate:5 without uname",
            ],
        ),
        uname(
            with(
                "errno EPERM uname where name == NULL\non aarch64 { errno EACCES uname }\n\
                 on x86_64 { trap 3 uname }\n",
            ),
            &[
                "in place of p.gate:4, to which nothing is left to decide",
                "and without p.gate:5: errno EACCES uname",
                "and without p.gate:6: trap 3 uname",
            ],
        ),
    ]
}

fn cases_elsewhere() -> Vec<Case> {
    vec![
        // What is said always can only be contradicted always.
        case(
            with("always errno EPERM socket where family == 17\n"),
            names::SOCKET,
            &[17, 3, 0],
            &[
                "before p.gate:4: the first rule that holds decides",
                "against p.gate:4, which says `always`",
            ],
        ),
        kill(
            with("allow getpid\non x86_64 { always errno EPERM kill }\n"),
            &[
                "in place of p.gate:5, to which nothing is left to decide",
                "against p.gate:5, which says `always`",
            ],
        ),
        // In groups and other files.
        kill(
            with("group mine {\n  errno EPERM { kill, tkill }\n}\nuse @mine\n"),
            &["before p.gate:5, which then has to be without kill"],
        ),
        kill(
            vec![
                (
                    "p.gate",
                    format!("{HEADER}include \"q.gate\"\nerrno EACCES kill where sig == 3\n"),
                ),
                ("q.gate", "errno EACCES tkill\nerrno EPERM kill where sig > 3\n".to_owned()),
            ],
            &["before q.gate:2: the first rule that holds decides"],
        ),
        // The default decides.
        kill(
            one(
                "policy 1\narch x86_64, aarch64\ndefault errno EPERM\non aarch64 { trap 3 kill }\n",
            ),
            &[],
        ),
        // A value that another architecture does not have.
        {
            let files = one("policy 1\narch x86_64, aarch64\ndefault errno EPERM\nallow read\n");
            let denial = denial(&files, Arch::X86_64, names::ARCH_PRCTL, &[0x1002, 0x7000]);
            (files, denial, &[])
        },
    ]
}

#[test]
fn changes_are_applicable_as_they_are_said() {
    for (files, denial, steps) in cases_in_blocks().into_iter().chain(cases_elsewhere()) {
        let explanation = explained(&files, &denial);
        assert!(!explanation.changes.is_empty(), "{files:?}\n{explanation}");
        let before = policy(&files);
        for change in &explanation.changes {
            let after = policy(&changed(&files, change));
            let decided = after.decide(&call(&denial));
            match change.kind {
                ChangeKind::Enosys => assert_eq!(decided, Action::errno(38).unwrap()),
                _ => assert_eq!(decided, Action::ALLOW, "{}", change.line),
            }
            assert_eq!(change.cost, Cost::between(&before, &after), "{}", change.line);
        }
        // The exact change comes before the block.
        let exact = explanation.changes.iter().find(|it| it.kind == ChangeKind::Exact).unwrap();
        assert_eq!(exact.steps(), steps, "{files:?}\n{explanation}");
    }
}

#[test]
fn a_change_in_a_block_is_for_its_architectures_alone() {
    let text = "policy 1\narch x86_64, aarch64\ndefault allow\n\
                on x86_64 { errno EPERM kill }\nerrno EPERM kill\n";
    let files = vec![("p.gate", text.to_owned())];
    let explanation = explained(&files, &denial(&files, Arch::X86_64, names::KILL, &[1, 9]));
    let change = &explanation.changes[0];
    assert_eq!(change.line, "on x86_64 { allow kill }");
    let cost = change.cost.as_ref().unwrap();
    assert_eq!(cost.permits, [(Arch::X86_64, "kill".to_owned(), true)]);
    let json: serde_json::Value = serde_json::from_str(&explanation.json_line()).unwrap();
    assert_eq!(json["changes"][0]["replaces"], serde_json::json!(["kill"]));
    assert_eq!(json["changes"][0]["removes"][0]["whole"], "errno EPERM kill");
}

#[test]
fn numbers_without_a_name_are_allowed_by_number_where_they_were_made() {
    let nr = SyscallNr::new(999);
    for (text, line, cost) in [
        (
            "policy 1\narch x86_64\ndefault errno EPERM\nallow read\n",
            "allow nr 999",
            "permits 1 number without a name more",
        ),
        (
            "policy 1\narch x86_64, aarch64\ndefault errno EPERM\nallow read\n",
            "on x86_64 { allow nr 999 }",
            "permits 1 number without a name more",
        ),
        (
            "policy 1\narch x86_64, aarch64\ndefault allow\nerrno EPERM { read, nr 999 }\n",
            "allow nr 999",
            "permits 2 numbers without a name more",
        ),
    ] {
        let files = vec![("p.gate", text.to_owned())];
        let mut denial = Denial::new(Arch::X86_64.token(), nr, Knowledge::Asked);
        denial.args = [Some(1); 6];
        let explanation = explained(&files, &denial);
        let [change] = &explanation.changes[..] else { panic!("{explanation}") };
        assert_eq!((&*change.line, &change.profile_rule), (line, &None));
        assert_eq!(change.cost.as_ref().unwrap().to_string(), cost);
        let after = policy(&changed(&files, change));
        assert_eq!(after.decide(&call(&denial)), Action::ALLOW);
    }
    let alone = explain(&Denial::new(Arch::X86_64.token(), nr, Knowledge::Asked), None);
    assert_eq!(alone.changes[0].line, "allow nr 999");
}

#[test]
fn a_block_says_what_of_it_is_refused_elsewhere() {
    let text = "policy 1\narch x86_64\ndefault errno EPERM\nallow read\nkill { ptrace, kcmp }\n\
                trap 1 process_vm_readv where flags != 0\n";
    let files = vec![("p.gate", text.to_owned())];
    let denial = denial(&files, Arch::X86_64, names::PROCESS_VM_WRITEV, &[1, 0, 0, 0, 0, 0]);
    let explanation = explained(&files, &denial);
    let block = explanation.changes.iter().find(|it| it.kind == ChangeKind::Block).unwrap();
    assert_eq!(block.line, "use @debug");
    let place = || Some("p.gate:5:1".to_owned());
    assert_eq!(block.still_refused, [(names::PTRACE, place()), (names::KCMP, place())]);
    let text = explanation.to_string();
    assert!(text.contains("still refused: ptrace (p.gate:5:1), kcmp (p.gate:5:1)\n"), "{text}");
    let exact = explanation.changes.iter().find(|it| it.kind == ChangeKind::Exact).unwrap();
    assert_eq!(exact.still_refused, []);
    let json: serde_json::Value = serde_json::from_str(&explanation.json_line()).unwrap();
    let refused = json["changes"].as_array().unwrap().last().unwrap()["still_refused"].clone();
    assert_eq!(refused[0], serde_json::json!({ "name": "ptrace", "place": "p.gate:5:1" }));
}

#[test]
fn who_answers_that_there_is_no_such_call_takes_nothing_away() {
    let rules = [
        ("kill prctl where option == PR_SET_NAME\n", "enosys prctl where option == PR_SET_NAME"),
        (
            "kill prctl where option in { PR_SET_NAME, 3 }\nallow prctl\n",
            "enosys prctl where option in {PR_SET_NAME, PR_GET_DUMPABLE}",
        ),
        (
            "always kill prctl where option == PR_SET_NAME and arg2 != 0\n",
            "always enosys prctl where option == PR_SET_NAME and arg2 != 0",
        ),
        ("kill prctl\n", "enosys prctl"),
    ];
    for (rules, line) in rules {
        let files = one(&format!("policy 1\narch x86_64\ndefault allow\n{rules}"));
        let mut denial = denial(&files, Arch::X86_64, names::PRCTL, &[15, 0x7000]);
        // Of a record without arguments it is known as well.
        for args in [denial.args, [None; 6]] {
            denial.args = args;
            let explanation = explained(&files, &denial);
            let first = &explanation.changes[0];
            assert_eq!((first.kind, &*first.line), (ChangeKind::Enosys, line), "{explanation}");
            let cost = Cost::between(&policy(&files), &policy(&changed(&files, first))).unwrap();
            assert!(cost.is_nothing() && cost.takes_nothing(), "{line}: {cost}");
        }
    }
    // Behind the rules that allow, all that is left is refused.
    let files = one("policy 1\narch x86_64\ndefault kill\nallow prctl where option != 15\n");
    let denial = denial(&files, Arch::X86_64, names::PRCTL, &[15, 0x7000]);
    assert_eq!(explained(&files, &denial).changes[0].line, "enosys prctl");
}

#[test]
fn what_a_block_takes_away_is_said() {
    let files = one("policy 1\narch x86_64\ndefault kill\ntrap 7 rmdir\nallow openat2\n");
    let denial = denial(&files, Arch::X86_64, names::RMDIR, &[]);
    let explanation = explained(&files, &denial);
    let block = explanation.changes.iter().find(|it| it.kind == ChangeKind::Block).unwrap();
    let lost = [(Arch::X86_64, "openat2".to_owned(), true)];
    assert_eq!(block.cost.as_ref().unwrap().refuses, lost, "{explanation}");
    let said = " refuses what was allowed, 1 call: openat2\n";
    assert!(explanation.to_string().contains(said), "{explanation}");
    let json: serde_json::Value = serde_json::from_str(&explanation.json_line()).unwrap();
    let lost = serde_json::json!([{ "arch": "x86_64", "name": "openat2", "whole": true }]);
    assert_eq!(json["changes"].as_array().unwrap().last().unwrap()["refuses"], lost);
}

#[test]
fn what_no_block_can_stand_for_has_its_risks_all_the_same() {
    let rules = "policy 1\narch x86_64\ndefault allow\nRULE { ptrace, unshare, mount }\n";
    let risks = |rule: &str| {
        let files = one(&rules.replace("RULE", rule));
        let denial = denial(&files, Arch::X86_64, names::MOUNT, &[]);
        let changes = explained(&files, &denial).changes;
        changes.iter().find(|it| it.kind == ChangeKind::Exact).unwrap().risks
    };
    assert!(!risks("kill").is_empty());
    assert_eq!(risks("always kill"), risks("kill"));
}

#[test]
fn where_there_is_no_change_it_is_said_why() {
    let group = "policy 1\narch x86_64\ndefault allow\n\
                 group g {BREAK errno EACCES setpriority where niceval < 0BREAK}\nuse @g\n";
    let explained = |between: &str| {
        let files = one(&group.replace("BREAK", between));
        let args = [0, 0, u64::from(u32::MAX)];
        explained(&files, &denial(&files, Arch::X86_64, names::SETPRIORITY, &args))
    };
    let on_lines = explained("\n");
    assert!(!on_lines.changes.is_empty() && on_lines.no_change.is_none(), "{on_lines}");
    let on_one = explained(" ");
    assert!(on_one.changes.is_empty(), "{on_one}");
    let text = on_one.to_string();
    assert!(text.contains("change    none: the rule shares its line with the group"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&on_one.json_line()).unwrap();
    assert_eq!(json["no_change"].as_str(), on_one.no_change);
    // Nor of what the filter lets pass.
    let files = one(HEADER);
    let passes = denial(&files, Arch::X86_64, names::UNAME, &[]);
    assert_eq!(self::explained(&files, &passes).no_change, None);
    let number = Denial::new(Arch::X86_64.token(), SyscallNr::new(u32::MAX), Knowledge::Asked);
    let files = one("policy 1\narch x86_64\ndefault kill\n");
    let why = self::explained(&files, &number).no_change.unwrap();
    assert!(why.contains("tracers"), "{why}");
}
