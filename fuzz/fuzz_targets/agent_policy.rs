//! The agent's policy: what is read answers calls, and no rule that looks into memory stands before
//! one that lets the same call continue; what is not, is an error that names the file.
#![no_main]

use callgate_agent::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = Policy::parse(text, "fuzzed.json") {
        assert!(error.to_string().starts_with("fuzzed.json"), "{error}");
    }
});
