//! Who decides about a call on each side of a comparison.

use crate::args::group::ProfileArgs;
use crate::circumstances;
use crate::decider::{place, said};
use crate::error::Error;
use crate::input::{self, Input, Resolved, Source, Subject, Unresolved};
use callgate_bpf::{Listing, Stack, Style};
use callgate_policy::{Decider, RuleId};
use callgate_prover::Difference;
use callgate_review::{Change, Decided, Folded, changes, folded};
use callgate_syscalls::{Arch, Endian, Name, SeccompData};

/// A filter that was read, with what it was read from.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever shows a filter has to look at each")]
pub enum Side {
    /// A text, and what it says under the reading that was asked for.
    Text(Box<Unresolved>, Box<Resolved>),
    /// One or more programs.
    Stack(Stack),
}

impl Side {
    /// Reads a filter.
    ///
    /// # Errors
    /// As [`input::read`].
    pub fn read(source: &Source, how: &ProfileArgs, arches: &[Arch]) -> Result<Self, Error> {
        Self::of(input::read(source, how)?, how, arches)
    }

    /// What was read.
    ///
    /// # Errors
    /// As [`Unresolved::resolve`].
    pub fn of(input: Input, how: &ProfileArgs, arches: &[Arch]) -> Result<Self, Error> {
        Ok(match input {
            Input::Profile(text) => {
                let resolved = Box::new(text.resolve(how, arches)?);
                Self::Text(text, resolved)
            }
            other => Self::Stack(match other.subject(how, arches)? {
                Subject::Stack(stack) => stack,
                policy @ Subject::Policy(_) => policy.into_stack()?,
            }),
        })
    }

    /// What the prover takes.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Text(_, resolved) => Subject::Policy(resolved.policy.clone()),
            Self::Stack(stack) => Subject::Stack(stack.clone()),
        }
    }

    /// Whether it depends on the machine, the kernel or capabilities, and none of these was given.
    pub fn is_left_open(&self, how: &ProfileArgs, arches: &[Arch]) -> bool {
        match self {
            Self::Text(text, _) => circumstances::is_text_left_open(text, how, arches),
            Self::Stack(_) => false,
        }
    }

    /// Whether it depends on the machine, the kernel or capabilities, be they given or not.
    pub fn depends(&self, how: &ProfileArgs) -> bool {
        match self {
            Self::Text(text, _) => circumstances::depends(text, how),
            Self::Stack(_) => false,
        }
    }

    /// The texts that it was read from: their names, and what is in them.
    pub fn texts(&self) -> Vec<(String, String)> {
        let Self::Text(text, _) = self else { return Vec::new() };
        let sources = text.sources();
        sources.iter().map(|one| (one.name().to_owned(), one.text().to_owned())).collect()
    }

    /// Where a text speaks of a syscall: `FILE:LINE`, the first few.
    pub fn places(&self, name: Name) -> Vec<String> {
        const PLACES_MAX: usize = 4;
        let Self::Text(text, resolved) = self else { return Vec::new() };
        let mut places: Vec<String> = Vec::new();
        for (arch, own) in resolved.policy.arches() {
            let Some(syscall) = arch.syscall(name) else { continue };
            for index in 0..own.rules_for(syscall.nr).len() {
                let by = Decider::Rule(RuleId { arch, nr: syscall.nr, index });
                let place = place(text, resolved, by);
                let line = place.and_then(|it| Some(it.rsplit_once(':')?.0.to_owned()));
                places.extend(line.filter(|line| !places.contains(line)));
            }
        }
        places.truncate(PLACES_MAX);
        places
    }

    /// What it does with a call, and who decides that.
    pub fn decided(&self, call: &SeccompData) -> Decided {
        let action = match self {
            Self::Text(_, resolved) => resolved.policy.decisive(call).action,
            Self::Stack(stack) => {
                // What belongs to no architecture is read as this machine would.
                let arch = Arch::of_call(call.arch, call.nr).or_else(Arch::native);
                let endian = arch.map_or(Endian::native(), Arch::endian);
                stack.run(call, endian).action
            }
        };
        Decided { action, by: self.decider(call) }
    }

    /// The rule with its place, or the instruction that returns.
    pub fn decider(&self, call: &SeccompData) -> Option<String> {
        match self {
            Self::Text(text, resolved) => {
                Some(said(text, resolved, resolved.policy.decisive(call).by))
            }
            Self::Stack(stack) => instruction(stack, call),
        }
    }
}

/// What changes between two sides, with who decides about each example on both.
pub fn changes_of(
    [from, to]: [&Side; 2],
    differences: &[Difference],
    arches: &[Arch],
) -> Vec<Change> {
    let mut changes = changes(differences, arches);
    for change in &mut changes {
        change.from_by = from.decider(&change.witness);
        change.to_by = to.decider(&change.witness);
    }
    changes
}

/// The changes between two sides, put together.
pub fn folded_of<'a>([from, to]: [&Side; 2], changes: &'a [Change]) -> Vec<Folded<'a>> {
    folded(changes, |call| [from.decided(call), to.decided(call)])
}

/// The instruction that returns what counts. Where all of several filters allow a call, none does.
fn instruction(stack: &Stack, call: &SeccompData) -> Option<String> {
    // What belongs to no architecture is read as this machine would.
    let arch = Arch::of_call(call.arch, call.nr).or_else(Arch::native)?;
    let endian = arch.endian();
    let deciding = stack.run(call, endian).filter;
    let index = deciding.or((stack.programs().len() == 1).then_some(0))?;
    let program = stack.programs().get(index)?;
    let last = program.trace(call, endian).steps.last()?.index;
    let line =
        Listing::new(program, Style { endian, arch: Some(arch) }).lines.into_iter().nth(last)?;
    Some(format!("instruction {last}: {}", line.text))
}
