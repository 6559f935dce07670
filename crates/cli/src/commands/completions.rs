//! `callgate completions`: completion scripts for shells.

use clap_complete::Shell;

use super::parser::parser;
use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate completions bash > ~/.local/share/bash-completion/completions/callgate
  callgate completions zsh > ~/.zfunc/_callgate
  callgate completions fish > ~/.config/fish/completions/callgate.fish
")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    // The generator panics where it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut parser(), "callgate", &mut script);
    output::text(|out| out.write_all(&script))?;
    Ok(Status::Success)
}
