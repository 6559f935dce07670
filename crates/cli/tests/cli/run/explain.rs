//! `callgate run --explain`: what is said of refused calls, and that nothing else is different.

use serde_json::Value;

use crate::harness::{Folder, Run, callgate, command, deny, deny_list, processes};

/// A profile whose second line refuses uname with an action, and its path.
fn refusing(folder: &Folder, action: &str) -> String {
    let rule = format!("\n{{\"names\": [\"uname\"], \"action\": \"{action}\"}}");
    folder.file("p.json", deny_list(&rule))
}

/// Runs a script under a profile both ways, and expects the same of both but for what is explained. The explanations are
/// returned.
fn both_ways(folder: &Folder, profile: &str, script: &[&str]) -> Vec<Value> {
    let to = folder.file("explained", "");
    let plain = callgate(&[&["run", "--profile", profile, "--"], script].concat());
    let options = ["run", "--explain-to", &to, "--profile", profile, "--"];
    let explained = callgate(&[&options[..], script].concat());
    assert_eq!((explained.code, explained.signal), (plain.code, plain.signal), "{script:?}");
    assert_eq!(explained.stdout, plain.stdout, "{script:?}");
    // What happens is not warned of beforehand.
    let told =
        plain.stderr.split_inclusive('\n').filter(|line| !line.starts_with("callgate: warning: "));
    assert_eq!(explained.stderr, told.collect::<String>(), "{script:?}");
    let text = std::fs::read_to_string(&to).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_refusal_is_explained_by_its_line_and_the_command_ends_as_without() {
    let folder = Folder::new();
    for (action, code, signal) in [
        ("SCMP_ACT_ERRNO", Some(1), None),
        ("SCMP_ACT_KILL_PROCESS", None, Some(31)),
        ("SCMP_ACT_KILL_THREAD", None, Some(31)),
        ("SCMP_ACT_TRAP", None, Some(31)),
        ("SCMP_ACT_LOG", Some(0), None),
    ] {
        let profile = refusing(&folder, action);
        let run = callgate(&["run", "--explain", "--profile", &profile, "--", "uname"]);
        assert_eq!((run.code, run.signal), (code, signal), "{action}: {run:?}");
        run.says(&["callgate: uname(", " on ", &format!("{profile}:2:"), "1 call of 1 kind"]);
        let lines = both_ways(&folder, &profile, &["uname"]);
        let [refused, end] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!((&refused["event"], &end["event"]), (&"refused".into(), &"end".into()));
        assert_eq!(refused["call"]["name"], "uname");
        assert_eq!(refused["comm"], "uname");
        let place = refused["rulings"][0]["place"].as_str().unwrap();
        assert!(place.starts_with(&format!("{profile}:2:")), "{place}");
    }
}

#[test]
fn the_default_has_a_place_too() {
    let folder = Folder::new();
    let text = "policy 1\ndefault allow\nerrno EACCES uname\n";
    let policy = folder.file("deny.gate", text);
    let lines = both_ways(&folder, &policy, &["uname"]);
    assert_eq!(lines[0]["rulings"][0]["place"], format!("{policy}:3:1"));
    let text = "policy 1\ndefault errno EPERM\nallow { execve, exit_group }\n";
    let policy = folder.file("default.gate", text);
    let lines = both_ways(&folder, &policy, &["true"]);
    assert_eq!(lines[0]["rulings"][0]["place"], format!("{policy}:2:1"));
    let run = callgate(&["run", "--explain", "--default", "errno:EACCES", "--", "uname", "--help"]);
    assert!(!run.stderr.contains("container:1:"), "the default is not the profile's: {run:?}");
}

#[test]
fn calls_that_are_alike_are_told_once_and_counted() {
    let folder = Folder::new();
    let profile = refusing(&folder, "SCMP_ACT_ERRNO");
    let script = "for i in 1 2 3 4 5; do uname; done; exit 6";
    let run = callgate(&["run", "--explain", "--profile", &profile, "--", "sh", "-c", script]);
    assert_eq!(run.code, Some(6), "{run:?}");
    assert_eq!(run.stderr.matches("callgate: uname(").count(), 1, "{run:?}");
    run.says(&["5 calls of 1 kind refused", "        5  uname("]);
    let lines = both_ways(&folder, &profile, &["sh", "-c", script]);
    assert_eq!(lines[1]["count"], 5);
    assert_eq!((&lines[2]["event"], &lines[2]["calls"]), (&"end".into(), &5.into()));
}

#[test]
fn the_end_lists_each_kind_with_its_line_unless_there_was_one_call() {
    let folder = Folder::new();
    let text = "policy 1\ndefault allow\nerrno EACCES uname\nerrno EPERM getppid\n";
    let policy = folder.file("deny.gate", text);
    let script = "import os\nos.getppid()\nos.getppid()\ntry: os.uname()\nexcept OSError: pass";
    let options = ["run", "--explain", "--profile", &policy, "--", "/usr/bin/python3", "-c"];
    let run = callgate(&[&options[..], &[script]].concat());
    let twice = format!("        2  getppid() on x86_64 by python3, {policy}:4:1\n");
    let once = format!(" on x86_64 by python3, {policy}:3:1\n");
    run.says(&["3 calls of 2 kinds refused\n", &twice, "        1  uname(0x", &once]);
    let run = callgate(&["run", "--explain", "--profile", &policy, "--", "uname"]);
    assert!(run.stderr.ends_with("1 call of 1 kind refused\n"), "{run:?}");
}

#[test]
fn many_kinds_are_cut_at_the_end_to_the_most_frequent() {
    let folder = Folder::new();
    let text = "policy 1\ndefault allow\nerrno EACCES socket\n";
    let policy = folder.file("deny.gate", text);
    for (kinds, hidden) in [(49, None), (50, None), (51, Some("1 kind more"))] {
        let script = format!(
            "import socket\nfor i in [0] + list(range({kinds})):\n try: socket.socket(0, 0, i)\n except OSError: pass"
        );
        let options = ["run", "--explain", "--profile", &policy, "--", "/usr/bin/python3", "-c"];
        let run = callgate(&[&options[..], &[&script]].concat());
        let (_, end) = run.stderr.split_once(" kinds refused\n").unwrap();
        assert_eq!(end.matches(" by python3, ").count(), kinds.min(50), "{run:?}");
        assert!(end.starts_with("        2  socket("), "{end}");
        assert_eq!(end.contains(" more, each"), hidden.is_some(), "{end}");
        assert!(hidden.is_none_or(|hidden| end.contains(hidden)), "{end}");
    }
}

#[test]
fn without_refusals_nothing_is_said() {
    let run = callgate(&["run", "--explain", "--", "sh", "-c", "echo out; exit 3"]);
    assert_eq!((run.code, run.text(), &*run.stderr), (Some(3), "out\n", ""));
}

#[test]
fn a_retry_lets_calls_go_on_and_says_so() {
    let folder = Folder::new();
    let profile = refusing(&folder, "SCMP_ACT_KILL_PROCESS");
    let options = ["run", "--explain", "--retry", "--profile", &profile, "--", "uname"];
    let run = callgate(&options);
    assert_eq!(run.succeeds(), "Linux\n");
    let made = "let pass; by this filter it kills the process (KILL_PROCESS)";
    run.says(&["not confined", "callgate: uname(", made, "1 call of 1 kind let pass\n"]);
    assert!(!run.stderr.contains("kind refused"), "{run:?}");
    let to = folder.file("explained", "");
    let options = ["run", "--explain-to", &to, "--retry", "--profile", &profile, "--", "uname"];
    callgate(&options).succeeds();
    let line: Value =
        serde_json::from_str(std::fs::read_to_string(&to).unwrap().lines().next().unwrap())
            .unwrap();
    assert_eq!((&line["let_pass"], &line["answer"]), (&true.into(), &"KILL_PROCESS".into()));
    assert!(callgate(&["explain", &to]).succeeds().contains(made));
    callgate(&["run", "--retry", "--", "uname"]).fails(2, &["--retry", "--explain"]);
}

/// What is logged is made.
#[test]
fn a_call_that_is_logged_was_not_refused() {
    let folder = Folder::new();
    let text = "policy 1\ndefault allow\nlog uname\nerrno EPERM getppid\n";
    let policy = folder.file("p.gate", text);
    for way in [&["--explain"][..], &["--explain", "--trace"]] {
        let command = ["--profile", &policy, "--", "/usr/bin/python3", "-c"];
        let both = "import os; os.uname(); os.getppid(); os.getppid()";
        let run = callgate(&[&["run"], way, &command, &[both]].concat());
        run.says(&[
            "is executed and logged (LOG)",
            "2 calls of 1 kind refused, 1 call of 1 kind logged\n",
        ]);
        let run = callgate(&[&["run"], way, &command, &["import os; os.uname()"]].concat());
        assert!(run.stderr.ends_with("callgate: 1 call of 1 kind logged\n"), "{run:?}");
    }
}

#[test]
fn a_traced_command_is_explained_the_same_way() {
    let folder = Folder::new();
    for (action, code, signal) in
        [("SCMP_ACT_ERRNO", Some(1), None), ("SCMP_ACT_KILL_THREAD", None, Some(31))]
    {
        let profile = refusing(&folder, action);
        let options = ["run", "--explain", "--trace", "--profile", &profile, "--"];
        let run = callgate(&[&options[..], &["sh", "-c", "exec uname"]].concat());
        assert_eq!((run.code, run.signal), (code, signal), "{run:?}");
        run.says(&["is traced", "callgate: uname(", &format!("{profile}:2:"), "1 call of 1 kind"]);
    }
    callgate(&["run", "--trace", "--", "true"]).fails(2, &["--trace", "--explain"]);
}

#[test]
fn what_plain_run_would_not_start_is_not_started() {
    let folder = Folder::new();
    let file = folder.file("p.json", deny_list(&deny("execve", 1)));
    let run = callgate(&["run", "--explain", "--profile", &file, "--", "true"]);
    run.fails(126, &["execve", "ERRNO(1)"]);
    callgate(&["run", "--explain", "--", "/no/such/file"]).fails(127, &["/no/such/file"]);
    let to = folder.at("no/such/folder");
    callgate(&["run", "--explain-to", &to, "--", "true"]).fails(2, &[&to]);
}

/// To allow execve would be no help.
#[test]
fn a_profile_for_another_machine_says_so() {
    let folder = Folder::new();
    let other = if cfg!(target_arch = "aarch64") { "x86_64" } else { "aarch64" };
    let text = format!("policy 1\narch {other}\ndefault errno EPERM\nallow execve\n");
    let policy = folder.file("p.gate", text);
    for way in [&["run"][..], &["run", "--explain"]] {
        let run = callgate(&[way, &["--profile", &policy, "--", "true"]].concat());
        run.fails(126, &["no rules for ", &format!("it is for {other}"), "KILL_PROCESS"]);
        assert!(!run.stderr.contains("allow execve"), "{run:?}");
        assert!(!run.stderr.contains("warning"), "{run:?}");
    }
}

/// A thread has one tracer.
#[test]
fn a_traced_command_that_traces_is_told_why_it_cannot() {
    let folder = Folder::new();
    let script = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n\
                  for i in range(2): print(libc.ptrace(0, 0, 0, 0), ctypes.get_errno())";
    let said = "python3 asks to trace, or to be traced, which fails with EPERM";
    let policy = folder.file("p.gate", "policy 1\ndefault allow\n");
    let options = ["run", "--explain", "--trace", "--profile", &policy, "--"];
    let run = callgate(&[&options[..], &["/usr/bin/python3", "-c", script]].concat());
    assert_eq!(run.succeeds(), "-1 1\n-1 1\n");
    assert_eq!(run.stderr.matches(said).count(), 1, "{run:?}");
    run.says(&["leave --trace away"]);
    let options = ["run", "--explain", "--profile", &policy, "--", "/usr/bin/python3", "-c"];
    let once = "import ctypes; print(ctypes.CDLL(None).ptrace(0, 0, 0, 0))";
    let run = callgate(&[&options[..], &[once]].concat());
    assert_eq!((run.succeeds(), &*run.stderr), ("0\n", ""));
}

#[test]
fn signals_reach_the_command_and_are_its_end() {
    let folder = Folder::new();
    let profile = refusing(&folder, "SCMP_ACT_ERRNO");
    let script = "echo $$; uname; exec sleep 100";
    let mut command =
        command(&["run", "--explain", "--profile", &profile, "--", "sh", "-c", script]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The command runs once it has said so; its refusal is told while it does.
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let mut err = std::io::BufReader::new(child.stderr.take().unwrap());
    line.clear();
    while !line.contains("rule") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut err, &mut line).unwrap(), 0);
    }
    let id = child.id().to_string();
    let kill = std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(kill.success());
    let run = Run::from(std::process::Output {
        status: child.wait().unwrap(),
        stdout: Vec::new(),
        stderr: Vec::new(),
    });
    assert_eq!(run.signal, Some(15));
}

