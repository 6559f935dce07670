//! The change with which callers are told that there is no such call: of no more than is refused.

use callgate_gate::condition_text;
use callgate_policy::{Condition, Rule};
use callgate_syscalls::Name;

use super::{Around, Change, ChangeKind, lowered, profile, refusing};
use crate::{Call, Filter, Ruling};

impl Around<'_> {
    /// The change under the condition of the rule that refuses the call, as others may be allowed;
    /// else for all of the call, or for these arguments, where none of it takes anything away.
    pub(super) fn enosys(&self, call: &Call, name: Name, rulings: &[Ruling]) -> Option<Change> {
        let as_refused = self.as_refused(name, rulings);
        let calls =
            as_refused.into_iter().chain([name.to_string()]).chain(self.exactly(call, name));
        let is_whole = |of_it: &String| *of_it == name.as_str();
        let allows_some = self.is_profile_that_allows(name);
        calls.filter(|of_it| !(is_whole(of_it) && allows_some)).find_map(|of_it| {
            let line = format!("enosys {of_it}");
            let rule = profile::enosys(name, self.arch, &lowered(&line, self.arch)?);
            self.change(ChangeKind::Enosys, line, rule)
        })
    }

    /// Whether it is a container profile with rules that allow a part of the call: there a rule for
    /// all of it takes their place, wherever it stands.
    fn is_profile_that_allows(&self, name: Name) -> bool {
        let policy = self.filter.filter(|_| self.is_profile()).and_then(Filter::policy);
        let own = policy.and_then(|policy| policy.arch(self.arch)).zip(self.arch.syscall(name));
        own.is_some_and(|(own, call)| {
            own.rules_for(call.nr).iter().any(|rule| rule.action().kind().executes())
        })
    }

    /// The call with the condition under which rules refuse it; none where they always do, or
    /// something else refuses it as well.
    fn as_refused(&self, name: Name, rulings: &[Ruling]) -> Option<String> {
        let refuses = |ruling: &&Ruling| !ruling.action.kind().executes();
        let rules = refusing(self.filter.and_then(Filter::policy)?, rulings, self.arch);
        if rules.is_empty() || rules.len() < rulings.iter().filter(refuses).count() {
            return None;
        }
        let any = Condition::any(rules.into_iter().map(Rule::condition).cloned()).ok()?;
        let condition = condition_text(&any, self.arch, Some(name)).ok()?;
        (!any.is_always()).then(|| format!("{name} where {condition}"))
    }
}
