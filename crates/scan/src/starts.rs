//! Where functions begin, and what they are called: symbols, what is unwound, Go's table.

use gimli::{BaseAddresses, CieOrFde, EhFrame, LittleEndian, UnwindSection as _};

use crate::image::{Image, Part};

/// A function's beginning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Start {
    pub(crate) at: u64,
    pub(crate) name: Option<String>,
}

/// Every beginning that the file itself names, ascending, each once.
pub(crate) fn known(image: &Image) -> Vec<Start> {
    let named = image.symbols.iter().filter(|symbol| image.is_code(symbol.at));
    let mut starts: Vec<Start> = named
        .map(|symbol| Start { at: symbol.at, name: Some(symbol.name.clone()) })
        .chain(go_functions(image))
        .chain(unwound(image).into_iter().map(|at| Start { at, name: None }))
        .chain(image.code.iter().map(|part| Start { at: part.start, name: None }))
        .chain([image.entry].map(|at| Start { at, name: Some("_start".to_owned()) }))
        .filter(|start| image.is_code(start.at))
        .collect();
    // The first name of an address stays: names before none, plain ones before `__` ones.
    let underscores = |name: &Option<String>| {
        name.as_ref().map_or(usize::MAX, |name| name.bytes().take_while(|b| *b == b'_').count())
    };
    starts.sort_by(|a, b| {
        (a.at, underscores(&a.name), &a.name).cmp(&(b.at, underscores(&b.name), &b.name))
    });
    starts.dedup_by_key(|start| start.at);
    starts
}

/// Whether the file tells where most of its functions begin.
pub(crate) fn has_frames(image: &Image) -> bool {
    const FEW: usize = 64;
    unwound(image).len() > FEW
}

/// The functions that can be unwound.
fn unwound(image: &Image) -> Vec<u64> {
    let Some(part) = image.section(".eh_frame") else { return Vec::new() };
    let frames = EhFrame::new(image.part_bytes(part), LittleEndian);
    let bases = BaseAddresses::default().set_eh_frame(part.start);
    let mut found = Vec::new();
    let mut entries = frames.entries(&bases);
    // What follows a damaged entry is not known to be one.
    while let Ok(Some(entry)) = entries.next() {
        let CieOrFde::Fde(partial) = entry else { continue };
        if let Ok(function) = partial.parse(EhFrame::cie_from_offset) {
            found.push(function.initial_address());
        }
    }
    found
}

/// The functions of a Go program, from the table by which its runtime prints stacks. Stripped
/// programs have it, too.
pub(crate) fn go_functions(image: &Image) -> Vec<Start> {
    let table = image.section(".gopclntab");
    table.and_then(|part| go_table(image, part)).unwrap_or_default()
}

fn go_table(image: &Image, part: &Part) -> Option<Vec<Start>> {
    let table = image.part_bytes(part);
    let word = |at: usize| -> Option<usize> {
        usize::try_from(u64::from_le_bytes(*table.get(at..)?.first_chunk()?)).ok()
    };
    let short =
        |at: usize| -> Option<u32> { Some(u32::from_le_bytes(*table.get(at..)?.first_chunk()?)) };
    // The layouts of Go 1.18 and 1.20; the field of the text's address, and the places of names
    // and functions after it.
    if !matches!(short(0)?, 0xffff_fff0 | 0xffff_fff1) {
        return None;
    }
    let count = word(8)?;
    let names = table.get(word(32)?..)?;
    let functions_at = word(64)?;
    // Newer linkers leave the address to the loader.
    let text = match u64::from_le_bytes(*table.get(24..)?.first_chunk()?) {
        0 => image.code.iter().find(|part| part.name == ".text")?.start,
        text => text,
    };
    let mut found = Vec::new();
    for index in 0..count.min(table.len() / 8) {
        let row = functions_at.checked_add(index * 8)?;
        let at = text.checked_add(u64::from(short(row)?))?;
        let function = functions_at.checked_add(short(row + 4)? as usize)?;
        let name = names.get(short(function + 4)? as usize..)?;
        let end = name.iter().position(|&byte| byte == 0)?;
        let name = String::from_utf8_lossy(&name[..end]).into_owned();
        found.push(Start { at, name: Some(name) });
    }
    Some(found)
}
