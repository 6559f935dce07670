//! `callgate asm`, `disasm`, `sim` and `check`.

use std::process::{Child, Command, Stdio};

use callgate_kernel::{Mode, current_status};

use crate::harness::{Folder, Run, callgate, callgate_reading, skip};

const TEXT: &str = "\
        ld   [arch]
        jne  #AUDIT_ARCH_X86_64, bad
        ld   [nr]
        jeq  #x86_64:mount, deny
        jeq  #x86_64:socket, args
        ret  ALLOW
args:   ld   [args[0].lo]
        jeq  #40, deny
        ret  ALLOW
deny:   ret  ERRNO(EPERM)
bad:    ret  KILL_PROCESS
";

fn sim(filter: &str, args: &[&str]) -> Run {
    let mut all = vec!["sim", filter, "--arch", "x86_64"];
    all.extend(args);
    callgate(&all)
}

#[test]
fn text_and_program_are_each_others_inverse() {
    let folder = Folder::new();
    let raw = callgate_reading(&["asm", "-"], TEXT.as_bytes());
    assert_eq!(raw.stdout.len(), 11 * 8, "{}", raw.stderr);
    let file = folder.file("f.bpf", &raw.stdout);
    let text = callgate(&["disasm", &file]);
    assert!(text.succeeds().contains("; mount"), "{}", text.text());
    let again = callgate_reading(&["asm", "-"], text.text().as_bytes());
    assert_eq!(again.stdout, raw.stdout);
    let hex = callgate_reading(&["asm", "--format", "hex"], TEXT.as_bytes());
    assert!(callgate_reading(&["disasm", "-"], &hex.stdout).succeeds() == text.text());
}

#[test]
fn either_byte_order_is_detected() {
    let folder = Folder::new();
    for order in ["little", "big"] {
        let raw = callgate_reading(&["asm", "--endian", order], TEXT.as_bytes());
        let file = folder.file(order, &raw.stdout);
        let listing = callgate(&["disasm", &file]);
        assert!(listing.succeeds().starts_with(&format!(".endian {order}")), "{}", listing.text());
        assert!(listing.text().contains("[args[0].lo]"));
    }
}

#[test]
fn listings_come_as_json_and_c() {
    let json = callgate_reading(&["disasm", "-", "--format", "json"], TEXT.as_bytes());
    let json: serde_json::Value = serde_json::from_str(json.succeeds()).unwrap();
    assert_eq!(json[0]["instructions"][9]["text"], "ret  ERRNO(1)");
    assert_eq!(json[0]["instructions"][9]["comment"], "EPERM");
    let c = callgate_reading(&["disasm", "-", "--format", "c"], TEXT.as_bytes());
    assert!(c.succeeds().contains("filter[11]"));
}

#[test]
fn assembler_errors_have_line_and_column() {
    let run = callgate_reading(&["asm", "-"], b"ld [nr]\njeq #1, nowhere\nret ALLOW\n");
    run.fails(2, &["standard input:2:", "nowhere"]);
    callgate_reading(&["asm", "-"], b"ld [nr]\n").fails(2, &["return"]);
}

#[test]
fn a_call_is_simulated() {
    let folder = Folder::new();
    let file = folder.file("f.s", TEXT);
    let denied = sim(&file, &["--syscall", "mount"]);
    assert!(denied.succeeds().contains("action  ERRNO(1)\ndata    1 (EPERM)\n"), "{denied:?}");
    let allowed = sim(&file, &["--syscall", "socket", "--args", "1,2,3"]);
    assert!(allowed.succeeds().starts_with("action  ALLOW\n"));
    let denied = sim(&file, &["--syscall", "41", "--args", "0xffffffff00000028"]);
    assert!(denied.succeeds().starts_with("action  ERRNO(1)\n"), "only the low half is read");
    let foreign = callgate(&["sim", &file, "--arch", "aarch64", "--syscall", "-1"]);
    assert!(foreign.succeeds().starts_with("action  KILL_PROCESS\n"));
}

#[test]
fn traces_show_each_step() {
    let folder = Folder::new();
    let file = folder.file("f.s", TEXT);
    let trace = sim(&file, &["--syscall", "socket", "--args", "40", "--trace"]);
    let steps: Vec<&str> =
        trace.succeeds().lines().take_while(|line| !line.starts_with("action")).collect();
    assert_eq!(steps.len(), 8, "{}", trace.text());
    assert!(steps[0].contains("ld   [arch]") && steps[0].contains("A=0xc000003e"));
    assert!(steps[7].contains("ret  ERRNO(1)"));
}

#[test]
fn filters_are_stacked_as_the_kernel_does() {
    let folder = Folder::new();
    let [allow, errno, trap] = ["ret ALLOW", "ret ERRNO(1)", "ret TRAP(7)"]
        .map(|text| folder.file(&text.replace(['(', ')', ' '], "-"), text));
    let run = sim(&allow, &["--syscall", "read", "--stack", &trap, &errno]);
    assert!(run.succeeds().contains("action  TRAP(7)\ndata    7\n"), "{run:?}");
    assert!(run.text().contains("filter  1 of 0 to 2"));
}

