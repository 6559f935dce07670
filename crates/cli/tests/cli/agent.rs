//! `callgate agent`, with containers that are processes of ours: each loads a filter and hands its listener over, as
//! runtimes do. (`cargo xtask live` has real runtimes.)

mod clients;
mod restart;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use callgate::{Action, Filter, Name, names};
use callgate_kernel::child::{self, Ending};
use callgate_kernel::notify::handover;
use callgate_kernel::{Interruption, Options, Scope, load_with_listener};

use crate::harness::{Folder, callgate, command, skip};

/// getppid, which the standard library calls without ado, returns 42.
const ANSWER_42: &str = r#"{"rules": [{"names": ["getppid"], "answer": {"value": 42}}]}"#;

/// An agent that was started, and ends with this.
pub(crate) struct Agent {
    folder: Folder,
    child: Child,
}

impl Agent {
    pub(crate) fn start(policy: &str) -> Self {
        let folder = Folder::new();
        folder.file("policy.json", policy);
        let child = agent(&folder).spawn().unwrap();
        let agent = Self { folder, child };
        agent.wait_for_line("started");
        agent
    }

    pub(crate) fn socket(&self) -> String {
        self.folder.at("agent.sock")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.at("log")).unwrap()
    }

    /// Waits until the log has a line with this word.
    #[track_caller]
    pub(crate) fn wait_for_line(&self, word: &str) {
        until(word, || self.log().contains(word));
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// A metric's value, by its name with labels and without the prefix.
    fn metric(&self, name: &str) -> u64 {
        let text = get(self.port(), "/metrics");
        let line =
            text.lines().find_map(|line| line.strip_prefix("callgate_agent_")?.strip_prefix(name));
        line.unwrap().trim().parse().unwrap()
    }

    /// The port of its metrics, which it says when it has started.
    fn port(&self) -> u16 {
        let log = self.log();
        let started = log.lines().rfind(|line| line.contains(r#""event":"started""#)).unwrap();
        let started: serde_json::Value = serde_json::from_str(started).unwrap();
        let address: SocketAddr = started["metrics"].as_str().unwrap().parse().unwrap();
        address.port()
    }

    /// How many descriptors the agent has open.
    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command of an agent in a folder.
fn agent(folder: &Folder) -> Command {
    let socket = folder.at("agent.sock");
    let policy = folder.at("policy.json");
    let args = ["agent", "--socket", &socket, "--policy", &policy, "--metrics", "127.0.0.1:0"];
    let mut command = command(&args);
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.at("log")).unwrap();
    command.stdout(log).stderr(Stdio::inherit()).env_remove("NOTIFY_SOCKET");
    command
}

/// How long a test waits for what happens at once, unless the machine is busy with something else.
const PATIENCE: Duration = Duration::from_secs(300);

/// Waits for something, not for ever.
#[track_caller]
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        sleep(Duration::from_millis(5));
    }
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// A filter that hands these calls over.
fn notifying(names: impl IntoIterator<Item = Name>) -> Filter {
    Filter::builder(Action::ALLOW).answer(Action::USER_NOTIFY, names).build().unwrap()
}

fn state(id: &str) -> String {
    format!(
        r#"{{"ociVersion": "1.0.2", "fds": ["seccompFd"], "pid": {}, "metadata": "test",
        "state": {{"ociVersion": "1.0.2", "id": "{id}", "status": "creating", "bundle": "/b"}}}}"#,
        std::process::id()
    )
}

/// Runs a closure in a process whose filter's listener the agent has got.
fn container(socket: &str, id: &str, filter: &Filter, closure: impl FnOnce() -> u8) -> Ending {
    let state = state(id);
    child::run(|| {
        let stream = UnixStream::connect(socket).unwrap();
        let (options, program) = (Options::default(), filter.program());
        let listener =
            load_with_listener(program, Scope::ThisThread, &options, Interruption::fewest());
        let listener = listener.unwrap();
        let sent = handover::send(stream.as_fd(), state.as_bytes(), listener.as_fd());
        assert_eq!(sent, Ok(state.len()));
        drop((stream, listener));
        closure()
    })
    .unwrap()
}

const fn exited(code: u8) -> Ending {
    Ending::Exited { code }
}

fn parent() -> u8 {
    u8::try_from(parent_id()).unwrap_or(0)
}

