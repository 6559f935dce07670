//! Descriptors that a service manager passes to the process it starts.
//!
//! References: sd_listen_fds(3).

use std::env;
use std::os::fd::OwnedFd;

use crate::sys::start;

/// A descriptor from the service manager.
#[derive(Debug)]
#[non_exhaustive]
pub struct InheritedDescriptor {
    /// What the manager calls it; empty where it has no name.
    pub name: String,
    /// The descriptor, which is closed on exec from now on.
    pub descriptor: OwnedFd,
}

/// Takes the descriptors that the service manager has passed to this process (`LISTEN_PID`,
/// `LISTEN_FDS`, `LISTEN_FDNAMES`). Once: later calls have none.
///
/// Only a program with [`remember_start!`](crate::remember_start) has any: it looks before `main`
/// which of the announced descriptors are there. A manager that announces more than it passes does
/// not get the program's own files taken for them, whenever this is called.
#[must_use]
pub fn inherited_descriptors() -> Vec<InheritedDescriptor> {
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').map(str::to_owned);
    let descriptors = start::take_inherited().into_iter();
    descriptors
        .map(|descriptor| InheritedDescriptor {
            name: names.next().unwrap_or_default(),
            descriptor,
        })
        .collect()
}
