//! The rules of one syscall on one architecture: which are accepted, and what they make redundant.

use callgate_memory::{Boxed, Collect, List, OutOfMemory, Sort, TryClone};
use callgate_syscalls::{Action, Arch};

use crate::chain::{Chain, Step};
use crate::windows::{SHORT, Windows};

/// An accepted rule with comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) rule: Rule,
    /// The places of earlier rules that this one made redundant.
    pub(crate) removes: Vec<u32>,
    /// Whether a later rule made this one redundant.
    redundant: bool,
}

/// All rules of one syscall.
#[derive(Debug, Default)]
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
    /// Those with comparisons. Few syscalls have any: apart, they keep the entries of all others
    /// small.
    Listed(Boxed<Accepted>),
}

/// All rules with comparisons that were ever accepted, in the order of their acceptance.
#[derive(Debug)]
pub struct Accepted {
    pub(crate) rules: List<Listed>,
    windows: Windows,
}

/// What accepting a rule will change.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "readers have to look at each kind")]
#[expect(
    clippy::large_enum_variant,
    reason = "a box would need memory, and effects live for a call"
)]
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
        removes: Vec<u32>,
    },
}

/// The rule has the comparisons of an accepted one, or begins one, and another action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "this is all there is to say")]
pub struct Conflict {
    /// Where the accepted rule comes from.
    pub origin: u32,
}

/// Why a rule is not considered further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever hands errors on has to hand on all")]
pub enum Refusal {
    /// It contradicts an accepted rule.
    Conflict(Conflict),
    /// There is no memory to find out.
    OutOfMemory,
}

impl From<OutOfMemory> for Refusal {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// The way back from a change.
#[derive(Debug)]
pub struct Undo(Before);

#[derive(Debug)]
enum Before {
    /// Nothing was changed.
    Same,
    /// All was replaced.
    Rules(Rules),
    /// A rule was appended.
    Shorter,
}

impl Rules {
    /// What a rule would change; nothing is changed yet.
    ///
    /// Rules with the action `yielding` contradict no others: where one of two rules has it, that
    /// which was accepted first decides about the calls that both hold for. libseccomp knows no
    /// such action, because it refuses rules whose action is the default.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn consider(
        &self,
        arch: Arch,
        chain: Chain,
        action: Action,
        origin: u32,
        yielding: Option<Action>,
    ) -> Result<Effect, Refusal> {
        let yields = |one| yielding.is_some_and(|yielding| one == yielding || action == yielding);
        let list = match self {
            Self::Always { .. } => return Ok(Effect::None),
            // Behind other rules it is asked last.
            Self::Listed(_) if chain.is_empty() && yielding == Some(action) => {
                return Ok(Effect::None);
            }
            _ if chain.is_empty() => return Ok(Effect::Always { action, origin }),
            Self::None => {
                let rule = Rule { chain, action, origin };
                return Ok(Effect::Append { rule, removes: Vec::new() });
            }
            Self::Listed(list) => list,
        };
        // A part of the new rule that does not begin it is asked first, and decides: only the text
        // can tell whether the rest is kept. libseccomp keeps it where the actions differ, unless
        // the part is one word and ends the rule.
        let one_word = |rule: &Rule| rule.chain.len() == 1 && arch.word_bits() == 32;
        let ends = |rule: &Rule| begins(&rule.chain, &chain[chain.len() - rule.chain.len()..]);
        let covers = |rule: &Rule| match rule.action == action {
            true => contains(&chain, &rule.chain),
            false if rule.chain.len() >= chain.len() => {
                yields(rule.action) && begins(&rule.chain, &chain)
            }
            false => begins(&rule.chain, &chain) || one_word(rule) && ends(rule),
        };
        if list.in_force(list.parts(&chain)).any(|(_, rule)| covers(rule)) {
            return Ok(Effect::None);
        }
        let contradicts = |rule: &Rule| {
            rule.action != action && begins(&chain, &rule.chain) && !yields(rule.action)
        };
        let wholes = || list.in_force(list.wholes(&chain));
        if let Some((_, rule)) = wholes().find(|(_, rule)| contradicts(rule)) {
            return Err(Refusal::Conflict(Conflict { origin: rule.origin }));
        }
        let redundant = |rule: &Rule| rule.action == action && contains(&rule.chain, &chain);
        let removes = wholes().filter(|(_, rule)| redundant(rule)).map(|(place, _)| place);
        let mut removes = removes.try_collect_vec()?;
        removes.sort_in_place();
        removes.dedup();
        Ok(Effect::Append { rule: Rule { chain, action, origin }, removes })
    }

