//! What was refused so far: each kind of call once, with a count.

use std::collections::{BTreeMap, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

use callgate_enforce::{self as enforce, Enforcer, Refused, Symbols};
use callgate_explain::{Answer, Denial, Frame, Knowledge, Time, told_apart};
use callgate_kernel::Tid;
use callgate_policy::Decider;
use callgate_syscalls::{Action, ActionKind, ArchToken, SeccompData, SyscallNr};

use super::behind::Behind;

/// The most kinds of call that are told apart; more are counted and not shown.
const DENIALS_MAX: usize = 10_000;
/// The most callers that are remembered; then all are looked at anew.
const CALLERS_MAX: usize = 65_536;

/// What was refused.
#[derive(Debug, Default)]
pub struct Record {
    denials: Vec<Denial>,
    kinds: BTreeMap<(Kind, Program), usize>,
    callers: HashMap<(u32, u64, Kind), usize>,
    told_apart: HashMap<(ArchToken, SyscallNr), [bool; 6]>,
    symbols: Symbols,
    beyond: u64,
}

/// What makes a call another one: not its pointers, sizes and descriptors, but what has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    token: ArchToken,
    nr: SyscallNr,
    action: Action,
    by: Decider,
    args: [u64; 6],
}

/// The name of a thread, and its program.
type Program = (Option<String>, Option<String>);

/// Whether a call was met before.
#[derive(Debug)]
pub enum Seen {
    /// By this caller, and it was counted.
    Before,
    /// It has to be looked at.
    NotByThisCaller(Key),
}

/// Where a call belongs.
#[derive(Debug)]
pub struct Key {
    caller: (u32, u64, Kind),
}

impl Record {
    /// Counts a call if its caller has made it before.
    pub fn known(
        &mut self,
        refused: &Refused,
        action: Action,
        by: Decider,
        now: SystemTime,
    ) -> Seen {
        let SeccompData { nr, arch: token, instruction_pointer, args } = refused.call;
        let told_apart =
            self.told_apart.entry((token, nr)).or_insert_with(|| told_apart(token, nr));
        let args = std::array::from_fn(|index| if told_apart[index] { args[index] } else { 0 });
        let thread = refused.thread.map_or(0, Tid::raw);
        let caller = (thread, instruction_pointer, Kind { token, nr, action, by, args });
        match self.callers.get(&caller) {
            Some(&index) => {
                count(&mut self.denials[index], now);
                Seen::Before
            }
            None => Seen::NotByThisCaller(Key { caller }),
        }
    }

    /// Looks at a call while it waits, of which is known what the filter says, and whether it is let
    /// pass all the same.
    pub fn denial(
        &mut self,
        enforcer: &Enforcer,
        refused: &Refused,
        (action, is_let_pass): (Action, bool),
        now: SystemTime,
    ) -> Denial {
        let call = &refused.call;
        let knowledge = match enforcer.watches() {
            true => Knowledge::Tracer,
            false => Knowledge::Notification,
        };
        let mut denial = Denial::new(call.arch, call.nr, knowledge);
        denial.args = call.args.map(Some);
        denial.ip = Some(call.instruction_pointer);
        denial.answer = Answer::Action(action);
        denial.first = Some(time(now));
        denial.last = denial.first;
        if let Some(thread) = enforcer.thread(refused) {
            denial.process.pid = Some(thread.process.raw());
            denial.process.tid = Some(thread.id.raw());
            denial.process.comm = Some(thread.name);
            denial.process.exe = thread.executable;
        }
        denial.is_let_pass = is_let_pass;
        denial.has_later_filters = enforcer.has_own_filters(refused);
        // No other action comes before that.
        if denial.has_later_filters && !is_let_pass && action != Action::KILL_PROCESS {
            denial.answer = Answer::Unknown;
        }
        let Behind { texts, lists } = Behind::of(enforcer, refused);
        denial.texts = texts;
        denial.lists = lists;
        denial.caller =
            enforcer.caller(refused, &mut self.symbols).into_iter().map(frame).collect();
        denial
    }

    /// Takes a denial; returns it if it is the first of its kind.
    pub fn add(&mut self, key: Key, denial: Denial) -> Option<&Denial> {
        let Key { caller } = key;
        let program = (denial.process.comm.clone(), denial.process.exe.clone());
        if self.callers.len() >= CALLERS_MAX {
            self.callers.clear();
        }
        let place = (caller.2, program);
        if let Some(&index) = self.kinds.get(&place) {
            self.callers.insert(caller, index);
            let known = &mut self.denials[index];
            known.count = known.count.saturating_add(1);
            known.last = denial.last;
            return None;
        }
        if self.denials.len() >= DENIALS_MAX {
            self.beyond += 1;
            return None;
        }
        let index = self.denials.len();
        self.kinds.insert(place, index);
        self.callers.insert(caller, index);
        self.denials.push(denial);
        self.denials.last()
    }

    /// What was refused, in the order in which it was first met.
    pub fn denials(&self) -> &[Denial] {
        &self.denials
    }

    /// Whether the filter may have ended a process for one of the calls.
    #[must_use]
    pub fn may_have_ended(&self, process: Tid) -> bool {
        let ends = |action: Action| {
            !matches!(
                action.kind(),
                ActionKind::Errno | ActionKind::Log | ActionKind::UserNotify | ActionKind::Trace
            )
        };
        let is_of = |denial: &Denial| denial.process.pid.is_none_or(|pid| pid == process.raw());
        let mut kinds = self.kinds.iter();
        let one_ends = |((kind, _), index): (&(Kind, Program), &usize)| {
            ends(kind.action) && self.denials.get(*index).is_some_and(is_of)
        };
        self.beyond > 0 || kinds.any(one_ends)
    }

    /// How many calls were of kinds that are not shown.
    pub const fn beyond(&self) -> u64 {
        self.beyond
    }
}

fn count(denial: &mut Denial, now: SystemTime) {
    denial.count = denial.count.saturating_add(1);
    denial.last = Some(time(now));
}

fn time(now: SystemTime) -> Time {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn frame(found: enforce::Frame) -> Frame {
    let mut frame = Frame::default();
    frame.object = found.file;
    frame.offset = found.address;
    frame.symbol = found.symbol;
    frame
}
