//! Architectures: foreign ones, x32, and those of which one permits what the other refuses.

use callgate_policy::Condition;
use callgate_syscalls::{Arch, Name, SyscallNr, X32_BIT, names};

use crate::carry::{Carried, Target, carried};
use crate::finding::{Draft, Findings};
use crate::ground::{Answer, Call, Ground, State};

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
    let others =
        [Arch::X86, Arch::Arm, Arch::X86_64, Arch::Aarch64].into_iter().filter(|a| *a != arch);
    let others: Vec<Arch> = others.filter(|other| other.token() != arch.token()).collect();
    let Some(evaded) = evaded(ground, arch, &others) else { return };
    let message = format!(
        "the program never looks at the architecture: {} passes under another's number",
        evaded.name
    );
    let draft = Draft::new("L0101", "arch", message).show(evaded.made);
    findings.add(ground, draft.show_if_any(evaded.refused));
}

/// A syscall that is refused, and made under another number.
struct Evaded {
    name: Name,
    made: Call,
    refused: Option<Call>,
    /// Whether it is refused for its arguments, which the other one has, too.
    in_part: bool,
}

/// A syscall that is refused on an architecture, and made under its number on one of others: first
/// one that is never made, then one that is refused for its arguments.
fn evaded(ground: &mut Ground<'_>, arch: Arch, others: &[Arch]) -> Option<Evaded> {
    let telling = TELLING.into_iter();
    let names = telling.chain(Name::all().filter(|name| !TELLING.contains(name)));
    let names: Vec<Name> = names.collect();
    let of = |state: State, ground: &Ground<'_>| -> Vec<Name> {
        names.iter().copied().filter(|name| ground.is(arch, *name, state)).collect()
    };
    let (shut, part) = (of(State::Shut, ground), of(State::Part, ground));
    for &other in others {
        for &name in &shut {
            let made = ground.made_where(other, name, &Condition::always());
            if let Some(made) = made {
                let refused = ground.answer(arch, name).and_then(Answer::refused);
                return Some(Evaded { name, made, refused, in_part: false });
            }
        }
    }
    others.iter().find_map(|&other| {
        part.iter().find_map(|&name| {
            let Carried { refused, made } =
                carried(ground, (arch, name), Target::of(other, name)?)?;
            Some(Evaded { name, made, refused: Some(refused), in_part: true })
        })
    })
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
    let Some(evaded) = evaded(ground, Arch::X86_64, &[Arch::X32]) else { return };
    let with = if evaded.in_part { " with some arguments" } else { "" };
    let message = format!(
        "{} is refused{with}, and made by its x32 number, which has bit 30 set",
        evaded.name
    );
    let draft = Draft::new("L0103", "x32", message).show(evaded.made);
    findings.add(ground, draft.show_if_any(evaded.refused));
}

/// x32's own calls from 512 on, which older kernels also made without the bit.
fn old_x32(ground: &mut Ground<'_>, findings: &mut Findings) {
    for name in [names::EXECVE, names::PTRACE, names::IOCTL, names::PROCESS_VM_WRITEV] {
        let Some(own) = Arch::X32.syscall(name) else { continue };
        let nr = SyscallNr::new(own.nr.raw() & !X32_BIT);
        if nr.raw() < 512 {
            continue;
        }
        let Some((made, refused)) = by_number(ground, name, nr) else { continue };
        let with = if refused.is_some() { " with some arguments" } else { "" };
        let message = format!(
            "{name} is refused{with}, and its x32 number {nr} is not, which kernels before 5.4 take without x32's bit"
        );
        let draft = Draft::new("L0104", "x32-compat", message).show(made).on(Arch::X86_64);
        findings.add(ground, draft.show_if_any(refused));
        return;
    }
}

/// A call that is made by a number of x32 without the bit, and what is refused of it by its own number, where that is
/// not all.
fn by_number(ground: &mut Ground<'_>, name: Name, nr: SyscallNr) -> Option<(Call, Option<Call>)> {
    match ground.state(Arch::X86_64, name)? {
        State::Open => None,
        State::Shut => {
            let made = ground.ask_number(Arch::X86_64, nr, &Condition::always());
            Some((made.into_iter().find(|(action, _)| action.kind().executes())?, None))
        }
        State::Part => {
            let to = Target { arch: Arch::X32, at: (Arch::X86_64, nr) };
            let Carried { refused, made } = carried(ground, (Arch::X86_64, name), to)?;
            Some((made, Some(refused)))
        }
    }
}

/// Calls that one architecture of the filter refuses and another makes.
fn uneven(ground: &mut Ground<'_>, findings: &mut Findings) {
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
        let names = Name::all().collect::<Vec<_>>().into_iter();
        let found: Vec<Uneven> =
            names.filter_map(|name| Uneven::of(ground, name, (main, second))).collect();
        let telling =
            TELLING.iter().find_map(|name| found.iter().find(|uneven| uneven.name == *name));
        let Some(first) = telling.or(found.first()) else { continue };
        let message = match found.iter().any(|uneven| uneven.in_part) {
            true => {
                format!("refused on {main}, with some arguments at least, and made on {second}")
            }
            false => format!("refused on {main} and made on {second}"),
        };
        let draft = Draft::new("L0105", format!("{main}/{second}"), message).named(first.name);
        let listed: Vec<_> = found.iter().map(|it| (it.name, it.made)).collect();
        let draft = draft.listing(second, &listed).show_if_any(first.made);
        findings.add(ground, draft.show_if_any(first.refused));
    }
}

/// A call that one architecture refuses and the other makes.
struct Uneven {
    name: Name,
    made: Option<Call>,
    refused: Option<Call>,
    in_part: bool,
}

impl Uneven {
    fn of(ground: &mut Ground<'_>, name: Name, (main, second): (Arch, Arch)) -> Option<Self> {
        match (ground.state(main, name)?, ground.state(second, name)?) {
            (State::Shut, State::Open) => {
                let made = ground.answer(second, name).and_then(Answer::made);
                let refused = ground.answer(main, name).and_then(Answer::refused);
                Some(Self { name, made, refused, in_part: false })
            }
            (State::Open, _) | (_, State::Shut) => None,
            _ => {
                let to = Target::of(second, name)?;
                let Carried { refused, made } = carried(ground, (main, name), to)?;
                Some(Self { name, made: Some(made), refused: Some(refused), in_part: true })
            }
        }
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
