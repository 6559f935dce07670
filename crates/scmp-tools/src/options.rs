//! Options of one letter, as getopt(3) takes them: joined or apart, before or after operands, until
//! `--`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Reads options one by one; operands are kept for the end.
pub(crate) struct Options<'a> {
    /// Letters; one with a colon behind it takes a value.
    known: &'static str,
    args: std::slice::Iter<'a, OsString>,
    /// The rest of an argument that joins several options.
    joined: &'a [u8],
    only_operands: bool,
    operands: Vec<&'a OsStr>,
}

/// An option, with its value or an empty one.
pub(crate) type Given = (char, OsString);

/// What is wrong with an option, in getopt's words.
pub(crate) type Wrong = String;

impl<'a> Options<'a> {
    pub(crate) fn new(known: &'static str, args: &'a [OsString]) -> Self {
        Self { known, args: args.iter(), joined: &[], only_operands: false, operands: Vec::new() }
    }

    /// The next option, `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Result<Given, Wrong>> {
        while self.joined.is_empty() {
            let arg = self.args.next()?;
            match arg.as_bytes() {
                b"--" if !self.only_operands => self.only_operands = true,
                [b'-', letters @ ..] if !self.only_operands && !letters.is_empty() => {
                    self.joined = letters;
                }
                _ => self.operands.push(arg),
            }
        }
        let (&letter, rest) = self.joined.split_first()?;
        self.joined = rest;
        Some(self.option(char::from(letter)))
    }

    /// The arguments that are no options, after the last option was read.
    pub(crate) fn operands(&self) -> &[&'a OsStr] {
        &self.operands
    }

    fn option(&mut self, letter: char) -> Result<Given, Wrong> {
        let known = self.known.find(letter).filter(|_| letter != ':');
        let Some(place) = known else { return Err(format!("invalid option -- '{letter}'")) };
        if self.known.as_bytes().get(place + 1) != Some(&b':') {
            return Ok((letter, OsString::new()));
        }
        let joined = std::mem::take(&mut self.joined);
        let value = match joined.is_empty() {
            true => self.args.next().cloned(),
            false => Some(OsString::from_vec(joined.to_vec())),
        };
        value
            .map(|value| (letter, value))
            .ok_or_else(|| format!("option requires an argument -- '{letter}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The options, joined by spaces, then the operands.
    fn read(args: &[&str]) -> (String, Vec<String>) {
        let args: Vec<OsString> = args.iter().map(Into::into).collect();
        let mut options = Options::new("a:ht0:", &args);
        let mut read = Vec::new();
        while let Some(option) = options.next() {
            read.push(match option {
                Ok((letter, value)) => format!("{letter}{}", value.to_string_lossy()),
                Err(wrong) => wrong,
            });
        }
        let operands = options.operands().iter().map(|text| text.to_string_lossy().into_owned());
        (read.join(" "), operands.collect())
    }

    #[test]
    fn options_are_joined_or_apart_and_stand_anywhere() {
        for (args, options, operands) in [
            (&["-a", "x86", "read"][..], "ax86", &["read"][..]),
            (&["read", "-ax86", "-t"], "ax86 t", &["read"]),
            (&["-tax86", "-0", "-1", "-"], "t ax86 0-1", &["-"]),
            (&["-t", "--", "-t", "--"], "t", &["-t", "--"]),
            (&["-a"], "option requires an argument -- 'a'", &[]),
            (&["-x:"], "invalid option -- 'x' invalid option -- ':'", &[]),
            (&["--t"], "invalid option -- '-' t", &[]),
            (&[], "", &[]),
        ] {
            assert_eq!(read(args), (options.into(), operands.iter().map(|&o| o.into()).collect()));
        }
    }
}
