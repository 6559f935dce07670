//! What was found, and how it becomes a diagnostic.

use callgate_rules::{Code, Diagnostic, Help, Label, Severity};
use callgate_syscalls::{Action, Arch, Name, SeccompData};

use crate::ground::{Call, Ground};
use crate::listing;
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
    /// The places of a reader's remark, which says what each has to do with it.
    labels: Vec<Label>,
    /// The instruction where it is, in a program.
    instruction: Option<String>,
    /// The message without the syscalls that it lists.
    what: String,
    /// The syscalls that it lists, and on which architectures each is one of them.
    listed: Vec<(Name, Vec<Arch>)>,
    /// Calls that show it too, which are not printed: one for each architecture and each syscall that is listed.
    also: Vec<Shown>,
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
        match self.place {
            Some(FindingPlace::Text(span)) if self.labels.is_empty() => {
                diagnostic = diagnostic.primary(span, "");
            }
            _ => diagnostic.labels.clone_from(&self.labels),
        }
        if let Some(told) = &self.instruction {
            diagnostic = diagnostic.note(told.clone());
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

    /// Each call that shows it: on every architecture, and of every syscall that the message lists.
    pub(crate) fn witnesses(&self) -> impl Iterator<Item = &Shown> {
        self.shown.iter().chain(&self.also)
    }

    /// Whether another filter has the same to be said of it.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.code, &self.about) == (other.code, &other.about)
    }
}

impl Finding {
    /// Takes in what was found on another architecture.
    fn merge(&mut self, other: Self) {
        self.arches.extend(missing(&self.arches, other.arches));
        self.names.extend(missing(&self.names, other.names));
        self.also.extend(other.shown.into_iter().chain(other.also));
        for (name, arches) in other.listed {
            match self.listed.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => known.extend(missing(known, arches)),
                None => self.listed.push((name, arches)),
            }
        }
    }

    /// The syscalls that are listed; those that are not one of them on each architecture say on which they are.
    fn list(&self) -> String {
        words::list(self.listed.iter().map(|(name, arches)| {
            if self.arches.is_empty() || arches.len() == self.arches.len() {
                name.to_string()
            } else {
                format!("{name} ({})", words::arches(arches))
            }
        }))
    }
}

/// What of this a list does not have yet.
fn missing<T: PartialEq>(known: &[T], new: Vec<T>) -> Vec<T> {
    new.into_iter().filter(|item| !known.contains(item)).collect()
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
        let what = message.into();
        Self(Finding {
            code: Code::new(code),
            severity,
            message: what.clone(),
            about: about.into(),
            names: Vec::new(),
            arches: Vec::new(),
            shown: Vec::new(),
            place: None,
            notes: Vec::new(),
            helps: Vec::new(),
            labels: Vec::new(),
            instruction: None,
            what,
            listed: Vec::new(),
            also: Vec::new(),
        })
    }

    /// What a reader says of a text.
    pub(crate) fn of_remark(remark: &Diagnostic) -> Self {
        let Self(mut found) = Self::new(remark.code.as_str(), &*remark.message, &*remark.message);
        found.severity = remark.severity;
        found.place = remark.labels.first().map(|label| FindingPlace::Text(label.span));
        found.labels.clone_from(&remark.labels);
        found.notes.clone_from(&remark.notes);
        found.helps.clone_from(&remark.helps);
        Self(found)
    }

    /// A finding about one syscall.
    pub(crate) fn of(code: &'static str, name: Name, message: impl Into<String>) -> Self {
        Self::new(code, name.as_str(), message).named(name)
    }

    pub(crate) fn named(mut self, name: Name) -> Self {
        self.0.names.push(name);
        self
    }

    /// The syscalls that the message lists at its end, each with a call that shows it.
    pub(crate) fn listing(mut self, arch: Arch, items: &[(Name, Option<Call>)]) -> Self {
        let names = items.iter().map(|(name, _)| *name).collect();
        self.0.names.extend(missing(&self.0.names, names));
        self.0.listed.extend(items.iter().map(|(name, _)| (*name, vec![arch])));
        let calls = items.iter().filter_map(|(_, call)| *call);
        self.0.also.extend(calls.map(|(action, call)| Shown { call, action }));
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
        // What is said of one architecture need not be so on another.
        let is_said = |known: &&mut Finding| known.is_same(&new) && known.what == new.what;
        if let Some(known) = self.0.iter_mut().find(is_said) {
            known.merge(new);
            return;
        }
        if let (None, Some(shown)) = (new.place, new.shown.first()) {
            new.place = ground.place(&shown.call, new.names.first().copied());
        }
        let call = new.shown.first().map(|shown| &shown.call);
        new.instruction = new.place.and_then(|place| listing::told(ground, place, call));
        if let (Some(place), false) = (ground.from, new.shown.is_empty()) {
            let note = format!("that is so for calls made from {place:#x}, where most are made");
            new.notes.push(note);
        }
        self.0.push(new);
    }

    pub(crate) fn extend(&mut self, ground: &Ground<'_>, draft: Option<Draft>) {
        if let Some(draft) = draft {
            self.add(ground, draft);
        }
    }

    /// Adds a finding that is another one at another place.
    pub(crate) fn add_each(&mut self, Draft(new): Draft) {
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
        for finding in self.0.iter_mut().filter(|finding| !finding.listed.is_empty()) {
            finding.message = format!("{}: {}", finding.what, finding.list());
        }
        self.0.sort_by(|a, b| (a.severity, a.code, &a.about).cmp(&(b.severity, b.code, &b.about)));
        self.0
    }
}
