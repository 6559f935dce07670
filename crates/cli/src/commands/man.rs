//! `callgate man`: manual pages, made from the same texts as `--help`.

use std::io;
use std::path::PathBuf;

use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::parser::parser;
use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Print a manual page, or write all of them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate man run | man -l -
  callgate man learn merge | man -l -
  callgate man --out /usr/local/share/man/man1
")]
pub(crate) struct Args {
    /// The command whose page is printed, instead of callgate's own
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    command: Vec<String>,
    /// Write every page to this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let pages = pages();
    if let Some(dir) = &args.out {
        for page in &pages {
            output::file(&dir.join(page.file_name()), &page.text()?)?;
        }
        return Ok(Status::Success);
    }
    let words = std::iter::once(NAME).chain(args.command.iter().map(String::as_str));
    let name = words.collect::<Vec<_>>().join("-");
    let Some(page) = pages.iter().find(|page| page.name == name) else {
        let command = args.command.join(" ");
        return Err(Error::Usage(format!("no command {command:?}: see `callgate --help`")));
    };
    let text = page.text()?;
    output::text(|out| out.write_all(&text))?;
    Ok(Status::Success)
}

const NAME: &str = "callgate";

/// A command with its manual page.
struct Page {
    name: String,
    command: clap::Command,
}

/// The page of callgate, then those of its commands in the order of `--help`, each before those of
/// its own commands.
fn pages() -> Vec<Page> {
    let mut callgate = parser();
    callgate.build();
    let mut pages = Vec::new();
    let mut waiting = vec![callgate];
    while let Some(command) = waiting.pop() {
        let inner = command.get_subcommands().filter(|inner| is_own(&command, inner));
        let inner: Vec<_> = inner.cloned().collect();
        waiting.extend(inner.into_iter().rev());
        let name = command.get_display_name().unwrap_or(NAME).to_owned();
        pages.push(Page { name, command });
    }
    pages
}

/// Whether a command is more than the `help` that the parser of arguments gives to every list of
/// commands.
fn is_own(outer: &clap::Command, inner: &clap::Command) -> bool {
    outer.get_name() == NAME || inner.get_name() != "help"
}

impl Page {
    fn file_name(&self) -> String {
        format!("{}.1", self.name)
    }

    fn text(&self) -> Result<Vec<u8>, Error> {
        let mut text = Vec::new();
        let result = self.render(&mut text);
        result.map_err(|reason| Error::write(self.file_name(), reason))?;
        Ok(text)
    }

    fn render(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let man = Man::new(self.command.clone()).title(&self.name).manual("Callgate");
        let man = man.source(concat!("callgate ", env!("CARGO_PKG_VERSION")));
        man.render_title(out)?;
        man.render_name_section(out)?;
        synopsis(&self.command).to_writer(out)?;
        man.render_description_section(out)?;
        man.render_options_section(out)?;
        if self.command.has_subcommands() {
            man.render_subcommands_section(out)?;
        }
        let closing = self.command.get_after_long_help().or(self.command.get_after_help());
        sections(&closing.map(ToString::to_string).unwrap_or_default()).to_writer(out)
    }
}

/// How a command is written: every option with its value, then what stands behind the options.
fn synopsis(command: &clap::Command) -> Roff {
    let mut line = vec![bold(command.get_bin_name().unwrap_or(NAME))];
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let (behind, options): (Vec<_>, Vec<_>) = shown.partition(|argument| argument.is_positional());
    for option in options {
        line.push(roman(if option.is_required_set() { " " } else { " [" }));
        let names = [
            option.get_short().map(|short| format!("-{short}")),
            option.get_long().map(|long| format!("--{long}")),
        ];
        for (index, name) in names.into_iter().flatten().enumerate() {
            line.extend((index > 0).then(|| roman("|")).into_iter().chain([bold(name)]));
        }
        let value = value(option);
        line.extend(value.map(|value| [roman(" "), italic(value)]).into_iter().flatten());
        line.push(roman(if option.is_required_set() { "" } else { "]" }));
    }
    for argument in behind {
        let name = value(argument).unwrap_or_else(|| argument.get_id().to_string());
        let many = argument.get_num_args().is_some_and(|count| count.max_values() > 1)
            || matches!(argument.get_action(), clap::ArgAction::Append);
        let dots = if many { "..." } else { "" };
        line.extend(match argument.is_required_set() {
            true => [roman(" "), italic(name), roman(dots)],
            false => [roman(" ["), italic(name), roman(format!("]{dots}"))],
        });
    }
    line.extend(of_commands(command));
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]).text(line);
    roff
}

/// The name of an argument's value, if it has one.
fn value(argument: &clap::Arg) -> Option<String> {
    let takes = argument.is_positional() || argument.get_action().takes_values();
    takes.then(|| argument.get_value_names().map(|names| names.join(" "))).flatten()
}

fn of_commands(command: &clap::Command) -> Vec<Inline> {
    match (command.has_subcommands(), command.is_subcommand_required_set()) {
        (false, _) => Vec::new(),
        (true, true) => vec![roman(" "), italic("COMMAND")],
        (true, false) => vec![roman(" ["), italic("COMMAND"), roman("]")],
    }
}

/// The text after a command's help as sections of its page: its headings are the lines that end in a colon and are
/// not indented. The generator's own way would run the lines of the examples together.
fn sections(text: &str) -> Roff {
    let mut roff = Roff::new();
    for line in text.lines() {
        match line.strip_suffix(':') {
            Some(heading) if !line.starts_with(' ') => {
                let heading = heading.to_uppercase();
                roff.control("SH", [heading.as_str()]).control("nf", []);
            }
            _ => {
                roff.text([roman(line)]);
            }
        }
    }
    roff.control("fi", []);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_examples() {
        let pages = pages();
        assert!(pages.len() > 30);
        for page in pages {
            let text = String::from_utf8(page.text().unwrap()).unwrap();
            let is_inner =
                page.name.matches('-').count() > 1 && page.name != "callgate-explain-error";
            assert!(is_inner || text.contains(".SH EXAMPLES"), "{}", page.name);
            assert!(text.contains(".SH SYNOPSIS\n\\fBcallgate"), "{text}");
        }
    }

    #[test]
    fn a_synopsis_names_values() {
        let pages = pages();
        let text = |name: &str| {
            let page = pages.iter().find(|page| page.name == name).unwrap();
            String::from_utf8(page.text().unwrap()).unwrap()
        };
        let compile = text("callgate-compile");
        assert!(compile.contains(r"[\fB\-o\fR|\fB\-\-output\fR \fIFILE\fR]"), "{compile}");
        assert!(compile.contains(r"\fIPROFILE\fR"));
        let merge = text("callgate-learn-merge");
        assert!(merge.contains(r"\fBcallgate learn merge\fR") && merge.contains(r"\fIFILE\fR..."));
    }
}
