//! `test` lines: what a policy must answer, for every call that they describe.

use callgate_rules::{Span, SubjectKind, Value, Verdict};
use callgate_syscalls::Arch;

/// A `test` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The calls.
    pub calls: Vec<SubjectKind>,
    /// What is expected of them.
    pub expected: Expected,
    /// On which architectures; empty for all of the policy that have the call.
    pub arches: Vec<Arch>,
    /// Where the line stands.
    pub span: Span,
}

/// What is expected of calls with certain arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The verdict.
    pub verdict: Verdict,
    /// For each argument from the first its value, or none for every value. Arguments that are not listed have every value.
    pub args: Vec<Option<Value>>,
}
