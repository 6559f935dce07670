//! The operands of instructions.

use callgate_syscalls::{Action, Arch, Endian, Name};

use super::lexer::{Line, Token};
use super::{AsmError, AsmErrorKind};
use crate::names;
use crate::{DataWord, Operand, Operation, Register, Slot, Unsupported};

/// What `ld` takes: everything that X can be loaded with, and a word of the call.
pub(super) fn load_a(line: &mut Line<'_>, endian: Endian) -> Result<Operation, AsmError> {
    if line.take("[") {
        let position = line.position();
        if line.take_word("x") {
            // An offset that is computed.
            return Err(position.error(AsmErrorKind::Unsupported(Unsupported::Opcode(0x40))));
        }
        let word = word(line, endian)?;
        line.expect("]", "a closing bracket")?;
        return Ok(Operation::LoadData(word));
    }
    load(Register::A, line)
}

pub(super) fn load(to: Register, line: &mut Line<'_>) -> Result<Operation, AsmError> {
    if line.take_word("len") {
        return Ok(Operation::LoadLength(to));
    }
    if line.take("#") {
        if line.take_word("len") {
            return Ok(Operation::LoadLength(to));
        }
        return Ok(Operation::LoadImmediate(to, constant(line)?));
    }
    match line.peek() {
        Some(token) if token.text.eq_ignore_ascii_case("M") => {
            Ok(Operation::LoadSlot(to, slot(line)?))
        }
        _ if to == Register::A => Err(line.expected("[word], #constant, len or M[slot]")),
        _ => Err(line.expected("#constant, len or M[slot]")),
    }
}

/// What `ldi` and `ldxi` take: a constant, with or without its sign.
pub(super) fn immediate(to: Register, line: &mut Line<'_>) -> Result<Operation, AsmError> {
    line.take("#");
    Ok(Operation::LoadImmediate(to, constant(line)?))
}

fn word(line: &mut Line<'_>, endian: Endian) -> Result<DataWord, AsmError> {
    const EXPECTED: &str =
        "nr, arch, instruction_pointer.lo, args[0].lo (or .hi), or a byte offset";
    let position = line.position();
    if line.peek().is_some_and(|token| token.is_number()) {
        let offset = line.number(u32::MAX, EXPECTED)?;
        return DataWord::at_offset(offset).ok_or_else(|| {
            position.error(AsmErrorKind::Unsupported(Unsupported::DataOffset(offset)))
        });
    }
    let name = line.name(EXPECTED)?;
    let fail = |found: &str| {
        let found = found.to_owned();
        position.error(AsmErrorKind::Expected { expected: EXPECTED, found })
    };
    match name.text {
        "nr" => Ok(DataWord::NR),
        "arch" => Ok(DataWord::ARCH),
        "args" => argument(line, endian),
        text => text
            .strip_prefix("instruction_pointer")
            .and_then(|suffix| names::half(2, suffix, endian))
            .ok_or_else(|| fail(text)),
    }
}

/// The rest of `args[0].lo`.
fn argument(line: &mut Line<'_>, endian: Endian) -> Result<DataWord, AsmError> {
    line.expect("[", "the number of an argument in brackets")?;
    let number = line.number(5, "the number of an argument, 0 to 5")?;
    line.expect("]", "a closing bracket")?;
    let first = u8::try_from(4 + 2 * number);
    let suffix = line.position();
    let half = line.name(".lo or .hi")?;
    let word = first.ok().and_then(|first| names::half(first, half.text, endian));
    word.ok_or_else(|| {
        let found = half.text.to_owned();
        suffix.error(AsmErrorKind::Expected { expected: ".lo or .hi", found })
    })
}

/// `M[0]`.
pub(super) fn slot(line: &mut Line<'_>) -> Result<Slot, AsmError> {
    if !line.take_word("M") {
        return Err(line.expected("M[slot]"));
    }
    line.expect("[", "the number of a slot in brackets")?;
    let position = line.position();
    let number = line.number(u32::MAX, "the number of a slot, 0 to 15")?;
    line.expect("]", "a closing bracket")?;
    let slot = u8::try_from(number).ok().and_then(Slot::new);
    slot.ok_or_else(|| position.error(AsmErrorKind::Unsupported(Unsupported::Slot(number))))
}

