//! Names in listings: audit tokens, actions, errno values and the words of `seccomp_data`, in both
//! directions.

use callgate_syscalls::{Action, ActionKind, Arch, Endian, Errno};

use crate::DataWord;

/// Which 32 bits of a 64-bit field a word holds.
const LOW: &str = ".lo";
const HIGH: &str = ".hi";

/// The name of a word as it stands between the brackets of a load: `nr`, `args[0].lo`.
pub(crate) fn word_name(word: DataWord, endian: Endian) -> String {
    let field = match word.index() {
        0 => return "nr".to_owned(),
        1 => return "arch".to_owned(),
        2 | 3 => "instruction_pointer".to_owned(),
        index => format!("args[{}]", (index - 4) / 2),
    };
    let is_low = (word.index() % 2 == 0) == (endian == Endian::Little);
    field + if is_low { LOW } else { HIGH }
}

/// The word that holds a half of the 64-bit field whose first word is `first`.
pub(crate) fn half(first: u8, suffix: &str, endian: Endian) -> Option<DataWord> {
    let is_low = match suffix {
        LOW => true,
        HIGH => false,
        _ => return None,
    };
    DataWord::new(first + u8::from(is_low != (endian == Endian::Little)))
}

/// Whether the name of a word depends on the byte order.
pub(crate) fn is_half(word: DataWord) -> bool {
    word.index() >= 2
}

/// The kernel's constant for a token: `AUDIT_ARCH_X86_64`.
pub(crate) fn token_name(token: u32) -> Option<&'static str> {
    let named = |arch: Arch| arch.audit_name().filter(|_| arch.token().raw() == token);
    Arch::ALL.into_iter().find_map(named)
}

/// The token of the kernel's constant.
pub(crate) fn token(name: &str) -> Option<u32> {
    let arch = Arch::ALL.into_iter().find(|arch| arch.audit_name() == Some(name))?;
    Some(arch.token().raw())
}

/// Actions that are written without data.
pub(crate) fn plain_action(name: &str) -> Option<Action> {
    Some(match name {
        "KILL_PROCESS" => Action::KILL_PROCESS,
        "KILL_THREAD" | "KILL" => Action::KILL_THREAD,
        "USER_NOTIF" => Action::USER_NOTIFY,
        "LOG" => Action::LOG,
        "ALLOW" => Action::ALLOW,
        _ => return None,
    })
}

/// The text from which the assembler makes exactly this word, if there is one: `ERRNO(1)`.
pub(crate) fn action_text(action: Action) -> Option<String> {
    let exact = action.kind() != ActionKind::Unknown && action.normalised() == action;
    exact.then(|| action.to_string())
}

/// The name of an errno value on an arch; where that isn't known, on all that filters exist for, if
/// they agree.
pub(crate) fn errno_name(errno: Errno, arch: Option<Arch>) -> Option<&'static str> {
    match arch {
        Some(arch) => errno.name(arch),
        None => agreed(|arch| errno.name(arch)),
    }
}

/// The errno value of a name on an arch; where that isn't known, on all that filters exist for, if
/// they agree.
pub(crate) fn errno(name: &str, arch: Option<Arch>) -> Option<Errno> {
    match arch {
        Some(arch) => Errno::from_name(name, arch),
        None => agreed(|arch| Errno::from_name(name, arch)),
    }
}

fn agreed<T: PartialEq>(of: impl Fn(Arch) -> Option<T>) -> Option<T> {
    let [first, others @ ..] = Arch::ALL;
    let value = of(first)?;
    others.into_iter().all(|arch| of(arch).as_ref() == Some(&value)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_has_one_name() {
        for arch in Arch::ALL {
            let name = token_name(arch.token().raw()).unwrap();
            assert_eq!(token(name), Some(arch.token().raw()), "{arch}");
        }
        assert_eq!(token_name(0x4000_0003), Some("AUDIT_ARCH_I386"));
        assert_eq!(token_name(1), None);
    }

    #[test]
    fn halves_follow_the_byte_order() {
        for endian in [Endian::Little, Endian::Big] {
            for index in 2..DataWord::COUNT {
                let word = DataWord::new(index).unwrap();
                let name = word_name(word, endian);
                let suffix = &name[name.len() - 3..];
                assert_eq!(half(index & !1, suffix, endian), Some(word), "{name}");
            }
        }
        let word = |index| DataWord::new(index).unwrap();
        assert_eq!(word_name(word(4), Endian::Little), "args[0].lo");
        assert_eq!(word_name(word(4), Endian::Big), "args[0].hi");
        assert_eq!(word_name(word(15), Endian::Little), "args[5].hi");
    }

    #[test]
    fn errno_names_without_an_arch_are_those_all_agree_on() {
        assert_eq!(errno("EPERM", None), Some(Errno::new(1)));
        assert_eq!(errno_name(Errno::new(1), None), Some("EPERM"));
        assert_eq!(errno("ENOSYS", None), None);
        assert_eq!(errno_name(Errno::new(38), None), None);
        assert_eq!(errno_name(Errno::new(38), Some(Arch::X86_64)), Some("ENOSYS"));
        assert_eq!(errno("ENOSYS", Some(Arch::X86_64)), Some(Errno::new(38)));
        assert_eq!(errno("ENOSYS", Some(Arch::Mips)), Some(Errno::new(89)));
    }
}
