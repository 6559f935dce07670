//! Syscalls, families and blocks by words, which are looked up when a filter is built.

use callgate_gate::Refused;
use callgate_rules::{Rule, Source};
use callgate_syscalls::{Arch, Name};

use crate::Error;

/// What [`FilterBuilder::allow`](crate::FilterBuilder::allow) takes: names ([`names`](crate::names))
/// in any collection, one name, or the text of one. `Kind` tells these apart and is never written.
pub trait Calls<Kind: ?Sized> {
    /// Hands over each name, or the text of one that is to be looked up.
    #[doc(hidden)]
    fn each(self, take: &mut dyn FnMut(Result<Name, String>));
}

impl<I: IntoIterator<Item = Name>> Calls<[Name]> for I {
    fn each(self, take: &mut dyn FnMut(Result<Name, String>)) {
        self.into_iter().for_each(|name| take(Ok(name)));
    }
}

impl Calls<Self> for Name {
    fn each(self, take: &mut dyn FnMut(Result<Name, String>)) {
        take(Ok(self));
    }
}

impl Calls<str> for &str {
    fn each(self, take: &mut dyn FnMut(Result<Name, String>)) {
        take(Name::parse(self).ok_or_else(|| self.to_owned()));
    }
}

/// The rules of a line of the language, which says the same of each word.
pub(crate) fn rules(line: &str, words: &[String], arches: &[Arch]) -> Result<Vec<Rule>, Error> {
    // A word must not be able to say more than a name.
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_word = |word: &&String| {
        let name = word.strip_prefix('~').unwrap_or(word);
        !name.is_empty() && name.chars().all(is_name)
    };
    if let Some(word) = words.iter().find(|word| !is_word(word)) {
        return Err(Error::UnknownWord(format!("{word:?} is no name of syscalls")));
    }
    let list: Vec<&str> = arches.iter().map(|arch| arch.name()).collect();
    let separator = if line.ends_with('@') { ", @" } else { ", " };
    let text = format!(
        "policy 1\narch {}\ndefault kill\n{line}{}\n",
        list.join(", "),
        words.join(separator)
    );
    let source = Source::new("builder", text).map_err(Refused::from)?;
    let written = callgate_gate::read(source, &mut callgate_gate::nothing).map_err(unknown)?;
    Ok(written.rules.rules)
}

/// What is wrong with the line, without the text that nobody wrote.
fn unknown(refused: Refused) -> Error {
    let Some(first) = refused.diagnostics.first() else { return Error::from(refused) };
    let mut text = first.message.clone();
    for help in &first.helps {
        text += &format!("; {}", help.message);
    }
    Error::UnknownWord(text)
}
