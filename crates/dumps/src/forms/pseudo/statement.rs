//! One statement: an assignment, a computation, a test, a jump or a return.

use callgate_bpf::Instruction;
use callgate_syscalls::{Arch, Endian};

use super::lexer::{Token, Tokens};
use super::{Jump, Statement, Target};
use crate::literal::number;
use crate::names::Names;
use crate::{Error, ErrorKind};

/// A value that the machine can load, test or return.
enum Value {
    Number(u32),
    A,
    X,
    Slot(u32),
    Data(u32),
    Length,
}

pub(super) fn parse<'a>(tokens: &mut Tokens<'a>, names: Names) -> Result<Statement<'a>, Error> {
    const EXPECTED: &str = "return, if, goto, A, X or mem[n]";
    let first = tokens.word(EXPECTED)?;
    let plain = |instruction| Ok((instruction, Jump::None));
    let (instruction, jump) = match bare(first.text).as_str() {
        "return" => plain(returned(tokens, names)?),
        "if" => test(tokens, names),
        "goto" | "jmp" | "jump" => Ok((Instruction::new(0x05, 0), Jump::Always(target(tokens)?))),
        "a" => accumulator(tokens, names),
        "x" => plain(loaded_x(tokens, names)?),
        "mem" => plain(stored(tokens, names)?),
        _ => {
            let found = first.text.to_owned();
            return Err(
                Error::new(ErrorKind::Expected { expected: EXPECTED, found }).at(first.offset)
            );
        }
    }?;
    Ok(Statement { offset: first.offset, instruction, jump })
}

/// A word without ceccomp's sign, in lower case.
fn bare(word: &str) -> String {
    word.strip_prefix('$').unwrap_or(word).to_ascii_lowercase()
}

/// `return ALLOW`, `return ERRNO(5)`, `return A`, `return 0x50001`.
fn returned(tokens: &mut Tokens<'_>, names: Names) -> Result<Instruction, Error> {
    let word = tokens.word("an action, a number or A")?;
    if bare(word.text) == "a" {
        return Ok(Instruction::new(0x16, 0));
    }
    let action = match word.text.to_ascii_uppercase().as_str() {
        "NOTIFY" => Some("SECCOMP_RET_USER_NOTIF".to_owned()),
        name => Some(format!("SECCOMP_RET_{name}")),
    };
    let value = match action.and_then(|name| names.value(&name)) {
        Some(action) => {
            let action = u32::try_from(action).unwrap_or_default();
            let data = match tokens.take("(") {
                true => {
                    let data = constant(tokens, names)?;
                    tokens.expect(")", "a closing parenthesis")?;
                    data & 0xffff
                }
                false => 0,
            };
            action | data
        }
        None => of_word(word, names)?,
    };
    Ok(Instruction::new(0x06, value))
}

/// What begins with A: `A = ...`, `A += ...`, or `A == ... ? yes : no`.
fn accumulator<'a>(
    tokens: &mut Tokens<'a>,
    names: Names,
) -> Result<(Instruction, Jump<'a>), Error> {
    const EXPECTED: &str = "=, an operation such as +=, or a comparison";
    let operator = tokens.next().ok_or_else(|| tokens.expected(EXPECTED))?;
    if operator.text == "=" {
        return Ok((loaded_a(tokens, names)?, Jump::None));
    }
    if let Some(code) = operator.text.strip_suffix('=').and_then(operation) {
        return Ok((with_operand(code, tokens, names)?, Jump::None));
    }
    let (code, inverted) = comparison(operator)?;
    let instruction = with_operand(code, tokens, names)?;
    tokens.expect("?", "a question mark")?;
    let holds = target_word(tokens)?;
    tokens.expect(":", "a colon")?;
    let fails = target_word(tokens)?;
    Ok((instruction, branches(holds, fails, inverted)))
}

fn branches<'a>(holds: Target<'a>, fails: Target<'a>, inverted: bool) -> Jump<'a> {
    if inverted { Jump::Either(fails, holds) } else { Jump::Either(holds, fails) }
}

