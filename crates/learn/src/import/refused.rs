//! Refusals that `callgate run --explain-to FILE` and `callgate explain --json` write, a line of
//! JSON each.

use callgate_syscalls::{ArchToken, SyscallNr};
use serde::Deserialize;

use crate::collect::Report;
use crate::evidence::CallKey;

/// The word for the recorder in evidence.
pub(crate) const RECORDER: &str = "refusals";

/// A refusal, of which only the call counts here.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    call: Option<Call>,
    #[serde(default)]
    count: Option<u64>,
    #[serde(default)]
    comm: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Call {
    number: u32,
    token: u32,
    arguments: Vec<Argument>,
}

#[derive(Debug, Deserialize)]
struct Argument {
    value: Option<u64>,
}

impl Refusal {
    pub(super) fn read(line: &str) -> Result<Self, String> {
        serde_json::from_str(line).map_err(|error| error.to_string())
    }

    /// The call, if the line is about one.
    pub(super) fn report(&self) -> Option<Report<'_>> {
        let call = self.call.as_ref()?;
        let mut args = [None; 6];
        for (place, argument) in args.iter_mut().zip(&call.arguments) {
            *place = argument.value;
        }
        Some(Report {
            call: CallKey { arch: ArchToken::new(call.token), nr: SyscallNr::new(call.number) },
            args,
            is_given: [false; 6],
            thread: self.comm.as_deref().unwrap_or(""),
            result: None,
            count: self.count.unwrap_or(1),
        })
    }
}
