//! `scmp_arch_detect` and `scmp_api_level`: what this machine is, and what its kernel can do.

use std::ffi::OsString;

use callgate_scmp::Token;
use callgate_scmp_process::{level as api_level, native};

use crate::answer::Output;
use crate::options::Options;

/// The name of the native architecture, or with `-t` its token as a signed number.
pub(crate) fn arch(called: &str, args: &[OsString]) -> Output {
    let usage = || Output::usage(&format!("usage: {called} [-h] [-t]"));
    let (mut options, mut token) = (Options::new("ht", args), false);
    while let Some(option) = options.next() {
        match option {
            Ok(('t', _)) => token = true,
            Ok(_) => return usage(),
            Err(wrong) => return usage().after(called, &wrong),
        }
    }
    Output::text(match (native(), token) {
        (Ok(arch), false) => format!("{arch}\n"),
        (Ok(arch), true) => {
            format!("{}\n", i32::from_ne_bytes(Token::of(arch).raw().to_ne_bytes()))
        }
        (Err(_), _) => "unknown\n".into(),
    })
}

/// The API level; arguments are ignored.
pub(crate) fn level(_called: &str, _args: &[OsString]) -> Output {
    Output::text(format!("{}\n", api_level()))
}
