//! Brackets: structures, quadruples and lists.

use callgate_syscalls::Endian;

use super::lexer::Kind;
use super::{Item, Language, Parser};
use crate::numbers::{self, Number};
use crate::{Error, ErrorKind, Read};

/// What stands between brackets.
#[derive(Debug, Default)]
struct Content<'a> {
    /// code, jt, jf and k, by their names.
    fields: [Option<Number>; 4],
    row: Vec<Number>,
    instructions: Option<Read>,
    bytes: Option<(Vec<u8>, usize)>,
    /// A whole list, itself an element or the value of a field.
    list: Option<Item<'a>>,
    other: Option<(&'a str, usize)>,
    elements: usize,
    comma: bool,
}

const FIELDS: [&str; 4] = ["code", "jt", "jf", "k"];

impl<'a> Parser<'a> {
    /// What brackets hold.
    pub(super) fn group(&mut self) -> Result<Item<'a>, Error> {
        self.group_of(false)
    }

    /// The same; the arguments of a call stay a row even where there is one only.
    pub(super) fn group_of(&mut self, is_call: bool) -> Result<Item<'a>, Error> {
        let open = self.tokens.next()?;
        let (close, is_paren) = match open.map(|token| token.text) {
            Some("{") => ("}", false),
            Some("[") => ("]", false),
            _ => (")", true),
        };
        let content = self.content(Some(close))?;
        let single = is_paren && content.elements == 1 && !content.comma;
        let offset = open.map_or(0, |token| token.offset);
        match content.row.as_slice() {
            [number] if single && !is_call => Ok(Item::Number(*number)),
            _ => self.reduced(content, offset),
        }
    }

    /// A list without brackets, to the end of the text.
    pub(super) fn open_list(&mut self) -> Result<Item<'a>, Error> {
        let content = self.content(None)?;
        self.reduced(content, 0)
    }

    fn content(&mut self, close: Option<&str>) -> Result<Content<'a>, Error> {
        self.depth += 1;
        if self.depth > super::DEPTH_MAX {
            return Err(self.tokens.expected("fewer brackets"));
        }
        let mut content = Content::default();
        loop {
            let closed = match close {
                Some(close) => self.tokens.take(close)?,
                None => self.tokens.peek(0)?.is_none(),
            };
            if closed {
                break;
            }
            self.element(&mut content)?;
            content.comma = self.separated(close)?;
        }
        self.depth -= 1;
        Ok(content)
    }

    /// Takes the comma behind an element; a list without brackets may have none.
    fn separated(&mut self, close: Option<&str>) -> Result<bool, Error> {
        let comma = self.tokens.take(",")? || self.tokens.take(";")?;
        let ends = match close {
            Some(close) => self.tokens.is(0, close)?,
            None => true,
        };
        match comma || ends {
            true => Ok(comma),
            false => Err(self.tokens.expected("a comma or a closing bracket")),
        }
    }

    fn element(&mut self, content: &mut Content<'a>) -> Result<(), Error> {
        let key = self.key(content)?;
        let item = self.item()?;
        content.elements += 1;
        let Some(key) = key else { return self.push(content, item) };
        let field = FIELDS.iter().position(|name| key.eq_ignore_ascii_case(name));
        match (field, item) {
            (Some(field), Item::Number(number)) => content.fields[field] = Some(number),
            (Some(_), Item::Other(name, offset)) => content.other = Some((name, offset)),
            (None, Item::Bytes(bytes, _)) if key.eq_ignore_ascii_case("endian") => {
                let order = if bytes == b"big" { Endian::Big } else { Endian::Little };
                self.endian = Some(order);
            }
            (None, list @ (Item::List(_) | Item::Row(_) | Item::Bytes(..)))
                if holds_program(key) =>
            {
                content.list = Some(list);
            }
            _ => {}
        }
        Ok(())
    }

    /// `.code =`, `code:`, `"code":`, `code=`; numbers of elements are passed over.
    fn key(&mut self, content: &Content<'a>) -> Result<Option<&'a str>, Error> {
        if self.tokens.is(0, ".")? {
            self.tokens.next()?;
            let name = self.path()?;
            self.tokens.expect("=", "=")?;
            return Ok(Some(name.text));
        }
        let designated = self.language == Language::C && self.tokens.is(0, "[")?;
        if designated && self.tokens.is(2, "]")? && self.tokens.is(3, "=")? {
            self.index(content.elements)?;
            return Ok(None);
        }
        let Some(first) = self.tokens.peek(0)? else { return Ok(None) };
        let is_key = matches!(first.kind, Kind::Name | Kind::Text | Kind::Number)
            && (self.tokens.is(1, ":")? || first.kind == Kind::Name && self.tokens.is(1, "=")?);
        if !is_key {
            return Ok(None);
        }
        self.tokens.next()?;
        self.tokens.next()?;
        Ok(Some(first.text).filter(|_| first.kind != Kind::Number))
    }

    /// `[3] =`, which has to be the next element.
    fn index(&mut self, next: usize) -> Result<(), Error> {
        self.tokens.next()?;
        let token = self.tokens.next()?;
        let index = token.and_then(|token| super::number(token.text));
        if index.is_none_or(|(index, _)| index != next as u64) {
            let found = token.map_or_else(String::new, |token| token.text.to_owned());
            let kind = ErrorKind::Gap { expected: next.to_string(), found };
            return Err(Error::new(kind).at(token.map_or(0, |token| token.offset)));
        }
        self.tokens.next()?;
        self.tokens.next()?;
        Ok(())
    }

    fn push(&mut self, content: &mut Content<'a>, item: Item<'a>) -> Result<(), Error> {
        match item {
            Item::Number(number) => {
                self.count(number.offset)?;
                content.row.push(number);
            }
            Item::Row(row) if row.len() == 4 => {
                let [code, jt, jf, k] = row.as_slice() else { return Ok(()) };
                let instruction = numbers::instruction(code, jt, jf, k)?;
                content.instructions.get_or_insert_default().push(instruction, code.offset)?;
            }
            Item::Row(row) => {
                row.iter().try_for_each(|number| self.count(number.offset))?;
                content.row.extend(row);
            }
            Item::Instruction(instruction, offset) => {
                content.instructions.get_or_insert_default().push(instruction, offset)?;
            }
            Item::Bytes(bytes, offset) => {
                let (all, _) = content.bytes.get_or_insert_with(|| (Vec::new(), offset));
                all.extend(bytes);
            }
            Item::List(read) => {
                if content.list.is_some() {
                    let names = vec!["the first".to_owned(), "another".to_owned()];
                    return Err(Error::new(ErrorKind::Several { names }));
                }
                content.list = Some(Item::List(read));
            }
            Item::Other(name, offset) => content.other = content.other.or(Some((name, offset))),
        }
        Ok(())
    }

    fn reduced(&self, content: Content<'a>, offset: usize) -> Result<Item<'a>, Error> {
        let Content { fields, row, instructions, bytes, list, other, .. } = content;
        let unknown = || match other {
            Some((name, at)) => Err(Error::new(ErrorKind::UnknownName(name.to_owned())).at(at)),
            None => Ok(()),
        };
        let zero = Number { value: 0, offset, digits: 0 };
        if let [Some(code), jt, jf, k] = fields {
            unknown()?;
            let [jt, jf, k] = [jt, jf, k].map(|field| field.unwrap_or(zero));
            return Ok(Item::Instruction(numbers::instruction(&code, &jt, &jf, &k)?, code.offset));
        }
        match (list, instructions, bytes) {
            (Some(list), None, None) if row.is_empty() => Ok(list),
            (None, Some(read), None) if row.is_empty() => {
                unknown()?;
                Ok(Item::List(read))
            }
            (None, None, Some((bytes, at))) if row.is_empty() && other.is_none() => {
                Ok(Item::Bytes(bytes, at))
            }
            (None, None, None) => match other {
                Some((name, at)) => Ok(Item::Other(name, at)),
                None => Ok(Item::Row(row)),
            },
            // Strings among names and numbers are no program.
            (None, None, Some((_, at))) => Ok(Item::Other("a string", at)),
            _ => {
                let (expected, found) = ("elements of one kind", "several kinds".to_owned());
                Err(Error::new(ErrorKind::Expected { expected, found }).at(offset))
            }
        }
    }
}

/// The names under which objects keep their program.
fn holds_program(key: &str) -> bool {
    const NAMES: [&str; 6] = ["instructions", "filter", "program", "prog", "bpf", "filters"];
    NAMES.iter().any(|name| key.eq_ignore_ascii_case(name))
}
