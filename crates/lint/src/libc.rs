//! Calls that C libraries and runtimes try, and what becomes of them when they are refused.

use callgate_facts::{Confidence, Drift, Fallback, Groups, ReleaseKind};
use callgate_syscalls::{Action, ActionKind, Arch, Name, SeccompData, names};

use crate::finding::{Draft, Findings};
use crate::ground::{Call, Ground, State, runs_programs};
use crate::process::enosys;

/// The most rows of history that a finding shows.
const ROWS_MAX: usize = 4;

/// What a filter does to callers, by code.
#[derive(Default)]
struct Harm {
    calls: Vec<(Name, Option<Call>)>,
    rows: Vec<String>,
}

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    for arch in ground.arches.clone() {
        if !runs_programs(ground, arch) {
            continue;
        }
        let mut killed = Harm::default();
        let mut errors = Harm::default();
        let mut aborts = Harm::default();
        for row in Drift::all().filter(|row| row.is_on(arch) && is_of_programs(*row)) {
            for &name in row.syscalls() {
                // The kernel makes these whatever filters say, since it has them.
                if matches!(name, names::URETPROBE | names::UPROBE) {
                    continue;
                }
                // C libraries take for the number of the thread what this returns, an error too; and these are tried with
                // something new: who refuses all of them keeps programs from what they are for.
                if matches!(name, names::SET_TID_ADDRESS | names::CLONE | names::WAITID) {
                    continue;
                }
                let Some((action, call)) = refused(ground, arch, name) else { continue };
                let harm = match (kills(action), row.fallback()) {
                    (true, Fallback::None) => continue,
                    (true, _) if !has_way(ground, arch, name, row) => continue,
                    (true, _) => &mut killed,
                    (false, Fallback::Enosys)
                        if name != names::CLONE3 && has_way(ground, arch, name, row) =>
                    {
                        &mut errors
                    }
                    (false, Fallback::Abort) => &mut aborts,
                    (false, _) => continue,
                };
                harm.add(name, (action, call), row);
            }
        }
        killed.report(
            ground,
            findings,
            arch,
            (
                "L0504",
                "C libraries and runtimes try these and go on without them, but here they die",
            ),
        );
        errors.report(
            ground,
            findings,
            arch,
            ("L0505", "callers go on without these after ENOSYS alone, and get another error"),
        );
        aborts.report(ground, findings, arch, ("L0507", "callers end the process when these fail"));
    }
}

/// Whether programs make the call as was read, and not what starts them.
fn is_of_programs(row: Drift) -> bool {
    row.confidence() == Confidence::Source
        && ReleaseKind::of(row.part()) != Some(ReleaseKind::Container)
}

/// A call that is refused, where all of its calls are; ENOSYS is what callers are prepared for.
fn refused(ground: &Ground<'_>, arch: Arch, name: Name) -> Option<(Action, SeccompData)> {
    let answer = ground.answer(arch, name).filter(|answer| answer.state() == State::Shut)?;
    answer
        .refused()
        .filter(|(action, _)| *action != enosys(arch) && action.data() != 0 || kills(*action))
}

fn kills(action: Action) -> bool {
    matches!(action.kind(), ActionKind::KillProcess | ActionKind::KillThread | ActionKind::Trap)
}

/// Whether the caller would get on if it were told that there is no such call: an older one is made, or none is needed.
fn has_way(ground: &Ground<'_>, arch: Arch, name: Name, row: Drift) -> bool {
    let is_made = |other: Name| ground.state(arch, other).is_some_and(|state| state != State::Shut);
    let text = name.as_str();
    let suffixes = ["_time64", "64", "2", "3", "4"];
    let older = suffixes.into_iter().find_map(|suffix| Name::parse(text.strip_suffix(suffix)?));
    if let Some(older) = older.filter(|older| arch.syscall(*older).is_some()) {
        return is_made(older);
    }
    match Groups::LATEST.family_of(name) {
        Some(family) => family.members_on(arch).any(|other| other != name && is_made(other)),
        None => matches!(row.fallback(), Fallback::Probe | Fallback::Ignored),
    }
}

impl Harm {
    fn add(&mut self, name: Name, call: Call, row: Drift) {
        if self.calls.iter().all(|(known, _)| *known != name) {
            self.calls.push((name, Some(call)));
        }
        let text =
            format!("{} {} calls {} in {}", row.part(), row.since(), row.call(), row.caller());
        if self.rows.len() < ROWS_MAX && !self.rows.contains(&text) {
            self.rows.push(text);
        }
    }

    fn report(
        self,
        ground: &Ground<'_>,
        findings: &mut Findings,
        arch: Arch,
        (code, what): (&'static str, &str),
    ) {
        let Some(&(_, first)) = self.calls.first() else { return };
        let draft = Draft::new(code, "callers", what).listing(arch, &self.calls).on(arch);
        let draft = draft.show_if_any(first);
        findings.add(ground, self.rows.into_iter().fold(draft, Draft::note));
    }
}
