//! Architectures: foreign ones, x32, and those of which one permits what the other refuses.

use callgate_policy::Condition;
use callgate_syscalls::{Action, Arch, Name, SeccompData, SyscallNr, X32_BIT, names};

use crate::finding::{Draft, Findings};
use crate::ground::{Answer, Ground, State};

/// Calls that filters are written to refuse, to show what gets through.
const TELLING: [Name; 12] = [
    names::EXECVE,
    names::PTRACE,
    names::MOUNT,
    names::SOCKET,
    names::BPF,
    names::UNSHARE,
    names::KEYCTL,
    names::PERSONALITY,
    names::OPENAT,
    names::OPEN,
    names::CONNECT,
    names::CLONE,
];

pub(crate) fn check(ground: &mut Ground<'_>, findings: &mut Findings) {
    match ground.is_blind {
        true => blind(ground, findings),
        false => foreign(ground, findings),
    }
    for arch in ground.arches.clone() {
        if arch == Arch::X86_64 {
            x32(ground, findings);
            old_x32(ground, findings);
        }
    }
    uneven(ground, findings);
    silent(ground, findings);
}

/// A program that never looks at the architecture.
fn blind(ground: &mut Ground<'_>, findings: &mut Findings) {
    let Some(&arch) = ground.arches.first() else { return };
    let Some((name, call)) = through_another(ground, arch) else { return };
    let message = format!(
        "the program never looks at the architecture: {name} passes under another's number"
    );
    let refused = ground.answer(arch, name).and_then(Answer::refused);
    findings.add(ground, Draft::new("L0101", "arch", message).show(call).show_if_any(refused));
}

/// A syscall that is refused here, and made under its number on another architecture.
fn through_another(ground: &mut Ground<'_>, arch: Arch) -> Option<(Name, (Action, SeccompData))> {
    let others =
        [Arch::X86, Arch::Arm, Arch::X86_64, Arch::Aarch64].into_iter().filter(|a| *a != arch);
    let refused: Vec<Name> = TELLING
        .into_iter()
        .chain(Name::all().filter(|name| !TELLING.contains(name)))
        .filter(|name| ground.is(arch, *name, State::Shut))
        .collect();
    for other in others.filter(|other| other.token() != arch.token()) {
        for &name in &refused {
            let made = ground.made_where(other, name, &Condition::always());
            if let Some(call) = made {
                return Some((name, call));
            }
        }
    }
    None
}

/// Architectures that the filter is not for, and that it lets through.
fn foreign(ground: &mut Ground<'_>, findings: &mut Findings) {
    // Who refuses nothing anywhere has nothing that these evade.
    let is_refused = |&arch: &Arch| ground.answers(arch).any(|(_, it)| it.state() != State::Open);
    if !ground.arches.iter().any(is_refused) {
        return;
    }
    let covered: Vec<_> = ground.arches.iter().map(|arch| arch.token()).collect();
    // Where the filter is loaded no other machine's calls can occur.
    let mates: Vec<Arch> =
        ground.arches.iter().flat_map(|arch| arch.of_machine()).copied().collect();
    for arch in mates.into_iter().filter(|&arch| !covered.contains(&arch.token())) {
        let made = ground.made_where(arch, names::EXECVE, &Condition::always());
        let Some(made) = made else { continue };
        let message =
            "calls of architectures that the filter does not name are made, without any test";
        findings.add(ground, Draft::new("L0102", "foreign", message).show(made));
        return;
    }
}

/// Numbers with x32's bit, which are other numbers for the same calls.
fn x32(ground: &mut Ground<'_>, findings: &mut Findings) {
    if ground.arches.contains(&Arch::X32) && ground.policy().is_some() {
        return;
    }
    let refused = TELLING.into_iter().chain(Name::all());
    let refused = refused.filter(|name| ground.is(Arch::X86_64, *name, State::Shut));
    for name in refused.collect::<Vec<_>>() {
        let Some(call) = ground.made_where(Arch::X32, name, &Condition::always()) else { continue };
        let message =
            format!("{name} is refused, and made by its x32 number, which has bit 30 set");
        let plain = ground.answer(Arch::X86_64, name).and_then(Answer::refused);
        findings.add(ground, Draft::new("L0103", "x32", message).show(call).show_if_any(plain));
        return;
    }
}

/// x32's own calls from 512 on, which older kernels also made without the bit.
fn old_x32(ground: &mut Ground<'_>, findings: &mut Findings) {
    for name in [names::EXECVE, names::PTRACE, names::IOCTL, names::PROCESS_VM_WRITEV] {
        let Some(own) = Arch::X32.syscall(name) else { continue };
        let nr = SyscallNr::new(own.nr.raw() & !X32_BIT);
        if nr.raw() < 512 || !ground.is(Arch::X86_64, name, State::Shut) {
            continue;
        }
        let made = ground.ask_number(Arch::X86_64, nr, &Condition::always());
        let Some(made) = made.into_iter().find(|(action, _)| action.kind().executes()) else {
            continue;
        };
        let message = format!(
            "{name} is refused, and its x32 number {nr} is not, which kernels before 5.4 take without x32's bit"
        );
        findings
            .add(ground, Draft::new("L0104", "x32-compat", message).show(made).on(Arch::X86_64));
        return;
    }
}

/// Calls that one architecture of the filter refuses outright and another makes.
fn uneven(ground: &Ground<'_>, findings: &mut Findings) {
    let pairs = [
        (Arch::X86_64, Arch::X86),
        (Arch::X86_64, Arch::X32),
        (Arch::Aarch64, Arch::Arm),
        (Arch::S390x, Arch::S390),
    ];
    for (main, second) in pairs {
        if !(ground.arches.contains(&main) && ground.arches.contains(&second)) {
            continue;
        }
        let is_uneven = |name: &Name| {
            ground.is(main, *name, State::Shut) && ground.is(second, *name, State::Open)
        };
        let names: Vec<Name> = Name::all().filter(is_uneven).collect();
        let Some(&first) = TELLING.iter().find(|name| names.contains(name)).or(names.first())
        else {
            continue;
        };
        let message = format!("refused on {main} and made on {second}");
        let mut draft = Draft::new("L0105", format!("{main}/{second}"), message).named(first);
        draft = draft.listing(second, &ground.made_of(second, &names));
        draft = draft.show_if_any(ground.answer(second, first).and_then(Answer::made));
        draft = draft.show_if_any(ground.answer(main, first).and_then(Answer::refused));
        findings.add(ground, draft);
    }
}

/// Architectures that are named and for which no rule says anything.
fn silent(ground: &mut Ground<'_>, findings: &mut Findings) {
    let Some(policy) = ground.policy() else { return };
    let has_rules = policy.arches().any(|(_, rules)| rules.rules().len() > 0);
    for (arch, rules) in policy.arches().filter(|_| has_rules) {
        let action = rules.default_action();
        // Forms that know no x32 treat all of it alike, for x86_64's sake: no rule of it is missing, and what they make of
        // x86_64's refusals is told of by another code.
        let is_unnamed = arch == Arch::X32 && ground.arches.contains(&Arch::X86_64);
        if rules.rules().len() == 0 && !is_unnamed {
            let message = format!("no rule is about {arch}: each of its calls is {action}");
            let call = ground.unlisted(arch);
            findings.add(ground, Draft::new("L0106", arch.name(), message).show_if_any(call));
        }
    }
}
