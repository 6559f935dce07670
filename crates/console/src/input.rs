//! Reading filters: from files, standard input, processes and callgate itself, in any form.

mod base;
mod code;
mod dialect;
pub mod door;
mod dump;
pub mod gate;
pub(crate) mod seen;
mod source;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::string::FromUtf8Error;

use callgate::FilterStack;
use callgate_bpf::{Program, Stack};
use callgate_convert::Asked;
use callgate_dialects::Dialect;
use callgate_formats::{Notice, Profile, Warning};
use callgate_gate::{Lowered, Refused, Written};
use callgate_observe::filters_of;
use callgate_policy::Policy;
use callgate_rules::{Diagnostic, Provenance, Sources, Span};
use callgate_syscalls::{Action, Arch, Endian};

use crate::args::group::ProfileArgs;
use crate::error::Error;
use crate::findings;
use crate::output;

use code::Code;
use dialect::Foreign;
use door::Wanted;

pub use source::{Source, parser, tid};

/// The longest input in bytes. The longest program has 32 kB, the longest profile 4 MiB.
const INPUT_MAX: u64 = 8 << 20;

/// A filter as it came in.
#[derive(Debug)]
pub enum Input {
    /// A container profile, not yet for any machine.
    Profile(Box<Unresolved>),
    /// A program, and the byte order of the machines it is for.
    Program(Program, Endian),
    /// The filters of a process, the oldest first.
    Process(Stack),
}

/// A profile or policy, not yet for any machine.
#[derive(Debug)]
pub struct Unresolved {
    text: Text,
    embedded: bool,
}

#[derive(Debug)]
enum Text {
    Profile(Profile),
    Gate(Written),
    Dialect(Foreign),
    Code(Code),
}

/// A profile or policy for a machine.
#[derive(Debug)]
pub struct Resolved {
    /// What happens to each call.
    pub policy: Policy,
    /// Which written rule each of the policy's comes from.
    pub provenance: Provenance,
    /// What is legal in a container profile but hardly meant.
    pub warnings: Vec<Warning>,
    /// What the reader of any other form finds remarkable about the text.
    pub remarks: Vec<Diagnostic>,
    notices: Vec<Notice>,
}

/// Something that has a meaning.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A resolved profile.
    Policy(Policy),
    /// One program or several.
    Stack(Stack),
}

/// Reads the bytes of a source.
///
/// # Errors
/// [`Error::Read`], [`Error::TooLarge`], [`Error::Empty`]; [`Error::Usage`] for a process, which has no bytes.
pub fn bytes(source: &Source) -> Result<Vec<u8>, Error> {
    let what = || source.to_string();
    let bytes = match source {
        Source::Stdin => limited(io::stdin().lock()),
        Source::Formed(_, path) if path.as_os_str() == "-" => limited(io::stdin().lock()),
        Source::File(path) | Source::Formed(_, path) | Source::Part(path, _) => {
            File::open(path).inspect(seen::remember).and_then(limited)
        }
        Source::Builtin(builtin) => Ok(builtin.text.as_bytes().to_vec()),
        Source::Process(tid) => {
            let message = format!("a file is wanted here, and pid:{tid} is a process");
            return Err(Error::Usage(message));
        }
    };
    let bytes = bytes.map_err(|reason| unread(source, reason))?;
    match bytes.len() {
        // Of some forms that is a policy without rules.
        0 if !matches!(source, Source::Formed(..)) => Err(Error::Empty { what: what() }),
        len if len as u64 > INPUT_MAX => {
            let is_log = door::is_log(&String::from_utf8_lossy(&bytes));
            Err(Error::TooLarge { what: what(), limit: INPUT_MAX, is_log })
        }
        _ => Ok(bytes),
    }
}

/// A file that is not there may be an embedded profile whose name was misspelt.
fn unread(source: &Source, reason: io::Error) -> Error {
    let what = source.to_string();
    if reason.kind() == io::ErrorKind::NotFound && !what.contains(['/', '.']) {
        let names = callgate_gate::builtins().iter().map(|builtin| builtin.name);
        if let Some(near) = callgate_rules::nearest(&what, names) {
            return Error::Usage(format!(
                "cannot read {what}: {reason}; did you mean the embedded profile `{near}`?"
            ));
        }
    }
    Error::Read { what, reason }
}

