//! What filters cost here.

use std::fs;
use std::path::Path;

use callgate_observe::survey::{self, SpeculationFeature};

use crate::check::{Answer, Check, Group, Value};
use crate::confinement::Confinement;

pub(crate) fn checks(confinement: &Confinement) -> Vec<Check> {
    vec![
        cache(confinement),
        jit(),
        hardening(),
        setting("jit-limit", "memory for compiled filters", "/proc/sys/net/core/bpf_jit_limit"),
        speculation(
            "speculation-store-bypass",
            "a filter slows memory accesses down",
            SpeculationFeature::StoreBypass,
        ),
        speculation(
            "speculation-indirect-branch",
            "a filter slows indirect branches down",
            SpeculationFeature::IndirectBranch,
        ),
        audit(),
        setting("actions-logged", "actions that are logged", ACTIONS_LOGGED),
    ]
}

const ACTIONS_LOGGED: &str = "/proc/sys/kernel/seccomp/actions_logged";

/// Whether the kernel skips filters for calls that they allow whatever their arguments are.
fn cache(confinement: &Confinement) -> Check {
    let (id, question) = ("constant-action-cache", "filters are skipped where they can be");
    let times = match survey::call_times() {
        Ok(times) => times,
        Err(obstacle) => {
            return Check::fact(Group::Cost, id, question, Err(obstacle.to_string()));
        }
    };
    let value = format!(
        "{} ns a call, {} under a constant filter, {} under one that runs",
        times.plain, times.constant, times.executed
    );
    let mut check = Check::fact(Group::Cost, id, question, Ok(Value::Text(value)));
    // A filter around this process that is not constant for the call forces ours to run.
    if !times.cached() && confinement.filters() > 0 {
        check.reason = Some("filters in place hide it".to_owned());
        return check.answered(Answer::Unknown);
    }
    check.answered(Answer::from_bool(times.cached())).advice_if(
        Answer::No,
        "use Linux 5.11 or later on a machine with this cache: here every call runs every filter",
    )
}

fn jit() -> Check {
    let path = "/proc/sys/net/core/bpf_jit_enable";
    let check = setting("jit", "filters are compiled to machine code", path);
    match &check.value {
        Some(Value::Number(mode)) => {
            let answer = Answer::from_bool(*mode > 0);
            check.answered(answer).advice_if(
                Answer::No,
                "set net.core.bpf_jit_enable to 1: filters are interpreted, and several times slower",
            )
        }
        _ => check,
    }
}

fn hardening() -> Check {
    let path = "/proc/sys/net/core/bpf_jit_harden";
    let mut check = setting("jit-hardening", "constants in compiled filters are hidden", path);
    if check.value.as_ref().is_some_and(|value| *value != Value::Number(0)) {
        check.advice = Some("filters take longer to load and run; keep them short".to_owned());
    }
    check
}

/// What a file of `/proc/sys` holds.
fn setting(id: &'static str, question: &'static str, path: &str) -> Check {
    let value = fs::read_to_string(Path::new(path)).map_err(|error| format!("{path}: {error}"));
    Check::fact(Group::Cost, id, question, value.map(|content| parse(content.trim())))
}

fn parse(content: &str) -> Value {
    content.parse().map_or_else(|_| Value::Text(content.to_owned()), Value::Number)
}

/// Whether a filter changes how far the CPU may run ahead.
fn speculation(id: &'static str, question: &'static str, feature: SpeculationFeature) -> Check {
    match survey::speculation_before_and_after(feature) {
        Ok((before, after)) => {
            let value = Value::Text(format!("{before:#x} without a filter, {after:#x} with one"));
            Check::fact(Group::Cost, id, question, Ok(value))
                .answered(Answer::from_bool(before != after))
                .advice_if(
                    Answer::Yes,
                    "give every filter the flag SPEC_ALLOW where its program does not run foreign code",
                )
        }
        Err(obstacle) => Check::fact(Group::Cost, id, question, Err(obstacle.to_string())),
    }
}

fn audit() -> Check {
    let (id, question) = ("audit-enabled", "the kernel audits calls");
    match survey::audit_enabled() {
        Ok(enabled) => {
            let value = Value::Number(enabled.into());
            Check::fact(Group::Cost, id, question, Ok(value))
                .answered(Answer::from_bool(enabled))
                .advice_if(
                    Answer::Yes,
                    "where nothing reads the records, `auditctl -a never,task` frees programs that start \
                     later from the cost that every call pays",
                )
        }
        Err(obstacle) => Check::fact(Group::Cost, id, question, Err(obstacle.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_numbers_or_words() {
        assert_eq!(parse("1"), Value::Number(1));
        assert_eq!(parse("kill_process errno"), Value::Text("kill_process errno".to_owned()));
        let missing = setting("id", "question", "/proc/sys/no/such/setting");
        assert_eq!((missing.answer, missing.value), (Some(Answer::Unknown), None));
    }
}
