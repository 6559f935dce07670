//! What can be reached: functions that are called or whose address is made, and data with
//! pointers to either, over all files.

use std::collections::{HashMap, VecDeque};

use crate::image::Pointer;
use crate::starts;
use crate::world::{FileId, Role, World};

/// A function, or the part of a file's data that begins at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Item {
    Function(FileId, usize),
    Data(FileId, u64),
}

/// Why a search begins where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The kernel or the loader starts there.
    Start,
    /// The loader calls it when it loads the file, or when the program ends.
    Loaded,
    /// Whoever loads a library by name can ask for all that it exports.
    Export,
    /// Go's linker kept it: methods are called by way of tables of offsets.
    Kept,
}

/// What was reached, in the order of the distance.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    pub(crate) order: Vec<Item>,
    /// By whom; of beginnings, why.
    parents: HashMap<Item, Result<Item, Reason>>,
    /// Where glibc reads which modules convert character sets.
    pub(crate) converters: Option<Item>,
}

/// The longest name of a library or symbol that is looked for in texts.
const NAME_MAX: usize = 200;

/// Finds everything; loads libraries that are named on the way.
pub(crate) fn reach(world: &mut World) -> Reached {
    let mut search = Search { reached: Reached::default(), queue: VecDeque::new() };
    let mut rooted = 0;
    search.roots(world, &mut rooted);
    search.run(world, &mut rooted);
    search.kept_by_go(world);
    search.run(world, &mut rooted);
    search.reached
}

struct Search {
    reached: Reached,
    queue: VecDeque<Item>,
}

impl Search {
    fn visit(&mut self, node: Item, from: Result<Item, Reason>) {
        if let std::collections::hash_map::Entry::Vacant(free) = self.reached.parents.entry(node) {
            free.insert(from);
            self.reached.order.push(node);
            self.queue.push_back(node);
        }
    }

    /// An address that is called, made or pointed to.
    fn visit_at(&mut self, world: &World, file: FileId, at: u64, from: Result<Item, Reason>) {
        match world.function(file, at) {
            Some(function) => self.visit(Item::Function(file, function), from),
            None if world.files[file].image.data_part(at).is_some() => {
                self.visit(Item::Data(file, at), from);
            }
            None => {}
        }
    }

    /// The beginnings in files that were not looked at before.
    fn roots(&mut self, world: &World, rooted: &mut FileId) {
        while let Some(file) = world.files.get(*rooted) {
            let id = *rooted;
            *rooted += 1;
            // Libraries that can be started by themselves are not, but for the loader.
            if file.role == Role::Program || world.is_interpreter(id) {
                self.visit_at(world, id, file.image.entry, Err(Reason::Start));
            }
            for &at in &file.image.called_by_loader {
                match file.image.pointers.get(&at) {
                    Some(&pointer) => {
                        let (target, all) = world.targets(id, pointer);
                        for at in all {
                            self.visit_at(world, target, at, Err(Reason::Loaded));
                        }
                    }
                    None if file.image.is_code(at) => {
                        self.visit_at(world, id, at, Err(Reason::Loaded));
                    }
                    None => {}
                }
            }
            let is_library = file.role == Role::Program && file.image.entry == 0;
            if file.role == Role::Named || is_library {
                for (_, at) in file.exported() {
                    self.visit_at(world, id, at, Err(Reason::Export));
                }
            }
        }
    }

    fn kept_by_go(&mut self, world: &World) {
        for (id, file) in world.files.iter().enumerate() {
            for start in starts::go_functions(&file.image) {
                self.visit_at(world, id, start.at, Err(Reason::Kept));
            }
        }
    }

    fn run(&mut self, world: &mut World, rooted: &mut FileId) {
        while let Some(node) = self.queue.pop_front() {
            match node {
                Item::Function(file, function) => self.function(world, file, function),
                Item::Data(file, at) => {
                    self.data(world, file, at);
                    self.text(world, file, at, rooted);
                }
            }
        }
    }

    fn function(&mut self, world: &World, file: FileId, function: usize) {
        let node = Item::Function(file, function);
        let (image, code) = (&world.files[file].image, &world.files[file].code);
        let range = code.range(image, function);
        for reference in code.references_in(&range) {
            self.visit_at(world, file, reference.to, Ok(node));
        }
        let next = function + 1;
        let is_adjacent = code.functions.get(next).is_some_and(|start| start.at == range.end);
        if is_adjacent && code.is_fallen_into(image, next) {
            self.visit(Item::Function(file, next), Ok(node));
        }
    }