fn limited(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(INPUT_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a filter in whatever form it is.
///
/// # Errors
/// As [`bytes`]; [`Error::Kernel`] for a process; the reason why the content is no filter.
pub fn read(source: &Source, args: &ProfileArgs) -> Result<Input, Error> {
    if let Source::Process(tid) = source {
        let filters = filters_of(*tid).map_err(Error::Kernel)?;
        if filters.is_empty() {
            return Err(Error::NoFilters { tid: *tid });
        }
        let programs: Vec<Program> = filters.into_iter().map(|filter| filter.program).collect();
        return Ok(Input::Process(Stack::new(programs)));
    }
    let source = &args.formed(source);
    let bytes = bytes(source)?;
    let program = |bytes: &[u8]| {
        let (program, endian) = dump::program(bytes, source, args.form())?;
        Ok(Input::Program(program, endian))
    };
    let read = match args.form() {
        None if is_policy(&bytes, source)? => {
            profile_of(&bytes, source, args).map(|profile| Input::Profile(Box::new(profile)))
        }
        _ => program(&bytes),
    };
    read.map_err(|error| door::named(error, &bytes, source, Wanted::Filter))
}

/// Reads a profile and nothing else.
///
/// # Errors
/// As [`bytes`]; [`Error::Profile`].
pub fn profile(source: &Source, args: &ProfileArgs) -> Result<Unresolved, Error> {
    let source = &args.formed(source);
    let bytes = bytes(source)?;
    match is_policy(&bytes, source)? {
        true => profile_of(&bytes, source, args),
        false => Err(dialect::no_policy(&bytes, source)),
    }
    .map_err(|error| door::named(error, &bytes, source, Wanted::Filter))
}

/// Whether the content is a policy in any form, by what it looks like or is said to be.
fn is_policy(bytes: &[u8], source: &Source) -> Result<bool, Error> {
    if code::of(bytes, source).is_some() {
        return Ok(true);
    }
    let form = callgate_dumps::recognise(bytes);
    if let Some(form) = form.filter(|_| !matches!(source, Source::Formed(..))) {
        return Ok(form == callgate_dumps::Form::Raw && gate::is_spoilt(bytes, source));
    }
    Ok(matches!(source, Source::Formed(..))
        || dialect::of(bytes, source)?.is_some()
        || looks_like_profile(bytes)
        || gate::is_gate(bytes, source))
}

impl Unresolved {
    /// Resolves the profile for these architectures, and warns of what is odd about it. What callgate itself comes
    /// with was looked at, and its users cannot change it.
    ///
    /// # Errors
    /// [`Error::Profile`], and as [`ProfileArgs::options`].
    pub fn resolve(&self, args: &ProfileArgs, arches: &[Arch]) -> Result<Resolved, Error> {
        match &self.text {
            Text::Gate(written) if !args.quiet && !self.embedded => {
                return Ok(gate::lowered(written, args, arches)?.into());
            }
            Text::Dialect(foreign) if !args.quiet => {
                return Ok(foreign.lowered(args, arches)?.into());
            }
            Text::Profile(_) | Text::Gate(_) | Text::Dialect(_) | Text::Code(_) => {}
        }
        let mut resolved = self.resolve_quietly(args, arches)?;
        if args.quiet {
            resolved.notices.clear();
        } else {
            findings::brief(&resolved.warnings, &self.name(), &self.sources());
        }
        Ok(resolved)
    }

    /// Says what a language finds remarkable about its text; what is odd about container profiles
    /// has findings of its own.
    ///
    /// # Errors
    /// As [`Unresolved::resolve`].
    pub fn remark(&self, args: &ProfileArgs, arches: &[Arch]) -> Result<(), Error> {
        match &self.text {
            Text::Profile(_) | Text::Code(_) => Ok(()),
            Text::Gate(_) if self.embedded => Ok(()),
            Text::Gate(written) => gate::lowered(written, args, arches).map(drop),
            Text::Dialect(foreign) => foreign.lowered(args, arches).map(drop),
        }
    }

    /// The version of systemd whose sets a unit is read with, where it names any and none was asked for.
    #[must_use]
    pub fn assumed_sets(&self, args: &ProfileArgs) -> Option<&'static str> {
        match &self.text {
            Text::Dialect(foreign) => foreign.assumed_sets(args),
            Text::Profile(_) | Text::Gate(_) | Text::Code(_) => None,
        }
    }

    /// As [`Unresolved::resolve`], without warnings.
    ///
    /// # Errors
    /// As [`Unresolved::resolve`].
    pub fn resolve_quietly(&self, args: &ProfileArgs, arches: &[Arch]) -> Result<Resolved, Error> {
        match &self.text {
            Text::Profile(profile) => {
                let resolved = profile.resolve(&args.options(arches)?);
                Ok(resolved.map_err(|error| refused(error, profile.source()))?.into())
            }
            Text::Gate(written) => {
                let target = gate::target(args, arches)?;
                let mut resolved: Resolved = written.lower(&target).map_err(Error::text)?.into();
                if self.embedded {
                    resolved.remarks.clear();
                }
                Ok(resolved)
            }
            Text::Dialect(foreign) => Ok(foreign.lowered_quietly(args, arches)?.into()),
            Text::Code(code) => Ok(code.lowered(arches)?.into()),
        }
    }

    /// What it asks for beside its rules, when it is loaded.
    #[must_use]
    pub fn asked(&self) -> Asked {
        match &self.text {
            Text::Profile(profile) => Asked::of_profile(profile),
            Text::Gate(written) => Asked::of_policy(written),
            Text::Dialect(_) | Text::Code(_) => Asked::default(),
        }
    }

    /// The container profile that it is.
    #[must_use]
    pub const fn container_profile(&self) -> Option<&Profile> {
        match &self.text {
            Text::Profile(profile) => Some(profile),
            Text::Gate(_) | Text::Dialect(_) | Text::Code(_) => None,
        }
    }

    /// The policy of the language that it is.
    #[must_use]
    pub const fn written(&self) -> Option<&Written> {
        match &self.text {
            Text::Gate(written) => Some(written),
            Text::Profile(_) | Text::Dialect(_) | Text::Code(_) => None,
        }
    }

    /// Whether it is a container profile, which names who answers the calls that it hands over.
    #[must_use]
    pub const fn is_container_profile(&self) -> bool {
        matches!(self.text, Text::Profile(_))
    }

    /// Whether the text may hold several filters, which were joined into one.
    #[must_use]
    pub const fn is_joined(&self) -> bool {
        matches!(self.text, Text::Dialect(_))
    }

    /// What messages call it.
    fn name(&self) -> String {
        let name = self.sources().iter().next().map(|source| source.name().to_owned());
        name.unwrap_or_default()
    }

    /// `FILE:LINE:COLUMN` of a place in what was read.
    pub fn place(&self, span: Span) -> Option<String> {
        match &self.text {
            Text::Profile(profile) => Some(profile.source().place(span)),
            Text::Gate(written) => written.sources.place(span),
            Text::Dialect(foreign) => foreign.sources().place(span),
            Text::Code(code) => code.sources().place(span),
        }
    }

    /// What was read, for who explains a decision.
    #[must_use]
    pub fn sources(&self) -> Sources {
        match &self.text {
            Text::Profile(profile) => profile.source().clone().into(),
            Text::Gate(written) => written.sources.clone(),
            Text::Dialect(foreign) => foreign.sources().clone(),
            Text::Code(code) => code.sources().clone(),
        }
    }

    /// Says what was decided because the profile does not say it.
    pub fn explain(&self, resolved: &Resolved) {
        let mut largest_of = Vec::new();
        for notice in &resolved.notices {
            match notice {
                Notice::NumbersInferred { arch, largest } => {
                    largest_of.push(format!("{largest} on {arch}"));
                }
                other => output::note(other),
            }
        }
        if !largest_of.is_empty() {
            output::note(&format_args!(
                "numbers above the largest that the profile names ({}) fail with ENOSYS, as runc has it",
                largest_of.join(", ")
            ));
        }
    }

    /// The other machine as on which the profile has to be read, so that it is for an architecture; none where it
    /// is for that already.
    ///
    /// # Errors
    /// As [`Unresolved::resolve`].
    pub fn elsewhere(&self, args: &ProfileArgs, arch: Arch) -> Result<Option<Elsewhere>, Error> {
        Ok(match self.covers(args, arch)? {
            Covers::Yes => None,
            Covers::No(here) => Some(Elsewhere { filter: self.name(), arch, here }),
        })
    }

    /// Whether the profile, read for this machine, is for that architecture too.
    fn covers(&self, args: &ProfileArgs, arch: Arch) -> Result<Covers, Error> {
        if Arch::native().is_none() {
            return Ok(Covers::No(None));
        }
        let policy = match &self.text {
            Text::Profile(profile) => {
                let resolved = profile.resolve(&args.options(&[])?);
                resolved.map_err(|error| refused(error, profile.source()))?.policy
            }
            // Whoever asks goes on to lower it, and is told what is odd about it then.
            // A policy that names its architectures means what it says about all others, too.
            Text::Gate(written) if !written.rules.header.arches.is_empty() => {
                return Ok(Covers::Yes);
            }
            Text::Gate(written) => {
                let target = gate::target(args, &[])?;
                written.lower_unchecked(&target).map_err(Error::text)?.policy
            }
            Text::Dialect(foreign) => foreign.lowered_quietly(args, &[])?.policy,
            Text::Code(code) if code.covers(arch) => return Ok(Covers::Yes),
            Text::Code(_) => return Ok(Covers::No(None)),
        };
        Ok(match policy.arch(arch) {
            Some(_) => Covers::Yes,
            None => Covers::No(Some(policy.foreign())),
        })
    }
}

/// Another machine, as on which a profile is read that is not for an architecture here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Elsewhere {
    /// The profile.
    pub filter: String,
    /// The architecture.
    pub arch: Arch,
    /// What calls of the architecture get on this machine, where that is known.
    pub here: Option<Action>,
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not for {} on this machine", self.filter, self.arch)?;
        match self.here {
            Some(action) => write!(f, ", where its calls get {action}"),
            None => Ok(()),
        }
    }
}

