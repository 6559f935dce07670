//! mknod(2) and mknodat(2) in the place of a container that may not make devices.
//!
//! Everything named by the caller is looked up inside its root directory: links lead nowhere else.
//! What is made belongs to the caller, and is made only where the caller could make a file itself.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use callgate_kernel::Tid;
use callgate_supervise::{Delivery, Error, Examined, Failure, Notification, Seen, Value};
use callgate_syscalls::{Arch, Errno, names};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Uid, chownat, fstat, makedev,
    mknodat, open, openat, openat2, unlinkat,
};

use super::Devices;
use super::devices::{Device, Kind};
use crate::policy::TEXT_MAX;

/// Makes the device that a call asks for, if it is one of these, and answers the call. Returns the
/// failure that it was answered with, if any.
pub(crate) fn mknod(
    call: Notification<'_, Examined>,
    devices: &Devices,
) -> (Option<Failure>, Result<Delivery, Error>) {
    let made = match make(&call, devices) {
        Ok(made) => made,
        Err(Stopped::Refused(failure)) => return (Some(failure), call.fail(failure)),
        Err(Stopped::Gone) => return (None, Ok(Delivery::Gone)),
        Err(Stopped::Failed(error)) => {
            return (Some(Failure::EIO), call.fail(Failure::EIO).and(Err(error)));
        }
    };
    let delivery = call.succeed(Value::ZERO);
    if !matches!(delivery, Ok(Delivery::Delivered)) {
        made.undo();
    }
    (None, delivery)
}

/// Why no device was made.
enum Stopped {
    Refused(Failure),
    Gone,
    Failed(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<rustix::io::Errno> for Stopped {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Refused(failure(errno.raw_os_error()))
    }
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Refused(failure(error.raw_os_error().unwrap_or(0)))
    }
}

fn failure(raw: i32) -> Failure {
    u16::try_from(raw).ok().and_then(|raw| Failure::new(Errno::new(raw))).unwrap_or(Failure::EIO)
}

/// What is asked for, from the registers.
struct Request {
    /// The descriptor of the directory that a relative path starts from; the current one, if none.
    directory: Option<u32>,
    path: u64,
    mode: u64,
    device: Device,
}

impl Request {
    fn of(call: &Notification<'_, Examined>) -> Option<Self> {
        let data = call.call();
        let arch = Arch::of_call(data.arch, data.nr)?;
        let at = arch.syscall_at(data.nr)?.name == names::MKNODAT;
        let first = usize::from(at);
        let (mode, number) = (data.args[first + 1], data.args[first + 2]);
        let device = Device::of_call(mode, number)?;
        // Negative numbers are AT_FDCWD or no descriptors; those are found out when they are looked
        // for.
        let directory = u32::try_from(data.args[0] & 0xffff_ffff).ok().filter(|_| at);
        let directory = directory.filter(|&number| number != AT_FDCWD);
        Some(Self { directory, path: call.pointer(first), mode, device })
    }
}

const AT_FDCWD: u32 = 0xffff_ff9c;

fn make(call: &Notification<'_, Examined>, devices: &Devices) -> Result<Made, Stopped> {
    let request = Request::of(call).filter(|request| devices.contain(request.device));
    let request = request.ok_or(Stopped::Refused(Failure::EPERM))?;
    let path = match call.memory().c_string(request.path, TEXT_MAX)? {
        Seen::Value(Some(path)) => path,
        Seen::Value(None) => return Err(Stopped::Refused(failure(ENAMETOOLONG))),
        Seen::Fault => return Err(Stopped::Refused(Failure::EFAULT)),
        Seen::Gone => return Err(Stopped::Gone),
    };
    let tid = call.caller().ok_or(Error::Invisible)?;
    let path = Path::new(OsStr::from_bytes(path.as_bytes()));
    let place = Entry::open(tid, request.directory, path)?;
    let caller = Caller::read(tid)?;
    // Only now is it certain that all this was the caller's, and not of a process that has its
    // number now.
    if !call.still_waits()? {
        return Err(Stopped::Gone);
    }
    place.make(&request, &caller)
}

const ENAMETOOLONG: i32 = 36;

/// A directory in the caller's root, and a name in it.
struct Entry {
    directory: OwnedFd,
    name: PathBuf,
}

