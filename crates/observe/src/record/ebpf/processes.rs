//! Processes that run already, and all that they have started.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;

use callgate_kernel::Tid;
use callgate_kernel::parts::pidfd_open;

use super::error::EbpfError;
use super::watch::Watch;

/// Has them be recorded; the descriptors of those that were named.
///
/// Each is added before its children are looked for: those that it starts meanwhile are recorded
/// because it is.
pub(super) fn add(watch: &Watch, listed: &[Tid]) -> Result<Vec<OwnedFd>, EbpfError> {
    let (mut waiting, mut known, mut named) = (Vec::new(), BTreeSet::new(), Vec::new());
    for process in listed {
        let none = || EbpfError::NoProcess { process: *process };
        let leader = leader(*process).ok_or_else(none)?;
        named.push(pidfd_open(leader, 0).map_err(|_| none())?);
        waiting.push(leader);
    }
    while let Some(process) = waiting.pop() {
        if known.insert(process.raw()) {
            watch.add_process(process).map_err(|errno| EbpfError::call("bpf", errno))?;
            waiting.extend(children(process));
        }
    }
    Ok(named)
}

/// The process of a thread.
fn leader(thread: Tid) -> Option<Tid> {
    let status = fs::read_to_string(format!("/proc/{}/status", thread.raw())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    Tid::new(line.trim().parse().ok()?)
}

fn children(process: Tid) -> Vec<Tid> {
    let threads = fs::read_dir(format!("/proc/{}/task", process.raw()));
    let lists = threads.into_iter().flatten().flatten();
    let lists = lists.filter_map(|t| fs::read_to_string(t.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    let words = lists.iter().flat_map(|list| list.split_whitespace());
    words.filter_map(|word| Tid::new(word.parse().ok()?)).collect()
}