#[test]
fn a_container_gets_the_answers_of_the_policy() {
    let agent = Agent::start(
        r#"{"default": {"errno": "EPERM"}, "rules": [
            {"names": ["getppid"], "metadata": "other", "answer": {"value": 1}},
            {"names": ["getppid"], "answer": {"value": 42}},
            {"names": ["sethostname"], "args": [{"index": 1, "value": 3, "op": "SCMP_CMP_GT"}],
             "answer": {"errno": "ENAMETOOLONG"}}]}"#,
    );
    let filter = notifying([names::GETPPID]);
    assert_eq!(container(&agent.socket(), "first", &filter, parent), exited(42));
    agent.wait_for_line("ended");
    let log = agent.log();
    let decision: serde_json::Value = log
        .lines()
        .find(|line| line.contains("decision"))
        .map(serde_json::from_str)
        .unwrap()
        .unwrap();
    assert_eq!(decision["container"], "first");
    assert_eq!((&decision["syscall"], &decision["rule"]), (&"getppid".into(), &1.into()));
    // The line of the rule, for whoever asks why.
    let place = decision["place"].as_str().unwrap();
    assert!(place.ends_with("policy.json:3:13"), "{place}");
    assert_eq!((&decision["answer"], &decision["outcome"]), (&"value".into(), &"delivered".into()));
    assert_eq!(agent.metric("decisions_total{answer=\"value\"}"), 1);
    assert_eq!((agent.metric("containers"), agent.metric("containers_total")), (0, 1));
}

/// What a shell in a container prints and ends with.
fn shell(agent: &Agent, filter: &Filter, script: &str) -> (String, Ending) {
    let out = agent.folder.at("out");
    let ending = container(&agent.socket(), "shell", filter, || {
        let out = fs::File::create(&out).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stdout(out.try_clone().unwrap()).stderr(out);
        u8::from(!shell.status().unwrap().success())
    });
    (fs::read_to_string(agent.folder.at("out")).unwrap(), ending)
}

#[test]
fn texts_decide_what_fails_and_nothing_that_goes_on() {
    let agent = Agent::start(
        r#"{"default": {"errno": "EACCES"}, "rules": [
            {"names": ["mkdir", "mkdirat"], "texts": [{"index": 0, "is": ["forbidden"]}],
             "answer": {"errno": "EROFS"}},
            {"names": ["mkdir"], "texts": [{"index": 0, "is": ["pretended"]}], "answer": {"value": 0}}]}"#,
    );
    let filter = notifying([names::MKDIR]);
    let path = agent.folder.path().to_str().unwrap();
    let script = format!("cd {path}; mkdir forbidden; mkdir pretended && echo made; mkdir else");
    let (text, ending) = shell(&agent, &filter, &script);
    assert_eq!(ending, exited(1));
    for wanted in ["Read-only file system", "made", "Permission denied"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!agent.folder.names().contains(&"pretended".to_owned()));
}

#[test]
fn devices_are_made_in_the_place_of_the_container() {
    let agent = Agent::start(
        r#"{"rules": [{"names": ["mknod", "mknodat"],
            "answer": {"mknod": {"devices": ["c 1:3", "c 1:5"]}}}]}"#,
    );
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let owner = fs::metadata(agent.folder.path()).unwrap().uid();
    if owner != 0 {
        return skip("only root makes devices");
    }
    let filter = notifying([names::MKNOD, names::MKNODAT]);
    let path = agent.folder.path().to_str().unwrap();
    let script = format!(
        "cd {path}; umask 027; mkdir real; ln -s real link; mknod relative c 1 3; \
         mknod {path}/link/absolute c 1 5; mknod forbidden c 1 9; mknod relative c 1 3; \
         mknod missing/x c 1 3; echo word > relative; cat relative"
    );
    let (text, ending) = shell(&agent, &filter, &script);
    assert_eq!(ending, exited(0), "{text}");
    for wanted in ["Operation not permitted", "File exists", "No such file or directory"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("word"), "what is written to null is gone: {text}");
    let made = fs::symlink_metadata(agent.folder.at("real/absolute")).unwrap();
    assert!(made.file_type().is_char_device());
    assert_eq!((made.rdev(), made.mode() & 0o777), (0x105, 0o640));
    assert!(!agent.folder.names().contains(&"forbidden".to_owned()));
}

