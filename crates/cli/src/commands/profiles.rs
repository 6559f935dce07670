//! `callgate profiles`: the embedded profiles.

use callgate_gate::{Builtin, builtins};

use callgate_console::error::{Error, Status};
use callgate_console::input::Source;
use callgate_console::output;

/// List the embedded profiles, or print one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate profiles                              what there is
  callgate profiles show container > my.gate     a start for a profile of your own
  callgate run --profile my.gate -- sh           which is then used like this
")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print a profile, a policy of the language
    Show {
        /// Its name
        #[arg(value_parser = Source::builtin)]
        name: Builtin,
    },
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    match &args.action {
        Some(Action::Show { name }) => output::text(|out| write!(out, "{}", name.text))?,
        None => output::text(|out| {
            let width = builtins().iter().map(|builtin| builtin.name.len()).max().unwrap_or(0);
            let name = output::HEADING;
            builtins().iter().try_for_each(|builtin| {
                writeln!(out, "{name}{:width$}{name:#}  {}", builtin.name, builtin.summary)
            })
        })?,
    }
    Ok(Status::Success)
}
