//! `callgate explain-error`: a page for each code of an error.

use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Explain the code of an error in a policy
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate explain-error E0350
  callgate explain-error            all codes
")]
pub(crate) struct Args {
    /// The code, such as E0350
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let heading = output::HEADING;
    let Some(code) = &args.code else {
        output::text(|out| {
            callgate_gate::codes().try_for_each(|(code, title, _)| {
                writeln!(out, "{heading}{code}{heading:#}  {title}")
            })
        })?;
        return Ok(Status::Success);
    };
    let wanted = code.to_ascii_uppercase();
    let page = callgate_gate::codes().find(|(code, ..)| *code == wanted);
    let Some((code, title, text)) = page else {
        return Err(Error::Usage(match callgate_lint::page(&wanted) {
            Some(_) => format!("{wanted} is a finding's: `callgate lint --explain {wanted}`"),
            None => format!("no error has the code {code:?}: `callgate explain-error` lists them"),
        }));
    };
    output::text(|out| writeln!(out, "{heading}{code}: {title}{heading:#}\n\n{text}"))?;
    Ok(Status::Success)
}
