//! A profile, from its file to its policy.

use std::collections::BTreeSet;
use std::path::Path;

use callgate_policy::Policy;
use callgate_rules::{Listener, LoadFlag, Origin, Provenance, Source, Span, nearest};
use callgate_syscalls::{Arch, KernelVersion, Name};

use crate::baseline::KnownSyscalls;
use crate::check::{self, ActionSpec, Fault, Noted, Rule, is_permissive};
use crate::comparison::Comparison;
use crate::docker::{ArchMapEntry, Circumstances};
use crate::json::Document;
use crate::lower::Lowering;
use crate::place::{JsonPath, Place};
use crate::read::{self, Form};
use crate::scalar::Flag;
use crate::{
    Arches, Error, FILE_MAX, Notice, Options, Reading, UnknownSyscalls, Warning, WarningKind,
    baseline, lint,
};

/// How many warnings [`Profile::resolve`] gives; the rest is counted.
const WARNINGS_MAX: usize = 100;

/// A profile that was read and whose parts fit together.
///
/// ```
/// use callgate_formats::{Form, Options, Profile};
/// use callgate_syscalls::{Action, Arch, KernelVersion, SeccompData, names};
///
/// let text = br#"{
///     "defaultAction": "SCMP_ACT_ERRNO",
///     "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]
/// }"#;
/// let profile = Profile::parse(text, "example.json")?;
/// assert_eq!(profile.form(), Form::Oci);
///
/// let resolved = profile.resolve(&Options::new(Arch::X86_64, KernelVersion::new(6, 12)))?;
/// let read = Arch::X86_64.syscall(names::READ).unwrap();
/// assert_eq!(resolved.policy.decide(&SeccompData::new(Arch::X86_64, read.nr)), Action::ALLOW);
/// # Ok::<(), callgate_formats::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Profile {
    document: Document,
    form: Form,
    reading: Reading,
    default: ActionSpec,
    default_span: Option<Span>,
    architectures: Vec<Arch>,
    arch_map: Vec<ArchMapEntry>,
    flags: Vec<Flag>,
    listener_path: Option<String>,
    listener_metadata: Option<String>,
    rules: Vec<Rule>,
    noted: Noted,
}

/// A profile's policy, and what the profile says beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// What happens to each call.
    pub policy: Policy,
    /// Which rule of the file each of the policy's comes from, by its position in the list
    /// `syscalls`.
    pub provenance: Provenance,
    /// The flags for seccomp(2) that the profile asks for.
    pub flags: Vec<Flag>,
    /// The socket that a runtime would send the listener to.
    pub listener_path: Option<String>,
    /// What it would send along.
    pub listener_metadata: Option<String>,
    /// What is legal but hardly meant.
    pub warnings: Vec<Warning>,
    /// What was decided because the profile does not say it.
    pub notices: Vec<Notice>,
}

