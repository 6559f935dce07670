//! A call with the names of its arguments and of their values.

use std::fmt;

use callgate_facts::{Constants, Form, Spelling};
use callgate_syscalls::{Arch, ArchToken, Argument, ArgumentWidth, Name, SyscallNr, names};

use crate::{Denial, MORE};

/// A call by name, as a reader would write it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The architecture as the kernel has it.
    pub token: ArchToken,
    /// The architecture, if it is known.
    pub arch: Option<Arch>,
    /// The number.
    pub nr: SyscallNr,
    /// The syscall, if the architecture has one of that number.
    pub name: Option<Name>,
    /// The arguments: those that the syscall has, or all that are known of one that is not known.
    pub arguments: Vec<ShownArgument>,
}

/// An argument as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShownArgument {
    /// Its name in the kernel's definition, if the syscall is known.
    pub name: Option<&'static str>,
    /// The register; none where the source does not have it.
    pub value: Option<u64>,
    /// What stands behind it or what it means: `AF_UNIX`, `0x7ffd…`, `"/etc/passwd"`; `?` where it
    /// is not known.
    pub text: String,
    /// Whether the text is a constant's name, or several.
    pub is_named: bool,
}

impl Call {
    /// The call of a denial.
    #[must_use]
    pub fn of(denial: &Denial) -> Self {
        let arch = denial.arch();
        let name = arch.and_then(|arch| Some(arch.syscall_at(denial.nr)?.name));
        let signature = arch.zip(name).and_then(|(arch, name)| {
            let signature = arch.signature(name)?;
            Some((arch, name, signature.arguments().collect::<Vec<_>>()))
        });
        let mut arguments = match signature {
            Some((arch, name, arguments)) => shown(denial, arch, name, &arguments),
            None => raw(denial),
        };
        for (index, text) in &denial.texts {
            if let Some(argument) = arguments.get_mut(*index) {
                argument.text = format!("{text:?}");
            }
        }
        for (index, texts) in &denial.lists {
            if let Some(argument) = arguments.get_mut(*index) {
                argument.text = list(texts);
            }
        }
        Self { token: denial.token, arch, nr: denial.nr, name, arguments }
    }

    /// The syscall's name, or its number where that has none.
    #[must_use]
    pub fn title(&self) -> String {
        match self.name {
            Some(name) => name.to_string(),
            None => format!("syscall {}", number(self.nr.raw().into())),
        }
    }

