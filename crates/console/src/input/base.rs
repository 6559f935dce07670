//! The profiles that a `SeccompProfile` builds on, from files.

use std::fs;
use std::path::{Path, PathBuf};

use callgate_dialects::spo;
use callgate_formats::Profile;
use callgate_rules::Source as Text;

use super::{Source, dialect, refused};
use crate::error::Error;

/// The most files of a folder that are looked into.
const FILES_MAX: usize = 1000;

/// Reads a resource; what it builds on is looked for in the folder, or in its own.
///
/// # Errors
/// [`Error::Text`], [`Error::Profile`].
pub(super) fn profile(
    bytes: &[u8],
    source: &Source,
    folder: Option<&Path>,
) -> Result<Profile, Error> {
    let text = Text::from_bytes(source.to_string(), bytes.to_vec());
    let text = text.map_err(|error| Error::text(error.into()))?;
    let own = match source {
        Source::File(path) | Source::Formed(_, path) if path.as_os_str() != "-" => path.parent(),
        _ => None,
    };
    let folder = folder.or(own.map(|own| if own == Path::new("") { Path::new(".") } else { own }));
    let document = spo::profile(&text, &mut |name| base(name, folder)).map_err(dialect::refused)?;
    Profile::of_document(document).map_err(|error| refused(error, &text))
}

/// The profile of that name: a file that is called so, or the resource that is.
fn base(name: &str, folder: Option<&Path>) -> Result<Text, String> {
    let say = "say where it is with --base DIR";
    let Some(folder) = folder else {
        return Err(format!("this profile builds on `{name}`: {say}"));
    };
    if let Some(reference) = name.strip_prefix("oci://") {
        return Err(format!(
            "this profile builds on an artifact: pull {reference} into a file, and name that as the base"
        ));
    }
    let here = folder.display();
    let files = files(folder).map_err(|error| format!("cannot read the folder {here}: {error}"))?;
    let is_called = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == name);
    let named = files.iter().find(is_called).cloned();
    let found = named.or_else(|| files.into_iter().find(|path| is_resource(path, name)));
    let Some(path) = found else {
        return Err(format!(
            "this profile builds on `{name}`, and no file in {here} is it: put {name}.yaml there, or {say}"
        ));
    };
    Text::load(&path).map_err(|error| error.to_string())
}

/// The files of a folder that may be resources, by their names.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?;
    let paths = entries.flatten().map(|entry| entry.path());
    let ends = ["yaml", "yml", "json"];
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|end| ends.iter().any(|known| end == *known)))
        .collect();
    files.sort();
    files.truncate(FILES_MAX);
    Ok(files)
}

/// Whether a file is the resource of that name.
fn is_resource(path: &Path, name: &str) -> bool {
    let Ok(text) = Text::load(path) else { return false };
    let mut lines = text.text().lines().map(str::trim);
    let is_kind = text.text().contains("kind: SeccompProfile");
    is_kind && lines.any(|line| line.strip_prefix("name:").is_some_and(|own| own.trim() == name))
}
