//! A call made again, under a filter that does to it what has to be done.
//!
//! How a thread dies of a filter can't be imitated: not by SIGSYS, which the program may handle or
//! ignore, and which ends all threads. So the kernel does it. The thread is stopped, made to load a
//! filter of one instruction, and set back in front of its call. Whatever is to be seen of its end
//! (status, core, siginfo, the kernel's log) is then what it would be without a supervisor.
//!
//! The thread's own calls on the way go through its filters, which hand them over if they do not
//! allow them, to be let through here.

use std::time::{Duration, Instant};

use callgate_kernel::Tid;
use callgate_kernel::parts::errno;
use callgate_kernel::parts::steer::{self, Stand};
use callgate_syscalls::{Action, Errno};

use super::Refused;
use super::desk::Desk;

/// How long a thread may take to stop or to make a call.
const TIME_MAX: Duration = Duration::from_secs(5);

/// Lets a filter that returns `action` decide about a call.
#[cfg(target_arch = "x86_64")]
pub(super) fn make(
    desk: &mut Desk,
    thread: Tid,
    refused: &Refused,
    action: Action,
) -> Result<(), Errno> {
    steering::make(desk, thread, refused, action)
}

/// Needs to know registers, which is not done for this architecture.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn make(_: &mut Desk, _: Tid, _: &Refused, _: Action) -> Result<(), Errno> {
    Err(errno(libc::ENOSYS))
}

/// Has a stopped thread load a filter that returns `action`, and sets it in front of a call.
#[cfg(target_arch = "x86_64")]
pub(super) fn prepare(thread: Tid, refused: &Refused, action: Action) -> Result<(), Errno> {
    steering::prepare(None, thread, refused, action)
}

/// As [`make`].
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn prepare(_: Tid, _: &Refused, _: Action) -> Result<(), Errno> {
    Err(errno(libc::ENOSYS))
}

