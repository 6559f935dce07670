//! From bytes to the types of a format: limits, errors with their place, and fields that the format lacks.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};

use crate::place::{JsonPath, Place};
use crate::suggest::nearest;
use crate::{Error, FILE_MAX, docker, oci};

/// The format of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// OCI's `linux.seccomp` alone.
    Oci,
    /// A whole OCI `config.json`.
    OciConfig,
    /// The file of Docker and Podman.
    Docker,
}

impl Form {
    /// The path of the profile inside the file.
    pub(crate) fn root(self) -> JsonPath {
        match self {
            Self::Oci | Self::Docker => JsonPath::default(),
            Self::OciConfig => JsonPath::default().key("linux").key("seccomp"),
        }
    }
}

/// A file as read: its text and form, the widest of the formats' types, and the fields that were skipped.
pub(crate) struct Document<'a> {
    pub(crate) text: &'a str,
    pub(crate) form: Form,
    pub(crate) seccomp: docker::Seccomp,
    pub(crate) skipped: Vec<JsonPath>,
}

/// Reads a profile in whatever form it is.
pub(crate) fn read<'a>(bytes: &'a [u8], origin: &str) -> Result<Document<'a>, Error> {
    if bytes.len() > FILE_MAX {
        return Err(Error::TooLong { origin: origin.to_owned() });
    }
    let text = utf8(bytes, origin)?;
    let form = form_of(text).map_err(|field| ambiguous(field, origin, text))?;
    let mut skipped = Vec::new();
    let seccomp = match form {
        Form::Oci => typed::<oci::Seccomp>(text, origin, &mut skipped)?.into(),
        Form::Docker => typed::<docker::Seccomp>(text, origin, &mut skipped)?,
        Form::OciConfig => typed::<oci::Config>(text, origin, &mut skipped)?
            .linux
            .and_then(|linux| linux.seccomp)
            .ok_or_else(|| Error::NoSeccomp { origin: origin.to_owned() })?
            .into(),
    };
    let inside = form.root().to_string();
    skipped.retain(|path| path.to_string().starts_with(&inside));
    match skipped.iter().find_map(|path| Some((path, misspelt(path)?))) {
        Some((path, near)) => Err(Error::Format {
            place: path.locate(origin, text),
            reason: format!("unknown field: did you mean `{near}`?"),
        }),
        None => Ok(Document { text, form, seccomp, skipped }),
    }
}

fn utf8<'a>(bytes: &'a [u8], origin: &str) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
        let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
        let column = before.len() - line_start + 1;
        let place = Place { origin: origin.to_owned(), path: String::new(), line, column };
        Error::Format { place, reason: "not UTF-8 text, so not JSON".to_owned() }
    })
}

/// Reads a type, noting the path of every field that it has no place for.
fn typed<T: DeserializeOwned>(
    text: &str,
    origin: &str,
    skipped: &mut Vec<JsonPath>,
) -> Result<T, Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut note = |path: serde_ignored::Path<'_>| {
        // Beyond this many, one more tells nobody anything, and each costs memory.
        let noted_max = 1000;
        if skipped.len() < noted_max {
            skipped.push(JsonPath::ignored(&path));
        }
    };
    let tracked = serde_ignored::Deserializer::new(&mut json, &mut note);
    let value = T::deserialize(tracked)
        .map_err(|error| format_error(origin, path_of_error::<T>(text), &error))?;
    json.end().map_err(|error| format_error(origin, String::new(), &error))?;
    Ok(value)
}

/// The path of the value at which reading a type fails. To keep track of it makes reading take a fifth longer, so
/// that is done where there is an error.
fn path_of_error<T: DeserializeOwned>(text: &str) -> String {
    let mut json = serde_json::Deserializer::from_str(text);
    let again = serde_path_to_error::deserialize::<_, T>(&mut json);
    let path = again.err().map(|error| error.path().to_string());
    path.filter(|path| path != ".").unwrap_or_default()
}

