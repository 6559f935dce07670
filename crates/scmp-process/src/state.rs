//! What a process has once: what its kernel can do, and the descriptor for notifications.
//!
//! Each is one atomic word, so that a fork in the middle of a call, or two threads asking at once, can't leave anything
//! locked or half written. Two threads that probe at once probe twice and store the same.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use crate::Error;
use callgate_kernel::{Flag, action_supported, filters_supported, flag_supported, notify};
use callgate_scmp::{ApiLevel, Capabilities};
use callgate_syscalls::{ActionKind, Arch};

/// Bits 0 to 9: what the kernel can do; [`KNOWN`]: whether that was found out; bits 16 to 23: the API level, 0 if unknown.
static KERNEL: AtomicU32 = AtomicU32::new(0);

const KNOWN: u32 = 1 << 15;
const LEVEL_SHIFT: u32 = 16;

/// The descriptor for notifications.
static LISTENER: AtomicI32 = AtomicI32::new(NO_LISTENER);

const NO_LISTENER: i32 = -1;

/// What the kernel can do, found out where that is not known.
#[must_use]
pub fn kernel() -> Capabilities {
    known_kernel().unwrap_or_else(|| {
        let kernel = probe();
        let word = KERNEL.load(Ordering::Relaxed);
        let level = match word >> LEVEL_SHIFT {
            0 => u32::from(kernel.level().raw()),
            level => level,
        };
        KERNEL.store(KNOWN | pack(kernel) | (level << LEVEL_SHIFT), Ordering::Relaxed);
        kernel
    })
}

/// What the kernel can do, where that is known already.
#[must_use]
pub fn known_kernel() -> Option<Capabilities> {
    let word = KERNEL.load(Ordering::Relaxed);
    (word & KNOWN != 0).then(|| unpack(word))
}

/// The API level.
#[must_use]
pub fn level() -> u32 {
    let _ = kernel();
    KERNEL.load(Ordering::Relaxed) >> LEVEL_SHIFT
}

/// Assumes a kernel of that level, whichever it is.
pub fn assume(level: ApiLevel) {
    let word = KNOWN | pack(Capabilities::of_level(level));
    KERNEL.store(word | (u32::from(level.raw()) << LEVEL_SHIFT), Ordering::Relaxed);
}

/// Forgets what the kernel can do, but not the level, as libseccomp does; and the descriptor for notifications, which is
/// the caller's to close.
#[must_use = "the descriptor stays open until it is closed"]
pub fn forget() -> Option<RawFd> {
    KERNEL.fetch_and(u32::MAX << LEVEL_SHIFT, Ordering::Relaxed);
    known(LISTENER.swap(NO_LISTENER, Ordering::Relaxed))
}

/// The descriptor for notifications, where a load has made one.
#[must_use]
pub fn listener() -> Option<RawFd> {
    known(LISTENER.load(Ordering::Relaxed))
}

/// Keeps the descriptor that a load has made.
pub(crate) fn set_listener(listener: RawFd) {
    LISTENER.store(listener, Ordering::Relaxed);
}

/// The architecture that this library was built for.
///
/// # Errors
/// [`Error::ForeignMachine`].
pub fn native() -> Result<Arch, Error> {
    Arch::native().ok_or(Error::ForeignMachine)
}

fn known(listener: RawFd) -> Option<RawFd> {
    Some(listener).filter(|&listener| listener != NO_LISTENER)
}

fn probe() -> Capabilities {
    let mut kernel = Capabilities::default();
    kernel.syscall = filters_supported();
    if kernel.syscall {
        kernel.tsync = flag_supported(Flag::Tsync);
        kernel.log = flag_supported(Flag::Log);
        kernel.action_log = action_supported(ActionKind::Log);
        kernel.action_kill_process = action_supported(ActionKind::KillProcess);
        kernel.spec_allow = flag_supported(Flag::SpecAllow);
        kernel.new_listener = flag_supported(Flag::NewListener);
        kernel.action_notify = notify::sizes().is_ok();
        kernel.tsync_esrch = flag_supported(Flag::TsyncEsrch);
        kernel.wait_killable = flag_supported(Flag::WaitKillableRecv);
    }
    kernel
}

/// The fields in one order, for [`pack`] and [`unpack`].
fn fields(kernel: &mut Capabilities) -> [&mut bool; 10] {
    [
        &mut kernel.syscall,
        &mut kernel.tsync,
        &mut kernel.log,
        &mut kernel.spec_allow,
        &mut kernel.new_listener,
        &mut kernel.tsync_esrch,
        &mut kernel.wait_killable,
        &mut kernel.action_log,
        &mut kernel.action_kill_process,
        &mut kernel.action_notify,
    ]
}

fn pack(mut kernel: Capabilities) -> u32 {
    let fields = fields(&mut kernel);
    fields.into_iter().rev().fold(0, |word, field| (word << 1) | u32::from(*field))
}

fn unpack(word: u32) -> Capabilities {
    let mut kernel = Capabilities::default();
    for (bit, field) in fields(&mut kernel).into_iter().enumerate() {
        *field = word & (1 << bit) != 0;
    }
    kernel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_holds_what_was_put_in() {
        for level in 1..=7 {
            let kernel = Capabilities::of_level(ApiLevel::new(level).unwrap());
            assert_eq!(unpack(KNOWN | pack(kernel) | (level << LEVEL_SHIFT)), kernel);
        }
        for bit in 0..10 {
            assert_eq!(pack(unpack(1 << bit)), 1 << bit);
        }
    }

    #[test]
    fn probing_finds_the_kernel_that_runs() {
        assert_eq!(probe().log, flag_supported(Flag::Log));
        assert!(probe().level().raw() >= 1);
    }
}