#[test]
fn a_command_that_is_stopped_goes_on_whoever_continues_it() {
    let folder = Folder::new();
    let profile = refusing(&folder, "SCMP_ACT_ERRNO");
    let by_child = "(sleep 0.3; kill -CONT $$) & kill -STOP $$; echo alive";
    // What it has started is answered meanwhile.
    let refused = "(uname; kill -CONT $$) 2>/dev/null & kill -STOP $$; echo alive; wait";
    for script in [by_child, refused] {
        for way in [&["--explain"][..], &["--explain", "--trace"]] {
            let options = [&["run", "--profile", &profile], way, &["--", "sh", "-c", script]];
            // A hang is a failure.
            let run = std::process::Command::new("timeout")
                .args(["30", env!("CARGO_BIN_EXE_callgate")])
                .args(options.concat())
                .output();
            let run = Run::from(run.unwrap());
            assert_eq!(run.succeeds(), "alive\n", "{way:?} {script}");
        }
    }
}

#[test]
fn a_shell_sees_that_the_command_is_stopped_and_continues_it() {
    for way in [&["--explain"][..], &["--explain", "--trace"]] {
        let script = ["--", "sh", "-c", "kill -STOP $$; echo alive"];
        let mut command = command(&[&["run"], way, &script].concat());
        let child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let id = child.id().to_string();
        let state = || {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
            stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
        };
        while state() != 'T' {
            std::thread::yield_now();
        }
        let kill = std::process::Command::new("kill").args(["-CONT", &id]).status().unwrap();
        assert!(kill.success());
        assert_eq!(Run::from(child.wait_with_output().unwrap()).succeeds(), "alive\n");
    }
}