fn format_error(origin: &str, path: String, error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    let position = format!(" at line {line} column {column}");
    let reason = text.strip_suffix(&position).unwrap_or(&text).to_owned();
    Error::Format { place: Place { origin: origin.to_owned(), path, line, column }, reason }
}

/// The known field that a skipped one is probably meant to be.
///
/// Such a slip is an error, because a rule without its `args` or `excludes` lets more through than its author meant.
fn misspelt(path: &JsonPath) -> Option<&'static str> {
    let fields: &[&str] = match path.parent_key() {
        None | Some("seccomp") => &[
            "defaultAction",
            "defaultErrnoRet",
            "defaultErrno",
            "architectures",
            "archMap",
            "flags",
            "listenerPath",
            "listenerMetadata",
            "syscalls",
        ],
        Some("syscalls") => &[
            "name", "names", "action", "errnoRet", "errno", "args", "comment", "includes",
            "excludes",
        ],
        Some("args") => &["index", "value", "valueTwo", "op", "width"],
        Some("archMap") => &["architecture", "subArchitectures"],
        Some("includes" | "excludes") => &["caps", "arches", "minKernel"],
        Some(_) => return None,
    };
    let field = path.last_key()?;
    // A field of Docker's inside an OCI configuration is spelt right; it only has no meaning there.
    if fields.contains(&field) {
        return None;
    }
    nearest(field, fields.iter().copied())
}

/// Finds out which form a text has, without judging it. The error is the field that makes it two: one of a profile, beside
/// those of a configuration that holds a profile of its own.
fn form_of(text: &str) -> Result<Form, &'static str> {
    Ok(match serde_json::from_str::<Probe>(text) {
        Ok(probe) if probe.linux.0 || probe.oci_version.0 => match probe.own_field() {
            Some(field) => return Err(field),
            None => Form::OciConfig,
        },
        Ok(probe) if !probe.is_docker() => Form::Oci,
        // Docker's form holds every field of OCI's, so it is also right for texts that turn out to be wrong.
        _ => Form::Docker,
    })
}

fn ambiguous(field: &'static str, origin: &str, text: &str) -> Error {
    Error::Format {
        place: JsonPath::default().key(field).locate(origin, text),
        reason: "this is a profile's field, but the file is an OCI configuration, whose profile is `linux.seccomp`: \
                 remove one of the two"
            .to_owned(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    #[serde(default)]
    linux: Present,
    #[serde(default)]
    oci_version: Present,
    #[serde(default)]
    default_action: Present,
    #[serde(default)]
    architectures: Present,
    #[serde(default)]
    arch_map: Present,
    #[serde(default)]
    default_errno: Present,
    syscalls: Option<Vec<RuleProbe>>,
}

#[derive(Deserialize)]
struct RuleProbe {
    #[serde(default)]
    name: Present,
    #[serde(default)]
    errno: Present,
    #[serde(default)]
    comment: Present,
    #[serde(default)]
    includes: Present,
    #[serde(default)]
    excludes: Present,
}

/// Whether a field is there, be it `null`.
#[derive(Default)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

impl Probe {
    /// The first of the fields that only a profile has.
    fn own_field(&self) -> Option<&'static str> {
        let fields = [
            ("defaultAction", self.default_action.0),
            ("architectures", self.architectures.0),
            ("archMap", self.arch_map.0),
            ("syscalls", self.syscalls.is_some()),
        ];
        fields.into_iter().find_map(|(field, present)| present.then_some(field))
    }

    fn is_docker(&self) -> bool {
        self.arch_map.0
            || self.default_errno.0
            || self.syscalls.iter().flatten().any(RuleProbe::is_docker)
    }
}

impl RuleProbe {
    const fn is_docker(&self) -> bool {
        self.name.0 || self.errno.0 || self.comment.0 || self.includes.0 || self.excludes.0
    }
}
