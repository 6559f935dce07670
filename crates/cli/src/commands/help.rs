//! `callgate help`: the help of a command, or of a topic.

use super::parser::parser;
use super::topics;
use callgate_console::args::value;
use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Print the help of a command, or a topic
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate help run             a command
  callgate help learn merge     a command of a command
  callgate help topics          what else there is to read
  callgate help language        policies in the language (*.gate)
")]
pub(crate) struct Args {
    /// A command, a topic, or nothing for the list of commands
    #[arg(value_name = "TOPIC")]
    words: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let words: Vec<&str> = args.words.iter().map(String::as_str).collect();
    if let [topic] = words[..] {
        if let Some(text) = topics::text(topic) {
            output::text(|out| out.write_all(text.as_bytes()))?;
            return Ok(Status::Success);
        }
    }
    let mut command = parser();
    command.build();
    for word in &words {
        let names: Vec<String> =
            command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        let Some(inner) = command.find_subcommand(word) else {
            let code = word.to_ascii_uppercase();
            if callgate_lint::page(&code).is_some() {
                return Err(Error::Usage(format!(
                    "{code} has a page: `callgate lint --explain {code}`"
                )));
            }
            if callgate_gate::codes().any(|(known, ..)| known == code) {
                return Err(Error::Usage(format!(
                    "{code} has a page: `callgate explain-error {code}`"
                )));
            }
            let problem = format!("no command or topic is called {word:?}");
            let known = names.iter().map(String::as_str).chain(topics::NAMES);
            let near = value::did_you_mean(&problem, word, known);
            return Err(Error::Usage(format!("{near} (`callgate help topics` lists the topics)")));
        };
        command = inner.clone();
    }
    let help = command.render_long_help();
    output::text(|out| write!(out, "{}", help.ansi()))?;
    Ok(Status::Success)
}