#[test]
fn what_is_refused_is_ended_once_callgate_was_killed() {
    use std::io::{BufRead as _, Read as _};
    let folder = Folder::new();
    let profile = refusing(&folder, "SCMP_ACT_ERRNO");
    let gone = folder.at("gone");
    // That the first call is answered shows that callgate is past its own start.
    let script = format!(
        "uname 2>/dev/null || echo ready; while [ ! -e {gone} ]; do sleep 0.02; done; \
         uname 2>/dev/null; echo \"end $?\""
    );
    let mut command =
        command(&["run", "--explain", "--profile", &profile, "--", "sh", "-c", &script]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::write(gone, "").unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    // By SIGKILL, and not with ENOSYS, which uname would tell with 1.
    assert_eq!(rest.lines().last(), Some("end 137"), "{rest}");
}

/// At whatever moment: also while it looks at a call that it has received, which nobody is handed
/// again.
#[test]
fn nothing_waits_for_ever_for_a_callgate_that_was_killed() {
    let folder = Folder::new();
    let profile = folder.file("p.gate", "policy 1\ndefault allow\nerrno EPERM getppid\n");
    // Before callgate has its child, such calls fail with ENOSYS.
    let script = format!(
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n\
         while libc.syscall(110) < 0 and ctypes.get_errno() != 38: pass # {}",
        std::process::id()
    );
    let options = ["run", "--explain", "--profile", &profile, "--", "python3", "-c", &script];
    for moment in 1..20 {
        let mut child = command(&options).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5) * moment);
        child.kill().unwrap();
        child.wait().unwrap();
        let is_it = |line: &[u8]| String::from_utf8_lossy(line).contains(&script);
        let is_left = || !processes(is_it).is_empty();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while is_left() && std::time::Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(!is_left(), "killed after {} ms", 5 * moment);
    }
}

