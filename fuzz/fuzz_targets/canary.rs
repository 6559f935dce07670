//! Must fail within seconds: it shows that the fuzzer runs, is guided by coverage, and reports what
//! it finds.
#![no_main]

use callgate_bpf::decode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Random bytes don't get here: it takes coverage to find the way from nothing.
    if let Ok(decoded) = decode(bytes) {
        assert!(decoded.program.len() < 2, "the canary sings: the fuzzer reaches decoded programs");
    }
});
