//! The arrays of a source that are programs.

use super::lexer::{Kind, Lexer, Token};
use super::macros::{self, Macros};
use super::tokens::Tokens;
use super::{Item, Language, Parser};
use crate::names::Names;
use crate::numbers::{self, Width};
use crate::{Error, ErrorKind, Options, Read, forms, raw};

/// An array that may be a program.
struct Found<'a> {
    name: &'a str,
    read: Result<Read, Error>,
}

/// Reads a source, or an array alone.
pub(crate) fn read(text: &str, language: Language, options: &Options<'_>) -> Result<Read, Error> {
    let names = Names::of(text, options.arch);
    let macros = if language == Language::C { macros::collect(text) } else { Macros::new() };
    let tokens = Tokens::new(Lexer::new(text, language), macros);
    let mut parser = Parser::new(tokens, names, language);
    if language == Language::Json || begins_with_value(text, language) {
        let item = parser.open_list()?;
        if let Some(name) = options.name {
            let kind = ErrorKind::NotFound { name: name.to_owned(), names: Vec::new() };
            return Err(Error::new(kind));
        }
        let read = program(item, None)?.ok_or(Error::new(ErrorKind::NoInstructions))?;
        return Ok(parser.finish(read));
    }
    let found = parser.scan()?;
    let read = choose(found, options.name)?;
    Ok(parser.finish(read))
}

/// Whether a text is an array alone: no assignment before the first bracket, string or number.
fn begins_with_value(text: &str, language: Language) -> bool {
    let mut lexer = Lexer::new(text, language);
    let mut first = true;
    while let Ok(Some(token)) = lexer.next() {
        match (token.kind, token.text) {
            (Kind::Sign, "=") | (Kind::Directive, _) => return false,
            (Kind::Text | Kind::Number, _) | (Kind::Sign, "{" | "[") if first => return true,
            (Kind::Sign, "(" | "{" | "[" | "!") => break,
            (Kind::Sign, _) if first && !matches!(token.text, "&" | "(") => return true,
            (Kind::Sign, ";") => return false,
            _ => first = false,
        }
    }
    // A call or macro: BPF_STMT(...), vec![...], bytes.fromhex(...); a function is no value.
    let calls = ["BPF_", "bpf_", "vec!", "bytes", "sock_filter {", "sock_filter{", "SockFilter"];
    let begin = text.trim_start();
    calls.iter().any(|call| begin.starts_with(call))
        || begin.starts_with("b'")
        || begin.starts_with("b\"")
}

impl<'a> Parser<'a> {
    /// The values behind `=`.
    fn scan(&mut self) -> Result<Vec<Found<'a>>, Error> {
        let mut found = Vec::new();
        let mut before = Declaration::default();
        while let Some(token) = self.tokens.next()? {
            if token.kind != Kind::Sign || token.text != "=" {
                before.pass(token);
                continue;
            }
            let text = self.tokens.text().get(before.begin..token.offset).unwrap_or_default();
            let declared = std::mem::take(&mut before);
            self.depth = 0;
            let value = self.item();
            let end = self.tokens.peek(0)?.map_or(self.tokens.text().len(), |next| next.offset);
            let inside = self.tokens.text().get(token.offset..end).unwrap_or_default();
            let is_filter = |text: &str| text.contains("sock_filter") || text.contains("BPF_");
            match value.and_then(|item| program(item, width(text))) {
                Ok(Some(read)) => found.push(Found { name: declared.name(), read: Ok(read) }),
                Err(error) if is_filter(text) || is_filter(inside) => {
                    found.push(Found { name: declared.name(), read: Err(error) });
                }
                Ok(None) | Err(_) => {}
            }
            before.begin = end;
        }
        Ok(found)
    }

    /// Adds what was learned on the way.
    fn finish(&self, mut read: Read) -> Read {
        read.endian = self.endian.or(read.endian);
        if self.by_arch {
            let arch = self.names.arch();
            read.notes.push(format!("names are read as those of {arch}"));
        }
        read
    }
}

