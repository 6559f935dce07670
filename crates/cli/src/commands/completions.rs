//! `callgate completions`: scripts that make shells complete, and what they then ask callgate for.
//!
//! A script knows nothing of callgate but how to ask: the words are found by the program itself, so
//! that profiles, syscalls, constants and codes complete as well as options. It asks by the
//! variable [`VARIABLE`].

mod candidates;

use std::env;
use std::io;

use clap_complete::env::{CompleteEnv, Shells};

use super::parser::parser;
use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Print a completion script for a shell
///
/// The script asks the program for each completion: profiles, syscalls, arguments, constants and
/// codes are completed as well as options and files.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate completions bash > ~/.local/share/bash-completion/completions/callgate
  callgate completions zsh > ~/.zfunc/_callgate
  callgate completions fish > ~/.config/fish/completions/callgate.fish
")]
pub(crate) struct Args {
    /// The shell
    #[arg(value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    shell: String,
}

/// The variable by which a script asks. Whoever has it in the environment of `callgate run` gets an
/// answer instead.
const VARIABLE: &str = "_CALLGATE_COMPLETE";

const NAME: &str = "callgate";

/// zsh loads a file of its `fpath` when it is first asked: the file then has to answer, not only to
/// say who will.
const ZSH_FIRST: &str =
    "[[ $funcstack[1] == _callgate ]] && _clap_dynamic_completer_callgate \"$@\"\n";

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(&args.shell) else {
        return Err(Error::Usage(format!("no shell is called {:?}", args.shell)));
    };
    let mut script = Vec::new();
    let written = shell.write_registration(VARIABLE, NAME, NAME, NAME, &mut script);
    written.map_err(|reason| Error::write("the script", reason))?;
    if args.shell == "zsh" {
        script.extend_from_slice(ZSH_FIRST.as_bytes());
    }
    output::text(|out| out.write_all(&script))?;
    Ok(Status::Success)
}

/// Answers a script, where one asks. Whatever goes wrong then, there is nobody to tell but the
/// shell, which completes nothing.
pub(crate) fn answer() -> Option<Status> {
    env::var_os(VARIABLE)?;
    let complete = CompleteEnv::with_factory(|| candidates::added(parser())).var(VARIABLE);
    match complete.try_complete(env::args_os(), env::current_dir().ok().as_deref()) {
        Ok(true) => Some(Status::Success),
        Ok(false) => None,
        Err(error) => {
            let pipe = std::error::Error::source(&error)
                .and_then(|reason| reason.downcast_ref::<io::Error>())
                .is_some_and(|reason| reason.kind() == io::ErrorKind::BrokenPipe);
            Some(if pipe { Status::Success } else { Status::Failure })
        }
    }
}
