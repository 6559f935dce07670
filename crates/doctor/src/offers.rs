//! What the kernel offers: modes, actions, flags, notifications, and other ways into it.

use callgate_kernel::Flag;
use callgate_observe::survey::{self, NotifyFeature, UprobeCall};
use callgate_syscalls::ActionKind;

use crate::check::{Answer, Check, Group, Need, refusal};

const RUN: &[Need] = &[Need::Run];
const AGENT: &[Need] = &[Need::Agent];

pub(crate) fn checks() -> Vec<Check> {
    let mut checks = vec![filter_mode(), seccomp_syscall()];
    checks.extend(ACTIONS.iter().map(action));
    checks.extend(FLAGS.iter().map(flag));
    checks.extend(NOTIFY.iter().map(notify));
    checks.extend(entries());
    checks
}

fn filter_mode() -> Check {
    let question = "filters (prctl)";
    Check::found(Group::Kernel, "filter-mode", question, &survey::filter_mode())
        .needed_by(RUN)
        .advice_if(Answer::No, "use a kernel with CONFIG_SECCOMP_FILTER")
        .advice_if(Answer::Unknown, "a sandbox around this process forbids prctl(2)")
}

fn seccomp_syscall() -> Check {
    let question = "seccomp(2)";
    Check::found(Group::Kernel, "seccomp-syscall", question, &survey::seccomp_syscall())
        .needed_by(RUN)
        .advice_if(Answer::No, "use Linux 3.17 or later with CONFIG_SECCOMP_FILTER")
        .advice_if(Answer::Unknown, "a sandbox around this process forbids seccomp(2)")
}

/// Id, question, action, and who needs it.
type ActionRow = (&'static str, &'static str, ActionKind, &'static [Need]);

const ACTIONS: [ActionRow; 8] = [
    ("action-kill-process", "action KILL_PROCESS", ActionKind::KillProcess, RUN),
    ("action-kill-thread", "action KILL_THREAD", ActionKind::KillThread, RUN),
    ("action-trap", "action TRAP", ActionKind::Trap, RUN),
    ("action-errno", "action ERRNO", ActionKind::Errno, RUN),
    ("action-user-notify", "action USER_NOTIF", ActionKind::UserNotify, AGENT),
    ("action-trace", "action TRACE", ActionKind::Trace, &[]),
    ("action-log", "action LOG", ActionKind::Log, RUN),
    ("action-allow", "action ALLOW", ActionKind::Allow, RUN),
];

fn action(&(id, question, action, needed_by): &ActionRow) -> Check {
    let advice = match action {
        ActionKind::KillProcess | ActionKind::Log => "use Linux 4.14 or later",
        ActionKind::UserNotify => "use Linux 5.0 or later",
        _ => "use a kernel with CONFIG_SECCOMP_FILTER",
    };
    Check::found(Group::Kernel, id, question, &survey::action(action))
        .needed_by(needed_by)
        .advice_if(Answer::No, advice)
}

/// Id, question, flag, and who needs it.
type FlagRow = (&'static str, &'static str, Flag, &'static [Need]);

const FLAGS: [FlagRow; 6] = [
    ("flag-tsync", "flag TSYNC", Flag::Tsync, &[]),
    ("flag-log", "flag LOG", Flag::Log, RUN),
    ("flag-spec-allow", "flag SPEC_ALLOW", Flag::SpecAllow, RUN),
    ("flag-new-listener", "flag NEW_LISTENER", Flag::NewListener, AGENT),
    ("flag-tsync-esrch", "flag TSYNC_ESRCH", Flag::TsyncEsrch, &[]),
    ("flag-wait-killable-recv", "flag WAIT_KILLABLE_RECV", Flag::WaitKillableRecv, &[]),
];

fn flag(&(id, question, flag, needed_by): &FlagRow) -> Check {
    Check::found(Group::Kernel, id, question, &survey::flag(flag))
        .needed_by(needed_by)
        .advice_if(Answer::No, &format!("use Linux {} or later", flag.since()))
}

/// Id, question, feature, who needs it, and since when it is there.
type NotifyRow = (&'static str, &'static str, NotifyFeature, &'static [Need], &'static str);

const NOTIFY: [NotifyRow; 6] = [
    ("notify-listener", "a listener of our own", NotifyFeature::Listener, &[], "5.0"),
    ("notify-continue", "let a call continue", NotifyFeature::Continue, AGENT, "5.5"),
    ("notify-addfd", "put descriptors into the caller", NotifyFeature::AddFd, AGENT, "5.9"),
    ("notify-addfd-send", "and answer with them at once", NotifyFeature::AddFdSend, AGENT, "5.14"),
    ("notify-wait-killable", "hold off signals", NotifyFeature::WaitKillable, &[], "5.19"),
    ("notify-sync-wake-up", "wake up on the same CPU", NotifyFeature::SyncWakeUp, &[], "6.6"),
];

fn notify(&(id, question, feature, needed_by, since): &NotifyRow) -> Check {
    const EBUSY: u16 = 16;
    let finding = survey::notify_feature(feature);
    let taken = refusal(&finding).is_some_and(|errno| errno.raw() == EBUSY);
    let advice = match taken {
        true => {
            "a filter around this process has a listener, and the kernel allows one: ask outside of \
             that sandbox"
                .to_owned()
        }
        false => format!("use Linux {since} or later"),
    };
    let check = Check::found(Group::Notifications, id, question, &finding).needed_by(needed_by);
    match taken {
        true => check.advice_if(Answer::No, &advice).advice_if(Answer::Unknown, &advice),
        false => check.advice_if(Answer::No, &advice),
    }
}

/// Other ways into the kernel than the one that a filter's author thinks of.
fn entries() -> Vec<Check> {
    if cfg!(not(target_arch = "x86_64")) {
        return Vec::new();
    }
    let entry = |id, question, finding| Check::found(Group::Entries, id, question, &finding);
    vec![
        entry("entry-ia32", "calls of i386 programs", survey::ia32_calls()).advice_if(
            Answer::Yes,
            "a filter must say what happens to i386 calls; those that callgate compiles do",
        ),
        entry("entry-x32", "calls with x32's numbers", survey::x32_calls()),
        entry(
            "exempt-uretprobe",
            "uretprobe passes every filter",
            survey::exempt_from_filters(UprobeCall::Uretprobe),
        ),
        entry(
            "exempt-uprobe",
            "uprobe passes every filter",
            survey::exempt_from_filters(UprobeCall::Uprobe),
        ),
    ]
}
