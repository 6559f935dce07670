//! Flags under a mask: `clone` may make processes and threads, but no namespaces; `clone3`, whose
//! flags lie in memory where no filter sees them, does not exist, so that libc falls back to
//! `clone`.
//!
//! `cargo run -p callgate --example no_new_namespaces`
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;
use std::process::Command;

use callgate::{Action, Errno, Filter, Scope, arg, names};

/// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
const NAMESPACES: u64 = 0x7e02_0000;

fn main() -> Result<(), Box<dyn Error>> {
    let filter = Filter::builder(Action::ALLOW)
        .rule(names::CLONE, arg("clone_flags").has_any_of(NAMESPACES), Errno::EPERM.action())
        .answer(Errno::ENOSYS.action(), [names::CLONE3])
        .answer(Errno::EPERM.action(), [names::UNSHARE, names::SETNS])
        .build()?;
    filter.load(Scope::BeforeExec)?;

    println!("true: {}", Command::new("true").status()?);
    println!("unshare: {}", Command::new("unshare").args(["--user", "true"]).status()?);
    Ok(())
}