/// `#constant` or `x`.
pub(super) fn value(line: &mut Line<'_>) -> Result<Operand, AsmError> {
    line.take("%");
    if line.take_word("x") {
        return Ok(Operand::X);
    }
    line.expect("#", "#constant or x")?;
    constant(line).map(Operand::K)
}

/// What `ret` takes.
pub(super) fn returned(line: &mut Line<'_>) -> Result<Operation, AsmError> {
    line.take("%");
    if line.take_word("a") {
        return Ok(Operation::ReturnA);
    }
    let position = line.position();
    if line.take_word("x") {
        return Err(position.error(AsmErrorKind::Unsupported(Unsupported::Opcode(0x0e))));
    }
    if line.take("#") {
        return constant(line).map(Operation::Return);
    }
    match line.peek() {
        Some(token) if token.is_name() => constant(line).map(Operation::Return),
        _ => Err(line.expected("an action, #constant or a")),
    }
}

/// A number or a name.
fn constant(line: &mut Line<'_>) -> Result<u32, AsmError> {
    const EXPECTED: &str = "a number or a name";
    if line.peek().is_none_or(|token| !token.is_name()) {
        return line.number(u32::MAX, EXPECTED);
    }
    let name = line.name(EXPECTED)?;
    if line.take(":") {
        return syscall(name, line);
    }
    if line.take("(") {
        let action = action_with_data(name, line)?;
        line.expect(")", "a closing parenthesis")?;
        return Ok(action.raw());
    }
    let known = names::plain_action(name.text).map(Action::raw);
    known
        .or_else(|| names::token(name.text))
        .ok_or_else(|| name.position.error(AsmErrorKind::UnknownConstant(name.text.to_owned())))
}

fn syscall(arch: Token<'_>, line: &mut Line<'_>) -> Result<u32, AsmError> {
    let name = line.name("the name of a syscall")?;
    let known = Arch::from_name(arch.text).zip(Name::parse(name.text));
    let syscall = known.and_then(|(arch, name)| arch.syscall(name));
    syscall.map(|syscall| syscall.nr.raw()).ok_or_else(|| {
        let text = format!("{}:{}", arch.text, name.text);
        arch.position.error(AsmErrorKind::UnknownSyscall(text))
    })
}

fn action_with_data(name: Token<'_>, line: &mut Line<'_>) -> Result<Action, AsmError> {
    let unknown = || name.position.error(AsmErrorKind::UnknownConstant(name.text.to_owned()));
    match name.text {
        "ERRNO" => {
            let position = line.position();
            let number = errno(line)?;
            Action::errno(number).ok_or_else(|| {
                let number = number.to_string();
                position.error(AsmErrorKind::TooLarge { number, max: 4095 })
            })
        }
        "TRAP" => data(line, u16::MAX).map(Action::trap),
        "TRACE" => data(line, u16::MAX).map(Action::trace),
        _ => Err(unknown()),
    }
}

/// A number, or a name with an arch in front where architectures differ.
fn errno(line: &mut Line<'_>) -> Result<u16, AsmError> {
    if line.peek().is_none_or(|token| !token.is_name()) {
        return data(line, 4095);
    }
    let name = line.name("an errno")?;
    let (text, found) = if line.take(":") {
        let errno = line.name("an errno")?;
        let arch = Arch::from_name(name.text);
        let found = arch.and_then(|arch| names::errno(errno.text, Some(arch)));
        (format!("{}:{}", name.text, errno.text), found)
    } else {
        (name.text.to_owned(), names::errno(name.text, None))
    };
    found
        .map(|errno| errno.raw())
        .ok_or_else(|| name.position.error(AsmErrorKind::UnknownErrno(text)))
}

fn data(line: &mut Line<'_>, max: u16) -> Result<u16, AsmError> {
    let position = line.position();
    let value = line.number(max.into(), "a number")?;
    u16::try_from(value).map_err(|_| {
        position.error(AsmErrorKind::TooLarge { number: value.to_string(), max: max.into() })
    })
}
