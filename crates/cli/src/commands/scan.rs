//! `callgate scan`: the syscalls that programs can reach.

use callgate_console::{error::Error, error::Status, output};
use std::path::PathBuf;

/// Find the syscalls that a program and its libraries can reach
///
/// Reads machine code (x86_64, aarch64) and runs none; what cannot be found out is listed as
/// unknown.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate scan /usr/bin/xz
  callgate scan -o nginx.gate /usr/sbin/nginx /usr/lib/nginx/modules/*.so

Exit status:
  0  scanned
  1  with --strict: something is unknown
  2  a program could not be read, or is none
")]
pub(crate) struct Args {
    /// The programs, and libraries that they load
    #[arg(value_name = "ELF", required = true)]
    programs: Vec<PathBuf>,
    /// Where libraries are looked for
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// Write a policy that allows what can be reached, proved before it is written
    #[arg(short, long, value_name = "FILE.gate")]
    output: Option<PathBuf>,
    /// Fail where something is unknown
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let report = callgate_scan::scan(&args.programs, &args.root).map_err(refused)?;
    match &args.output {
        Some(path) => output::policy(path, &report.policy())?,
        None if args.json => output::json(&report)?,
        None => output::text(|out| write!(out, "{report}"))?,
    }
    Ok(if args.strict && !report.unknown.is_empty() { Status::No } else { Status::Success })
}

fn refused(error: callgate_scan::Error) -> Error {
    match error {
        callgate_scan::Error::Read(path, reason) => {
            Error::Read { what: path.display().to_string(), reason }
        }
        other => Error::Usage(other.to_string()),
    }
}
