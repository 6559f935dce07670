//! The rules of one syscall on one architecture: which are accepted, and what they make redundant.

use callgate_syscalls::{Action, Arch};

use crate::chain::{Chain, Step};
use crate::windows::Windows;

/// An accepted rule with comparisons.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "these are all parts of a rule")]
pub struct Rule {
    /// Its comparisons, one at least.
    pub chain: Chain,
    /// What happens to calls for which they hold.
    pub action: Action,
    /// Where it comes from, in the caller's numbers.
    pub origin: u32,
}

/// An accepted rule in the list of all that were ever accepted, in the order of their acceptance.
#[derive(Clone, Debug)]
pub struct Listed {
    pub(crate) rule: Rule,
    /// The places of earlier rules that this one made redundant.
    pub(crate) removes: Vec<usize>,
    /// Whether a later rule made this one redundant.
    redundant: bool,
}

/// All rules of one syscall.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_enums, reason = "readers have to look at each kind")]
pub enum Rules {
    /// There is none yet.
    #[default]
    None,
    /// One without comparisons: it hides all others.
    Always {
        /// What happens to every call.
        action: Action,
        /// Where the rule comes from, in the caller's numbers.
        origin: u32,
    },
    /// Those with comparisons. Few syscalls have any: apart, they keep the entries of all others small.
    Listed(Box<List>),
}

/// Rules with comparisons, in the order of their acceptance.
#[derive(Clone, Debug, Default)]
pub struct List {
    rules: Vec<Listed>,
    windows: Windows,
}

impl std::ops::Deref for List {
    type Target = [Listed];

    fn deref(&self) -> &[Listed] {
        &self.rules
    }
}

/// What accepting a rule will change.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "readers have to look at each kind")]
pub enum Effect {
    /// Nothing: the rule is a repetition, or can't be reached.
    None,
    /// The rule becomes the only one.
    Always {
        /// What happens to every call.
        action: Action,
        /// Where the rule comes from.
        origin: u32,
    },
    /// The rule is appended, and those at these places are redundant.
    Append {
        /// The rule.
        rule: Rule,
        /// The places of those that it makes redundant.
        removes: Vec<usize>,
    },
}

/// The rule has the comparisons of an accepted one, or begins one, and another action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "this is all there is to say")]
pub struct Conflict {
    /// Where the accepted rule comes from.
    pub origin: u32,
}

impl Rules {
    /// What a rule would change; nothing is changed yet.
    ///
    /// # Errors
    /// [`Conflict`].
    pub fn consider(
        &self,
        arch: Arch,
        chain: Chain,
        action: Action,
        origin: u32,
    ) -> Result<Effect, Conflict> {
        let list = match self {
            Self::Always { .. } => return Ok(Effect::None),
            _ if chain.is_empty() => return Ok(Effect::Always { action, origin }),
            Self::None => {
                let rule = Rule { chain, action, origin };
                return Ok(Effect::Append { rule, removes: Vec::new() });
            }
            Self::Listed(list) => list,
        };
        // A part of the new rule that does not begin it is asked first, and decides: only the text can tell whether the
        // rest is kept. libseccomp keeps it where the actions differ, unless the part is one word and ends the rule.
        let one_word = |rule: &Rule| rule.chain.len() == 1 && arch.word_bits() == 32;
        let ends = |rule: &Rule| begins(&rule.chain, &chain[chain.len() - rule.chain.len()..]);
        let covers = |rule: &Rule| match rule.action == action {
            true => contains(&chain, &rule.chain),
            false if rule.chain.len() >= chain.len() => false,
            false => begins(&rule.chain, &chain) || one_word(rule) && ends(rule),
        };
        if list.in_force(list.windows.parts(&chain)).any(|(_, rule)| covers(rule)) {
            return Ok(Effect::None);
        }
        let contradicts = |rule: &Rule| rule.action != action && begins(&chain, &rule.chain);
        let wholes = || list.in_force(list.windows.wholes(&chain));
        if let Some((_, rule)) = wholes().find(|(_, rule)| contradicts(rule)) {
            return Err(Conflict { origin: rule.origin });
        }
        let redundant = |rule: &Rule| rule.action == action && contains(&rule.chain, &chain);
        let removes = wholes().filter(|(_, rule)| redundant(rule)).map(|(place, _)| place);
        let mut removes: Vec<usize> = removes.collect();
        removes.sort_unstable();
        removes.dedup();
        Ok(Effect::Append { rule: Rule { chain, action, origin }, removes })
    }

    /// Makes the change. The effect must come from [`Rules::consider`] on the same state.
    pub fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Always { action, origin } => *self = Self::Always { action, origin },
            Effect::Append { rule, removes } => {
                let mut list = match std::mem::take(self) {
                    Self::Listed(list) => list,
                    Self::None | Self::Always { .. } => Box::default(),
                };
                for &place in &removes {
                    list.rules[place].redundant = true;
                }
                list.windows.add(&rule.chain);
                list.rules.push(Listed { rule, removes, redundant: false });
                *self = Self::Listed(list);
            }
        }
    }
}

impl List {
    /// Those of the rules at these places that are in force, with their places.
    fn in_force(
        &self,
        places: impl Iterator<Item = usize>,
    ) -> impl Iterator<Item = (usize, &Rule)> {
        let at = |place: usize| self.rules.get(place).map(|listed| (place, listed));
        let in_force = places.filter_map(at).filter(|(_, listed)| !listed.redundant);
        in_force.map(|(place, listed)| (place, &listed.rule))
    }
}

impl Listed {
    /// The rules of a list that are in force, in the order of their acceptance.
    pub fn in_force(list: &[Self]) -> impl Iterator<Item = &Rule> {
        list.iter().filter(|listed| !listed.redundant).map(|listed| &listed.rule)
    }
}

fn same(a: &Step, b: &Step) -> bool {
    a.answer == b.answer && a.test == b.test
}

/// Whether a list of comparisons begins with another.
fn begins(beginning: &[Step], chain: &[Step]) -> bool {
    beginning.len() <= chain.len() && beginning.iter().zip(chain).all(|(a, b)| same(a, b))
}

/// Whether a list of comparisons has another as a contiguous part.
fn contains(chain: &[Step], part: &[Step]) -> bool {
    chain.windows(part.len()).any(|window| begins(part, window))
}
