//! From a call to its answer.

use std::fs::OpenOptions;
use std::sync::Arc;

use crate::emulate::mknod;
use crate::policy::{Answer, FileAnswer, Policy, Rule};
use callgate_supervise::{
    Delivery, Error, Examined, Failure, Fresh, Notification, OnExec, Placement, State,
};

/// What was decided about a call, and what became of it.
#[derive(Debug)]
pub(crate) struct Decision {
    /// The rule; the default, if none.
    pub(crate) rule: Option<usize>,
    /// Where it stands, or the default; none where the file has no default.
    pub(crate) place: Option<Arc<str>>,
    /// The kind of answer.
    pub(crate) answer: &'static str,
    /// The failure that the call was answered with, if it was one.
    pub(crate) failure: Option<Failure>,
    pub(crate) delivery: Result<Delivery, Error>,
    pub(crate) log: bool,
}

impl Policy {
    /// Answers a call, if that takes no time; else it is given back, to be answered [by
    /// hand](Self::answer_by_hand).
    ///
    /// # Errors
    /// The call.
    pub(crate) fn answer<'l>(
        &self,
        call: Notification<'l, Fresh>,
        metadata: &str,
    ) -> Result<Decision, Notification<'l, Fresh>> {
        let data = *call.call();
        let rule = self.candidates(&data, metadata).next();
        let answer = rule.map_or(self.default_answer(), |rule| &rule.answer);
        if answer.may_wait() || rule.is_some_and(|rule| !rule.texts.is_empty()) {
            return Err(call);
        }
        Ok(self.decision(rule, answer, |answer| fresh(call, answer)))
    }

    /// Answers a call for which memory has to be looked into, or something to be done. Nothing
    /// continues.
    pub(crate) fn answer_by_hand(
        &self,
        call: Notification<'_, Examined>,
        metadata: &str,
    ) -> Decision {
        let data = *call.call();
        for rule in self.candidates(&data, metadata) {
            let mut holds = true;
            for text in &rule.texts {
                match text.holds(&call) {
                    Ok(found) => holds &= found,
                    Err(error) => return unreadable(call, rule, error),
                }
            }
            if holds {
                return self.decision(Some(rule), &rule.answer, |answer| examined(call, answer));
            }
        }
        self.decision(None, self.default_answer(), |answer| examined(call, answer))
    }

    fn decision<'p>(
        &'p self,
        rule: Option<&'p Rule>,
        answer: &'p Answer,
        give: impl FnOnce(&'p Answer) -> Given,
    ) -> Decision {
        let (failure, delivery) = give(answer);
        let log = rule.is_none_or(|rule| rule.log);
        let place = rule.map_or_else(|| self.default_place(), |rule| Some(&rule.place)).cloned();
        let rule = rule.map(|rule| rule.index);
        Decision { rule, place, answer: answer.name(), failure, delivery, log }
    }
}

impl Decision {
    /// A call that was not answered in time, and failed instead.
    pub(crate) fn late(failure: Failure, delivery: Result<Delivery, Error>) -> Self {
        Self {
            rule: None,
            place: None,
            answer: "late",
            failure: Some(failure),
            delivery,
            log: true,
        }
    }
}

type Given = (Option<Failure>, Result<Delivery, Error>);

/// A rule whose condition can't be decided holds as far as it can forbid something: the call fails.
fn unreadable(call: Notification<'_, Examined>, rule: &Rule, error: Error) -> Decision {
    let (failure, delivery) = fail(call, Failure::EPERM);
    let (place, rule) = (Some(Arc::clone(&rule.place)), Some(rule.index));
    Decision {
        rule,
        place,
        answer: "errno",
        failure,
        delivery: delivery.and(Err(error)),
        log: true,
    }
}

fn fresh(call: Notification<'_, Fresh>, answer: &Answer) -> Given {
    match answer {
        Answer::Continue => (None, call.proceed()),
        Answer::Mknod(devices) => mknod(call.examine(), devices),
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
        Answer::File(file) => give_file(call, file),
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