impl Profile {
    /// Reads a file in any of the formats.
    ///
    /// # Errors
    /// [`Error::Unreadable`], and those of [`Profile::parse`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::read(Source::load(path)?)
    }

    /// Reads a profile in any of the formats. `origin` stands in messages for where the bytes came
    /// from.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Format`], [`Error::NoSeccomp`] and [`Error::Invalid`]: whatever
    /// can be wrong with a file before it is known for which machine it is.
    pub fn parse(bytes: &[u8], origin: &str) -> Result<Self, Error> {
        // A file that is too long is refused without a copy of it.
        let kept = &bytes[..bytes.len().min(FILE_MAX + 1)];
        Self::read(Source::from_bytes(origin, kept.to_vec())?)
    }

    /// Reads a profile in any of the formats.
    ///
    /// # Errors
    /// As [`Profile::parse`].
    pub fn read(source: Source) -> Result<Self, Error> {
        Self::of_document(Document::parse(source)?)
    }

    /// Reads a profile whose JSON is read already: places are those of the document.
    ///
    /// # Errors
    /// As [`Profile::parse`].
    pub fn of_document(document: Document) -> Result<Self, Error> {
        let read::Content { form, mut seccomp, default: default_span, rules: spans, mut noted } =
            read::content(&document)?;
        let root = form.root();
        let fault = |fault: Fault| fault.locate(&document);
        let default = check::default_action(&root, &seccomp, &mut noted).map_err(fault)?;
        let syscalls = std::mem::take(&mut seccomp.syscalls);
        let rules = (0..).zip(syscalls).zip(spans).map(|((index, syscall), span)| {
            let path = root.clone().key("syscalls").index(index);
            check::rule(path, span, syscall, &mut noted)
        });
        let rules = rules.collect::<Result<_, _>>().map_err(fault)?;
        Ok(Self {
            form,
            reading: match form {
                Form::Docker => Reading::Docker,
                Form::Oci | Form::OciConfig => Reading::Runc,
            },
            default,
            default_span,
            architectures: seccomp.architectures.into_iter().map(|arch| arch.0).collect(),
            arch_map: seccomp.arch_map,
            flags: seccomp.flags,
            listener_path: seccomp.listener_path,
            listener_metadata: seccomp.listener_metadata,
            rules,
            noted,
            document,
        })
    }

    /// The text that was read.
    #[must_use]
    pub fn source(&self) -> &Source {
        self.document.source()
    }

    /// The form of the file.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// The kernels from which on the profile means something else than for those before, ascending:
    /// the first of all, and those that rules name as the oldest that they apply to or not.
    ///
    /// ```
    /// let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
    ///     {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}}]}"#;
    /// let profile = callgate_formats::Profile::parse(text.as_bytes(), "profile.json")?;
    /// assert_eq!(profile.kernels().into_iter().map(|k| k.to_string()).collect::<Vec<_>>(), ["0.0", "4.8"]);
    /// # Ok::<(), callgate_formats::Error>(())
    /// ```
    #[must_use]
    pub fn kernels(&self) -> BTreeSet<KernelVersion> {
        let filters = self.rules.iter().flat_map(|rule| [&rule.includes, &rule.excludes]);
        let named = filters.filter_map(|filter| filter.min_kernel).map(|kernel| kernel.0);
        std::iter::once(KernelVersion::new(0, 0)).chain(named).collect()
    }

    /// The reading of whoever such a profile is written for: what is meant where
    /// [`Options::reading`] is `None`.
    #[must_use]
    pub const fn reading(&self) -> Reading {
        self.reading
    }

    /// The policy of this profile for one machine, kernel and set of capabilities.
    ///
    /// # Errors
    /// [`Error::UnknownSyscall`], [`Error::Conflict`], [`Error::TooManyRules`],
    /// [`Error::MixedEndianness`], and [`Error::Policy`] where the options name an architecture
    /// twice.
    pub fn resolve(&self, options: &Options) -> Result<Resolved, Error> {
        let reading = options.reading.unwrap_or(self.reading);
        let arches = self.arches(options, reading)?;
        let mut lowering = self.select(options, reading)?;
        let comparison = Comparison::new(self, options, reading);
        let default = self.default.on(options.native);
        let known = self.known(options, &lowering);
        let mut builder = Policy::builder(options.foreign);
        for &arch in &arches {
            let unknown = known.on(arch, default);
            let accepted = lowering.accept(arch, default, unknown)?;
            lint::arch(&mut lowering, &accepted);
            comparison.note(&mut lowering, &accepted, default);
            let mut policy = lowering.policy(&accepted, default, unknown)?;
            if let Some(nr) = known.add_odd_number(&mut policy, arch) {
                lowering.provenance.push(arch, nr, None);
            }
            builder = builder.arch(arch, policy);
        }
        let warnings = self.warnings(&lowering.noted);
        Ok(Resolved {
            policy: builder.build()?,
            provenance: lowering.provenance.sorted(),
            flags: self.flags.clone(),
            listener_path: self.listener_path.clone(),
            listener_metadata: self.listener_metadata.clone(),
            warnings,
            notices: known.notices(&arches, default),
        })
    }

    /// What the file asks of the kernel when the filter is loaded.
    pub fn flags(&self) -> impl Iterator<Item = LoadFlag> {
        self.flags.iter().copied().map(LoadFlag::from)
    }

    /// The socket that a runtime sends the listener to, and what it sends along.
    #[must_use]
    pub fn listener(&self) -> Option<Listener> {
        let path = self.listener_path.clone()?;
        Some(Listener { path, metadata: self.listener_metadata.clone() })
    }

    /// Whether the file says which architectures go with which machine.
    pub(crate) fn has_arch_map(&self) -> bool {
        !self.arch_map.is_empty()
    }

    /// The machines of which it says so.
    pub(crate) fn mapped(&self) -> impl Iterator<Item = Arch> {
        self.arch_map.iter().map(|entry| entry.architecture.0)
    }

    /// What was remarkable about the file.
    pub(crate) const fn noted(&self) -> &Noted {
        &self.noted
    }

    /// The keys that are about a listener, and whether the profile has them.
    pub(crate) const fn listener_keys(&self) -> [(&'static str, bool); 2] {
        [
            ("listenerPath", self.listener_path.is_some()),
            ("listenerMetadata", self.listener_metadata.is_some()),
        ]
    }

    pub(crate) fn default_is_notify(&self) -> bool {
        self.default.on(Arch::X86_64) == callgate_syscalls::Action::USER_NOTIFY
    }

    pub(crate) fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(crate) fn place(&self, path: &JsonPath) -> Place {
        path.locate(&self.document)
    }

    /// The architectures, the machine's own first.
    fn arches(&self, options: &Options, reading: Reading) -> Result<Vec<Arch>, Error> {
        let arches = match &options.arches {
            Arches::Exactly(arches) => arches.clone(),
            Arches::FromProfile => {
                let mut seen = BTreeSet::new();
                let listed = self.listed_arches(options.native, reading);
                let all = std::iter::once(options.native).chain(listed);
                all.filter(|&arch| seen.insert(arch)).collect()
            }
        };
        if let Some(&first) = arches.first() {
            let other = arches.iter().copied().find(|arch| arch.endian() != first.endian());
            if let Some(second) = other {
                return Err(Error::MixedEndianness { first, second });
            }
        }
        Ok(arches)
    }

    /// The architectures that the profile lists for a machine.
    pub(crate) fn listed_arches(&self, native: Arch, reading: Reading) -> Vec<Arch> {
        let entry = self.arch_map.iter().find(|entry| entry.architecture.0 == native);
        let entry = entry.filter(|_| reading.knows_arch_map());
        let mapped = entry.into_iter().flat_map(|entry| {
            std::iter::once(entry.architecture).chain(entry.sub_architectures.iter().copied())
        });
        let listed = mapped.map(|arch| arch.0);
        self.architectures.iter().copied().chain(listed).collect()
    }

    /// Picks the rules that apply and looks their names up.
    pub(crate) fn select(
        &self,
        options: &Options,
        reading: Reading,
    ) -> Result<Lowering<'_>, Error> {
        let at = Circumstances {
            caps: options.caps,
            arch: options.native,
            kernel: options.kernel,
            compared: reading.circumstances(),
        };
        let mut rules = Vec::with_capacity(self.rules.len());
        let mut noted = self.noted.clone();
        for (position, rule) in self.rules.iter().enumerate() {
            if !rule.includes.all(at) || rule.excludes.any(at) {
                continue;
            }
            let mut names = Vec::with_capacity(rule.names.as_slice().len());
            for (place, text) in rule.names.as_slice().iter().enumerate() {
                match Name::parse(text) {
                    Some(name) => names.push(name),
                    None => noted.push(self.unknown_name(rule, place, text, options)?),
                }
            }
            rules.push((position, names));
        }
        let (native, given) = (options.native, BTreeSet::new());
        let provenance = self.provenance();
        Ok(Lowering { profile: self, native, reading, rules, noted, given, provenance })
    }

    /// What counts as known.
    pub(crate) fn known(&self, options: &Options, lowering: &Lowering<'_>) -> KnownSyscalls {
        let reading = lowering.reading;
        match (options.unknown, reading) {
            (UnknownSyscalls::Off, _) | (UnknownSyscalls::Infer, Reading::Crun) => {
                KnownSyscalls::All
            }
            (UnknownSyscalls::Baseline(kernel), _) => KnownSyscalls::Kernel(kernel, None),
            // All rules count, also those for other machines: the author knew their syscalls too.
            (UnknownSyscalls::Infer, Reading::Kernel) => {
                let names = self.rules.iter().flat_map(|rule| rule.names.as_slice());
                match baseline::newest(names.filter_map(|text| Name::parse(text))) {
                    Some((kernel, newest)) => KnownSyscalls::Kernel(kernel, Some(newest)),
                    None => KnownSyscalls::All,
                }
            }
            (UnknownSyscalls::Infer, Reading::Runc | Reading::Docker) => {
                let listed = match &options.arches {
                    Arches::Exactly(arches) => arches.clone(),
                    Arches::FromProfile => self.listed_arches(options.native, reading),
                };
                let names = || lowering.rules.iter().flat_map(|(_, names)| names.iter().copied());
                let last = |arch| Some((arch, baseline::largest(arch, names())?));
                KnownSyscalls::Numbers(listed.into_iter().filter_map(last).collect())
            }
        }
    }

    /// Where the rules and the default action stand.
    fn provenance(&self) -> Provenance {
        let origins = self.rules.iter().map(|rule| Origin::Text(rule.span)).collect();
        let mut provenance = Provenance::new(origins);
        provenance.default = self.default_span.map(Origin::Text);
        provenance
    }

    /// A name that no architecture has: an allowing rule is only narrower without it, a refusing
    /// one has a hole.
    fn unknown_name(
        &self,
        rule: &Rule,
        place: usize,
        text: &str,
        options: &Options,
    ) -> Result<(JsonPath, WarningKind), Error> {
        let path = rule.names.path(&rule.path, place);
        let name = text.to_owned();
        if is_permissive(rule.action.on(options.native)) {
            // A file may hold hundreds of thousands: names near to them are searched for where they
            // are shown.
            return Ok((path, WarningKind::UnknownSyscall { name, near: None }));
        }
        Err(Error::UnknownSyscall { place: self.place(&path), near: near_name(&name), name })
    }

    fn warnings(&self, noted: &Noted) -> Vec<Warning> {
        let shown = noted.iter().take(WARNINGS_MAX);
        let mut warnings: Vec<Warning> = shown
            .map(|(path, kind)| Warning { place: self.place(path), kind: with_near_name(kind) })
            .collect();
        if let Some(count) = noted.len().checked_sub(WARNINGS_MAX).filter(|&count| count > 0) {
            let place = self.place(&self.form.root());
            warnings.push(Warning { place, kind: WarningKind::Omitted { count } });
        }
        warnings
    }
}

