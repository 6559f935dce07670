//! The words and small numbers that profiles consist of, each accepted only in full and named in
//! its error.

use std::fmt;

use callgate_rules::{LoadFlag, nearest};
use callgate_syscalls::{Arch, KernelVersion};
use serde::ser::{Serialize, Serializer};

use crate::json::{Fault, Node};
use crate::spelled::Spelled;

/// Defines an enumeration of words with their spelling in files.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every word, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word as files spell it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl $name {
            /// Reads the word from a file.
            pub(crate) fn read(node: Node<'_>) -> Result<Self, Fault> {
                let parse = |text: &str| Self::ALL.iter().copied().find(|word| word.as_str() == text);
                let accepted = || Self::ALL.iter().map(|word| word.as_str().to_owned()).collect();
                word(node, $what, parse, accepted)
            }
        }
    };
}

words! {
    /// What a rule does with a call (`SCMP_ACT_*`).
    ActionName, "action" {
        /// Kill the thread; the old name of [`ActionName::KillThread`].
        Kill = "SCMP_ACT_KILL",
        /// Kill the process.
        KillProcess = "SCMP_ACT_KILL_PROCESS",
        /// Kill the thread.
        KillThread = "SCMP_ACT_KILL_THREAD",
        /// Send SIGSYS.
        Trap = "SCMP_ACT_TRAP",
        /// Return an errno value: `errnoRet`, or `EPERM`.
        Errno = "SCMP_ACT_ERRNO",
        /// Hand the call to a tracer with `errnoRet`, or 1, as the message.
        Trace = "SCMP_ACT_TRACE",
        /// Execute the call.
        Allow = "SCMP_ACT_ALLOW",
        /// Execute and log the call.
        Log = "SCMP_ACT_LOG",
        /// Hand the call to the listener.
        Notify = "SCMP_ACT_NOTIFY",
    }
}

words! {
    /// How an argument is compared (`SCMP_CMP_*`), always as unsigned numbers.
    OperatorName, "operator" {
        /// Not equal.
        Ne = "SCMP_CMP_NE",
        /// Less than.
        Lt = "SCMP_CMP_LT",
        /// Less than or equal.
        Le = "SCMP_CMP_LE",
        /// Equal.
        Eq = "SCMP_CMP_EQ",
        /// Greater than or equal.
        Ge = "SCMP_CMP_GE",
        /// Greater than.
        Gt = "SCMP_CMP_GT",
        /// `argument & value == valueTwo`.
        MaskedEq = "SCMP_CMP_MASKED_EQ",
    }
}

words! {
    /// A flag of seccomp(2) that a profile asks for.
    Flag, "flag" {
        /// Install the filter on all threads.
        Tsync = "SECCOMP_FILTER_FLAG_TSYNC",
        /// Log what the filter refuses.
        Log = "SECCOMP_FILTER_FLAG_LOG",
        /// Leave speculative store bypass alone.
        SpecAllow = "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
        /// A notified thread can only be interrupted by fatal signals.
        WaitKillableRecv = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
    }
}

impl From<Flag> for LoadFlag {
    fn from(flag: Flag) -> Self {
        match flag {
            Flag::Tsync => Self::Tsync,
            Flag::Log => Self::Log,
            Flag::SpecAllow => Self::SpecAllow,
            Flag::WaitKillableRecv => Self::WaitKillableRecv,
        }
    }
}

/// Reads a text that must be one of a few words.
pub(crate) fn word<T>(
    node: Node<'_>,
    what: &str,
    parse: impl Fn(&str) -> Option<T>,
    accepted: impl Fn() -> Vec<String>,
) -> Result<T, Fault> {
    let text = node.text(&format_args!("the {what}").to_string())?;
    if let Some(value) = parse(&text) {
        return Ok(value);
    }
    let words = accepted();
    let near = nearest(&text, words.iter().map(String::as_str)).or_else(|| short(&text, &words));
    let hint = match near {
        Some(near) => format!(": did you mean {near}? Accepted"),
        None => "; accepted".to_owned(),
    };
    let accepted = words.join(", ");
    let fault = node.fault(format!("unknown {what} {text:?}{hint} are {accepted}"));
    Err(match near {
        Some(near) => fault.instead(format!("\"{near}\"")),
        None => fault,
    })
}

