//! Container runtimes hand the listener of a container to `callgate agent`, which answers its
//! calls.
//!
//! The container has busybox as its root and no network. Needs root, as do the runtimes for what
//! they do here.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::{PATIENCE, Sandbox, expect, get_path, succeeded};

pub(super) fn runc(sandbox: &Sandbox) -> Result<(), String> {
    play(sandbox, "exec runc --root \"$PWD/runc\" run container-of-runc")
}

/// crun refuses cgroups of both versions side by side. Where the machine has them it does not get
/// to see one kind; the change is its own mount namespace's.
pub(super) fn crun(sandbox: &Sandbox) -> Result<(), String> {
    let start = "exec crun --cgroup-manager=disabled --root \"$PWD/crun\" run container-of-crun";
    let hybrid = Path::new("/sys/fs/cgroup/unified").is_dir();
    let prepare = if hybrid { "umount /sys/fs/cgroup/unified; " } else { "" };
    play(sandbox, &format!("exec unshare -m sh -c '{prepare}{start}'"))
}

const POLICY: &str = r#"{"rules": [
    {"names": ["mount"], "texts": [{"index": 2, "is": ["tmpfs"]}], "answer": {"errno": "EROFS"}},
    {"names": ["mknod", "mknodat"], "args": [
        {"index": 2, "value": 61440, "valueTwo": 4096, "op": "SCMP_CMP_MASKED_EQ"}],
     "answer": "continue"},
    {"names": ["mknod", "mknodat"], "answer": {"mknod": {"devices": ["c 1:3"]}}},
    {"names": ["mkdir"], "answer": {"value": 0}},
    {"names": ["sethostname"], "metadata": "live", "answer": {"errno": "EACCES"}}
]}"#;

/// What the container does: it has no capability to mount, to make devices or to set names.
const SCRIPT: &str = "mount -t tmpfs none /tmp; mount -t proc none /tmp; mkdir /tmp/pretended && echo mkdir said yes; \
    test -e /tmp/pretended || echo but it is not there; mknod /tmp/null c 1 3 && ls -l /tmp/null; \
    echo gone > /tmp/null && echo written; mknod /tmp/zero c 1 5; cd /tmp; mknod pipe p && test -p pipe && \
    echo a pipe; hostname x; echo end";

/// The lines that it prints, in this order.
const PRINTED: [&str; 10] = [
    "Read-only file system",
    "Function not implemented",
    "mkdir said yes",
    "but it is not there",
    "1,   3",
    "written",
    "Operation not permitted",
    "a pipe",
    "Permission denied",
    "end",
];

fn play(sandbox: &Sandbox, start: &str) -> Result<(), String> {
    let policy = sandbox.write("policy.json", POLICY)?;
    let mut agent = Agent::start(sandbox, &policy)?;
    bundle(sandbox)?;
    let script = format!("{start} 2>&1");
    let output = Command::new("sh").args(["-c", &script]).current_dir(&sandbox.folder).output();
    let text = succeeded(output, start)?;
    let mut rest = text.as_str();
    for wanted in PRINTED {
        expect(rest, wanted)?;
        rest = rest.split_once(wanted).map_or("", |(_, after)| after);
    }
    let metrics = get_path(&agent.metrics, "/metrics")?;
    expect(&metrics, "callgate_agent_containers_total 1\n")?;
    expect(&metrics, "callgate_agent_decisions_total{answer=\"continue\"} 1\n")?;
    agent.end()?;
    let log = fs::read_to_string(sandbox.folder.join("log")).map_err(|e| e.to_string())?;
    ["\"added\"", "\"mknod\"", "\"EROFS\"", "\"ended\""]
        .iter()
        .try_for_each(|w| expect(&log, w))?;
    RULES.iter().try_for_each(|(syscall, rule, line)| {
        let wanted = [
            format!("\"syscall\":\"{syscall}"),
            format!("\"rule\":{rule},"),
            format!("policy.json:{line}:"),
        ];
        let is_it = |line: &&str| wanted.iter().all(|word| line.contains(word));
        let found = log.lines().find(is_it).map(drop);
        found.ok_or_else(|| format!("no {syscall} by the rule in line {line}: {log}"))
    })
}

/// The rules that the container's calls meet, as the log has to name them: how the syscall's name begins
/// (C libraries make devices by `mknod` or `mknodat`), the rule, and its line in the policy.
const RULES: [(&str, usize, usize); 5] =
    [("mount", 0, 2), ("mknod", 1, 3), ("mknod", 2, 6), ("mkdir", 3, 7), ("sethostname", 4, 8)];

/// A folder that runtimes start a container from.
fn bundle(sandbox: &Sandbox) -> Result<(), String> {
    let socket = sandbox.folder.join("agent.sock");
    let config = include_str!("containers.json")
        .replace("LISTENER_PATH", &socket.to_string_lossy())
        .replace("SCRIPT", SCRIPT);
    sandbox.write("config.json", &config)?;
    let shell = sandbox.folder.join("rootfs/bin");
    let made = ["bin", "proc", "dev", "tmp"]
        .iter()
        .try_for_each(|name| fs::create_dir_all(sandbox.folder.join("rootfs").join(name)))
        .and_then(|()| fs::copy("/bin/busybox", shell.join("busybox")))
        .and_then(|_| {
            let programs = ["sh", "mount", "mkdir", "mknod", "ls", "hostname"];
            programs.iter().try_for_each(|name| symlink("busybox", shell.join(name)))
        });
    made.map_err(|error| format!("a root with busybox: {error}"))
}

/// An agent, ended with this.
struct Agent {
    child: Child,
    /// The address of its metrics.
    metrics: String,
}

impl Agent {
    fn start(sandbox: &Sandbox, policy: &Path) -> Result<Self, String> {
        let (socket, path) = (sandbox.folder.join("agent.sock"), sandbox.folder.join("log"));
        let log = File::create(&path).map_err(|error| format!("a log: {error}"))?;
        let mut agent = Command::new(&sandbox.callgate);
        agent.args(["agent", "--socket"]).arg(&socket).arg("--policy").arg(policy);
        agent.args(["--metrics", "127.0.0.1:0"]).stdout(log);
        let child = agent.spawn().map_err(|error| format!("the agent: {error}"))?;
        let mut agent = Self { child, metrics: String::new() };
        let deadline = Instant::now() + PATIENCE;
        // It says where its metrics are when it has started.
        while agent.metrics.is_empty() {
            if Instant::now() > deadline {
                return Err("the agent does not start".into());
            }
            std::thread::sleep(Duration::from_millis(20));
            let log = fs::read_to_string(&path).map_err(|error| format!("a log: {error}"))?;
            let said = log.split_once(r#""metrics":""#).and_then(|(_, rest)| rest.split_once('"'));
            agent.metrics = said.map_or("", |(address, _)| address).to_owned();
        }
        Ok(agent)
    }

    fn end(&mut self) -> Result<(), String> {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status();
        let status = self.child.wait().map_err(|error| error.to_string())?;
        match killed.is_ok_and(|killed| killed.success()) && status.success() {
            true => Ok(()),
            false => Err(format!("the agent ended with {status}")),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It has ended already unless something else failed, which is what is reported.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
