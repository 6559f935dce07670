//! The example as a user meets it: its build made the filter, its start loads it.

use std::process::Command;

#[test]
fn the_filter_of_the_build_is_in_force() {
    let output = Command::new(env!("CARGO_BIN_EXE_callgate-embedded")).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("instructions are in force"), "{text}");
    assert!(text.contains("local socket: open"), "{text}");
    assert!(text.contains("network socket: Permission denied"), "{text}");
}
