//! How a command ended, and what of that no refusal explains.

use callgate_enforce::{Enforcer, Last};
use callgate_explain::{Call, Denial, Knowledge};
use callgate_kernel::Tid;
use callgate_kernel::child::{Ending, Signal};
use callgate_syscalls::SeccompData;
use serde_json::{Value, json};

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    ending: Ending,
    /// What ended it, where that was SIGSYS and not the filter that is enforced.
    elsewhere: Option<String>,
}

impl End {
    /// An end, of which is known whether a refused call may be its reason, and where the command is
    /// traced what it did last.
    #[must_use]
    pub fn of(ending: Ending, was_refused: bool, enforcer: &Enforcer) -> Self {
        let by_sigsys = ending == Ending::Killed { signal: Signal::SYS };
        let reason = || reason(enforcer.last(), enforcer.command(), enforcer.watches());
        Self { ending, elsewhere: (by_sigsys && !was_refused).then(reason) }
    }

    /// The last lines for people; nothing where nothing is to be explained.
    pub(super) fn text(&self) -> Option<String> {
        let elsewhere = self.elsewhere.as_ref()?;
        Some(format!(
            "callgate: the command was ended by SIGSYS, and not by this profile: by {elsewhere}\n"
        ))
    }

    /// What the last line for programs says beside numbers.
    pub(super) fn fields(&self) -> [(&'static str, Value); 3] {
        let (exit, signal) = match self.ending {
            Ending::Exited { code } => (json!(code), Value::Null),
            Ending::Killed { signal } => (Value::Null, json!(signal.raw())),
        };
        [("exit", exit), ("signal", signal), ("elsewhere", json!(self.elsewhere))]
    }
}

fn reason(last: Option<Last>, command: Tid, is_traced: bool) -> String {
    match last {
        Some(Last::Call(call)) => format!("a filter of its own, for {}", in_words(&call)),
        Some(Last::Sent(Some(sender))) if sender == command => {
            "itself, which has sent that signal (as raise(3) does)".to_owned()
        }
        Some(Last::Sent(Some(sender))) => format!("process {sender}, which has sent that signal"),
        Some(Last::Sent(None)) => "a process that has sent that signal".to_owned(),
        None => {
            let more = if is_traced { "" } else { "--trace names the call; so does " };
            format!(
                "a filter of its own, for a call that this profile may refuse as well, or a \
                 process that has sent the signal ({more}the kernel's log: journalctl -k | callgate \
                 explain)"
            )
        }
    }
}

fn in_words(call: &SeccompData) -> String {
    let mut denial = Denial::new(call.arch, call.nr, Knowledge::Tracer);
    denial.args = call.args.map(Some);
    Call::of(&denial).to_string()
}
