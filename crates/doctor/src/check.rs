//! A question with its answer.

use callgate_observe::survey::{Finding, Obstacle};
use callgate_syscalls::{Arch, Errno};
use clap::ValueEnum;
use serde::Serialize;

/// A question, what was found out, and what to do about it.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) id: &'static str,
    pub(crate) group: Group,
    pub(crate) question: &'static str,
    pub(crate) answer: Option<Answer>,
    pub(crate) value: Option<Value>,
    pub(crate) reason: Option<String>,
    pub(crate) needed_by: &'static [Need],
    pub(crate) advice: Option<String>,
}

/// The headings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Group {
    #[serde(rename = "kernel")]
    Kernel,
    #[serde(rename = "notifications")]
    Notifications,
    #[serde(rename = "confinement")]
    Confinement,
    #[serde(rename = "cost")]
    Cost,
    #[serde(rename = "entries")]
    Entries,
    #[serde(rename = "learning")]
    Learning,
}

/// What callgate can be used for, as far as the kernel has a say in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Need {
    /// `callgate run`
    Run,
    /// Reading the filters of processes: `callgate disasm --pid`, and `pid:N` everywhere else
    Pid,
    /// Answering the notifications of containers
    Agent,
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    Yes,
    No,
    Unknown,
}

/// What was found out beside the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Value {
    Number(u64),
    Text(String),
}

impl Need {
    /// The name in `--need` and in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Pid => "pid",
            Self::Agent => "agent",
        }
    }
}

impl Answer {
    /// The answer to two questions at once.
    pub(crate) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            _ => Self::Yes,
        }
    }

    pub(crate) const fn from_bool(answer: bool) -> Self {
        if answer { Self::Yes } else { Self::No }
    }
}

impl Check {
    /// A question that was tried.
    pub(crate) fn found(
        group: Group,
        id: &'static str,
        question: &'static str,
        finding: &Finding,
    ) -> Self {
        let (answer, reason) = match finding {
            Finding::Yes => (Answer::Yes, None),
            Finding::No(errno) => (Answer::No, Some(errno_name(*errno))),
            Finding::Unknown(obstacle) => (Answer::Unknown, Some(obstacle.to_string())),
            _ => (Answer::Unknown, None),
        };
        Self { answer: Some(answer), reason, ..Self::bare(group, id, question) }
    }

    /// A fact that was read or measured, or why it was not.
    pub(crate) fn fact(
        group: Group,
        id: &'static str,
        question: &'static str,
        value: Result<Value, String>,
    ) -> Self {
        let bare = Self::bare(group, id, question);
        match value {
            Ok(value) => Self { value: Some(value), ..bare },
            Err(reason) => Self { answer: Some(Answer::Unknown), reason: Some(reason), ..bare },
        }
    }

    /// The same question, with an answer that was read or measured.
    pub(crate) fn answered(self, answer: Answer) -> Self {
        Self { answer: Some(answer), ..self }
    }

    /// The same question, without which these uses don't work.
    pub(crate) fn needed_by(self, needed_by: &'static [Need]) -> Self {
        Self { needed_by, ..self }
    }

    /// The same question, with what to do if the answer is this one.
    pub(crate) fn advice_if(self, answer: Answer, advice: &str) -> Self {
        match self.answer == Some(answer) && self.advice.is_none() {
            true => Self { advice: Some(advice.to_owned()), ..self },
            false => self,
        }
    }

    fn bare(group: Group, id: &'static str, question: &'static str) -> Self {
        Self {
            id,
            group,
            question,
            answer: None,
            value: None,
            reason: None,
            needed_by: &[],
            advice: None,
        }
    }
}

/// The errno of a refusal.
pub(crate) fn refusal(finding: &Finding) -> Option<Errno> {
    match finding {
        Finding::No(errno) | Finding::Unknown(Obstacle::Refused(errno)) => Some(*errno),
        _ => None,
    }
}

fn errno_name(errno: Errno) -> String {
    let name = Arch::native().and_then(|arch| errno.name(arch));
    name.map_or_else(|| format!("errno {}", errno.raw()), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_become_answers_with_their_reason() {
        let check = |finding| Check::found(Group::Kernel, "id", "question", &finding);
        let no = check(Finding::No(Errno::new(22)));
        assert_eq!((no.answer, no.reason.as_deref()), (Some(Answer::No), Some("EINVAL")));
        let unknown = check(Finding::Unknown(Obstacle::Refused(Errno::new(1))));
        assert_eq!(unknown.answer, Some(Answer::Unknown));
        assert!(unknown.reason.is_some_and(|reason| reason.contains("refused")));
        assert_eq!(check(Finding::Yes).reason, None);
    }

    #[test]
    fn advice_is_given_once_and_only_where_it_applies() {
        let no = Check::found(Group::Kernel, "id", "q", &Finding::No(Errno::new(1)));
        let no = no.advice_if(Answer::Yes, "a").advice_if(Answer::No, "b");
        assert_eq!(no.advice_if(Answer::No, "c").advice.as_deref(), Some("b"));
    }
}