#[test]
fn profiles_are_simulated_for_any_architecture() {
    let mount = callgate(&["sim", "container", "--arch", "x86_64", "--syscall", "mount"]);
    assert!(mount.succeeds().starts_with("action  ERRNO(1)\n"));
    let mount = callgate(&["sim", "container", "--caps", "SYS_ADMIN", "--syscall", "mount"]);
    assert!(mount.succeeds().starts_with("action  ALLOW\n"));
    let read = callgate(&["sim", "container", "--arch", "aarch64", "--syscall", "read"]);
    assert!(read.succeeds().starts_with("action  ALLOW\n"));
}

#[test]
fn calls_that_cannot_be_are_refused() {
    let at = |args: &[&str]| sim("container", args);
    at(&["--syscall", "mnount"]).fails(2, &["mnount", "mount"]);
    at(&["--syscall", "read", "--args", "1,2,3,4,5,6,7"]).fails(2, &["7 arguments", "six"]);
    at(&["--syscall", "read", "--args", "1,x"]).fails(2, &["x"]);
    at(&["--syscall", "read", "--ip", "99999999999999999999"]).fails(2, &["--ip"]);
    at(&[]).fails(2, &["--syscall"]);
    let arm = callgate(&["sim", "container", "--arch", "aarch64", "--syscall", "open"]);
    arm.fails(2, &["open", "aarch64"]);
}

#[test]
fn the_checker_accepts_and_says_what_it_costs() {
    let run = callgate_reading(&["check", "-", "--arch", "x86_64"], TEXT.as_bytes());
    for words in ["accepted\n", "11 of 4096", "of 32768", "allowed syscalls"] {
        assert!(run.succeeds().contains(words), "{words}: {}", run.text());
    }
}