/// Whether a profile is for an architecture.
enum Covers {
    Yes,
    /// With what calls of the architecture get, where that is known.
    No(Option<Action>),
}

impl From<Lowered> for Resolved {
    fn from(lowered: Lowered) -> Self {
        let Lowered { policy, provenance, warnings: remarks } = lowered;
        Self { policy, provenance, warnings: Vec::new(), remarks, notices: Vec::new() }
    }
}

impl From<callgate_formats::Resolved> for Resolved {
    fn from(resolved: callgate_formats::Resolved) -> Self {
        Self {
            policy: resolved.policy,
            provenance: resolved.provenance,
            warnings: resolved.warnings,
            remarks: Vec::new(),
            notices: resolved.notices,
        }
    }
}

impl Input {
    /// What this means, profiles resolved for these architectures.
    ///
    /// # Errors
    /// As [`Unresolved::resolve`].
    pub fn subject(self, args: &ProfileArgs, arches: &[Arch]) -> Result<Subject, Error> {
        Ok(match self {
            Self::Profile(profile) => Subject::Policy(profile.resolve(args, arches)?.policy),
            Self::Program(program, _) => Subject::Stack(Stack::new([program])),
            Self::Process(stack) => Subject::Stack(stack),
        })
    }
}

impl Subject {
    /// The programs; a policy is compiled and proved.
    ///
    /// # Errors
    /// [`Error::Filter`].
    pub fn into_stack(self) -> Result<Stack, Error> {
        match self {
            Self::Policy(policy) => {
                let filters = FilterStack::from_policy(policy).map_err(Error::from)?;
                Ok(filters.stack().clone())
            }
            Self::Stack(stack) => Ok(stack),
        }
    }
}

