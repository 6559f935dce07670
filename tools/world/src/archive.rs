//! What Debian's archive has: kernels, and the libraries of guests.
//!
//! apt fetches and checks it, with folders of its own in place of the system's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use house::output;

use crate::machine::Machine;
use crate::shell::{copied, emptied, kept, made, piped, written};
use crate::world::World;

/// The releases that guests get their libraries and shell from, whatever their kernel: the first of
/// which the mirror has all.
const USERLANDS: [&str; 3] = ["trixie", "sid", "bookworm"];
const USERLAND_PACKAGES: [&str; 4] = ["busybox-static", "libc6", "libgcc-s1", "libseccomp2"];

/// The keys that Debian's archive is signed with, of the package debian-archive-keyring.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What Debian calls packages that hold a kernel: since Linux 7 one for that alone.
const KERNELS: [&str; 2] = ["linux-binary-", "linux-image-"];

/// The newest kernel of a world that the archive has; it is fetched once.
pub(crate) fn kernel(world: &World, renew: bool) -> Result<PathBuf, String> {
    let Machine { debian, flavour, .. } = world.machine;
    let kept = kept(&format!("kernels/{}-{debian}", world.suite));
    if kept.exists() && !renew {
        return Ok(kept);
    }
    let archive = Archive::new(world.suite, debian)?;
    let mut errors = Vec::new();
    for package in archive.kernels(flavour)? {
        let unpacked = archive.folder.join("unpacked");
        emptied(&unpacked)?;
        // Mirrors may lack a file that their index names; an older kernel will do.
        match archive.unpack(&package, &unpacked, &["--wildcards", "*/vmlinu?*"]) {
            Ok(()) => return copied(&image(&unpacked)?, &kept).map(|()| kept),
            Err(error) => errors.push(error),
        }
    }
    Err(format!("no kernel can be fetched: {errors:?}"))
}

/// The folder with the libraries and the shell of a machine's guests.
pub(crate) fn userland(machine: &Machine) -> Result<PathBuf, String> {
    let kept = kept(&format!("userland/{}", machine.debian));
    // Written last, so that a folder that was left half made is made again.
    let complete = kept.with_extension("complete");
    if complete.exists() {
        return Ok(kept);
    }
    let mut errors = Vec::new();
    for suite in USERLANDS {
        emptied(&kept)?;
        let archive = Archive::new(suite, machine.debian)?;
        let which = ["--exclude=./usr/share", "--exclude=*/gconv"];
        let unpack = |package: &&str| archive.unpack(package, &kept, &which);
        match USERLAND_PACKAGES.iter().try_for_each(unpack) {
            Ok(()) => return written(&complete, suite).map(|()| kept),
            Err(error) => errors.push(error),
        }
    }
    Err(format!("no libraries can be fetched: {errors:?}"))
}

/// A release of Debian for one of its architectures.
struct Archive {
    folder: PathBuf,
    architecture: &'static str,
}

impl Archive {
    /// Fetches the index.
    fn new(suite: &str, architecture: &'static str) -> Result<Self, String> {
        let folder = kept(&format!("apt/{suite}-{architecture}"));
        for name in ["state/lists/partial", "cache/archives/partial"] {
            made(&folder.join(name))?;
        }
        written(&folder.join("status"), "")?;
        let options = format!("signed-by={KEYS} target=Packages");
        let source = format!("deb [{options}] {} {suite} main\n", mirror()?);
        written(&folder.join("sources.list"), &source)?;
        let archive = Self { folder, architecture };
        output(archive.apt("apt-get").arg("update"))?;
        Ok(archive)
    }

