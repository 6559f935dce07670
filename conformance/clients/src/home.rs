//! The root in which clients run: Debian's packages, our library beside them, a folder for traces.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::list::{Client, TOOLS};
use house::{stage, target};

/// Where the clients see our library, and the folder for traces.
pub(super) const STAGE: &str = "/stage";
pub(super) const TRACE: &str = "/trace";

/// Whose library a run loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Library {
    Debian,
    Ours,
}

/// The release of Debian whose packages are meant.
const RELEASE: &str = "bookworm";

/// Long enough for a query, and for every download.
const ASK_SECONDS_MAX: u32 = 30;
const INSTALL_SECONDS_MAX: u32 = 1_800;

/// Puts the folders in place and changes the root, within the namespaces: root, stage, trace, and
/// the command. The root becomes a mount of its own, which containers within it need.
const ENTER: &str = "set -e; root=$1; stage=$2; trace=$3; shift 3
mount --bind $root $root; cd $root
mount -t proc proc proc; mount -t sysfs sysfs sys; mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --rbind /dev dev; mount -t tmpfs tmpfs tmp; mount -t tmpfs -o mode=755 tmpfs run
mount --bind $stage stage; mount --bind $trace trace
pivot_root . mnt; umount -l /mnt
exec \"$@\"";

/// The folder under the target folder that holds all of it.
pub(super) struct Home {
    folder: PathBuf,
}

impl Home {
    /// Makes the root if there is none, installs what the clients need, and lays out our library.
    ///
    /// # Errors
    /// The packages that could not be installed or built.
    pub(super) fn prepare(clients: &[&Client]) -> Result<Self, String> {
        let home = Self { folder: target().join("clients") };
        fs::create_dir_all(home.stage()).map_err(|error| error.to_string())?;
        if !home.root().join("usr/sbin/policy-rc.d").exists() {
            home.bootstrap()?;
        }
        home.install(clients)?;
        home.set_up(clients)?;
        let staged = home.stage();
        stage::run(&[staged.to_string_lossy().into_owned()])?;
        for build in clients.iter().filter_map(|client| client.build) {
            build(&home.folder, &staged)?;
        }
        Ok(home)
    }

    fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    fn stage(&self) -> PathBuf {
        self.folder.join("stage")
    }

    /// An empty folder for what a run leaves behind.
    pub(super) fn trace(&self, client: &Client, library: Library) -> Result<PathBuf, String> {
        let folder = self.folder.join("trace").join(format!("{}-{library:?}", client.name));
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }

    /// The output of a command within the root.
    pub(super) fn ask(&self, args: &[&str]) -> Result<String, String> {
        let output = isolated(self, &self.folder, ASK_SECONDS_MAX, &[]).args(args).output();
        let output = output.map_err(|error| format!("unshare: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(format!("{args:?}: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }

    fn bootstrap(&self) -> Result<(), String> {
        let mut command = Command::new("debootstrap");
        command.args(["--variant=minbase", RELEASE]).arg(self.root()).arg(mirror()?);
        self.logged(&mut command, "bootstrap")?;
        for folder in [STAGE, TRACE] {
            let folder = self.root().join(folder.trim_start_matches('/'));
            fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        }
        // No daemon starts because its package is installed; the file also says that the root is
        // complete.
        let policy = self.root().join("usr/sbin/policy-rc.d");
        fs::write(&policy, "#!/bin/sh\nexit 101\n").map_err(|error| error.to_string())?;
        let mut executable = Command::new("chmod");
        self.logged(executable.arg("+x").arg(policy), "chmod")
    }

    /// Installs the packages of the clients, where one is missing.
    fn install(&self, clients: &[&Client]) -> Result<(), String> {
        let mut packages: Vec<&str> = TOOLS.to_vec();
        packages.extend(clients.iter().flat_map(|client| client.packages));
        packages.sort_unstable();
        packages.dedup();
        let status = |package: &&&str| {
            let query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package];
            self.ask(&query).is_ok_and(|status| status == "installed")
        };
        let missing: Vec<&&str> = packages.iter().filter(|package| !status(package)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        println!("clients: installing {} packages", missing.len());
        let script = "export DEBIAN_FRONTEND=noninteractive; apt-get -q update; \
                      exec apt-get -q install -y --no-install-recommends \"$@\"";
        let mut command = isolated(self, &self.folder, INSTALL_SECONDS_MAX, &[]);
        self.logged(command.args(["sh", "-c", script, "sh"]).args(missing), "install")
    }

    fn set_up(&self, clients: &[&Client]) -> Result<(), String> {
        for setup in clients.iter().filter_map(|client| client.setup) {
            let mut command = isolated(self, &self.folder, INSTALL_SECONDS_MAX, &[]);
            self.logged(command.args(["sh", "-eu", "-c", setup]), "setup")?;
        }
        Ok(())
    }

    /// Runs a command whose output goes to a file, because it is long and tells nothing where all
    /// is well.
    fn logged(&self, command: &mut Command, name: &str) -> Result<(), String> {
        let path = self.folder.join(name).with_extension("log");
        let log = fs::File::create(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let status = command.stdin(Stdio::null()).stdout(log).stderr(errors).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("{name}: {status}; see {}", path.display())),
            Err(error) => Err(format!("{name}: {command:?}: {error}; is it installed?")),
        }
    }
}

/// The mirror that the machine's own packages come from.
fn mirror() -> Result<String, String> {
    let targets = ["indextargets", "--format", "$(REPO_URI) $(CODENAME)"];
    let output = Command::new("apt-get").args(targets).output();
    let output = output.map_err(|error| format!("apt-get: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = text.lines().find_map(|line| line.strip_suffix(&format!(" {RELEASE}")));
    found.map(str::to_owned).ok_or_else(|| format!("no source of this machine has {RELEASE}"))
}

/// A command in the root, alone with its processes, mounts and loopback; the caller adds its words.
pub(super) fn namespaces(home: &Home, trace: &Path, seconds_max: u32) -> Command {
    isolated(home, trace, seconds_max, &["--net"])
}

fn isolated(home: &Home, trace: &Path, seconds_max: u32, more: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--signal=KILL", &seconds_max.to_string(), "unshare", "--mount"]);
    command.args(["--propagation=private", "--pid", "--fork", "--kill-child", "--ipc", "--uts"]);
    command.args(["--cgroup"]).args(more).args(["sh", "-c", ENTER, "sh"]);
    command.arg(home.root()).arg(home.stage()).arg(trace).stdin(Stdio::null());
    command
}
