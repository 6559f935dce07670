//! From what a file says to rules that can be relied on: the checks that look at more than one
//! value.

use callgate_rules::{ErrnoSpec, Span};
use callgate_syscalls::{Action, Arch};

use crate::docker::{self, Filter};
use crate::json::Document;
use crate::oci::Arg;
use crate::place::JsonPath;
use crate::scalar::{ActionName, OperatorName, WidthName};
use crate::{Error, WarningKind};

/// A rule whose parts fit together.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) path: JsonPath,
    /// The object in the file.
    pub(crate) span: Span,
    pub(crate) names: Names,
    pub(crate) action: ActionSpec,
    pub(crate) args: Vec<Arg>,
    pub(crate) includes: Filter,
    pub(crate) excludes: Filter,
}

/// The names of a rule.
#[derive(Clone, Debug)]
pub(crate) enum Names {
    /// The list `names`.
    Listed(Vec<String>),
    /// The text `name`, of old files.
    Single(String),
}

impl Names {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::Listed(names) => names,
            Self::Single(name) => std::slice::from_ref(name),
        }
    }

    /// Where a name stands, in the rule of that path.
    pub(crate) fn path(&self, rule: &JsonPath, index: usize) -> JsonPath {
        match self {
            Self::Listed(_) => rule.clone().key("names").index(index),
            Self::Single(_) => rule.clone().key("name"),
        }
    }
}

/// An action whose number may depend on the architecture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActionSpec {
    name: ActionName,
    number: ErrnoSpec,
}

impl ActionSpec {
    pub(crate) fn on(self, arch: Arch) -> Action {
        let number = self.number.on(arch);
        match self.name {
            ActionName::Kill | ActionName::KillThread => Action::KILL_THREAD,
            ActionName::KillProcess => Action::KILL_PROCESS,
            ActionName::Trap => Action::trap(0),
            // `action` has refused numbers above the largest; if it ever does not, killing fails
            // closed.
            ActionName::Errno => Action::errno(number).unwrap_or(Action::KILL_PROCESS),
            ActionName::Trace => Action::trace(number),
            ActionName::Allow => Action::ALLOW,
            ActionName::Log => Action::LOG,
            ActionName::Notify => Action::USER_NOTIFY,
        }
    }
}

/// What is wrong with a file, before line and column are known.
pub(crate) struct Fault {
    pub(crate) path: JsonPath,
    pub(crate) reason: String,
}

impl Fault {
    pub(crate) fn at(path: JsonPath, reason: impl Into<String>) -> Self {
        Self { path, reason: reason.into() }
    }

    pub(crate) fn locate(&self, document: &Document) -> Error {
        Error::Invalid { place: self.path.locate(document), reason: self.reason.clone() }
    }
}

/// Collects warnings with their paths while the parts are checked.
pub(crate) type Noted = Vec<(JsonPath, WarningKind)>;

/// Checks what concerns the profile as a whole and returns its default action.
pub(crate) fn default_action(
    root: &JsonPath,
    seccomp: &docker::Seccomp,
    noted: &mut Noted,
) -> Result<ActionSpec, Fault> {
    if !seccomp.architectures.is_empty() && !seccomp.arch_map.is_empty() {
        let reason = "stands beside `architectures`: only one of the two can be meant";
        return Err(Fault::at(root.clone().key("archMap"), reason));
    }
    let number = root.clone().key("defaultErrnoRet");
    let text = root.clone().key("defaultErrno");
    let number = (number, seccomp.default_errno_ret);
    let text = (text, seccomp.default_errno.as_deref());
    action(seccomp.default_action, number, text, noted)
}

