//! A file as the loader sees it: what is mapped where, its symbols, the pointers that are filled
//! in when it is loaded, and what it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use object::LittleEndian as LE;
use object::elf::{self, FileHeader64};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _, SectionHeader as _};
use object::read::elf::{Rela as _, SectionTable, Sym as _, SymbolTable};

use crate::machine::Machine;

/// Why a file cannot be scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileError {
    /// It is no ELF file, or a damaged one.
    NotElf(String),
    /// It is for a machine whose code is not read.
    Machine,
    /// It has no table of sections: it was packed, or cut down beyond what `strip` does.
    NoSections,
}

/// A pointer that is filled in when the file is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pointer {
    /// To a symbol, by its place in [`Image::imports`].
    Import(u32),
    /// To an address of the same file.
    Local(u64),
}

/// A defined symbol.
#[derive(Clone, Debug)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) at: u64,
    pub(crate) size: u64,
    /// Whether other files can refer to it.
    pub(crate) exported: bool,
}

/// Bytes of the file at an address.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) start: u64,
    pub(crate) end: u64,
    offset: usize,
    /// How many bytes come from the file; the rest is zero.
    filled: usize,
    pub(crate) name: String,
}

/// A file.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) machine: Machine,
    bytes: Vec<u8>,
    /// Sections with code, ascending.
    pub(crate) code: Vec<Part>,
    /// Sections with data, ascending.
    pub(crate) data: Vec<Part>,
    pub(crate) entry: u64,
    /// Whether addresses are fixed, so that pointers need no relocation.
    pub(crate) fixed: bool,
    pub(crate) symbols: Vec<Symbol>,
    /// Names that relocations refer to and that other files may define.
    pub(crate) imports: Vec<String>,
    pub(crate) pointers: BTreeMap<u64, Pointer>,
    pub(crate) needed: Vec<String>,
    pub(crate) soname: Option<String>,
    /// `DT_RUNPATH`, or `DT_RPATH` where there is none.
    pub(crate) search: Vec<String>,
    pub(crate) interpreter: Option<String>,
    /// Functions that the loader calls, and tables of such functions.
    pub(crate) called_by_loader: Vec<u64>,
}

impl Image {
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Self, FileError> {
        let damaged = |error: object::Error| FileError::NotElf(error.to_string());
        let header = FileHeader64::<LE>::parse(bytes.as_slice());
        let header = header.map_err(|error| other_class(&bytes, error))?;
        let machine = match header.e_machine(LE) {
            elf::EM_X86_64 => Machine::X86_64,
            elf::EM_AARCH64 => Machine::Aarch64,
            _ => return Err(FileError::Machine),
        };
        let sections = header.sections(LE, bytes.as_slice()).map_err(damaged)?;
        if sections.is_empty() {
            return Err(FileError::NoSections);
        }
        let mut image = Self {
            machine,
            code: Vec::new(),
            data: Vec::new(),
            entry: header.e_entry(LE),
            fixed: header.e_type(LE) == elf::ET_EXEC,
            symbols: Vec::new(),
            imports: Vec::new(),
            pointers: BTreeMap::new(),
            needed: Vec::new(),
            soname: None,
            search: Vec::new(),
            interpreter: None,
            called_by_loader: Vec::new(),
            bytes: Vec::new(),
        };
        image.map(&sections, &bytes);
        image.read_interpreter(header, &bytes).map_err(damaged)?;
        image.read_symbols(&sections, &bytes).map_err(damaged)?;
        image.read_dynamic(&sections, &bytes).map_err(damaged)?;
        image.read_relocations(&sections, &bytes).map_err(damaged)?;
        image.bytes = bytes;
        if image.fixed {
            image.find_fixed_pointers();
        }
        Ok(image)
    }

    fn map(&mut self, sections: &SectionTable<'_, FileHeader64<LE>>, bytes: &[u8]) {
        for section in sections.iter() {
            let flags = section.sh_flags(LE).0;
            let is_mapped = flags & elf::SHF_ALLOC.0 != 0 && flags & elf::SHF_TLS.0 == 0;
            let (start, size) = (section.sh_addr(LE), section.sh_size(LE));
            let Some(end) = start.checked_add(size).filter(|&end| is_mapped && end > start) else {
                continue;
            };
            let (offset, filled) = section.file_range(LE).map_or((0, 0), |(offset, size)| {
                let offset = usize::try_from(offset).unwrap_or(bytes.len()).min(bytes.len());
                (offset, usize::try_from(size).unwrap_or(0).min(bytes.len() - offset))
            });
            let name = sections.section_name(LE, section).unwrap_or_default();
            let name = String::from_utf8_lossy(name).into_owned();
            let part = Part { start, end, offset, filled, name };
            let is_code = flags & elf::SHF_EXECINSTR.0 != 0;
            if is_code { self.code.push(part) } else { self.data.push(part) }
        }
        self.code.sort_by_key(|part| part.start);
        self.data.sort_by_key(|part| part.start);
    }