/// Whether the content can only be meant as the JSON of a profile. Comments may stand before it.
fn looks_like_profile(bytes: &[u8]) -> bool {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let mut text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    loop {
        text = text.trim_ascii_start();
        let end: &[u8] = match text {
            [b'{' | b'[', ..] => return !dump::begins_program(text),
            [b'/', b'/', ..] => b"\n",
            [b'/', b'*', ..] => b"*/",
            _ => return false,
        };
        let inside = &text[2..];
        let Some(at) = inside.windows(end.len()).position(|bytes| bytes == end) else {
            return false;
        };
        text = &inside[at + end.len()..];
    }
}

fn profile_of(bytes: &[u8], source: &Source, args: &ProfileArgs) -> Result<Unresolved, Error> {
    if let Some(code) = code::of(bytes, source) {
        let text = Text::Code(Code::read(code, bytes.to_vec(), source)?);
        return Ok(Unresolved { text, embedded: false });
    }
    let dialect = dialect::of(bytes, source)?;
    let bytes = bytes.to_vec();
    if dialect == Some(Dialect::Spo) {
        let profile = base::profile(&bytes, source, args.base())?;
        return Ok(Unresolved { text: Text::Profile(profile), embedded: false });
    }
    if let Some(dialect) = dialect {
        let text = Text::Dialect(Foreign::read(dialect, bytes, source)?);
        return Ok(Unresolved { text, embedded: false });
    }
    let text = match gate::is_gate(&bytes, source) {
        true => Text::Gate(gate::written(bytes, source)?),
        false => {
            let text = callgate_rules::Source::from_bytes(source.to_string(), bytes);
            let text = text.map_err(|error| Error::from(callgate_formats::Error::from(error)))?;
            let profile = Profile::read(text.clone());
            Text::Profile(profile.map_err(|error| refused(error, &text))?)
        }
    };
    Ok(Unresolved { text, embedded: matches!(source, Source::Builtin(_)) })
}

