//! How a command ended, and what of that no refusal explains.

use callgate_explain::{Call, Denial, Knowledge};
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
    /// traced the call that it made last.
    #[must_use]
    pub fn of(ending: Ending, was_refused: bool, last: Option<SeccompData>) -> Self {
        let by_sigsys = ending == Ending::Killed { signal: Signal::SYS };
        let elsewhere = (by_sigsys && !was_refused).then(|| match last {
            Some(call) => {
                format!("a filter of its own, for {}", in_words(&call))
            }
            None => "a filter of its own, for a call that this profile may refuse as well, or a \
                 process that has sent the signal (--trace names the call; so does the kernel's \
                 log: journalctl -k | callgate explain)"
                .to_owned(),
        });
        Self { ending, elsewhere }
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

fn in_words(call: &SeccompData) -> String {
    let mut denial = Denial::new(call.arch, call.nr, Knowledge::Tracer);
    denial.args = call.args.map(Some);
    Call::of(&denial).to_string()
}
