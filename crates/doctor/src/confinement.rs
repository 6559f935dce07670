//! How this process is confined itself, and what it may do.

use std::fs;

use callgate_kernel::{Mode, Status, current_status};
use callgate_observe::survey;

use crate::check::{Answer, Check, Group, Need, Value};

/// What `/proc` says about this process.
#[derive(Debug)]
pub(crate) struct Confinement {
    status: Result<Status, String>,
    capabilities: Option<u64>,
    user_namespace: Option<Namespace>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Namespace {
    Initial,
    Other,
}

/// The capabilities that matter here, with their bits.
const CAPABILITIES: [(&str, u32); 5] = [
    ("CAP_SYS_PTRACE", 19),
    ("CAP_SYS_ADMIN", 21),
    ("CAP_AUDIT_READ", 37),
    ("CAP_PERFMON", 38),
    ("CAP_BPF", 39),
];

impl Confinement {
    /// Reads what there is to read; what can't be is unknown.
    pub(crate) fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let map = fs::read_to_string("/proc/self/uid_map").ok();
        Self {
            status: current_status().map_err(|error| error.to_string()),
            capabilities: effective_capabilities(&status),
            user_namespace: map.as_deref().map(namespace),
        }
    }

    /// Whether this process has filters; what it sees of the kernel is then what they let through.
    pub(crate) fn filtered(&self) -> bool {
        self.status.as_ref().is_ok_and(|status| status.mode != Mode::Disabled)
    }

    /// How many filters this process has, where that is known.
    pub(crate) fn filters(&self) -> u32 {
        self.status.as_ref().ok().and_then(|status| status.filters).unwrap_or(0)
    }

    pub(crate) fn checks(&self) -> Vec<Check> {
        vec![
            self.mode(),
            self.stacked(),
            self.no_new_privs(),
            fact("capabilities", "capabilities that matter here", self.capability_names()),
            fact("user-namespace", "user namespace", self.namespace_name()),
            new_namespace(),
            load(),
            load_privileged(),
        ]
    }

    fn status<T>(&self, of: impl FnOnce(&Status) -> Option<T>) -> Result<T, String> {
        let status = self.status.as_ref().map_err(Clone::clone)?;
        of(status).ok_or_else(|| "this kernel does not say".to_owned())
    }

    fn mode(&self) -> Check {
        let mode = self.status(|status| {
            Some(match status.mode {
                Mode::Disabled => "none",
                Mode::Strict => "strict",
                Mode::Filter => "filter",
            })
        });
        let mut check = fact("own-mode", "seccomp mode", mode.map(text));
        if self.filtered() {
            check.advice = Some(CONFINED.to_owned());
        }
        check
    }

    fn stacked(&self) -> Check {
        let filters = self.status(|status| status.filters);
        fact("own-filters", "filters in place", filters.map(|n| Value::Number(n.into())))
    }

    fn no_new_privs(&self) -> Check {
        let set = self.status(|status| status.no_new_privs);
        fact(
            "own-no-new-privs",
            "no_new_privs",
            set.map(|set| text(if set { "set" } else { "not set" })),
        )
    }

    fn capability_names(&self) -> Result<Value, String> {
        let set = self.capabilities.ok_or(UNREADABLE)?;
        let has = |&&(_, bit): &&(&str, u32)| set >> bit & 1 == 1;
        let names: Vec<_> = CAPABILITIES.iter().filter(has).map(|&(name, _)| name).collect();
        Ok(text(&if names.is_empty() { "none".to_owned() } else { names.join(" ") }))
    }

    fn namespace_name(&self) -> Result<Value, String> {
        Ok(text(match self.user_namespace.ok_or(UNREADABLE)? {
            Namespace::Initial => "the machine's",
            Namespace::Other => "another: root here is not root outside",
        }))
    }
}

const UNREADABLE: &str = "/proc can't be read";
const CONFINED: &str = "what follows from these filters is not told apart from what the kernel lacks: \
                        ask outside of the sandbox too";

fn fact(id: &'static str, question: &'static str, value: Result<Value, String>) -> Check {
    Check::fact(Group::Confinement, id, question, value)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn new_namespace() -> Check {
    let question = "may make user namespaces";
    Check::found(Group::Confinement, "new-user-namespace", question, &survey::new_user_namespace())
}

fn load() -> Check {
    let question = "may load a filter";
    Check::found(Group::Confinement, "load", question, &survey::load_filter())
        .needed_by(&[Need::Run])
        .advice_if(
            Answer::No,
            "a sandbox around this process forbids it, or the kernel has no filters",
        )
        .advice_if(
            Answer::Unknown,
            "a sandbox around this process forbids the calls that load filters",
        )
}

fn load_privileged() -> Check {
    let question = "may do so without setting no_new_privs";
    let finding = survey::load_filter_privileged();
    Check::found(Group::Confinement, "load-privileged", question, &finding)
}

fn effective_capabilities(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// The machine's own namespace maps every id to itself.
fn namespace(map: &str) -> Namespace {
    let words: Vec<_> = map.split_whitespace().collect();
    match words[..] == ["0", "0", "4294967295"] {
        true => Namespace::Initial,
        false => Namespace::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_namespace_is_told_from_others() {
        assert_eq!(namespace("         0          0 4294967295\n"), Namespace::Initial);
        for map in ["", "0 1000 1\n", "0 0 4294967294\n", "0 0 1\n1 1 4294967294\n"] {
            assert_eq!(namespace(map), Namespace::Other, "{map:?}");
        }
    }

    #[test]
    fn capabilities_are_named_by_their_bits() {
        let confinement = |line: &str| Confinement {
            status: Err("unread".to_owned()),
            capabilities: effective_capabilities(line),
            user_namespace: None,
        };
        let names = |line| confinement(line).capability_names();
        assert_eq!(names("CapPrm:\tff\nCapEff:\t0000000000200000\n"), Ok(text("CAP_SYS_ADMIN")));
        assert_eq!(names("CapEff:\t0\n"), Ok(text("none")));
        assert_eq!(names("CapEff:\t8000000000\n"), Ok(text("CAP_BPF")));
        assert_eq!(names("CapEff:\tx\n"), Err(UNREADABLE.to_owned()));
    }

    #[test]
    fn what_cannot_be_read_is_unknown_and_no_crash() {
        let nothing = Confinement {
            status: Err("no /proc".to_owned()),
            capabilities: None,
            user_namespace: None,
        };
        assert!(!nothing.filtered());
        for check in [nothing.mode(), nothing.stacked(), nothing.no_new_privs()] {
            assert_eq!(check.answer, Some(Answer::Unknown), "{}", check.id);
            assert_eq!(check.reason.as_deref(), Some("no /proc"));
        }
    }
}
