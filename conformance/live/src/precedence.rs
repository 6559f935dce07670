//! Which of several filters wins: the action that comes first, in whatever order they were
//! attached.

use callgate::{Action, Program};
use callgate_kernel::child::{Call, Ending, Signal};
use callgate_lab::judge::{Answer, answers};

use super::support::{Checked, GETPPID, Row, Verdict, answer_word, errno, said, same};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "allow-alone",
        about: "filters that all allow, allow",
        check: || wins(&[ALLOW; 3]),
    },
    Row {
        name: "kill-first",
        about: "KILL_THREAD before all but KILL_PROCESS",
        check: || wins(BELOW_KILL),
    },
    Row {
        name: "kill-first-any-order",
        about: "the same, in every order",
        check: || any_order(BELOW_KILL),
    },
    Row {
        name: "kill-process-first",
        about: "KILL_PROCESS before all, in every order",
        check: || any_order(ALL),
    },
    Row {
        name: "trap-second",
        about: "TRAP before what follows it",
        check: || wins(&BELOW_KILL[1..]),
    },
    Row {
        name: "trap-second-any-order",
        about: "the same, in every order",
        check: || any_order(&BELOW_KILL[1..]),
    },
    Row {
        name: "errno-third",
        about: "ERRNO before what follows it",
        check: || wins(&BELOW_KILL[2..]),
    },
    Row {
        name: "errno-third-any-order",
        about: "the same, in every order",
        check: || any_order(&BELOW_KILL[2..]),
    },
    Row {
        name: "notify-fourth",
        about: "USER_NOTIF before what follows it",
        check: || wins(&BELOW_KILL[3..]),
    },
    Row {
        name: "notify-fourth-any-order",
        about: "the same, in every order",
        check: || any_order(&BELOW_KILL[3..]),
    },
    Row {
        name: "trace-fifth",
        about: "TRACE before LOG and ALLOW",
        check: || wins(&BELOW_KILL[4..]),
    },
    Row {
        name: "trace-fifth-any-order",
        about: "the same, in every order",
        check: || any_order(&BELOW_KILL[4..]),
    },
    Row {
        name: "log-sixth",
        about: "LOG and ALLOW both execute",
        check: || wins(&BELOW_KILL[5..]),
    },
    Row {
        name: "log-sixth-any-order",
        about: "the same, in every order",
        check: || any_order(&BELOW_KILL[5..]),
    },
    Row {
        name: "newest-data",
        about: "of equal actions the newest filter's data comes out",
        check: newest_data,
    },
];

const ALLOW: Action = Action::ALLOW;
const ERRNO: u16 = 13;

/// The actions that have an effect of their own, strongest first. Each data differs from what a
/// missing listener or tracer returns.
const ALL: &[Action] = &[
    Action::KILL_PROCESS,
    Action::KILL_THREAD,
    Action::trap(3),
    Action::from_raw(0x5_0000 | ERRNO as u32),
    Action::USER_NOTIFY,
    Action::trace(2),
    Action::LOG,
    Action::ALLOW,
];

/// All below KILL_PROCESS.
const BELOW_KILL: &[Action] = {
    let (_, rest) = ALL.split_at(1);
    rest
};

/// What is seen of the winner: how the child ends, and what it was answered before.
fn expected(strongest: Action) -> (Option<Answer>, Ending) {
    let alive = Ending::Exited { code: 0 };
    match strongest.raw() >> 16 {
        0x8000 | 0 => (None, Ending::Killed { signal: Signal::SYS }),
        3 => (Some(Answer::Trapped(strongest.data())), alive),
        5 => (Some(Answer::Failed(errno(strongest.data().into()))), alive),
        0x7fc0 | 0x7ff0 => (Some(Answer::Failed(errno(libc::ENOSYS))), alive),
        _ => (Some(Answer::Returned(i64::from(std::process::id()))), alive),
    }
}

/// Attaches the actions' filters one after the other; the strongest is given first in the list.
fn wins(actions: &[Action]) -> Checked {
    let filters: Result<Vec<Program>, String> =
        actions.iter().map(|action| answer_word(action.raw())).collect();
    let nr = callgate::SyscallNr::new(u32::try_from(GETPPID).map_err(said)?);
    let (found, ending) = answers(&filters?, &[Call::new(nr)]).map_err(said)?;
    let strongest = actions.iter().min_by_key(|action| action.precedence());
    let strongest = *strongest.ok_or("no action")?;
    let found = (found.first().copied(), ending);
    same(&format!("{actions:?}"), found, expected(strongest))?;
    Ok(Verdict::Passed)
}

/// Every rotation, forwards and backwards: each action is once oldest, once newest and once
/// between.
fn any_order(actions: &[Action]) -> Checked {
    let mut order = actions.to_vec();
    for _ in 0..actions.len() {
        order.rotate_left(1);
        wins(&order)?;
        order.reverse();
        wins(&order)?;
        order.reverse();
    }
    Ok(Verdict::Passed)
}

fn newest_data() -> Checked {
    let nr = callgate::SyscallNr::new(u32::try_from(GETPPID).map_err(said)?);
    for kind in [0x3_0000, 0x5_0000] {
        let filters = [answer_word(kind | 21)?, answer_word(kind | 22)?];
        let (found, _) = answers(&filters, &[Call::new(nr)]).map_err(said)?;
        let newest = match kind {
            0x3_0000 => Answer::Trapped(22),
            _ => Answer::Failed(errno(22)),
        };
        same("the data", found, vec![newest])?;
    }
    Ok(Verdict::Passed)
}
