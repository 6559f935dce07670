//! `callgate lint`: what is wrong with filters that load and equal their policy.

use callgate_lint::Finding;
use callgate_rules::Severity;
use callgate_syscalls::Arch;
use clap::{ValueEnum, ValueHint};

use callgate_console::args::group::ProfileArgs;
use callgate_console::args::value;
use callgate_console::error::{Error, Status};
use callgate_console::findings::{self, Looked, Material};
use callgate_console::input::{self, Source};
use callgate_console::output;

/// Look for what is wrong with filters that load and equal their policy
///
/// Each finding has a code, a call that shows it, which the prover found, and what to do about it. An error is a filter
/// that does not do what it says; a warning one that hardly does what was meant; a note is worth knowing.
///
/// In a policy, `# allow(CODE): reason` keeps a finding quiet, on its line or the one before.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate lint seccomp.json
  callgate lint filter.bpf pid:4711
  callgate lint new.json --against old.json       only what the change brought
  callgate lint seccomp.json --deny L0512 --allow L0604
  callgate lint --explain L0401
  callgate lint seccomp.json --format sarif > lint.sarif

Exit status:
  0  no error, and nothing that --deny names
  1  found
  2  a filter could not be read
  3  undecided within the limits
")]
pub(crate) struct Args {
    /// The filters: FILE, NAME of an embedded profile, pid:N, or - for standard input
    #[arg(
        value_name = "FILTER",
        value_parser = input::parser(),
        value_hint = ValueHint::FilePath,
        required_unless_present_any = ["explain", "codes"]
    )]
    filters: Vec<Source>,
    /// Leave out what this filter has, too
    #[arg(long, value_name = "BASE", value_parser = input::parser(), value_hint = ValueHint::FilePath)]
    against: Option<Source>,
    /// Fail for these: a code, `error`, `warning` or `note`; may be repeated
    #[arg(long, value_name = "CODE", value_parser = Class::parse)]
    deny: Vec<Class>,
    /// Leave these out: a code, `warning` or `note`; may be repeated
    #[arg(long, value_name = "CODE", value_parser = Class::parse)]
    allow: Vec<Class>,
    /// Print the page of a code, and nothing else
    #[arg(long, value_name = "CODE", conflicts_with = "filters")]
    explain: Option<String>,
    /// List all codes
    #[arg(long, conflicts_with_all = ["filters", "explain"])]
    codes: bool,
    /// The form of the findings
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// An architecture to look at, instead of those of the filter; may be repeated
    #[arg(long = "arch", value_name = "ARCH", value_parser = value::arch())]
    arches: Vec<Arch>,
    #[command(flatten)]
    how: ProfileArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading
    #[default]
    Text,
    /// A list of objects
    Json,
    /// SARIF 2.1.0, for code hosts
    Sarif,
}

/// Findings of a code, or of a severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Code(&'static str),
    Severity(Severity),
}

impl Class {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "error" => return Ok(Self::Severity(Severity::Error)),
            "warning" => return Ok(Self::Severity(Severity::Warning)),
            "note" => return Ok(Self::Severity(Severity::Note)),
            _ => {}
        }
        let page = callgate_lint::page(&text.to_ascii_uppercase());
        let page = page.ok_or("no finding has this code: `callgate lint --codes` lists them")?;
        Ok(Self::Code(page.code))
    }

    fn has(self, finding: &Finding) -> bool {
        match self {
            Self::Code(code) => finding.code.as_str() == code,
            Self::Severity(severity) => finding.severity == severity,
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    if let Some(code) = &args.explain {
        return explain(code);
    }
    if args.codes {
        return codes();
    }
    let sources: Vec<&Source> = args.filters.iter().chain(&args.against).collect();
    input::stdin_once(&sources)?;
    let read = |source: &Source| Material::read(source, &args.how, &args.arches);
    let base = args.against.as_ref().map(|base| read(base)?.lint()).transpose()?;
    let mut looked = Vec::new();
    for source in &args.filters {
        let material = read(source)?;
        let mut report = material.lint()?;
        if let Some(base) = &base {
            report = report.against(base);
        }
        report.findings.retain(|finding| !args.allow.iter().any(|class| class.has(finding)));
        let sources = material.sources().clone();
        looked.push(Looked { name: source.to_string(), sources, report });
    }
    write(&looked, args.format)?;
    let denied = |finding: &Finding| {
        finding.severity == Severity::Error || args.deny.iter().any(|class| class.has(finding))
    };
    let is_found = looked.iter().any(|looked| looked.report.findings.iter().any(denied));
    Ok(if is_found { Status::No } else { Status::Success })
}

fn write(looked: &[Looked], format: Format) -> Result<(), Error> {
    match format {
        Format::Text => looked.iter().try_for_each(|looked| {
            let text = findings::rendered(&looked.report, &looked.sources);
            output::text(|out| {
                write!(out, "{text}")?;
                writeln!(out, "{}: {}", looked.name, findings::summary(&looked.report))
            })
        }),
        Format::Json => {
            let list: Vec<_> = looked.iter().flat_map(findings::json).collect();
            output::json(&list)
        }
        Format::Sarif => output::json(&findings::sarif::log(looked)),
    }
}

fn explain(code: &str) -> Result<Status, Error> {
    let page = callgate_lint::page(&code.to_ascii_uppercase()).ok_or_else(|| {
        Error::Usage(format!(
            "no finding has the code {code:?}: `callgate lint --codes` lists them"
        ))
    })?;
    let heading = output::HEADING;
    output::text(|out| {
        writeln!(out, "{heading}{}: {}{heading:#}\n\n{}", page.code, page.title, page.text)
    })?;
    Ok(Status::Success)
}

fn codes() -> Result<Status, Error> {
    let heading = output::HEADING;
    output::text(|out| {
        callgate_lint::pages().try_for_each(|page| {
            writeln!(out, "{heading}{}{heading:#}  {:<7}  {}", page.code, page.severity, page.title)
        })
    })?;
    Ok(Status::Success)
}
