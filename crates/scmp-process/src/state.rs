//! What a process has once: what its kernel can do, and the descriptor for notifications.
//!
//! Each is one atomic word (`words`). Two threads that probe at once probe twice, and the first to
//! be done is believed.

use std::os::fd::RawFd;

use crate::Error;
use crate::sync::{AtomicI32, AtomicU32};
use crate::words::Words;
use callgate_kernel::{Flag, action_supported, flag_supported, notify, syscall_supported};
use callgate_scmp::{ApiLevel, Capabilities};
use callgate_syscalls::{ActionKind, Arch};

static WORDS: Words = Words::new(AtomicU32::new(0), AtomicI32::new(Words::NO_LISTENER));

/// What the kernel can do, found out where that is not known.
#[must_use]
pub fn kernel() -> Capabilities {
    known_kernel().unwrap_or_else(|| {
        let kernel = probe();
        unpack(WORDS.found(pack(kernel), kernel.level().raw()))
    })
}

/// What the kernel can do, where that is known already.
#[must_use]
pub fn known_kernel() -> Option<Capabilities> {
    WORDS.capabilities().map(unpack)
}

/// The API level.
#[must_use]
pub fn level() -> u32 {
    let _ = kernel();
    WORDS.level()
}

/// Assumes a kernel of that level, whichever it is.
pub fn assume(level: ApiLevel) {
    WORDS.assume(pack(Capabilities::of_level(level)), level.raw());
}

/// Forgets what the kernel can do, but not the level, as libseccomp does; and the descriptor for
/// notifications, which is the caller's to close.
#[must_use = "the descriptor stays open until it is closed"]
pub fn forget() -> Option<RawFd> {
    WORDS.forget()
}

/// The descriptor for notifications, where a load has made one.
#[must_use]
pub fn listener() -> Option<RawFd> {
    WORDS.listener()
}

/// Keeps the descriptor that a load has made.
pub(crate) fn set_listener(listener: RawFd) {
    WORDS.set_listener(listener);
}

/// The architecture that this library was built for.
///
/// # Errors
/// [`Error::ForeignMachine`].
pub fn native() -> Result<Arch, Error> {
    Arch::native().ok_or(Error::ForeignMachine)
}

fn probe() -> Capabilities {
    let mut kernel = Capabilities::default();
    kernel.syscall = syscall_supported();
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
            assert_eq!(unpack(pack(kernel)), kernel);
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
