//! A worker that gives up everything but reading, writing and leaving, then counts the words of its
//! input.
//!
//! `echo a b c | cargo run -p callgate --example worker`
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;
use std::io::Read;

use callgate::{Action, Filter, Scope, names};

fn main() -> Result<(), Box<dyn Error>> {
    let filter = Filter::builder(Action::KILL_PROCESS)
        .allow([names::READ, names::WRITE, names::EXIT_GROUP, names::SIGALTSTACK])
        // The allocator grows the heap and, for large blocks, maps memory.
        .allow([names::BRK, names::MMAP, names::MUNMAP, names::MREMAP])
        .build()?;
    filter.load(Scope::AllThreads)?;

    // From here on, anything else ends the process: opening a file, say, or a bug that tries to.
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    println!("{} words", text.split_whitespace().count());
    Ok(())
}
