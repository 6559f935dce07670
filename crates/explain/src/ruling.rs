//! What a filter says of a call.

use callgate_policy::RuleId;
use callgate_rules::Span;
use callgate_syscalls::Action;

/// What a filter says of a call, and who in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ruling {
    /// What happens to the call.
    pub action: Action,
    /// `FILE:LINE:COLUMN` of the rule or of the default.
    pub place: Option<String>,
    /// The line of the text that stands there.
    pub line: Option<String>,
    /// The rule in words: `rule 2 of socket`, `the default action`.
    pub by: String,
    /// Whether the filter is not for the architecture of the call.
    pub is_foreign: bool,
    /// Where a rule that decides stands: in the text, and among the policy's rules.
    pub(crate) rule: Option<(Option<Span>, RuleId)>,
    /// Whether it is said by rules, and not by programs of which no rules are known.
    pub(crate) rules: bool,
}