    /// The architecture's name, or its token.
    #[must_use]
    pub fn machine(&self) -> String {
        match self.arch {
            Some(arch) => arch.to_string(),
            None => format!("architecture {:#x}", self.token.raw()),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.arguments.iter().any(|argument| argument.text != UNKNOWN);
        let texts: Vec<&str> = self.arguments.iter().map(|argument| &*argument.text).collect();
        match (known, texts.is_empty()) {
            (false, false) => write!(f, "{}(…)", self.title())?,
            _ => write!(f, "{}({})", self.title(), texts.join(", "))?,
        }
        write!(f, " on {}", self.machine())
    }
}

/// The text of an argument that is not known.
pub(crate) const UNKNOWN: &str = "?";

/// The texts of an array, as strace writes them.
fn list(texts: &[String]) -> String {
    let shown = |text: &String| if text == MORE { text.clone() } else { format!("{text:?}") };
    format!("[{}]", texts.iter().map(shown).collect::<Vec<_>>().join(", "))
}

/// The arguments of a syscall that is not known: the registers up to the last that is not 0, or all
/// where nothing is known of any.
fn raw(denial: &Denial) -> Vec<ShownArgument> {
    let used = denial.args.iter().rposition(|arg| arg.is_some_and(|value| value != 0));
    let count = match denial.args.iter().all(Option::is_none) {
        true => denial.args.len(),
        false => used.map_or(0, |last| last + 1),
    };
    let registers = denial.args.iter().take(count);
    let shown = |value: &Option<u64>| {
        let text = value.map_or_else(|| UNKNOWN.to_owned(), number);
        ShownArgument { name: None, value: *value, text, is_named: false }
    };
    registers.map(shown).collect()
}

fn shown(denial: &Denial, arch: Arch, name: Name, arguments: &[Argument]) -> Vec<ShownArgument> {
    let of = |(index, argument): (usize, &Argument)| {
        let value = denial.args.get(index).copied().flatten();
        let set = set(denial, arch, name, arguments, index);
        let (text, is_named) = match (value, set) {
            (None, _) => (UNKNOWN.to_owned(), false),
            (Some(0), Some(_)) if Form::of(*argument) == Some(Form::Address) => {
                ("NULL".to_owned(), false)
            }
            (Some(value), _) if asks(name, read_part(value, argument.width)) => {
                ("0xffffffff (asks which it is)".to_owned(), false)
            }
            (Some(value), Some(set)) if is_mode(argument) => {
                (mode(read_part(value, argument.width), set, arch), false)
            }
            (Some(value), Some(set)) => {
                let mut spelling = set.spell(read_part(value, argument.width), arch);
                let permissions = permissions(name, &mut spelling);
                let is_named = !spelling.constants.is_empty();
                (spelled(&spelling, permissions), is_named)
            }
            (Some(value), None) => (plain(value, name, argument), false),
        };
        ShownArgument { name: Some(argument.name), value, text, is_named }
    };
    arguments.iter().enumerate().map(of).collect()
}

/// Whether a call changes nothing: personality(2) with all bits set.
fn asks(name: Name, read: u64) -> bool {
    name == names::PERSONALITY && read == u64::from(u32::MAX)
}

/// Takes the permissions of System V IPC out of its flags.
fn permissions(name: Name, spelling: &mut Spelling) -> Option<u64> {
    let has_permissions = matches!(name, names::MSGGET | names::SEMGET | names::SHMGET);
    let permissions = Some(spelling.rest & 0o777).filter(|bits| has_permissions && *bits != 0)?;
    spelling.rest &= !permissions;
    Some(permissions)
}

fn spelled(spelling: &Spelling, permissions: Option<u64>) -> String {
    match permissions.map(octal) {
        None => spelling.to_string(),
        Some(bits) if spelling.constants.is_empty() && spelling.rest == 0 => bits,
        Some(bits) => format!("{spelling}|{bits}"),
    }
}

/// A file's mode, with the name of its type if it has one.
fn mode(read: u64, set: Constants, arch: Arch) -> String {
    let kind = read & set.field();
    let rest = read & !kind;
    let spelling = set.spell(kind, arch);
    match kind == 0 || spelling.rest != 0 {
        true => octal(read),
        false if rest == 0 => spelling.to_string(),
        false => format!("{spelling}|{}", octal(rest)),
    }
}

/// As people write modes.
fn octal(value: u64) -> String {
    if value == 0 { "0".to_owned() } else { format!("0{value:o}") }
}

/// What an argument takes its values from, with the other arguments as they are.
pub(crate) fn set(
    denial: &Denial,
    arch: Arch,
    name: Name,
    arguments: &[Argument],
    index: usize,
) -> Option<Constants> {
    let value = |other: &str| {
        let place = arguments.iter().position(|argument| argument.name == other)?;
        denial.args.get(place).copied().flatten()
    };
    let mut usages = Constants::of_register(arch, name, index);
    let usage =
        usages.find(|usage| usage.condition.is_none_or(|other| other.holds(arch, value)))?;
    Some(usage.constants)
}

/// Whether an argument is a file's mode, which is read in octal.
pub(crate) fn is_mode(argument: &Argument) -> bool {
    matches!(argument.c_type, "umode_t" | "compat_mode_t")
}

/// The bits that the kernel reads.
pub(crate) const fn read_part(value: u64, width: ArgumentWidth) -> u64 {
    match width {
        ArgumentWidth::Bits8 => value & 0xff,
        ArgumentWidth::Bits16 => value & 0xffff,
        ArgumentWidth::Bits32 => value & 0xffff_ffff,
        _ => value,
    }
}

/// A value that no constant names.
fn plain(value: u64, name: Name, argument: &Argument) -> String {
    let read = read_part(value, argument.width);
    if is_mode(argument) || name == names::UMASK {
        return octal(read);
    }
    let is_id = argument.c_type.ends_with("uid_t") || argument.c_type.ends_with("gid_t");
    if (is_id || argument.name == "fd") && signed(read, argument.width) == -1 {
        return "-1".to_owned();
    }
    match Form::of(*argument) {
        Some(Form::Address) if read == 0 => "NULL".to_owned(),
        Some(Form::Address) => format!("{read:#x}"),
        Some(Form::Signed) => match signed(read, argument.width) {
            small @ -4096..=-1 => small.to_string(),
            _ => number(read),
        },
        Some(Form::Unsigned) | None | Some(_) => number(read),
    }
}

/// A value as a signed number of its width.
fn signed(read: u64, width: ArgumentWidth) -> i64 {
    let unused = match width {
        ArgumentWidth::Bits8 => 56,
        ArgumentWidth::Bits16 => 48,
        ArgumentWidth::Bits32 => 32,
        _ => 0,
    };
    i64::from_ne_bytes((read << unused).to_ne_bytes()) >> unused
}

/// A number: decimal while that is readable.
pub(crate) fn number(value: u64) -> String {
    if value <= 9999 { value.to_string() } else { format!("{value:#x}") }
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::names;

    use super::*;
    use crate::Knowledge;

    fn call(arch: Arch, name: Name, args: &[Option<u64>]) -> String {
        let nr = arch.syscall(name).unwrap().nr;
        let mut denial = Denial::new(arch.token(), nr, Knowledge::Tracer);
        denial.args[..args.len()].copy_from_slice(args);
        Call::of(&denial).to_string()
    }

    #[test]
    fn arguments_have_the_names_of_their_constants() {
        let all = |args: &[u64]| args.iter().copied().map(Some).collect::<Vec<_>>();
        for (arch, name, args, expected) in [
            (
                Arch::X86_64,
                names::SOCKET,
                all(&[40, 1, 0]),
                "socket(AF_VSOCK, SOCK_STREAM, 0) on x86_64",
            ),
            (Arch::X86, names::KILL, all(&[u32::MAX.into(), 9]), "kill(-1, SIGKILL) on x86"),
            (
                Arch::Aarch64,
                names::OPENAT,
                all(&[0xffff_ff9c, 0, 0x8_0000, 0]),
                "openat(AT_FDCWD, NULL, O_RDONLY|O_CLOEXEC, 0) on aarch64",
            ),
            (Arch::X86_64, names::GETPID, vec![], "getpid() on x86_64"),
            (Arch::X86_64, names::MSGGET, all(&[1, 0o1600]), "msgget(1, IPC_CREAT|0600) on x86_64"),
            (Arch::X86_64, names::MSGGET, all(&[1, 0o600]), "msgget(1, 0600) on x86_64"),
            (Arch::X86_64, names::UMASK, all(&[0o22]), "umask(022) on x86_64"),
            (
                Arch::X86_64,
                names::SETRESUID,
                all(&[u32::MAX.into(), 0, u64::MAX]),
                "setresuid(-1, 0, -1) on x86_64",
            ),
            (
                Arch::X86_64,
                names::MKNODAT,
                all(&[u64::MAX - 99, 0, 0o2_0666, 259]),
                "mknodat(AT_FDCWD, NULL, S_IFCHR|0666, 259) on x86_64",
            ),
            (
                Arch::X86_64,
                names::MMAP,
                all(&[0, 9, 1, 0x22, u64::MAX, 0]),
                "mmap(0, 9, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) on x86_64",
            ),
            (
                Arch::X86_64,
                names::PERSONALITY,
                all(&[u32::MAX.into()]),
                "personality(0xffffffff (asks which it is)) on x86_64",
            ),
            (Arch::X86_64, names::MKDIR, vec![], "mkdir(…) on x86_64"),
            (Arch::X86_64, names::MKDIR, vec![None, Some(0o755)], "mkdir(?, 0755) on x86_64"),
        ] {
            assert_eq!(call(arch, name, &args), expected);
        }
    }

    #[test]
    fn arrays_are_addresses_or_the_texts_behind_their_pointers() {
        let args = [0x1000, 0x2000, 0x3000].map(Some);
        let text = call(Arch::X86_64, names::EXECVE, &args);
        assert_eq!(text, "execve(0x1000, 0x2000, 0x3000) on x86_64");
        let nr = Arch::X86_64.syscall(names::EXECVE).unwrap().nr;
        let mut denial = Denial::new(Arch::X86_64.token(), nr, Knowledge::Tracer);
        denial.args[..3].copy_from_slice(&args);
        denial.texts = vec![(0, "/bin/ls".to_owned())];
        denial.lists = vec![(1, ["ls", "-l \"", MORE].map(str::to_owned).into())];
        let text = Call::of(&denial).to_string();
        assert_eq!(text, r#"execve("/bin/ls", ["ls", "-l \"", …], 0x3000) on x86_64"#);
    }

    #[test]
    fn what_has_no_name_is_shown_by_number() {
        let unknown = |token, nr| {
            let nr = SyscallNr::new(nr);
            let mut denial = Denial::new(ArchToken::new(token), nr, Knowledge::Tracer);
            denial.args = [Some(1), None, Some(0x1_0000), Some(0), None, None];
            Call::of(&denial).to_string()
        };
        let text = "syscall 0x3fffffff(1, ?, 0x10000) on x86_64";
        assert_eq!(unknown(Arch::X86_64.token().raw(), 0x3fff_ffff), text);
        assert_eq!(unknown(0xdead, 1), "syscall 1(1, ?, 0x10000) on architecture 0xdead");
        let asked = Denial::new(Arch::X86_64.token(), SyscallNr::new(999), Knowledge::Asked);
        assert_eq!(Call::of(&asked).to_string(), "syscall 999(…) on x86_64");
    }
}
