//! The command line as a whole, and what several commands share of it.

pub(crate) mod group;
pub(crate) mod tune;
pub(crate) mod value;

use clap::Parser;

use crate::commands::Command;

/// Syscall filters: written, compiled, proved, run, read
///
/// Every filter that callgate compiles is proved equal to its policy before it is written or loaded. Everything
/// that is a filter already (a file, the filters of a running process) can be read, simulated and compared.
#[derive(Debug, Parser)]
#[command(
    name = "callgate",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "See `callgate help COMMAND` for a command, with examples.",
    after_long_help = LONG_HELP
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const LONG_HELP: &str = "\
Examples:
  callgate run -- sh                    a shell confined as in a container
  callgate compile seccomp.json -o f    a container profile as a filter program
  callgate disasm --pid 4711            the filters of a running process
  callgate diff old.json new.json       what a change of a profile means
  callgate syscalls openat2             number, first kernel, arguments
  callgate doctor                       what this kernel and environment allow

Filters:
  Where a command reads a filter, it takes
  FILE               a container profile (OCI or Docker JSON), a raw program (struct sock_filter in
                     either byte order), a program in hexadecimal, or assembler; detected from the
                     content
  -                  any of these from standard input
  builtin:NAME       an embedded profile (see `callgate profiles`); the bare NAME will do
  pid:N              the filters of the running process N

Exit status:
  0    done; the answer is yes
  1    the answer is no: the filters differ, the filter is not accepted, something is missing
  2    wrong arguments, bad input, or something could not be read or written
  3    undecided within the limits of the proof, or of what can be asked; never a yes
  126  `run`: the command could not be executed, or the filter not be loaded
  127  `run`: the command was not found
  `run` otherwise ends as its command does.
";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
