//! All files of a program, and which symbol is whose.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::image::{FileError, Image, Pointer};
use crate::libraries::Root;
use crate::sweep::{Code, sweep};

/// A file by its place in the order in which it was loaded.
pub(crate) type FileId = usize;

/// How a file came to be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It was named.
    Program,
    /// A library that another file needs, or the loader.
    Needed,
    /// A library whose name stands in a file.
    Named,
}

#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) role: Role,
    pub(crate) image: Image,
    pub(crate) code: Code,
    exports: BTreeMap<String, Vec<u64>>,
}

/// Something that could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) name: String,
    pub(crate) asker: FileId,
    /// Why, where a file was found.
    pub(crate) reason: Option<FileError>,
}

#[derive(Debug)]
pub(crate) struct World {
    root: Root,
    pub(crate) files: Vec<File>,
    by_path: HashMap<PathBuf, FileId>,
    by_soname: HashMap<String, FileId>,
    asked: HashSet<String>,
    pub(crate) missing: Vec<Missing>,
}

impl World {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: Root::new(root),
            files: Vec::new(),
            by_path: HashMap::new(),
            by_soname: HashMap::new(),
            asked: HashSet::new(),
            missing: Vec::new(),
        }
    }

    /// Adds a program with all that it needs.
    pub(crate) fn add_program(&mut self, path: &Path, bytes: Vec<u8>) -> Result<FileId, FileError> {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Some(&known) = self.by_path.get(&path) {
            return Ok(known);
        }
        let id = self.add(path, bytes, Role::Program)?;
        self.add_needed(id);
        Ok(id)
    }

    /// Adds a library that is named in a file, with all that it needs.
    pub(crate) fn add_named(&mut self, name: &str, asker: FileId) {
        let base = base_name(name);
        if !self.asked.insert(name.to_owned()) || self.by_soname.contains_key(base) {
            return;
        }
        // Nobody asks the C library and the loader for everything: what modules need of them
        // counts.
        let is_system = ["libc.so.", "libc.musl-", "ld-"].iter().any(|of| base.starts_with(of));
        let role = if is_system { Role::Needed } else { Role::Named };
        if let Some(id) = self.load(name, asker, role) {
            self.add_needed(id);
        }
    }

    /// The libraries by which names of users and hosts are looked up.
    pub(crate) fn name_services(&self) -> Vec<String> {
        let services = self.root.name_services();
        services.into_iter().map(|service| format!("libnss_{service}.so.2")).collect()
    }

    fn add_needed(&mut self, first: FileId) {
        let mut next = first;
        while next < self.files.len() {
            let image = &self.files[next].image;
            let names: Vec<String> =
                image.interpreter.iter().chain(&image.needed).cloned().collect();
            for name in names {
                let base = base_name(&name).to_owned();
                if !self.by_soname.contains_key(&base) {
                    self.load(&name, next, Role::Needed);
                }
            }
            next += 1;
        }
    }

    fn load(&mut self, name: &str, asker: FileId, role: Role) -> Option<FileId> {
        let File { image, path, .. } = &self.files[asker];
        let found = self.root.library(name, image, path).or_else(|| self.musl(name));
        let mut miss = |reason| {
            let missing = Missing { name: name.to_owned(), asker, reason };
            if !self.missing.contains(&missing) {
                self.missing.push(missing);
            }
        };
        let Some(path) = found else {
            miss(None);
            return None;
        };
        let base = base_name(name).to_owned();
        if let Some(&known) = self.by_path.get(&path) {
            self.by_soname.insert(base, known);
            return None;
        }
        let bytes = std::fs::read(&path).map_err(|error| FileError::NotElf(error.to_string()));
        match bytes.and_then(|bytes| self.add(path, bytes, role)) {
            Ok(id) => {
                self.by_soname.insert(base, id);
                Some(id)
            }
            Err(reason) => {
                // Linker scripts and files of other machines have such names, too.
                if role == Role::Needed {
                    self.missing.push(Missing {
                        name: name.to_owned(),
                        asker,
                        reason: Some(reason),
                    });
                }
                None
            }
        }
    }

    /// musl's library is its loader.
    fn musl(&self, name: &str) -> Option<PathBuf> {
        let interpreter = self.files.iter().find_map(|file| file.image.interpreter.clone())?;
        let is_libc = name == "libc.so" || name.starts_with("libc.musl-");
        (is_libc && interpreter.contains("ld-musl"))
            .then(|| self.root.resolve(Path::new(&interpreter)))
            .flatten()
    }

    /// Whether the kernel starts a file in the place of a program.
    pub(crate) fn is_interpreter(&self, file: FileId) -> bool {
        let mut names = self.files.iter().filter_map(|file| file.image.interpreter.as_deref());
        names.any(|name| self.by_soname.get(base_name(name)) == Some(&file))
    }

    fn add(&mut self, path: PathBuf, bytes: Vec<u8>, role: Role) -> Result<FileId, FileError> {
        let image = Image::read(bytes)?;
        let code = sweep(&image);
        let mut exports: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for symbol in image.symbols.iter().filter(|symbol| symbol.exported) {
            exports.entry(symbol.name.clone()).or_default().push(symbol.at);
        }
        let id = self.files.len();
        self.by_path.insert(path.clone(), id);
        if let Some(soname) = &image.soname {
            self.by_soname.insert(soname.clone(), id);
        }
        self.files.push(File { path, role, image, code, exports });
        Ok(id)
    }

    /// Where a symbol is defined: in the first file that has it, in every version that it has.
    pub(crate) fn definitions(&self, name: &str) -> Option<(FileId, &[u64])> {
        let mut files = self.files.iter().enumerate();
        files.find_map(|(id, file)| Some((id, file.exports.get(name)?.as_slice())))
    }

    /// Where a pointer of a file leads.
    pub(crate) fn targets(&self, file: FileId, pointer: Pointer) -> (FileId, Vec<u64>) {
        match pointer {
            Pointer::Local(to) => (file, vec![to]),
            Pointer::Import(import) => {
                let imports = &self.files[file].image.imports;
                let name = usize::try_from(import).ok().and_then(|import| imports.get(import));
                let found = name.and_then(|name| self.definitions(name));
                found.map_or((file, Vec::new()), |(id, at)| (id, at.to_vec()))
            }
        }
    }

    /// The function at an address.
    pub(crate) fn function(&self, file: FileId, at: u64) -> Option<usize> {
        let File { image, code, .. } = &self.files[file];
        code.function_at(image, at)
    }
}

impl File {
    /// Everything that other files can refer to.
    pub(crate) fn exported(&self) -> impl Iterator<Item = (&str, u64)> {
        self.exports.iter().flat_map(|(name, all)| all.iter().map(|&at| (name.as_str(), at)))
    }

    /// The addresses of a function by name, exported or not.
    pub(crate) fn named<'f>(&'f self, name: &'f str) -> impl Iterator<Item = u64> + 'f {
        let symbols = self.image.symbols.iter();
        symbols.filter(move |symbol| symbol.name == name).map(|symbol| symbol.at)
    }

    /// Whether the file asks for a symbol.
    pub(crate) fn imports(&self, name: &str) -> bool {
        self.image.imports.iter().any(|import| import == name)
    }
}

/// The last part of a path.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
