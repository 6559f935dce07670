//! From a call to its answer.

use std::fs::OpenOptions;

use callgate_supervise::{
    Delivery, Error, Examined, Failure, Fresh, Notification, OnExec, Placement, State,
};
use tokio::task::block_in_place;

use crate::emulate::mknod;
use crate::policy::{Answer, FileAnswer, Policy, Rule};

/// What was decided about a call, and what became of it.
#[derive(Debug)]
pub(crate) struct Decision {
    /// The rule; the default, if none.
    pub(crate) rule: Option<usize>,
    /// The kind of answer.
    pub(crate) answer: &'static str,
    /// The failure that the call was answered with, if it was one.
    pub(crate) failure: Option<Failure>,
    pub(crate) delivery: Result<Delivery, Error>,
    pub(crate) log: bool,
}

impl Policy {
    /// Answers a call.
    ///
    /// Whatever may take long is done where it keeps no other container waiting.
    pub(crate) fn answer(&self, call: Notification<'_, Fresh>, metadata: &str) -> Decision {
        let data = *call.call();
        let mut candidates = self.candidates(&data, metadata);
        match candidates.next() {
            None => decision(None, self.default_answer(), |answer| fresh(call, answer)),
            Some(rule) if rule.texts.is_empty() => {
                decision(Some(rule), &rule.answer, |answer| fresh(call, answer))
            }
            Some(rule) => block_in_place(|| self.look(call.examine(), rule, candidates)),
        }
    }

    /// Goes on from the first rule that looks into memory. From here on nothing continues.
    fn look<'p>(
        &'p self,
        call: Notification<'_, Examined>,
        first: &'p Rule,
        rest: impl Iterator<Item = &'p Rule>,
    ) -> Decision {
        for rule in std::iter::once(first).chain(rest) {
            let mut holds = true;
            for text in &rule.texts {
                match text.holds(&call) {
                    Ok(found) => holds &= found,
                    Err(error) => return unreadable(call, rule, error),
                }
            }
            if holds {
                return decision(Some(rule), &rule.answer, |answer| examined(call, answer));
            }
        }
        decision(None, self.default_answer(), |answer| examined(call, answer))
    }
}

type Given = (Option<Failure>, Result<Delivery, Error>);

fn decision<'p>(
    rule: Option<&'p Rule>,
    answer: &'p Answer,
    give: impl FnOnce(&'p Answer) -> Given,
) -> Decision {
    let (failure, delivery) = give(answer);
    let log = rule.is_none_or(|rule| rule.log);
    Decision { rule: rule.map(|rule| rule.index), answer: answer.name(), failure, delivery, log }
}

/// A rule whose condition can't be decided holds as far as it can forbid something: the call fails.
fn unreadable(call: Notification<'_, Examined>, rule: &Rule, error: Error) -> Decision {
    let (failure, delivery) = fail(call, Failure::EPERM);
    let rule = Some(rule.index);
    Decision { rule, answer: "errno", failure, delivery: delivery.and(Err(error)), log: true }
}

fn fresh(call: Notification<'_, Fresh>, answer: &Answer) -> Given {
    match answer {
        Answer::Continue => (None, call.proceed()),
        Answer::Mknod(devices) => block_in_place(|| mknod(call.examine(), devices)),
        _ => without_looking(call, answer),
    }
}

fn examined(call: Notification<'_, Examined>, answer: &Answer) -> Given {
    match answer {
        // The policy's check leaves no such rule; if one came by, the call must not go on.
        Answer::Continue => fail(call, Failure::EPERM),
        Answer::Mknod(devices) => mknod(call, devices),
        _ => without_looking(call, answer),
    }
}

/// The answers that don't depend on what is in memory.
fn without_looking<S: State>(call: Notification<'_, S>, answer: &Answer) -> Given {
    match answer {
        Answer::Fail(failure) => fail(call, *failure),
        Answer::Value(value) => (None, call.succeed(*value)),
        Answer::File(file) => block_in_place(|| give_file(call, file)),
        Answer::Continue | Answer::Mknod(_) => fail(call, Failure::EPERM),
    }
}

fn fail<S: State>(call: Notification<'_, S>, failure: Failure) -> Given {
    (Some(failure), call.fail(failure))
}

fn give_file<S: State>(call: Notification<'_, S>, answer: &FileAnswer) -> Given {
    let opened = OpenOptions::new().read(true).write(answer.write).open(&answer.path);
    let Ok(file) = opened else { return fail(call, Failure::EIO) };
    let on_exec = if answer.cloexec { OnExec::Close } else { OnExec::Keep };
    match call.answer_with_fd(&file, Placement::Lowest, on_exec) {
        Ok(delivery) => (None, Ok(delivery)),
        Err(unanswered) => {
            let errno = unanswered.error.errno().and_then(Failure::new);
            fail(unanswered.notification, errno.unwrap_or(Failure::EIO))
        }
    }
}
