//! Where among the rules of a filter a change stands.

use callgate_policy::RuleId;
use callgate_rules::Span;
use callgate_syscalls::{Arch, SyscallNr};

use super::Before;
use crate::filter::is_profile;
use crate::{Filter, Ruling};

/// The place of a change.
pub(super) enum Place {
    /// Before all rules: where it is not known which rule refuses the call.
    First,
    /// Before the rule that refuses the call.
    Before(Option<Span>, RuleId),
    /// Behind all rules: none of them decides about the call.
    Last,
}

impl Place {
    /// The place before every rule that may refuse the call.
    pub(super) fn of(rulings: &[Ruling]) -> Self {
        if rulings.is_empty() || rulings.iter().any(|ruling| !ruling.rules) {
            return Self::First;
        }
        let refuses = |ruling: &&Ruling| !ruling.action.kind().executes();
        let rules = rulings.iter().filter(refuses).filter_map(|ruling| ruling.rule);
        // Rules of one number stand in the order in which they are asked.
        match rules.min_by_key(|(_, id)| id.index) {
            Some((span, id)) => Self::Before(span, id),
            None => Self::Last,
        }
    }

    /// The position among `count` rules of a number.
    pub(super) fn index(
        &self,
        count: usize,
        nr: SyscallNr,
        arch: Arch,
        filter: Option<&Filter<'_>>,
    ) -> usize {
        match *self {
            Self::First => 0,
            Self::Last => count,
            Self::Before(_, id) if (id.arch, id.nr) == (arch, nr) => id.index.min(count),
            Self::Before(None, ..) => 0,
            Self::Before(Some(place), ..) => {
                let comes_later = |index: &usize| {
                    let rule = RuleId { arch, nr, index: *index };
                    let span = filter.and_then(|filter| filter.span(rule));
                    span.is_none_or(|span| {
                        span.source() != place.source() || span.start() >= place.start()
                    })
                };
                (0..count).find(comes_later).unwrap_or(count)
            }
        }
    }

    /// The rule that has to come after the change.
    pub(super) fn line(&self, filter: Option<&Filter<'_>>) -> Option<Before> {
        let Self::Before(Some(span), _) = self else { return None };
        let source = filter?.source(*span)?;
        let is_profile = is_profile(source);
        let statement = source.text().get(span.start()..)?;
        let is_always = statement.split_whitespace().next() == Some("always");
        let line = source.position(span.start()).line;
        Some(Before { place: format!("{}:{line}", source.name()), is_profile, is_always })
    }
}