/// A warning as it is shown: an unknown syscall with the known name that is near.
fn with_near_name(kind: &WarningKind) -> WarningKind {
    match kind {
        WarningKind::UnknownSyscall { name, near: None } => {
            WarningKind::UnknownSyscall { near: near_name(name), name: name.clone() }
        }
        other => other.clone(),
    }
}

fn near_name(text: &str) -> Option<Name> {
    #[cfg(test)]
    tests::SEARCHES.set(tests::SEARCHES.get() + 1);
    nearest(text, Name::all().map(Name::as_str)).and_then(Name::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        /// How many searches this thread has made.
        pub(super) static SEARCHES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    /// Each search costs 150 us, which for the longest files were minutes.
    #[test]
    fn near_names_are_searched_for_what_is_shown_only() {
        let names: Vec<_> = (0..5000).map(|index| format!("\"mnout{index}\"")).collect();
        let text = format!(
            r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
                {{"names": ["mnout", {}], "action": "SCMP_ACT_ALLOW"}}]}}"#,
            names.join(",")
        );
        let profile = Profile::parse(text.as_bytes(), "long").unwrap();
        let before = SEARCHES.get();
        let options = Options::new(Arch::X86_64, KernelVersion::new(6, 12));
        let resolved = profile.resolve(&options).unwrap();
        assert_eq!(SEARCHES.get() - before, WARNINGS_MAX);
        assert_eq!(resolved.warnings.len(), WARNINGS_MAX + 1);
        let near = Name::parse("mount");
        let expected = WarningKind::UnknownSyscall { name: "mnout".to_owned(), near };
        assert_eq!(resolved.warnings.first().unwrap().kind, expected);
    }
}
