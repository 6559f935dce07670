//! Where in its program a call was made: the function, and the calls that led to it.
//!
//! All of this is for people to read, and as good as what the files say: stripped programs have few
//! names. The frame pointer is not known, so unwinding ends at the first function that needs it or
//! has no unwind information. From there on, calls that lead to the frame before are [looked
//! for](super::scan).

use std::collections::BTreeMap;
use std::fs::File;
use std::rc::Rc;

use callgate_syscalls::Arch;
use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, FrameAddress, Module, Unwinder};
use object::read::{ReadCache, ReadRef};
use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol, SymbolKind};

use super::{Enforcer, Mapping, Refused, scan};

/// A place in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// The file that is mapped there, or what else the kernel calls it; `None` for code that was
    /// made at run time.
    pub file: Option<String>,
    /// The address, as the file counts it if there is one.
    pub address: u64,
    /// The function, and how far behind its beginning.
    pub symbol: Option<(String, u64)>,
}

/// The most frames that are looked for.
pub const FRAMES_MAX: usize = 16;

/// What was read of files, to be read once.
#[derive(Debug, Default)]
pub struct Symbols {
    files: BTreeMap<String, Option<Rc<Image>>>,
}

/// The most files of which something is kept.
const FILES_MAX: usize = 256;

/// What a file says of its code.
#[derive(Debug)]
struct Image {
    /// Where parts of the file come to lie: offset, length, address.
    segments: Vec<(u64, u64, u64)>,
    /// Functions by their first address, with their length.
    functions: BTreeMap<u64, (u64, String)>,
    frames: Option<Section>,
    index: Option<Section>,
}

#[derive(Clone, Debug)]
struct Section {
    address: u64,
    data: Rc<[u8]>,
}

impl Enforcer {
    /// Where a call was made, the innermost frame first; empty where the thread can't be seen.
    #[must_use]
    pub fn caller(&self, refused: &Refused, symbols: &mut Symbols) -> Vec<Frame> {
        let Some(thread) = refused.thread else { return Vec::new() };
        let mappings = self.mappings(refused);
        let root = format!("/proc/{thread}/root");
        let ip = refused.call.instruction_pointer;
        let mut frames = vec![ip];
        if Arch::of_call(refused.call.arch, refused.call.nr) == Some(Arch::X86_64) {
            let more = self.unwound(refused, &mappings, &mut |file| symbols.image(&root, file));
            let more = more.into_iter().skip(1).take(FRAMES_MAX - 1);
            frames.extend(more.take_while(|address| is_code(&mappings, *address)));
            let len = scan::STACK_MAX;
            let stack = self.stack_pointer(refused).map(|it| self.memory(refused, it, len));
            let (enforcer, mappings, root) = (self, &mappings[..], &root[..]);
            let mut code = Process { enforcer, refused, mappings, root, symbols };
            scan::extend(&mut frames, &stack.unwrap_or_default(), &mut code, FRAMES_MAX);
        }
        frames.into_iter().map(|address| frame(address, &mappings, &root, symbols)).collect()
    }

    /// The addresses of all frames, the innermost first, as far as they can be found.
    fn unwound(
        &self,
        refused: &Refused,
        mappings: &[Mapping],
        image: &mut dyn FnMut(&str) -> Option<Rc<Image>>,
    ) -> Vec<u64> {
        let Some(stack) = self.stack_pointer(refused) else { return Vec::new() };
        let mut unwinder = UnwinderX86_64::new();
        for mapping in mappings.iter().filter(|mapping| mapping.code) {
            let module = mapping.file.as_deref().and_then(|file| module(mapping, &*image(file)?));
            module.into_iter().for_each(|module| unwinder.add_module(module));
        }
        let mut read = |address| {
            let bytes = self.memory(refused, address, 8);
            bytes.try_into().map(u64::from_ne_bytes).map_err(|_| ())
        };
        let ip = refused.call.instruction_pointer;
        let mut cache = CacheX86_64::<_>::new();
        let registers = UnwindRegsX86_64::new(ip, stack, 0);
        let mut iterator = unwinder.iter_frames(ip, registers, &mut cache, &mut read);
        let mut found = Vec::new();
        while let Ok(Some(frame)) = iterator.next() {
            found.push(match frame {
                FrameAddress::InstructionPointer(address) => address,
                FrameAddress::ReturnAddress(address) => address.get(),
            });
            if found.len() == FRAMES_MAX {
                break;
            }
        }
        found
    }
}

/// The process whose stack it is.
struct Process<'a> {
    enforcer: &'a Enforcer,
    refused: &'a Refused,
    mappings: &'a [Mapping],
    root: &'a str,
    symbols: &'a mut Symbols,
}

impl scan::Code for Process<'_> {
    fn read(&self, address: u64, len: usize) -> Vec<u8> {
        self.enforcer.memory(self.refused, address, len)
    }

    fn is_code(&self, address: u64) -> bool {
        is_code(self.mappings, address)
    }

    fn function(&mut self, address: u64) -> Option<u64> {
        let found = frame(address, self.mappings, self.root, self.symbols);
        found.symbol.and_then(|(_, behind)| address.checked_sub(behind))
    }
}

fn is_code(mappings: &[Mapping], address: u64) -> bool {
    let found = mappings.iter().find(|mapping| (mapping.start..mapping.end).contains(&address));
    found.is_some_and(|mapping| mapping.code)
}