/// Supervises itself: mkdir and rmdir of its child are handed to it, and it lets them pass.
const SUPERVISES_ITSELF: &str = r#"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int count, char **words) {
    struct sock_filter filter[] = {
        {0x20, 0, 0, 0}, {0x15, 1, 0, SYS_mkdir}, {0x15, 0, 1, SYS_rmdir},
        {6, 0, 0, SECCOMP_RET_USER_NOTIF}, {6, 0, 0, SECCOMP_RET_ALLOW}};
    struct sock_fprog program = {5, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                           &program);
    if (listener < 0) return 1;
    pid_t child = fork();
    if (!child) {
        close(listener);
        int made = syscall(SYS_mkdir, words[1], 0777) ? errno : 0;
        int gone = syscall(SYS_rmdir, words[2]) ? errno : 0;
        printf("mkdir %d, rmdir %d\n", made, gone);
        return 0;
    }
    // Two calls are handed over, of which the profile refuses one.
    for (int left = words[3][0] - '0'; left; left--) {
        struct seccomp_notif call = {0};
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) return 2;
        struct seccomp_notif_resp answer = {call.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE};
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer)) return 3;
    }
    int status;
    waitpid(child, &status, 0);
    return 7;
}
"#;

/// What a profile refuses never reaches a program's own supervisor, which can let it pass.
#[test]
fn a_program_that_supervises_itself_lets_nothing_pass_that_is_refused() {
    let folder = Folder::new();
    let program = folder.compiled("s", SUPERVISES_ITSELF);
    let text = "policy 1\ndefault allow\nerrno EACCES mkdir\n";
    let profile = folder.file("p.gate", text);
    let (made, gone) = (folder.at("made"), folder.at("gone"));
    for way in [&["run"][..], &["run", "--explain"], &["run", "--explain", "--trace"]] {
        std::fs::create_dir(&gone).unwrap();
        let options = ["--profile", &profile, "--", &program, &made, &gone, "1"];
        let run = callgate(&[way, &options].concat());
        assert_eq!((run.code, run.text()), (Some(7), "mkdir 13, rmdir 0\n"), "{way:?}: {run:?}");
        assert!(!std::path::Path::new(&made).exists(), "{way:?} made it");
    }
}

