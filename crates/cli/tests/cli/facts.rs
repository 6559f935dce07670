//! `callgate constants` and `callgate groups`, and constants as arguments of `callgate sim`.

use serde_json::Value;

use crate::harness::{Folder, callgate};

fn json(arguments: &[&str]) -> Value {
    let run = callgate(&[arguments, &["--format", "json"]].concat());
    serde_json::from_str(run.succeeds()).unwrap()
}

#[test]
fn an_argument_has_its_constants() {
    let sets = json(&["constants", "socket.family", "--arch", "x86_64", "--arch", "mips"]);
    assert_eq!(sets[0]["name"], "socket-family");
    assert_eq!(sets[0]["arguments"][1], "socketpair.family");
    let netlink = sets[0]["constants"].as_array().unwrap().iter();
    let netlink = netlink.clone().find(|row| row["name"] == "AF_NETLINK").unwrap();
    assert_eq!((&netlink["kind"], &netlink["values"]["mips"]), (&"value".into(), &16.into()));
    // What decides is named.
    let text = callgate(&["constants", "socket.protocol", "--arch", "x86_64"]);
    assert!(text.succeeds().contains("socket.protocol (family is AF_NETLINK)"), "{text:?}");
    assert!(callgate(&["constants", "clone"]).succeeds().contains("CLONE_NEWUSER"));
    // Also by the manual page's name.
    assert!(callgate(&["constants", "clone.flags"]).succeeds().contains("CLONE_NEWUSER"));
}

#[test]
fn a_constant_is_shown_where_architectures_differ() {
    let run = callgate(&["constants", "TIOCSTI", "--arch", "x86_64", "--arch", "mips"]);
    assert!(run.succeeds().contains("0x5472 (mips), 0x5412 (x86_64)"), "{run:?}");
    let tsv = callgate(&["constants", "TIOCSTI", "--all-arches", "--format", "tsv"]);
    assert_eq!(tsv.succeeds().lines().count(), 24);
    assert!(tsv.text().contains("ioctl-command\tvalue\tTIOCSTI\tppc\t0x5412"));
}

#[test]
fn numbers_are_spelt() {
    let spell =
        |arguments: &[&str]| callgate(&[&["constants"], arguments, &["--arch", "x86_64"]].concat());
    let open = spell(&["open.flags", "--spell", "0x80241"]);
    assert_eq!(open.succeeds(), "open-flags  x86_64  O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC\n");
    let dirfd = spell(&["openat.dfd", "--spell", "-100"]);
    assert_eq!(dirfd.succeeds(), "dirfd  x86_64  AT_FDCWD\n");
    spell(&["--spell", "1"]).fails(2, &["ARGUMENT"]);
}

#[test]
fn unknown_constants_are_named_with_what_is_near() {
    callgate(&["constants", "AF_UNIQ"]).fails(2, &["AF_UNIQ", "did you mean AF_UNIX"]);
    callgate(&["constants", "socket.famly"]).fails(2, &["famly", "did you mean family"]);
    callgate(&["constants", "opnat.flags"]).fails(2, &["opnat", "did you mean openat"]);
    callgate(&["constants", "read.buf"]).fails(2, &["buf of read takes no constants"]);
    callgate(&["constants", "read"]).fails(2, &["no argument of read"]);
    callgate(&["constants", "clone3"]).fails(2, &["flags", "behind the pointer uargs", "clone "]);
    callgate(&["constants", "ARCH_SET_FS", "--arch", "arm"]).fails(2, &["arm", "x86_64"]);
}

#[test]
fn everything_is_listed() {
    let sets = json(&["constants"]);
    assert!(sets.as_array().unwrap().len() > 100);
    assert!(callgate(&["constants"]).succeeds().contains("socket-family"));
    let groups = json(&["groups"]);
    let kinds = |kind| groups.as_array().unwrap().iter().filter(|g| g["kind"] == kind).count();
    assert_eq!((kinds("role"), kinds("block"), kinds("family")), (8, 68, 91));
    assert!(callgate(&["groups", "--format", "tsv"]).succeeds().contains("net-client\trole\t"));
}

#[test]
fn a_block_says_what_it_allows_and_why() {
    let block = json(&["groups", "@sockets.unix", "--arch", "x86_64"]);
    assert_eq!(block[0]["kind"], "block");
    let members = block[0]["members"].as_array().unwrap();
    let member = |name| members.iter().find(|row| row["syscall"] == name);
    assert_eq!(member("socket").unwrap()["conditions"][0], "family == AF_UNIX");
    assert_eq!(member("socketcall"), None);
    let x86 = callgate(&["groups", "sockets.unix", "--arch", "x86"]);
    assert!(x86.succeeds().contains("enosys  socketcall"), "{x86:?}");
    assert!(x86.text().contains("# the arguments are behind a pointer"));
}

#[test]
fn roles_families_and_syscalls_are_groups() {
    let role = callgate(&["groups", "net-client", "--arch", "aarch64", "--format", "tsv"]);
    assert!(role.succeeds().contains("net-client\taarch64\tallow\topenat\t"), "{role:?}");
    assert!(!role.text().contains("\topen\t"));
    assert!(role.text().contains("enosys\tclone3"));
    let family = callgate(&["groups", "~open", "--arch", "aarch64"]);
    assert!(family.succeeds().contains("openat2"), "{family:?}");
    assert!(!family.text().contains("creat"));
    let call = callgate(&["groups", "openat2", "--arch", "x86_64"]);
    assert!(call.succeeds().contains("~open files.any firejail-"), "{call:?}");
    assert!(call.text().contains(":@file-system systemd-252:@file-system"), "{call:?}");
}

