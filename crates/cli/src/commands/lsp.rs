//! `callgate lsp`: the language in editors.

use callgate_console::error::{Error, Status};

/// Serve an editor: the language (*.gate) by the Language Server Protocol
///
/// Editors start this command and talk to it over standard input and output. It shows what is wrong while one writes,
/// with the edits that mend it; what a name is (signature, since which kernel, who calls it, its risk); completes names,
/// arguments, constants and blocks; and formats. Files *.tests are served as well.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate lsp             editors start it; the guide's chapter on editors says how

Exit status:
  0  the editor was done
  2  the editor did not keep to the protocol, or went away")]
pub(crate) struct Args {
    /// Talk over standard input and output, which is the only way there is; editors say so
    #[arg(long)]
    stdio: bool,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    // What the flag asks for is what happens anyway.
    let _ = args.stdio;
    callgate_lsp::serve_stdio().map_err(|error| Error::Usage(error.to_string()))?;
    Ok(Status::Success)
}
