//! `callgate scan`: the syscalls that programs can reach.

use std::path::PathBuf;

use callgate_scan::{Report, scan};
use clap::ValueHint;

use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Find the syscalls that a program and its libraries can reach
///
/// Reads the machine code (x86_64 and aarch64) of programs, of the libraries that they need and of those that they name,
/// without running any of it. Each call is shown with the shortest way to it. What cannot be found out is listed as
/// unknown: numbers and names of libraries that are computed, libraries that are not there, programs that are started.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate scan /usr/bin/xz
  callgate scan --json /usr/bin/xz | jq -r '.calls[].name'
  callgate scan -o nginx.gate /usr/sbin/nginx /usr/lib/nginx/modules/*.so
  callgate scan --root rootfs rootfs/usr/bin/app      the libraries of a container
  callgate scan --strict app                          fails where anything is unknown

Exit status:
  0  scanned
  1  with --strict: something is unknown
  2  a program could not be read, or is none
")]
pub(crate) struct Args {
    /// The programs, and libraries that they load
    #[arg(value_name = "ELF", required = true, value_hint = ValueHint::FilePath)]
    programs: Vec<PathBuf>,
    /// Where libraries are looked for
    #[arg(long, value_name = "DIR", default_value = "/", value_hint = ValueHint::DirPath)]
    root: PathBuf,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// Write a policy that allows what can be reached, proved before it is written
    #[arg(short, long, value_name = "FILE.gate", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Fail where something is unknown
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let report = scan(&args.programs, &args.root).map_err(|error| match error {
        callgate_scan::Error::Read(path, reason) => {
            Error::Read { what: path.display().to_string(), reason }
        }
        other => Error::Usage(other.to_string()),
    })?;
    if let Some(path) = &args.output {
        output::file(path, policy(&report)?.as_bytes())?;
        let (calls, unknown) = (report.calls.len(), report.unknown.len());
        output::note(&format_args!("{calls} calls can be reached, {unknown} things are unknown"));
    } else if args.json {
        output::json(&report)?;
    } else {
        output::text(|out| write!(out, "{report}"))?;
    }
    let fails = args.strict && !report.unknown.is_empty();
    Ok(if fails { Status::No } else { Status::Success })
}

/// The policy, formatted, whose filter was proved.
fn policy(report: &Report) -> Result<String, Error> {
    let none = || Error::Usage("no call can be reached, so there is no policy".to_owned());
    let text = report.policy().ok_or_else(none)?;
    let text = callgate_gate::format(&callgate_gate::File::parse(&text)).unwrap_or(text);
    callgate::Filter::parse(&text)?;
    Ok(text)
}