/// Checks one rule.
pub(crate) fn rule(
    path: JsonPath,
    span: Span,
    syscall: docker::Syscall,
    noted: &mut Noted,
) -> Result<Rule, Fault> {
    let names = names(&path, syscall.name, syscall.names)?;
    // Runtimes go over an empty list.
    if names.as_slice().is_empty() {
        noted.push((path.clone().key("names"), WarningKind::NamesNothing));
    }
    let number = (path.clone().key("errnoRet"), syscall.errno_ret);
    let text = (path.clone().key("errno"), syscall.errno.as_deref());
    let action = action(syscall.action, number, text, noted)?;
    for (index, arg) in syscall.args.iter().enumerate() {
        let place = path.clone().key("args").index(index);
        if arg.width == Some(WidthName::Bits32) && (arg.value | arg.value_two) > u32::MAX.into() {
            return Err(Fault::at(
                place.key("width"),
                "the values beside it need more than 32 bits",
            ));
        }
        let place = place.key("valueTwo");
        if arg.op != OperatorName::MaskedEq && arg.value_two != 0 {
            noted.push((place, WarningKind::ValueTwoUnused));
        } else if arg.op == OperatorName::MaskedEq && arg.value_two & !arg.value != 0 {
            noted.push((place, WarningKind::ValueOutsideMask));
        }
    }
    let docker::Syscall { args, includes, excludes, .. } = syscall;
    Ok(Rule { path, span, names, action, args, includes, excludes })
}

fn names(path: &JsonPath, name: String, names: Option<Vec<String>>) -> Result<Names, Fault> {
    let list_fault = |reason| Err(Fault::at(path.clone().key("names"), reason));
    let names = match (name.is_empty(), names) {
        (true, None) => {
            return Err(Fault::at(path.clone(), "the rule names no syscall: `names` is missing"));
        }
        (true, Some(names)) => Names::Listed(names),
        (false, None) => Names::Single(name),
        (false, Some(names)) if names.is_empty() => Names::Single(name),
        (false, Some(_)) => {
            return list_fault("stands beside `name`: only one of the two can be meant");
        }
    };
    match names.as_slice().iter().position(String::is_empty) {
        Some(index) => {
            let reason = "an empty text is not the name of a syscall";
            Err(Fault::at(names.path(path, index), reason))
        }
        None => Ok(names),
    }
}

/// Combines an action with its number, which Podman also writes as a text, which then wins.
fn action(
    name: ActionName,
    (number_path, number): (JsonPath, Option<u64>),
    (text_path, text): (JsonPath, Option<&str>),
    noted: &mut Noted,
) -> Result<ActionSpec, Fault> {
    let (path, errno) = match (text, number) {
        (Some(text), _) if !text.is_empty() => (text_path.clone(), errno_of_text(text)),
        (_, Some(number)) => (number_path, errno_of_number(number)),
        _ => return Ok(ActionSpec { name, number: ErrnoSpec::EPERM }),
    };
    let is_used = matches!(name, ActionName::Errno | ActionName::Trace);
    let errno = match errno {
        // Runtimes never look at it.
        Err(_) if !is_used && path != text_path => ErrnoSpec::EPERM,
        errno => errno.map_err(|reason| Fault::at(path.clone(), reason))?,
    };
    match name {
        ActionName::Errno if errno.on(Arch::X86_64) > ERRNO_MAX => {
            let reason =
                format!("errno {} is above {ERRNO_MAX}, the largest", errno.on(Arch::X86_64));
            return Err(Fault::at(path, reason));
        }
        ActionName::Errno | ActionName::Trace => {}
        _ => noted.push((path, WarningKind::ErrnoUnused)),
    }
    Ok(ActionSpec { name, number: errno })
}

/// The largest value that the kernel returns as an error (`MAX_ERRNO`).
const ERRNO_MAX: u16 = 4095;

fn errno_of_number(number: u64) -> Result<ErrnoSpec, String> {
    match u16::try_from(number) {
        Ok(number) => Ok(ErrnoSpec::Number(number)),
        Err(_) => Err(format!("errno {number} is above {ERRNO_MAX}, the largest")),
    }
}

fn errno_of_text(text: &str) -> Result<ErrnoSpec, String> {
    ErrnoSpec::parse(text).ok_or_else(|| {
        format!("unknown errno {text:?}: expected a name such as EPERM or ENOSYS, or its number")
    })
}

/// Whether a filter lets the call happen, or hands it to someone who may.
pub(crate) fn is_permissive(action: Action) -> bool {
    use callgate_syscalls::ActionKind::{Allow, Log, Trace, UserNotify};
    matches!(action.kind(), Allow | Log | Trace | UserNotify)
}
