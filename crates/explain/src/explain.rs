//! The explanation of a denial.

use callgate_syscalls::ActionKind;

use crate::{
    Answer, Call, Change, Denial, Effect, Filter, Intent, Knowledge, Ruling, change, intent,
};

/// Why a call was refused, and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// What was known.
    pub denial: Denial,
    /// The call with names.
    pub call: Call,
    /// What the filter says: several rulings where that depends on arguments that are not known;
    /// none where no filter was given, or the prover had no answer.
    pub rulings: Vec<Ruling>,
    /// Whether a filter was given.
    pub has_filter: bool,
    /// Whether one of the rulings gives the answer that was seen. If none does, another filter is in
    /// force, or no filter refused the call.
    pub is_consistent: bool,
    /// What programs want with the call.
    pub intents: Vec<Intent>,
    /// What would cure it, the narrowest first.
    pub changes: Vec<Change>,
    /// Capabilities with each of which the filter lets the call pass, as whoever resolves it for
    /// several knows; empty here.
    pub capabilities: Vec<String>,
    /// The architecture of another machine, as on which the filter was read; none here.
    pub machine: Option<String>,
    /// Whether the filter is a container profile, which can't say all that a line can.
    pub(crate) is_for_profile: bool,
    /// Why a call that the filter refuses has no change.
    pub no_change: Option<&'static str>,
    /// Whether nothing has to change: the callers were told that the kernel lacks the call, and take
    /// another way then.
    pub is_fine: bool,
    /// What the source can't know.
    pub unknown: Vec<&'static str>,
}

/// Explains a denial, with the filter that is meant to have refused it.
#[must_use]
pub fn explain(denial: &Denial, filter: Option<&Filter<'_>>) -> Explanation {
    let call = Call::of(denial);
    let rulings = filter.map_or_else(|| denial.rulings.clone(), |filter| filter.rulings(denial));
    let is_consistent =
        rulings.is_empty() || rulings.iter().any(|ruling| denial.answer.agrees_with(ruling.action));
    // Of several rulings, those that contradict what was seen are none.
    let agreeing = |ruling: &&Ruling| !is_consistent || denial.answer.agrees_with(ruling.action);
    let rulings: Vec<Ruling> = rulings.iter().filter(agreeing).cloned().collect();
    let mut intents = intent::of(&call, denial);
    let changes = match denial.answer.kind().is_some_and(ActionKind::executes) {
        true => Vec::new(),
        false => change::of(denial, &call, &intents, &rulings, filter),
    };
    let is_fine = changes.is_empty() && is_fine(denial, &intents, &rulings);
    let no_change = match filter.filter(|_| changes.is_empty() && !is_fine) {
        Some(filter) => change::why_none(denial, &rulings, filter),
        None => None,
    };
    // What those have to say who are not told decides as well.
    intents.truncate(intent::SHOWN_MAX);
    Explanation {
        call,
        has_filter: filter.is_some(),
        is_consistent,
        capabilities: Vec::new(),
        machine: None,
        is_for_profile: filter.is_some_and(Filter::is_profile),
        no_change,
        is_fine,
        intents,
        changes,
        unknown: unknown(denial, &rulings),
        rulings,
        denial: denial.clone(),
    }
}

/// Whether all callers that are known take another way, after what they were told.
fn is_fine(denial: &Denial, intents: &[Intent], rulings: &[Ruling]) -> bool {
    let takes_another = |intent: &Intent| intent.effect == Effect::OnlyEnosysHelps;
    let is_told = |arch| change::is_told(denial, rulings, arch);
    !intents.is_empty() && intents.iter().all(takes_another) && denial.arch().is_some_and(is_told)
}

impl Explanation {
    /// Whether the call failed although the filter lets it pass, whatever is not known of it: the
    /// refusal came from elsewhere.
    #[must_use]
    pub fn is_from_elsewhere(&self) -> bool {
        let passes = |ruling: &Ruling| ruling.action.kind().executes();
        matches!(self.denial.answer, Answer::Returned(_))
            && !self.rulings.is_empty()
            && self.rulings.iter().all(passes)
    }

    /// Whether a refusal by a filter is likely. Of calls that failed with some errno, as a log of all
    /// calls has them, most were not refused: without a filter those with `EPERM` and `ENOSYS` are
    /// likely, with one those to which it gives that errno.
    #[must_use]
    pub fn is_likely(&self) -> bool {
        let Answer::Returned(errno) = self.denial.answer else { return true };
        let refuses = |ruling: &Ruling| !ruling.action.kind().executes();
        match (self.has_filter, self.call.arch) {
            (true, _) if self.is_consistent && self.rulings.iter().any(refuses) => true,
            (true, Some(arch)) => errno.name(arch) == Some("EPERM"),
            (_, Some(arch)) => matches!(errno.name(arch), Some("EPERM" | "ENOSYS")),
            (_, None) => true,
        }
    }
}

/// What a reader may look for and the source does not have.
fn unknown(denial: &Denial, rulings: &[Ruling]) -> Vec<&'static str> {
    let mut unknown = Vec::new();
    let takes_any = denial.arch().is_none_or(|arch| {
        let name = arch.syscall_at(denial.nr).map(|syscall| syscall.name);
        let signature = name.and_then(|name| arch.signature(name));
        signature.is_none_or(|signature| signature.arguments().len() > 0)
    });
    if takes_any && denial.args.iter().all(Option::is_none) {
        unknown.push("the arguments");
    }
    match denial.answer {
        Answer::Unknown if rulings.is_empty() => unknown.push("what happened to the call"),
        Answer::Kind(ActionKind::Errno) if rulings.len() != 1 => unknown.push("the errno"),
        Answer::Returned(_) if rulings.is_empty() => {
            unknown.push("whether a filter said so (--check makes the call without one)");
        }
        Answer::Sigsys(_) if rulings.is_empty() => {
            unknown.push("whether the filter said trap or kill");
        }
        _ => {}
    }
    if denial.has_later_filters {
        unknown.push("whether a filter that the program has loaded since answered in its place");
    }
    if denial.knowledge == Knowledge::Audit {
        unknown.push("how many more there were: the kernel log drops most records");
    }
    unknown
}
