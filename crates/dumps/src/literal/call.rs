//! Names, and what looks like a call: `BPF_STMT(...)`, `offsetof(...)`, `vec![...]`.

use callgate_bpf::Instruction;

use super::lexer::{Kind, Token};
use super::{Item, Parser};
use crate::names::{Names, offset_of};
use crate::numbers::{self, Number};
use crate::{Error, ErrorKind};

impl<'a> Parser<'a> {
    /// A name and what belongs to it.
    pub(super) fn named(&mut self) -> Result<Item<'a>, Error> {
        let first = self.tokens.peek(0)?;
        // A prefix of a string, as b"" or L"".
        let is_prefix =
            first.is_some_and(|token| matches!(token.text, "b" | "B" | "c" | "rb" | "br"));
        if is_prefix && self.tokens.peek(1)?.is_some_and(|token| token.kind == Kind::Text) {
            self.tokens.next()?;
            return self.item();
        }
        if first.is_some_and(|token| matches!(token.text, "struct" | "new" | "mut" | "const")) {
            self.tokens.next()?;
        }
        let name = self.path()?;
        self.tokens.take("!")?;
        match name.text {
            "offsetof" | "offset_of" | "__builtin_offsetof" => return self.offset_of(name),
            "sizeof" | "size_of" => return self.size_of(name),
            "SCMP_SYS" => return self.syscall(name),
            _ => {}
        }
        if self.tokens.is(0, "(")? {
            let arguments = self.group_of(true)?;
            return self.call(name, arguments);
        }
        if self.tokens.is(0, "{")? || self.tokens.is(0, "[")? {
            return self.group();
        }
        if matches!(name.text, "__NR_" | "SYS_" | "__SNR_") {
            // What `__NR_ ## name` left.
            let syscall = self.path()?;
            return Ok(self.constant(&[name.text, syscall.text].concat(), syscall));
        }
        Ok(self.constant(name.text, name))
    }

    fn constant(&mut self, name: &str, token: Token<'a>) -> Item<'a> {
        let value = self.names.value(name);
        self.by_arch |= value != Names::on(other(self.names)).value(name);
        match value.and_then(|value| u64::try_from(value).ok()) {
            Some(value) => Item::Number(Number { value, offset: token.offset, digits: 0 }),
            None => Item::Other(token.text, token.offset),
        }
    }

    /// The value of a call by its name.
    fn call(&self, name: Token<'a>, arguments: Item<'a>) -> Result<Item<'a>, Error> {
        let lower = name.text.to_ascii_lowercase();
        let row = match arguments {
            Item::Row(row) => row,
            Item::Number(number) => vec![number],
            Item::Bytes(bytes, offset) => return decoded(&lower, bytes, offset),
            // A structure with named fields, or a list that something is made of.
            other => return Ok(other),
        };
        let instruction = match row.as_slice() {
            [code, k] => row_of(code, &ZERO, &ZERO, k),
            [code, k, jt, jf] if lower.contains("jump") => row_of(code, jt, jf, k),
            [code, jt, jf, k] => row_of(code, jt, jf, k),
            [only] if is_conversion(&lower) => return Ok(Item::Number(*only)),
            _ => return Ok(Item::Other(name.text, name.offset)),
        }?;
        Ok(Item::Instruction(instruction, name.offset))
    }

    /// `offsetof(struct seccomp_data, args[1])`.
    fn offset_of(&mut self, name: Token<'a>) -> Result<Item<'a>, Error> {
        self.tokens.expect("(", "an opening parenthesis")?;
        while !self.tokens.take(",")? {
            if self.tokens.next()?.is_none() {
                return Err(self.tokens.expected("a field of seccomp_data"));
            }
        }
        let field = self.path()?;
        let offset = offset_of(field.text).ok_or_else(|| {
            let (expected, found) = ("a field of seccomp_data", field.text.to_owned());
            Error::new(ErrorKind::Expected { expected, found }).at(field.offset)
        })?;
        let mut value = u64::from(offset);
        if self.tokens.take("[")? {
            match self.item()? {
                Item::Number(index) => value += index.value.saturating_mul(8).min(1 << 16),
                _ => return Err(self.tokens.expected("a number")),
            }
            self.tokens.expect("]", "a closing bracket")?;
        }
        self.tokens.expect(")", "a closing parenthesis")?;
        Ok(Item::Number(Number { value, offset: name.offset, digits: 0 }))
    }

    /// The size of `seccomp_data`; others are of no use in a program.
    fn size_of(&mut self, name: Token<'a>) -> Result<Item<'a>, Error> {
        let mut depth = 0_usize;
        let mut of_data = false;
        while let Some(token) = self.tokens.next()? {
            match token.text {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                text => of_data |= text == "seccomp_data",
            }
            if depth == 0 {
                break;
            }
        }
        let number = Number { value: 64, offset: name.offset, digits: 0 };
        Ok(if of_data { Item::Number(number) } else { Item::Other(name.text, name.offset) })
    }

    /// `SCMP_SYS(openat)`.
    fn syscall(&mut self, name: Token<'a>) -> Result<Item<'a>, Error> {
        self.tokens.expect("(", "an opening parenthesis")?;
        let syscall = self.path()?;
        self.tokens.expect(")", "a closing parenthesis")?;
        self.by_arch = true;
        Ok(match self.names.syscall(syscall.text) {
            Some(nr) => Item::Number(Number { value: nr.into(), offset: name.offset, digits: 0 }),
            None => Item::Other(syscall.text, syscall.offset),
        })
    }
}

const ZERO: Number = Number { value: 0, offset: 0, digits: 0 };

fn row_of(code: &Number, jt: &Number, jf: &Number, k: &Number) -> Result<Instruction, Error> {
    numbers::instruction(code, jt, jf, k)
}

/// An architecture whose numbers differ from the one in question.
fn other(names: Names) -> callgate_syscalls::Arch {
    use callgate_syscalls::Arch;
    if names.arch() == Arch::Mips { Arch::X86 } else { Arch::Mips }
}

fn is_conversion(lower: &str) -> bool {
    matches!(lower, "u8" | "u16" | "u32" | "u64" | "uint32" | "uint16" | "byte" | "int" | "c_uint")
        || lower.starts_with("uint")
        || lower.starts_with("htole")
}

/// What Python makes of a string.
fn decoded(lower: &str, bytes: Vec<u8>, offset: usize) -> Result<Item<'static>, Error> {
    let text = || String::from_utf8_lossy(&bytes);
    let bytes = match lower {
        "fromhex" | "unhexlify" => {
            let wrong = || Error::expected("pairs of hexadecimal digits", "", 0).at(offset);
            super::source::hex_bytes(&text()).ok_or_else(wrong)?
        }
        "b64decode" | "urlsafe_b64decode" => {
            crate::forms::base64_bytes(&text()).map_err(|error| error.at(offset))?
        }
        _ => bytes,
    };
    Ok(Item::Bytes(bytes, offset))
}