#[test]
fn others_groups_are_as_they_are_there() {
    let set = json(&["groups", "systemd-252:@privileged", "--arch", "x86_64"]);
    assert_eq!(set[0]["groups"].as_array().unwrap().len(), 6);
    let promise = callgate(&["groups", "openbsd-pledge:rpath", "--arch", "x86_64"]);
    assert!(promise.succeeds().contains("openat"), "{promise:?}");
}

#[test]
fn unknown_groups_are_named_with_what_is_near() {
    callgate(&["groups", "files.red"]).fails(2, &["files.red", "did you mean files.read"]);
    callgate(&["groups", "~ope"]).fails(2, &["ope", "did you mean open"]);
    callgate(&["groups", "@clock"]).fails(2, &["@clock", "systemd-257:@clock"]);
    callgate(&["groups", "systemd-258:@x"]).fails(2, &["systemd-258", "systemd-257"]);
    callgate(&["groups", "systemd-257:@clok"]).fails(2, &["@clok", "did you mean @clock"]);
    callgate(&["groups", "--groups", "1999.1"]).fails(2, &["2026.11"]);
}

#[test]
fn simulated_calls_take_constants() {
    let sim = |arch, arguments| {
        let call = ["--syscall", "clone", "--args", arguments, "--arch", arch];
        callgate(&[&["sim", "container"], &call[..]].concat())
    };
    assert!(sim("x86_64", "CLONE_NEWUSER|SIGCHLD").succeeds().contains("EPERM"));
    assert!(sim("x86_64", "CLONE_VM|CLONE_VFORK|SIGCHLD").succeeds().contains("action  ALLOW"));
    sim("x86_64", "CLONE_NEWUSR").fails(2, &["argument 1", "CLONE_NEWUSR", "CLONE_NEWUSER"]);
    sim("x86_64", "AF_UNIX").fails(2, &["AF_UNIX is no constant of clone-flags"]);
}

/// A file that allows what a role needs.
fn role(folder: &Folder, name: &str) -> String {
    let text = format!("policy 1\narch x86_64\ndefault errno EPERM\nuse @{name}\n");
    folder.file(&format!("{name}.gate"), text)
}

#[test]
#[cfg(target_arch = "x86_64")]
fn real_programs_run_in_their_roles() {
    let folder = Folder::new();
    let made = folder.at("made");
    let source = folder.file("a.c", "int main(void) { return 0; }\n");
    let copy = format!("cp -a {source} {made} && test -s {made} && ls -l {made} | wc -l");
    let thread = "import threading; t = threading.Thread(target=print); t.start(); t.join()";
    for (name, command) in [
        ("cli-tool", vec!["ls", "-la", "/etc"]),
        ("cli-tool", vec!["cp", "-a", &source, &made]),
        ("net-client", vec!["getent", "hosts", "localhost"]),
        ("agent-shell", vec!["sh", "-c", &copy]),
        ("build-tool", vec!["gcc", &source, "-o", &made]),
        ("container-default", vec!["sh", "-c", &copy]),
        ("db-server", vec!["/usr/bin/python3", "-c", thread]),
        ("desktop-app", vec!["/usr/bin/python3", "-c", thread]),
        ("net-server", vec!["/usr/bin/python3", "-c", thread]),
    ] {
        let file = role(&folder, name);
        let run = ["run", "--profile", &file, "--"];
        callgate(&[&run[..], &command].concat()).succeeds();
    }
}

#[test]
fn no_role_allows_what_reaches_the_kernel() {
    let folder = Folder::new();
    for name in [
        "cli-tool",
        "net-client",
        "net-server",
        "db-server",
        "desktop-app",
        "build-tool",
        "agent-shell",
        "container-default",
    ] {
        let file = role(&folder, name);
        for call in [
            ["mount", "0"],
            ["init_module", "0"],
            ["bpf", "BPF_PROG_LOAD"],
            ["io_uring_setup", "1"],
            ["unshare", "CLONE_NEWUSER"],
            ["clone", "CLONE_NEWUSER|SIGCHLD"],
            ["socket", "AF_ALG,SOCK_SEQPACKET"],
            ["socket", "AF_INET,SOCK_RAW"],
            ["ioctl", "0,TIOCSTI"],
            ["keyctl", "KEYCTL_READ"],
        ] {
            let call = ["--syscall", call[0], "--args", call[1], "--arch", "x86_64"];
            let sim = callgate(&[&["sim", &file], &call[..]].concat());
            assert!(sim.succeeds().contains("EPERM"), "{name}: {call:?}: {}", sim.text());
        }
    }
}

#[test]
fn a_code_asked_of_the_wrong_command_is_told_the_right_one() {
    for (words, right) in [
        (["explain-error", "l0505"], "`callgate lint --explain L0505`"),
        (["help", "L0505"], "`callgate lint --explain L0505`"),
        (["help", "e0350"], "`callgate explain-error E0350`"),
    ] {
        callgate(&words).fails(2, &[right]);
    }
}
