//! The command line as a whole.

use std::ffi::OsString;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand as _};

use super::{Command, RUN, with_run_alone};
use callgate_console::output::ErrorFormat;

/// What stands before the command.
#[derive(Debug, Parser)]
#[command(
    name = "callgate",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "See `callgate help COMMAND` for a command, with examples, and `callgate help topics` for more.",
    disable_help_subcommand = true
)]
struct Root {
    /// How errors are written
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value = "text")]
    error_format: ErrorFormat,
}

/// The parser of the command line, with all commands.
pub(crate) fn parser() -> clap::Command {
    described(Command::augment_subcommands(Root::command())).subcommand_required(true)
}

/// The parser of the command line, with the one command whose users wait for something else to start. To describe all
/// the others takes longer than to load a filter.
fn parser_of_run() -> clap::Command {
    described(with_run_alone(Root::command())).subcommand_required(true)
}

/// The parser with what it is about, of which its commands would take the place.
fn described(parser: clap::Command) -> clap::Command {
    let long_help = format!("{LONG_HELP}\n{EXIT_STATUS}");
    parser.about(ABOUT).long_about(format!("{ABOUT}\n\n{LONG_ABOUT}")).after_long_help(long_help)
}

/// Finds out what the command line, the program's name first, asks for.
///
/// # Errors
/// What is wrong with it, or the help or version that it asks for.
pub(crate) fn parse(words: &[OsString]) -> Result<(Command, ErrorFormat), clap::Error> {
    let mut parser = match words.get(1) {
        Some(word) if word == RUN => parser_of_run(),
        _ => parser(),
    };
    parse_with(&mut parser, words)
}

fn parse_with(
    parser: &mut clap::Command,
    words: &[OsString],
) -> Result<(Command, ErrorFormat), clap::Error> {
    let mut matches = parser.try_get_matches_from_mut(words)?;
    let root = Root::from_arg_matches(&matches).map_err(|error| error.format(parser))?;
    let command = Command::from_arg_matches_mut(&mut matches);
    Ok((command.map_err(|error| error.format(parser))?, root.error_format))
}

const ABOUT: &str = "Syscall filters: written, compiled, proved, run, read";

const LONG_ABOUT: &str = "\
Every filter that callgate compiles is proved equal to its policy before it is written or loaded. Everything that is a \
filter already (a file, the filters of a running process) can be read, simulated and compared.";

/// How commands end, for scripts.
pub(super) const EXIT_STATUS: &str = "\
Exit status:
  0    done; the answer is yes
  1    the answer is no: the filters differ, the filter is not accepted, something is missing
  2    wrong arguments, bad input, or something could not be read or written
  3    undecided within the limits of the proof, or of what can be asked; never a yes
  126  `run`: the command could not be executed, or the filter not be loaded
  127  `run`: the command was not found
  `run` otherwise ends as its command does.
";

/// What is behind the list of commands.
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
  FILE               a policy in the language (*.gate), a profile of containers or of another
                     sandbox (systemd, minijail, firejail, ...), or a program in any form that a
                     tool prints; detected from the content (`callgate help forms`)
  -                  any of these from standard input
  builtin:NAME       an embedded profile (see `callgate profiles`); the bare NAME will do
  pid:N              the filters of the running process N
";

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        parser().debug_assert();
        parser_of_run().debug_assert();
    }

    /// The commands of the README's blocks and tables: what follows a pipe, and stands before a
    /// comment.
    fn commands_of(readme: &str) -> Vec<Vec<String>> {
        let blocks = readme.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
        let lines = blocks.flat_map(str::lines);
        let quoted = readme.lines().filter(|line| line.starts_with('|'));
        let quoted = quoted.flat_map(|line| line.split('`').skip(1).step_by(2));
        let all = lines.chain(quoted).map(|line| line.split(" #").next().unwrap_or_default());
        let all = all.map(|line| line.rsplit(" | ").next().unwrap_or_default());
        let all = all.map(|line| line.split(" > ").next().unwrap_or_default());
        let all = all.filter(|line| line.starts_with("callgate "));
        all.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn the_readme_shows_commands_that_there_are() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let commands = commands_of(&readme);
        assert!(commands.len() > 25, "{commands:?}");
        for command in commands {
            // Its last word may stand for one of several: `callgate completions SHELL`.
            let parsed = parser().try_get_matches_from(&command);
            let kind = parsed.err().map(|error| error.kind());
            let is_shown = kind.is_none_or(|kind| {
                matches!(kind, ErrorKind::DisplayHelp | ErrorKind::InvalidValue)
                    && command.last().is_some_and(|word| word.chars().all(char::is_uppercase))
            });
            assert!(is_shown, "{command:?}: {kind:?}");
        }
    }

    #[test]
    fn a_run_is_parsed_as_among_all_commands() {
        let lines = [
            "true",
            "-- sh -c x",
            "--profile qemu --caps ALL --kernel 5.4 --arch x86 --default log --log -- a --log",
            "--help",
            "-h",
            "",
            "--log",
            "--profle x -- true",
            "--default nothing -- true",
            "--as",
        ];
        for line in lines {
            let words = ["callgate", "run"].into_iter().chain(line.split_whitespace());
            let words: Vec<_> = words.map(OsString::from).collect();
            let outcome = |mut parser: clap::Command| {
                let parsed = parse_with(&mut parser, &words);
                parsed.map(|command| format!("{command:?}")).map_err(|error| error.to_string())
            };
            assert_eq!(outcome(parser_of_run()), outcome(parser()), "{line}");
        }
    }
}