/// Waits until a traced thread stands still or has ended, and lets its calls go on meanwhile if
/// they arrive at a desk.
pub(super) fn wait_for_stop(mut desk: Option<&mut Desk>, thread: Tid) -> Result<Stand, Errno> {
    const PAUSE: Duration = Duration::from_millis(1);
    const LOOKS_AT_ONCE: u32 = 64;
    let deadline = Instant::now() + TIME_MAX;
    let mut looks = 0;
    loop {
        if let Some(stand) = steer::stand(thread)? {
            return Ok(stand);
        }
        looks += 1;
        let pause = if looks < LOOKS_AT_ONCE { Duration::ZERO } else { PAUSE };
        match &mut desk {
            Some(desk) => desk.serve(thread, pause)?,
            None => std::thread::sleep(pause),
        }
        if Instant::now() > deadline {
            return Err(errno(libc::ETIMEDOUT));
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod steering {
    use std::fs::{File, OpenOptions};
    use std::os::unix::fs::FileExt;

    use callgate_kernel::parts::errno_of;
    use callgate_syscalls::{Arch, Name, names};

    use super::*;
    use crate::thread::mappings_of;
    use callgate_kernel::parts::registers::{Registers, instruction_of};
    use callgate_kernel::parts::trace;

    pub(super) fn make(
        desk: &mut Desk,
        thread: Tid,
        refused: &Refused,
        action: Action,
    ) -> Result<(), Errno> {
        let nr = i64::from(refused.call.nr.raw());
        steer::seize(thread)?;
        trace::interrupt(thread)?;
        desk.give(refused, nr)?;
        if matches!(wait_for_stop(Some(desk), thread)?, Stand::Ended(_)) {
            return Err(errno(libc::ESRCH));
        }
        prepare(Some(desk), thread, refused, action)?;
        steer::detach(thread, 0)
    }

    pub(super) fn prepare(
        desk: Option<&mut Desk>,
        thread: Tid,
        refused: &Refused,
        action: Action,
    ) -> Result<(), Errno> {
        let mask = steer::mask(thread)?;
        steer::set_mask(thread, u64::MAX)?;
        let before = Registers::of(thread)?;
        let loaded = load(desk, thread, before, refused, action);
        before.in_front_of(&refused.call).set(thread)?;
        steer::set_mask(thread, mask)?;
        // Without the filter the thread must not go on: stopped as it is, it waits for its end.
        loaded
    }

    /// Makes a stopped thread load a filter of one instruction.
    fn load(
        mut desk: Option<&mut Desk>,
        thread: Tid,
        before: Registers,
        refused: &Refused,
        action: Action,
    ) -> Result<(), Errno> {
        const SET_MODE_FILTER: u64 = 1;
        const PR_SET_SECCOMP: u64 = 22;
        const MODE_FILTER: u64 = 2;
        let narrow = before.narrow();
        let place = Place::of(thread, before, narrow)?;
        let instruction = place.syscall.filter(|_| !narrow);
        let instruction = instruction.unwrap_or_else(|| instruction_of(&refused.call));
        let program = place.address;
        place.memory.write_all_at(&filter(program, narrow, action), program).map_err(failure)?;
        let arch = if narrow { Arch::X86 } else { Arch::X86_64 };
        // Another filter may forbid the one.
        let ways = [
            (names::SECCOMP, [SET_MODE_FILTER, 0, program]),
            (names::PRCTL, [PR_SET_SECCOMP, MODE_FILTER, program]),
        ];
        let mut result = Err(errno(libc::ENOSYS));
        for (name, args) in ways {
            let nr = number(arch, name)?;
            before.entering(instruction, nr, args).set(thread)?;
            result = call(desk.as_deref_mut(), thread);
            if result.is_ok() {
                break;
            }
        }
        place.memory.write_all_at(&place.content, program).map_err(failure)?;
        result
    }

    /// Lets a thread make the call in front of which it stands.
    fn call(mut desk: Option<&mut Desk>, thread: Tid) -> Result<(), Errno> {
        // On the way in, and out again.
        for _ in 0..2 {
            loop {
                steer::go_to_call(thread)?;
                match wait_for_stop(desk.as_deref_mut(), thread)? {
                    Stand::AtCall => break,
                    Stand::Ended(_) => return Err(errno(libc::ESRCH)),
                    _ => {}
                }
            }
        }
        match Registers::of(thread)?.result() {
            0 => Ok(()),
            _ => Err(errno(libc::EPERM)),
        }
    }

    fn number(arch: Arch, name: Name) -> Result<u32, Errno> {
        arch.syscall(name).map(|syscall| syscall.nr.raw()).ok_or(errno(libc::ENOSYS))
    }

    /// `struct sock_fprog` at an address, and behind it the program that returns `action`.
    fn filter(address: u64, narrow: bool, action: Action) -> [u8; SIZE] {
        const RETURN: u16 = 0x06;
        let mut bytes = [0; SIZE];
        let instruction = address + HEADER as u64;
        bytes[0..2].copy_from_slice(&1_u16.to_ne_bytes());
        if narrow {
            bytes[4..8].copy_from_slice(&instruction.to_ne_bytes()[..4]);
        } else {
            bytes[8..16].copy_from_slice(&instruction.to_ne_bytes());
        }
        bytes[HEADER..HEADER + 2].copy_from_slice(&RETURN.to_ne_bytes());
        bytes[HEADER + 4..].copy_from_slice(&action.raw().to_ne_bytes());
        bytes
    }

    const HEADER: usize = 16;
    const SIZE: usize = HEADER + 8;

    /// Where the filter is put, for as long as it takes to load it.
    struct Place {
        memory: File,
        address: u64,
        content: [u8; SIZE],
        /// An instruction that enters the kernel as code of 64 bits does.
        syscall: Option<u64>,
    }

    impl Place {
        /// Behind the code of the vDSO, where nothing is and each process has a copy of its own as
        /// soon as it is written to; or, without one, beyond the end of the stack.
        fn of(thread: Tid, registers: Registers, narrow: bool) -> Result<Self, Errno> {
            const RED_ZONE: u64 = 128;
            const BEHIND: u64 = 64;
            let memory = format!("/proc/{thread}/mem");
            let memory = OpenOptions::new().read(true).write(true).open(memory);
            let memory = memory.map_err(|error| errno_of(&error))?;
            let vdso =
                mappings_of(thread).into_iter().find(|it| it.file.as_deref() == Some("[vdso]"));
            let image = vdso.and_then(|it| {
                let mut image = vec![0; usize::try_from(it.end - it.start).ok()?];
                memory.read_exact_at(&mut image, it.start).ok()?;
                Some((it.start, it.end, image))
            });
            let syscall = image.as_ref().filter(|_| !narrow).and_then(|(start, _, image)| {
                let at = image.windows(2).position(|bytes| bytes == [0x0f, 0x05])?;
                Some(start + at as u64)
            });
            let empty = |image: &[u8]| image.iter().rev().take(64).all(|&byte| byte == 0);
            let address = match &image {
                Some((_, end, image)) if empty(image) => end - BEHIND,
                _ => (registers.stack() - RED_ZONE - BEHIND) & !15,
            };
            let mut content = [0; SIZE];
            memory.read_exact_at(&mut content, address).map_err(failure)?;
            Ok(Self { memory, address, content, syscall })
        }
    }

    fn failure(error: std::io::Error) -> Errno {
        errno_of(&error)
    }
}
