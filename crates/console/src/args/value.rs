//! Words and numbers of the command line as values.

use std::str::FromStr;

use callgate_dialects::Dialect;
use callgate_dumps::Form;
use callgate_rules::near;
use callgate_syscalls::{Action, Arch, Errno, Name, SyscallNr};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::error::Error;

/// Parses an architecture's name; help and errors list them.
pub fn arch() -> impl TypedValueParser<Value = Arch> {
    let value = |arch: Arch| PossibleValue::new(arch.name()).aliases(arch.other_names());
    PossibleValuesParser::new(Arch::ALL.map(value))
        .try_map(|name| Arch::from_word(&name).ok_or("no architecture"))
}

/// A form that input is said to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// That of a program.
    Program(Form),
    /// That of a policy.
    Policy(Dialect),
}

/// Parses the name of a form; help and errors list them.
pub fn form() -> impl TypedValueParser<Value = Named> {
    let known = |name: String| match Form::from_name(&name) {
        Some(form) => Ok(Named::Program(form)),
        None => Dialect::parse(&name).map(Named::Policy).ok_or("no form of a filter"),
    };
    let names = Form::all().map(Form::name).chain(Dialect::ALL.map(Dialect::name));
    PossibleValuesParser::new(names).try_map(known)
}

/// This machine's architecture.
///
/// # Errors
/// [`Error::Usage`] on a machine that callgate has no name for.
pub fn native() -> Result<Arch, Error> {
    Arch::native().ok_or_else(|| {
        let message = "this machine's architecture has no syscall filters that callgate knows: \
                       choose one with --arch";
        Error::Usage(message.to_owned())
    })
}

/// The architectures asked for, or this machine's own.
///
/// # Errors
/// As [`native`].
pub fn arches_or_native(arches: &[Arch]) -> Result<Vec<Arch>, Error> {
    match arches {
        [] => Ok(vec![native()?]),
        arches => Ok(arches.to_vec()),
    }
}

/// A number as people write it, and C and strace print it: decimal, hexadecimal with `0x`, or octal
/// with a leading 0 (modes); negative as two's complement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(pub u64);

impl FromStr for Number {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let parsed = match (text.strip_prefix("0x"), text.starts_with('-')) {
            (None, _) if text.starts_with("0o") && !text.contains(['+', '-']) => {
                u64::from_str_radix(&text[2..], 8)
            }
            (Some(digits), _) if !digits.starts_with(['+', '-']) => u64::from_str_radix(digits, 16),
            (None, _) if text.len() > 1 && text.starts_with('0') && !text.contains(['+', '-']) => {
                u64::from_str_radix(text, 8)
            }
            (_, true) => text.parse::<i64>().map(|n| u64::from_ne_bytes(n.to_ne_bytes())),
            _ => text.parse(),
        };
        let explain = "not a number of 64 bits: write decimal, hexadecimal with 0x, or octal with a leading 0";
        parsed.map(Self).map_err(|_| explain)
    }
}

/// The syscall of that name.
///
/// # Errors
/// [`Error::Usage`] with names that are near.
pub fn name(text: &str) -> Result<Name, Error> {
    Name::parse(text).ok_or_else(|| {
        let unknown = format!("no syscall is called {text:?}");
        let near = near(text, syscall_names());
        Error::Usage(match near.is_empty() {
            true => format!("{unknown}: `callgate syscalls` lists them"),
            false => format!("{unknown}: did you mean {}?", near.join(" or ")),
        })
    })
}

/// The names of all syscalls.
pub fn syscall_names() -> impl Iterator<Item = &'static str> {
    Name::all().map(Name::as_str)
}

/// A problem with the names that the word may be a misspelling of, if there are any.
pub fn did_you_mean<'n>(
    problem: &str,
    word: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> String {
    let near = near(word, names);
    match near.is_empty() {
        true => problem.to_owned(),
        false => format!("{problem}: did you mean {}?", near.join(" or ")),
    }
}

