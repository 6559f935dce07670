//! How many low bits of a register the kernel reads for a C type, and which registers a parameter
//! takes.

use super::facts::{Parameter, Table};

/// Types whose width is the same everywhere: the spelling without qualifiers, and the bits.
const FIXED: &[(u8, &[&str])] = &[
    (8, &["u8", "unsigned char"]),
    (16, &["umode_t", "old_uid_t", "old_gid_t", "u16"]),
    (
        32,
        &[
            "int",
            "unsigned int",
            "unsigned",
            "uint",
            "u32",
            "__u32",
            "__s32",
            "s32",
            "pid_t",
            "uid_t",
            "gid_t",
            "qid_t",
            "clockid_t",
            "timer_t",
            "mqd_t",
            "key_t",
            "key_serial_t",
            "rwf_t",
            "compat_ulong_t",
            "compat_long_t",
            "compat_size_t",
            "compat_ssize_t",
            "compat_off_t",
            "compat_pid_t",
            "compat_uptr_t",
            "compat_aio_context_t",
        ],
    ),
    (64, &["loff_t", "u64", "__u64"]),
];

/// Types as wide as a register: `long`, sizes, and types that stand for pointers.
const WORDS: &[&str] = &[
    "long",
    "unsigned long",
    "size_t",
    "off_t",
    "uintptr_t",
    "old_sigset_t",
    "aio_context_t",
    "__sighandler_t",
    "cap_user_header_t",
    "cap_user_data_t",
];

/// The bits that the kernel reads of one register that holds a parameter of this type.
pub(super) fn bits(c_type: &str, table: &Table) -> Result<u8, String> {
    Ok(type_bits(c_type, table)?.min(table.register_bits))
}

fn type_bits(c_type: &str, table: &Table) -> Result<u8, String> {
    let bare = unqualified(c_type);
    if bare.contains('*') || WORDS.contains(&bare.as_str()) {
        return Ok(table.register_bits);
    }
    if bare.starts_with("enum ") {
        return Ok(32);
    }
    if bare == "compat_mode_t" {
        let narrow = matches!(table.folder, "parisc" | "s390" | "x86");
        return Ok(if narrow { 16 } else { 32 });
    }
    let fixed = FIXED.iter().find(|(_, types)| types.contains(&bare.as_str()));
    fixed.map(|(bits, _)| *bits).ok_or_else(|| format!("no width is known for the type {c_type:?}"))
}

/// The parameters as registers: a 32-bit kernel takes a 64-bit value in two.
///
/// Compat entries of a 64-bit kernel have one parameter for each register already.
pub(super) fn registers(table: &Table, parameters: &[Parameter]) -> Result<Vec<Parameter>, String> {
    let mut registers = Vec::new();
    for (c_type, name) in parameters {
        if table.compat || type_bits(c_type, table)? <= table.register_bits {
            registers.push((c_type.clone(), name.clone()));
            continue;
        }
        // Arm's calling convention begins 64-bit values at even registers.
        if table.name == "arm" && registers.len() % 2 == 1 {
            registers.push(("u32".into(), "padding".into()));
        }
        registers.extend([0, 1].map(|word| ("u32".into(), format!("{name}_word{word}"))));
    }
    match registers.len() {
        0..=6 => Ok(registers),
        // The seventh, on mips and arm, is on the stack, where no filter sees it.
        7 => Ok(registers.into_iter().take(6).collect()),
        count => Err(format!("{count} registers")),
    }
}

fn unqualified(c_type: &str) -> String {
    let noise = |word: &&str| !matches!(*word, "const" | "volatile" | "__user" | "__force");
    c_type.split_whitespace().filter(noise).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::TABLES;

    fn table(name: &str) -> &'static Table {
        TABLES.iter().find(|table| table.name == name).unwrap_or(&TABLES[0])
    }

    #[test]
    fn pointers_and_longs_are_as_wide_as_the_register() {
        for (c_type, name, expected) in [
            ("const char __user *", "x86_64", 64),
            ("const char __user *", "x32", 64),
            ("compat_ulong_t", "x32", 32),
            ("unsigned long", "x86", 32),
            ("umode_t", "aarch64", 16),
            ("loff_t", "aarch64", 64),
        ] {
            assert_eq!(bits(c_type, table(name)), Ok(expected), "{c_type} on {name}");
        }
        assert!(bits("mystery_t", table("x86")).is_err());
    }

    #[test]
    fn wide_values_take_two_registers_on_32_bit_abis() {
        let parameters = [("int", "fd"), ("loff_t", "offset")].map(|(t, n)| (t.into(), n.into()));
        let names = |arch| {
            let registers = registers(table(arch), &parameters).unwrap_or_default();
            registers.into_iter().map(|register| register.1).collect::<Vec<_>>()
        };
        assert_eq!(names("m68k"), ["fd", "offset_word0", "offset_word1"]);
        assert_eq!(names("arm"), ["fd", "padding", "offset_word0", "offset_word1"]);
        assert_eq!(names("x86_64"), ["fd", "offset"]);
        assert_eq!(names("x32"), ["fd", "offset"]);
    }
}
