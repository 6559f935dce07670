//! The assemblers of seccomp-tools and ceccomp, which differ in words only.
//!
//! ```text
//! A = arch                                  $A = $arch
//! if (A != ARCH_X86_64) goto bad            if ($A != x86_64) goto bad
//! A = args[0] >> 32                         $A = $high_args[0]
//! A & 0x40 ? next : ok                      if !($A & 0x40) goto ok, else goto next
//! ok: return ALLOW                          ok: return ALLOW
//! ```

mod lexer;
mod statement;

use std::collections::BTreeMap;

use callgate_bpf::{Instruction, Program};
use callgate_syscalls::Arch;

use crate::names::Names;
use crate::{Error, ErrorKind, Read};
use lexer::Tokens;

/// Reads either language.
pub(super) fn read(text: &str, asked: Option<Arch>) -> Result<Read, Error> {
    let arch = asked.or_else(|| tested(text));
    let names = arch.map_or_else(|| Names::of(text, None), Names::on);
    let mut source = Source::default();
    let mut tokens = Tokens::new(text);
    while let Some(token) = tokens.peek() {
        if source.statements.len() > Program::LEN_MAX {
            return Err(Error::new(ErrorKind::TooManyInstructions).at(token.offset));
        }
        if tokens.takes_label() {
            let known = source.labels.insert(token.text, source.statements.len());
            if known.is_some() {
                let name = token.text.to_owned();
                return Err(Error::new(ErrorKind::DuplicateLabel(name)).at(token.offset));
            }
        } else {
            source.statements.push(statement::parse(&mut tokens, names)?);
        }
    }
    source.assemble(names.arch())
}

/// The architecture that a text of ceccomp's tests first, where it is no constant of the kernel's.
fn tested(text: &str) -> Option<Arch> {
    let bare = text.match_indices("if ").find_map(|(at, _)| {
        let condition = text[at..].split(')').next()?;
        let operand = condition.split(['=', ' ', '(']).next_back()?;
        // Go's word for x86 is a number.
        Arch::from_word(operand).filter(|_| !operand.starts_with(|c: char| c.is_ascii_digit()))
    });
    bare.filter(|_| text.contains('$'))
}

/// A text whose labels are not yet resolved.
#[derive(Debug, Default)]
struct Source<'a> {
    statements: Vec<Statement<'a>>,
    labels: BTreeMap<&'a str, usize>,
}

/// An instruction of the text.
#[derive(Debug)]
struct Statement<'a> {
    offset: usize,
    instruction: Instruction,
    jump: Jump<'a>,
}

/// Where it leads to.
#[derive(Debug)]
enum Jump<'a> {
    None,
    Always(Target<'a>),
    Either(Target<'a>, Target<'a>),
}

/// A label as the target of a jump.
#[derive(Clone, Copy, Debug)]
struct Target<'a> {
    /// `next` for the instruction below.
    label: &'a str,
    offset: usize,
}

impl<'a> Source<'a> {
    fn assemble(self, arch: Arch) -> Result<Read, Error> {
        let mut read = Read { endian: Some(arch.endian()), ..Read::default() };
        for (index, statement) in self.statements.iter().enumerate() {
            let mut instruction = statement.instruction;
            match statement.jump {
                Jump::None => {}
                Jump::Always(to) => instruction.k = self.distance(index, to)?,
                Jump::Either(holds, fails) => {
                    instruction.jt = self.short(index, holds)?;
                    instruction.jf = self.short(index, fails)?;
                }
            }
            read.push(instruction, statement.offset)?;
        }
        Ok(read)
    }

    fn distance(&self, index: usize, to: Target<'a>) -> Result<u32, Error> {
        let unknown = || Error::new(ErrorKind::Label(to.label.to_owned())).at(to.offset);
        match self.labels.get(to.label) {
            _ if to.label == "next" => Ok(0),
            Some(label) => {
                let skip = label.checked_sub(index + 1).ok_or_else(unknown)?;
                u32::try_from(skip).map_err(|_| unknown())
            }
            // A number that is no label is how many instructions to skip.
            None => to.label.parse().map_err(|_| unknown()),
        }
    }

    fn short(&self, index: usize, to: Target<'a>) -> Result<u8, Error> {
        let too_long = |_| Error::new(ErrorKind::JumpTooLong { label: to.label.to_owned() });
        u8::try_from(self.distance(index, to)?).map_err(|error| too_long(error).at(to.offset))
    }
}
