//! Lines to statements.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use callgate_syscalls::Endian;

use super::lexer::{Line, Position, Token, without_comments};
use super::{AsmError, AsmErrorKind, Effect, Ignored, Reference, Source, Statement, operand};
use crate::{Alu, Operand, Operation, Program, Register, Shift, ShiftAmount, Test, Unsupported};

pub(super) fn parse(text: &str, endian: Endian) -> Result<Source, AsmError> {
    let mut endian = endian;
    let end = Position { line: 1, column: 1 };
    let text = without_comments(text).map_err(|place| {
        let (expected, found) = ("`*/`, which ends this comment", String::new());
        place.error(AsmErrorKind::Expected { expected, found })
    })?;
    let mut source = Source { statements: Vec::new(), labels: BTreeMap::new(), end };
    for (index, text) in text.lines().enumerate() {
        let mut line = Line::new(text, index + 1);
        source.end = line.position();
        parse_line(&mut line, &mut endian, &mut source)?;
    }
    Ok(source)
}

fn parse_line(line: &mut Line<'_>, endian: &mut Endian, to: &mut Source) -> Result<(), AsmError> {
    while let Some(token) = line.peek() {
        let name = line.name("a label or an instruction")?;
        if line.take(":") {
            if to.labels.insert(name.text.to_owned(), to.statements.len()).is_some() {
                return Err(token
                    .position
                    .error(AsmErrorKind::DuplicateLabel(name.text.to_owned())));
            }
        } else if name.text == ".endian" {
            *endian = directive(line)?;
            return finish(line);
        } else if to.statements.len() == Program::LEN_MAX {
            return Err(token.position.error(AsmErrorKind::TooLong));
        } else {
            to.statements.push(statement(name, line, *endian)?);
            return finish(line);
        }
    }
    Ok(())
}

fn directive(line: &mut Line<'_>) -> Result<Endian, AsmError> {
    if line.take("little") {
        Ok(Endian::Little)
    } else if line.take("big") {
        Ok(Endian::Big)
    } else {
        Err(line.expected("little or big"))
    }
}

fn finish(line: &mut Line<'_>) -> Result<(), AsmError> {
    match line.peek() {
        None => Ok(()),
        Some(_) => Err(line.expected("the end of the line")),
    }
}

fn statement(name: Token<'_>, line: &mut Line<'_>, endian: Endian) -> Result<Statement, AsmError> {
    let effect = effect(name, line, endian)?;
    let ignored = ignored(&effect, line)?;
    Ok(Statement { position: name.position, effect, ignored })
}

fn effect(name: Token<'_>, line: &mut Line<'_>, endian: Endian) -> Result<Effect, AsmError> {
    let plain = match name.text.to_ascii_lowercase().as_str() {
        "ld" => operand::load_a(line, endian)?,
        "ldx" => operand::load(Register::X, line)?,
        "ldi" => operand::immediate(Register::A, line)?,
        "ldxi" => operand::immediate(Register::X, line)?,
        "ldh" | "ldb" | "ldxb" | "mod" => return Err(refused(name, line)),
        "st" => Operation::StoreSlot(Register::A, operand::slot(line)?),
        "stx" => Operation::StoreSlot(Register::X, operand::slot(line)?),
        "add" => Operation::Alu(Alu::Add, operand::value(line)?),
        "sub" => Operation::Alu(Alu::Sub, operand::value(line)?),
        "mul" => Operation::Alu(Alu::Mul, operand::value(line)?),
        "or" => Operation::Alu(Alu::Or, operand::value(line)?),
        "and" => Operation::Alu(Alu::And, operand::value(line)?),
        "xor" => Operation::Alu(Alu::Xor, operand::value(line)?),
        "div" => divide(line)?,
        "lsh" => shift(Shift::Left, line)?,
        "rsh" => shift(Shift::Right, line)?,
        "neg" => Operation::Negate,
        "tax" => Operation::CopyAToX,
        "txa" => Operation::CopyXToA,
        "ret" => operand::returned(line)?,
        "ja" | "jmp" => return Ok(Effect::Jump(reference(line)?)),
        "jeq" => return branch(Test::Equal, false, line),
        "jgt" => return branch(Test::Greater, false, line),
        "jge" => return branch(Test::GreaterOrEqual, false, line),
        "jset" => return branch(Test::AnyBit, false, line),
        "jne" | "jneq" => return branch(Test::Equal, true, line),
        "jle" => return branch(Test::Greater, true, line),
        "jlt" => return branch(Test::GreaterOrEqual, true, line),
        _ => {
            let unknown = AsmErrorKind::UnknownInstruction(name.text.to_owned());
            return Err(name.position.error(unknown));
        }
    };
    Ok(Effect::Plain(plain))
}

