//! Many containers, and clients that are none.

use std::fs::File;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::scope;

use callgate_kernel::child::AbsentMemory;

use super::*;

/// Claim: C-AGENT
#[test]
fn thousands_of_containers_leave_nothing_behind() {
    const THREADS: u32 = 8;
    const CONTAINERS: u32 = 2000;
    let agent = Agent::start(ANSWER_42);
    let (filter, socket) = (notifying([names::GETPPID]), agent.socket());
    assert_eq!(container(&socket, "warm", &filter, parent), exited(42));
    until("the first container's end", || agent.metric("containers") == 0);
    let before = agent.descriptors();
    let next = AtomicU32::new(0);
    scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < CONTAINERS {
                    assert_eq!(container(&socket, "many", &filter, parent), exited(42));
                }
            });
        }
    });
    until("the containers' end", || agent.metric("containers") == 0);
    assert_eq!(agent.metric("containers_total"), u64::from(CONTAINERS) + 1);
    assert_eq!(agent.metric("decisions_total{answer=\"value\"}"), u64::from(CONTAINERS) + 1);
    until("the descriptors' end", || agent.descriptors() <= before);
    let rejected = ["slow", "garbage", "broken"];
    let rejections =
        rejected.map(|name| agent.metric(&format!("rejections_total{{reason=\"{name}\"}}")));
    assert_eq!(rejections, [0; 3]);
}

/// Claim: C-AGENT
#[test]
fn hundreds_of_containers_are_answered_side_by_side() {
    const CONTAINERS: usize = 400;
    let agent = Agent::start(ANSWER_42);
    let (filter, socket) = (notifying([names::GETPPID]), agent.socket());
    let go = agent.folder.at("go");
    let live = || {
        let first = parent();
        while !fs::exists(&go).unwrap_or(false) {
            sleep(Duration::from_millis(50));
        }
        if first == parent() { first } else { 0 }
    };
    scope(|scope| {
        let run = || assert_eq!(container(&socket, "live", &filter, live), exited(42));
        let builder = || std::thread::Builder::new().stack_size(256 << 10);
        let threads: Vec<_> =
            (0..CONTAINERS).map(|_| builder().spawn_scoped(scope, run).unwrap()).collect();
        let count = u64::try_from(CONTAINERS).unwrap();
        until("all containers", || agent.metric("decisions_total{answer=\"value\"}") == count);
        assert_eq!(agent.metric("containers"), count);
        fs::write(&go, "").unwrap();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    until("the containers' end", || agent.metric("containers") == 0);
}

/// Claim: C-AGENT
///
/// Each of the containers has the agent look into memory that never arrives, and keeps it waiting until it is told to end.
#[test]
fn containers_that_keep_the_agent_waiting_delay_nobody_else() {
    const CONTAINERS: usize = 520;
    if let Err(errno) = AbsentMemory::new() {
        return skip(&format!("no memory can be kept from arriving here: {errno:?}"));
    }
    let agent = Agent::start(
        r#"{"rules": [{"names": ["mkdirat"], "texts": [{"index": 1, "is": ["x"]}],
            "answer": {"errno": "EROFS"}}, {"names": ["mkdir"], "texts": [{"index": 0, "is": ["x"]}],
            "answer": {"errno": "EROFS"}}, {"names": ["getppid"], "answer": {"value": 42}}]}"#,
    );
    let (filter, socket) = (notifying([names::MKDIRAT, names::GETPPID]), agent.socket());
    let making = notifying([names::MKDIR, names::MKDIRAT]);
    let before = agent.descriptors();
    let go = agent.folder.at("go");
    let waits = || {
        let memory = AbsentMemory::new().unwrap();
        let failed = memory.make_directory().unwrap_err();
        // The agent's thread is held still; another call is answered all the same.
        let answered = u32::from(parent()) == 42;
        while !fs::exists(&go).unwrap_or(false) {
            sleep(Duration::from_millis(200));
        }
        u8::from(failed.raw() == 5 && answered)
    };
    scope(|scope| {
        let run = || container(&socket, "waits", &filter, waits);
        let builder = || std::thread::Builder::new().stack_size(256 << 10);
        let threads: Vec<_> =
            (0..CONTAINERS).map(|_| builder().spawn_scoped(scope, run).unwrap()).collect();
        let count = u64::try_from(CONTAINERS).unwrap();
        // Every one of them holds a thread of the agent.
        until("the deadlines", || agent.metric("decisions_total{answer=\"late\"}") == count);
        assert_eq!(agent.metric("hands"), count);
        assert_eq!(container(&socket, "good", &filter, parent), exited(42));
        let reads = || u8::from(fs::create_dir("x").is_err_and(|e| e.raw_os_error() == Some(30)));
        assert_eq!(container(&socket, "reads", &making, reads), exited(1));
        fs::write(&go, "").unwrap();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), exited(1), "{}", agent.log());
        }
    });
    until("the containers' end", || agent.metric("containers") == 0);
    until("the hands' end", || agent.metric("hands") == 0);
    until("the descriptors' end", || agent.descriptors() <= before);
}

