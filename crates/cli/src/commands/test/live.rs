//! `callgate test --live`: the kernel's own answers under the loaded filter.

use std::collections::BTreeMap;

use callgate_bpf::{Stack, is_exempt};
use callgate_console::error::Error;
use callgate_console::input::Subject;
use callgate_console::output;
use callgate_gate::{NoOutcome, Test, call_text};
use callgate_kernel::child::{Answer, Ending, PASSED, Question, Signal, ask};
use callgate_kernel::running_kernel;
use callgate_policy::SeccompData;
use callgate_rules::{Code, Diagnostic, Sources, Span};
use callgate_syscalls::{Action, ActionKind, Arch, KernelVersion};

use super::Suite;

/// A filter to load, and what was asked of the kernel under it.
pub(super) struct Live {
    /// The filter, and this machine's architecture; none where no call of it can be made.
    filter: Option<(Stack, Arch)>,
    kernel: KernelVersion,
    /// How many calls were made.
    pub(super) calls: usize,
    /// Tests of which no call was made, by the reason.
    skipped: BTreeMap<String, Vec<Span>>,
}

impl Live {
    pub(super) fn new(suite: &Suite) -> Result<Self, Error> {
        let native = Arch::native().filter(|arch| suite.policy.arch(*arch).is_some());
        let filter = match native {
            Some(native) => {
                let compiled = || Subject::Policy(suite.policy.clone()).into_stack();
                let stack = suite.programs.clone().map_or_else(compiled, Ok)?;
                Some((stack, native))
            }
            None => None,
        };
        let kernel = running_kernel().map_err(Error::Kernel)?;
        Ok(Self { filter, kernel, calls: 0, skipped: BTreeMap::new() })
    }

    /// Makes calls of a test and says which of them the kernel answers otherwise.
    pub(super) fn failures(&mut self, test: &Test) -> Result<Vec<Diagnostic>, Error> {
        let Some((filter, arch)) = self.filter.clone() else {
            let machine = Arch::native().map_or("this machine's architecture", Arch::name);
            self.skip(test, format!("the filter is not for {machine}"));
            return Ok(Vec::new());
        };
        let (calls, expected) = match test.samples(arch) {
            Ok(samples) => samples,
            Err(NoOutcome::Prover(error)) => return Err(Error::Prover(error)),
            // The proof has said so.
            Err(_) => return Ok(Vec::new()),
        };
        if calls.is_empty() {
            self.skip(test, format!("they are about no call of {arch}"));
        } else if let Some(reason) = self.reason_to_skip(&calls, expected) {
            self.skip(test, reason.to_owned());
            return Ok(Vec::new());
        }
        let mut failures = Vec::new();
        for call in calls {
            self.calls += 1;
            let question = Question { nr: call.nr, args: call.args };
            let answer = ask(&filter, question).map_err(Error::Kernel)?;
            if !is_expected(answer, expected) {
                failures.push(failure(test, arch, &call, answer));
            }
        }
        Ok(failures)
    }

    fn skip(&mut self, test: &Test, reason: String) {
        self.skipped.entry(reason).or_default().push(test.span);
    }

    fn reason_to_skip(&self, calls: &[SeccompData], expected: Action) -> Option<&'static str> {
        let is_like_passing =
            expected.kind() == ActionKind::Errno && expected.data() >= PASSED.raw();
        if calls.iter().any(|call| is_exempt(call, self.kernel)) {
            Some("this kernel executes these calls whatever a filter says")
        } else if expected.kind() == ActionKind::Unknown {
            Some("what a kernel does on this word depends on its version")
        } else if is_like_passing {
            Some("an errno of 4095 or more cannot be told from a call that passes")
        } else {
            None
        }
    }

    /// Says for each reason of which tests no call was made.
    pub(super) fn say_what_was_skipped(&self, sources: &Sources) {
        for (reason, tests) in &self.skipped {
            let first = tests.first().and_then(|span| sources.place(*span)).unwrap_or_default();
            let tests = match tests.len() {
                1 => format!("no call of the test at {first}"),
                count => format!("no calls of {count} tests, the first at {first}"),
            };
            output::note(&format_args!("{tests} was made: {reason}"));
        }
    }
}

fn is_expected(answer: Answer, expected: Action) -> bool {
    match expected.kind() {
        ActionKind::KillProcess | ActionKind::KillThread | ActionKind::Trap => {
            answer == Answer::Ended(Ending::Killed { signal: Signal::SYS })
        }
        ActionKind::Errno => {
            matches!(answer, Answer::Failed(errno) if errno.raw() == expected.data())
        }
        _ => answer == Answer::Passed,
    }
}

fn failure(test: &Test, arch: Arch, call: &SeccompData, answer: Answer) -> Diagnostic {
    let found = match answer {
        Answer::Passed => "passes".to_owned(),
        Answer::Failed(errno) => match errno.name(arch) {
            Some(name) => format!("fails with {name}"),
            None => format!("fails with errno {}", errno.raw()),
        },
        Answer::Ended(Ending::Killed { signal }) => format!("ends its process by {signal}"),
        Answer::Ended(_) => "ends its process".to_owned(),
    };
    let message = format!("under the loaded filter, {} {found}", call_text(arch, call));
    let expected = format!("expected `{}`", test.expected.verdict);
    Diagnostic::error(Code::new("E0393"), message).primary(test.span, expected)
}