/// Instructions that `bpf_asm` has and seccomp accepts in no filter.
fn refused(name: Token<'_>, line: &mut Line<'_>) -> AsmError {
    let by_x = line.take_word("x") || line.take("%") && line.take_word("x");
    let opcode = match name.text.to_ascii_lowercase().as_str() {
        "ldh" => 0x28,
        "ldb" => 0x30,
        "ldxb" => 0xb1,
        _ if by_x => 0x9c,
        _ => 0x94,
    };
    unsupported(name.position, Unsupported::Opcode(opcode))
}

fn divide(line: &mut Line<'_>) -> Result<Operation, AsmError> {
    let position = line.position();
    match operand::value(line)? {
        Operand::X => Ok(Operation::DivideByX),
        Operand::K(k) => match NonZeroU32::new(k) {
            Some(k) => Ok(Operation::DivideBy(k)),
            None => Err(unsupported(position, Unsupported::DivisionByZero)),
        },
    }
}

fn shift(direction: Shift, line: &mut Line<'_>) -> Result<Operation, AsmError> {
    let position = line.position();
    match operand::value(line)? {
        Operand::X => Ok(Operation::ShiftByX(direction)),
        Operand::K(k) => match u8::try_from(k).ok().and_then(ShiftAmount::new) {
            Some(amount) => Ok(Operation::ShiftBy(direction, amount)),
            None => Err(unsupported(position, Unsupported::ShiftAmount(k))),
        },
    }
}

fn unsupported(position: Position, reason: Unsupported) -> AsmError {
    position.error(AsmErrorKind::Unsupported(reason))
}

fn branch(test: Test, inverted: bool, line: &mut Line<'_>) -> Result<Effect, AsmError> {
    let operand = operand::value(line)?;
    line.expect(",", "a comma and a label")?;
    let to = reference(line)?;
    let other = if line.take(",") { Some(reference(line)?) } else { None };
    Ok(Effect::Branch { test, inverted, operand, to, other })
}

fn reference(line: &mut Line<'_>) -> Result<Reference, AsmError> {
    let name = line.name("a label")?;
    Ok(Reference { position: name.position, name: name.text.to_owned() })
}

/// `{jt=1, jf=2, k=3}`; of a field given twice the last value counts.
fn ignored(effect: &Effect, line: &mut Line<'_>) -> Result<Ignored, AsmError> {
    const FIELDS: [&str; 3] = ["jt", "jf", "k"];
    let mut ignored = Ignored::default();
    if !line.take("{") {
        return Ok(ignored);
    }
    loop {
        let position = line.position();
        let Some(field) = FIELDS.into_iter().find(|field| line.take(field)) else {
            return Err(line.expected("jt, jf or k"));
        };
        if effect.uses(field) {
            return Err(position.error(AsmErrorKind::FieldInUse(field)));
        }
        line.expect("=", "an equals sign")?;
        match field {
            "jt" => ignored.jt = Some(byte(line)?),
            "jf" => ignored.jf = Some(byte(line)?),
            _ => ignored.k = Some(line.number(u32::MAX, "a number")?),
        }
        if !line.take(",") {
            line.expect("}", "a comma or a closing brace")?;
            return Ok(ignored);
        }
    }
}

fn byte(line: &mut Line<'_>) -> Result<u8, AsmError> {
    let position = line.position();
    let value = line.number(u8::MAX.into(), "a number")?;
    u8::try_from(value).map_err(|_| {
        position.error(AsmErrorKind::TooLarge { number: value.to_string(), max: u8::MAX.into() })
    })
}

impl Effect {
    /// Whether the instruction reads that field.
    fn uses(&self, field: &str) -> bool {
        match (self, field) {
            (Self::Plain(operation), "k") => operation.uses_k(),
            (Self::Jump(_), "k") => true,
            (Self::Branch { operand, .. }, "k") => matches!(operand, Operand::K(_)),
            (Self::Branch { .. }, _) => true,
            (Self::Plain(_) | Self::Jump(_), _) => false,
        }
    }
}
