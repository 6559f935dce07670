//! Rules with the place they came from, and their lowering to a policy.
//!
//! Whatever says what a filter shall do says it as [`Rules`]: a reader of some format, the
//! language, a program through [`arg`], or what was learned. Each rule has an [`Origin`], so that a
//! decision can be told by the line that is behind it. [`lower()`] makes the
//! [`Policy`](callgate_policy::Policy) of a [`Target`] and, beside it, the [`Provenance`]: which
//! rule of the policy comes from which written one.
//!
//! - **Texts**: [`Source`], [`Span`], and [`Diagnostic`] for what is wrong with them. How a
//!   diagnostic looks is for whoever prints it.
//! - **Conditions**: [`Cond`] over [`ArgTest`]s, by argument name, in the width and with the sign
//!   that the kernel reads.
//! - **Values**: numbers and [`Constant`]s by name, with the value of each architecture.
#![forbid(unsafe_code)]

mod applies;
mod caps;
mod circumstances;
mod cond;
mod cover;
mod diagnostic;
mod everywhere;
mod lower;
mod mistake;
mod near;
mod provenance;
mod rules;
mod site;
mod source;
mod target;
mod value;
mod verdict;

pub use applies::Applies;
pub use caps::{CapSet, Capability, UnknownCapability};
pub use circumstances::{Circumstances, Factors, joined};
pub use cond::{Arg, ArgBits, ArgSign, ArgTest, Cond, CondView, Member, Relation, Which, arg};
pub use diagnostic::{Code, Diagnostic, Edit, Help, Label, LabelKind, Severity};
pub use lower::{lower, resolve};
pub use mistake::{Callee, Mistake, MistakeKind};
pub use near::{near, nearest};
pub use provenance::{Provenance, WrittenRule};
pub use rules::{
    Answer, Baseline, Group, Header, Listener, LoadFlag, Origin, Rule, Rules, Subject, SubjectKind,
    UnknownAnswer,
};
pub use source::{Position, Source, SourceError, SourceId, Sources, Span};
pub use target::Target;
pub use value::{Constant, Term, Value};
pub use verdict::{ErrnoSpec, Verdict};

/// The largest number of rules about one syscall: more than a filter of 4,096 instructions can
/// hold.
pub const RULES_PER_SYSCALL_MAX: usize = 2048;