/// A syscall's number, if `text` is one.
///
/// # Errors
/// [`Error::Usage`] for a number of more than 32 bits.
pub fn syscall_number(text: &str) -> Result<Option<SyscallNr>, Error> {
    let looks_like_one = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let Some(Number(number)) = text.parse().ok().filter(|_| looks_like_one) else {
        return Ok(None);
    };
    // A negative number is one of the 32 bits that the kernel shows to filters.
    let negative = i32::try_from(i64::from_ne_bytes(number.to_ne_bytes())).ok();
    let raw = u32::try_from(number).ok().or(negative.map(|n| u32::from_ne_bytes(n.to_ne_bytes())));
    let too_wide = || Error::Usage(format!("syscall number {text} has more than 32 bits"));
    raw.map(|raw| Some(SyscallNr::new(raw))).ok_or_else(too_wide)
}

/// An architecture's names in a sentence.
pub fn list(arches: impl IntoIterator<Item = Arch>) -> String {
    arches.into_iter().map(Arch::name).collect::<Vec<_>>().join(", ")
}

/// Parses an action for a default.
///
/// # Errors
/// A sentence that says what an action looks like.
pub fn action(text: &str) -> Result<Action, String> {
    Ok(match text {
        "allow" => Action::ALLOW,
        "log" => Action::LOG,
        "kill" | "kill-process" => Action::KILL_PROCESS,
        "kill-thread" => Action::KILL_THREAD,
        "trap" => Action::trap(0),
        _ => match text.strip_prefix("errno:") {
            Some(errno) => return errno_action(errno),
            None => {
                let expected = "expected allow, log, errno:NAME, errno:NUMBER, trap, kill-thread or \
                                kill-process";
                return Err(expected.to_owned());
            }
        },
    })
}

fn errno_action(text: &str) -> Result<Action, String> {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        let number = text.parse().ok().and_then(Action::errno);
        return number.ok_or_else(|| format!("errno {text} is not between 0 and 4095"));
    }
    let arch = Arch::native().unwrap_or(Arch::X86_64);
    let errno = Errno::from_name(text, arch).and_then(|errno| Action::errno(errno.raw()));
    errno.ok_or_else(|| format!("no errno is called {text:?}: errno(3) lists them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_hexadecimal_or_negative() {
        let number = |text: &str| text.parse::<Number>().map(|n| n.0).ok();
        assert_eq!(number("59"), Some(59));
        assert_eq!(number("0x4000003b"), Some(0x4000_003b));
        assert_eq!(number("-1"), Some(u64::MAX));
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        for bad in ["", "0x", "0x-1", "x", "1 ", "18446744073709551616", "-9223372036854775809"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn syscall_numbers_have_32_bits_and_may_be_negative() {
        let number = |text: &str| syscall_number(text).map(|nr| nr.map(SyscallNr::raw)).ok();
        assert_eq!(number("0xffffffff"), Some(Some(u32::MAX)));
        assert_eq!(number("0x100000000"), None);
        assert_eq!(number("-1"), Some(Some(u32::MAX)));
        assert_eq!(number("-2147483649"), None);
        assert_eq!(number("openat"), Some(None));
    }

    #[test]
    fn near_names_come_first_and_are_few() {
        assert_eq!(near("opnat", syscall_names()), ["openat", "openat2"]);
        assert_eq!(near("frobnicate", syscall_names()), [""; 0]);
        assert_eq!(near(&"x".repeat(1 << 20), syscall_names()), [""; 0]);
        assert!(near("mnt", syscall_names()).len() <= 3);
    }

    #[test]
    fn actions_have_names_and_errno_a_limit() {
        assert_eq!(action("kill"), Ok(Action::KILL_PROCESS));
        assert_eq!(action("errno:EPERM").ok(), Action::errno(1));
        assert_eq!(action("errno:4095").ok(), Action::errno(4095));
        for bad in ["", "ALLOWED", "errno", "errno:", "errno:4096", "errno:-1", "errno:EPREM"] {
            assert!(action(bad).is_err(), "{bad:?}");
        }
    }
}