/// The error of a profile, with the text where it has a place in it.
fn refused(error: callgate_formats::Error, text: &callgate_rules::Source) -> Error {
    match error.place() {
        None => error.into(),
        Some(_) => Error::text(Refused {
            sources: text.clone().into(),
            diagnostics: vec![error.diagnostic()],
        }),
    }
}

/// Reads text, of which the command wants something.
///
/// # Errors
/// As [`text`]; [`Error::Usage`] for bytes that are something else.
pub fn text_of(source: &Source, wanted: Wanted) -> Result<String, Error> {
    let bytes = bytes(source)?;
    String::from_utf8(bytes).map_err(|error| {
        let invalid = not_text(source, &error);
        door::named(invalid, error.as_bytes(), source, wanted)
    })
}

fn not_text(source: &Source, error: &FromUtf8Error) -> Error {
    let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let last = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let column = String::from_utf8_lossy(last).chars().count() + 1;
    let reason = format!("not UTF-8 text at line {line}, column {column}");
    let reason = io::Error::new(io::ErrorKind::InvalidData, reason);
    Error::Read { what: source.to_string(), reason }
}

/// Reads text.
///
/// # Errors
/// As [`bytes`]; [`Error::Read`] for what is not UTF-8.
pub fn text(source: &Source) -> Result<String, Error> {
    String::from_utf8(bytes(source)?).map_err(|error| not_text(source, &error))
}

/// Refuses to read standard input twice.
///
/// # Errors
/// [`Error::Usage`].
pub fn stdin_once(sources: &[&Source]) -> Result<(), Error> {
    let is_stdin = |source: &&&Source| match source {
        Source::Stdin => true,
        Source::Formed(_, path) => path.as_os_str() == "-",
        Source::File(_) | Source::Part(..) | Source::Builtin(_) | Source::Process(_) => false,
    };
    match sources.iter().filter(is_stdin).count() {
        0 | 1 => Ok(()),
        _ => Err(Error::Usage("standard input (-) can be read only once".to_owned())),
    }
}
