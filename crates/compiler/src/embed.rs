//! Filters as Rust source, so that a build script can compile and prove a filter and the
//! application only loads it.
#![cfg_attr(
    not(test),
    expect(
        clippy::disallowed_methods,
        clippy::disallowed_macros,
        reason = "text for people, which the C library never makes"
    )
)]

use std::fmt::Write;

use callgate_bpf::Program;
use callgate_syscalls::Endian;

/// How many bytes a line of source has: two instructions.
const LINE: usize = 16;

/// A program as a Rust constant: an array of bytes that the kernel reads as `sock_filter`s in that
/// byte order.
///
/// A build script writes the text to a file under `OUT_DIR`, and the application includes it with
/// `include!`. Give the byte order of the target, not of the machine that builds.
///
/// # Examples
/// ```
/// use callgate_compiler::{compile, rust_source};
/// use callgate_policy::{Action, Arch, ArchPolicy, Policy};
/// use callgate_syscalls::Endian;
///
/// let policy = Policy::builder(Action::ALLOW)
///     .arch(Arch::X86_64, ArchPolicy::new(Action::ALLOW))
///     .arch(Arch::X32, ArchPolicy::new(Action::ALLOW))
///     .build()?;
/// let source = rust_source("FILTER", &compile(&policy)?, Endian::Little);
/// assert!(source.contains("pub const FILTER: [u8; 8] = ["));
/// assert!(source.contains("0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0x7f"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn rust_source(name: &str, program: &Program, endian: Endian) -> String {
    let bytes = program.to_bytes(endian);
    let mut text = format!(
        "/// A seccomp filter of {} instructions.\npub const {name}: [u8; {}] = [\n",
        program.len(),
        bytes.len()
    );
    for line in bytes.chunks(LINE) {
        text.push_str("   ");
        for byte in line {
            // Writing to a string does not fail.
            let _ = write!(text, " {byte:#04x},");
        }
        text.push('\n');
    }
    text.push_str("];\n");
    text
}
