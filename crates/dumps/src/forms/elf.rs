//! Programs in object files, libraries and executables: `file.o:filter`.

use callgate_bpf::{Instruction, Program, instructions};
use callgate_syscalls::Endian;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};

use crate::{Error, ErrorKind, Read};

/// The most symbols that an error names.
const NAMES_MAX: usize = 64;

/// How many bytes of symbols are tried where no name was given.
const BYTES_MAX: usize = 4 * crate::LEN_MAX;

/// Reads the symbol or section of that name; without one, the only symbol whose bytes are a
/// program.
pub(super) fn read(bytes: &[u8], name: Option<&str>) -> Result<Read, Error> {
    let file = object::File::parse(bytes).map_err(|error| elf(&error))?;
    let endian = if file.is_little_endian() { Endian::Little } else { Endian::Big };
    let content = match name {
        Some(name) => named(&file, name, endian)?,
        None => only(&file, endian)?,
    };
    let mut read = Read { endian: Some(endian), ..Read::default() };
    if content.len() % Instruction::SIZE != 0 {
        return Err(Error::new(ErrorKind::Partial { bytes: content.len() }));
    }
    for (index, instruction) in instructions(content, endian).enumerate() {
        read.push(instruction, index * Instruction::SIZE)?;
    }
    read.offsets.clear();
    Ok(read)
}

fn named<'a>(
    file: &object::File<'a, &'a [u8]>,
    name: &str,
    endian: Endian,
) -> Result<&'a [u8], Error> {
    let symbol = symbols(file).find(|(known, _)| *known == name);
    if let Some((_, content)) = symbol {
        return Ok(content);
    }
    match file.section_by_name(name) {
        Some(section) => section.data().map_err(|error| elf(&error)),
        None => {
            let names = programs(file, endian).map(|(name, _)| name.to_owned()).collect();
            Err(Error::new(ErrorKind::NotFound { name: name.to_owned(), names }))
        }
    }
}

fn only<'a>(file: &object::File<'a, &'a [u8]>, endian: Endian) -> Result<&'a [u8], Error> {
    let found: Vec<_> = programs(file, endian).collect();
    match found.as_slice() {
        [] => Err(Error::new(ErrorKind::Elf(
            "no symbol in it is a filter program: name a section or symbol with FILE:NAME"
                .to_owned(),
        ))),
        [(_, content)] => Ok(content),
        many => {
            let names = many.iter().map(|(name, _)| (*name).to_owned()).collect();
            Err(Error::new(ErrorKind::Several { names }))
        }
    }
}

/// The symbols whose bytes the kernel would accept.
fn programs<'f, 'a>(
    file: &'f object::File<'a, &'a [u8]>,
    endian: Endian,
) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'f, 'a> {
    // Any number of symbols may stand for the same bytes: each byte is looked at a few times only.
    let mut budget = BYTES_MAX;
    let accepted = move |(_, content): &(&str, &[u8])| {
        let fits = content.len() % Instruction::SIZE == 0
            && content.len() <= (Program::LEN_MAX * Instruction::SIZE).min(budget);
        if fits {
            budget -= content.len();
        }
        fits && Program::new(instructions(content, endian).collect::<Vec<_>>()).is_ok()
    };
    symbols(file).filter(accepted).take(NAMES_MAX)
}

/// The objects of a file with their bytes, each once.
fn symbols<'f, 'a>(
    file: &'f object::File<'a, &'a [u8]>,
) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'f, 'a> {
    let has_own_table = file.symbols().next().is_some();
    let dynamic = file.dynamic_symbols().filter(move |_| !has_own_table);
    file.symbols().chain(dynamic).filter_map(|symbol| {
        let is_object = matches!(symbol.kind(), SymbolKind::Data | SymbolKind::Unknown);
        let size = usize::try_from(symbol.size()).ok()?;
        if !is_object || size == 0 {
            return None;
        }
        let section = file.section_by_index(symbol.section_index()?).ok()?;
        let begin = usize::try_from(symbol.address().checked_sub(section.address())?).ok()?;
        let content = section.data().ok()?.get(begin..begin.checked_add(size)?)?;
        Some((symbol.name().ok()?, content))
    })
}

fn elf(error: &object::Error) -> Error {
    Error::new(ErrorKind::Elf(error.to_string()))
}
