//! What a command is to run under, read from a profile or from programs.

use callgate_bpf::Stack;
use callgate_convert::Asked;
use callgate_policy::Policy;
use callgate_review::Readable;
use callgate_rules::{Listener, LoadFlag, Provenance, Sources, Target};

use callgate_console::error::Error;
use callgate_console::input::{self, Input, Source, Unresolved};
use callgate_console::output;

use super::Args;
use super::handover::AgentAddress;
use crate::commands::report::about::{NAMELESS, readable_here};

/// A policy, and what was read beside it.
pub(super) struct Wanted {
    pub(super) policy: Policy,
    /// Where its rules stand; nowhere for those of programs.
    pub(super) provenance: Provenance,
    pub(super) sources: Sources,
    /// What the text was lowered for.
    pub(super) target: Option<Target>,
    pub(super) flags: Vec<LoadFlag>,
    pub(super) agent: Option<AgentAddress>,
}

impl Wanted {
    /// Reads what the arguments name.
    ///
    /// # Errors
    /// As [`input::read`].
    pub(super) fn read(args: &Args) -> Result<Self, Error> {
        match input::read(&args.profile, &args.how)? {
            Input::Profile(text) => Self::of_text(args, &text),
            other => Self::of_programs(args, &other.subject(&args.how, &[])?.into_stack()?),
        }
    }

    fn of_text(args: &Args, text: &Unresolved) -> Result<Self, Error> {
        let resolved = text.resolve(&args.how, &args.arches)?;
        let (mut policy, mut provenance) = (resolved.policy, resolved.provenance);
        if let Some(default) = args.default {
            policy = policy.with_default(default);
            provenance.forget_default();
        }
        let Asked { flags, listener } = text.asked();
        let agent = listener
            .map(|Listener { path, metadata }| AgentAddress { path: path.into(), metadata });
        let target = Some(input::gate::target(&args.how, &args.arches)?);
        let sources = text.sources();
        Ok(Self { policy, provenance, sources, target, flags, agent })
    }

    /// What programs mean, to be compiled anew: no filter is loaded that was not proved.
    fn of_programs(args: &Args, stack: &Stack) -> Result<Self, Error> {
        let source = &args.profile;
        if args.default.is_some() || !args.arches.is_empty() {
            return Err(Error::Usage(format!(
                "{source} is a compiled filter, which has no default action and no list of architectures to change: \
                 --default and --arch go with profiles (`callgate show {source}` writes it as one)"
            )));
        }
        let Readable { policy, only, below, .. } =
            readable_here(stack, &[]).map_err(Error::Prover)?;
        if !args.how.quiet {
            remark(source, only.is_some());
            if below {
                output::warning(&format_args!("{source} tells {NAMELESS} apart: they are killed"));
            }
        }
        let (provenance, sources) = (Provenance::default(), Sources::new());
        let (target, flags) = (None, Vec::new());
        Ok(Self { policy, provenance, sources, target, flags, agent: None })
    }
}

fn remark(source: &Source, is_blind: bool) {
    output::note(&format_args!(
        "{source} is a compiled filter: what is loaded is made anew from what it means, and proved equal to that"
    ));
    if is_blind {
        output::warning(&format_args!(
            "{source} does not treat all other architectures alike: calls of others than this machine's are killed"
        ));
    }
}
