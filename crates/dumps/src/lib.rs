//! Filter programs as tools print them, pasted into reports and checked into repositories: read
//! back, whatever the form.
//!
//! [`read`] recognises the [`Form`] by the content, or takes the one it is told. Where a text can be
//! meant in several ways, those that the kernel would refuse as a program are dropped; if several
//! are left, that is an error and not a guess. A program that the kernel would refuse is read all
//! the same, so that it can be shown: [`Dump::checked`] says what is wrong with it and where.
//!
//! Each form is a file in `forms`; arrays of C, Rust, Python and JSON share the reader in
//! `literal`. Time is linear in the input; memory is bounded by the longest program and not by the
//! input.
#![forbid(unsafe_code)]

mod detect;
mod error;
mod form;
mod forms;
mod listing;
mod literal;
mod names;
mod numbers;
mod place;
mod raw;
mod text;

use callgate_bpf::{CheckError, Instruction, Program};
use callgate_syscalls::{Arch, Endian};

pub use detect::recognise;
pub use error::{Error, ErrorKind};
pub use form::Form;
pub use listing::marked;
pub use place::Place;

/// The longest input in bytes. Our own JSON of a program of full length takes about a tenth.
pub const LEN_MAX: usize = 8 << 20;

/// What is known of an input beside its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// The form, instead of the one that the content looks like.
    pub form: Option<Form>,
    /// Which of several programs: the symbol or section of an object file, the name of an array,
    /// the line of a trace.
    pub name: Option<&'a str>,
    /// The architecture whose syscalls and constants names stand for, where the text names none;
    /// this machine's otherwise.
    pub arch: Option<Arch>,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// The form it had.
    pub form: Form,
    /// The byte order of the machines it is for; this machine's where nothing tells.
    pub endian: Endian,
    /// The instructions as they stand there.
    pub instructions: Vec<Instruction>,
    /// The program they make, or why the kernel would refuse it.
    pub checked: Result<Program, Refused>,
    /// What the reader should know, a sentence each.
    pub notes: Vec<String>,
}

/// Why the kernel would refuse a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason.
    pub reason: CheckError,
    /// Where in the text the instruction stands, if the form is a text.
    pub place: Option<Place>,
}

/// Reads a program in whatever form.
///
/// # Errors
/// Why the bytes are no program in any form, or not in the one asked for, with the place.
///
/// # Examples
/// ```
/// use callgate_dumps::{Form, Options, read};
///
/// let dump = read(b"struct sock_filter f[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };", &Options::default())?;
/// assert_eq!(dump.form, Form::C);
/// assert_eq!(dump.instructions[0].k, 0x7fff_0000);
/// assert!(dump.checked.is_ok());
/// # Ok::<(), callgate_dumps::Error>(())
/// ```
pub fn read(bytes: &[u8], options: &Options<'_>) -> Result<Dump, Error> {
    if bytes.len() > LEN_MAX {
        return Err(Error::new(ErrorKind::TooLong { bytes: bytes.len(), max: LEN_MAX }));
    }
    if bytes.trim_ascii().is_empty() {
        return Err(Error::new(ErrorKind::Empty));
    }
    let candidates = match options.form {
        Some(form) => vec![form],
        None => detect::candidates(bytes),
    };
    let mut readings: Vec<Result<Dump, Error>> = Vec::new();
    for form in candidates {
        let reading = read_as(form, bytes, options);
        // Several forms of the same program are no contradiction.
        let known = |dump: &Dump| {
            readings.iter().flatten().any(|other| other.instructions == dump.instructions)
        };
        if !reading.as_ref().is_ok_and(known) {
            readings.push(reading);
        }
    }
    chosen(readings)
}

/// The one reading that is a program; failing that the first that was read at all, and failing
/// that the first mistake.
fn chosen(mut readings: Vec<Result<Dump, Error>>) -> Result<Dump, Error> {
    let accepted =
        |reading: &Result<Dump, Error>| reading.as_ref().is_ok_and(|dump| dump.checked.is_ok());
    let forms: Vec<Form> =
        readings.iter().filter(|r| accepted(r)).flatten().map(|d| d.form).collect();
    if forms.len() > 1 {
        return Err(Error::new(ErrorKind::Ambiguous { forms }));
    }
    let best = readings
        .iter()
        .position(accepted)
        .or_else(|| readings.iter().position(Result::is_ok))
        .unwrap_or(0);
    match readings.is_empty() {
        true => Err(Error::new(ErrorKind::Unrecognised)),
        false => readings.swap_remove(best),
    }
}

fn read_as(form: Form, bytes: &[u8], options: &Options<'_>) -> Result<Dump, Error> {
    let text = if form.is_binary() { None } else { Some(text::text_of(bytes)?) };
    let text = text.as_deref().unwrap_or_default();
    let read =
        forms::read(form, bytes, text, options).map_err(|error| error.in_text(text).of(form))?;
    if read.instructions.is_empty() {
        return Err(Error::new(ErrorKind::NoInstructions).of(form));
    }
    let checked = Program::new(read.instructions.clone()).map_err(|reason| {
        let offset = reason.index().and_then(|index| read.offsets.get(index));
        let place = offset.map(|offset| Place::of(text, *offset));
        Refused { reason, place }
    });
    let endian = read.endian.or_else(|| tested_order(&read.instructions));
    let endian = endian.unwrap_or(Endian::native());
    let Read { instructions, notes, .. } = read;
    Ok(Dump { form, endian, instructions, checked, notes })
}

/// The byte order of the architectures whose tokens a program compares with, where they agree.
fn tested_order(instructions: &[Instruction]) -> Option<Endian> {
    let compared = instructions.iter().filter(|i| i.code == 0x15).map(|i| i.k);
    let arches = compared.filter_map(|k| Arch::ALL.into_iter().find(|a| a.token().raw() == k));
    let mut orders = arches.map(Arch::endian);
    let first = orders.next()?;
    orders.all(|order| order == first).then_some(first)
}

/// What a form's reader found.
#[derive(Debug, Default)]
struct Read {
    instructions: Vec<Instruction>,
    /// Where in the text each instruction begins; empty where that says nothing.
    offsets: Vec<usize>,
    /// The byte order, if the form tells.
    endian: Option<Endian>,
    notes: Vec<String>,
}

impl Read {
    /// Adds an instruction.
    ///
    /// # Errors
    /// [`ErrorKind::TooManyInstructions`], so that the memory needed does not depend on the input.
    fn push(&mut self, instruction: Instruction, offset: usize) -> Result<(), Error> {
        // One more than the longest program, so that the checker has the last word on lengths.
        if self.instructions.len() > Program::LEN_MAX {
            return Err(Error::new(ErrorKind::TooManyInstructions).at(offset));
        }
        self.instructions.push(instruction);
        self.offsets.push(offset);
        Ok(())
    }
}
