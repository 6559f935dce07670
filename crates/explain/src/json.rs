//! Explanations for programs.

use callgate_syscalls::{ActionKind, Errno};
use serde::{Serialize, Serializer};

use crate::{Answer, Change, ChangeKind, Explanation, Frame, Intent, Removal, Ruling};

/// An explanation as JSON has it. Fields are added, never renamed.
#[derive(Debug, Serialize)]
struct ExplanationJson {
    /// The call.
    call: CallJson,
    /// What happened: `ERRNO(1)`, `ERRNO`, `EPERM`, `SIGSYS`; null where it is not known.
    answer: Option<String>,
    /// Whether it was made all the same: `run --retry`.
    let_pass: bool,
    /// How often.
    count: u64,
    /// The first time, in milliseconds since 1970.
    first_ms: Option<u64>,
    /// The last time.
    last_ms: Option<u64>,
    /// The process.
    pid: Option<u32>,
    /// The thread.
    tid: Option<u32>,
    /// The thread's name.
    comm: Option<String>,
    /// The executable.
    exe: Option<String>,
    /// The stack, innermost first.
    caller: Vec<FrameJson>,
    /// Where it is known from.
    source: &'static str,
    /// What the filter says; several where that depends on what is not known.
    rulings: Vec<RulingJson>,
    /// Whether the filter that was given does what was seen; null without one.
    consistent: Option<bool>,
    /// Whether the call failed although the filter lets it pass.
    elsewhere: bool,
    /// What programs want with the call.
    intents: Vec<IntentJson>,
    /// What would cure it, the narrowest first.
    changes: Vec<ChangeJson>,
    /// Why a call that the filter refuses has no change; null where it has one, or needs none.
    no_change: Option<&'static str>,
    /// Capabilities with each of which the filter lets the call pass.
    capabilities: Vec<String>,
    /// The architecture of another machine, as on which the filter was read; null for this one.
    machine: Option<String>,
    /// What the source can't know.
    unknown: Vec<&'static str>,
}

/// The call.
#[derive(Debug, Serialize)]
struct CallJson {
    /// As text: `socket(AF_VSOCK, SOCK_STREAM, 0) on x86_64`.
    text: String,
    /// The syscall's name.
    name: Option<String>,
    /// Its number.
    number: u32,
    /// The architecture's name.
    arch: Option<&'static str>,
    /// The architecture's token.
    token: u32,
    /// The address of the instruction after the call.
    ip: Option<u64>,
    /// The arguments.
    arguments: Vec<ArgumentJson>,
}

/// An argument.
#[derive(Debug, Serialize)]
struct ArgumentJson {
    name: Option<&'static str>,
    value: Option<u64>,
    text: String,
}

/// A frame.
#[derive(Debug, Serialize)]
struct FrameJson {
    object: Option<String>,
    offset: u64,
    symbol: Option<String>,
    symbol_offset: Option<u64>,
}

/// What a filter says.
#[derive(Debug, Serialize)]
struct RulingJson {
    action: String,
    errno: Option<&'static str>,
    place: Option<String>,
    line: Option<String>,
    by: String,
}

/// What programs want.
#[derive(Debug, Serialize)]
struct IntentJson {
    caller: String,
    call: &'static str,
    symptom: Option<&'static str>,
    on_enosys: &'static str,
    on_eperm: &'static str,
    remedy: Option<&'static str>,
    risk: Option<&'static str>,
    source: &'static str,
}

/// A change.
#[derive(Debug, Serialize)]
struct ChangeJson {
    /// `enosys`, `exact` or `block`.
    kind: &'static str,
    /// The line in callgate's language.
    line: String,
    /// `FILE:LINE` of the rule that refuses the call, before which the line has to stand; null
    /// where no rule but the default does.
    before: Option<String>,
    /// The calls that have to go from that rule, which decides nothing about them any more.
    replaces: Vec<String>,
    /// All that has to go from the text for the line, there or elsewhere.
    removes: Vec<RemovalJson>,
    /// Whether that rule says `always`, which the line goes against.
    always: bool,
    /// The rule for a container profile, as JSON text.
    profile_rule: Option<String>,
    /// What is permitted beyond; null where there is no filter to compare with.
    permits: Option<Vec<PermittedJson>>,
    /// How many numbers without a syscall are.
    permits_unnamed: Option<u64>,
    /// What is refused that was not; null where there is no filter to compare with.
    refuses: Option<Vec<PermittedJson>>,
    /// The calls that it would allow and other rules refuse all the same.
    still_refused: Vec<RefusedJson>,
    /// What a program can do to others with it.
    risks: Vec<&'static str>,
}

/// A call that stays refused.
#[derive(Debug, Serialize)]
struct RefusedJson {
    name: &'static str,
    /// `FILE:LINE:COLUMN` of a rule that refuses it.
    place: Option<String>,
}

/// What a line leaves nothing to decide.
#[derive(Debug, Serialize)]
struct RemovalJson {
    /// `FILE:LINE` of the statement.
    place: String,
    /// The calls that have to go from it.
    calls: Vec<String>,
    /// The statement, where all of it has to go.
    whole: Option<String>,
}

/// A syscall that is permitted beyond, or no more.
#[derive(Debug, Serialize)]
struct PermittedJson {
    arch: &'static str,
    name: String,
    whole: bool,
}

impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

