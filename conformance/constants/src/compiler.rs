//! C compilers, and what they say of assertions.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use callgate_facts::Constant;
use callgate_syscalls::Arch;

/// A compiler for one architecture.
pub(crate) struct Compiler {
    /// The architecture.
    pub(crate) arch: Arch,
    program: &'static str,
    options: &'static [&'static str],
}

/// The compilers, with Debian's names.
pub(crate) const ALL: &[Compiler] = &[
    compiler(Arch::X86_64, "gcc", &[]),
    compiler(Arch::X86, "gcc", &["-m32", HOST]),
    compiler(Arch::X32, "gcc", &["-mx32", HOST]),
    compiler(Arch::Aarch64, "aarch64-linux-gnu-gcc", &[]),
    compiler(Arch::Arm, "arm-linux-gnueabihf-gcc", &[]),
    compiler(Arch::S390x, "s390x-linux-gnu-gcc", &[]),
    compiler(Arch::S390, "s390x-linux-gnu-gcc", &["-m31"]),
    compiler(Arch::Ppc64le, "powerpc64le-linux-gnu-gcc", &[]),
    compiler(Arch::Riscv64, "riscv64-linux-gnu-gcc", &[]),
    compiler(Arch::Mipsel64, "mips64el-linux-gnuabi64-gcc", &[]),
    compiler(Arch::Mipsel64n32, "mips64el-linux-gnuabi64-gcc", &["-mabi=n32"]),
    compiler(Arch::Mipsel, "mips64el-linux-gnuabi64-gcc", &["-mabi=32"]),
];

/// The host's headers, which the compiler looks for elsewhere when it compiles for the host's other
/// ABIs.
const HOST: &str = "-idirafter/usr/include/x86_64-linux-gnu";

/// What the C library has in a file for each of its builds; these ABIs have none here.
const STUBS: &[&str] = &["stubs-32.h", "stubs-x32.h", "stubs-n32_hard.h", "stubs-o32_hard.h"];

