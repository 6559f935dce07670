//! Packages installed into roots of their own, and what runs there on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{fresh, succeed, text};
use crate::guide::{self, Origin};

/// Something to be done in a root: what it shows, the command, and what it must print.
struct Trial {
    shows: &'static str,
    command: &'static str,
    prints: &'static str,
}

/// With the library in the place of Debian's, and no other there.
const DEBIAN: &[Trial] = &[
    Trial {
        shows: "the library is ours",
        command: "dpkg -S /usr/lib/*/libseccomp.so.2; dpkg-query -W -f '${Status}' libseccomp2 || true",
        prints: "libcallgate-seccomp2:",
    },
    Trial {
        shows: "apt updates under its own filter",
        command: "apt-get -o APT::Sandbox::Seccomp=1 update && echo done",
        prints: "done",
    },
    Trial {
        shows: "apt installs systemd and QEMU, which accept the library for Debian's",
        command: "DEBIAN_FRONTEND=noninteractive apt-get -o APT::Sandbox::Seccomp=1 install -y \
                  --no-install-recommends systemd dbus-user-session qemu-system-x86 && \
                  dpkg --audit && echo done",
        prints: "done",
    },
    Trial {
        shows: "systemd resolves its groups of syscalls",
        command: "systemd-analyze syscall-filter @file-system",
        prints: "openat2",
    },
    Trial {
        shows: "systemd runs services under their filters",
        command: concat!(
            "export SYSTEMD_IGNORE_CHROOT=1; mount -t tmpfs -o mode=755 tmpfs /run; \
             mount -t sysfs sysfs /sys; mount -t cgroup2 cgroup2 /sys/fs/cgroup\n",
            include_str!("../../../conformance/clients/src/scripts/waiting.sh"),
            include_str!("../../../conformance/clients/src/scripts/systemd-service.sh")
        ),
        prints: "Seccomp:\t2\na service computes 42",
    },
    Trial {
        shows: "QEMU starts in its sandbox",
        command: "{ sleep 2; grep Seccomp: /proc/[0-9]*/task/*/status >&2; echo quit; } 2>/seen | \
                  qemu-system-x86_64 -machine none -display none -monitor stdio -sandbox \
                  on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny && cat /seen",
        prints: "Seccomp:\t2",
    },
    Trial {
        shows: "the library beside it finds this libseccomp",
        command: "ldd /usr/lib/*/libcallgate.so.0; ls /usr/include/callgate.h; \
                  dpkg-query -W -f '${Depends}\\n' libcallgate0",
        prints: "/usr/include/callgate.h",
    },
    Trial {
        shows: "the book is there, and registered",
        command: "ls /usr/share/doc/callgate-doc/html/index.html; cat /usr/share/doc-base/callgate*",
        prints: "/usr/share/doc/callgate-doc/html/index.html\nDocument: callgate",
    },
    Trial {
        shows: "the library's debugging package names lines",
        command: "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends binutils \
                  >/dev/null; cd $(dirname /usr/lib/*/libseccomp.so.2); \
                  id=$(readelf -n libseccomp.so.2 | sed -n 's/.*Build ID: //p'); \
                  at=$(nm -D libseccomp.so.2 | sed -n 's/ T seccomp_load$//p'); \
                  addr2line -e /usr/lib/debug/.build-id/$(echo $id | cut -c1-2)/$(echo $id | cut -c3-).debug $at",
        prints: "/scmp-capi/src/",
    },
    Trial {
        shows: "Python loads a filter",
        command: "python3 -c 'import seccomp as s, os; f = s.SyscallFilter(s.ALLOW); \
                  f.add_rule(s.ERRNO(7), \"getppid\"); f.load(); print(os.getppid())'",
        prints: "-7",
    },
    Trial {
        shows: "the commands run",
        command: "scmp_sys_resolver read; callgate run -- grep Seccomp: /proc/self/status",
        prints: "Seccomp:\t2",
    },
];

