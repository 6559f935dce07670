//! Filters as what can be looked at for mistakes, and what is found in them.

mod class;
mod looked;
pub mod print;
pub mod sarif;

use callgate_bpf::Stack;
use callgate_formats::{Warning, WarningKind};
use callgate_lint::{Listener, Options, Report, Subject, Text, World};
use callgate_policy::Policy;
use callgate_rules::{Diagnostic, Provenance, Severity, Sources};
use callgate_syscalls::{Action, Arch, Endian, SeccompData};

use crate::args::group::ProfileArgs;
use crate::error::Error;
use crate::input::{self, Input, Source};
use crate::output::{self, DiagnosticJson};

pub use class::{Class, Format};
pub use looked::Looked;

/// A filter with all that is known about it.
#[derive(Debug)]
pub struct Material {
    filter: Filter,
    sources: Sources,
    provenance: Provenance,
    warnings: Vec<Warning>,
    remarks: Vec<Diagnostic>,
    listener: Listener,
    arches: Vec<Arch>,
    joined: bool,
}

#[derive(Debug)]
enum Filter {
    Policy(Box<Policy>),
    Stack(Stack),
}

impl Material {
    /// Reads a filter in whatever form it is.
    ///
    /// # Errors
    /// As [`input::read`] and [`input::Unresolved::resolve`].
    pub fn read(source: &Source, args: &ProfileArgs, arches: &[Arch]) -> Result<Self, Error> {
        Self::of(&input::read(source, args)?, args, arches)
    }

    /// What was read.
    ///
    /// # Errors
    /// As [`input::Unresolved::resolve`].
    pub fn of(input: &Input, args: &ProfileArgs, arches: &[Arch]) -> Result<Self, Error> {
        let stack = match input {
            Input::Profile(profile) => return Self::of_profile(profile, args, arches),
            Input::Program(program, _) => Stack::new([program.clone()]),
            Input::Process(stack) => stack.clone(),
        };
        Ok(Self {
            filter: Filter::Stack(stack),
            sources: Sources::new(),
            provenance: Provenance::default(),
            warnings: Vec::new(),
            remarks: Vec::new(),
            listener: Listener::Unknown,
            arches: arches.to_vec(),
            joined: false,
        })
    }

    fn of_profile(
        profile: &input::Unresolved,
        args: &ProfileArgs,
        arches: &[Arch],
    ) -> Result<Self, Error> {
        let resolved = profile.resolve_quietly(args, arches)?;
        let listener = match (profile.is_container_profile(), profile.asked().listener) {
            (_, Some(_)) => Listener::Named,
            (false, None) => Listener::Unknown,
            (true, None) => Listener::Missing,
        };
        Ok(Self {
            filter: Filter::Policy(Box::new(resolved.policy)),
            sources: profile.sources(),
            provenance: resolved.provenance,
            warnings: resolved.warnings,
            remarks: resolved.remarks,
            listener,
            arches: arches.to_vec(),
            joined: profile.is_joined(),
        })
    }

    /// The texts that the places are in.
    #[must_use]
    pub const fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Looks for what is wrong.
    ///
    /// # Errors
    /// [`Error::Prover`].
    pub fn lint(&self) -> Result<Report, Error> {
        callgate_lint::lint(&self.subject(), &self.options()).map_err(Error::Prover)
    }

    /// Looks for what is lacking with libraries, runtimes and kernels in given versions.
    ///
    /// # Errors
    /// [`Error::Prover`].
    pub fn against_world(&self, world: &World) -> Result<Report, Error> {
        callgate_lint::against_world(&self.subject(), &self.options(), world).map_err(Error::Prover)
    }

    /// What becomes of a call.
    fn decide(&self, call: &SeccompData) -> Action {
        match &self.filter {
            Filter::Policy(policy) => policy.decide(call),
            Filter::Stack(stack) => {
                // What belongs to no architecture is read as this machine would.
                let arch = Arch::of_call(call.arch, call.nr).or_else(Arch::native);
                stack.run(call, arch.map_or(Endian::native(), Arch::endian)).action
            }
        }
    }

    fn options(&self) -> Options {
        Options { arches: self.arches.clone() }
    }

    fn subject(&self) -> Subject<'_> {
        let mut subject = match &self.filter {
            Filter::Policy(policy) => Subject::policy(policy),
            Filter::Stack(stack) => Subject::stack(stack),
        };
        if matches!(self.filter, Filter::Policy(_)) {
            subject.text = Some(Text {
                provenance: &self.provenance,
                sources: &self.sources,
                joined: self.joined,
            });
        }
        subject.warnings = &self.warnings;
        subject.remarks = &self.remarks;
        subject.listener = self.listener;
        subject
    }
}

/// Findings as people read them.
pub fn rendered(report: &Report, sources: &Sources) -> String {
    let diagnostics: Vec<Diagnostic> =
        report.findings.iter().map(callgate_lint::Finding::diagnostic).collect();
    output::rendered(&diagnostics, sources)
}

