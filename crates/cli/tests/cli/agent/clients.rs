//! Many containers, and clients that are none.

use std::fs::File;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::scope;

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
    let count = |name| agent.metric(&format!("rejections_total{{reason=\"{name}\"}}"));
    until("the slow clients' time", || count("slow") == 300);
    drop(slow);
    let counts = ["garbage", "no_listener", "not_a_listener", "oversized"].map(count);
    assert_eq!(counts, [4, 1, 1, 1], "{}", agent.log());
    assert_eq!(agent.metric("containers_total"), 1);
}
