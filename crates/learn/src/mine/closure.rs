//! What was not seen and belongs to it all the same.
//!
//! - **Twins**: the same function by another call, as another C library or kernel makes it.
//! - **Intents**: the rest of each harmless block of which something was seen.
//! - **Every program**: the end of processes and threads, signals and aborts, what the vDSO answers
//!   on this machine and the kernel on another.
//! - **Probes**: calls that C libraries and runtimes try first. Where they were not seen they are
//!   answered with ENOSYS, for which the fallback is there; any other error would go to the
//!   program.

use std::collections::BTreeMap;

use callgate_facts::{Block, Drift, Fallback, Groups, Stance, selectors};
use callgate_syscalls::{Arch, KernelVersion, Name, names};

use super::intent::Intents;
use super::twins;
use super::{OLDEST, Statement, Tier, Verdict, Wants};
use crate::evidence::CallKey;

/// What every program may come to, with the reason.
const EVERY_PROGRAM: &[(&str, &[Name])] = &[
    ("the end of a thread or process", &[names::EXIT, names::EXIT_GROUP]),
    (
        "signals, and a call that one interrupts",
        &[
            names::RT_SIGRETURN,
            names::SIGRETURN,
            names::RESTART_SYSCALL,
            names::RT_SIGACTION,
            names::RT_SIGPROCMASK,
        ],
    ),
    (
        "abort(3), and its message",
        &[names::GETPID, names::GETTID, names::TGKILL, names::TKILL, names::WRITE, names::WRITEV],
    ),
    (
        "waits and timers, which reach nothing",
        &[
            names::WAIT4,
            names::WAITID,
            names::WAITPID,
            names::POLL,
            names::PPOLL,
            names::PAUSE,
            names::NANOSLEEP,
            names::CLOCK_NANOSLEEP,
            names::CLOCK_NANOSLEEP_TIME64,
            names::ALARM,
            names::SETITIMER,
            names::GETITIMER,
            names::TIMES,
        ],
    ),
    (
        "the vDSO answers it, but not with every clock source",
        &[
            names::CLOCK_GETTIME,
            names::CLOCK_GETTIME64,
            names::CLOCK_GETRES,
            names::GETTIMEOFDAY,
            names::TIME,
            names::GETCPU,
        ],
    ),
    (
        "memory, locks and their keys, in one C library or the other",
        &[
            names::BRK,
            names::MUNMAP,
            names::MADVISE,
            names::MREMAP,
            names::FUTEX,
            names::GETRANDOM,
            names::CLOSE,
            names::READ,
        ],
    ),
];

/// Adds what belongs to the statements of an architecture.
pub(super) fn close(
    arch: Arch,
    intents: &Intents,
    statements: &mut Vec<Statement>,
    wants: &Wants,
    baseline: KernelVersion,
) {
    let mut closed = Closed::new(arch, statements, wants.oldest);
    let seen: Vec<(Name, Option<String>)> = statements
        .iter()
        .filter_map(|statement| Some((statement.call.name()?, statement.condition.clone())))
        .collect();
    for (name, condition) in &seen {
        closed.twins(*name, condition.as_deref(), intents);
    }
    for (because, calls) in EVERY_PROGRAM {
        calls.iter().for_each(|call| closed.add(*call, None, (*because).to_owned()));
    }
    if wants.intents {
        closed.intents();
    }
    closed.probes(baseline);
    if wants.intents {
        let beside: Vec<Statement> =
            local_sockets(statements).into_iter().chain(beside_seen(arch, statements)).collect();
        statements.extend(beside);
    }
    statements.extend(closed.added.into_values());
}

/// Adds what only the kernel and the end of a program make, so that a profile of what was seen and
/// no more lets handlers return, sleeps go on and programs end.
pub(super) fn finish(arch: Arch, statements: &mut Vec<Statement>) {
    const HANDLERS: [Name; 3] = [names::RT_SIGACTION, names::SIGACTION, names::SIGNAL];
    const SLEEPS: [Name; 4] = [names::NANOSLEEP, names::CLOCK_NANOSLEEP, names::POLL, names::FUTEX];
    let mut closed = Closed::new(arch, statements, OLDEST);
    let made = |calls: &[Name]| closed.seen.iter().any(|name| calls.contains(name));
    let (handles, sleeps) = (made(&HANDLERS), made(&SLEEPS));
    let mut add = |calls: &[Name], because: &str| {
        calls.iter().for_each(|call| closed.add(*call, None, because.to_owned()));
    };
    add(&[names::EXIT, names::EXIT_GROUP], "the end of a thread or process");
    if handles {
        add(&[names::RT_SIGRETURN, names::SIGRETURN], "the return of signal handlers");
    }
    if sleeps {
        add(&[names::RESTART_SYSCALL], "a sleep that a signal interrupts");
    }
    statements.extend(closed.added.into_values());
}

