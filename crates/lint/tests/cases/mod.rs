//! The filters.

/// A code, a filter in which it is found, and one in which it is not.
pub(crate) struct Case {
    pub(crate) code: &'static str,
    pub(crate) bad: Filter,
    pub(crate) good: Filter,
}

/// A filter in one of the forms.
pub(crate) enum Filter {
    Gate(&'static str),
    Json(&'static str),
    Asm(&'static [&'static str]),
}

/// A policy that allows all but some calls.
macro_rules! deny {
    ($($line:literal)*) => {
        Filter::Gate(concat!("policy 1\narch x86_64\ndefault allow\n", $($line, "\n",)*))
    };
}

/// A policy that allows some calls.
macro_rules! allow {
    ($($line:literal)*) => {
        Filter::Gate(concat!("policy 1\narch x86_64\ndefault errno EPERM\nallow exit\n", $($line, "\n",)*))
    };
}

macro_rules! gate {
    ($($line:literal)*) => { Filter::Gate(concat!("policy 1\n", $($line, "\n",)*)) };
}

/// A profile that refuses all but what a list of rules says.
macro_rules! json {
    ($rules:literal) => {
        Filter::Json(concat!(
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": ["#,
            $rules, "]}"
        ))
    };
}

/// A program that looks at the number on x86_64 and kills on others.
macro_rules! asm {
    ($($line:literal)*) => {
        Filter::Asm(&[concat!("ld [4]\njne #0xc000003e, kill\nld [0]\njge #0x40000000, kill\n", $($line, "\n",)* "kill: ret #0x80000000\n")])
    };
}

mod plain;
mod reach;

pub(crate) use plain::{ABI, ANSWERS, COST, RULES, WIDTH};
pub(crate) use reach::{PROCESSES, WAYS};