const fn compiler(arch: Arch, program: &'static str, options: &'static [&'static str]) -> Compiler {
    Compiler { arch, program, options }
}

/// The kernel's headers for programs; those that cannot be included together apart. A program asks
/// nothing where its first header is missing.
pub(crate) const KERNEL: &[&[&str]] = &[
    MOST,
    &["linux/time.h"],
    &["linux/hidraw.h", "linux/uinput.h"],
    &["asm/kvm.h", "linux/kvm.h", "linux/ioctl.h"],
    &["drm/drm.h"],
];

const MOST: &[&str] = &[
    // Before MIPS's <asm/fcntl.h>, which looks at `__BITS_PER_LONG` before it is defined.
    "linux/types.h",
    "asm/fcntl.h",
    "asm/cachectl.h",
    "asm/ioctls.h",
    "asm/mman.h",
    "asm/prctl.h",
    "asm/ptrace.h",
    "asm/resource.h",
    "asm/signal.h",
    "asm/socket.h",
    "asm/sysmips.h",
    "asm/termbits.h",
    "linux/blktrace_api.h",
    "linux/bpf.h",
    "linux/btrfs.h",
    "linux/capability.h",
    "linux/cdrom.h",
    "linux/close_range.h",
    "linux/dma-buf.h",
    "linux/dma-heap.h",
    "linux/dqblk_xfs.h",
    "linux/eventfd.h",
    "linux/eventpoll.h",
    "linux/fadvise.h",
    "linux/falloc.h",
    "linux/fanotify.h",
    "linux/fcntl.h",
    "linux/fiemap.h",
    "linux/fs.h",
    "linux/fscrypt.h",
    "linux/fsverity.h",
    "linux/futex.h",
    "linux/if_packet.h",
    "linux/if_tun.h",
    "linux/in.h",
    "linux/in6.h",
    "linux/inotify.h",
    "linux/io_uring.h",
    "linux/ioctl.h",
    "linux/ioprio.h",
    "linux/ipc.h",
    "linux/kcmp.h",
    "linux/kd.h",
    "linux/kexec.h",
    "linux/keyctl.h",
    "linux/landlock.h",
    "linux/loop.h",
    "linux/lsm.h",
    "linux/membarrier.h",
    "linux/memfd.h",
    "linux/mempolicy.h",
    "linux/mman.h",
    "linux/module.h",
    "linux/mount.h",
    "linux/msg.h",
    "linux/net.h",
    "linux/netlink.h",
    "linux/nsfs.h",
    "linux/openat2.h",
    "linux/perf_event.h",
    "linux/personality.h",
    "linux/pidfd.h",
    "linux/prctl.h",
    "linux/ptrace.h",
    "linux/quota.h",
    "linux/random.h",
    "linux/reboot.h",
    "linux/resource.h",
    "linux/rseq.h",
    "linux/rtc.h",
    "linux/sched.h",
    "linux/seccomp.h",
    "linux/securebits.h",
    "linux/sem.h",
    "linux/serial.h",
    "linux/shm.h",
    "linux/signalfd.h",
    "linux/sockios.h",
    "linux/stat.h",
    "linux/tcp.h",
    "linux/timerfd.h",
    "linux/udmabuf.h",
    "linux/udp.h",
    "linux/usbdevice_fs.h",
    "linux/userfaultfd.h",
    "linux/vhost.h",
    "linux/vt.h",
    "linux/wait.h",
    "linux/watch_queue.h",
    "linux/watchdog.h",
    "linux/xattr.h",
];

/// The C library's headers.
pub(crate) const LIBRARY: &[&[&str]] = &[&[
    "fcntl.h",
    "netinet/in.h",
    "netinet/tcp.h",
    "netinet/udp.h",
    "sched.h",
    "signal.h",
    "sys/epoll.h",
    "sys/eventfd.h",
    "sys/file.h",
    "sys/inotify.h",
    "sys/ioctl.h",
    "sys/ipc.h",
    "sys/mman.h",
    "sys/mount.h",
    "sys/msg.h",
    "sys/personality.h",
    "sys/prctl.h",
    "sys/quota.h",
    "sys/random.h",
    "sys/resource.h",
    "sys/sem.h",
    "sys/shm.h",
    "sys/signalfd.h",
    "sys/socket.h",
    "sys/stat.h",
    "sys/swap.h",
    "sys/time.h",
    "sys/timerfd.h",
    "sys/wait.h",
    "sys/xattr.h",
    "termios.h",
    "time.h",
    "unistd.h",
]];

/// What the headers say of a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The value is ours.
    Equal,
    /// The value is another.
    Differs,
    /// There is no such name.
    Unknown,
}

impl Compiler {
    /// Asks programs with these headers for the values: one answer for each constant. The kernel's
    /// are looked for in a folder first, if there is one.
    pub(crate) fn ask(
        &self,
        folder: Option<&Path>,
        programs: &[&[&str]],
        constants: &[(Constant, i64)],
    ) -> Result<Vec<Told>, String> {
        let mut all = vec![Told::Unknown; constants.len()];
        for headers in programs {
            let open: Vec<usize> =
                (0..all.len()).filter(|place| all[*place] == Told::Unknown).collect();
            let wanted: Vec<_> = open.iter().map(|place| constants[*place]).collect();
            for (place, answer) in open.into_iter().zip(self.ask_one(folder, headers, &wanted)?) {
                all[place] = answer;
            }
        }
        Ok(all)
    }

    fn ask_one(
        &self,
        folder: Option<&Path>,
        headers: &[&str],
        constants: &[(Constant, i64)],
    ) -> Result<Vec<Told>, String> {
        let mut text = String::from("#define _GNU_SOURCE\n");
        let _ = writeln!(text, "#if __has_include(<{}>)", headers.first().unwrap_or(&""));
        for header in headers {
            // Writing to a string cannot fail.
            let _ = write!(text, "#if __has_include(<{header}>)\n#include <{header}>\n#endif\n");
        }
        text.push_str("#endif\n");
        // An assertion about a name that is nowhere costs a search for similar names.
        let words = self.compile(folder, &["-E", "-dD"], &text)?.0;
        let words: BTreeSet<&str> =
            words.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
        let first = text.lines().count() + 1;
        let mut asked = Vec::new();
        for (place, (constant, value)) in constants.iter().enumerate() {
            if words.contains(constant.name()) {
                asked.push(place);
                let _ =
                    writeln!(text, "_Static_assert((long long)({constant}) == {value}LL, \"\");");
            }
        }
        let errors = self.compile(folder, &["-fsyntax-only"], &text)?.1;
        let found = answers(&errors, first, asked.len())
            .map_err(|line| format!("{}: {line}", self.program))?;
        let mut all = vec![Told::Unknown; constants.len()];
        for (place, answer) in asked.into_iter().zip(found) {
            all[place] = answer;
        }
        Ok(all)
    }