#[test]
fn the_checkers_refusal_is_a_verdict() {
    let folder = Folder::new();
    // A jump behind the end.
    let raw = folder.file("f.bpf", [0x05, 0, 0, 0, 9, 0, 0, 0, 0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]);
    let run = callgate(&["check", &raw]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(run.text().contains("not accepted") && run.text().contains("instruction 0"));
    let text = callgate_reading(&["check", "-"], b"ld M[3]\nret a\n");
    assert_eq!(text.code, Some(1), "{text:?}");
    assert!(text.text().contains("slot 3"), "{}", text.text());
    callgate_reading(&["check", "-"], b"no assembler").fails(2, &["standard input"]);
}

#[test]
fn the_kernel_is_asked() {
    let run = callgate_reading(&["check", "-", "--kernel"], TEXT.as_bytes());
    if run.code == Some(2) {
        run.says(&["cannot be asked"]);
        skip("the kernel cannot be asked here");
        return;
    }
    assert!(run.succeeds().contains("accepts it"), "{run:?}");
    // Asking left nothing behind: the answer is the same, and the filter does not apply to us.
    assert_eq!(callgate_reading(&["check", "-", "--kernel"], b"ret ERRNO(1)").code, Some(0));
}

/// A process under a filter, killed at the end.
struct Confined(Child);

impl Confined {
    fn new(profile: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_callgate"));
        command.args(["run", "--profile", profile, "--", "sh", "-c", "echo up; exec sleep 600"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = [0; 3];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
        assert_eq!(&line, b"up\n");
        Self(child)
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_filters_of_a_process_are_read_back() {
    let own = current_status().unwrap();
    if own.mode != Mode::Disabled {
        return skip("this process has filters itself");
    }
    let process = Confined::new("container");
    if !own.sys_admin {
        callgate(&["disasm", "--pid", &process.pid()]).fails(2, &[&process.pid(), "CAP_SYS_ADMIN"]);
        return skip("reading filters takes root; only the refusal was tested");
    }
    let folder = Folder::new();
    let file = folder.at("f.bpf");
    callgate(&["compile", "container", "-o", &file]).succeeds();
    let dumped = callgate(&["disasm", "--pid", &process.pid()]);
    assert_eq!(dumped.succeeds(), callgate(&["disasm", &file]).succeeds());
    let pid = format!("pid:{}", process.pid());
    assert!(callgate(&["prove", "container", &pid]).succeeds().starts_with("equal"));
    let sim = callgate(&["sim", "--pid", &process.pid(), "--syscall", "mount"]);
    assert!(sim.succeeds().starts_with("action  ERRNO(1)\n"));
    callgate(&["check", "--pid", &process.pid()]).succeeds();
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    assert!(status.contains("TracerPid:\t0"), "still traced");
}

#[test]
fn a_process_without_filters_is_told_apart() {
    let own = current_status().unwrap();
    if own.mode != Mode::Disabled {
        return skip("this process has filters itself");
    }
    let pid = std::process::id().to_string();
    callgate(&["disasm", "--pid", &pid]).fails(2, &[&pid, "no filters"]);
}

#[test]
fn programs_in_the_forms_of_other_tools_are_read() {
    let folder = Folder::new();
    let raw = callgate_reading(&["asm", "-"], TEXT.as_bytes());
    let file = folder.file("f.bpf", &raw.stdout);
    let text = callgate(&["disasm", &file]);
    for format in ["hex", "c", "json", "asm"] {
        let ours = callgate_reading(&["asm", "--format", format], TEXT.as_bytes());
        let again = callgate_reading(&["disasm", "-"], &ours.stdout);
        assert_eq!(again.succeeds(), text.text(), "{format}");
    }
    let json = callgate(&["disasm", &file, "--format", "json"]);
    assert_eq!(callgate_reading(&["disasm", "-"], &json.stdout).succeeds(), text.text());
    let table = " 0000: 06 00 00 7fff0000   ret ALLOW\n";
    assert!(callgate_reading(&["disasm", "-"], table.as_bytes()).succeeds().contains("ALLOW"));
    let forced = callgate_reading(&["disasm", "-", "--from", "strace"], table.as_bytes());
    forced.fails(2, &["no instruction", "strace"]);
    let array =
        "struct sock_filter a[] = {{6,0,0,0}}; struct sock_filter b[] = {{6,0,0,0x7fff0000}};";
    let source = folder.file("two.c", array);
    callgate(&["show", &source]).fails(2, &["2 programs", "a or b"]);
    assert!(callgate(&["disasm", &format!("{source}:b")]).succeeds().contains("ALLOW"));
    assert!(callgate(&["show", &format!("{source}:b")]).succeeds().contains("allow"));
}

#[test]
fn a_program_that_the_kernel_refuses_is_shown_with_the_place() {
    let array = "{ 0x20, 0, 0, 0 },\n{ 0x15, 5, 1, 59 },\n{ 0x06, 0, 0, 0 },\n{ 0x06, 0, 0, 0 },\n";
    let shown = callgate_reading(&["disasm", "-"], array.as_bytes());
    assert_eq!(shown.code, Some(1), "{shown:?}");
    shown.says(&["standard input:2:3", "refuses"]);
    let lines: Vec<&str> = shown.text().lines().collect();
    assert!(lines[1].starts_with("> ") && lines[2].contains("instruction 1"), "{lines:?}");
    let checked = callgate_reading(&["check", "-"], array.as_bytes());
    assert!(checked.text().contains("not accepted"), "{checked:?}");
    callgate_reading(&["sim", "-", "--syscall", "read"], array.as_bytes())
        .fails(2, &["instruction 1"]);
}

#[test]
fn a_program_that_never_asks_for_the_architecture_is_shown_for_some() {
    let folder = Folder::new();
    let text = "ld [0]\njne #101, ok\nret #0x50001\nok: ret #0x7fff0000\n";
    let blind = folder.file("blind.asm", text);
    let shown = callgate(&["show", &blind, "--arch", "x86_64"]);
    shown.says(&["calls of x86_64"]);
    let out = shown.succeeds();
    assert!(out.contains("errno EPERM ptrace") && out.contains("arch x86_64"), "{out}");
    let one = callgate(&["show", &blind, "ptrace", "--arch", "x86_64"]);
    assert!(one.succeeds().contains("EPERM"), "{one:?}");
    // On another architecture the number is another call.
    let other = callgate(&["show", &blind, "--arch", "x86"]);
    assert!(other.succeeds().contains("errno EPERM ioperm"), "{other:?}");
}

#[test]
fn a_program_is_not_shown_for_an_architecture_that_it_does_not_know() {
    let folder = Folder::new();
    let text = "ld [arch]\n jne #AUDIT_ARCH_X86_64, no\n ld [nr]\n jge #0x40000000, no\n jeq #1, no\n ret ALLOW\n\
                no: ret KILL_PROCESS\n";
    let program = folder.file("f.asm", text);
    for call in [&["read"][..], &[]] {
        let args = [&["show", &program][..], call].concat();
        for arch in ["x32", "aarch64"] {
            let run = callgate(&[&args[..], &["--arch", arch]].concat());
            run.fails(2, &[&format!("does not know {arch}"), "get KILL_PROCESS", "all but x86_64"]);
        }
        assert!(
            callgate(&[&args[..], &["--arch", "x86_64"]].concat()).succeeds().contains("x86_64")
        );
    }
    // Of one that knows several, what is asked for is said.
    let policy = folder.file("p.gate", "policy 1\narch x86_64, x32\ndefault allow\nkill mount\n");
    let both = folder.at("p.bpf");
    callgate(&["compile", &policy, "-o", &both]).succeeds();
    let run = callgate(&["show", &both, "read", "--arch", "x32"]);
    assert_eq!(run.succeeds(), "x32: read is executed\n");
}