const FEDORA: &[Trial] = &[
    Trial {
        shows: "the library stands in for Fedora's",
        command: "rpm --root \"$PWD\" -q --provides callgate-libseccomp",
        prints: "libseccomp.so.2()(64bit)",
    },
    Trial {
        shows: "installed files are as packaged",
        command: "rpm --root \"$PWD\" -Va --nodeps --nouser --nogroup && echo done",
        prints: "done",
    },
    Trial {
        shows: "programs are compiled, linked and run",
        command: "printf '#include <seccomp.h>\\n#include <stdio.h>\\nint main(void) \
                  { printf(\"%%u\\\\n\", seccomp_version()->minor); return 0; }\\n' > version.c && \
                  cc -Iusr/include version.c -Lusr/lib64 -lseccomp -o version && \
                  LD_LIBRARY_PATH=usr/lib64 ./version",
        prints: "6",
    },
    Trial {
        shows: "a policy is a filter in a program",
        command: "printf '#include <callgate.h>\\nint main(void) { scmp_filter_ctx f; \
                  int e = callgate_filter_from_text(&f, \"policy 2\", \"p\"); \
                  printf(\"%%d %%s\\\\n\", e, callgate_error()); return 0; }\\n' > beside.c && \
                  cc -Iusr/include beside.c -Lusr/lib64 -lcallgate -lseccomp -o beside && \
                  LD_LIBRARY_PATH=usr/lib64 ./beside",
        prints: "-22 p:1:",
    },
    Trial {
        shows: "Fedora's own library can't come beside it",
        command: "printf 'Name: libseccomp\\nVersion: 2.6.0\\nRelease: 1\\nSummary: a stand-in\\n\
                  License: MIT\\nBuildArch: noarch\\n%%description\\nIt is empty.\\n%%files\\n' > it.spec && \
                  rpmbuild -bb --quiet --define \"_topdir $PWD/stand-in\" it.spec && \
                  ! rpm --root \"$PWD\" --install stand-in/RPMS/noarch/*.rpm 2>&1",
        prints: "conflicts with (installed) callgate-libseccomp",
    },
    Trial {
        shows: "the commands run",
        command: "usr/bin/scmp_sys_resolver -a x86_64 write; usr/bin/callgate --version",
        prints: "callgate",
    },
];

/// Installs Debian's packages as a user would, in place of Debian's own.
pub(super) fn debs(folder: &Path, packages: &[PathBuf]) -> Result<(), String> {
    let root = fresh(&folder.join("root-deb"))?;
    println!("package: making a Debian root");
    let mut make = Command::new("debootstrap");
    make.args(["--variant=minbase", "--include=ca-certificates,python3-minimal"]);
    succeed(make.arg("bookworm").arg(&root))?;
    for package in packages {
        copy(package, &root.join("tmp"))?;
    }
    follow_guide(&root)?;
    let install = "cd /tmp && DEBIAN_FRONTEND=noninteractive apt-get install -y ./*.deb";
    succeed(&mut inside(&root, install))?;
    attempt(DEBIAN, |command| inside(&root, command))
}

/// Does what the guide tells distributors to do with the packages.
fn follow_guide(root: &Path) -> Result<(), String> {
    succeed(&mut inside(root, "apt-get update"))?;
    let commands = guide::commands_in(Origin::Debian)?;
    for shown in &commands {
        let command =
            format!("exec 2>&1; cd /tmp; export DEBIAN_FRONTEND=noninteractive; {}", shown.command);
        guide::attempt(shown, &mut inside(root, &command))?;
        println!("package: as the guide says: {}", shown.command);
    }
    match commands.is_empty() {
        true => Err("the guide has no command for a Debian".into()),
        false => Ok(()),
    }
}

/// Installs Fedora's packages where only they are, for this machine has no Fedora to install them
/// on.
pub(super) fn rpms(folder: &Path, packages: &[PathBuf]) -> Result<(), String> {
    let root = fresh(&folder.join("root-rpm"))?;
    let rpm = || {
        let mut rpm = Command::new("rpm");
        rpm.arg("--root").arg(&root);
        rpm
    };
    succeed(rpm().arg("--initdb"))?;
    succeed(rpm().args(["--install", "--nodeps"]).args(packages))?;
    attempt(FEDORA, |command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(&root);
        shell
    })
}

fn attempt(trials: &[Trial], command: impl Fn(&str) -> Command) -> Result<(), String> {
    for trial in trials {
        let printed = text(&mut command(trial.command))?;
        if !printed.contains(trial.prints) {
            return Err(format!("{}: {:?} is not in:\n{printed}", trial.shows, trial.prints));
        }
        println!("package: {}", trial.shows);
    }
    Ok(())
}

/// A shell in a root, with its own /proc and no process of ours in sight.
fn inside(root: &Path, command: &str) -> Command {
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "--cgroup", "--pid", "--fork", "--kill-child"]);
    shell.arg(format!("--mount-proc={}", root.join("proc").display()));
    shell.arg("chroot").arg(root).args(["sh", "-c", command]);
    shell
}

fn copy(from: &Path, folder: &Path) -> Result<(), String> {
    let name = from.file_name().unwrap_or_default();
    let copied = fs::copy(from, folder.join(name)).map(drop);
    copied.map_err(|error| format!("{}: {error}", from.display()))
}
