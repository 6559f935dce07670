//! Programs as output, in each of the forms.

use std::collections::BTreeMap;

use callgate_bpf::{Instruction, Listing, Program, Style};
use callgate_dumps::{Dump, marked};
use callgate_syscalls::{Arch, Endian};
use serde::Serialize;

use crate::args::group::{ProgramFormat, ProgramOutput};
use crate::decider;
use crate::error::{Error, Status};
use crate::output;

/// Writes a program where the user wants it.
///
/// # Errors
/// [`Error::Write`], [`Error::BinaryToTerminal`].
pub fn program(program: &Program, style: Style, to: &ProgramOutput) -> Result<Status, Error> {
    let bytes = match to.format {
        ProgramFormat::Bpf => program.to_bytes(style.endian),
        ProgramFormat::Hex => hex(program, style.endian).into_bytes(),
        ProgramFormat::C => program.to_c(style).into_bytes(),
        ProgramFormat::Json => output::json_text(&ListingJson::new(program, style))?.into_bytes(),
        ProgramFormat::Asm => Listing::new(program, style).to_string().into_bytes(),
    };
    match (&to.output, to.format) {
        (Some(path), _) => output::product(path, &bytes)?,
        (None, ProgramFormat::Bpf) => output::binary(&bytes)?,
        (None, _) => output::text(|out| out.write_all(&bytes))?,
    }
    Ok(Status::Success)
}

/// The style for programs of these machines: their byte order, and the names of this one.
pub fn style(endian: Endian) -> Style {
    Style { endian, arch: Arch::native().filter(|arch| arch.endian() == endian) }
}

/// The style for a program of a filter for these architectures. Assembler has no byte order.
///
/// # Errors
/// [`Error::Usage`] where a program is in two byte orders.
pub fn style_for(arches: &[Arch], format: ProgramFormat) -> Result<Style, Error> {
    let Some(first) = arches.first() else { return Ok(style(Endian::native())) };
    let other = arches.iter().find(|arch| arch.endian() != first.endian());
    match other.filter(|_| format != ProgramFormat::Asm) {
        None => Ok(style(first.endian())),
        Some(second) => Err(Error::Usage(format!(
            "{first} and {second} differ in byte order: a program is for one of them; choose with --arch"
        ))),
    }
}

/// Shows a program that the kernel would refuse, and where it does.
///
/// # Errors
/// [`Error::Write`].
pub fn refused(what: &str, dump: &Dump, arch: Option<Arch>) -> Result<Status, Error> {
    let mut style = style(dump.endian);
    style.arch = arch.or(style.arch);
    output::text(|out| out.write_all(marked(dump, style).as_bytes()))?;
    let place = dump.checked.as_ref().err().and_then(|refused| refused.place);
    let place = place.map_or(what.to_owned(), |place| format!("{what}:{place}"));
    output::warning(&format_args!("{place}: the kernel refuses this program"));
    Ok(Status::No)
}

/// A listing with the owners of each return in its comment.
#[must_use]
pub fn owned(program: &Program, style: Style, owners: &BTreeMap<usize, Vec<String>>) -> Listing {
    let mut listing = Listing::new(program, style);
    for line in &mut listing.lines {
        let Some(places) = owners.get(&line.index) else { continue };
        let said = match places.is_empty() {
            true => "no call comes here".to_owned(),
            false => format!("for {}", decider::shortened(places.clone(), "more places")),
        };
        // A name of a file may hold anything; a comment ends with its line.
        let said = said.replace(char::is_control, "?");
        line.comment = Some(line.comment.take().map_or(said.clone(), |c| format!("{c}; {said}")));
    }
    listing
}

fn hex(program: &Program, endian: Endian) -> String {
    let line = |instruction: &Instruction| {
        let digits = instruction.to_bytes(endian).map(|byte| format!("{byte:02x}"));
        digits.concat() + "\n"
    };
    program.instructions().iter().map(line).collect()
}

/// A program with its disassembly.
#[derive(Debug, Serialize)]
pub struct ListingJson {
    endian: &'static str,
    instructions: Vec<LineJson>,
}

#[derive(Debug, Serialize)]
struct LineJson {
    index: usize,
    code: u16,
    jt: u8,
    jf: u8,
    k: u32,
    label: Option<String>,
    text: String,
    comment: Option<String>,
    next: Vec<usize>,
    /// The places in a policy for whose calls it returns.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    owners: Option<Vec<String>>,
}

impl ListingJson {
    /// Disassembles a program.
    pub fn new(program: &Program, style: Style) -> Self {
        let line = |line: callgate_bpf::Line| {
            let Instruction { code, jt, jf, k } = line.instruction;
            let callgate_bpf::Line { index, label, text, comment, next, .. } = line;
            LineJson { index, code, jt, jf, k, label, text, comment, next, owners: None }
        };
        let instructions = Listing::new(program, style).lines.into_iter().map(line).collect();
        let endian = match style.endian {
            Endian::Little => "little",
            Endian::Big => "big",
        };
        Self { endian, instructions }
    }

    /// The same with the places in a policy for whose calls instructions return.
    pub fn owned_by(mut self, owners: &BTreeMap<usize, Vec<String>>) -> Self {
        for line in &mut self.instructions {
            line.owners = owners.get(&line.index).cloned();
        }
        self
    }
}
