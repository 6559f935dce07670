//! Numbers as expressions: `BPF_LD | BPF_W`, `(SECCOMP_RET_ERRNO | EPERM)`, `~0u`, `x as u32`.

use super::lexer::{Kind, Token};
use super::{DEPTH_MAX, Item, Parser};
use crate::numbers::Number;
use crate::{Error, ErrorKind};

/// Words that only say what type something has.
const TYPES: [&str; 36] = [
    "unsigned",
    "signed",
    "int",
    "long",
    "short",
    "char",
    "const",
    "struct",
    "volatile",
    "static",
    "__u8",
    "__u16",
    "__u32",
    "__u64",
    "__s32",
    "u8",
    "u16",
    "u32",
    "u64",
    "uint8_t",
    "uint16_t",
    "uint32_t",
    "uint64_t",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "size_t",
    "uint",
    "byte",
    "sock_filter",
    "sock_fprog",
    "c_uint",
    "c_ushort",
    "usize",
    "i32",
];

impl<'a> Parser<'a> {
    /// A value with operators.
    pub(super) fn item(&mut self) -> Result<Item<'a>, Error> {
        self.binary(0)
    }

    /// What binds tighter than a level.
    fn binary(&mut self, level: u8) -> Result<Item<'a>, Error> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.tokens.expected("fewer brackets"));
        }
        let mut left = self.unary()?;
        while let Some(token) = self.tokens.peek(0)? {
            let Some(operator) = operator(token).filter(|operator| *operator > level) else {
                break;
            };
            self.tokens.next()?;
            let right = self.binary(operator)?;
            left = combine(token, left, right)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Item<'a>, Error> {
        let mut signs = Vec::new();
        while let Some(token) = self.tokens.peek(0)? {
            let is_prefix =
                token.kind == Kind::Sign && matches!(token.text, "~" | "-" | "+" | "&" | "*");
            if !is_prefix || signs.len() > DEPTH_MAX {
                break;
            }
            signs.push(token.text);
            self.tokens.next()?;
        }
        let mut item = self.operand()?;
        for sign in signs.into_iter().rev() {
            if let Item::Number(number) = &mut item {
                number.value = match sign {
                    "~" => negated(!number.value, number.value),
                    "-" => negated(number.value.wrapping_neg(), number.value),
                    _ => number.value,
                };
            }
        }
        self.skip_conversions()?;
        Ok(item)
    }

    /// `x as u32`, `.to_vec()`, `.into()`.
    fn skip_conversions(&mut self) -> Result<(), Error> {
        loop {
            let Some(token) = self.tokens.peek(0)? else { return Ok(()) };
            if token.kind == Kind::Name && token.text == "as" {
                self.tokens.next()?;
                self.path()?;
            } else if self.tokens.is(0, ".")?
                && self.tokens.is(2, "(")?
                && self.tokens.is(3, ")")?
            {
                for _ in 0..4 {
                    self.tokens.next()?;
                }
            } else {
                return Ok(());
            }
        }
    }

    fn operand(&mut self) -> Result<Item<'a>, Error> {
        const EXPECTED: &str = "a number, an instruction or a list of them";
        let Some(token) = self.tokens.peek(0)? else {
            return Err(self.tokens.expected(EXPECTED));
        };
        match (token.kind, token.text) {
            (Kind::Sign, "(") if self.is_cast()? => {
                while !self.tokens.take(")")? {
                    self.tokens.next()?;
                }
                self.unary()
            }
            // The type of a slice in Go.
            (Kind::Sign, "[") if self.tokens.is(1, "]")? => {
                self.tokens.next()?;
                self.tokens.next()?;
                match self.tokens.peek(0)? {
                    Some(next) if next.kind == Kind::Name => self.operand(),
                    _ => Ok(Item::Row(Vec::new())),
                }
            }
            (Kind::Sign, "{" | "[" | "(") => self.group(),
            (Kind::Number, _) => self.number(token),
            (Kind::Text, _) => self.string(),
            (Kind::Name, _) => self.named(),
            _ => Err(self.tokens.expected(EXPECTED)),
        }
    }

    /// Whether parentheses hold a type: `(unsigned short)`.
    fn is_cast(&mut self) -> Result<bool, Error> {
        let mut n = 1;
        while let Some(token) = self.tokens.peek(n)? {
            match token.kind {
                Kind::Name if TYPES.contains(&token.text) => n += 1,
                Kind::Sign if token.text == "*" => n += 1,
                // An array as a literal: (struct sock_filter[]){ ... }
                Kind::Sign if matches!(token.text, "[" | "]") && n > 1 => n += 1,
                _ => return Ok(n > 1 && token.text == ")"),
            }
            if n > 8 {
                break;
            }
        }
        Ok(false)
    }

    fn number(&mut self, token: Token<'a>) -> Result<Item<'a>, Error> {
        self.tokens.next()?;
        let offset = token.offset;
        let number = super::number(token.text);
        let (value, digits) = number.ok_or_else(|| {
            let found = token.text.chars().take(40).collect();
            Error::new(ErrorKind::Expected { expected: "a number", found }).at(offset)
        })?;
        Ok(Item::Number(Number { value, offset, digits }))
    }

    /// Strings one after the other.
    fn string(&mut self) -> Result<Item<'a>, Error> {
        let mut bytes = Vec::new();
        let mut offset = None;
        while let Some(token) = self.tokens.peek(0)?.filter(|token| token.kind == Kind::Text) {
            offset.get_or_insert(token.offset);
            super::unescape(token.text, &mut bytes);
            self.tokens.next()?;
        }
        Ok(Item::Bytes(bytes, offset.unwrap_or_default()))
    }

    /// The last part of `a::b` or `a.b`.
    pub(super) fn path(&mut self) -> Result<Token<'a>, Error> {
        loop {
            let token = match self.tokens.next()? {
                Some(token) if token.kind == Kind::Name => token,
                _ => return Err(self.tokens.expected("a name")),
            };
            let goes_on = self.tokens.is(0, "::")? || self.tokens.is(0, ".")?;
            let behind = self.tokens.peek(1)?;
            if !goes_on || behind.is_none_or(|next| next.kind != Kind::Name) {
                return Ok(token);
            }
            self.tokens.next()?;
        }
    }
}

