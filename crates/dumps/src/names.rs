//! The values of names in sources: opcodes, actions, architectures, syscalls, errno values and the
//! constants of arguments.

use callgate_facts::Constant;
use callgate_syscalls::{Arch, Errno, Name};

/// The opcodes' parts and the return values, as the kernel's headers have them.
const CONSTANTS: [(&str, i64); 57] = [
    ("BPF_LD", 0x00),
    ("BPF_LDX", 0x01),
    ("BPF_ST", 0x02),
    ("BPF_STX", 0x03),
    ("BPF_ALU", 0x04),
    ("BPF_JMP", 0x05),
    ("BPF_RET", 0x06),
    ("BPF_MISC", 0x07),
    ("BPF_W", 0x00),
    ("BPF_H", 0x08),
    ("BPF_B", 0x10),
    ("BPF_IMM", 0x00),
    ("BPF_ABS", 0x20),
    ("BPF_IND", 0x40),
    ("BPF_MEM", 0x60),
    ("BPF_LEN", 0x80),
    ("BPF_MSH", 0xa0),
    ("BPF_ADD", 0x00),
    ("BPF_SUB", 0x10),
    ("BPF_MUL", 0x20),
    ("BPF_DIV", 0x30),
    ("BPF_OR", 0x40),
    ("BPF_AND", 0x50),
    ("BPF_LSH", 0x60),
    ("BPF_RSH", 0x70),
    ("BPF_NEG", 0x80),
    ("BPF_MOD", 0x90),
    ("BPF_XOR", 0xa0),
    ("BPF_JA", 0x00),
    ("BPF_JEQ", 0x10),
    ("BPF_JGT", 0x20),
    ("BPF_JGE", 0x30),
    ("BPF_JSET", 0x40),
    ("BPF_K", 0x00),
    ("BPF_X", 0x08),
    ("BPF_A", 0x10),
    ("BPF_TAX", 0x00),
    ("BPF_TXA", 0x80),
    ("BPF_MAXINSNS", 4096),
    ("SECCOMP_RET_KILL_PROCESS", 0x8000_0000),
    ("SECCOMP_RET_KILL_THREAD", 0x0000_0000),
    ("SECCOMP_RET_KILL", 0x0000_0000),
    ("SECCOMP_RET_TRAP", 0x0003_0000),
    ("SECCOMP_RET_ERRNO", 0x0005_0000),
    ("SECCOMP_RET_USER_NOTIF", 0x7fc0_0000),
    ("SECCOMP_RET_TRACE", 0x7ff0_0000),
    ("SECCOMP_RET_LOG", 0x7ffc_0000),
    ("SECCOMP_RET_ALLOW", 0x7fff_0000),
    ("SECCOMP_RET_INVALID", 0x7ffb_0000),
    ("SECCOMP_RET_ACTION", 0x7fff_0000),
    ("SECCOMP_RET_ACTION_FULL", 0xffff_0000),
    ("SECCOMP_RET_DATA", 0x0000_ffff),
    ("__X32_SYSCALL_BIT", 0x4000_0000),
    ("X32_SYSCALL_BIT", 0x4000_0000),
    ("UINT32_MAX", 0xffff_ffff),
    ("UINT_MAX", 0xffff_ffff),
    ("INT_MAX", 0x7fff_ffff),
];

/// What names stand for in one text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    /// The architecture whose syscalls and errno values are meant.
    arch: Arch,
}

impl Names {
    /// The architecture that was asked for; otherwise this machine's if the text names it or none,
    /// and the first that it names if it names others.
    pub(crate) fn of(text: &str, asked: Option<Arch>) -> Self {
        let mut first = None;
        let native = Arch::native().unwrap_or(Arch::X86_64);
        for (at, _) in text.match_indices("ARCH_") {
            match arch_named(word(&text[at..])) {
                Some(arch) if arch == native => return Self { arch: asked.unwrap_or(native) },
                found => first = first.or(found),
            }
        }
        Self { arch: asked.or(first).unwrap_or(native) }
    }

    /// The same for an architecture.
    pub(crate) const fn on(arch: Arch) -> Self {
        Self { arch }
    }

    /// The architecture.
    pub(crate) const fn arch(self) -> Arch {
        self.arch
    }

    /// The value of a name.
    pub(crate) fn value(self, name: &str) -> Option<i64> {
        if let Some((_, value)) = CONSTANTS.iter().find(|(known, _)| *known == name) {
            return Some(*value);
        }
        if let Some(arch) = arch_named(name) {
            return Some(arch.token().raw().into());
        }
        for prefix in ["__NR_", "SYS_", "__SNR_", "NR_"] {
            if let Some(nr) = name.strip_prefix(prefix).and_then(|name| self.syscall(name)) {
                return Some(nr.into());
            }
        }
        if let Some(errno) = Errno::from_name(name, self.arch) {
            return Some(errno.raw().into());
        }
        Constant::parse(name)?.on(self.arch)
    }

    /// The number of a syscall.
    pub(crate) fn syscall(self, name: &str) -> Option<u32> {
        let name = Name::parse(name)?;
        self.arch.syscall(name).map(|syscall| syscall.nr.raw())
    }
}

/// The name that a text begins with; of a longer one than any architecture has, its beginning.
fn word(text: &str) -> &str {
    const LEN_MAX: usize = 32;
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = text.bytes().take(LEN_MAX).take_while(is_word).count();
    &text[..length]
}

/// `AUDIT_ARCH_X86_64`, and `ARCH_X86_64` of seccomp-tools.
fn arch_named(name: &str) -> Option<Arch> {
    let constant = |arch: &Arch| arch.audit_name().and_then(|name| name.strip_prefix("AUDIT_"));
    let name = name.strip_prefix("AUDIT_").unwrap_or(name);
    Arch::ALL.into_iter().find(|arch| constant(arch) == Some(name))
}

/// The offset of a field of `seccomp_data`.
pub(crate) fn offset_of(field: &str) -> Option<u32> {
    Some(match field {
        "nr" => 0,
        "arch" => 4,
        "instruction_pointer" => 8,
        "args" => 16,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_values_of_the_headers() {
        let names = Names::on(Arch::X86_64);
        for (name, value) in [
            ("BPF_JGE", 0x30),
            ("SECCOMP_RET_TRACE", 0x7ff0_0000),
            ("AUDIT_ARCH_X86_64", 0xc000_003e),
            ("ARCH_I386", 0x4000_0003),
            ("__NR_openat", 257),
            ("SYS_openat", 257),
            ("EPERM", 1),
            ("AF_NETLINK", 16),
        ] {
            assert_eq!(names.value(name), Some(value), "{name}");
        }
        assert_eq!(Names::on(Arch::Mips).value("ENOSYS"), Some(89));
        assert_eq!(names.value("BPF_NOTHING"), None);
    }

    #[test]
    fn the_architecture_is_the_one_that_the_text_tests() {
        assert_eq!(Names::of("jeq AUDIT_ARCH_S390X", None).arch(), Arch::S390x);
        assert_eq!(Names::of("AUDIT_ARCH_S390X", Some(Arch::Arm)).arch(), Arch::Arm);
        assert_eq!(Some(Names::of("ret", None).arch()), Arch::native());
    }
}
