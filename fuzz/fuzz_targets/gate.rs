//! Texts as policies: the tree holds every byte, formatting keeps it and is done after once, and
//! whatever is read has a meaning or a reason why not.
#![no_main]

use callgate_gate::{File, format, nothing, read};
use callgate_rules::{Source, Target};
use callgate_syscalls::Arch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let file = File::parse(text);
    assert_eq!(file.root().text().to_string(), text);
    if let Some(once) = format(&file) {
        let again = File::parse(&once);
        assert!(again.errors().is_empty(), "{once}");
        assert_eq!(format(&again).as_ref(), Some(&once));
    }
    let Ok(source) = Source::new("fuzzed.gate", text) else { return };
    match read(source, &mut nothing) {
        Ok(written) => drop(written.lower(&Target::new(Arch::X86_64))),
        Err(refused) => assert!(!refused.to_string().is_empty()),
    }
});