    fn read_interpreter(
        &mut self,
        header: &FileHeader64<LE>,
        bytes: &[u8],
    ) -> Result<(), object::Error> {
        for segment in header.program_headers(LE, bytes)? {
            if let Some(path) = segment.interpreter(LE, bytes)? {
                self.interpreter = Some(String::from_utf8_lossy(path).into_owned());
            }
        }
        Ok(())
    }

    fn read_symbols(
        &mut self,
        sections: &SectionTable<'_, FileHeader64<LE>>,
        bytes: &[u8],
    ) -> Result<(), object::Error> {
        let mut known = BTreeSet::new();
        for (kind, exported) in [(elf::SHT_DYNSYM, true), (elf::SHT_SYMTAB, false)] {
            let table = sections.symbols(LE, bytes, kind)?;
            for symbol in table.iter() {
                let kind = symbol.st_type();
                let is_named = kind != elf::STT_SECTION
                    && kind != elf::STT_FILE
                    && kind != elf::STT_TLS
                    && !symbol.is_undefined(LE);
                let (at, size) = (symbol.st_value(LE), symbol.st_size(LE));
                let name = table.symbol_name(LE, symbol).unwrap_or_default();
                // aarch64's marks of code and data are no functions.
                if !is_named || at == 0 || name.is_empty() || name.starts_with(b"$") {
                    continue;
                }
                let name = String::from_utf8_lossy(name).into_owned();
                if known.insert((name.clone(), at)) {
                    self.symbols.push(Symbol { name, at, size, exported });
                }
            }
        }
        self.symbols.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
        Ok(())
    }