/// `(A == 1) goto yes else goto no`; each `!` turns it round.
fn test<'a>(tokens: &mut Tokens<'a>, names: Names) -> Result<(Instruction, Jump<'a>), Error> {
    let mut open = 0_usize;
    let mut turned = false;
    loop {
        if tokens.take("(") {
            open += 1;
        } else if tokens.take("!") {
            turned = !turned;
        } else {
            break;
        }
    }
    if open == 0 {
        return Err(tokens.expected("an opening parenthesis"));
    }
    if !tokens.take("A") {
        tokens.expect("$A", "A")?;
    }
    let operator = tokens.next().ok_or_else(|| tokens.expected("a comparison"))?;
    let (code, inverted) = comparison(operator)?;
    let instruction = with_operand(code, tokens, names)?;
    for _ in 0..open {
        tokens.expect(")", "a closing parenthesis")?;
    }
    tokens.expect("goto", "goto")?;
    let holds = target_word(tokens)?;
    tokens.take(",");
    let fails = match tokens.take("else") {
        true => {
            tokens.expect("goto", "goto")?;
            target_word(tokens)?
        }
        false => Target { label: "next", offset: holds.offset },
    };
    Ok((instruction, branches(holds, fails, inverted != turned)))
}

fn target<'a>(tokens: &mut Tokens<'a>) -> Result<Target<'a>, Error> {
    target_word(tokens)
}

fn target_word<'a>(tokens: &mut Tokens<'a>) -> Result<Target<'a>, Error> {
    let word = tokens.word("a label")?;
    Ok(Target { label: word.text, offset: word.offset })
}

/// The opcode of a comparison, and whether it is the opposite that is meant.
fn comparison(operator: Token<'_>) -> Result<(u16, bool), Error> {
    Ok(match operator.text {
        "==" => (0x15, false),
        "!=" => (0x15, true),
        ">" => (0x25, false),
        "<=" => (0x25, true),
        ">=" => (0x35, false),
        "<" => (0x35, true),
        "&" => (0x45, false),
        other => {
            let (expected, found) = ("a comparison", other.to_owned());
            return Err(Error::new(ErrorKind::Expected { expected, found }).at(operator.offset));
        }
    })
}

/// The opcode of a computation.
fn operation(operator: &str) -> Option<u16> {
    Some(match operator {
        "+" => 0x04,
        "-" => 0x14,
        "*" => 0x24,
        "/" => 0x34,
        "|" => 0x44,
        "&" => 0x54,
        "<<" => 0x64,
        ">>" => 0x74,
        "^" => 0xa4,
        _ => return None,
    })
}

/// An instruction whose operand is X or a number.
fn with_operand(code: u16, tokens: &mut Tokens<'_>, names: Names) -> Result<Instruction, Error> {
    const OPERAND_X: u16 = 0x08;
    if tokens.take("X") || tokens.take("$X") {
        return Ok(Instruction::new(code | OPERAND_X, 0));
    }
    Ok(Instruction::new(code, constant(tokens, names)?))
}

fn loaded_a(tokens: &mut Tokens<'_>, names: Names) -> Result<Instruction, Error> {
    if tokens.take("-") {
        if !tokens.take("$A") {
            tokens.expect("A", "A")?;
        }
        return Ok(Instruction::new(0x84, 0));
    }
    let offset = tokens.peek().map_or(0, |token| token.offset);
    Ok(match value(tokens, names)? {
        Value::Number(k) => Instruction::new(0x00, k),
        Value::X => Instruction::new(0x87, 0),
        Value::Slot(k) => Instruction::new(0x60, k),
        Value::Data(k) => Instruction::new(0x20, k),
        Value::Length => Instruction::new(0x80, 0),
        Value::A => {
            return Err(unloadable("X, a word of the call, mem[n], len or a number", offset));
        }
    })
}

fn loaded_x(tokens: &mut Tokens<'_>, names: Names) -> Result<Instruction, Error> {
    tokens.expect("=", "=")?;
    let offset = tokens.peek().map_or(0, |token| token.offset);
    Ok(match value(tokens, names)? {
        Value::Number(k) => Instruction::new(0x01, k),
        Value::A => Instruction::new(0x07, 0),
        Value::Slot(k) => Instruction::new(0x61, k),
        Value::Length => Instruction::new(0x81, 0),
        Value::X | Value::Data(_) => {
            return Err(unloadable("A, mem[n], len or a number", offset));
        }
    })
}

/// The rest of `mem[0] = A`.
fn stored(tokens: &mut Tokens<'_>, names: Names) -> Result<Instruction, Error> {
    let slot = index(tokens, names)?;
    tokens.expect("=", "=")?;
    let offset = tokens.peek().map_or(0, |token| token.offset);
    match value(tokens, names)? {
        Value::A => Ok(Instruction::new(0x02, slot)),
        Value::X => Ok(Instruction::new(0x03, slot)),
        _ => Err(unloadable("A or X", offset)),
    }
}

