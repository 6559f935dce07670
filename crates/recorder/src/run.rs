//! What evidence says of a run.

use std::time::{SystemTime, UNIX_EPOCH};

use callgate_console::output;
use callgate_kernel::child::Ending;
use callgate_kernel::running_kernel;
use callgate_learn::{Run, RunId};
use callgate_observe::record::{self, Recorded};
use callgate_syscalls::Arch;

pub(crate) fn describe(line: &str, backend: &str, recorded: &Recorded) -> Run {
    let mut blind = Vec::new();
    for program in &recorded.privileged {
        blind.push(format!("{program} is setuid, which had no effect under the recorder"));
    }
    if recorded.lost > 0 {
        blind.push(format!("{} events were lost", recorded.lost));
    }
    if recorded.unfollowed > 0 {
        blind.push(format!(
            "{} threads were not followed, nor what they started",
            recorded.unfollowed
        ));
    }
    Run {
        date: record::today(),
        command: line.to_owned(),
        kernel: running_kernel().map_or_else(|_| String::new(), |kernel| kernel.to_string()),
        machine: Arch::native().map_or_else(String::new, |arch| arch.name().to_owned()),
        libc: record::libc_version(),
        backend: backend.to_owned(),
        ended: match recorded.ending {
            Some(Ending::Exited { code }) => format!("exit {code}"),
            Some(Ending::Killed { signal }) => format!("killed by {signal}"),
            None => "ended by the user".to_owned(),
        },
        lost: recorded.lost,
        blind,
        without: String::new(),
    }
}

pub(crate) fn say_blind(run: &Run) {
    for blind in &run.blind {
        output::warning(blind);
    }
}

/// A number that no other run has.
pub(crate) fn identify(line: &str) -> RunId {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let boot = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let process = std::process::id().to_le_bytes();
    RunId::of([&now.to_le_bytes()[..], &process, &boot, line.as_bytes()])
}
