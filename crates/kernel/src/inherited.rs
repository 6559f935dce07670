//! Descriptors that a service manager passes to the process it starts.
//!
//! References: sd_listen_fds(3).

use std::env;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys::inherited;

/// A descriptor from the service manager.
#[derive(Debug)]
#[non_exhaustive]
pub struct InheritedDescriptor {
    /// What the manager calls it; empty where it has no name.
    pub name: String,
    /// The descriptor, which is closed on exec from now on.
    pub descriptor: OwnedFd,
}

/// Takes the descriptors that the service manager has passed to this process (`LISTEN_PID`, `LISTEN_FDS`,
/// `LISTEN_FDNAMES`). Once: later calls have none.
///
/// To be called at the beginning of the program, before it opens files itself: a manager that announces descriptors and
/// passes none would otherwise have the program's own files taken for them.
#[must_use]
pub fn inherited_descriptors() -> Vec<InheritedDescriptor> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let variable = |name| env::var(name).ok();
    let number = |name| variable(name)?.parse::<u32>().ok();
    let meant = number("LISTEN_PID") == Some(std::process::id());
    if !meant || TAKEN.swap(true, Ordering::AcqRel) {
        return Vec::new();
    }
    let names = variable("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').map(str::to_owned);
    let count = number("LISTEN_FDS").unwrap_or(0).min(DESCRIPTORS_MAX);
    let take = |index| {
        let name = names.next().unwrap_or_default();
        let descriptor = inherited::take(FIRST + index)?;
        Some(InheritedDescriptor { name, descriptor })
    };
    (0..count).filter_map(take).collect()
}

/// The first number after standard input, output and error.
const FIRST: u32 = 3;

/// More than a process may have open.
const DESCRIPTORS_MAX: u32 = 1 << 20;
