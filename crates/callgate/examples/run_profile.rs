//! Reads a container profile, says what it makes of it, and becomes a program under it.
//!
//! `cargo run -p callgate --example run_profile -- PROFILE.json CMD ARGS`, or `container` for the
//! built-in profile.
#![expect(clippy::print_stderr, reason = "an example talks to a person")]

use std::error::Error;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use callgate::profiles::Profile;
use callgate::{Filter, Scope, this_machine};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let name = args.next().ok_or("usage: run_profile PROFILE CMD [ARGS]")?;
    let name = name.to_string_lossy();
    let filter = match Filter::builtin(&name) {
        Err(callgate::Error::UnknownBuiltin(_)) => of_file(name.as_ref().as_ref())?,
        found => found?,
    };
    eprintln!("{} instructions", filter.program().len());

    let mut command = Command::new(args.next().ok_or("usage: run_profile PROFILE CMD [ARGS]")?);
    command.args(args);
    filter.load(Scope::BeforeExec)?;
    Err(command.exec().into())
}

fn of_file(path: &Path) -> Result<Filter, Box<dyn Error>> {
    let resolved = Profile::load(path)?.resolve(&this_machine()?)?;
    for warning in &resolved.warnings {
        eprintln!("warning: {warning}");
    }
    Ok(Filter::from_profile(&resolved)?)
}