#[test]
fn a_descriptor_of_the_agents_is_an_answer() {
    let folder = Folder::new();
    let secret = folder.file("secret", "from the agent");
    let agent = Agent::start(&format!(
        r#"{{"rules": [{{"names": ["getppid"], "answer": {{"file": {{"path": "{secret}"}}}}}}]}}"#
    ));
    let filter = notifying([names::GETPPID]);
    let ending = container(&agent.socket(), "c", &filter, || {
        let text = fs::read_to_string(format!("/proc/self/fd/{}", parent_id()));
        u8::from(text.is_ok_and(|text| text == "from the agent"))
    });
    assert_eq!(ending, exited(1));
}

#[test]
fn a_hangup_reads_the_policy_again_and_a_wrong_one_changes_nothing() {
    let agent = Agent::start(ANSWER_42);
    let filter = notifying([names::GETPPID]);
    agent.folder.file("policy.json", "nonsense");
    agent.signal("-HUP");
    agent.wait_for_line("policy.json:1:1: expected");
    assert_eq!(container(&agent.socket(), "c", &filter, parent), exited(42));
    agent.folder.file("policy.json", ANSWER_42.replace("42", "43"));
    agent.signal("-HUP");
    agent.wait_for_line("reloaded");
    assert_eq!(container(&agent.socket(), "c", &filter, parent), exited(43));
}

#[test]
fn the_socket_is_the_owners_and_goes_with_the_agent() {
    let mut agent = Agent::start(ANSWER_42);
    let mode = fs::metadata(agent.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    let second = callgate(&[
        "agent",
        "--socket",
        &agent.socket(),
        "--policy",
        &agent.folder.at("policy.json"),
    ]);
    second.fails(2, &["another agent"]);
    agent.signal("-TERM");
    assert_eq!(agent.child.wait().unwrap().code(), Some(0));
    assert!(!fs::exists(agent.socket()).unwrap());
    assert!(agent.log().contains("stopped"));
}

#[test]
fn an_agent_that_was_killed_leaves_a_socket_that_the_next_one_replaces() {
    let mut agent = Agent::start(ANSWER_42);
    agent.signal("-KILL");
    agent.child.wait().unwrap();
    assert!(fs::exists(agent.socket()).unwrap());
    fs::write(agent.folder.at("log"), "").unwrap();
    agent.child = self::agent(&agent.folder).spawn().unwrap();
    agent.wait_for_line("started");
    let filter = notifying([names::GETPPID]);
    assert_eq!(container(&agent.socket(), "c", &filter, parent), exited(42));
}

#[test]
fn an_agent_that_cannot_start_says_why() {
    let folder = Folder::new();
    let (socket, good) = (folder.at("s"), folder.file("good.json", ANSWER_42));
    let bad = folder.file("bad.json", r#"{"rules": [{"names": ["mout"], "answer": "continue"}]}"#);
    let start = |args: &[&str]| callgate(&[&["agent"][..], args].concat());
    start(&["--socket", &socket, "--policy", &bad]).fails(2, &["bad.json:1:23: rules[0]", "mout"]);
    start(&["--socket", &socket, "--policy", "/no/such"]).fails(2, &["/no/such", "No such file"]);
    let file = folder.file("file", "");
    start(&["--socket", &file, "--policy", &good]).fails(2, &["not a socket"]);
    start(&["--socket", "/no/such/s", "--policy", &good]).fails(2, &["/no/such/s"]);
    let open = ["--socket", &socket, "--policy", &good, "--metrics", "0.0.0.0:0"];
    start(&open).fails(2, &["0.0.0.0:0", "127.0.0.1"]);
    start(&["--policy", &good]).fails(2, &["--socket"]);
    assert!(start(&["--policy", &good, "--check"]).succeeds().contains("good"));
    start(&["--policy", &bad, "--check"]).fails(2, &["mout"]);
}

#[test]
fn only_metrics_are_served() {
    let agent = Agent::start(ANSWER_42);
    let head = |path| get(agent.port(), path).lines().next().unwrap().to_owned();
    assert_eq!(head("/metrics"), "HTTP/1.1 200 OK");
    assert_eq!(head("/"), "HTTP/1.1 404 Not Found");
    let mut stream = TcpStream::connect(("127.0.0.1", agent.port())).unwrap();
    let long = vec![b'x'; 10_000];
    // The agent may have answered and closed before all was written.
    let _ = stream.write_all(&long);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 405"));
    assert_eq!(head("/metrics"), "HTTP/1.1 200 OK");
}