/// The word that a text is the end of, or the sign of: `EQ`, `==`, `allow`.
fn short<'w>(text: &str, words: &'w [String]) -> Option<&'w str> {
    let text = match text {
        "==" | "=" => "EQ",
        "!=" | "<>" => "NE",
        "<" => "LT",
        "<=" => "LE",
        ">" => "GT",
        ">=" => "GE",
        "&" | "&=" => "MASKED_EQ",
        other => other,
    };
    let end = format!("_{}", text.to_ascii_uppercase().replace('-', "_"));
    let ends = words.iter().map(String::as_str).filter(|word| word.ends_with(&end));
    ends.min_by_key(|word| word.len())
}

/// An architecture as OCI profiles spell it: `SCMP_ARCH_X86_64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchName(pub Arch);

impl fmt::Display for ArchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0.name().to_ascii_uppercase())
    }
}

impl ArchName {
    /// The architecture of a word that [`ArchName`] displays as.
    fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix(Self::PREFIX)?;
        let is_upper = !name.bytes().any(|byte| byte.is_ascii_lowercase());
        Arch::from_name(&name.to_ascii_lowercase()).filter(|_| is_upper).map(Self)
    }

    const PREFIX: &str = "SCMP_ARCH_";
}

impl Serialize for ArchName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl ArchName {
    /// Reads the word from a file, also as others write it, or as the kernel's number; and whether
    /// it is not the format's own.
    pub(crate) fn read(node: Node<'_>) -> Result<(Self, bool), Fault> {
        let accepted = || Arch::ALL.iter().map(|&arch| Self(arch).to_string()).collect();
        let other = match node.as_text() {
            Some(text) => Self::parse(&text).is_none().then(|| of_other(&text)).flatten(),
            None => node.u64("the architecture").ok().and_then(of_token),
        };
        match other {
            Some(arch) => Ok((Self(arch), true)),
            None => Ok((word(node, "architecture", Self::parse, accepted)?, false)),
        }
    }
}

/// The architecture of a word that is not OCI's: `amd64`, `i386`, `x86-64`, `0xc000003e`.
fn of_other(text: &str) -> Option<Arch> {
    let lower = text.to_ascii_lowercase().replace('-', "_");
    let bare = lower.strip_prefix("scmp_arch_").or_else(|| lower.strip_prefix("audit_arch_"));
    let bare = bare.unwrap_or(&lower);
    let token = match lower.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => lower.parse().ok(),
    };
    DockerArch::parse(bare).map(|arch| arch.0).or_else(|| token.and_then(of_token))
}

/// The architecture that the kernel gives this number to: of x86_64 and x32 the former.
fn of_token(token: u64) -> Option<Arch> {
    Arch::ALL
        .into_iter()
        .filter(|arch| *arch != Arch::X32)
        .find(|arch| u64::from(arch.token().raw()) == token)
}

/// An architecture as Docker's `includes` and `excludes` spell it: `amd64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DockerArch(pub Arch);

impl DockerArch {
    /// Docker's word for the architecture; ours where Docker has none.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self.0 {
            Arch::X86_64 => "amd64",
            Arch::Aarch64 => "arm64",
            other => other.name(),
        }
    }

    /// The architecture of a word: Docker's, Go's where it differs (`386`, `loong64`, `mipsle`),
    /// ours, or that of a distribution (`i386`, `armhf`, `ppc64el`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Arch::from_word(text).map(Self)
    }
}

impl fmt::Display for DockerArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Spelled<DockerArch> {
    /// Reads the word from a file.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Fault> {
        let accepted = || Arch::ALL.iter().map(|&arch| DockerArch(arch).to_string()).collect();
        word(node, "architecture", |text| Some(Self::of(DockerArch::parse(text)?, text)), accepted)
    }
}

/// The index of a syscall's argument: 0 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArgIndex(u8);

impl ArgIndex {
    /// The largest index.
    pub const MAX: u8 = 5;

