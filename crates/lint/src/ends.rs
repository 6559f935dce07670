//! Filters under which nothing or everything runs, or programs cannot end, or not return from a
//! signal.

use callgate_policy::Condition;
use callgate_syscalls::{Action, Arch, Name, names};

use crate::finding::{Draft, Findings};
use crate::ground::{Answer, Ground, State, arg_is_not, constant};

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    let arches = ground.arches.clone();
    let is_shut =
        |arch: Arch| ground.answers(arch).all(|(_, answer)| answer.state() == State::Shut);
    let open: Vec<Arch> = arches.iter().copied().filter(|arch| !is_shut(*arch)).collect();
    if open.is_empty() {
        return nothing(ground, findings, &arches);
    }
    everything(ground, findings, &arches);
    for arch in open {
        exit(ground, findings, arch);
        signals(ground, findings, arch);
        restart(ground, findings, arch);
    }
}

fn nothing(ground: &Ground<'_>, findings: &mut Findings, arches: &[Arch]) {
    let message = "every call is refused: nothing can run under this filter, nor end";
    for arch in arches {
        let refused = ground.answer(*arch, names::EXECVE).and_then(Answer::refused);
        findings.add(ground, Draft::new("L0517", "all", message).on(*arch).show_if_any(refused));
    }
}

/// On each architecture all calls are made.
fn everything(ground: &mut Ground<'_>, findings: &mut Findings, arches: &[Arch]) {
    let is_open =
        |arch: &Arch| ground.answers(*arch).all(|(_, answer)| answer.state() == State::Open);
    if !arches.iter().all(is_open) {
        return;
    }
    let others = arches.iter().flat_map(|arch| arch.of_machine()).copied();
    let others: Vec<Arch> = others.filter(|other| !arches.contains(other)).collect();
    let foreign = others
        .into_iter()
        .find_map(|other| ground.refused_where(other, names::EXECVE, &Condition::always()));
    for arch in arches {
        let made = ground.answer(*arch, names::EXECVE).and_then(Answer::made);
        let message = match (made, foreign) {
            (_, Some(_)) => {
                "no call is refused but those of architectures that the filter does not name"
            }
            (Some((Action::LOG, _)), None) => "no call is refused: LOG makes them all",
            _ => "no call is refused: the filter costs time and keeps nobody from anything",
        };
        let draft = Draft::new("L0518", "all", message).on(*arch).show_if_any(made);
        findings.add(ground, draft.show_if_any(foreign));
    }
}

fn exit(ground: &Ground<'_>, findings: &mut Findings, arch: Arch) {
    let [all, one] =
        [names::EXIT_GROUP, names::EXIT].map(|name| ground.is(arch, name, State::Shut));
    if !(all && one) {
        return;
    }
    let refused = ground.answer(arch, names::EXIT_GROUP).and_then(Answer::refused);
    let message = "neither exit nor exit_group is made: no program can end as it wants to";
    findings
        .add(ground, Draft::of("L0514", names::EXIT_GROUP, message).on(arch).show_if_any(refused));
}

fn signals(ground: &mut Ground<'_>, findings: &mut Findings, arch: Arch) {
    // With SIGABRT, abort() of C libraries sets the default back, from which nothing returns.
    let Some(abort) = constant("SIGABRT", arch) else { return };
    let handlers = [names::RT_SIGACTION, names::SIGACTION, names::SIGNAL];
    let made =
        handlers.into_iter().find_map(|name| ground.made_where(arch, name, &arg_is_not(0, abort)));
    let Some(made) = made else { return };
    let returns = [names::RT_SIGRETURN, names::SIGRETURN];
    let returns = returns.into_iter().filter(|name| ground.answer(arch, *name).is_some());
    let (shut, open): (Vec<Name>, Vec<Name>) =
        returns.partition(|name| ground.is(arch, *name, State::Shut));
    let Some(&name) = shut.first() else { return };
    let refused = ground.answer(arch, name).and_then(Answer::refused);
    // By which of two calls a handler returns is a flag behind a pointer.
    let (code, message) = match (name, open.is_empty()) {
        (_, true) => (
            "L0515",
            "handlers of signals can be set, and the call by which they return is refused",
        ),
        (names::SIGRETURN, false) => (
            "L0519",
            "handlers that are set without SA_SIGINFO return by sigreturn, which is refused",
        ),
        (_, false) => (
            "L0519",
            "handlers that are set with SA_SIGINFO return by rt_sigreturn, which is refused",
        ),
    };
    findings.add(ground, Draft::of(code, name, message).on(arch).show_if_any(refused).show(made));
}

/// The kernel goes on with a stopped sleep by a call of its own.
fn restart(ground: &Ground<'_>, findings: &mut Findings, arch: Arch) {
    let sleeps = [names::NANOSLEEP, names::CLOCK_NANOSLEEP, names::POLL, names::FUTEX];
    let made = sleeps.into_iter().find_map(|name| ground.answer(arch, name).and_then(Answer::made));
    let refused =
        ground.answer(arch, names::RESTART_SYSCALL).filter(|answer| answer.state() == State::Shut);
    let (Some(made), Some(refused)) = (made, refused.and_then(Answer::refused)) else { return };
    let message = "restart_syscall is refused, by which the kernel goes on with sleeps that a stop signal interrupted";
    findings.add(
        ground,
        Draft::of("L0516", names::RESTART_SYSCALL, message).on(arch).show(refused).show(made),
    );
}
