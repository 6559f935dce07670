//! Where the loader finds libraries, within a root.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::image::Image;
use crate::machine::Machine;

/// The most symbolic links on the way to a file, as in the kernel.
const LINKS_MAX: usize = 40;

/// The most files of configuration that include each other.
const FILES_MAX: usize = 256;

/// A tree in which paths are looked up: links in it never lead out of it.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    root: PathBuf,
    /// From `/etc/ld.so.conf` and musl's list.
    configured: Vec<PathBuf>,
}

impl Root {
    pub(crate) fn new(root: &Path) -> Self {
        let mut new = Self { root: root.to_owned(), configured: Vec::new() };
        let mut files = vec![PathBuf::from("/etc/ld.so.conf")];
        let mut seen = BTreeSet::new();
        while let Some(file) = files.pop().filter(|_| seen.len() < FILES_MAX) {
            if seen.insert(file.clone()) {
                new.read_configuration(&file, &mut files);
            }
        }
        for machine in ["x86_64", "aarch64"] {
            let list = new.text(Path::new(&format!("/etc/ld-musl-{machine}.path")));
            let folders = list.split([':', '\n']).filter(|folder| !folder.is_empty());
            new.configured.extend(folders.map(PathBuf::from));
        }
        new
    }

    fn text(&self, path: &Path) -> String {
        self.resolve(path).and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default()
    }

    /// The services in `/etc/nsswitch.conf`: `passwd: files systemd [NOTFOUND=return]`.
    pub(crate) fn name_services(&self) -> BTreeSet<String> {
        let text = self.text(Path::new("/etc/nsswitch.conf"));
        let lines = text.lines().filter_map(|line| line.split('#').next()?.split_once(':'));
        let words = lines.flat_map(|(_, services)| services.split_whitespace());
        let is_name = |word: &&str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        words.filter(is_name).map(str::to_owned).collect()
    }

    fn read_configuration(&mut self, file: &Path, files: &mut Vec<PathBuf>) {
        for line in self.text(file).lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            match line.strip_prefix("include") {
                Some(pattern) => files.extend(self.included(Path::new(pattern.trim()))),
                None if line.starts_with('/') => self.configured.push(PathBuf::from(line)),
                None => {}
            }
        }
    }

    /// `include /etc/ld.so.conf.d/*.conf`: the pattern is of the names in one folder.
    fn included(&self, pattern: &Path) -> Vec<PathBuf> {
        let folder = pattern.parent().unwrap_or(Path::new("/etc"));
        let folder = Path::new("/etc").join(folder);
        let name = pattern.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let (before, after) = name.split_once('*').unwrap_or((&name, ""));
        let entries = self.resolve(&folder).and_then(|folder| fs::read_dir(folder).ok());
        let names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
        let mut names: Vec<OsString> = names
            .filter(|name| {
                let name = name.to_string_lossy();
                name.starts_with(before) && name.ends_with(after)
            })
            .collect();
        names.sort_unstable();
        names.into_iter().rev().map(|name| folder.join(name)).collect()
    }

    /// The file at a path of the tree, with all links followed.
    pub(crate) fn resolve(&self, path: &Path) -> Option<PathBuf> {
        let mut left: Vec<OsString> = components(path);
        let mut found = PathBuf::new();
        let mut links = 0;
        while let Some(part) = left.pop() {
            if part == ".." {
                found.pop();
                continue;
            }
            let next = found.join(&part);
            match fs::read_link(self.root.join(&next)) {
                Ok(link) => {
                    links += 1;
                    if links > LINKS_MAX {
                        return None;
                    }
                    if link.is_absolute() {
                        found = PathBuf::new();
                    }
                    left.extend(components(&link));
                }
                Err(_) => found = next,
            }
        }
        let file = self.root.join(found);
        file.exists().then_some(file)
    }

    /// The path in the tree that the running program of a file would see.
    fn inner(&self, file: &Path) -> PathBuf {
        match file.strip_prefix(&self.root) {
            Ok(inner) => Path::new("/").join(inner),
            Err(_) => file.to_owned(),
        }
    }

    /// The library that the loader takes for a name that a file asks for.
    pub(crate) fn library(&self, name: &str, asker: &Image, asker_path: &Path) -> Option<PathBuf> {
        if name.contains('/') {
            return self.resolve(Path::new(name));
        }
        let origin = self.inner(asker_path);
        let origin = origin.parent().unwrap_or(Path::new("/"));
        let own = asker.search.iter().map(|folder| {
            let origin = origin.to_string_lossy();
            let folder = folder.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin);
            PathBuf::from(folder.replace("${LIB}", "lib").replace("$LIB", "lib"))
        });
        let usual = usual(asker.machine).iter().map(PathBuf::from);
        let folders = own.chain(self.configured.iter().cloned()).chain(usual);
        let found = folders.filter_map(|folder| self.resolve(&folder.join(name)));
        found.into_iter().find(|path| is_for(path, asker.machine))
    }
}

/// The parts of a path, last first; `..` of the root is the root.
fn components(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    });
    let mut parts: Vec<OsString> = parts.collect();
    parts.reverse();
    parts
}

fn usual(machine: Machine) -> &'static [&'static str] {
    match machine {
        Machine::X86_64 => &[
            "/lib/x86_64-linux-gnu",
            "/usr/lib/x86_64-linux-gnu",
            "/lib64",
            "/usr/lib64",
            "/lib",
            "/usr/lib",
            "/usr/local/lib",
            "/usr/lib/x86_64-linux-musl",
        ],
        Machine::Aarch64 => &[
            "/lib/aarch64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/lib64",
            "/usr/lib64",
            "/lib",
            "/usr/lib",
            "/usr/local/lib",
        ],
    }
}

/// Whether a file is of a machine: the loader passes over the others.
fn is_for(path: &Path, machine: Machine) -> bool {
    use std::io::Read as _;
    let mut header = [0; 20];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    let number: u8 = match machine {
        Machine::X86_64 => 62,
        Machine::Aarch64 => 183,
    };
    read.is_ok() && header.starts_with(b"\x7fELF\x02") && header[18..] == [number, 0]
}
