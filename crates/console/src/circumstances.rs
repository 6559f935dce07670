//! What filters depend on beside the call: the machine, the kernel, capabilities.

use callgate_convert::Open;
use callgate_gate::Written;
use callgate_rules::CapSet;
use callgate_syscalls::Arch;
use serde::Serialize;

use crate::args::group::ProfileArgs;
use crate::error::Error;
use crate::input::{Input, Unresolved};
use crate::output;

/// The filter that may depend on circumstances; none where they are given.
#[must_use]
pub fn left_open<'a>(text: &'a Unresolved, how: &ProfileArgs, arches: &[Arch]) -> Option<Open<'a>> {
    if !how.leaves_open() || !arches.is_empty() {
        return None;
    }
    open(text, how)
}

/// Whether a text depends on the machine, the kernel or capabilities, be they given or not.
#[must_use]
pub fn depends(text: &Unresolved, how: &ProfileArgs) -> bool {
    open(text, how).is_some_and(|filter| filter.depends())
}

fn open<'a>(text: &'a Unresolved, how: &ProfileArgs) -> Option<Open<'a>> {
    let profile = text.container_profile();
    let rules = || text.written().map(|written| Open::Rules(&written.rules));
    profile.map(|profile| Open::Profile(profile, how.reading())).or_else(rules)
}

/// Whether what was read depends on the machine, the kernel or capabilities, and none of these was given.
#[must_use]
pub fn is_left_open(input: &Input, how: &ProfileArgs, arches: &[Arch]) -> bool {
    match input {
        Input::Profile(text) => is_text_left_open(text, how, arches),
        Input::Program(..) | Input::Process(_) => false,
    }
}

/// The same for a text.
#[must_use]
pub fn is_text_left_open(text: &Unresolved, how: &ProfileArgs, arches: &[Arch]) -> bool {
    left_open(text, how, arches).is_some_and(|filter| filter.depends())
}

/// The same for a policy of the language.
#[must_use]
pub fn is_policy_left_open(written: &Written, how: &ProfileArgs, arches: &[Arch]) -> bool {
    how.leaves_open() && arches.is_empty() && Open::Rules(&written.rules).depends()
}

/// The machine, kernel and capabilities for which an answer holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Under {
    /// The machine, by its architecture.
    pub machine: String,
    /// The release of Linux.
    pub kernel: String,
    /// The capabilities that the process has.
    pub capabilities: Vec<String>,
}

/// Under which circumstances filters are read here, whether they were given or not.
///
/// # Errors
/// As [`ProfileArgs::options`].
pub fn under(how: &ProfileArgs, arches: &[Arch]) -> Result<Under, Error> {
    let options = how.options(arches)?;
    Ok(Under {
        machine: options.native.name().to_owned(),
        kernel: options.kernel.to_string(),
        capabilities: options.caps.iter().map(|cap| cap.to_string()).collect(),
    })
}

/// The circumstances under which a filter is read that leaves them open: `on x86_64 and Linux 6.12 without
/// capabilities`.
///
/// # Errors
/// As [`ProfileArgs::options`].
pub fn words(how: &ProfileArgs) -> Result<String, Error> {
    let options = how.options(&[])?;
    let caps = match options.caps {
        CapSet::NONE => "without capabilities".to_owned(),
        CapSet::DOCKER_DEFAULT => "with the capabilities that Docker gives containers".to_owned(),
        CapSet::PODMAN_DEFAULT => "with the capabilities that Podman gives containers".to_owned(),
        caps => format!("with {caps}"),
    };
    Ok(format!("on {} and Linux {} {caps}", options.native, options.kernel))
}

/// The version of systemd whose sets a text is read with, where it names any and none was asked for.
#[must_use]
pub fn assumed_sets(input: &Input, how: &ProfileArgs) -> Option<&'static str> {
    match input {
        Input::Profile(text) => text.assumed_sets(how),
        Input::Program(..) | Input::Process(_) => None,
    }
}

/// Says whose sets a unit was read with.
pub fn remark_sets(how: &ProfileArgs, version: Option<&str>) {
    if let Some(version) = version.filter(|_| !how.quiet) {
        output::note(&format_args!(
            "the sets that the unit names are those of systemd {version}; --systemd asks about other versions"
        ));
    }
}

/// Says of an answer under which circumstances it is one, where it is about what depends on any: `what is compared`.
///
/// # Errors
/// As [`ProfileArgs::options`].
pub fn remark(what: &str, how: &ProfileArgs, is_left_open: bool) -> Result<(), Error> {
    if is_left_open && !how.quiet {
        output::note(&format_args!(
            "{what} depends on the machine, the kernel or capabilities: this is so {}; --caps, --kernel, --arch and \
             --as podman ask about others",
            words(how)?
        ));
    }
    Ok(())
}
