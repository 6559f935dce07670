//! Where the calls and the filters of other programs can be seen.

use std::fs;

use callgate_observe::survey::{self, Finding};

use crate::check::{Answer, Check, Group, Need};
use crate::confinement::Confinement;

pub(crate) fn checks(confinement: &Confinement) -> Vec<Check> {
    let mut checks = vec![
        dump(confinement),
        found("trace", "trace own children (ptrace)", &survey::trace_child())
            .advice_if(Answer::No, "a sandbox or security module forbids ptrace(2)"),
        found("bpf-tracepoint", "BPF at raw tracepoints", &survey::load_bpf_tracepoint())
            .advice_if(Answer::No, "needs CAP_BPF and CAP_PERFMON"),
    ];
    checks.extend(tracepoint());
    checks.push(
        found("audit-records", "the kernel's audit records", &survey::audit_records_readable())
            .advice_if(Answer::No, "needs CAP_AUDIT_READ outside of any container"),
    );
    checks
}

fn found(id: &'static str, question: &'static str, finding: &Finding) -> Check {
    Check::found(Group::Learning, id, question, finding)
}

fn dump(confinement: &Confinement) -> Check {
    const UNSUPPORTED: [&str; 2] = ["EINVAL", "EIO"];
    let check = found("dump-filters", "read the filters of processes", &survey::dump_filters());
    let unsupported = check.reason.as_deref().is_some_and(|reason| UNSUPPORTED.contains(&reason));
    let advice = match (unsupported, confinement.filtered()) {
        (true, _) => "use Linux 4.4 or later with CONFIG_CHECKPOINT_RESTORE",
        (_, true) => "a process under filters can't read those of others: ask from outside",
        _ => "needs CAP_SYS_ADMIN outside of any user namespace, and ptrace(2)",
    };
    check.needed_by(&[Need::Pid]).advice_if(Answer::No, advice)
}

/// The tracepoint of all calls, which perf and ftrace use.
fn tracepoint() -> [Check; 2] {
    let (tracefs, perf) = ("tracepoint", "perf-tracepoint");
    let (visible, usable) = ("tracefs shows raw_syscalls", "perf at raw_syscalls");
    let ids = TRACEFS.map(|root| format!("{root}/events/raw_syscalls/sys_enter/id"));
    let id = ids.iter().find_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    let fact = |id, question, reason: &str| {
        Check::fact(Group::Learning, id, question, Err(reason.to_owned()))
    };
    let Some(id) = id else {
        let hidden = "its id is not readable: tracefs is not mounted, or not for us";
        return [
            fact(tracefs, visible, hidden)
                .answered(Answer::No)
                .advice_if(Answer::No, "as root, mount -t tracefs tracefs /sys/kernel/tracing"),
            fact(perf, usable, "needs the tracepoint's id"),
        ];
    };
    [
        found(tracefs, visible, &Finding::Yes),
        found(perf, usable, &survey::open_perf_tracepoint(id))
            .advice_if(Answer::No, "needs CAP_PERFMON, or kernel.perf_event_paranoid at -1"),
    ]
}

const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