/// How tight an operator binds.
fn operator(token: Token<'_>) -> Option<u8> {
    if token.kind != Kind::Sign {
        return None;
    }
    Some(match token.text {
        "|" => 1,
        "^" => 2,
        "&" => 3,
        "<<" | ">>" => 4,
        "+" | "-" => 5,
        "*" | "/" => 6,
        _ => return None,
    })
}

fn combine<'a>(token: Token<'_>, left: Item<'a>, right: Item<'a>) -> Result<Item<'a>, Error> {
    let (a, b) = match (left, right) {
        (Item::Number(a), Item::Number(b)) => (a, b),
        (Item::Other(name, offset), _) | (_, Item::Other(name, offset)) => {
            return Ok(Item::Other(name, offset));
        }
        _ => {
            let (expected, found) = ("a comma", token.text.to_owned());
            return Err(Error::new(ErrorKind::Expected { expected, found }).at(token.offset));
        }
    };
    let shift = u32::try_from(b.value).unwrap_or(u32::MAX);
    let value = match token.text {
        "|" => a.value | b.value,
        "^" => a.value ^ b.value,
        "&" => a.value & b.value,
        "<<" => a.value.checked_shl(shift).unwrap_or(0),
        ">>" => a.value.checked_shr(shift).unwrap_or(0),
        "+" => a.value.wrapping_add(b.value),
        "-" if b.value > a.value => negated(a.value.wrapping_sub(b.value), b.value),
        "-" => a.value - b.value,
        "*" => a.value.wrapping_mul(b.value),
        _ => a.value.checked_div(b.value).unwrap_or(0),
    };
    Ok(Item::Number(Number { value, digits: 0, ..a }))
}

/// A complement in 32 bits, unless what it is made of has more.
fn negated(complement: u64, of: u64) -> u64 {
    const WORD: u64 = 0xffff_ffff;
    if of <= WORD { complement & WORD } else { complement }
}