/// The one that was asked for, or the only one.
fn choose(mut found: Vec<Found<'_>>, name: Option<&str>) -> Result<Read, Error> {
    let names = || found.iter().map(|found| found.name.to_owned()).collect();
    let index = match name {
        Some(name) => match found.iter().position(|found| found.name == name) {
            Some(index) => index,
            None => {
                let names = names();
                return Err(Error::new(ErrorKind::NotFound { name: name.to_owned(), names }));
            }
        },
        None if found.len() > 1 => return Err(Error::new(ErrorKind::Several { names: names() })),
        None if found.is_empty() => return Err(Error::new(ErrorKind::NoInstructions)),
        None => 0,
    };
    found.swap_remove(index).read
}

/// The program in a value, if it can be one at all.
fn program(item: Item<'_>, width: Option<Width>) -> Result<Option<Read>, Error> {
    match item {
        Item::List(read) => Ok(Some(read)),
        Item::Instruction(instruction, offset) => {
            let mut read = Read::default();
            read.push(instruction, offset)?;
            Ok(Some(read))
        }
        Item::Row(row) if !row.is_empty() => numbers::read(&row, width).map(Some),
        Item::Bytes(bytes, offset) if bytes.len() >= 8 => {
            raw::read(&of_string(bytes)).map(Some).map_err(|error| error.at(offset))
        }
        Item::Other(name, offset) => {
            Err(Error::new(ErrorKind::UnknownName(name.to_owned())).at(offset))
        }
        Item::Number(_) | Item::Row(_) | Item::Bytes(..) => Ok(None),
    }
}

/// The bytes of a string that holds them as they are, as hexadecimal digits or as base64.
fn of_string(bytes: Vec<u8>) -> Vec<u8> {
    if bytes.contains(&0) {
        return bytes;
    }
    let text = String::from_utf8_lossy(&bytes);
    hex_bytes(&text).or_else(|| forms::base64_bytes(&text).ok()).unwrap_or(bytes)
}

/// The bytes of pairs of hexadecimal digits.
pub(super) fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let digits: Option<Vec<u8>> = digits.map(forms::digit).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// What stands before an assignment.
#[derive(Debug, Default)]
struct Declaration<'a> {
    begin: usize,
    name: Option<&'a str>,
    /// The name stands before its type or length, so what follows is no name.
    settled: bool,
    brackets: usize,
}

impl<'a> Declaration<'a> {
    fn pass(&mut self, token: Token<'a>) {
        match (token.kind, token.text) {
            (Kind::Name, name) if !self.settled => self.name = Some(name),
            (Kind::Sign, "[") => {
                self.settled |= self.name.is_some();
                self.brackets += 1;
            }
            (Kind::Sign, "]") => self.brackets = self.brackets.saturating_sub(1),
            (Kind::Sign, ":") => self.settled = true,
            (Kind::Sign, ";" | "{" | "}" | ",") | (Kind::Directive, _) if self.brackets == 0 => {
                let begin = token.offset + token.text.len();
                *self = Self { begin, ..Self::default() };
            }
            _ => {}
        }
    }

    fn name(&self) -> &'a str {
        self.name.unwrap_or_default()
    }
}

/// The width of an array's elements by the type it is declared with.
fn width(declaration: &str) -> Option<Width> {
    let is_word = |c: char| !c.is_alphanumeric() && c != '_';
    let words: Vec<&str> = declaration.split(is_word).filter(|word| !word.is_empty()).collect();
    let has = |names: &[&str]| words.iter().any(|word| names.contains(word));
    if has(&["uint8_t", "u8", "__u8", "char", "byte", "uint8", "int8_t"]) {
        Some(Width::Bytes(1))
    } else if has(&["uint64_t", "u64", "__u64", "uint64", "long"]) {
        Some(Width::Bytes(8))
    } else if has(&["uint16_t", "u16", "__u16", "uint16", "short"]) {
        Some(Width::Bytes(2))
    } else if has(&["uint32_t", "u32", "__u32", "uint32", "unsigned"]) {
        Some(Width::Bytes(4))
    } else {
        None
    }
}