/// The pointers of an array are no text.
#[test]
fn what_a_program_is_started_with_is_shown_word_by_word() {
    let folder = Folder::new();
    let policy = folder.file("p.gate", "policy 1\ndefault allow\nerrno EACCES execve\n");
    for way in [&["--retry"][..], &["--retry", "--trace"]] {
        let options = [&["run", "--explain", "--profile", &policy], way].concat();
        let command = ["--", "sh", "-c", "exec /bin/echo one 'two words' 3 4 5 6 7 8 9"];
        let run = callgate(&[&options[..], &command].concat());
        run.succeeds();
        let words = r#"["/bin/echo", "one", "two words", "3", "4", "5", "6", "7", …], 0x"#;
        run.says(&[&format!("execve(\"/bin/echo\", {words}")]);
    }
}

#[test]
fn a_traced_retry_lets_calls_go_on_too() {
    let folder = Folder::new();
    let profile = refusing(&folder, "SCMP_ACT_KILL_PROCESS");
    let options = ["run", "--explain", "--retry", "--trace", "--profile", &profile, "--", "uname"];
    let run = callgate(&options);
    assert_eq!(run.succeeds(), "Linux\n");
    run.says(&["not confined", "callgate: uname(", "all of it is allowed by", "\"uname\""]);
}

