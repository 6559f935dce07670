//! The static command in roots that have nothing of ours.

use std::path::Path;
use std::process::Command;

use crate::shell::{copied, fresh, heard, kept};
use crate::{Extent, Row, archive, trial};

/// Debian's releases: the oldest that still gets security updates, to the one in the making.
const SUITES: [(&str, &str); 4] =
    [("bullseye", "Debian 11"), ("bookworm", "Debian 12"), ("trixie", "Debian 13"), ("sid", "sid")];

/// The root that stands for all where there is little time.
const QUICK: &str = "trixie";

/// Tries the executable that [`archive::arrive`] made.
pub(crate) fn arrive(extent: Extent) -> Result<Vec<Row>, String> {
    let command = archive::folder().join("callgate");
    if !command.exists() {
        archive::arrive(extent)?;
    }
    let mut rows = vec![empty(&command)?];
    for (suite, name) in SUITES {
        if extent == Extent::Whole || suite == QUICK {
            rows.push(debian(suite, name, &command)?);
        }
    }
    Ok(rows)
}

fn empty(command: &Path) -> Result<Row, String> {
    let root = fresh("root-empty")?;
    copied(command, &root)?;
    trial::prepare(&root)?;
    let did = trial::used_alone(|args| inside(&root, "/callgate", args))?;
    Ok(Row { way: "binary".into(), root: "empty".into(), shown: did })
}

fn debian(suite: &str, name: &str, command: &Path) -> Result<Row, String> {
    let root = kept(&format!("root-{suite}"));
    // Written last, so that a root that was left half made is made again.
    let complete = root.join("complete");
    if !complete.exists() {
        fresh(&format!("root-{suite}"))?;
        let mut make = Command::new("debootstrap");
        heard(make.args(["--variant=minbase", suite]).arg(&root))?;
        crate::shell::written(&complete, "")?;
    }
    copied(command, &root.join("usr/local/bin"))?;
    trial::prepare(&root)?;
    let did = trial::used(|args| inside(&root, "/usr/local/bin/callgate", args))?;
    Ok(Row { way: "binary".into(), root: name.into(), shown: did })
}

/// A command in a root, with its own `/proc` where there is a place for it.
fn inside(root: &Path, command: &str, args: &[&str]) -> Command {
    let mut inside = Command::new("unshare");
    inside.args(["--mount", "--pid", "--fork", "--kill-child"]);
    let proc = root.join("proc");
    if proc.is_dir() {
        inside.arg(format!("--mount-proc={}", proc.display()));
    }
    inside.arg("chroot").arg(root).arg(command).args(args);
    inside
}