fn unloadable(expected: &'static str, offset: usize) -> Error {
    Error::new(ErrorKind::Expected { expected, found: "something else".to_owned() }).at(offset)
}

fn value(tokens: &mut Tokens<'_>, names: Names) -> Result<Value, Error> {
    if tokens.peek().is_some_and(|token| matches!(token.text, "-" | "(")) {
        return constant(tokens, names).map(Value::Number);
    }
    let word = tokens.word("a value")?;
    Ok(match bare(word.text).as_str() {
        "a" => Value::A,
        "x" => Value::X,
        "len" | "scmp_data_len" => Value::Length,
        "mem" => Value::Slot(index(tokens, names)?),
        "arch" => Value::Data(4),
        "sys_number" | "syscall_nr" => Value::Data(0),
        "data" => Value::Data(index(tokens, names)?),
        "instruction_pointer" | "low_pc" => half(tokens, names, 8, false)?,
        "high_pc" => half(tokens, names, 8, true)?,
        "args" | "low_args" => argument(tokens, names, false)?,
        "args_h" | "high_args" => argument(tokens, names, true)?,
        _ => Value::Number(of_word(word, names)?),
    })
}

fn argument(tokens: &mut Tokens<'_>, names: Names, high: bool) -> Result<Value, Error> {
    let offset = tokens.peek().map_or(0, |token| token.offset);
    let index = index(tokens, names)?;
    if index > 5 {
        let (number, place) = (index.to_string(), "the arguments 0 to 5");
        return Err(Error::new(ErrorKind::TooLarge { number, place }).at(offset));
    }
    half(tokens, names, 16 + 8 * index, high)
}

/// A half of the field at that offset; `>> 32` behind it is the upper one.
fn half(tokens: &mut Tokens<'_>, names: Names, field: u32, high: bool) -> Result<Value, Error> {
    let mut high = high;
    if tokens.take(">>") {
        tokens.expect("32", "32")?;
        high = true;
    }
    let first_is_low = names.arch().endian() == Endian::Little;
    Ok(Value::Data(if high == first_is_low { field + 4 } else { field }))
}

/// `[3]`.
fn index(tokens: &mut Tokens<'_>, names: Names) -> Result<u32, Error> {
    tokens.expect("[", "an opening bracket")?;
    let index = constant(tokens, names)?;
    tokens.expect("]", "a closing bracket")?;
    Ok(index)
}

/// A number or a name, in parentheses or not.
fn constant(tokens: &mut Tokens<'_>, names: Names) -> Result<u32, Error> {
    let mut open = 0;
    while tokens.take("(") {
        open += 1;
    }
    let negative = tokens.take("-");
    let word = tokens.word("a number or a name")?;
    let value = of_word(word, names)?;
    for _ in 0..open {
        tokens.expect(")", "a closing parenthesis")?;
    }
    Ok(if negative { value.wrapping_neg() } else { value })
}

/// The value of `10`, `0x10`, `ARCH_X86_64`, `x86_64`, `read`, `x32_read` or `amd64.read`.
fn of_word(word: Token<'_>, names: Names) -> Result<u32, Error> {
    let text = word.text;
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let value = number(text).and_then(|(value, _)| u32::try_from(value).ok());
        let too_large = || ErrorKind::TooLarge { number: text.to_owned(), place: "32 bits" };
        return value.ok_or_else(|| Error::new(too_large()).at(word.offset));
    }
    let of_arch = || {
        let (arch, name) = text.split_once('.')?;
        Names::on(arch_named(arch)?).syscall(name)
    };
    let x32 = || Names::on(Arch::X32).syscall(text.strip_prefix("x32_")?);
    let constant = || names.value(text).and_then(|value| u32::try_from(value).ok());
    let token = || arch_named(text).map(|arch| arch.token().raw());
    let upper = || {
        let value = names.value(&text.to_ascii_uppercase())?;
        u32::try_from(value).ok()
    };
    let found = of_arch().or_else(constant).or_else(token).or_else(|| names.syscall(text));
    let unknown = || Error::new(ErrorKind::UnknownName(text.to_owned())).at(word.offset);
    found.or_else(x32).or_else(upper).ok_or_else(unknown)
}

/// The names of architectures in both tools.
fn arch_named(name: &str) -> Option<Arch> {
    match name {
        "x32" => None,
        other => Arch::from_word(other),
    }
}