#[test]
fn a_profile_with_an_agent_is_traced_and_explained() {
    let agent = crate::agent::Agent::start(
        r#"{"rules": [{"names": ["mkdir", "mkdirat"], "answer": {"errno": "EROFS"}}]}"#,
    );
    let folder = Folder::new();
    let rules = "{\"names\": [\"mkdir\", \"mkdirat\"], \"action\": \"SCMP_ACT_NOTIFY\"},\n\
        {\"names\": [\"uname\"], \"action\": \"SCMP_ACT_ERRNO\"}";
    let profile = deny_list(rules);
    let profile = profile.trim_end_matches('}');
    let path = agent.socket();
    let profile = folder.file("n.json", format!(r#"{profile}, "listenerPath": "{path}"}}"#));
    let script = "mkdir new; uname; exit 5";
    for retry in [&[][..], &["--retry"]] {
        let options = ["run", "--explain", "--profile", &profile];
        let run = callgate(&[&options[..], retry, &["--", "sh", "-c", script]].concat());
        assert_eq!(run.code, Some(5), "{run:?}");
        assert_eq!(run.text().contains("Linux"), !retry.is_empty(), "{run:?}");
        let place = format!("{profile}:2:");
        run.says(&["is traced", "its agent", "Read-only file system", "uname(", &place]);
        assert!(!run.stderr.contains("callgate: mkdir"), "{run:?}");
    }
    agent.wait_for_line("ended");
    // Without an agent it is as under plain run.
    let nobody = deny_list(r#"{"names": ["uname"], "action": "SCMP_ACT_NOTIFY"}"#);
    let nobody = folder.file("nobody.json", nobody);
    let run = callgate(&["run", "--explain", "--profile", &nobody, "--", "true"]);
    run.fails(2, &["SCMP_ACT_NOTIFY", "listenerPath"]);
}

#[test]
fn what_a_retry_says_to_allow_has_no_descriptors_and_is_enough() {
    let folder = Folder::new();
    // No rule but for what starts it.
    let policy = folder.file("p.gate", "policy 1\ndefault errno EPERM\nallow execve\n");
    let script = "import os, signal\n\
        signal.signal(signal.SIGUSR1, lambda *_: print('caught', flush=True))\n\
        os.kill(os.getpid(), signal.SIGUSR1)\n\
        d = os.open('/', os.O_DIRECTORY)\n\
        os.stat('etc', dir_fd=d)\n";
    let options = ["run", "--explain", "--retry", "--profile", &policy, "--"];
    let run = callgate(&[&options[..], &["python3", "-c", script]].concat());
    assert_eq!(run.succeeds(), "caught\n");
    let (_, cures) = run.stderr.rsplit_once("all of it is allowed by\n").unwrap();
    assert!(cures.contains("allow rt_sigreturn"), "{cures}");
    for number in ["fd ==", "count ==", "dfd =="] {
        assert!(!cures.contains(number), "{number}: {cures}");
    }
    let text = format!("policy 1\ndefault errno EPERM\nallow execve\n{cures}\n");
    let policy = folder.file("cured.gate", text);
    let run = callgate(&["run", "--explain", "--profile", &policy, "--", "python3", "-c", script]);
    assert_eq!(run.succeeds(), "caught\n", "{run:?}");
    assert_eq!(run.stderr, "");
}

/// Loads a filter that answers getppid as its argument says, and makes that call.
const CONFINES_ITSELF: &str = r#"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int count, char **words) {
    struct sock_filter filter[] = {
        {0x20, 0, 0, 0}, {0x15, 0, 1, SYS_getppid},
        {6, 0, 0, strtoul(words[1], 0, 0)}, {6, 0, 0, SECCOMP_RET_ALLOW}};
    struct sock_fprog program = {4, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) return 1;
    syscall(SYS_getppid);
    return 7;
}
"#;

#[test]
fn an_end_by_a_filter_of_the_programs_own_is_told() {
    let folder = Folder::new();
    let program = folder.compiled("own", CONFINES_ITSELF);
    let profile = refusing(&folder, "SCMP_ACT_KILL_PROCESS");
    // Kill the process, kill the thread, trap.
    for action in ["0x80000000", "0", "0x30000"] {
        let script = [&*program, action];
        let told = both_ways(&folder, &profile, &script);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0]["event"], &told[0]["signal"]), (&"end".into(), &31.into()));
        assert!(told[0]["elsewhere"].as_str().unwrap().contains("a filter of its own"));
        let traced = ["run", "--explain", "--trace", "--profile", &profile, "--"];
        let run = callgate(&[&traced[..], &script].concat());
        run.says(&["ended by SIGSYS", "by a filter of its own, for getppid() on x86_64"]);
    }
    // What this profile says of the call, nobody has asked.
    let text = "policy 1\ndefault allow\nkill { getppid, uname }\n";
    let both = folder.file("both.gate", text);
    let run = callgate(&["run", "--explain", "--profile", &both, "--", &program, "0x80000000"]);
    run.says(&["not by this profile", "that this profile may refuse as well"]);
    let told = both_ways(&folder, &profile, &[&program, "0x50001"]);
    assert_eq!((&told[0]["exit"], &told[0]["elsewhere"]), (&7.into(), &Value::Null));
    // Here the profile does it.
    let told = both_ways(&folder, &profile, &["uname"]);
    assert_eq!((&told[1]["signal"], &told[1]["elsewhere"]), (&31.into(), &Value::Null));
    // Whoever sent the signal, it was no refusal.
    let traced = ["run", "--explain", "--trace", "--", "sh", "-c", "kill -SYS $$"];
    let run = callgate(&traced);
    run.says(&["by itself, which has sent that signal"]);
    assert!(!run.stderr.contains("--trace names"), "{run:?}");
    let script = "sh -c 'kill -SYS $PPID'; sleep 5";
    let other = ["run", "--explain", "--trace", "--", "sh", "-c", script];
    callgate(&other).says(&["by process ", ", which has sent that signal"]);
}

