//! The agent's own restart, with the test as the service manager.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::thread::scope;

use super::*;

/// What a message of the service manager's protocol says and carries.
struct Message {
    text: String,
    descriptors: Vec<OwnedFd>,
}

fn message(manager: &UnixDatagram) -> Message {
    let mut buffer = [0; 4096];
    let received = handover::receive(manager.as_fd(), &mut buffer).unwrap();
    let text = String::from_utf8(buffer[..received.len].to_vec()).unwrap();
    Message { text, descriptors: received.descriptors }
}

/// Starts an agent again with the two descriptors of a container, as a service manager does: with numbers from 3.
fn start_again(folder: &Folder, name: &str, stored: [OwnedFd; 2]) -> Child {
    start_announcing(folder, name, stored, "2")
}

/// As [`start_again`], by a manager that announces this many.
fn start_announcing(folder: &Folder, name: &str, stored: [OwnedFd; 2], announced: &str) -> Child {
    let agent = agent(folder);
    let script = r#"exec 3<&0 4<&1 </dev/null >>"$1"; shift
        LISTEN_PID=$$ exec "$@""#;
    let mut shell = Command::new("sh");
    let [first, second] = stored;
    shell.args(["-c", script, "sh", &folder.at("log")]);
    shell.arg(agent.get_program()).args(agent.get_args());
    shell.env("NOTIFY_SOCKET", folder.at("manager"));
    shell.env("LISTEN_FDNAMES", format!("{name}:{name}")).env("LISTEN_FDS", announced);
    shell.stdin(File::from(first)).stdout(File::from(second)).spawn().unwrap()
}

/// Claim: C-AGENT
#[test]
fn containers_stay_with_the_agent_that_comes_after_a_killed_one() {
    let folder = Folder::new();
    folder.file("policy.json", ANSWER_42);
    let manager = UnixDatagram::bind(folder.at("manager")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let child = agent(&folder).env("NOTIFY_SOCKET", folder.at("manager")).spawn().unwrap();
    let mut agent = Agent { folder, child };
    assert_eq!(message(&manager).text, "READY=1");

    let (filter, go) = (notifying([names::GETPPID]), agent.folder.at("go"));
    let live = || {
        let first = parent();
        while !fs::exists(&go).unwrap_or(false) {
            sleep(Duration::from_millis(10));
        }
        if first == parent() { first } else { 0 }
    };
    let socket = agent.socket();
    scope(|scope| {
        let container = scope.spawn(|| container(&socket, "kept", &filter, live));
        let stored = [message(&manager), message(&manager)];
        for message in &stored {
            assert_eq!(message.text, "FDSTORE=1\nFDNAME=container-0");
        }
        agent.wait_for_line("decision");
        agent.signal("-KILL");
        agent.child.wait().unwrap();
        fs::write(agent.folder.at("log"), "").unwrap();
        let stored = stored.map(|message| <[OwnedFd; 1]>::try_from(message.descriptors).unwrap());
        let [[record], [listener]] = stored;
        // The order of a store is not that of storing.
        let stored = [listener, record];
        agent.child = start_again(&agent.folder, "container-0", stored);
        agent.wait_for_line(r#""event":"restored","container":"kept""#);
        assert_eq!(message(&manager).text, "READY=1");
        fs::write(&go, "").unwrap();
        assert_eq!(container.join().unwrap(), exited(42));
    });
    assert!(agent.log().contains(r#""container":"kept""#));
    assert_eq!(message(&manager).text, "FDSTOREREMOVE=1\nFDNAME=container-0");
    let socket = agent.socket();
    assert_eq!(container(&socket, "next", &filter, parent), exited(42));
    assert_eq!(message(&manager).text, "FDSTORE=1\nFDNAME=container-1", "no name comes twice");
    agent.signal("-TERM");
    assert_eq!(agent.child.wait().unwrap().code(), Some(0));
}

/// Files that the agent opens itself get the numbers behind: they are not the manager's.
#[test]
fn a_manager_that_announces_more_than_it_passes_gets_nothing_else() {
    for announced in ["3", "1000", "2147483647", "99999999999", "-1", "x", ""] {
        let folder = Folder::new();
        folder.file("policy.json", ANSWER_42);
        let manager = UnixDatagram::bind(folder.at("manager")).unwrap();
        let null = || OwnedFd::from(File::open("/dev/null").unwrap());
        let stored = [null(), null()];
        let child = start_announcing(&folder, "container-7", stored, announced);
        let agent = Agent { folder, child };
        agent.wait_for_line("started");
        let filter = notifying([names::GETPPID]);
        assert_eq!(container(&agent.socket(), "c", &filter, parent), exited(42), "{announced}");
        assert_eq!(agent.metric("containers_total"), 1, "{announced}");
        drop(manager);
    }
}

#[test]
fn what_the_manager_passes_that_is_no_container_is_let_go_of() {
    let folder = Folder::new();
    folder.file("policy.json", ANSWER_42);
    let manager = UnixDatagram::bind(folder.at("manager")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
    let child = start_again(&folder, "container-7", [null(), null()]);
    let agent = Agent { folder, child };
    assert_eq!(message(&manager).text, "FDSTOREREMOVE=1\nFDNAME=container-7");
    assert_eq!(message(&manager).text, "READY=1");
    agent.wait_for_line("started");
    assert!(!agent.log().contains("restored"));
}
