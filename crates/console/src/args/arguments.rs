//! The arguments of a call on the command line: numbers, and constants by their names.

use callgate_facts::{Constant, Constants, UnknownConstant};
use callgate_syscalls::{Arch, SyscallNr};

use super::value::{self, Number};
use crate::error::Error;

/// How many arguments a syscall has at most.
const COUNT: usize = 6;

/// The argument registers of a call: those that are not given are 0.
///
/// # Errors
/// [`Error::Usage`] for more than six arguments, and for a word that is neither a number nor a constant that the
/// argument takes.
pub fn read(words: &[String], arch: Arch, nr: SyscallNr) -> Result<[u64; COUNT], Error> {
    if words.len() > COUNT {
        let message = format!("{} arguments given: a syscall has up to six", words.len());
        return Err(Error::Usage(message));
    }
    let mut registers = [0; COUNT];
    // What an argument may be can depend on another, so numbers and arguments with one meaning come first.
    let mut waiting = Vec::new();
    for (index, word) in words.iter().enumerate() {
        match word.parse() {
            Ok(Number(number)) => registers[index] = number,
            Err(_) => waiting.push(index),
        }
    }
    let decided = |index: &usize| sets(arch, nr, *index).iter().all(|usage| usage.1.is_none());
    let (first, last): (Vec<usize>, Vec<usize>) = waiting.into_iter().partition(decided);
    for index in first.into_iter().chain(last) {
        registers[index] = value(&words[index], arch, nr, index, &registers)?;
    }
    Ok(registers)
}

/// What a register takes its values from, and for some the register and the constants that decide it.
type Taken = (Constants, Option<(usize, Vec<Constant>)>);

fn sets(arch: Arch, nr: SyscallNr, index: usize) -> Vec<Taken> {
    let Some(syscall) = arch.syscall_at(nr) else { return Vec::new() };
    let register = |argument: &str| {
        let signature = arch.signature(syscall.name)?;
        signature.arguments().position(|own| own.name == argument)
    };
    let usages = Constants::of_register(arch, syscall.name, index);
    usages
        .map(|usage| {
            let other = usage.condition.and_then(|condition| {
                Some((register(condition.argument)?, condition.constants().collect()))
            });
            (usage.constants, other)
        })
        .collect()
}

fn value(
    word: &str,
    arch: Arch,
    nr: SyscallNr,
    index: usize,
    registers: &[u64; COUNT],
) -> Result<u64, Error> {
    let holds = |(_, other): &Taken| {
        other.as_ref().is_none_or(|(register, constants)| {
            let is = |c: &Constant| c.on(arch).and_then(|v| u64::try_from(v).ok());
            constants.iter().any(|constant| is(constant) == Some(registers[*register]))
        })
    };
    let taken = sets(arch, nr, index).into_iter().find(holds);
    let read = match taken {
        Some((set, _)) => set.value(word, arch),
        None => any_constants(word, arch),
    };
    read.map_err(|error| {
        let problem = format!("argument {}: {error}", index + 1);
        let names = taken_names(&error, arch);
        let near = value::did_you_mean(&problem, unknown(&error), names);
        Error::Usage(near)
    })
}

/// A union of constants of whatever set, for an argument of which nothing is known.
fn any_constants(word: &str, arch: Arch) -> Result<u64, UnknownConstant> {
    word.split('|').try_fold(0, |union, part| {
        let part = part.trim();
        let set = Constant::parse(part).and_then(|constant| constant.sets().next());
        match (set, part.parse()) {
            (_, Ok(Number(number))) => Ok(union | number),
            (Some(set), _) => Ok(union | set.value(part, arch)?),
            (None, _) => Err(UnknownConstant::Nowhere { name: part.to_owned() }),
        }
    })
}

/// The word that was not understood; empty where it was.
fn unknown(error: &UnknownConstant) -> &str {
    match error {
        UnknownConstant::Nowhere { name } => name,
        _ => "",
    }
}

/// The names that may have been meant.
fn taken_names(error: &UnknownConstant, arch: Arch) -> impl Iterator<Item = &'static str> {
    let wanted = matches!(error, UnknownConstant::Nowhere { .. });
    let here = move |constant: &Constant| wanted && constant.on(arch).is_some();
    Constant::all().filter(here).map(Constant::name)
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::names;

    use super::*;

    fn registers(
        words: &[&str],
        arch: Arch,
        name: callgate_syscalls::Name,
    ) -> Result<Vec<u64>, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let nr = arch.syscall(name).map_or(SyscallNr::new(u32::MAX), |syscall| syscall.nr);
        match read(&words, arch, nr) {
            Ok(registers) => Ok(registers[..words.len()].to_vec()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn names_and_numbers_mix() {
        let socket = |words: &[&str]| registers(words, Arch::X86_64, names::SOCKET);
        assert_eq!(socket(&["AF_NETLINK", "3", "-1"]), Ok(vec![16, 3, u64::MAX]));
        // What a protocol is depends on the family, wherever it stands.
        assert_eq!(socket(&["16", "SOCK_RAW", "NETLINK_AUDIT"]), Ok(vec![16, 3, 9]));
        assert_eq!(socket(&["AF_INET", "SOCK_RAW", "IPPROTO_TCP"]), Ok(vec![2, 3, 6]));
        let clone = |arch, words: &[&str]| registers(words, arch, names::CLONE);
        assert_eq!(clone(Arch::X86_64, &["CLONE_NEWUSER|SIGCHLD"]), Ok(vec![0x1000_0011]));
        assert_eq!(clone(Arch::S390x, &["0", "CLONE_NEWUSER|SIGCHLD"]), Ok(vec![0, 0x1000_0011]));
        assert_eq!(clone(Arch::Mips, &["CLONE_NEWUSER|SIGCHLD"]), Ok(vec![0x1000_0012]));
        // Nothing is known of read's count.
        assert_eq!(
            registers(&["0", "0", "O_CREAT|1"], Arch::Mips, names::READ),
            Ok(vec![0, 0, 0x101])
        );
    }

    #[test]
    fn other_words_are_refused_with_what_was_meant() {
        let socket = |words: &[&str]| registers(words, Arch::X86_64, names::SOCKET);
        let said = |words: &[&str], text: &str| {
            let error = socket(words).expect_err("refused");
            assert!(error.contains(text), "{error}");
        };
        said(&["AF_NETLNK"], "argument 1: \"AF_NETLNK\" is neither");
        said(&["AF_NETLNK"], "did you mean AF_NETLINK");
        said(&["AF_INET", "AF_INET"], "argument 2: AF_INET is no constant of socket-type");
        said(&["1", "1", "1", "1", "1", "1", "1"], "up to six");
        said(&["AF_INET|"], "argument 1");
    }
}
