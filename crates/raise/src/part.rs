//! The alternatives of one action.

use callgate_policy::Action;

use crate::clause::Clause;

/// The calls of a number that get one action.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// The action.
    pub action: Action,
    /// Any of these is enough.
    pub clauses: Vec<Clause>,
}
