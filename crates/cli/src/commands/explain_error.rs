//! `callgate explain-error`: a page for each code of an error.

use callgate_console::error::{Error, Status};
use callgate_console::output;

/// Explain the code of an error in a policy
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  callgate explain-error E0350
  callgate explain-error            all codes
")]
pub(crate) struct Args {
    /// The code, such as E0350
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

/// The pages of the forms that others write filters in.
const FORMS: &str = include_str!("explain_error/forms.md");

/// Every code with its title and its page, sorted by code.
fn codes() -> Vec<(&'static str, &'static str, &'static str)> {
    let forms = FORMS.split("## ").filter_map(|page| {
        let (heading, text) = page.split_once('\n')?;
        let (code, title) = heading.split_once(": ")?;
        Some((code, title, text.trim()))
    });
    let mut codes: Vec<_> = callgate_gate::codes().chain(forms).collect();
    codes.sort_unstable();
    codes
}

pub(crate) fn run(args: &Args) -> Result<Status, Error> {
    let heading = output::HEADING;
    let Some(code) = &args.code else {
        output::text(|out| {
            codes().into_iter().try_for_each(|(code, title, _)| {
                writeln!(out, "{heading}{code}{heading:#}  {title}")
            })
        })?;
        return Ok(Status::Success);
    };
    let wanted = spelled(code);
    let page = codes().into_iter().find(|(code, ..)| *code == wanted);
    let Some((code, title, text)) = page else {
        return Err(Error::Usage(match callgate_lint::page(&wanted) {
            Some(_) => format!("{wanted} is a finding's: `callgate lint --explain {wanted}`"),
            None => format!("no error has the code {code:?}: `callgate explain-error` lists them"),
        }));
    };
    output::text(|out| writeln!(out, "{heading}{code}: {title}{heading:#}\n\n{text}"))?;
    Ok(Status::Success)
}

/// A code as it is written in messages: `e300` and `0300` are E0300.
fn spelled(code: &str) -> String {
    let code = code.to_ascii_uppercase();
    match code.trim_start_matches('E').parse::<u16>() {
        Ok(number) => format!("E{number:04}"),
        Err(_) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_however_they_are_spelled() {
        for code in ["E0300", "e0300", "e300", "300", "0300"] {
            assert_eq!(spelled(code), "E0300", "{code}");
        }
        assert_eq!(spelled("l0101"), "L0101");
    }

    #[test]
    fn every_code_of_a_form_has_a_page() {
        let sources = [
            include_str!("../../../formats/src/diagnose.rs"),
            include_str!("../../../formats/src/kep.rs"),
            include_str!("../../../dialects/src/context.rs"),
        ];
        let codes = codes();
        let mut used = 0;
        for source in sources {
            for (at, _) in source.match_indices("\"E0") {
                let code = &source[at + 1..at + 6];
                let page = codes.iter().find(|(own, ..)| *own == code);
                assert!(page.is_some_and(|(_, _, text)| !text.is_empty()), "{code} has no page");
                used += 1;
            }
        }
        assert!(used > 40, "{used}");
        assert!(codes.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
