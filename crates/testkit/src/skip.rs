//! Tests that can't be made where they run.

use std::io::{Write as _, stderr};
use std::sync::atomic::{AtomicU32, Ordering};

/// Says on standard error that the calling test is skipped, why, and how many of its program were.
/// The test harness has no word for it and counts the test as passed; this line is shown all the
/// same, and `cargo xtask ci` counts such lines.
pub fn skip(reason: &str) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not by eprintln, whose text the harness keeps for tests that fail. What can't be written is
    // lost.
    let _ = writeln!(stderr(), "skipped ({count}): {test}: {reason}");
}
