//! The state of a container that a runtime sends: never a container without the listener that goes
//! with it, and nothing longer than what may be kept.
#![no_main]

use callgate_agent::fuzz::read_state;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for descriptors in 0..3 {
        let Some(state) = read_state(bytes, descriptors) else { continue };
        assert!(descriptors > 0, "a container without a descriptor");
        assert!(state.id.len() <= 1024 && state.metadata.len() <= 1024);
    }
});