/// A tracer sees the call and not the answer, which is that of the filter that was loaded last.
#[test]
fn a_traced_call_of_a_program_with_filters_of_its_own_says_what_is_not_known() {
    let folder = Folder::new();
    let program = folder.compiled("own", CONFINES_ITSELF);
    let text = "policy 1\ndefault allow\nerrno EPERM { getppid, getpgrp }\n";
    let profile = folder.file("p.gate", text);
    let unknown = "not said  by a tracer: whether a filter that the program has loaded since";
    let traced = ["run", "--explain", "--trace", "--profile", &profile, "--"];
    let run = callgate(&[&traced[..], &[&program, "0x50007"]].concat());
    let either = "answered by this filter or another; by this one it fails with EPERM (ERRNO(1))";
    run.says(&[&format!("callgate: getppid() on x86_64: {either}"), unknown]);
    // Without one, nothing is open.
    let script = "import os; os.getppid()";
    let run = callgate(&[&traced[..], &["python3", "-c", script]].concat());
    run.says(&["callgate: getppid() on x86_64: fails with EPERM (ERRNO(1))"]);
    assert!(!run.stderr.contains(unknown), "{run:?}");
}

#[test]
fn what_a_retry_says_to_change_has_its_place_and_falls_back() {
    let folder = Folder::new();
    let text = "policy 1\ndefault allow\nerrno EPERM { uname, sysinfo }\nerrno EPERM clone3\n\
        errno EPERM clone where clone_flags has CLONE_THREAD\n";
    let policy = folder.file("p.gate", text);
    let script =
        "import os, threading\nt = threading.Thread(target=os.uname)\nt.start()\nt.join()\n";
    let options = ["run", "--explain", "--retry", "--profile", &policy, "--"];
    let run = callgate(&[&options[..], &["python3", "-c", script]].concat());
    run.succeeds();
    run.says(&[
        &format!("allow uname  # before {policy}:3, which then has to be without uname"),
        &format!("enosys clone3  # in place of {policy}:4"),
    ]);
    // All of it is refused that callers make instead.
    let policy = folder.file("q.gate", text.replace(" where clone_flags has CLONE_THREAD", ""));
    let options = ["run", "--explain", "--retry", "--profile", &policy, "--"];
    let run = callgate(&[&options[..], &["python3", "-c", script]].concat());
    run.says(&["left to decide; its callers then make clone, which is refused as well"]);
    let rules = r#"{"names": ["uname"], "action": "SCMP_ACT_ERRNO"},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO"}"#;
    let profile = folder.file("p.json", deny_list(rules));
    let options = ["run", "--explain", "--retry", "--profile", &profile, "--"];
    let run = callgate(&[&options[..], &["python3", "-c", script]].concat());
    let rule = r#"{"names":["clone3"],"action":"SCMP_ACT_ERRNO","errnoRet":38}"#;
    let places = [("uname", 1), ("clone3", 2)].map(|(call, line)| {
        format!("callgate: and without {call} in the rule at {profile}:{line}\n")
    });
    let list = run.stderr.split_once("all of it is allowed by\n").unwrap().1;
    for said in [rule, &*places[0], &*places[1]] {
        assert!(list.contains(said), "{said}: {list}");
    }
}