    /// Makes the change. The effect must come from [`Rules::consider`] on the same state.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the rules are as they were.
    pub fn apply(&mut self, effect: Effect) -> Result<Undo, OutOfMemory> {
        let before = match effect {
            Effect::None => Before::Same,
            Effect::Always { action, origin } => {
                Before::Rules(std::mem::replace(self, Self::Always { action, origin }))
            }
            Effect::Append { rule, removes } => match self {
                Self::Listed(list) => {
                    list.push(rule, removes)?;
                    Before::Shorter
                }
                Self::None | Self::Always { .. } => {
                    let mut list = Boxed::try_new(Accepted::new())?;
                    list.push(rule, removes)?;
                    Before::Rules(std::mem::replace(self, Self::Listed(list)))
                }
            },
        };
        Ok(Undo(before))
    }

    /// Takes the last change back.
    pub fn undo(&mut self, Undo(before): Undo) {
        match (before, self) {
            (Before::Rules(rules), this) => *this = rules,
            (Before::Shorter, Self::Listed(list)) => list.pop(),
            (Before::Same | Before::Shorter, _) => {}
        }
    }
}

impl TryClone for Rules {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        Ok(match self {
            Self::None => Self::None,
            &Self::Always { action, origin } => Self::Always { action, origin },
            Self::Listed(list) => Self::Listed(list.try_clone()?),
        })
    }
}

impl Accepted {
    const fn new() -> Self {
        Self { rules: List::new(), windows: Windows::new() }
    }

    /// The rules that are in force, in the order of their acceptance.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|listed| !listed.redundant).map(|listed| &listed.rule)
    }

    fn push(&mut self, rule: Rule, removes: Vec<u32>) -> Result<(), OutOfMemory> {
        let place = self.rules.len();
        self.note(&rule)?;
        self.rules.try_push(Listed { rule, removes, redundant: false })?;
        self.mark(place, true);
        Ok(())
    }

    /// Takes the last rule out. What is noted of it may stay: whatever is found by it is compared.
    fn pop(&mut self) {
        if let Some(last) = self.rules.len().checked_sub(1) {
            self.mark(last, false);
            self.rules.pop();
        }
    }

    /// Says of those that a rule made redundant whether they are.
    fn mark(&mut self, place: usize, redundant: bool) {
        for index in 0..self.rules[place].removes.len() {
            let removed = self.rules[place].removes[index] as usize;
            self.rules[removed].redundant = redundant;
        }
    }

    /// Notes the next rule, and with the first that is one too many for a search all before it.
    fn note(&mut self, rule: &Rule) -> Result<(), OutOfMemory> {
        let Self { rules, windows } = self;
        let next = u32::try_from(rules.len()).map_err(|_| OutOfMemory)?;
        if rules.len() < SHORT {
            return Ok(());
        }
        if rules.len() == SHORT {
            for (listed, place) in rules.iter().zip(0..) {
                windows.add(&listed.rule.chain, place)?;
            }
        }
        windows.add(&rule.chain, next)
    }

    fn is_short(&self) -> bool {
        self.rules.len() <= SHORT
    }

    /// The places of rules that may be a part of these comparisons.
    fn parts(&self, chain: &[Step]) -> impl Iterator<Item = usize> + use<'_> {
        let found = (!self.is_short()).then(|| self.windows.parts(chain));
        self.all_of_few().chain(found.into_iter().flatten())
    }

    /// The places of rules of which these comparisons may be a part.
    fn wholes(&self, chain: &[Step]) -> impl Iterator<Item = usize> + use<'_> {
        let found = (!self.is_short()).then(|| self.windows.wholes(chain));
        self.all_of_few().chain(found.into_iter().flatten())
    }

    fn all_of_few(&self) -> std::ops::Range<usize> {
        0..if self.is_short() { self.rules.len() } else { 0 }
    }

    /// Those of the rules at these places that are in force, with their places.
    fn in_force(&self, places: impl Iterator<Item = usize>) -> impl Iterator<Item = (u32, &Rule)> {
        let at = |place: usize| {
            let listed = self.rules.get(place).filter(|listed| !listed.redundant)?;
            Some((u32::try_from(place).ok()?, &listed.rule))
        };
        places.filter_map(at)
    }
}

impl TryClone for Accepted {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        Ok(Self { rules: self.rules.try_clone()?, windows: self.windows.try_clone()? })
    }
}

impl TryClone for Listed {
    fn try_clone(&self) -> Result<Self, OutOfMemory> {
        let Self { rule, ref removes, redundant } = *self;
        Ok(Self { rule, removes: removes.try_clone()?, redundant })
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
