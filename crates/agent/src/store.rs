//! What survives a restart: listeners that the service manager keeps.
//!
//! For each container two descriptors are stored under one name: the listener, and a file in memory
//! that says whose it is. With `FileDescriptorStoreMax=` in its unit, systemd hands both back when
//! it starts the agent again, be it after a crash. Without a service manager, or without room in
//! its store, nothing is stored, and the containers of an agent that ends get `ENOSYS` for what it
//! would have answered.
//!
//! A call that was received and not answered yet when the agent crashed is lost: the kernel shows
//! it once.
//!
//! References: `sd_pid_notify_with_fds(3)`, `sd_listen_fds_with_names(3)`, "File Descriptor Store"
//! in systemd's documentation.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::Builder;
use std::time::Duration;

use callgate_kernel::InheritedDescriptor;
use callgate_supervise::{Listener, handover};
use rustix::fs::{MemfdFlags, memfd_create};
use serde::{Deserialize, Serialize};

use crate::oci::{Container, STATE_MAX};

/// The names in the store: this and a number.
const PREFIX: &str = "container-";

/// How long the service manager may take to read.
const TIME_MAX: Duration = Duration::from_secs(1);

/// How many messages may wait for the service manager.
const MESSAGES_MAX: usize = 1024;

/// The service manager, if there is one that wants to be told. A thread of its own tells it:
/// containers never wait for it.
#[derive(Debug)]
pub(crate) struct Store {
    manager: Option<SyncSender<Message>>,
    next: AtomicU64,
}

/// What the service manager is told, with the descriptors that it is to keep, one a message.
#[derive(Debug)]
struct Message {
    text: String,
    descriptors: Vec<OwnedFd>,
}

/// A container of an agent before this one.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) container: Container,
    pub(crate) listener: Listener,
    /// The name in the store.
    pub(crate) name: String,
}

/// What the file in memory holds.
#[derive(Serialize, Deserialize)]
struct Record {
    id: String,
    pid: i64,
    metadata: String,
}

impl Store {
    /// Finds the service manager by `NOTIFY_SOCKET`, and takes back what it has kept.
    pub(crate) fn open(inherited: Vec<InheritedDescriptor>) -> (Self, Vec<Restored>) {
        let names = inherited.iter().filter_map(|one| one.name.strip_prefix(PREFIX));
        let last = names.filter_map(|number| number.parse::<u64>().ok()).max();
        let next = AtomicU64::new(last.map_or(0, |last| last.saturating_add(1)));
        let manager = env::var_os("NOTIFY_SOCKET").and_then(|path| connect(&path).ok());
        let manager = manager.and_then(start);
        let store = Self { manager, next };
        let restored = store.restore(inherited);
        (store, restored)
    }

    /// Stores a container; its name in the store, if there is one.
    pub(crate) fn put(&self, container: &Container, listener: BorrowedFd<'_>) -> Option<String> {
        self.manager.as_ref()?;
        let name = format!("{PREFIX}{}", self.next.fetch_add(1, Ordering::Relaxed));
        let text = format!("FDSTORE=1\nFDNAME={name}");
        let record = record(container).ok()?;
        let descriptors = vec![record.into(), listener.try_clone_to_owned().ok()?];
        self.send(Message { text, descriptors }).then_some(name)
    }

    /// Whether there is room for a message, or nobody to tell.
    fn send(&self, message: Message) -> bool {
        self.manager.as_ref().is_none_or(|manager| manager.try_send(message).is_ok())
    }

    /// Takes a container out of the store.
    pub(crate) fn remove(&self, name: &str) {
        self.tell(&format!("FDSTOREREMOVE=1\nFDNAME={name}"));
    }

    /// Tells the service manager something, if there is one.
    pub(crate) fn tell(&self, message: &str) {
        // A manager that does not read learns nothing, and what it stored of ended containers is of
        // no harm.
        self.send(Message { text: message.to_owned(), descriptors: Vec::new() });
    }

    fn restore(&self, inherited: Vec<InheritedDescriptor>) -> Vec<Restored> {
        let mut by_name = BTreeMap::<String, Vec<OwnedFd>>::new();
        for InheritedDescriptor { name, descriptor, .. } in inherited {
            by_name.entry(name).or_default().push(descriptor);
        }
        let ours = by_name.into_iter().filter(|(name, _)| name.starts_with(PREFIX));
        ours.filter_map(|(name, descriptors)| {
            let restored = restore_one(name.clone(), descriptors);
            if restored.is_none() {
                self.remove(&name);
            }
            restored
        })
        .collect()
    }
}

/// Starts the thread that tells the manager.
fn start(manager: UnixDatagram) -> Option<SyncSender<Message>> {
    let (sender, messages) = sync_channel::<Message>(MESSAGES_MAX);
    let tell = move || {
        for Message { text, descriptors } in messages {
            // What is not stored is not there after a restart, and that is all.
            if descriptors.is_empty() {
                let _ = manager.send(text.as_bytes());
            }
            for descriptor in &descriptors {
                let _ = handover::send(manager.as_fd(), text.as_bytes(), descriptor.as_fd());
            }
        }
    };
    Builder::new().name("store".to_owned()).spawn(tell).ok()?;
    Some(sender)
}

fn connect(path: &OsStr) -> io::Result<UnixDatagram> {
    let manager = UnixDatagram::unbound()?;
    manager.set_write_timeout(Some(TIME_MAX))?;
    match path.as_bytes().strip_prefix(b"@") {
        Some(name) => manager.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        None => manager.connect(path)?,
    }
    Ok(manager)
}

fn record(container: &Container) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"callgate-agent", MemfdFlags::CLOEXEC)?);
    serde_json::to_writer(&mut file, container)?;
    file.flush()?;
    Ok(file)
}

/// A container from its two descriptors, of which the one that is no listener is the record.
fn restore_one(name: String, descriptors: Vec<OwnedFd>) -> Option<Restored> {
    let (mut listener, mut container) = (None, None);
    for descriptor in descriptors {
        let copy = descriptor.try_clone().ok()?;
        match Listener::new(descriptor) {
            Ok(found) => listener = Some(found),
            Err(_) => container = read_record(File::from(copy)),
        }
    }
    Some(Restored { container: container?, listener: listener?, name })
}

fn read_record(mut file: File) -> Option<Container> {
    // The position is shared with the process that wrote it.
    file.rewind().ok()?;
    let mut text = Vec::new();
    let limit = u64::try_from(STATE_MAX).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut text).ok()?;
    let Record { id, pid, metadata } = serde_json::from_slice(&text).ok()?;
    Some(Container { id, pid, metadata })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_from_its_beginning() {
        let container =
            Container { id: "c".to_owned(), pid: 7, metadata: "\"quoted\" \u{1f512}".to_owned() };
        assert_eq!(read_record(record(&container).unwrap()), Some(container));
        assert_eq!(read_record(File::open("/dev/null").unwrap()), None);
    }

    #[test]
    fn what_is_not_a_container_is_not_restored() {
        let null = || OwnedFd::from(File::open("/dev/null").unwrap());
        assert!(restore_one("container-0".to_owned(), vec![null(), null()]).is_none());
        assert!(restore_one("container-0".to_owned(), Vec::new()).is_none());
    }
}