    /// Where the kernel's headers for this architecture are in an unpacked package of Debian.
    fn below(&self, folder: &Path) -> [PathBuf; 2] {
        let triplet = match self.arch {
            Arch::X86_64 => "x86_64-linux-gnu",
            Arch::X86 => "i386-linux-gnu",
            Arch::X32 => "x86_64-linux-gnux32",
            _ => self.program.trim_end_matches("-gcc"),
        };
        let include = folder.join("usr/include");
        [include.join(triplet), include]
    }

    /// What the compiler writes, and its messages.
    fn compile(
        &self,
        folder: Option<&Path>,
        mode: &[&str],
        text: &str,
    ) -> Result<(String, String), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.program);
        let stubs = house::target().join("conformance-constants");
        fs::create_dir_all(stubs.join("gnu")).map_err(failed)?;
        for stub in STUBS {
            fs::write(stubs.join("gnu").join(stub), "").map_err(failed)?;
        }
        let mut command = Command::new(self.program);
        for headers in folder.into_iter().flat_map(|folder| self.below(folder)) {
            command.arg("-isystem").arg(headers);
        }
        command.args(self.options).arg("-idirafter").arg(stubs).args(mode);
        command.args(["-w", "-fmax-errors=0", "-x", "c", "-"]);
        // The messages are read, so they are in English.
        command.env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(text.as_bytes()).map_err(failed)?;
        }
        let output = child.wait_with_output().map_err(failed)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((text(&output.stdout), text(&output.stderr)))
    }
}

/// The answer for each of the lines from the first; the message that is about something else, if
/// there is one.
fn answers(errors: &str, first: usize, count: usize) -> Result<Vec<Told>, String> {
    let mut answers = vec![Told::Equal; count];
    let mut pending = None;
    for line in errors.lines() {
        let place = asserted(line, first, count);
        let answer =
            if line.contains("static assertion failed") { Told::Differs } else { Told::Unknown };
        match (line.contains(" error: "), line.contains("in expansion of macro"), place) {
            (true, _, Some(place)) => answers[place] = answer,
            // The error is in a macro's definition; where it is used is said next.
            (true, _, None) => pending = Some((line.to_owned(), answer)),
            (false, true, Some(place)) => {
                if let Some((_, answer)) = pending.take() {
                    answers[place] = answer;
                }
            }
            _ => {}
        }
    }
    pending.map_or(Ok(answers), |(line, _)| Err(line))
}

/// Which assertion a message is about.
fn asserted(line: &str, first: usize, count: usize) -> Option<usize> {
    let number: usize = line.strip_prefix("<stdin>:")?.split(':').next()?.parse().ok()?;
    number.checked_sub(first).filter(|place| *place < count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_answers() {
        let errors = "<stdin>:11:1: error: static assertion failed: \"\"\n\
                      <stdin>:12:29: error: 'X' undeclared here (not in a function)\n\
                      a.h:5:3: error: invalid application of 'sizeof'\n\
                      a.h:4:3: note: in expansion of macro '_IOR'\n\
                      <stdin>:13:29: note: in expansion of macro 'Y'\n";
        let expected = [Told::Equal, Told::Differs, Told::Unknown, Told::Unknown];
        assert_eq!(answers(errors, 10, 4).as_deref(), Ok(&expected[..]));
        for other in ["a.h:1:1: fatal error: b.h: No such file", "a.h:1:1: error: conflict"] {
            assert_eq!(answers(other, 10, 4), Err(other.into()));
        }
    }
}
