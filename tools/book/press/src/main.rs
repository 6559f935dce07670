//! `callgate-press book FOLDER`: an mdBook as HTML. `callgate-press glue MODULE.wasm FOLDER`: what
//! a page needs to call the functions of a module.
#![forbid(unsafe_code)]

use std::error::Error;
use std::process::ExitCode;

use mdbook_driver::MDBook;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["book", folder] => book(folder),
        ["glue", module, folder] => glue(module, folder),
        _ => Err("usage: callgate-press book FOLDER | glue MODULE FOLDER".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("callgate-press: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn book(folder: &str) -> Result<(), Box<dyn Error>> {
    Ok(MDBook::load(folder)?.build()?)
}

/// Without modules of JavaScript: a browser does not load these from files.
fn glue(module: &str, folder: &str) -> Result<(), Box<dyn Error>> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).no_modules(true)?.typescript(false).remove_producers_section(true);
    Ok(bindgen.generate(folder)?)
}