impl Explanation {
    fn json(&self) -> ExplanationJson {
        let denial = &self.denial;
        ExplanationJson {
            call: self.call_json(),
            answer: self.answer_word(),
            let_pass: denial.is_let_pass,
            count: denial.count,
            first_ms: denial.first.map(crate::Time::millis),
            last_ms: denial.last.map(crate::Time::millis),
            pid: denial.process.pid,
            tid: denial.process.tid,
            comm: denial.process.comm.clone(),
            exe: denial.process.exe.clone(),
            caller: denial.caller.iter().map(FrameJson::from).collect(),
            source: denial.knowledge.name(),
            rulings: self.rulings.iter().map(|ruling| self.ruling_json(ruling)).collect(),
            elsewhere: self.is_from_elsewhere(),
            consistent: self.has_filter.then_some(self.is_consistent),
            intents: self.intents.iter().map(IntentJson::from).collect(),
            changes: self.changes.iter().map(ChangeJson::from).collect(),
            no_change: self.no_change,
            capabilities: self.capabilities.clone(),
            machine: self.machine.clone(),
            unknown: self.unknown.clone(),
        }
    }

    /// The explanation as one line of JSON, without the end of the line.
    #[must_use]
    pub fn json_line(&self) -> String {
        // What holds strings and numbers only is always JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn call_json(&self) -> CallJson {
        let argument = |argument: &crate::ShownArgument| ArgumentJson {
            name: argument.name,
            value: argument.value,
            text: argument.text.clone(),
        };
        CallJson {
            text: self.call.to_string(),
            name: self.call.name.map(|name| name.to_string()),
            number: self.call.nr.raw(),
            arch: self.call.arch.map(callgate_syscalls::Arch::name),
            token: self.call.token.raw(),
            ip: self.denial.ip,
            arguments: self.call.arguments.iter().map(argument).collect(),
        }
    }

    fn answer_word(&self) -> Option<String> {
        match self.denial.answer {
            Answer::Unknown => None,
            Answer::Action(action) => Some(action.to_string()),
            Answer::Kind(kind) => Some(kind_word(kind).to_owned()),
            Answer::Returned(errno) => Some(self.errno(errno)),
            Answer::Sigsys(_) => Some("SIGSYS".to_owned()),
        }
    }

    /// An errno by its name on the call's architecture.
    pub(crate) fn errno(&self, errno: Errno) -> String {
        let name = self.call.arch.and_then(|arch| errno.name(arch));
        name.map_or_else(|| format!("errno {}", errno.raw()), str::to_owned)
    }

    fn ruling_json(&self, ruling: &Ruling) -> RulingJson {
        let is_errno = ruling.action.kind() == ActionKind::Errno;
        let errno = Errno::new(ruling.action.data());
        RulingJson {
            action: ruling.action.to_string(),
            errno: self.call.arch.filter(|_| is_errno).and_then(|arch| errno.name(arch)),
            place: ruling.place.clone(),
            line: ruling.line.clone(),
            by: ruling.by.clone(),
        }
    }
}

/// The kernel's name of an action without its data.
pub(crate) const fn kind_word(kind: ActionKind) -> &'static str {
    match kind {
        ActionKind::KillProcess => "KILL_PROCESS",
        ActionKind::KillThread => "KILL_THREAD",
        ActionKind::Trap => "TRAP",
        ActionKind::Errno => "ERRNO",
        ActionKind::UserNotify => "USER_NOTIF",
        ActionKind::Trace => "TRACE",
        ActionKind::Log => "LOG",
        ActionKind::Allow => "ALLOW",
        ActionKind::Unknown => "UNKNOWN",
    }
}

impl From<&Frame> for FrameJson {
    fn from(frame: &Frame) -> Self {
        Self {
            object: frame.object.clone(),
            offset: frame.offset,
            symbol: frame.symbol.as_ref().map(|(name, _)| name.clone()),
            symbol_offset: frame.symbol.as_ref().map(|(_, offset)| *offset),
        }
    }
}

impl From<&Intent> for IntentJson {
    fn from(intent: &Intent) -> Self {
        Self {
            caller: intent.caller.clone(),
            call: intent.call,
            symptom: intent.symptom,
            on_enosys: intent.on_enosys,
            on_eperm: intent.on_eperm,
            remedy: intent.remedy,
            risk: intent.risk,
            source: intent.source,
        }
    }
}

impl From<&Removal> for RemovalJson {
    fn from(removal: &Removal) -> Self {
        let Removal { place, calls, whole } = removal.clone();
        Self { place, calls, whole }
    }
}

impl From<&Change> for ChangeJson {
    fn from(change: &Change) -> Self {
        let permitted = |(arch, name, whole): &(callgate_syscalls::Arch, String, bool)| {
            PermittedJson { arch: arch.name(), name: name.clone(), whole: *whole }
        };
        Self {
            kind: change.kind.name(),
            line: change.line.clone(),
            before: change.before.as_ref().map(|before| before.place.clone()),
            replaces: change.removed_before().into_iter().flat_map(|it| it.calls.clone()).collect(),
            removes: change.removals.iter().map(RemovalJson::from).collect(),
            always: change.before.as_ref().is_some_and(|before| before.is_always),
            profile_rule: change.profile_rule.clone(),
            permits: change.cost.as_ref().map(|c| c.permits.iter().map(permitted).collect()),
            refuses: change.cost.as_ref().map(|c| c.refuses.iter().map(permitted).collect()),
            permits_unnamed: change.cost.as_ref().map(|cost| cost.unnamed),
            still_refused: change
                .still_refused
                .iter()
                .map(|(name, place)| RefusedJson { name: name.as_str(), place: place.clone() })
                .collect(),
            risks: change.risks.iter().map(|risk| risk.name()).collect(),
        }
    }
}

impl ChangeKind {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enosys => "enosys",
            Self::Exact => "exact",
            Self::Block => "block",
        }
    }
}