    fn read_dynamic(
        &mut self,
        sections: &SectionTable<'_, FileHeader64<LE>>,
        bytes: &[u8],
    ) -> Result<(), object::Error> {
        let mut path: (Option<String>, Option<String>) = (None, None);
        let mut tables: BTreeMap<i64, u64> = BTreeMap::new();
        let Some((entries, link)) = sections.dynamic(LE, bytes)? else {
            self.called_by_initial_sections();
            return Ok(());
        };
        let strings = sections.strings(LE, bytes, link)?;
        let text = |value: u64| {
            let bytes = u32::try_from(value).ok().and_then(|at| strings.get(at).ok());
            bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        for entry in entries {
            let value = entry.d_val(LE);
            match entry.d_tag(LE) {
                elf::DT_NULL => break,
                elf::DT_NEEDED => self.needed.extend(text(value)),
                elf::DT_SONAME => self.soname = text(value),
                elf::DT_RPATH => path.0 = text(value),
                elf::DT_RUNPATH => path.1 = text(value),
                elf::DT_INIT | elf::DT_FINI => self.called_by_loader.push(value),
                tag => {
                    tables.insert(tag.0, value);
                }
            }
        }
        let search = path.1.or(path.0).unwrap_or_default();
        self.search = search.split(':').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        for (table, size) in [
            (elf::DT_INIT_ARRAY, elf::DT_INIT_ARRAYSZ),
            (elf::DT_FINI_ARRAY, elf::DT_FINI_ARRAYSZ),
            (elf::DT_PREINIT_ARRAY, elf::DT_PREINIT_ARRAYSZ),
        ] {
            if let (Some(&at), Some(&size)) = (tables.get(&table.0), tables.get(&size.0)) {
                self.called_by_loader.extend((at..at.saturating_add(size.min(1 << 20))).step_by(8));
            }
        }
        self.called_by_initial_sections();
        Ok(())
    }

    /// What start-up code of static programs runs by the names of its sections.
    fn called_by_initial_sections(&mut self) {
        const CALLED: [&str; 5] =
            [".init", ".fini", ".init_array", ".fini_array", ".preinit_array"];
        let parts = self.code.iter().chain(&self.data);
        let called: Vec<u64> = parts
            .filter(|part| CALLED.contains(&part.name.as_str()))
            .flat_map(|part| (part.start..part.end).step_by(8))
            .collect();
        self.called_by_loader.extend(called);
    }

    fn read_relocations(
        &mut self,
        sections: &SectionTable<'_, FileHeader64<LE>>,
        bytes: &[u8],
    ) -> Result<(), object::Error> {
        let symbols = sections.symbols(LE, bytes, elf::SHT_DYNSYM)?;
        let mut names: BTreeMap<String, u32> = BTreeMap::new();
        for section in sections.iter() {
            if section.sh_flags(LE).0 & elf::SHF_ALLOC.0 == 0 {
                continue;
            }
            if let Some((entries, _)) = section.rela(LE, bytes)? {
                for entry in entries {
                    self.relocate(entry, &symbols, &mut names);
                }
            }
            if let Some(entries) = section.relr(LE, bytes)? {
                for at in entries {
                    if let Some(value) = word_in(&self.data, bytes, at) {
                        self.pointers.insert(at, Pointer::Local(value));
                    }
                }
            }
        }
        self.imports = vec![String::new(); names.len()];
        for (name, place) in names {
            if let Some(import) = usize::try_from(place).ok().and_then(|p| self.imports.get_mut(p))
            {
                *import = name;
            }
        }
        Ok(())
    }

    fn relocate(
        &mut self,
        entry: &elf::Rela64<LE>,
        symbols: &SymbolTable<'_, FileHeader64<LE>>,
        names: &mut BTreeMap<String, u32>,
    ) {
        let at = entry.r_offset(LE);
        let addend = 0_u64.wrapping_add_signed(entry.r_addend(LE));
        let index = entry.r_sym(LE, false);
        if index == 0 {
            self.pointers.insert(at, Pointer::Local(addend));
            return;
        }
        let symbol = symbols.symbol(object::SymbolIndex(index as usize));
        let Ok(symbol) = symbol else { return };
        if symbol.st_type() == elf::STT_TLS {
            return;
        }
        let name = symbols.symbol_name(LE, symbol).unwrap_or_default();
        let name = String::from_utf8_lossy(name).into_owned();
        let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let place = *names.entry(name).or_insert(next);
        self.pointers.insert(at, Pointer::Import(place));
    }

    /// Pointers in programs whose addresses are fixed: every word that is an address of the file.
    fn find_fixed_pointers(&mut self) {
        let mut found = Vec::new();
        for part in &self.data {
            let bytes = self.bytes.get(part.offset..part.offset + part.filled).unwrap_or_default();
            let skip = part.start.wrapping_neg() & 7;
            let Ok(skip_bytes) = usize::try_from(skip) else { continue };
            let words = bytes.get(skip_bytes..).unwrap_or_default().chunks_exact(8);
            for (at, word) in (part.start + skip..).step_by(8).zip(words) {
                let value = word.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
                if value != 0 && (self.is_code(value) || self.data_part(value).is_some()) {
                    found.push((at, value));
                }
            }
        }
        for (at, value) in found {
            self.pointers.entry(at).or_insert(Pointer::Local(value));
        }
    }

    pub(crate) fn is_code(&self, at: u64) -> bool {
        part_at(&self.code, at).is_some()
    }

    pub(crate) fn data_part(&self, at: u64) -> Option<&Part> {
        part_at(&self.data, at)
    }

    /// The bytes of a section.
    pub(crate) fn part_bytes(&self, part: &Part) -> &[u8] {
        self.bytes.get(part.offset..part.offset + part.filled).unwrap_or_default()
    }

    /// The bytes from an address to the end of its section.
    pub(crate) fn bytes_at(&self, at: u64) -> Option<&[u8]> {
        let part = part_at(&self.code, at).or_else(|| part_at(&self.data, at))?;
        let skip = usize::try_from(at - part.start).ok()?;
        self.part_bytes(part).get(skip..)
    }

    /// The word that an address begins with; none where the file has no bytes for it.
    pub(crate) fn word_at(&self, at: u64) -> Option<u64> {
        word_in(&self.data, &self.bytes, at)
    }

    /// The text that ends with a zero byte at an address, if it looks like one.
    pub(crate) fn text_at(&self, at: u64) -> Option<&str> {
        const LEN_MAX: usize = 256;
        let bytes = self.bytes_at(at)?;
        let end = bytes.iter().take(LEN_MAX).position(|&byte| byte == 0)?;
        let text = std::str::from_utf8(&bytes[..end]).ok()?;
        text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ').then_some(text)
    }

    pub(crate) fn section(&self, name: &str) -> Option<&Part> {
        self.data.iter().find(|part| part.name == name)
    }

    /// Whether the code was made by Go.
    pub(crate) fn is_go(&self) -> bool {
        self.section(".gopclntab").is_some() || self.section(".go.buildinfo").is_some()
    }
}

fn part_at(parts: &[Part], at: u64) -> Option<&Part> {
    let after = parts.partition_point(|part| part.start <= at);
    parts[..after].last().filter(|part| at < part.end)
}

fn word_in(parts: &[Part], bytes: &[u8], at: u64) -> Option<u64> {
    let part = part_at(parts, at)?;
    let skip = usize::try_from(at - part.start).ok()?;
    let bytes = bytes.get(part.offset..part.offset + part.filled)?;
    Some(u64::from_le_bytes(*bytes.get(skip..)?.first_chunk()?))
}

/// A file of the right kind for a machine that is not read is no damaged one.
fn other_class(bytes: &[u8], error: object::Error) -> FileError {
    let is_elf = bytes.starts_with(b"\x7fELF");
    // Of 64 bits, little end first.
    if is_elf && bytes.get(4..6) != Some(&[2, 1]) {
        FileError::Machine
    } else {
        FileError::NotElf(error.to_string())
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf(reason) => write!(f, "no ELF file: {reason}"),
            Self::Machine => {
                f.write_str("a file for another machine: only x86_64 and aarch64 can be scanned")
            }
            Self::NoSections => f.write_str(
                "a file without a table of sections: unpack it (`upx -d`), or scan what it was \
                 made from",
            ),
        }
    }
}

impl std::error::Error for FileError {}
