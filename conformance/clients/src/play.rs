//! One run of a client's script, in fresh namespaces, with one of the libraries.

use std::fs;
use std::path::Path;
use std::process::Command;

use callgate_bpf::Program;

use super::home::{self, Home, Library, STAGE, TRACE};
use super::list::{Client, Watch};
use super::trace;

/// What the script's status says where it cannot do its work on this machine.
const CANNOT: i32 = 77;

/// A run that ended well, or said why it could not be.
pub(super) struct Run {
    /// Why the script could not do its work here.
    pub(super) cannot: Option<String>,
    /// Its output.
    pub(super) printed: String,
    /// The filters that its processes installed.
    pub(super) filters: Vec<Program>,
}

/// Plays the script, and checks that it succeeded with the library that is meant.
///
/// # Errors
/// The failure, or the library that was loaded instead.
pub(super) fn play(home: &Home, client: &Client, library: Library) -> Result<Run, String> {
    let folder = home.trace(client, library)?;
    let script = [include_str!("scripts/waiting.sh"), client.script].concat();
    fs::write(folder.join("script"), script).map_err(|error| error.to_string())?;
    fs::write(folder.join("init"), include_str!("init.sh")).map_err(|error| error.to_string())?;
    let output = command(home, client, library, &folder).output();
    let output = output.map_err(|error| format!("unshare: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) => {}
        Some(CANNOT) => {
            let reason = printed.lines().last().unwrap_or("no reason given").to_owned();
            return Ok(Run { cannot: Some(reason), printed, filters: Vec::new() });
        }
        _ => {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{library:?}: {}\n{printed}{errors}", output.status));
        }
    }
    let found = trace::read(&folder)?;
    loaded(&found.libraries, library)?;
    Ok(Run { cannot: None, printed, filters: found.filters })
}

/// Whether the library that is meant was loaded, and no other.
fn loaded(libraries: &[String], library: Library) -> Result<(), String> {
    let wrong = |path: &&String| path.starts_with(STAGE) != (library == Library::Ours);
    match libraries.iter().find(wrong) {
        Some(path) => Err(format!("{library:?}: a process loaded {path}")),
        None if libraries.is_empty() => Err(format!("{library:?}: nothing loaded libseccomp")),
        None => Ok(()),
    }
}

fn command(home: &Home, client: &Client, library: Library, folder: &Path) -> Command {
    let mut command = home::namespaces(home, folder, client.seconds_max);
    command.args(["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]);
    command.args(["LC_ALL=C.UTF-8", "TERM=dumb"]).arg(match client.watch {
        Watch::Traced => "WATCH=traced",
        Watch::Read => "WATCH=read",
    });
    match library {
        Library::Debian => command.arg("LIBRARY=debian"),
        Library::Ours => command.args(["LIBRARY=ours", &format!("LD_LIBRARY_PATH={STAGE}/lib")]),
    };
    command.args(["sh", &format!("{TRACE}/init")]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_library_and_none_are_errors() {
        let (ours, theirs) =
            (format!("{STAGE}/lib/libseccomp.so.2"), "/lib/libseccomp.so.2".into());
        assert_eq!(loaded(std::slice::from_ref(&ours), Library::Ours), Ok(()));
        assert_eq!(loaded(std::slice::from_ref(&theirs), Library::Debian), Ok(()));
        assert!(loaded(&[ours.clone(), theirs], Library::Ours).is_err());
        assert!(loaded(&[ours], Library::Debian).is_err());
        assert!(loaded(&[], Library::Ours).is_err());
    }
}
