//! What the compiler is told beside the profile: how often calls are made.

use std::ffi::OsString;

use callgate::compiler::{Options, Weights};
use clap::ValueHint;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::args::group::ProfileArgs;
use crate::error::Error;
use crate::input::door::{self, Wanted};
use crate::input::{self, Source};

/// How often calls are made, and so which of them are decided first. It changes no filter's meaning.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TuneArgs {
    /// How often calls are made: uniform, typical, or FILE with what was counted [default: uniform]
    ///
    /// Calls that are made more often are decided in fewer steps; what the filter means stays the same. `typical` is
    /// what a shell, an interpreter, a compiler and an archiver do. FILE has a line for each syscall, its name and how
    /// often it was called, as in `openat 1220`; empty lines and those that begin with # are comments. With --kernel
    /// VERSION of 5.11 or later, calls that the kernel will answer without running the filter weigh almost nothing.
    #[arg(
        long,
        value_name = "WEIGHTS",
        value_parser = parser(),
        value_hint = ValueHint::FilePath
    )]
    weights: Option<Chosen>,
}

/// Where weights come from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Chosen {
    Uniform,
    Typical,
    Recorded(Source),
}

fn parser() -> impl TypedValueParser<Value = Chosen> {
    let parse = |text: OsString| match text.to_str() {
        Some("uniform") => Ok(Chosen::Uniform),
        Some("typical") => Ok(Chosen::Typical),
        Some("-") => Ok(Chosen::Recorded(Source::Stdin)),
        Some("") => Err("expected uniform, typical or a file"),
        _ => Ok(Chosen::Recorded(Source::File(text.into()))),
    };
    OsStringValueParser::new().try_map(parse)
}

impl TuneArgs {
    /// The compiler's options.
    ///
    /// # Errors
    /// [`Error::Weights`] and as [`input::text`]; [`Error::Usage`] where standard input is among `others` already.
    pub fn options(&self, how: &ProfileArgs, others: &[Source]) -> Result<Options, Error> {
        let weights = match &self.weights {
            None | Some(Chosen::Uniform) => Weights::Uniform,
            Some(Chosen::Typical) => Weights::Typical,
            Some(Chosen::Recorded(source)) => {
                input::stdin_once(&others.iter().chain([source]).collect::<Vec<_>>())?;
                let what = || source.to_string();
                let text = input::text_of(source, Wanted::Weights)?;
                Weights::parse(&text).map_err(|reason| {
                    let error = Error::Weights { what: what(), reason };
                    door::named(error, text.as_bytes(), source, Wanted::Weights)
                })?
            }
        };
        Ok(Options { weights, kernel: how.asked_kernel() })
    }
}
