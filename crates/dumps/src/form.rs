//! The forms there are.

/// A form of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Form {
    /// The kernel's `sock_filter`s, of either byte order.
    Raw,
    /// A section or symbol of an ELF file.
    Elf,
    /// Hexadecimal digits of the bytes.
    Hex,
    /// Base64 of the bytes, of either alphabet.
    Base64,
    /// A string with escapes: `"\x20\0\0\0"`.
    Escaped,
    /// Text of the kernel's `bpf_asm`, with our names.
    Assembler,
    /// A C array: of structures, of `BPF_STMT` and `BPF_JUMP`, of bytes (`xxd -i`), or of words.
    C,
    /// A Rust array of the same.
    Rust,
    /// JSON: a list of structures, of quadruples, or of bytes.
    Json,
    /// A Python list of the same, or a bytes literal.
    Python,
    /// Numbers, separated by commas or white space.
    Numbers,
    /// The output of `xxd`.
    Xxd,
    /// The output of `hexdump`, with or without `-C`.
    Hexdump,
    /// The output of `od` in any of its bases.
    Od,
    /// A count and decimal numbers: `tcpdump -ddd`, `bpf_asm`, xt_bpf.
    Decimal,
    /// The table of `seccomp-tools dump` and `disasm`.
    SeccompTools,
    /// The language of `seccomp-tools asm`.
    SeccompToolsAsm,
    /// The table of libseccomp's `scmp_bpf_disasm`.
    ScmpBpfDisasm,
    /// The table of `ceccomp disasm`.
    Ceccomp,
    /// The language of `ceccomp asm`.
    CeccompAsm,
    /// The table of `firejail --seccomp.print`.
    Firejail,
    /// A line of `strace -v` in which a filter is loaded.
    Strace,
}

/// Each form, its name on a command line, and what it is in a sentence's place.
const FORMS: [(Form, &str, &str); 22] = [
    (Form::Raw, "raw", "raw instructions"),
    (Form::Elf, "elf", "an ELF file"),
    (Form::Hex, "hex", "hexadecimal digits"),
    (Form::Base64, "base64", "base64"),
    (Form::Escaped, "escaped", "a string with escapes"),
    (Form::Assembler, "asm", "assembler"),
    (Form::C, "c", "a C array"),
    (Form::Rust, "rust", "a Rust array"),
    (Form::Json, "json", "JSON"),
    (Form::Python, "python", "a Python list"),
    (Form::Numbers, "numbers", "a list of numbers"),
    (Form::Xxd, "xxd", "the output of xxd"),
    (Form::Hexdump, "hexdump", "the output of hexdump"),
    (Form::Od, "od", "the output of od"),
    (Form::Decimal, "decimal", "a count and decimal numbers"),
    (Form::SeccompTools, "seccomp-tools", "the table of seccomp-tools"),
    (Form::SeccompToolsAsm, "seccomp-tools-asm", "the assembler of seccomp-tools"),
    (Form::ScmpBpfDisasm, "scmp_bpf_disasm", "the table of scmp_bpf_disasm"),
    (Form::Ceccomp, "ceccomp", "the table of ceccomp"),
    (Form::CeccompAsm, "ceccomp-asm", "the assembler of ceccomp"),
    (Form::Firejail, "firejail-print", "the table of firejail"),
    (Form::Strace, "strace", "the output of strace"),
];

impl Form {
    /// All forms.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        FORMS.iter().map(|(form, ..)| *form)
    }

    /// The form of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        FORMS.iter().find(|(_, known, _)| *known == name).map(|(form, ..)| *form)
    }

    /// The name on a command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// What it is, in the place of a noun.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.row().2
    }

    /// Whether it is no text.
    pub(crate) const fn is_binary(self) -> bool {
        matches!(self, Self::Raw | Self::Elf)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        FORMS.iter().find(|(form, ..)| *form == self).unwrap_or(&FORMS[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_a_name_of_its_own() {
        for form in Form::all() {
            assert_eq!(Form::from_name(form.name()), Some(form));
            assert!(!form.description().is_empty());
        }
        assert_eq!(Form::from_name("pdf"), None);
    }
}
