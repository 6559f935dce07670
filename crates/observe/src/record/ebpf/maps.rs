//! Maps, what they are made for, and programs that are loaded with them.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use super::error::EbpfError;
use super::{Interest, Whom, layout};
use crate::sys::bpf::{self, Code, Kind, Map, Measures};
use crate::sys::ring::Ring;

/// Which threads the programs look for.
#[derive(Debug)]
pub(super) enum Scope {
    /// Those that are marked, and what they start.
    Marked,
    /// Those of processes, by the numbers of the machine or of a name space, and what they start.
    Processes {
        /// The device and inode of the name space; `None` for the machine's own.
        name_space: Option<(u64, u64)>,
    },
    /// Those in a control group.
    Group(File),
}

/// What the programs share with each other and with this process.
#[derive(Debug)]
pub(super) struct Maps {
    pub(super) threads: Map,
    pub(super) processes: Map,
    pub(super) group: Map,
    pub(super) interests: Map,
    pub(super) seen: Map,
    pub(super) epoch: Map,
    pub(super) lost: Map,
    pub(super) ring: Ring,
}

/// The most threads that live at a time, and observations.
const THREADS_MAX: u32 = 16_384;
const OBSERVATIONS_MAX: u32 = 32_768;
const PROCESSES_MAX: u32 = 4096;
const RING_LEN: u32 = 1 << 20;

impl Scope {
    pub(super) fn of(whom: &Whom) -> Result<Self, EbpfError> {
        match whom {
            Whom::Processes(_) => Ok(Self::Processes { name_space: own_name_space() }),
            Whom::Group(folder) => {
                let folder = folder.try_clone();
                folder.map(Self::Group).map_err(|e| EbpfError::io("dup", &e))
            }
        }
    }
}

impl Maps {
    pub(super) fn new(scope: &Scope, interests: &[Interest]) -> Result<Self, EbpfError> {
        let map = |kind, key, value, entries| {
            Map::new(kind, Measures { key, value, entries }).map_err(EbpfError::of_map)
        };
        let key = layout::KEY_LEN.unsigned_abs();
        let wanted = u32::try_from(interests.len()).unwrap_or(u32::MAX).max(1);
        let maps = Self {
            threads: map(Kind::Hash, 8, layout::THREAD_VALUE_LEN, THREADS_MAX)?,
            processes: map(Kind::Hash, 8, 4, PROCESSES_MAX)?,
            group: map(Kind::Cgroups, 4, 4, 1)?,
            interests: map(Kind::Hash, 8, layout::INTEREST_LEN, wanted)?,
            seen: map(Kind::Hash, key, layout::COUNT_VALUE_LEN, OBSERVATIONS_MAX)?,
            epoch: map(Kind::Array, 4, 8, 1)?,
            lost: map(Kind::Array, 4, layout::LOST_LEN, 1)?,
            ring: Ring::new(RING_LEN).map_err(EbpfError::of_map)?,
        };
        for interest in interests {
            let (key, value) = layout::interest(interest);
            maps.interests.update(&key, &value).map_err(EbpfError::of_map)?;
        }
        maps.epoch.update(&[0; 4], &1_u64.to_ne_bytes()).map_err(EbpfError::of_map)?;
        if let Scope::Group(folder) = scope {
            let folder = u32::try_from(folder.as_raw_fd()).unwrap_or(u32::MAX);
            let put = maps.group.update(&[0; 4], &folder.to_ne_bytes());
            put.map_err(|errno| EbpfError::NoGroup { errno })?;
        }
        Ok(maps)
    }
}

/// Loads a program. What the kernel's verifier says is asked for only where it refuses.
pub(super) fn loaded(code: Option<Vec<Code>>) -> Result<OwnedFd, EbpfError> {
    const LOG_LEN: usize = 1 << 18;
    let code = code.ok_or(EbpfError::Machine)?;
    bpf::load(&code, &mut []).or_else(|_| {
        let mut log = vec![0; LOG_LEN];
        bpf::load(&code, &mut log).map_err(|errno| EbpfError::of_program(errno, &log))
    })
}

/// The name space of processes, unless it is the machine's own.
fn own_name_space() -> Option<(u64, u64)> {
    /// `PROC_PID_INIT_INO`
    const MACHINE: u64 = 0xeffffffc;
    let found = std::fs::metadata("/proc/self/ns/pid").ok()?;
    let (device, inode) = (found.dev(), found.ino());
    // As the kernel has it inside: 20 bits of minor.
    let device = u64::from(libc::major(device)) << 20 | u64::from(libc::minor(device));
    (inode != MACHINE).then_some((device, inode))
}
