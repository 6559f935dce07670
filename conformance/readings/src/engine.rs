//! Containers of Docker and Podman, from an image imported from busybox.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::compare::filters;
use crate::runtime::{Started, root};

/// An engine that was made to work here.
pub(super) struct Engine {
    name: &'static str,
    folder: PathBuf,
    /// The engine with its options, before the command.
    words: Vec<String>,
    /// What is said to `run` beside the profile.
    options: Vec<String>,
    daemon: Option<Child>,
}

/// The one capability that containers get.
pub(super) const CAPABILITY: &str = "KILL";

const START: Duration = Duration::from_secs(30);

impl Engine {
    /// Podman in front of runc. Without a daemon, its containers are children of its monitor's.
    pub(super) fn podman(folder: &Path) -> Result<Self, String> {
        let folder = folder.join("podman");
        let at = |name: &str| folder.join(name).display().to_string();
        let words = [
            "podman",
            "--root",
            &at("storage"),
            "--runroot",
            &at("run"),
            "--storage-driver",
            "vfs",
            "--cgroup-manager",
            "cgroupfs",
            "--events-backend",
            "none",
            "--runtime",
            "runc",
        ];
        let words = words.map(str::to_owned).into();
        // The limits that it sets by default take CAP_SYS_RESOURCE.
        let limits = ["--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000"];
        let options = limits.map(str::to_owned).into();
        Self { name: "podman", folder, words, options, daemon: None }.with_image()
    }

    /// A Docker daemon of our own, without networks.
    pub(super) fn docker(folder: &Path) -> Result<Self, String> {
        let folder = folder.join("docker");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let at = |name: &str| folder.join(name).display().to_string();
        let log = File::create(folder.join("log")).map_err(|error| error.to_string())?;
        let socket = format!("unix://{}", at("sock"));
        let daemon = Command::new("dockerd")
            .args(["--data-root", &at("data"), "--exec-root", &at("exec"), "-H", &socket])
            .args(["--pidfile", &at("pid"), "--storage-driver", "vfs", "--iptables=false"])
            .args(["--ip6tables=false", "--bridge=none"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let daemon = daemon.map_err(|error| format!("dockerd: {error}"))?;
        // Another program of that name may come first.
        let words = ["/usr/bin/docker".to_owned(), "-H".to_owned(), socket].into();
        let engine =
            Self { name: "docker", folder, words, options: Vec::new(), daemon: Some(daemon) };
        engine.wait()?;
        engine.with_image()
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// Starts a container under a profile, or the engine's default, and removes it.
    pub(super) fn start(&self, profile: Option<&str>) -> Result<Started, String> {
        let mut command =
            self.command(&["run", "--detach", "--name", "readings", "--network", "none"]);
        command.args(["--security-opt", "no-new-privileges", "--cap-drop", "ALL"]);
        command.args(["--cap-add", CAPABILITY]).args(&self.options);
        if let Some(profile) = profile {
            let file = self.folder.join("profile.json");
            fs::write(&file, profile).map_err(|error| error.to_string())?;
            command.args(["--security-opt", &format!("seccomp={}", file.display())]);
        }
        let started = self.run(command.args(["readings:1", "/bin/sleep", "1000"]));
        let result = match started {
            Err(reason) => Ok(Started::Refused(reason)),
            Ok(_) => self
                .run(&mut self.command(&["inspect", "--format", "{{.State.Pid}}", "readings"]))
                .and_then(|pid| pid.trim().parse().map_err(|_| format!("no process id: {pid:?}")))
                .and_then(|pid| filters(pid).map(Started::Filters)),
        };
        let removed = self.run(&mut self.command(&["rm", "--force", "readings"]));
        result.and_then(|started| removed.map(|_| started))
    }

    fn with_image(self) -> Result<Self, String> {
        let root = root(&self.folder)?;
        let archive = self.folder.join("root.tar");
        let mut tar = Command::new("tar");
        self.run(tar.arg("-C").arg(root).arg("-cf").arg(&archive).arg("."))?;
        let archive = archive.display().to_string();
        self.run(&mut self.command(&["import", &archive, "readings:1"]))?;
        Ok(self)
    }

    /// Waits until the daemon listens.
    fn wait(&self) -> Result<(), String> {
        let deadline = Instant::now() + START;
        while UnixStream::connect(self.folder.join("sock")).is_err() {
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(format!(
                    "dockerd does not listen: {}",
                    log.lines().last().unwrap_or("")
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).args(args);
        command
    }

    /// What a command prints, or what it complains of. Its children may keep its output, so that is
    /// a file.
    fn run(&self, command: &mut Command) -> Result<String, String> {
        let [out, err] = ["out", "err"].map(|name| self.folder.join(name));
        let file = |path: &Path| File::create(path).map_err(|error| error.to_string());
        command.stdin(Stdio::null()).stdout(file(&out)?).stderr(file(&err)?);
        let status = command.status().map_err(|error| format!("{}: {error}", self.name))?;
        let mut text = String::new();
        let path = if status.success() { out } else { err };
        let read = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
        read.map_err(|error| error.to_string())?;
        if status.success() { Ok(text) } else { Err(format!("{}: {}", self.name, text.trim())) }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            // SIGTERM lets it end containerd, which it started.
            let _ = Command::new("kill").arg(daemon.id().to_string()).status();
            let _ = daemon.wait();
        }
    }
}
