//! `callgate man`: manual pages, made from the same texts as `--help`.

use std::io;
use std::path::PathBuf;

use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::parser::parser;
use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Print a manual page, or write all of them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate man run | man -l -
  callgate man --out /usr/local/share/man/man1
")]
pub(crate) struct Args {
    /// The command whose page is printed, instead of callgate's own
    #[arg(conflicts_with = "out")]
    command: Option<String>,
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
    let name = args.command.as_deref().map_or(NAME.to_owned(), |c| format!("{NAME}-{c}"));
    let Some(page) = pages.iter().find(|page| page.name == name) else {
        let command = args.command.as_deref().unwrap_or_default();
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

/// The page of callgate, then those of its commands in the order of `--help`.
fn pages() -> Vec<Page> {
    let mut callgate = parser().disable_help_subcommand(true);
    callgate.build();
    let commands: Vec<_> = callgate.get_subcommands().cloned().collect();
    let page = |command: clap::Command| {
        let name = command.get_display_name().unwrap_or(NAME).to_owned();
        Page { name, command }
    };
    std::iter::once(callgate).chain(commands).map(page).collect()
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
        man.render_title(out)?;
        man.render_name_section(out)?;
        man.render_synopsis_section(out)?;
        man.render_description_section(out)?;
        man.render_options_section(out)?;
        if self.command.has_subcommands() {
            man.render_subcommands_section(out)?;
        }
        let closing = self.command.get_after_long_help().or(self.command.get_after_help());
        sections(&closing.map(ToString::to_string).unwrap_or_default()).to_writer(out)
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
        assert!(pages.len() > 10);
        for page in pages {
            let text = String::from_utf8(page.text().unwrap()).unwrap();
            assert!(text.contains(".SH EXAMPLES"), "{}", page.name);
        }
    }
}
