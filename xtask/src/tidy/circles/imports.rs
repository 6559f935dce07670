//! Which file of a crate imports from which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{ItemMod, UseTree};

use super::Graph;

/// A path of names, such as `crate::a::A` as `[a, A]` seen from the root.
type Names = Vec<String>;

/// The modules of a crate, and what each imports.
pub(super) struct Imports {
    folder: PathBuf,
    modules: BTreeMap<Names, Module>,
}

/// A module that is a file.
struct Module {
    file: PathBuf,
    /// Every path that it names, seen from the root of the crate.
    used: BTreeSet<Names>,
    /// What it hands on: its name here, and its path.
    handed_on: BTreeMap<String, Names>,
}

impl Imports {
    /// Of the crate with this root file.
    pub(super) fn new(root: &Path) -> Self {
        let folder = root.parent().unwrap_or(Path::new("")).to_path_buf();
        Self { folder, modules: BTreeMap::new() }
    }

    /// Reads a file of the crate.
    pub(super) fn read(&mut self, file: &Path, text: &str) -> Result<(), String> {
        let place = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let inside = file.strip_prefix(&self.folder).map_err(|error| place(&error))?;
        let mut names: Names =
            inside.with_extension("").iter().map(|n| n.to_string_lossy().into_owned()).collect();
        if names.last().is_some_and(|name| ["lib", "main", "mod"].contains(&name.as_str())) {
            names.pop();
        }
        let syntax = syn::parse_file(text).map_err(|error| place(&error))?;
        let mut reader = Reader { here: &names, used: BTreeSet::new(), handed_on: BTreeMap::new() };
        reader.visit_file(&syntax);
        let Reader { used, handed_on, .. } = reader;
        self.modules.insert(names, Module { file: file.to_path_buf(), used, handed_on });
        Ok(())
    }

    /// Each file with those it imports from.
    pub(super) fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        for (names, module) in &self.modules {
            let others = module.used.iter().filter_map(|path| self.module_of(path));
            // A child is a part of its parent, so it may use what the parent defines.
            let others = others.filter(|other| !names.starts_with(other));
            let files = others.map(|other| self.modules[other].file.clone());
            graph.insert(module.file.clone(), files.collect());
        }
        graph
    }

    /// The module that defines what a path names; none for the names of other crates.
    fn module_of(&self, path: &[String]) -> Option<&Names> {
        let mut path = path.to_vec();
        // A name may be handed on several times, but never by a file twice.
        for _ in 0..=self.modules.len() {
            let depth =
                (0..path.len()).rev().find(|depth| self.modules.contains_key(&path[..*depth]))?;
            let (names, module) = self.modules.get_key_value(&path[..depth])?;
            match module.handed_on.get(&path[depth]) {
                Some(target) if target[..] != path[..] => {
                    path.splice(..=depth, target.iter().cloned());
                }
                _ => return Some(names),
            }
        }
        None
    }
}

/// Collects the paths of a file.
struct Reader<'a> {
    here: &'a [String],
    used: BTreeSet<Names>,
    handed_on: BTreeMap<String, Names>,
}

impl Reader<'_> {
    /// A path as seen from the root, where it can be one of this crate.
    fn absolute(&self, path: &[String]) -> Option<Names> {
        let supers = path.iter().take_while(|name| *name == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (0, &path[1..]),
            "self" => (self.here.len(), &path[1..]),
            _ if supers > 0 => (self.here.len().checked_sub(supers)?, &path[supers..]),
            _ => (self.here.len(), path),
        };
        Some([&self.here[..base], rest].concat())
    }

    fn tree(&mut self, tree: &UseTree, before: &mut Names, public: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(&path.tree, before, public);
                before.pop();
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.tree(tree, before, public));
            }
            UseTree::Name(name) => self.leaf(before, &name.ident.to_string(), None, public),
            UseTree::Rename(name) => {
                let alias = name.rename.to_string();
                self.leaf(before, &name.ident.to_string(), Some(alias), public);
            }
            UseTree::Glob(_) => self.leaf(before, "*", None, false),
        }
    }

    fn leaf(&mut self, before: &[String], name: &str, alias: Option<String>, public: bool) {
        let mut path = before.to_vec();
        if name != "self" {
            path.push(name.to_owned());
        }
        let Some(path) = self.absolute(&path) else { return };
        if public {
            self.handed_on.insert(alias.unwrap_or_else(|| name.to_owned()), path);
        } else {
            self.used.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        // A module within a file is that file; the one of the tests is left out.
        if module.ident != "tests" {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let public = !matches!(item.vis, syn::Visibility::Inherited);
        self.tree(&item.tree, &mut Vec::new(), public);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        // Paths relative to this file begin with the name of an import, which is counted where it
        // is imported.
        if names.len() > 1
            && let Some(names) = self.absolute(&names)
        {
            self.used.insert(names);
        }
        syn::visit::visit_path(self, path);
    }
}
