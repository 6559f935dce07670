//! Containers of runc and crun, from a bundle.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use callgate_bpf::Stack;

use crate::compare::filters;

/// A runtime, and the folder that it works in.
pub(super) struct Runtime {
    name: &'static str,
    folder: PathBuf,
}

/// What became of a container.
pub(super) enum Started {
    /// Its filters.
    Filters(Stack),
    /// It was refused, for this reason.
    Refused(String),
}

const CONFIG: &str = r#"{"ociVersion": "1.0.2", "process": {"terminal": false, "user": {"uid": 0, "gid": 0},
    "cwd": "/", "env": ["PATH=/bin"], "args": ["sleep", "1000"], "noNewPrivileges": true,
    "capabilities": {"bounding": [], "effective": [], "permitted": []}},
    "root": {"path": "rootfs"}, "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}], "seccomp": SECCOMP}}"#;

/// A root with busybox, whose `sleep` a container runs.
pub(super) fn root(folder: &Path) -> Result<PathBuf, String> {
    let root = folder.join("rootfs");
    let made = ["bin", "proc", "dev", "sys", "etc"]
        .iter()
        .try_for_each(|name| fs::create_dir_all(root.join(name)))
        .and_then(|()| fs::copy("/bin/busybox", root.join("bin/busybox")))
        .and_then(|_| symlink("busybox", root.join("bin/sleep")));
    made.map_err(|error| format!("a root with busybox (busybox-static): {error}"))?;
    Ok(root)
}

impl Runtime {
    pub(super) fn new(name: &'static str, folder: &Path) -> Result<Self, String> {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        root(&folder)?;
        Ok(Self { name, folder })
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Starts a container under a profile, and ends it.
    pub(super) fn start(&self, profile: &str) -> Result<Started, String> {
        let io = |error: io::Error| format!("{}: {error}", self.name);
        let config = CONFIG.replace("SECCOMP", profile);
        fs::write(self.folder.join("config.json"), config).map_err(io)?;
        let (pid, log) = (self.folder.join("pid"), self.folder.join("log"));
        // The container keeps what it inherits, so nobody waits for the end of its output.
        let output = File::create(&log).map_err(io)?;
        let mut command = Command::new("unshare");
        // crun refuses cgroups of both versions side by side; the change is its own mount
        // namespace's.
        let script = r#"umount /sys/fs/cgroup/unified 2>/dev/null
            case $1 in crun) quiet=--cgroup-manager=disabled ;; esac
            $1 $quiet --root "$2/state" run --detach --pid-file "$2/pid" --bundle "$2" callgate-readings || exit 1"#;
        command.args(["-m", "sh", "-c", script, "sh", self.name]).arg(&self.folder);
        let (out, err) = (output.try_clone().map_err(io)?, output);
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let started = command.status().map_err(io)?.success();
        let result = match started {
            true => fs::read_to_string(&pid).map_err(io).and_then(|pid| {
                let pid = pid.trim().parse().map_err(|_| format!("no process id: {pid:?}"))?;
                filters(pid).map(Started::Filters)
            }),
            false => fs::read_to_string(&log).map_err(io).map(Started::Refused),
        };
        self.end(&pid);
        result
    }

    fn end(&self, pid: &Path) {
        if let Ok(pid) = fs::read_to_string(pid) {
            // It may have ended by itself.
            let _ = Command::new("kill").args(["-KILL", pid.trim()]).stderr(Stdio::null()).status();
        }
        let _ = fs::remove_file(pid);
        let _ = Command::new(self.name)
            .arg("--root")
            .arg(self.folder.join("state"))
            .args(["delete", "--force", "callgate-readings"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let _ = fs::remove_dir_all(self.folder.join("state"));
    }
}
