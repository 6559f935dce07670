//! What a profile must keep to that is distributed as an artifact for Kubernetes (KEP-6061).
//!
//! An artifact is one file with OCI's `linux.seccomp` and nothing else, which the runtime
//! intersects with its own profile: nothing in it is left to an engine or an agent.
//!
//! References: Kubernetes enhancement proposal 6061 (June 2026); runtime-spec issue 1317.

use std::collections::BTreeMap;

use callgate_rules::{Code, Diagnostic};

use crate::read::Form;
use crate::{Action, ActionName, Place, Profile, WarningKind};

/// The largest size of an artifact in bytes.
pub const ARTIFACT_MAX: usize = 1 << 20;

/// The most rules that may name one syscall.
pub const ENTRIES_MAX: usize = 128;

impl Profile {
    /// In what the profile exceeds the limits of an artifact.
    ///
    /// ```
    /// use callgate_formats::Profile;
    ///
    /// let profile = br#"{"defaultAction": "SCMP_ACT_NOTIFY"}"#;
    /// let exceeded = Profile::parse(profile, "p.json")?.exceeds_artifact();
    /// assert!(exceeded[0].message.contains("SCMP_ACT_NOTIFY"));
    /// # Ok::<(), callgate_formats::Error>(())
    /// ```
    #[must_use]
    pub fn exceeds_artifact(&self) -> Vec<Diagnostic> {
        let mut exceeded = Vec::new();
        let root = || self.form().root();
        let length = self.source().text().len();
        if length > ARTIFACT_MAX {
            let message = format!("{length} bytes, and an artifact has at most {ARTIFACT_MAX}");
            exceeded.push(error("E0240", message, &self.place(&root())));
        }
        if self.form() != Form::Oci {
            let message = "an artifact is OCI's `linux.seccomp` alone: what depends on capabilities, machine or kernel \
                           has to be decided before (`callgate convert --to oci`)";
            exceeded.push(error("E0241", message, &self.place(&root())));
        }
        for (key, is_there) in self.listener_keys() {
            if is_there {
                let message = "an artifact has no listener";
                exceeded.push(error("E0242", message, &self.place(&root().key(key))));
            }
        }
        exceeded.extend(self.notifies());
        exceeded.extend(self.repeats());
        exceeded.extend(self.unread());
        exceeded
    }

    /// The actions that hand calls over.
    fn notifies(&self) -> impl Iterator<Item = Diagnostic> + '_ {
        let default = self.default_is_notify().then(|| self.form().root().key("defaultAction"));
        let native = callgate_syscalls::Arch::X86_64;
        let rules =
            self.rules().iter().filter(move |rule| rule.action.on(native) == Action::USER_NOTIFY);
        let rules = rules.map(|rule| rule.path.clone().key("action"));
        default.into_iter().chain(rules).map(|path| {
            let message =
                format!("{} is not for artifacts, which have no listener", ActionName::Notify);
            error("E0243", message, &self.place(&path))
        })
    }

    /// The first rule that names a syscall once too often, for each syscall.
    fn repeats(&self) -> Vec<Diagnostic> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut exceeded = Vec::new();
        for rule in self.rules() {
            for (index, name) in rule.names.as_slice().iter().enumerate() {
                let count = counts.entry(name).or_default();
                *count += 1;
                if *count == ENTRIES_MAX + 1 {
                    let message = format!(
                        "more than {ENTRIES_MAX} entries for {name}, which is what an artifact may have"
                    );
                    let place = self.place(&rule.names.path(&rule.path, index));
                    exceeded.push(error("E0244", message, &place));
                }
            }
        }
        exceeded
    }

    /// What runtimes do not read as it is written.
    fn unread(&self) -> impl Iterator<Item = Diagnostic> + '_ {
        let is_unread = |kind: &WarningKind| {
            matches!(
                kind,
                WarningKind::KeySpelling { .. }
                    | WarningKind::NumberAsText { .. }
                    | WarningKind::ArchSpelling { .. }
            )
        };
        let noted = self.noted().iter().filter(move |(_, kind)| is_unread(kind));
        noted.map(|(path, kind)| error("E0245", kind.to_string(), &self.place(path)))
    }
}

fn error(code: &'static str, message: impl Into<String>, place: &Place) -> Diagnostic {
    Diagnostic::error(Code::new(code), message).primary(place.span, place.path.clone())
}
