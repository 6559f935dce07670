//! The commands, one module each: its arguments and what it does with them.

#[cfg(feature = "agent")]
mod agent;
mod asm;
mod check;
mod combine;
mod compare;
mod compile;
pub(crate) mod completions;
mod convert;
mod diff;
mod disasm;
mod explain;
mod explain_error;
mod fmt;
mod help;
mod learn;
mod lint;
#[cfg(feature = "lsp")]
mod lsp;
mod man;
mod optimize;
pub(crate) mod parser;
mod profiles;
mod prove;
mod report;
mod run;
#[cfg(feature = "scan")]
mod scan;
mod show;
mod sim;
mod subset;
mod test;
mod topics;

use callgate_console::error::{Error, Status};
use callgate_tables::{constants, groups, syscalls};
use clap::{Args as _, Subcommand};

/// What callgate can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::Args),
    Learn(learn::Args),
    #[cfg(feature = "scan")]
    Scan(scan::Args),
    Compile(compile::Args),
    Optimize(optimize::Args),
    Profiles(profiles::Args),
    Syscalls(syscalls::Args),
    Groups(groups::Args),
    Constants(constants::Args),
    Disasm(disasm::Args),
    Asm(asm::Args),
    Sim(sim::Args),
    Check(check::Args),
    Lint(lint::Args),
    Prove(prove::Args),
    Diff(diff::Args),
    Report(report::Args),
    Subset(subset::Args),
    Intersect(combine::IntersectArgs),
    Union(combine::UnionArgs),
    Convert(convert::Args),
    Fmt(fmt::Args),
    Test(test::Args),
    Show(show::Args),
    Explain(explain::Args),
    ExplainError(explain_error::Args),
    #[cfg(feature = "lsp")]
    Lsp(lsp::Args),
    #[cfg(feature = "agent")]
    Agent(agent::Args),
    Doctor(callgate_doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
    Help(help::Args),
}

/// The name of [`Command::Run`].
pub(crate) const RUN: &str = "run";

/// Adds `run` alone to a parser, without the other commands.
pub(crate) fn with_run_alone(parser: clap::Command) -> clap::Command {
    parser.subcommand(run::Args::augment_args(clap::Command::new(RUN)))
}

/// Does what the command line asks for.
///
/// # Errors
/// Why it was not done.
pub(crate) fn run(command: &Command) -> Result<Status, Error> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Learn(args) => learn::run(args),
        #[cfg(feature = "scan")]
        Command::Scan(args) => scan::run(args),
        Command::Compile(args) => compile::run(args),
        Command::Optimize(args) => optimize::run(args),
        Command::Profiles(args) => profiles::run(args),
        Command::Syscalls(args) => syscalls::run(args),
        Command::Groups(args) => groups::run(args),
        Command::Constants(args) => constants::run(args),
        Command::Disasm(args) => disasm::run(args),
        Command::Asm(args) => asm::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Check(args) => check::run(args),
        Command::Lint(args) => lint::run(args),
        Command::Prove(args) => prove::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Report(args) => report::run(args),
        Command::Subset(args) => subset::run(args),
        Command::Intersect(args) => combine::intersect(args),
        Command::Union(args) => combine::union(args),
        Command::Convert(args) => convert::run(args),
        Command::Fmt(args) => fmt::run(args),
        Command::Test(args) => test::run(args),
        Command::Show(args) => show::run(args),
        Command::Explain(args) => explain::run(args),
        Command::ExplainError(args) => explain_error::run(args),
        #[cfg(feature = "lsp")]
        Command::Lsp(args) => lsp::run(args),
        #[cfg(feature = "agent")]
        Command::Agent(args) => agent::run(args),
        Command::Doctor(args) => callgate_doctor::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
        Command::Help(args) => help::run(args),
    }
}