fn frame(address: u64, mappings: &[Mapping], root: &str, symbols: &mut Symbols) -> Frame {
    let mapping = mappings.iter().find(|mapping| (mapping.start..mapping.end).contains(&address));
    let Some(mapping) = mapping else { return Frame { file: None, address, symbol: None } };
    let image = mapping.file.as_deref().and_then(|file| symbols.image(root, file));
    let placed = image.and_then(|image| {
        let placed = image.address_of(address - mapping.start + mapping.offset)?;
        // The instruction that calls is before the one that is returned to.
        Some((placed, image.function(placed.checked_sub(1)?)))
    });
    let file = mapping.file.clone();
    match placed {
        Some((address, function)) => {
            let symbol = function.map(|(name, start)| (name, address - start));
            Frame { file, address, symbol }
        }
        None => Frame { file, address, symbol: None },
    }
}

impl Symbols {
    fn image(&mut self, root: &str, file: &str) -> Option<Rc<Image>> {
        if let Some(image) = self.files.get(file) {
            return image.clone();
        }
        let image = file.starts_with('/').then(|| Image::read(&format!("{root}{file}"))).flatten();
        let image = image.map(Rc::new);
        if self.files.len() < FILES_MAX {
            self.files.insert(file.to_owned(), image.clone());
        }
        image
    }
}

impl Image {
    fn read(path: &str) -> Option<Self> {
        let cache = ReadCache::new(File::open(path).ok()?);
        let file = object::File::parse(&cache).ok()?;
        let segment = |segment: object::Segment<'_, '_, _>| {
            let (offset, len) = segment.file_range();
            (offset, len, segment.address())
        };
        Some(Self {
            segments: file.segments().map(segment).collect(),
            functions: functions(&file),
            frames: Section::of(&file, ".eh_frame"),
            index: Section::of(&file, ".eh_frame_hdr"),
        })
    }

    /// The address that the file gives to what is at an offset in it.
    fn address_of(&self, offset: u64) -> Option<u64> {
        self.segments.iter().find_map(|&(start, len, address)| {
            let inside = offset.checked_sub(start).filter(|inside| *inside < len)?;
            address.checked_add(inside)
        })
    }

    /// The function at an address, and where it starts.
    fn function(&self, address: u64) -> Option<(String, u64)> {
        let (&start, (len, name)) = self.functions.range(..=address).next_back()?;
        (address - start < (*len).max(1)).then(|| (name.clone(), start))
    }
}

impl Section {
    fn of<'d, R: ReadRef<'d>>(file: &object::File<'d, R>, name: &str) -> Option<Self> {
        let section = file.section_by_name(name)?;
        let data = section.uncompressed_data().ok()?.into();
        Some(Self { address: section.address(), data })
    }

    fn range(&self) -> std::ops::Range<u64> {
        self.address..self.address + self.data.len() as u64
    }
}

fn functions<'d, R: ReadRef<'d>>(file: &object::File<'d, R>) -> BTreeMap<u64, (u64, String)> {
    let mut functions: BTreeMap<u64, (u64, String)> = BTreeMap::new();
    for symbol in file.symbols().chain(file.dynamic_symbols()) {
        let Ok(name) = symbol.name() else { continue };
        if symbol.kind() != SymbolKind::Text || symbol.is_undefined() || name.is_empty() {
            continue;
        }
        let entry = functions.entry(symbol.address());
        let known = entry.or_insert_with(|| (symbol.size(), name.to_owned()));
        if is_plainer(name, &known.1) {
            *known = (symbol.size().max(known.0), name.to_owned());
        }
    }
    functions
}

/// Of several names of a function, the one that a program writes.
fn is_plainer(name: &str, other: &str) -> bool {
    let key = |name: &str| (name.starts_with('_'), name.len());
    key(name) < key(other)
}

/// A mapped file, as the unwinder takes it.
fn module(mapping: &Mapping, image: &Image) -> Option<Module<Rc<[u8]>>> {
    let base = mapping.start.wrapping_sub(image.address_of(mapping.offset)?);
    let sections = ExplicitModuleSectionInfo {
        base_svma: 0,
        // No code: it tells where a function has not set up its frame yet, but a call comes later.
        eh_frame_svma: image.frames.as_ref().map(Section::range),
        eh_frame: image.frames.as_ref().map(|section| section.data.clone()),
        eh_frame_hdr_svma: image.index.as_ref().map(Section::range),
        eh_frame_hdr: image.index.as_ref().map(|section| section.data.clone()),
        ..ExplicitModuleSectionInfo::default()
    };
    let name = mapping.file.clone().unwrap_or_default();
    Some(Module::new(name, mapping.start..mapping.end, base, sections))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_programs_write_is_preferred() {
        assert!(is_plainer("clone3", "__clone3"));
        assert!(is_plainer("read", "__read"));
        assert!(!is_plainer("__GI___read", "__read"));
    }

    #[test]
    fn functions_of_this_program_are_found_by_their_addresses() {
        let image = Image::read("/proc/self/exe").unwrap();
        let (start, (len, name)) = image.functions.iter().find(|(_, (len, _))| *len > 1).unwrap();
        assert_eq!(image.function(*start), Some((name.clone(), *start)));
        assert_eq!(image.function(start + len - 1), Some((name.clone(), *start)));
        assert_ne!(image.function(start + len).map(|(_, first)| first), Some(*start));
    }
}
