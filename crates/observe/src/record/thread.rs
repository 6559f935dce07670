//! Names of threads, asked for as seldom as they change.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use callgate_kernel::Tid;
use callgate_syscalls::{Arch, Name, SeccompData, names};

/// What is known of the threads that make calls.
#[derive(Debug, Default)]
pub(super) struct Threads {
    names: HashMap<u32, Known>,
    privileged: Vec<String>,
}

#[derive(Debug)]
struct Known {
    name: String,
    /// The name may be another by the next call.
    stale: bool,
    /// The program may be another by the next call.
    executes: bool,
}

/// The most threads that are remembered.
const THREADS_MAX: usize = 4096;

impl Threads {
    /// The name of the thread that makes a call.
    pub(super) fn name(&mut self, thread: Option<Tid>, call: &SeccompData) -> &str {
        let Some(thread) = thread.map(Tid::raw) else { return "" };
        if self.names.len() >= THREADS_MAX {
            self.names.clear();
        }
        let change = Change::of(call);
        let known = self.names.entry(thread).or_insert_with(|| Known {
            name: String::new(),
            stale: true,
            executes: true,
        });
        if known.stale {
            known.name = name_of(thread);
            if known.executes {
                self.privileged.extend(privileged_program(thread));
            }
        }
        // A thread that ends leaves its number to another.
        known.stale = change.is_some();
        known.executes = matches!(change, Some(Change::Program | Change::End));
        &known.name
    }

    /// Programs with a setuid or setgid bit that were seen, each once.
    pub(super) fn privileged(mut self) -> Vec<String> {
        self.privileged.sort();
        self.privileged.dedup();
        self.privileged
    }
}

/// What a call changes about its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Name,
    Program,
    End,
}

impl Change {
    fn of(call: &SeccompData) -> Option<Self> {
        const PR_SET_NAME: u64 = 15;
        let name: Name = Arch::of_call(call.arch, call.nr)?.syscall_at(call.nr)?.name;
        match name {
            names::PRCTL => (call.args[0] & 0xffff_ffff == PR_SET_NAME).then_some(Self::Name),
            names::EXECVE | names::EXECVEAT => Some(Self::Program),
            names::EXIT | names::EXIT_GROUP => Some(Self::End),
            _ => None,
        }
    }
}

fn name_of(thread: u32) -> String {
    let text = fs::read(format!("/proc/{thread}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

/// The program of a process, if its file would give it privileges.
fn privileged_program(process: u32) -> Option<String> {
    const SETUID_OR_SETGID: u32 = 0o6000;
    let link = format!("/proc/{process}/exe");
    let mode = fs::metadata(&link).ok()?.mode();
    let path = (mode & SETUID_OR_SETGID != 0).then(|| fs::read_link(&link))?;
    Some(path.ok()?.display().to_string())
}