/// A program that makes sockets may make them for this machine: that needs no network.
fn local_sockets(statements: &[Statement]) -> Option<Statement> {
    let of = statements.iter().find(|statement| statement.call.name() == Some(names::SOCKET))?;
    let narrow = of.condition.as_ref().is_some_and(|condition| !condition.contains("AF_UNIX"));
    narrow.then(|| Statement {
        tier: Tier::Fallback,
        verdict: Verdict::Allow,
        call: of.call,
        condition: Some("family == AF_UNIX".to_owned()),
        seen: None,
        because: Some(SAME_INTENT.to_owned()),
    })
}

/// What files come to by calls that were seen with other arguments: a program that asks a terminal
/// for its size, and no more in a short run, marks descriptors as well.
fn beside_seen(arch: Arch, statements: &[Statement]) -> Vec<Statement> {
    let uses = |block: &Block| {
        statements.iter().filter_map(|s| s.call.name()).any(|name| allows(*block, name, arch))
    };
    let files: Vec<Block> = Groups::LATEST.blocks().filter(|b| FILES.contains(&b.name())).collect();
    if !files.iter().any(uses) {
        return Vec::new();
    }
    let mut beside: Vec<Statement> = Vec::new();
    for (name, line) in files.iter().flat_map(|block| block.members(arch)) {
        let Some(condition) = line.condition().filter(|_| line.stance() == Stance::Allow) else {
            continue;
        };
        let own = statements.iter().find(|s| s.call.name() == Some(name));
        let Some((own, seen)) = own.and_then(|own| Some((own, own.condition.as_ref()?))) else {
            continue;
        };
        let is_new = |other: &Statement| other.condition.as_deref() != Some(condition);
        if !seen.contains(condition) && beside.iter().all(is_new) {
            beside.push(Statement {
                tier: Tier::Fallback,
                verdict: Verdict::Allow,
                call: own.call,
                condition: Some(condition.to_owned()),
                seen: None,
                because: Some(SAME_INTENT.to_owned()),
            });
        }
    }
    beside
}

fn allows(block: Block, name: Name, arch: Arch) -> bool {
    block.line(name, arch).is_some_and(|line| line.stance() == Stance::Allow)
}

struct Closed {
    arch: Arch,
    oldest: KernelVersion,
    seen: Vec<Name>,
    added: BTreeMap<Name, Statement>,
}

impl Closed {
    fn new(arch: Arch, statements: &[Statement], oldest: KernelVersion) -> Self {
        let seen = statements.iter().filter_map(|statement| statement.call.name()).collect();
        Self { arch, oldest, seen, added: BTreeMap::new() }
    }

    fn add(&mut self, name: Name, condition: Option<String>, because: String) {
        self.put(name, Verdict::Allow, condition, because);
    }

    fn put(&mut self, name: Name, verdict: Verdict, condition: Option<String>, because: String) {
        let Some(call) = CallKey::named(self.arch, name) else { return };
        if self.seen.contains(&name) {
            return;
        }
        let tier = Tier::Fallback;
        self.added.entry(name).or_insert(Statement {
            tier,
            verdict,
            call,
            condition,
            seen: None,
            because: Some(because).filter(|because| !because.is_empty()),
        });
    }