/// How many findings there are of each severity, in words.
pub fn summary(report: &Report) -> String {
    let count = |severity: Severity, one: &str| {
        let count = report.findings.iter().filter(|found| found.severity == severity).count();
        match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{count} {one}s")),
        }
    };
    let kinds =
        [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")];
    let mut parts: Vec<String> =
        kinds.into_iter().filter_map(|(severity, one)| count(severity, one)).collect();
    if !report.allowed.is_empty() {
        parts.push(format!("{} allowed by the text", report.allowed.len()));
    }
    if parts.is_empty() { "nothing found".to_owned() } else { parts.join(", ") }
}

/// The most warnings that a command prints that was asked for something else.
const BRIEF_MAX: usize = 3;

/// Says what matters about a profile that is about to be used: what changes its meaning, in a line each, and where to
/// read the rest.
pub fn brief(warnings: &[Warning], name: &str, sources: &Sources) {
    if output::is_for_scripts() {
        let all: Vec<Diagnostic> = warnings.iter().map(Warning::diagnostic).collect();
        return output::remarks(&all, sources);
    }
    let (matter, rest): (Vec<_>, Vec<_>) = warnings.iter().partition(|warning| matters(warning));
    for warning in matter.iter().take(BRIEF_MAX) {
        output::warning(warning);
    }
    let left = rest.len() + matter.len().saturating_sub(BRIEF_MAX);
    if left > 0 {
        let what = if left == 1 { "finding" } else { "findings" };
        output::note(&format_args!("{left} more {what}: `callgate lint {name}` shows them"));
    }
}

/// Whether a warning is about what the filter does to the calls of programs.
const fn matters(warning: &Warning) -> bool {
    matches!(
        warning.kind,
        WarningKind::Readings { .. }
            | WarningKind::HighBits { .. }
            | WarningKind::Overruled { .. }
            | WarningKind::UnknownSyscall { .. }
            | WarningKind::UnknownField
            | WarningKind::NamesNothing
            | WarningKind::KeyCase
            | WarningKind::KeySpelling { .. }
            | WarningKind::NumberAsText { .. }
            | WarningKind::ArchSpelling { .. }
            | WarningKind::ArgumentUnused { .. }
            | WarningKind::ValueTwoMissing
    )
}

/// Findings as JSON has them: as everything that is wrong with a text, with the calls.
pub fn json(looked: &Looked) -> Vec<serde_json::Value> {
    let findings = looked.report.findings.iter();
    findings
        .map(|finding| {
            let diagnostic = finding.diagnostic();
            let shown = finding.shown.iter().map(|shown| {
                let args: Vec<String> =
                    shown.call.args.iter().map(|arg| format!("{arg:#x}")).collect();
                serde_json::json!({
                    "arch": Arch::of_call(shown.call.arch, shown.call.nr).map(Arch::name),
                    "nr": shown.call.nr.raw(),
                    "args": args,
                    "action": shown.action.to_string(),
                })
            });
            let names = finding.names.iter().map(|name| name.as_str());
            let mut value = serde_json::json!({
                "filter": looked.name,
                "syscalls": names.collect::<Vec<_>>(),
                "arches": finding.arches.iter().map(|arch| arch.name()).collect::<Vec<_>>(),
                "calls": shown.collect::<Vec<_>>(),
            });
            let more = serde_json::to_value(DiagnosticJson::new(&diagnostic, &looked.sources));
            if let (Some(value), Ok(serde_json::Value::Object(more))) =
                (value.as_object_mut(), more)
            {
                value.extend(more);
            }
            value
        })
        .collect()
}

/// Looks at filters; leaves out what a base has too, and what is allowed. A filter that cannot be looked at takes nothing
/// from the others.
///
/// # Errors
/// As [`Material::lint`], of the base.
pub fn look(
    filters: &[Source],
    base: Option<&Material>,
    allow: &[Class],
    read: impl Fn(&Source) -> Result<Material, Error>,
) -> Result<(Vec<Looked>, Vec<Error>), Error> {
    let base = base.map(|base| base.lint().map(|found| (base, found))).transpose()?;
    let look = |source: &Source| {
        let material = read(source)?;
        let mut report = material.lint()?;
        if let Some((base, found)) = &base {
            report = report.against(found, |call| base.decide(call));
        }
        report.findings.retain(|finding| !allow.iter().any(|class| class.has(finding)));
        let sources = material.sources().clone();
        Ok(Looked { name: source.to_string(), sources, report })
    };
    let (mut looked, mut failed) = (Vec::new(), Vec::new());
    for source in filters {
        match look(source) {
            Ok(one) => looked.push(one),
            Err(error) => failed.push(error),
        }
    }
    Ok((looked, failed))
}

/// Whether anything was found that is an error, or of these classes.
#[must_use]
pub fn is_found(looked: &[Looked], deny: &[Class]) -> bool {
    let mut all = looked.iter().flat_map(|looked| &looked.report.findings);
    all.any(|found| found.severity == Severity::Error || deny.iter().any(|class| class.has(found)))
}
