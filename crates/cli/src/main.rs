//! The command `callgate`: arguments in, calls to the libraries, text out.
//!
//! What a filter means, how it is compiled, proved or loaded is the libraries' business and never decided here.
#![forbid(unsafe_code)]

mod commands;
mod prepared;

use std::env;
use std::process::ExitCode;

use callgate_console::output;

// For `callgate run`: what this program is started with is what its commands are started with.
callgate_kernel::remember_start!();

fn main() -> ExitCode {
    if let Some(status) = commands::completions::answer() {
        return status.into();
    }
    let (command, error_format) = match commands::parser::parse(&env::args_os().collect::<Vec<_>>())
    {
        Ok(parsed) => parsed,
        Err(answer) => return output::parser_answer(&answer).into(),
    };
    output::choose_format(error_format);
    match commands::run(&command) {
        Ok(status) => status.into(),
        Err(error) => {
            output::error(&error);
            error.status().into()
        }
    }
}
