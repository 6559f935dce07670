//! A filter in whatever form, as the command reads it.

use callgate_bpf::Stack;
use callgate_dialects::{Dialect, detect, spo};
use callgate_formats::Profile;
use callgate_gate::Refused;
use callgate_lint::Listener;
use callgate_policy::Policy;
use callgate_prover::{Options, Prover};
use callgate_rules::{Diagnostic, Provenance, Source, Sources, Target};
use callgate_syscalls::Arch;

use crate::settings::Settings;

/// A filter that was read.
pub(crate) struct Filter {
    /// What form it had, in the place of a noun.
    pub(crate) form: String,
    /// What it means, or why no policy means the same as its programs.
    pub(crate) policy: Result<Policy, String>,
    /// The programs, where it is no policy but these.
    pub(crate) stack: Option<Stack>,
    pub(crate) provenance: Option<Provenance>,
    pub(crate) sources: Sources,
    pub(crate) warnings: Vec<callgate_formats::Warning>,
    /// What was remarkable when it was read.
    pub(crate) notes: Vec<Diagnostic>,
    /// The tests that stand in it.
    pub(crate) tests: Vec<callgate_gate::Test>,
    pub(crate) listener: Listener,
    pub(crate) joined: bool,
}

/// Why a text is no filter: what is wrong, with the texts that the places are in, or a sentence.
pub(crate) enum Failure {
    Text(Refused),
    Said(String),
}

/// Reads a filter.
pub(crate) fn read(bytes: &[u8], name: &str, settings: &Settings) -> Result<Filter, Failure> {
    if callgate_dumps::recognise(bytes).is_some() {
        return program(bytes, name);
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    match detect(text).as_slice() {
        [Dialect::Gate] => gate(source(bytes, name)?, settings),
        [Dialect::Docker | Dialect::Oci] => {
            json_profile(source(bytes, name)?, settings).or_else(|error| {
                // An array or object of a program begins like a profile.
                program(bytes, name).map_err(|_| error)
            })
        }
        [Dialect::Spo] => {
            let mut none = |base: &str| {
                Err(format!("this profile builds on `{base}`, and there are no files here"))
            };
            let source = source(bytes, name)?;
            let document = spo::profile(&source, &mut none).map_err(refused)?;
            profile(Profile::of_document(document), source, settings)
        }
        [dialect] => foreign(*dialect, source(bytes, name)?, settings),
        [] => program(bytes, name),
        several => {
            let titles: Vec<&str> = several.iter().map(|dialect| dialect.title()).collect();
            Err(Failure::Said(format!("this may be {}", titles.join(" or "))))
        }
    }
}

fn source(bytes: &[u8], name: &str) -> Result<Source, Failure> {
    Source::from_bytes(name, bytes.to_vec()).map_err(|error| Failure::Said(error.to_string()))
}

fn refused(refused: callgate_dialects::Refused) -> Failure {
    let callgate_dialects::Refused { sources, diagnostics } = refused;
    Failure::Text(Refused { sources, diagnostics })
}

fn target(settings: &Settings) -> Target {
    Target { kernel: Some(settings.kernel()), ..Target::new(settings.arch()) }
}

fn gate(source: Source, settings: &Settings) -> Result<Filter, Failure> {
    let mut load = callgate_gate::nothing;
    let written = callgate_gate::read(source, &mut load).map_err(Failure::Text)?;
    let lowered = written.lower(&target(settings)).map_err(Failure::Text)?;
    Ok(Filter {
        notes: lowered.warnings,
        tests: written.tests,
        ..Filter::of(Dialect::Gate.title(), lowered.policy, lowered.provenance, written.sources)
    })
}

fn foreign(dialect: Dialect, source: Source, settings: &Settings) -> Result<Filter, Failure> {
    let mut load = callgate_dialects::nothing;
    let options = callgate_dialects::Options::default();
    let written = callgate_dialects::read(dialect, options, source, &mut load).map_err(refused)?;
    let thread = Some(settings.thread.as_str()).filter(|thread| !thread.is_empty());
    let part = written.part(thread.or_else(|| first(&written))).map_err(|names| {
        Failure::Said(format!(
            "no thread is called {:?}; there are: {}",
            settings.thread,
            names.join(", ")
        ))
    })?;
    let name = part.name.clone();
    let lowered = written.lower(part, &target(settings)).map_err(refused)?;
    let form = match written.parts.len() {
        1 => dialect.title().to_owned(),
        _ => format!("{}, thread {name}", dialect.title()),
    };
    Ok(Filter {
        notes: written.warnings.clone(),
        joined: true,
        ..Filter::of(form, lowered.policy, lowered.provenance, written.sources.clone())
    })
}

/// The first of several threads.
fn first(written: &callgate_dialects::Written) -> Option<&str> {
    match written.parts.as_slice() {
        [first, _, ..] => Some(&first.name),
        _ => None,
    }
}

fn json_profile(source: Source, settings: &Settings) -> Result<Filter, Failure> {
    profile(Profile::read(source.clone()), source, settings)
}

fn profile(
    read: Result<Profile, callgate_formats::Error>,
    source: Source,
    settings: &Settings,
) -> Result<Filter, Failure> {
    let failed = |error: callgate_formats::Error| match error.place() {
        None => Failure::Said(error.to_string()),
        Some(_) => Failure::Text(Refused {
            sources: source.clone().into(),
            diagnostics: vec![error.diagnostic()],
        }),
    };
    let profile = read.map_err(failed)?;
    let mut options = callgate_formats::Options::new(settings.arch(), settings.kernel());
    options.reading = settings.reading.parse().ok();
    let resolved = profile.resolve(&options).map_err(failed)?;
    let listener = match resolved.listener_path {
        Some(_) => Listener::Named,
        None => Listener::Missing,
    };
    let sources = profile.source().clone().into();
    Ok(Filter {
        warnings: resolved.warnings,
        listener,
        ..Filter::of("a container profile", resolved.policy, resolved.provenance, sources)
    })
}

fn program(bytes: &[u8], name: &str) -> Result<Filter, Failure> {
    let said = |reason: &dyn std::fmt::Display| Failure::Said(format!("{name}: {reason}"));
    let options = callgate_dumps::Options { arch: Some(Arch::X86_64), ..Default::default() };
    let dump = callgate_dumps::read(bytes, &options).map_err(|error| said(&error))?;
    let program = dump.checked.map_err(|refused| said(&refused.reason))?;
    let form = format!("a program of {} instructions: {}", program.len(), dump.form.description());
    let stack = Stack::new([program]);
    let mut prover = Prover::new(Options::default());
    let meaning = prover.stack(&stack).map_err(|error| said(&error))?;
    let policy = prover.to_policy(&meaning).map_err(|error| error.to_string());
    Ok(Filter { stack: Some(stack), ..Filter::meaning(form, policy, None, Sources::new()) })
}

impl Filter {
    fn of(
        form: impl Into<String>,
        policy: Policy,
        provenance: Provenance,
        sources: Sources,
    ) -> Self {
        Self::meaning(form, Ok(policy), Some(provenance), sources)
    }

    fn meaning(
        form: impl Into<String>,
        policy: Result<Policy, String>,
        provenance: Option<Provenance>,
        sources: Sources,
    ) -> Self {
        Self {
            form: form.into(),
            policy,
            stack: None,
            provenance,
            sources,
            warnings: Vec::new(),
            notes: Vec::new(),
            tests: Vec::new(),
            listener: Listener::Unknown,
            joined: false,
        }
    }
}
