//! A text as it was read: its policies, each the intersection of filters, not yet for any machine.

use std::collections::BTreeSet;

use callgate_policy::Policy;
use callgate_rules::{
    Answer, Diagnostic, Provenance, Rules, Source, SourceError, Sources, SubjectKind, Target,
};
use callgate_syscalls::Arch;

use crate::{Dialect, combine};

/// A text with what it means.
#[derive(Clone, Debug)]
pub struct Written {
    /// The form of the text.
    pub dialect: Dialect,
    /// The text, and what it includes.
    pub sources: Sources,
    /// The policies: one, but for texts with a policy for each thread.
    pub parts: Vec<Part>,
    /// What is remarkable, but no error.
    pub warnings: Vec<Diagnostic>,
}

/// A policy of a text.
#[derive(Clone, Debug)]
pub struct Part {
    /// The name of the thread that it is for, where there are several.
    pub name: String,
    /// The filters that are loaded, the first loaded first. A call gets the strictest of their
    /// answers.
    pub layers: Vec<Layer>,
}

/// Rules of which the tool makes one filter.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The rules.
    pub rules: Rules,
    /// For which architectures, where the rules name none.
    pub arches: LayerArches,
    /// Whether names that no architecture of the target has are passed over, and no error.
    pub is_lenient: bool,
    /// Which of several rules about a call decides.
    pub order: Order,
    /// Whether people wrote each rule with its action, so that one without effect is a mistake.
    pub is_by_hand: bool,
    /// What becomes of x32's numbers, where the filter is for x86_64 and not for x32.
    pub x32: X32,
}

/// What a filter for x86_64 makes of x32's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum X32 {
    /// They are those of another architecture.
    Foreign,
    /// They are x86_64's to the tool, which has no rules about them.
    Default,
    /// They get an answer of their own.
    Answer(Answer),
}

/// Which of several rules about a call decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first that holds.
    First,
    /// That of libseccomp, which the tool hands its rules to.
    Libseccomp(Exactness),
}

/// Which of libseccomp's functions takes the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    /// `seccomp_rule_add`.
    Adapted,
    /// `seccomp_rule_add_exact`.
    Exact,
    /// The same, for calls that have a number of their own on the architecture: the tool passes over
    /// those that libseccomp resolves to none, such as those of `socketcall`.
    ExactOwn,
}

/// The architectures of filters that name none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerArches {
    /// The machine's own.
    Native,
    /// The machine's own and these.
    NativeAnd(Vec<Arch>),
    /// All that the machine's kernel can run: its own, and the 32-bit ones beside it.
    Local,
    /// The same without x32.
    Compat,
    /// Those for which liblxc makes filters on the machine.
    Lxc,
    /// The first, on machines of the second; on others the filter has no rules.
    Beside(Arch, Arch),
}

/// The meaning of a text on a target.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// What happens to each call.
    pub policy: Policy,
    /// Which rule of the text each of the policy's comes from.
    pub provenance: Provenance,
    /// Rules that the tool takes and that decide nothing.
    pub warnings: Vec<Diagnostic>,
}

/// What a text leaves open about its tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whose sets `@NAME` means in units of systemd, as
    /// [`Alias::source`](callgate_facts::Alias::source) names them.
    pub systemd: &'static str,
}

impl Default for Options {
    /// The newest versions.
    fn default() -> Self {
        Self { systemd: "systemd-257" }
    }
}

/// Why a text is no policy.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The text, and what it includes.
    pub sources: Sources,
    /// At least one error.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads an included file: its path as the line has it, and the name of the file that includes it.
pub type Loader<'l> = dyn FnMut(&str, &str) -> Result<Source, SourceError> + 'l;

impl Layer {
    /// A filter for the machine's own architecture.
    #[must_use]
    pub const fn new(rules: Rules) -> Self {
        let (is_lenient, is_by_hand, x32) = (false, false, X32::Foreign);
        let (arches, order) = (LayerArches::Native, Order::First);
        Self { rules, arches, is_lenient, order, is_by_hand, x32 }
    }

    /// The rules as they stand on a target, and the target with this filter's architectures.
    pub(crate) fn on(&self, target: &Target) -> (Rules, Target) {
        let mut rules = self.rules.clone();
        let mut target = target.clone();
        if rules.header.arches.is_empty() && target.arches.is_none() {
            target.arches = Some(match &self.arches {
                LayerArches::Native => vec![target.native],
                LayerArches::NativeAnd(others) => {
                    let all = std::iter::once(&target.native).chain(others);
                    all.copied().collect::<BTreeSet<_>>().into_iter().collect()
                }
                LayerArches::Beside(arch, of) if *of == target.native => vec![*arch],
                LayerArches::Beside(..) => vec![target.native],
                LayerArches::Local => local(target.native),
                LayerArches::Lxc => crate::lxc::arches(target.native),
                LayerArches::Compat => {
                    local(target.native).into_iter().filter(|arch| *arch != Arch::X32).collect()
                }
            });
        }
        if self.is_lenient {
            let arches = target.arches.as_ref().unwrap_or(&rules.header.arches).clone();
            rules.rules.iter_mut().for_each(|rule| {
                rule.subjects.retain(|subject| match &subject.kind {
                    SubjectKind::Call(name) => {
                        arches.iter().any(|arch| arch.syscall(*name).is_some())
                    }
                    SubjectKind::Number(_) | SubjectKind::Group(_) => true,
                });
            });
        }
        (rules, target)
    }
}

impl Written {
    /// The policy of a thread; of any, where the text has one for all.
    ///
    /// # Errors
    /// The names of the threads, where none is named or another one.
    pub fn part(&self, thread: Option<&str>) -> Result<&Part, Vec<&str>> {
        let names = || self.parts.iter().map(|part| part.name.as_str()).collect();
        match (thread, self.parts.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(names()),
            (Some(thread), parts) => {
                parts.iter().find(|part| part.name == thread).ok_or_else(names)
            }
        }
    }

    /// The meaning of one of the policies on a target.
    ///
    /// # Errors
    /// Values that do not fit their argument, names that no architecture has, and the like.
    pub fn lower(&self, part: &Part, target: &Target) -> Result<Lowered, Refused> {
        combine::lower(&part.layers, target)
            .map_err(|diagnostics| Refused { sources: self.sources.clone(), diagnostics })
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            if let Some(place) = diagnostic.primary_span().and_then(|span| self.sources.place(span))
            {
                write!(f, "{place}: ")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// The architectures whose calls a system of one takes: those of its machine, if it is the widest.
pub(crate) fn local(native: Arch) -> Vec<Arch> {
    match native.of_machine() {
        machine @ [widest, ..] if *widest == native => machine.to_vec(),
        _ => vec![native],
    }
}
