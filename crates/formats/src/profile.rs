//! A profile, from its file to its policy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use callgate_policy::Policy;
use callgate_rules::{Origin, Provenance, Source, Span, nearest};
use callgate_syscalls::{Arch, KernelVersion, Name};

use crate::check::{self, ActionSpec, Fault, Noted, Rule, is_permissive};
use crate::docker::{ArchMapEntry, Circumstances};
use crate::json::Document;
use crate::lower::Lowering;
use crate::place::{JsonPath, Place};
use crate::read::{self, Form};
use crate::scalar::Flag;
use crate::{
    Arches, Error, FILE_MAX, Notice, Options, UnknownSyscalls, Warning, WarningKind, baseline,
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
    /// Which rule of the file each of the policy's comes from, by its position in the list `syscalls`.
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

    /// Reads a profile in any of the formats. `origin` stands in messages for where the bytes came from.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Format`], [`Error::NoSeccomp`] and [`Error::Invalid`]: whatever can be wrong with a
    /// file before it is known for which machine it is.
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
        let document = Document::parse(source)?;
        let read::Content { form, mut seccomp, default: default_span, rules: spans, skipped } =
            read::content(&document)?;
        let root = form.root();
        let mut noted: Noted =
            skipped.into_iter().map(|path| (path, WarningKind::UnknownField)).collect();
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
    pub const fn source(&self) -> &Source {
        self.document.source()
    }

    /// The form of the file.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// The kernels from which on the profile means something else than for those before, ascending: the first of all,
    /// and those that rules name as the oldest that they apply to or not.
    ///
    /// ```
    /// let container = callgate_formats::builtin("container")?;
    /// assert_eq!(container.kernels().into_iter().map(|k| k.to_string()).collect::<Vec<_>>(), ["0.0", "4.8"]);
    /// # Ok::<(), callgate_formats::Error>(())
    /// ```
    #[must_use]
    pub fn kernels(&self) -> BTreeSet<KernelVersion> {
        let filters = self.rules.iter().flat_map(|rule| [&rule.includes, &rule.excludes]);
        let named = filters.filter_map(|filter| filter.min_kernel).map(|kernel| kernel.0);
        std::iter::once(KernelVersion::new(0, 0)).chain(named).collect()
    }

    /// The policy of this profile for one machine, kernel and set of capabilities.
    ///
    /// # Errors
    /// [`Error::UnknownSyscall`], [`Error::Conflict`], [`Error::TooManyRules`], [`Error::MixedEndianness`], and
    /// [`Error::Policy`] where the options name an architecture twice.
    pub fn resolve(&self, options: &Options) -> Result<Resolved, Error> {
        let arches = self.arches(options)?;
        let mut lowering = self.select(options)?;
        let known = self.known_kernel(options.unknown);
        let mut builder = Policy::builder(options.foreign);
        let mut applies = false;
        for arch in arches {
            let default = self.default.on(options.native);
            let mut policy = lowering.arch(arch, default)?;
            let unknown = known.and_then(|(kernel, _)| baseline::unknown(arch, default, kernel));
            if let Some(unknown) = unknown {
                applies = true;
                policy.unknown(unknown);
            }
            builder = builder.arch(arch, policy);
        }
        let notices = known.filter(|_| applies).and_then(|(baseline, newest)| {
            newest.map(|newest| Notice::BaselineInferred { baseline, newest })
        });
        let warnings = self.warnings(&lowering.noted);
        Ok(Resolved {
            policy: builder.build()?,
            provenance: lowering.provenance.sorted(),
            flags: self.flags.clone(),
            listener_path: self.listener_path.clone(),
            listener_metadata: self.listener_metadata.clone(),
            warnings,
            notices: notices.into_iter().collect(),
        })
    }

    pub(crate) fn place(&self, path: &JsonPath) -> Place {
        path.locate(&self.document)
    }

    /// The architectures, the machine's own first.
    fn arches(&self, options: &Options) -> Result<Vec<Arch>, Error> {
        let arches = match &options.arches {
            Arches::Exactly(arches) => arches.clone(),
            Arches::FromProfile => self.arches_with(options.native),
        };
        if let Some(&first) = arches.first() {
            let other = arches.iter().copied().find(|arch| arch.endian() != first.endian());
            if let Some(second) = other {
                return Err(Error::MixedEndianness { first, second });
            }
        }
        Ok(arches)
    }

    /// The machine's own architecture, and those that the profile adds.
    fn arches_with(&self, native: Arch) -> Vec<Arch> {
        let entry = self.arch_map.iter().find(|entry| entry.architecture.0 == native);
        let mapped =
            entry.into_iter().flat_map(|entry| &entry.sub_architectures).map(|arch| arch.0);
        let mut seen = BTreeSet::new();
        std::iter::once(native)
            .chain(self.architectures.iter().copied())
            .chain(mapped)
            .filter(|&arch| seen.insert(arch))
            .collect()
    }

    /// Picks the rules that apply and looks their names up.
    fn select(&self, options: &Options) -> Result<Lowering<'_>, Error> {
        let at = Circumstances { caps: options.caps, arch: options.native, kernel: options.kernel };
        let applies = |rule: &Rule| rule.includes.all(at) && !rule.excludes.any(at);
        let (positions, rules): (Vec<usize>, Vec<&Rule>) =
            self.rules.iter().enumerate().filter(|(_, rule)| applies(rule)).unzip();
        let mut by_name = BTreeMap::<Name, Vec<usize>>::new();
        let mut noted = self.noted.clone();
        for (index, rule) in rules.iter().enumerate() {
            for (place, text) in rule.names.as_slice().iter().enumerate() {
                match Name::parse(text) {
                    Some(name) => by_name.entry(name).or_default().push(index),
                    None => noted.push(self.unknown_name(rule, place, text, options)?),
                }
            }
        }
        let semantics = options.args_semantics;
        let (native, given) = (options.native, BTreeSet::new());
        let provenance = self.provenance();
        let profile = self;
        Ok(Lowering {
            profile,
            native,
            semantics,
            positions,
            rules,
            by_name,
            noted,
            given,
            provenance,
        })
    }

    /// Where the rules and the default action stand.
    fn provenance(&self) -> Provenance {
        let origins = self.rules.iter().map(|rule| Origin::Text(rule.span)).collect();
        let mut provenance = Provenance::new(origins);
        provenance.default = self.default_span.map(Origin::Text);
        provenance
    }

    /// A name that no architecture has: an allowing rule is only narrower without it, a refusing one has a hole.
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
            // A file may hold hundreds of thousands: names near to them are searched for where they are shown.
            return Ok((path, WarningKind::UnknownSyscall { name, near: None }));
        }
        Err(Error::UnknownSyscall { place: self.place(&path), near: near_name(&name), name })
    }

    /// The kernel whose syscalls the profile's author knew, with the syscall that tells, where it was inferred.
    ///
    /// All rules count, also those for other machines: the author knew their syscalls too.
    fn known_kernel(&self, unknown: UnknownSyscalls) -> Option<(KernelVersion, Option<Name>)> {
        let names = self.rules.iter().flat_map(|rule| rule.names.as_slice());
        match unknown {
            UnknownSyscalls::Off => None,
            UnknownSyscalls::Baseline(kernel) => Some((kernel, None)),
            UnknownSyscalls::Infer => {
                let newest = baseline::newest(names.filter_map(|text| Name::parse(text)))?;
                Some((newest.0, Some(newest.1)))
            }
        }
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
