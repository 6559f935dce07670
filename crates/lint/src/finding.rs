//! What was found, and how it becomes a diagnostic.

use callgate_rules::{Code, Diagnostic, Help, Severity};
use callgate_syscalls::{Action, Arch, Name, SeccompData};

use crate::ground::Ground;
use crate::pages::page;
use crate::place::FindingPlace;
use crate::words;

/// Something that is wrong, or worth knowing.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What kind of thing; it has a [page](crate::page()).
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is found, in a sentence.
    pub message: String,
    /// What it is about: with the code, what makes it the same finding in another filter.
    pub about: String,
    /// The syscalls that it is about.
    pub names: Vec<Name>,
    /// The architectures on which it is so; empty where that is no matter of architectures.
    pub arches: Vec<Arch>,
    /// Calls that show it, the most telling first.
    pub shown: Vec<Shown>,
    /// Where.
    pub place: Option<FindingPlace>,
    /// What else is to say.
    pub notes: Vec<String>,
    /// What to do about it.
    pub helps: Vec<Help>,
}

/// A call, and what the filter does with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    /// The call.
    pub call: SeccompData,
    /// Its action.
    pub action: Action,
}

impl Finding {
    /// The finding as everything that is wrong with a text looks.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        let message = match self.arches.as_slice() {
            [] => self.message.clone(),
            arches => format!("{}, on {}", self.message, words::arches(arches)),
        };
        let mut diagnostic = Diagnostic::new(self.severity, self.code, message);
        if let Some(FindingPlace::Text(span)) = self.place {
            diagnostic = diagnostic.primary(span, "");
        }
        if let Some(FindingPlace::Instruction { filter, instruction }) = self.place {
            diagnostic =
                diagnostic.note(format!("decided by instruction {instruction} of filter {filter}"));
        }
        for Shown { call, action } in &self.shown {
            diagnostic = diagnostic.note(format!("{} is {action}", words::call(call)));
        }
        for note in &self.notes {
            diagnostic = diagnostic.note(note.clone());
        }
        diagnostic.helps.clone_from(&self.helps);
        if let Some(page) = page(self.code.as_str()) {
            if let Some(seen) = page.seen {
                diagnostic = diagnostic.note(format!("seen: {seen}"));
            }
            if let Some(mend) = page.mend.filter(|_| self.helps.is_empty()) {
                diagnostic = diagnostic.help(mend);
            }
        }
        diagnostic
    }

    /// Whether another filter has the same to be said of it.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.code, &self.about) == (other.code, &other.about)
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

/// A finding that is being written.
pub(crate) struct Draft(Finding);

impl Draft {
    /// A finding of this code about something.
    pub(crate) fn new(
        code: &'static str,
        about: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let severity = page(code).map_or(Severity::Error, |page| page.severity);
        Self(Finding {
            code: Code::new(code),
            severity,
            message: message.into(),
            about: about.into(),
            names: Vec::new(),
            arches: Vec::new(),
            shown: Vec::new(),
            place: None,
            notes: Vec::new(),
            helps: Vec::new(),
        })
    }

    /// A finding about one syscall.
    pub(crate) fn of(code: &'static str, name: Name, message: impl Into<String>) -> Self {
        Self::new(code, name.as_str(), message).named(name)
    }

    pub(crate) fn named(mut self, name: Name) -> Self {
        self.0.names.push(name);
        self
    }

    pub(crate) fn on(mut self, arch: Arch) -> Self {
        self.0.arches.push(arch);
        self
    }

    /// A call that shows it.
    pub(crate) fn show(mut self, (action, call): (Action, SeccompData)) -> Self {
        self.0.shown.push(Shown { call, action });
        self
    }

    pub(crate) fn show_if_any(self, call: Option<(Action, SeccompData)>) -> Self {
        match call {
            Some(call) => self.show(call),
            None => self,
        }
    }

    pub(crate) fn at(mut self, place: Option<FindingPlace>) -> Self {
        self.0.place = place;
        self
    }

    pub(crate) fn note(mut self, text: impl Into<String>) -> Self {
        self.0.notes.push(text.into());
        self
    }

    pub(crate) fn help(mut self, help: Option<Help>) -> Self {
        self.0.helps.extend(help);
        self
    }
}

impl Findings {
    /// Adds a finding; its place is where its first call is decided. What is the same on several architectures is one
    /// finding.
    pub(crate) fn add(&mut self, ground: &Ground<'_>, draft: Draft) {
        let Draft(mut new) = draft;
        if let Some(known) = self.0.iter_mut().find(|known| known.is_same(&new)) {
            let more = new.arches.into_iter().filter(|arch| !known.arches.contains(arch));
            known.arches.extend(more.collect::<Vec<_>>());
            return;
        }
        if let (None, Some(shown)) = (new.place, new.shown.first()) {
            new.place = ground.place(&shown.call, new.names.first().copied());
        }
        if let (Some(place), false) = (ground.from, new.shown.is_empty()) {
            let note = format!("that is so for calls made from {place:#x}, where most are made");
            new.notes.push(note);
        }
        self.0.push(new);
    }

    /// The same without a place to look up.
    pub(crate) fn add_plain(&mut self, Draft(new): Draft) {
        if !self.0.iter().any(|known| known.is_same(&new)) {
            self.0.push(new);
        }
    }

    /// All, the worst first, then by code.
    pub(crate) fn sorted(mut self) -> Vec<Finding> {
        self.0.sort_by(|a, b| (a.severity, a.code, &a.about).cmp(&(b.severity, b.code, &b.about)));
        self.0
    }
}
