//! `callgate profiles`: the embedded profiles.

use callgate_formats::{Builtin, list};

use callgate_console::error::{Error, Status};
use callgate_console::input::Source;
use callgate_console::output;

/// List the embedded profiles, or print one
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate profiles                              what there is
  callgate profiles show container > my.json     a start for a profile of your own
  callgate run --profile my.json -- sh           which is then used like this
")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print a profile as a file in Docker's form
    Show {
        /// Its name
        #[arg(value_parser = Source::builtin)]
        name: Builtin,
    },
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    match &args.action {
        Some(Action::Show { name }) => output::text(|out| {
            let end = if name.json.ends_with('\n') { "" } else { "\n" };
            write!(out, "{}{end}", name.json)
        })?,
        None => output::text(|out| {
            let width = list().iter().map(|builtin| builtin.name.len()).max().unwrap_or(0);
            let name = output::HEADING;
            list().iter().try_for_each(|builtin| {
                writeln!(out, "{name}{:width$}{name:#}  {}", builtin.name, builtin.summary)
            })
        })?,
    }
    Ok(Status::Success)
}
