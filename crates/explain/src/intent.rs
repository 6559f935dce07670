//! What programs want with a call, and what they do when it is refused.

use callgate_facts::{Confidence, Constant, Constants, Drift, Fallback, ReleaseKind};
use callgate_syscalls::{Arch, Name};

use crate::{Call, Denial};

mod runtime;

/// What is known of programs that make such a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Intent {
    /// Who makes it and since when: `glibc 2.34: pthread_create()`.
    pub caller: String,
    /// The call, with the argument that matters.
    pub call: &'static str,
    /// What users see, where a report says so.
    pub symptom: Option<&'static str>,
    /// What happens on `ENOSYS`.
    pub on_enosys: &'static str,
    /// What happens on `EPERM`.
    pub on_eperm: &'static str,
    /// What happens on `ENOSYS`, as one of a few kinds.
    pub effect: Effect,
    /// What was found to help, where a report says so.
    pub remedy: Option<&'static str>,
    /// What that opens.
    pub risk: Option<&'static str>,
    /// Whether it is about this call for certain: not where it depends on arguments that are not
    /// known.
    pub is_certain: bool,
    /// How this is known.
    pub confidence: Confidence,
    /// Where it is known from; empty where it is generally known.
    pub source: &'static str,
}

/// What a caller does when it is told that the kernel does not have a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It takes another way, and only then.
    OnlyEnosysHelps,
    /// It takes another way, as on any other error; being killed is what hurts.
    AnyErrorHelps,
    /// It fails.
    Fails,
    /// Nobody looked.
    Unknown,
}

/// The most intents that are told.
pub(crate) const SHOWN_MAX: usize = 2;

/// What is known of a call: what fits its arguments before what is about the syscall as such.
///
/// What another runtime wants with it than the one that made it is left out.
pub(crate) fn of(call: &Call, denial: &Denial) -> Vec<Intent> {
    let (Some(arch), Some(name)) = (call.arch, call.name) else { return Vec::new() };
    let drift = callers(name, arch).filter(|row| runtime::may_have_made(row, denial));
    let drift = drift.map(Intent::from);
    let denials = callgate_facts::Denial::of(name).map(|row| Intent::of_denial(row, name, arch));
    let mut intents: Vec<(usize, Intent)> = denials
        .chain(drift)
        .filter_map(|intent| {
            let rank = mismatch(call, intent.call)?;
            Some((rank, Intent { is_certain: rank <= CERTAIN, ..intent }))
        })
        .collect();
    // Of what may be, first what can't do without.
    let can_do_without = |intent: &Intent| intent.is_certain || intent.effect != Effect::Fails;
    intents.sort_by_key(|(rank, intent)| (*rank, can_do_without(intent)));
    intents.into_iter().map(|(_, intent)| intent).collect()
}

/// What programs make a call for; not what starts them in containers.
fn callers(name: Name, arch: Arch) -> impl Iterator<Item = Drift> {
    let is_program = |row: &Drift| ReleaseKind::of(row.part()) != Some(ReleaseKind::Container);
    Drift::of(name).filter(move |row| row.is_on(arch) && is_program(row))
}

/// The rank of a description that names none of the arguments that are not known.
const CERTAIN: usize = 1;

/// How far a description is from the call's arguments: 0 where all constants that it names are among
/// them, 1 where it names none, 2 where those that are missing may be in arguments that are not
/// known; none at all where it is about others.
fn mismatch(call: &Call, description: &str) -> Option<usize> {
    let words = description.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let constants: Vec<Constant> = words.filter_map(Constant::parse).collect();
    let families: Vec<&str> = families(description).collect();
    if constants.is_empty() && families.is_empty() {
        return Some(CERTAIN);
    }
    let is_shown = |family: &&str| {
        let is_of = |text: &str| text.split('|').any(|word| word.starts_with(family));
        call.arguments.iter().any(|argument| is_of(&argument.text))
    };
    let may_be = |one: &dyn Fn(Constant) -> bool| may_be_unknown(call, one);
    let is_whole = families.iter().all(is_shown);
    if !is_whole
        && !families.iter().all(|it| is_shown(it) || may_be(&|one| one.name().starts_with(it)))
    {
        return None;
    }
    let shown = |constant: &Constant| {
        let is_word = |text: &str| text.split('|').any(|word| word == constant.name());
        call.arguments.iter().any(|argument| is_word(&argument.text))
    };
    let missing: Vec<&Constant> = constants.iter().filter(|constant| !shown(constant)).collect();
    match missing.is_empty() && is_whole {
        true => Some(0),
        false => missing.iter().all(|it| may_be(&|one| one == **it)).then_some(CERTAIN + 1),
    }
}

/// The beginnings of constants that a description names: `ARCH_SHSTK_` of `ARCH_SHSTK_*`.
fn families(description: &str) -> impl Iterator<Item = &str> {
    let words = description.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '*');
    let families = words.filter_map(|word| word.strip_suffix('*'));
    families
        .filter(|start| start.ends_with('_') && start.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// Whether an argument that is not known may be such a constant.
fn may_be_unknown(call: &Call, is_it: &dyn Fn(Constant) -> bool) -> bool {
    let Some(name) = call.name else { return true };
    call.arguments.iter().filter(|argument| argument.value.is_none()).any(|argument| {
        let usages = argument.name.into_iter().flat_map(|argument| Constants::of(name, argument));
        usages.flat_map(|usage| usage.constants.members()).any(is_it)
    })
}

impl From<Drift> for Intent {
    fn from(drift: Drift) -> Self {
        let version = match drift.since() {
            "all" | "any" => String::new(),
            since => format!(" {since} and newer"),
        };
        Self {
            caller: format!("{}{version}: {}", drift.part(), drift.caller()),
            call: drift.call(),
            symptom: None,
            on_enosys: drift.on_enosys(),
            on_eperm: drift.on_eperm(),
            effect: match drift.fallback() {
                Fallback::Enosys => Effect::OnlyEnosysHelps,
                Fallback::Any | Fallback::Ignored | Fallback::Probe => Effect::AnyErrorHelps,
                Fallback::None | Fallback::Abort => Effect::Fails,
                _ => Effect::Unknown,
            },
            remedy: None,
            risk: None,
            is_certain: false,
            confidence: drift.confidence(),
            source: drift.source(),
        }
    }
}

impl Intent {
    fn of_denial(row: callgate_facts::Denial, name: Name, arch: Arch) -> Self {
        // What falls back is told by the history of the callers, where it was read.
        let known = callers(name, arch).map(|drift| Self::from(drift).effect).min();
        Self {
            caller: row.caller().to_owned(),
            call: row.call(),
            symptom: Some(row.symptom()),
            on_enosys: row.on_enosys(),
            on_eperm: row.on_eperm(),
            effect: match row.on_enosys() {
                "failure" | "error" | "same" | "fatal" | "dies" | "silent hang" => Effect::Fails,
                "" | "-" | "n/a" => known.unwrap_or(Effect::Unknown),
                same if same == row.on_eperm() => Effect::AnyErrorHelps,
                _ => known.unwrap_or(Effect::OnlyEnosysHelps),
            },
            remedy: Some(row.remedy()),
            risk: Some(row.risk()),
            is_certain: false,
            confidence: row.confidence(),
            source: row.source(),
        }
    }
}
