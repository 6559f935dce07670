//! Where this kernel says that a call comes through the ABI of 32 bits.
//!
//! On x86_64 that is a bit of `thread_info`, and where in it lies differs between kernels. So a
//! process makes such a call, and another natively, and it is looked for what differs.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::AsFd;

use callgate_kernel::child::{self, Ending};
use callgate_syscalls::Arch;

use super::error::EbpfError;
use super::maps::{Maps, Scope, loaded};
use super::places::{Narrowness, Places};
use super::programs;
use super::writer::{Plan, SAMPLE};
use crate::sys::bpf::{self, Kind, Map, Measures};
use crate::sys::{marks, quiet};

/// Finds it out.
pub(super) fn narrowness(maps: &Maps) -> Result<Narrowness, EbpfError> {
    if Arch::native() != Some(Arch::X86_64) {
        return Ok(Narrowness::Never);
    }
    // 31 bits, which both ABIs hand over as they are.
    let secret = RandomState::new().build_hasher().finish() >> 33;
    let places = Places::here(Narrowness::Never).ok_or(EbpfError::Machine)?;
    let size = SAMPLE.unsigned_abs();
    let samples = Map::new(Kind::Hash, Measures { key: 8, value: size, entries: 2 });
    let samples = samples.map_err(EbpfError::of_map)?;
    let plan = Plan { maps, places: &places, scope: &Scope::Marked, secret };
    let program = loaded(programs::sample(plan, &samples))?;
    let tracepoint = c"sys_enter";
    let link = bpf::attach(program.as_fd(), tracepoint)
        .map_err(|errno| EbpfError::NoTracepoint { tracepoint, errno })?;
    marks::mark(secret, 0);
    let has_narrow = call_narrow(secret)?;
    drop(link);
    if !has_narrow {
        return Ok(Narrowness::Never);
    }
    let sample = |index: u64| {
        let mut bytes = vec![0; size as usize];
        samples.lookup(&index.to_ne_bytes(), &mut bytes).map(|()| bytes)
    };
    match (sample(0), sample(1)) {
        (Ok(wide), Ok(narrow)) => difference(&wide, &narrow).ok_or(EbpfError::NoNarrowness),
        _ => Err(EbpfError::NoNarrowness),
    }
}

/// The word that has the bit in a narrow call and not in a wide one. The first word of all are
/// flags of other kinds.
fn difference(wide: &[u8], narrow: &[u8]) -> Option<Narrowness> {
    /// `TS_COMPAT`
    const COMPAT: i32 = 2;
    // `thread_info` begins with one or two longs; then comes `status`.
    let has = |bytes: &[u8], at: usize| {
        let word = bytes.get(at..at + 4)?.try_into().ok().map(i32::from_ne_bytes)?;
        Some(word & COMPAT != 0)
    };
    let is_it = |at: &&usize| has(narrow, **at) == Some(true) && has(wide, **at) == Some(false);
    let at = [16_usize, 8].iter().find(is_it).copied()?;
    Some(Narrowness::Task { offset: i32::try_from(at).ok()?, bit: COMPAT })
}

/// Makes a call through the ABI of 32 bits in a child, if the kernel has it.
fn call_narrow(secret: u64) -> Result<bool, EbpfError> {
    const FAULTS: u8 = 64;
    let in_child = || {
        let _ = quiet::no_core_dump();
        let _ = quiet::exit_on_faults(FAULTS);
        u8::from(!marks::mark_narrow(secret))
    };
    // SAFETY: the child makes three syscalls and one more, and ends.
    let ending = unsafe { child::run_forked(in_child) };
    match ending {
        Ok(Ending::Exited { code }) => Ok(code == 0),
        Ok(Ending::Killed { .. }) => Ok(false),
        Err(error) => Err(EbpfError::Kernel(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bit_is_looked_for_behind_one_long_or_two() {
        let (wide, mut narrow) = ([0xfd; 32], [0xfd; 32]);
        assert_eq!(difference(&wide, &narrow), None, "no word differs");
        narrow[16] = 0xff;
        assert_eq!(difference(&wide, &narrow), Some(Narrowness::Task { offset: 16, bit: 2 }));
        narrow[16] = 0xfd;
        narrow[8] = 0xff;
        assert_eq!(difference(&wide, &narrow), Some(Narrowness::Task { offset: 8, bit: 2 }));
        assert_eq!(difference(&narrow, &wide), None, "it is the narrow call that has it");
    }
}