/// Claim: C-AGENT
#[test]
fn readers_of_metrics_wait_for_no_other() {
    let agent = Agent::start(ANSWER_42);
    let idle: Vec<_> = (0..300)
        .map(|index| {
            let mut stream = TcpStream::connect(("127.0.0.1", agent.port())).unwrap();
            if index % 2 == 0 {
                stream.write_all(b"GET /metr").unwrap();
            }
            stream
        })
        .collect();
    assert_eq!(agent.metric("containers"), 0);
    // The time that an idle reader has was not over: the one that came last before ours still waits, and ours was served.
    let mut last = idle.last().unwrap();
    last.set_nonblocking(true).unwrap();
    let waits = last.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    assert!(waits, "the metrics came when the time of the idle readers was over");
}

/// Claim: C-AGENT
#[test]
fn bad_clients_are_turned_away_and_good_ones_served() {
    let agent = Agent::start(ANSWER_42);
    let connect = || UnixStream::connect(agent.socket()).unwrap();
    let null = File::open("/dev/null").unwrap();
    let message = |bytes: &[u8], descriptor: bool| {
        let mut stream = connect();
        match descriptor {
            true => {
                handover::send(stream.as_fd(), bytes, null.as_fd()).unwrap();
            }
            // What is too long is not read to its end.
            false => drop(stream.write_all(bytes)),
        }
    };
    message(b"", false);
    message(b"nonsense", false);
    message(b"{\"fds\": 7}", true);
    message(state("c").as_bytes(), false);
    message(state("c").as_bytes(), true);
    message(&vec![b' '; 1 << 20], false);
    message(&vec![b'['; 60_000], false);
    let count = |name| agent.metric(&format!("rejections_total{{reason=\"{name}\"}}"));
    let counts = || ["garbage", "no_listener", "not_a_listener", "oversized"].map(count);
    // Those that are still unheard when more come would be displaced.
    until("the bad clients' rejections", || counts() == [4, 1, 1, 1]);
    // More than are heard at once, each with a part of its message.
    let slow: Vec<_> = (0..300)
        .map(|_| {
            let mut stream = connect();
            stream.write_all(b"{").unwrap();
            stream
        })
        .collect();
    let filter = notifying([names::GETPPID]);
    assert_eq!(container(&agent.socket(), "good", &filter, parent), exited(42));
    // The good one came last, and waited for none of them.
    assert_eq!(count("slow"), 0, "{}", agent.log());
    until("the slow clients' time", || count("slow") + count("displaced") == 300);
    assert!(count("displaced") > 0, "more than are heard at once");
    drop(slow);
    assert_eq!(counts(), [4, 1, 1, 1], "{}", agent.log());
    assert_eq!(agent.metric("containers_total"), 1);
}