    /// One of apt's commands, that has no folder in common with the system's.
    fn apt(&self, name: &str) -> Command {
        let mut apt = Command::new(name);
        let at = |path: &str| self.folder.join(path).display().to_string();
        for option in [
            format!("Dir::Etc::sourcelist={}", at("sources.list")),
            "Dir::Etc::sourceparts=/dev/null".into(),
            format!("Dir::State={}", at("state")),
            format!("Dir::State::status={}", at("status")),
            format!("Dir::Cache={}", at("cache")),
            format!("APT::Architecture={}", self.architecture),
            format!("APT::Architectures={}", self.architecture),
            // The user that apt would fetch as can't write below a home.
            "APT::Sandbox::User=root".into(),
            "Acquire::Languages=none".into(),
            "Acquire::Retries=3".into(),
        ] {
            apt.arg("-o").arg(option);
        }
        apt
    }

    /// The packages that hold kernels of a flavour, the newest first.
    fn kernels(&self, flavour: &str) -> Result<Vec<String>, String> {
        for prefix in KERNELS {
            let names = output(self.apt("apt-cache").args(["pkgnames", prefix]))?;
            let mut found: Vec<(Vec<u64>, &str)> = names
                .lines()
                .filter_map(|name| Some((version(name, prefix, flavour)?, name)))
                .collect();
            found.sort();
            if !found.is_empty() {
                return Ok(found.into_iter().rev().map(|(_, name)| name.to_owned()).collect());
            }
        }
        Err(format!("{}: no kernel {flavour}", self.folder.display()))
    }

    /// Fetches a package and unpacks some of it into a folder.
    fn unpack(&self, package: &str, folder: &Path, which: &[&str]) -> Result<(), String> {
        let fetched = self.folder.join("fetched");
        emptied(&fetched)?;
        output(self.apt("apt-get").args(["download", package]).current_dir(&fetched))?;
        let package = only(&fetched, package)?;
        let mut tar = Command::new("tar");
        tar.arg("-xC").arg(folder).args(which);
        piped(Command::new("dpkg-deb").arg("--fsys-tarfile").arg(&package), &mut tar)?;
        fs::remove_file(&package).map_err(|error| format!("{}: {error}", package.display()))
    }
}

/// The mirror that this machine's apt uses.
fn mirror() -> Result<String, String> {
    let format = "$(ORIGIN) $(LABEL) $(REPO_URI)";
    let known = output(Command::new("apt-get").args(["indextargets", "--format", format]))?;
    let mirror = known.lines().find_map(|line| line.strip_prefix("Debian Debian "));
    let mirror = mirror.ok_or("apt has no mirror of Debian, or no index of it: apt-get update");
    Ok(mirror?.to_owned())
}

/// The numbers in the name of a kernel of a flavour; none where it is another's, such as
/// `cloud-amd64`.
fn version(name: &str, prefix: &str, flavour: &str) -> Option<Vec<u64>> {
    let middle = name.strip_prefix(prefix)?.strip_suffix(flavour)?.strip_suffix('-')?;
    let numeric = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
    let numbers = middle.split(|other: char| !other.is_ascii_digit());
    middle.split('-').all(numeric).then(|| numbers.filter_map(|part| part.parse().ok()).collect())
}

/// The one file in a folder.
fn only(folder: &Path, what: &str) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    match &files[..] {
        [file] => Ok(file.clone()),
        _ => Err(format!("{what}: {} files where one was to be", files.len())),
    }
}

/// The kernel among what was unpacked: alone in the deepest folder.
fn image(unpacked: &Path) -> Result<PathBuf, String> {
    let mut at = unpacked.to_path_buf();
    while at.is_dir() {
        at = only(&at, "kernel")?;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavours_are_told_apart_and_versions_are_ordered() {
        let version = |name: &str| version(name, "linux-image-", "amd64");
        assert_eq!(version("linux-image-5.10.0-32-amd64"), Some(vec![5, 10, 0, 32]));
        assert_eq!(version("linux-image-6.12.9+deb13-amd64"), Some(vec![6, 12, 9, 13]));
        assert!(version("linux-image-6.12.9+deb13-amd64") < version("linux-image-6.12.10-amd64"));
        for other in ["cloud-amd64", "6.1.0-50-rt-amd64", "6.1.0-50-amd64-dbg", "amd64"] {
            assert_eq!(version(&format!("linux-image-{other}")), None, "{other}");
        }
    }
}
