//! Lines and cores that tell of denials: whatever they are ends in an answer, and what is read is
//! explained and read again from its own text the same way.
#![no_main]

use callgate_explain::{Found, Reader, explain, read_core};
use callgate_syscalls::Arch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(denial) = read_core(bytes) {
        assert!(!explain(&denial, None).to_string().is_empty());
    }
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::new(Arch::X86_64);
    for line in text.lines() {
        if let Found::Denial(denial) = reader.line(line) {
            assert!(denial.is_like(&denial.clone()));
        }
    }
});