    /// Wraps an index; `None` above 5.
    #[must_use]
    pub const fn new(index: u8) -> Option<Self> {
        if index <= Self::MAX { Some(Self(index)) } else { None }
    }

    /// The index.
    #[must_use]
    pub const fn raw(self) -> u8 {
        self.0
    }
}

impl Serialize for ArgIndex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl ArgIndex {
    /// Reads the index from a file.
    ///
    /// # Errors
    /// Anything but a number from 0 to 5.
    pub fn read(node: Node<'_>) -> Result<Self, Fault> {
        let index = node.u64("the index of an argument")?;
        u8::try_from(index).ok().and_then(Self::new).ok_or_else(|| {
            node.fault(format!("no argument {index}: syscalls have arguments 0 to 5"))
        })
    }
}

/// The number of low bits of an argument that a comparison reads: callgate's addition to the
/// format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WidthName {
    /// The low 32 bits.
    Bits32,
    /// All 64 bits.
    Bits64,
}

impl Serialize for WidthName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match self {
            Self::Bits32 => 32,
            Self::Bits64 => 64,
        })
    }
}

impl WidthName {
    /// Reads the number from a file.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Fault> {
        match node.u64("the width")? {
            32 => Ok(Self::Bits32),
            64 => Ok(Self::Bits64),
            other => {
                Err(node
                    .fault(format!("{other} is no width: arguments are compared in 32 or 64 bits")))
            }
        }
    }
}

/// A kernel version in a file: `"4.8"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MinKernel(pub KernelVersion);

impl Serialize for MinKernel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl MinKernel {
    /// Reads the version from a file.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Fault> {
        let text = node.text("a kernel version")?;
        let version: KernelVersion =
            text.parse().map_err(|error| node.fault(format!("{text:?}: {error}")))?;
        // Docker reads two numbers of 8 bits, and refuses the profile else.
        let is_digit = |byte: u8| byte.is_ascii_digit();
        match text.split('.').count() == 2 && text.bytes().all(|b| b == b'.' || is_digit(b)) {
            true => Ok(Self(version)),
            false => Err(node.fault(format!(
                "{text:?} is refused by Docker, which takes two numbers: write \"{version}\""
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_by_their_ends_and_signs() {
        let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let operators: Vec<String> = OperatorName::ALL.iter().map(ToString::to_string).collect();
        let cases =
            [("EQ", "SCMP_CMP_EQ"), ("masked-eq", "SCMP_CMP_MASKED_EQ"), (">=", "SCMP_CMP_GE")];
        for (text, word) in cases {
            assert_eq!(short(text, &operators), Some(word));
        }
        assert_eq!(short("Q", &operators), None);
        assert_eq!(
            short("kill", &words(&["SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL"])),
            Some("SCMP_ACT_KILL")
        );
    }

    #[test]
    fn architectures_are_read_as_they_are_written() {
        for arch in Arch::ALL.map(ArchName) {
            assert_eq!(ArchName::parse(&arch.to_string()), Some(arch));
            assert_eq!(ArchName::parse(&arch.to_string().to_lowercase()), None);
        }
        for (text, arch) in [
            ("amd64", Arch::X86_64),
            ("i386", Arch::X86),
            ("X86_64", Arch::X86_64),
            ("x86-64", Arch::X86_64),
            ("scmp_arch_x86", Arch::X86),
            ("0xC000003E", Arch::X86_64),
            ("0xc00000b7", Arch::Aarch64),
            ("3221225655", Arch::Aarch64),
            ("AUDIT_ARCH_S390X", Arch::S390x),
        ] {
            assert_eq!(of_other(text), Some(arch), "{text}");
        }
        for text in ["", "amd46", "0x", "0xc000003f", "SCMP_ARCH_", "1"] {
            assert_eq!(of_other(text), None, "{text}");
        }
        for text in ["", "SCMP_ARCH_", "X86", "SCMP_ARCH_x86", "scmp_arch_X86", "SCMP_ARCH_X86_"] {
            assert_eq!(ArchName::parse(text), None, "{text}");
        }
    }
}
