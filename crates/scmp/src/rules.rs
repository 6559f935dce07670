//! The rules of one syscall on one architecture: which are accepted, and what they make redundant.

use callgate_syscalls::{Action, Arch};

use crate::chain::{Chain, Step};

/// Whether a rule may be adapted to architectures that can't express it as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    /// As `seccomp_rule_add`: rules for calls that an architecture lacks or multiplexes are adapted or left out.
    Adapted,
    /// As `seccomp_rule_add_exact`: such a rule is an error.
    Exact,
}

/// An accepted rule with comparisons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) chain: Chain,
    pub(crate) action: Action,
}

/// An accepted rule in the list of all that were ever accepted, in the order of their acceptance.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) rule: Rule,
    /// The places of earlier rules that this one made redundant.
    pub(crate) removes: Vec<usize>,
    /// Whether a later rule made this one redundant.
    redundant: bool,
}

/// All rules of one syscall.
#[derive(Clone, Debug, Default)]
pub(crate) enum Rules {
    /// There is none yet.
    #[default]
    None,
    /// One without comparisons: it hides all others.
    Always(Action),
    /// Those with comparisons.
    Listed(Vec<Listed>),
}

/// What accepting a rule will change.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Nothing: the rule is a repetition, or can't be reached.
    None,
    /// The rule becomes the only one.
    Always(Action),
    /// The rule is appended, and those at these places are redundant.
    Append { rule: Rule, removes: Vec<usize> },
}

/// The rule has the comparisons of an accepted one, or begins one, and another action.
#[derive(Debug)]
pub(crate) struct Conflict;

impl Rules {
    /// What a rule would change; nothing is changed yet.
    pub(crate) fn consider(
        &self,
        arch: Arch,
        chain: Chain,
        action: Action,
    ) -> Result<Effect, Conflict> {
        let listed: &[Listed] = match self {
            Self::Always(_) => return Ok(Effect::None),
            _ if chain.is_empty() => return Ok(Effect::Always(action)),
            Self::None => &[],
            Self::Listed(listed) => listed,
        };
        let in_force = listed.iter().enumerate().filter(|(_, listed)| !listed.redundant);
        // A part of the new rule that does not begin it is asked first, and decides: only the text can tell whether the
        // rest is kept. libseccomp keeps it where the actions differ, unless the part is one word and ends the rule.
        let one_word = |rule: &Rule| rule.chain.len() == 1 && arch.word_bits() == 32;
        let ends = |rule: &Rule| begins(&rule.chain, &chain[chain.len() - rule.chain.len()..]);
        let covers = |rule: &Rule| match rule.action == action {
            true => contains(&chain, &rule.chain),
            false if rule.chain.len() >= chain.len() => false,
            false => begins(&rule.chain, &chain) || one_word(rule) && ends(rule),
        };
        if in_force.clone().any(|(_, listed)| covers(&listed.rule)) {
            return Ok(Effect::None);
        }
        let contradicts = |rule: &Rule| rule.action != action && begins(&chain, &rule.chain);
        if in_force.clone().any(|(_, listed)| contradicts(&listed.rule)) {
            return Err(Conflict);
        }
        let redundant = |rule: &Rule| rule.action == action && contains(&rule.chain, &chain);
        let removes = in_force.filter(|(_, listed)| redundant(&listed.rule));
        let removes = removes.map(|(place, _)| place).collect();
        Ok(Effect::Append { rule: Rule { chain, action }, removes })
    }

    /// Makes the change. The effect must come from [`Rules::consider`] on the same state.
    pub(crate) fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Always(action) => *self = Self::Always(action),
            Effect::Append { rule, removes } => {
                let mut listed = match std::mem::take(self) {
                    Self::Listed(listed) => listed,
                    Self::None | Self::Always(_) => Vec::new(),
                };
                for &place in &removes {
                    listed[place].redundant = true;
                }
                listed.push(Listed { rule, removes, redundant: false });
                *self = Self::Listed(listed);
            }
        }
    }

    pub(crate) const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl Listed {
    /// The rules of a list that are in force, in the order of their acceptance.
    pub(crate) fn in_force(list: &[Self]) -> impl Iterator<Item = &Rule> {
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