impl Entry {
    fn open(tid: Tid, directory: Option<u32>, path: &Path) -> Result<Self, Stopped> {
        let no_such_file = Stopped::Refused(Failure::ENOENT);
        let absolute = match path.is_absolute() {
            true => path.to_owned(),
            false => fs::read_link(match directory {
                Some(number) => format!("/proc/{tid}/fd/{number}"),
                None => format!("/proc/{tid}/cwd"),
            })?
            .join(path),
        };
        let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(no_such_file);
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = open(format!("/proc/{tid}/root"), flags, Mode::empty())?;
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let directory = openat2(&root, parent, flags, Mode::empty(), inside)?;
        Ok(Self { directory, name: PathBuf::from(name) })
    }

    fn make(self, request: &Request, caller: &Caller) -> Result<Made, Stopped> {
        let directory = fstat(&self.directory)?;
        if !caller.may_write(&directory) {
            return Err(Stopped::Refused(Failure::EACCES));
        }
        let Device { kind, major, minor } = request.device;
        let file_type = match kind {
            Kind::Character => FileType::CharacterDevice,
            Kind::Block => FileType::BlockDevice,
        };
        let mode = u32::try_from(request.mode & 0o777).unwrap_or(0) & !caller.umask;
        let number = makedev(major, minor);
        mknodat(&self.directory, &self.name, file_type, Mode::from_raw_mode(mode), number)?;
        let made = Made(self);
        made.give_to(caller, &directory, number).inspect_err(|_| made.undo())?;
        Ok(made)
    }
}

/// A device that was made.
struct Made(Entry);

impl Made {
    /// Makes the caller its owner, if it is still there: the container may have put another file in
    /// its place.
    fn give_to(&self, caller: &Caller, directory: &Stat, number: u64) -> Result<(), Stopped> {
        const SET_GID: u32 = 0o2000;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let node = openat(&self.0.directory, &self.0.name, flags, Mode::empty())?;
        let stat = fstat(&node)?;
        if stat.st_rdev != number || stat.st_nlink != 1 {
            return Err(Stopped::Refused(Failure::EPERM));
        }
        let inherits = directory.st_mode & SET_GID != 0;
        let group = if inherits { directory.st_gid } else { caller.gid };
        let (user, group) = (Uid::from_raw(caller.uid), Gid::from_raw(group));
        Ok(chownat(&node, "", Some(user), Some(group), AtFlags::EMPTY_PATH)?)
    }

    fn undo(&self) {
        // What can't be removed was removed by the container, or can be by it.
        let _ = unlinkat(&self.0.directory, &self.0.name, AtFlags::empty());
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Caller {
    uid: u32,
    gid: u32,
    umask: u32,
}

impl Caller {
    fn read(tid: Tid) -> Result<Self, Stopped> {
        let status = fs::read_to_string(format!("/proc/{tid}/status"))?;
        Self::parse(&status).ok_or(Stopped::Refused(Failure::EPERM))
    }

    /// The ids that the kernel uses for files are the fourth of each line.
    fn parse(status: &str) -> Option<Self> {
        let line = |name| status.lines().find_map(|line| line.strip_prefix(name));
        let id = |name| line(name)?.split_whitespace().nth(3)?.parse().ok();
        let umask = u32::from_str_radix(line("Umask:")?.trim(), 8).ok()?;
        Some(Self { uid: id("Uid:")?, gid: id("Gid:")?, umask })
    }

    /// Whether permissions let this caller make files there: stricter than the kernel, which also
    /// knows further groups and capabilities of user namespaces.
    const fn may_write(&self, directory: &Stat) -> bool {
        let shift = match (self.uid == directory.st_uid, self.gid == directory.st_gid) {
            (true, _) => 6,
            (false, true) => 3,
            _ => 0,
        };
        self.uid == 0 || directory.st_mode >> shift & 0o3 == 0o3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_is_known_by_its_file_system_ids() {
        let status = "Name:\tx\nUmask:\t0022\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n";
        assert_eq!(Caller::parse(status), Some(Caller { uid: 4, gid: 8, umask: 0o22 }));
        for missing in ["Umask:\t0022\n", "Uid:\t1\t2\t3\t4\n", "Gid:\t5\t6\t7\t8\n"] {
            assert_eq!(Caller::parse(&status.replace(missing, "")), None, "{missing}");
        }
    }
}
