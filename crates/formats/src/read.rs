//! Finds out which form a file has, and reads it.

use callgate_rules::{Span, nearest};

use crate::json::{Document, Fault, Node, Object, is_spelling_of};
use crate::place::JsonPath;
use crate::{Error, WarningKind, docker, typed};

/// The format of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// A file as read: its form, the widest of the formats' types, and the fields that were skipped.
pub(crate) struct Content {
    pub(crate) form: Form,
    pub(crate) seccomp: docker::Seccomp,
    /// The place of the default action.
    pub(crate) default: Option<Span>,
    /// The places of the rules, in their order.
    pub(crate) rules: Vec<Span>,
    /// What was skipped, or read though it is not written as the format has it.
    pub(crate) noted: Vec<(JsonPath, WarningKind)>,
}

/// Reads a profile in whatever form it is.
pub(crate) fn content(document: &Document) -> Result<Content, Error> {
    let placed = |fault: Fault| document.placed(fault);
    let form = form_of(document.root()).map_err(placed)?;
    let mut unknown = Unknown::default();
    let root = match form {
        Form::Oci | Form::Docker => document.root(),
        Form::OciConfig => match seccomp_of(document.root()).map_err(placed)? {
            Some(seccomp) => seccomp,
            None => return Err(Error::NoSeccomp { origin: document.source().name().to_owned() }),
        },
    };
    let seccomp = typed::seccomp(root, form, &mut unknown).map_err(placed)?;
    let path = |(node, kind)| (document.json_path(node), kind);
    let noted = unknown.noted.into_iter().map(path).collect();
    let span = |node: Node<'_>| document.source().span(document.written(node.span()));
    let rules = root.field("syscalls").into_iter().flat_map(Node::elements).map(span).collect();
    let default = root.field("defaultAction").map(span);
    Ok(Content { form, seccomp, default, rules, noted })
}

/// The profile in an OCI configuration.
fn seccomp_of(config: Node<'_>) -> Result<Option<Node<'_>>, Fault> {
    let mut config = config.object("an OCI runtime configuration object")?;
    let Some(linux) = config.take_value("linux") else { return Ok(None) };
    Ok(linux.object("an object")?.take_value("seccomp"))
}

/// What is remarkable about the values of a file, in the order in which it was found.
#[derive(Default)]
pub(crate) struct Unknown<'d> {
    noted: Vec<(Node<'d>, WarningKind)>,
}

/// Beyond this many, one more tells nobody anything, and each costs memory.
const NOTED_MAX: usize = 1000;

impl<'d> Unknown<'d> {
    /// Notes a value that was read though the format has it in another way.
    pub(crate) fn remark(&mut self, node: Node<'d>, kind: WarningKind) {
        if self.noted.len() < NOTED_MAX {
            self.noted.push((node, kind));
        }
    }

    /// Notes what is left of an object whose known fields were all taken out.
    ///
    /// A field that looks like a slip of a known one is an error, because a rule without its `args`
    /// or `excludes` lets more through than its author meant.
    pub(crate) fn note(
        &mut self,
        object: &Object<'d>,
        known: &'static [&'static str],
    ) -> Result<(), Fault> {
        for (key, node) in object.unknown() {
            // A field of Docker's inside an OCI configuration is spelt right; it only has no
            // meaning there.
            let near = nearest(key, known.iter().copied()).filter(|_| !known.contains(&key));
            if let Some(near) = near {
                return Err(node.misspelt_key(near));
            }
            self.remark(node, WarningKind::UnknownField);
        }
        for node in object.folded() {
            let written = node.key().as_text().unwrap_or_default();
            let known = known.iter().find(|known| is_spelling_of(&written, known));
            let kind = match known {
                Some(known) if !known.eq_ignore_ascii_case(&written) => {
                    WarningKind::KeySpelling { known }
                }
                _ => WarningKind::KeyCase,
            };
            self.remark(*node, kind);
        }
        Ok(())
    }
}

/// Finds out which form a text has, without judging it. An error is a file that is two: a
/// configuration that holds a profile, and a profile itself.
fn form_of(root: Node<'_>) -> Result<Form, Fault> {
    let has = |node: Node<'_>, keys: &[&str]| keys.iter().any(|key| node.field(key).is_some());
    if has(root, &["linux", "ociVersion"]) {
        let own = ["defaultAction", "architectures", "archMap", "syscalls"];
        return match own.iter().find_map(|key| root.field(key)) {
            None => Ok(Form::OciConfig),
            Some(own) => Err(own.key().fault(
                "this is a profile's field, but the file is an OCI configuration, whose profile is `linux.seccomp`: \
                 remove one of the two",
            )),
        };
    }
    let is_dockers =
        |rule: Node<'_>| has(rule, &["name", "errno", "comment", "includes", "excludes"]);
    let mut rules = root.field("syscalls").into_iter().flat_map(Node::elements);
    if has(root, &["archMap", "defaultErrno"]) || rules.any(is_dockers) {
        return Ok(Form::Docker);
    }
    Ok(Form::Oci)
}