    /// The pointers in a part of a file's data.
    fn data(&mut self, world: &World, file: FileId, at: u64) {
        let node = Item::Data(file, at);
        let range = extent(world, file, at);
        let pointers: Vec<Pointer> =
            world.files[file].image.pointers.range(range).map(|(_, pointer)| *pointer).collect();
        for pointer in pointers {
            let (target, all) = world.targets(file, pointer);
            for at in all {
                self.visit_at(world, target, at, Ok(node));
            }
        }
    }

    /// A text that names a library, or a symbol that is looked up by its name.
    fn text(&mut self, world: &mut World, file: FileId, at: u64, rooted: &mut FileId) {
        let this = &world.files[file];
        let text = this.image.text_at(at).filter(|text| text.len() <= NAME_MAX);
        let Some(text) = text.map(str::to_owned) else { return };
        let named = match text.as_str() {
            text if is_library(text) => vec![text.to_owned()],
            // glibc puts the names of these together from a file.
            text if text.starts_with("libnss_") => world.name_services(),
            _ => Vec::new(),
        };
        if !named.is_empty() {
            named.iter().for_each(|name| world.add_named(name, file));
            self.roots(world, rooted);
        } else if text.contains("gconv-modules") {
            self.reached.converters.get_or_insert(Item::Data(file, at));
        } else if looks_up_names(world, file) {
            let found = world.definitions(&text).map(|(target, all)| (target, all.to_vec()));
            if let Some((target, all)) = found {
                for to in all {
                    self.visit_at(world, target, to, Ok(Item::Data(file, at)));
                }
            }
        }
    }
}

/// Whether a file asks for symbols by name; musl's loader does so for its own stages.
fn looks_up_names(world: &World, file: FileId) -> bool {
    let this = &world.files[file];
    this.imports("dlsym") || this.imports("dlvsym") || world.is_interpreter(file)
}

impl Reached {
    /// The nodes from a beginning to this one, and why it begins there.
    pub(crate) fn path(&self, node: Item) -> (Reason, Vec<Item>) {
        let mut path = vec![node];
        let mut last = node;
        loop {
            match self.parents.get(&last) {
                Some(Ok(parent)) if path.len() <= self.order.len() => {
                    last = *parent;
                    path.push(last);
                }
                Some(Err(reason)) => {
                    path.reverse();
                    return (*reason, path);
                }
                _ => return (Reason::Start, path),
            }
        }
    }
}

/// The addresses of the part of data that begins at an address: the symbol there, or up to where
/// the next part begins.
fn extent(world: &World, file: FileId, at: u64) -> std::ops::Range<u64> {
    let (image, code) = (&world.files[file].image, &world.files[file].code);
    let Some(part) = image.data_part(at) else { return at..at };
    // Each pointer of these is one by itself.
    if part.name.starts_with(".got") {
        return at..at.saturating_add(8);
    }
    let next = code.data.partition_point(|&start| start <= at);
    let next = code.data.get(next).copied().unwrap_or(part.end).min(part.end);
    let before = image.symbols.partition_point(|symbol| symbol.at <= at);
    let symbol = image.symbols[..before]
        .iter()
        .rev()
        .take(8)
        .find(|symbol| symbol.at.saturating_add(symbol.size) > at);
    match symbol {
        Some(symbol) => symbol.at..(symbol.at + symbol.size).max(next).min(part.end),
        None => at..next,
    }
}

/// `libgcc_s.so.1`, `/usr/lib/x.so`.
fn is_library(text: &str) -> bool {
    let base = text.rsplit('/').next().unwrap_or(text);
    // What the kernel maps by itself.
    let is_kernel = base.starts_with("linux-gate.") || base.starts_with("linux-vdso.");
    let Some((stem, version)) = base.split_once(".so").filter(|_| !is_kernel) else {
        return false;
    };
    let is_plain = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
    };
    stem.starts_with(|first: char| first.is_ascii_alphanumeric())
        && is_plain(stem)
        && version
            .split('.')
            .skip(1)
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        && (version.is_empty() || version.starts_with('.'))
        && !text.contains(['%', ' '])
}
