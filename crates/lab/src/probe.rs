//! Probes on a function of this program, through perf_event_open(2).
//!
//! References: perf_event_open(2); `Documentation/trace/uprobetracer.rst`.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;

use super::{Subject, said};
use crate::sys as lab;

/// A probe that counts how often a function of this program runs, or returns.
#[derive(Debug)]
pub struct Probe(File);

/// Where a probe sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the kernel has these two")]
pub enum Attached {
    /// Where the function begins.
    Entry,
    /// Where it returns to.
    Return,
}

/// `struct perf_event_attr`, and where in it the fields are that a probe needs.
const ATTRIBUTE_SIZE: usize = 128;
const TYPE_AT: usize = 0;
const CONFIG_AT: usize = 8;
const PATH_AT: usize = 56;
const OFFSET_AT: usize = 64;

impl Probe {
    /// What [`Probe::run`] returns.
    pub const RESULT: i32 = lab::PROBED;

    /// Runs the function that can be probed.
    #[must_use]
    pub fn run(_subject: Subject) -> i32 {
        lab::probed()
    }

    /// Puts a probe into this process; `Err(None)` where the kernel or the machine has none.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn new(place: Attached) -> Result<Self, Option<String>> {
        let kind = fs::read_to_string("/sys/bus/event_source/devices/uprobe/type");
        let kind: u32 = kind.ok().and_then(|text| text.trim().parse().ok()).ok_or(None)?;
        let address = lab::probed_address().ok_or(None)?;
        let offset =
            file_offset(address).ok_or_else(|| Some("no mapping of the function".into()))?;
        let path = fs::read_link("/proc/self/exe").map_err(|error| Some(error.to_string()))?;
        let path = CString::new(path.into_os_string().into_vec()).map_err(|_| None)?;

        let mut attribute = [0; ATTRIBUTE_SIZE];
        let mut put =
            |at: usize, bytes: &[u8]| attribute[at..at + bytes.len()].copy_from_slice(bytes);
        put(TYPE_AT, &kind.to_ne_bytes());
        put(CONFIG_AT, &u64::from(place == Attached::Return).to_ne_bytes());
        put(OFFSET_AT, &offset.to_ne_bytes());
        lab::perf_event(&mut attribute, PATH_AT, &path)
            .map(|descriptor| Self(descriptor.into()))
            .map_err(|errno| Some(said(errno)))
    }

    /// How often it was hit.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn hits(&self) -> Result<u64, String> {
        let mut count = [0; 8];
        (&self.0).read_exact(&mut count).map_err(said)?;
        Ok(u64::from_ne_bytes(count))
    }
}

/// Where in its file the instruction at an address is.
fn file_offset(address: usize) -> Option<u64> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let address = u64::try_from(address).ok()?;
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    maps.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let (from, to) = fields.next()?.split_once('-')?;
        let (from, to, offset) = (hex(from)?, hex(to)?, hex(fields.nth(1)?)?);
        (from..to).contains(&address).then(|| address - from + offset)
    })
}
