//! `SystemCallFilter=` and `SystemCallLog=`: lists of syscalls and sets.

use std::collections::BTreeMap;

use callgate_facts::Alias;
use callgate_rules::{Answer, Code, Diagnostic, ErrnoSpec, Origin, Rule, Rules, Span, Verdict};
use callgate_syscalls::Name;

use super::unit::Assignment;
use crate::context::{self, Context, code, with_near};
use crate::piece::Piece;

/// A list of syscalls while its lines are read.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Whether the list allows, by its first line; none before it.
    allows: Option<bool>,
    /// The syscalls with what is said of each, and where.
    calls: BTreeMap<Name, (Option<Verdict>, Span)>,
    /// The first line.
    origin: Option<Span>,
}

/// What a line says of its syscalls.
#[derive(Clone, Copy)]
struct Said {
    is_inverted: bool,
    verdict: Option<Verdict>,
    span: Span,
}

impl Calls {
    /// Adds a line. The first decides whether the list allows or denies; later ones with the other
    /// sign take away.
    pub(super) fn add(
        &mut self,
        line: &Assignment<'_>,
        start_up: Option<&str>,
        context: &mut Context<'_>,
    ) {
        let (is_inverted, words) = line.words(context);
        if words.is_empty() && !is_inverted {
            *self = Self::default();
            return;
        }
        if self.allows.is_none() {
            self.allows = Some(!is_inverted);
            self.origin = Some(line.first().span());
            if let Some(set) = start_up.filter(|_| !is_inverted) {
                let said = Said { is_inverted, verdict: None, span: line.first().span() };
                self.set(set, said, context);
            }
        }
        for word in words {
            self.word(word, is_inverted, context);
        }
    }

    fn word(&mut self, word: Piece<'_>, is_inverted: bool, context: &mut Context<'_>) {
        let (name, verdict) = match word.split_once(':') {
            None => (word, None),
            Some((_, errno)) if !is_inverted => {
                let message = "systemd takes an errno only where calls are refused, behind ~";
                return context.error(code::SYNTAX, errno, message);
            }
            Some((name, errno)) => match answer(errno.text) {
                Some(verdict) => (name, Some(verdict)),
                None => {
                    let message = format!("unknown errno {:?}", context::shortened(errno.text));
                    return context.error(code::UNKNOWN, errno, message);
                }
            },
        };
        let said = Said { is_inverted, verdict, span: word.span() };
        if !name.text.starts_with('@') {
            if let Some(name) = context.name_if_known(name) {
                self.put(name, said);
            }
        } else if !self.set(name.text, said, context) {
            let source = context.options.systemd;
            let message = format!(
                "{source} has no set {:?}, so systemd passes it over",
                context::shortened(name.text)
            );
            let sets = Alias::all().filter(|alias| alias.source() == source).map(Alias::name);
            let warning = Diagnostic::warning(Code::new(code::PASSED_OVER), message);
            context.keep_warning(with_near(warning, name, sets).primary(name.span(), ""));
        }
    }

    /// Adds a set, where there is one of that name.
    fn set(&mut self, name: &str, said: Said, context: &Context<'_>) -> bool {
        let set = Alias::parse(context.options.systemd, name);
        set.map(|set| set.syscalls().into_iter().for_each(|name| self.put(name, said))).is_some()
    }

    fn put(&mut self, name: Name, said: Said) {
        let allows = self.allows.unwrap_or_default();
        // An errno for a call that is taken off an allow list is an answer of its own.
        if said.is_inverted != allows || allows && said.verdict.is_some() {
            self.calls.insert(name, (said.verdict, said.span));
        } else {
            self.calls.remove(&name);
        }
    }

    /// The filter that the list is, with the answer to what it refuses.
    pub(super) fn filter(&self, refusal: Answer) -> Option<Rules> {
        let (allows, origin) = (self.allows?, Origin::Text(self.origin?));
        let allow = Answer { verdict: Verdict::Allow, origin };
        // What is refused without another word is refused by the list.
        let refusal = match refusal.origin {
            Origin::Text(_) => refusal,
            Origin::Observation(_) | Origin::Program => Answer { origin, ..refusal },
        };
        let (default, listed) = match allows {
            true => (refusal, Verdict::Allow),
            false => (allow, refusal.verdict),
        };
        Some(self.rules(default, |own| own.unwrap_or(listed)))
    }

    /// The filter that logs the list, or all else.
    pub(super) fn log(&self) -> Option<Rules> {
        let (logs_listed, origin) = (self.allows?, Origin::Text(self.origin?));
        let (default, listed) = match logs_listed {
            true => (Verdict::Allow, Verdict::Log),
            false => (Verdict::Log, Verdict::Allow),
        };
        Some(self.rules(Answer { verdict: default, origin }, |own| match own {
            Some(Verdict::Kill) => Verdict::Kill,
            Some(own) if listed == Verdict::Allow => own,
            _ => listed,
        }))
    }

    fn rules(&self, default: Answer, verdict: impl Fn(Option<Verdict>) -> Verdict) -> Rules {
        let rule = |(name, (own, span)): (&Name, &(Option<Verdict>, Span))| {
            let mut rule = Rule::new(*name, None, verdict(*own));
            rule.origin = Origin::Text(*span);
            rule.subjects[0].span = Some(*span);
            rule
        };
        context::rules(default, Verdict::Allow, self.calls.iter().map(rule).collect())
    }
}

/// An errno or `kill`, as behind a name and in `SystemCallErrorNumber=`.
pub(super) fn answer(text: &str) -> Option<Verdict> {
    if text == "kill" {
        return Some(Verdict::Kill);
    }
    context::errno(text)
        .filter(|errno| match errno {
            ErrnoSpec::Number(number) => *number <= ErrnoSpec::MAX,
            ErrnoSpec::Named(..) => true,
        })
        .map(Verdict::Errno)
}
