//! Text: what assembles, assembles again from its listing; what does not, is an error with a place
//! in the text.
#![no_main]

use callgate_bpf::{Listing, Style, assemble};
use callgate_syscalls::Endian;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match assemble(text, Endian::Little) {
        Ok(program) => {
            let text = Listing::new(&program, Style { endian: Endian::Big, arch: None });
            assert_eq!(assemble(&text.to_string(), Endian::Little), Ok(program));
        }
        Err(error) => {
            assert!(error.column > 0);
            assert!(error.line <= text.lines().count().max(1));
            assert!(!error.to_string().is_empty());
        }
    }
});
