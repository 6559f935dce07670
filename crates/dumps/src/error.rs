//! Mistakes in an input, with their places.

use std::fmt;

use callgate_bpf::{AsmError, Instruction, Program};

use crate::{Form, Place};

/// Why bytes are no program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where, in a text.
    pub place: Option<Place>,
    /// The form that was tried.
    pub form: Option<Form>,
    /// The mistake.
    pub kind: ErrorKind,
    /// The byte, until the text is known.
    offset: Option<usize>,
}

/// A mistake in an input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There are no bytes, or only white space.
    Empty,
    /// More bytes than are read.
    TooLong {
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        max: usize,
    },
    /// More instructions than any program has.
    TooManyInstructions,
    /// No form of a program.
    Unrecognised,
    /// The text can be meant in several ways, each of which is a program.
    Ambiguous {
        /// The forms.
        forms: Vec<Form>,
    },
    /// Numbers that are a program both as words of one width and as words of another.
    AmbiguousNumbers,
    /// Bytes of which most are no instruction of a filter.
    FewInstructions {
        /// How many are.
        known: usize,
        /// How many there would be.
        all: usize,
    },
    /// There is no instruction in it.
    NoInstructions,
    /// Bytes that are not UTF-8.
    NotText,
    /// A number of bytes that is no multiple of [`Instruction::SIZE`].
    Partial {
        /// How many there are.
        bytes: usize,
    },
    /// Something else should stand there.
    Expected {
        /// What should.
        expected: &'static str,
        /// What does; empty at the end.
        found: String,
    },
    /// A name without a value.
    UnknownName(String),
    /// A number that does not fit.
    TooLarge {
        /// The number as written.
        number: String,
        /// What does not hold it.
        place: &'static str,
    },
    /// A label that is not defined below its use.
    Label(String),
    /// A label that is defined twice.
    DuplicateLabel(String),
    /// A jump over more than 255 instructions.
    JumpTooLong {
        /// Its label.
        label: String,
    },
    /// Lines are missing in a dump or table.
    Gap {
        /// The line or address that should come.
        expected: String,
        /// The one that does.
        found: String,
    },
    /// Text that its tool shortened.
    Shortened(&'static str),
    /// Several programs, and none was chosen.
    Several {
        /// Their names.
        names: Vec<String>,
    },
    /// No program has that name.
    NotFound {
        /// The name.
        name: String,
        /// The names there are.
        names: Vec<String>,
    },
    /// This form holds one program, without a name.
    NoNames,
    /// Not base64.
    Base64(String),
    /// Not an ELF file that can be read.
    Elf(String),
    /// Not assembler, or the kernel would refuse it.
    Assembler(AsmError),
    /// A `#define` that can't be followed, and why.
    Macro(String, &'static str),
}

impl Error {
    pub(crate) const fn new(kind: ErrorKind) -> Self {
        Self { place: None, form: None, kind, offset: None }
    }

    /// The error that something else stands at a place of the text.
    pub(crate) fn expected(expected: &'static str, text: &str, offset: usize) -> Self {
        let rest = text.get(offset..).unwrap_or_default();
        let word = rest.split(char::is_whitespace).next().unwrap_or_default();
        let found = word.chars().take(40).collect();
        Self::new(ErrorKind::Expected { expected, found }).at(offset)
    }

    /// The same at a byte of the text.
    pub(crate) const fn at(mut self, offset: usize) -> Self {
        self.offset = Some(offset);
        self
    }

    /// The same in a text of which what was read is a part.
    pub(crate) fn moved(mut self, begin: usize) -> Self {
        self.offset = self.offset.map(|offset| offset + begin);
        self
    }

    /// The same with its place in that text.
    pub(crate) fn in_text(mut self, text: &str) -> Self {
        if let (None, Some(offset)) = (self.place, self.offset) {
            self.place = Some(Place::of(text, offset));
        }
        self
    }

    pub(crate) fn resolved_in(self, bytes: &[u8]) -> Self {
        let valid = self.offset.unwrap_or_default();
        let text = std::str::from_utf8(&bytes[..valid]).unwrap_or_default();
        self.in_text(text)
    }

    /// The same for a form.
    pub(crate) const fn of(mut self, form: Form) -> Self {
        if let ErrorKind::Assembler(error) = &self.kind {
            self.place = Some(Place { line: error.line, column: error.column });
        }
        self.form = Some(form);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.place {
            write!(f, "{place}: ")?;
        }
        match self.form {
            Some(form) if form != Form::Assembler => {
                write!(f, "{} (read as {})", self.kind, form.description())
            }
            _ => self.kind.fmt(f),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty: expected a program"),
            Self::TooLong { bytes, max } => {
                write!(f, "{bytes} bytes are too many: no form of a program has more than {max}")
            }
            Self::TooManyInstructions => {
                write!(f, "more than {} instructions: no program is longer", Program::LEN_MAX)
            }
            Self::Unrecognised => f.write_str("no form of a filter program"),
            Self::Ambiguous { forms } => {
                let names: Vec<_> = forms.iter().map(|form| form.name()).collect();
                write!(f, "can be meant in several ways: say which with --from {}", or(&names))
            }
            Self::AmbiguousNumbers => f.write_str(
                "numbers that are a program in more than one width: write them with all digits, as 0x0006, or \
                 each instruction in braces",
            ),
            Self::FewInstructions { known, all } => {
                write!(f, "no filter: of {all} instructions only {known} have an opcode of filters")
            }
            Self::NoInstructions => f.write_str("no instruction in it"),
            Self::NotText => f.write_str("not UTF-8 text"),
            Self::Partial { bytes } => write!(
                f,
                "{bytes} bytes are not whole instructions of {0} bytes: {1} are missing at the end",
                Instruction::SIZE,
                Instruction::SIZE - bytes % Instruction::SIZE
            ),
            Self::Expected { expected, found } if found.is_empty() => {
                write!(f, "expected {expected}, found the end")
            }
            Self::Expected { expected, found } => write!(f, "expected {expected}, found `{found}`"),
            Self::UnknownName(name) => {
                write!(f, "`{name}` has no value here: write the number, or #define it above")
            }
            Self::TooLarge { number, place } => write!(f, "{number} does not fit into {place}"),
            Self::Label(name) => {
                write!(f, "label `{name}` is not below: filters jump forward only")
            }
            Self::DuplicateLabel(name) => write!(f, "label `{name}` is defined a second time"),
            Self::JumpTooLong { label } => {
                write!(
                    f,
                    "label `{label}` is more than 255 instructions ahead of a conditional jump"
                )
            }
            Self::Gap { expected, found } => {
                write!(f, "expected line {expected}, found {found}: is something missing?")
            }
            Self::Shortened(remedy) => write!(f, "the program was left out: {remedy}"),
            Self::Several { names } => {
                write!(
                    f,
                    "{} programs: choose one with FILE:NAME, which is {}",
                    names.len(),
                    or(names)
                )
            }
            Self::NotFound { name, names } if names.is_empty() => {
                write!(f, "no program is called {name:?}, and there is no other")
            }
            Self::NotFound { name, names } => {
                write!(f, "no program is called {name:?}: there is {}", or(names))
            }
            Self::NoNames => f.write_str("one program without a name: leave the name out"),
            Self::Base64(reason) | Self::Elf(reason) => f.write_str(reason),
            Self::Assembler(error) => error.kind.fmt(f),
            Self::Macro(name, reason) => write!(f, "macro `{name}` {reason}"),
        }
    }
}

/// `a, b or c`; of many the first.
fn or<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 8;
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] if names.len() <= SHOWN => format!("{} or {last}", most.join(", ")),
        many => format!("{}, ...", many[..SHOWN].join(", ")),
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Assembler(error) => Some(error),
            _ => None,
        }
    }
}