    /// What does the same in another library, kernel or architecture. Calls newer than the baseline
    /// are left to the probes, and so are those whose arguments are behind a pointer.
    fn twins(&mut self, name: Name, condition: Option<&str>, intents: &Intents) {
        for twin in twins::of(name) {
            let Some(call) = self.arch.syscall(twin) else { continue };
            if call.since > self.oldest || hides_arguments(twin, self.arch) {
                continue;
            }
            // Limits that were only read stay so.
            if twin == names::SETRLIMIT && condition.is_some() {
                continue;
            }
            let names = |name| selectors(self.arch, name).map(|s| s.name).collect::<Vec<_>>();
            let (own, its) = (names(name), names(twin));
            let condition = match (its.is_empty(), own == its) {
                (true, _) => None,
                (false, true) => condition.map(str::to_owned),
                (false, false) => self.foreign_condition(name, twin, intents),
            };
            self.add(twin, condition, format!("for {}", name.as_str()));
        }
    }

    /// The condition of a twin whose arguments the seen call does not have.
    fn foreign_condition(&self, seen: Name, twin: Name, intents: &Intents) -> Option<String> {
        let block = match (seen, twin) {
            (_, names::CLONE) => "spawn",
            (names::SETRLIMIT, names::PRLIMIT64) => return None,
            (_, names::PRLIMIT64) => "limits.read",
            _ => return None,
        };
        let block = Groups::LATEST.block(block)?;
        intents.condition(block, twin).map(str::to_owned)
    }

    /// The rest of each harmless intent of which something was seen: what a short run shows of an
    /// intent is a matter of chance. Files are one intent here, because a program that opens them
    /// may write to them.
    fn intents(&mut self) {
        let blocks = || Groups::LATEST.blocks().filter(|b| b.is_intent() && b.risks().is_empty());
        let seen = |block: &Block| self.seen.iter().any(|name| allows(*block, *name, self.arch));
        let files =
            blocks().filter(|block| FILES.contains(&block.name())).any(|block| seen(&block));
        let shared = |block: &Block| match FILES.contains(&block.name()) {
            true => files,
            false => !APART.contains(&block.name()) && seen(block),
        };
        let chosen: Vec<Block> = blocks().filter(shared).collect();
        if files {
            for name in [names::MKNOD, names::MKNODAT] {
                self.add(name, Some(NO_DEVICE.to_owned()), "files that are no devices".to_owned());
            }
        }
        for block in chosen {
            for (name, line) in block.members(self.arch) {
                let known = self.arch.syscall(name).is_some_and(|c| c.since <= self.oldest);
                if known && line.stance() == Stance::Allow {
                    let condition = line.condition().map(str::to_owned);
                    self.add(name, condition, SAME_INTENT.to_owned());
                }
            }
        }
    }

    /// Calls that are tried first, and what kernels up to the baseline have beyond the oldest: their
    /// callers have another way where the kernel does not know them.
    fn probes(&mut self, baseline: KernelVersion) {
        let drifts = Drift::all().filter(|drift| drift.is_on(self.arch));
        let tried = drifts.filter(|drift| drift.fallback() != Fallback::None);
        let tried: Vec<Name> = tried.flat_map(|drift| drift.syscalls().iter().copied()).collect();
        for call in self.arch.syscalls() {
            let numa = NUMA.contains(&call.name);
            let probe = numa || tried.contains(&call.name) && call.since > KernelVersion::new(3, 0);
            let newer = call.since > self.oldest && call.since <= baseline;
            if newer || probe && call.since <= self.oldest {
                self.put(call.name, Verdict::Enosys, None, String::new());
            }
        }
    }
}

/// The reason of statements that complete an intent.
pub(crate) const SAME_INTENT: &str = "of the same intent";

/// What a program that uses files comes to.
const FILES: [&str; 7] =
    ["files.read", "files.write", "files.create", "files.attr", "dirs", "links", "descriptors"];

/// Plain files, pipes and sockets, which copies and archives of files hold.
const NO_DEVICE: &str = "mode & 0o170000 in {0, 0o010000, 0o100000, 0o140000}";

/// Intents that are never completed: each call of them is a matter of its own.
const APART: [&str; 4] = ["obsolete", "sandbox-self", "numa", "limits.set"];

/// Asked for by allocators and databases, which go on without an answer.
const NUMA: [Name; 3] = [names::GET_MEMPOLICY, names::SET_MEMPOLICY, names::MBIND];

/// Whether a block answers the call with ENOSYS, because a filter does not see what it does.
fn hides_arguments(call: Name, arch: Arch) -> bool {
    let mut lines = Groups::LATEST.blocks().filter_map(|block| block.line(call, arch));
    lines.any(|line| line.stance() == Stance::Enosys)
}
