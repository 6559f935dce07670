//! What the README shows: a filter that is loaded, and lets the program end.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use callgate::{Action, Filter, Scope, arg, consts, names};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = Filter::builder(Action::KILL_PROCESS)
        .allow([names::READ, names::WRITE, names::CLOSE])
        .allow([names::SIGALTSTACK, names::MUNMAP, names::EXIT_GROUP]) // the end of main
        .rule(names::SOCKET, arg("family").is_in([consts::AF_UNIX, consts::AF_INET]), Action::ALLOW)
        .build()?; // compiled, and proved equal to these rules
    filter.load(Scope::ThisThread)?;
    println!("confined");
    Ok(())
}
