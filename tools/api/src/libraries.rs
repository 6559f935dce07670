//! Which libraries are published.

use serde_json::Value;

/// A library of the workspace.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Library {
    pub(crate) package: String,
    /// Its name in Rust.
    pub(crate) module: String,
}

/// The libraries of the workspace that are published, by name.
pub(crate) fn published() -> Result<Vec<Library>, String> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let metadata = house::output(&mut house::cargo(&arguments))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let packages = metadata["packages"].as_array().ok_or("cargo names no packages")?;
    let mut libraries: Vec<Library> = packages.iter().filter_map(library).collect();
    libraries.sort();
    match libraries.is_empty() {
        true => Err("no library is published".into()),
        false => Ok(libraries),
    }
}

/// The library of a package, unless that is kept back or has none.
fn library(package: &Value) -> Option<Library> {
    // Cargo writes `"publish": []` for what is not published, and null for what is.
    if !package["publish"].is_null() {
        return None;
    }
    let targets = package["targets"].as_array()?;
    let has_kind = |target: &&Value, kind: &str| {
        target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|it| it == kind))
    };
    let library = targets.iter().find(|target| has_kind(target, "lib"))?;
    Some(Library {
        package: package["name"].as_str()?.to_owned(),
        module: library["name"].as_str()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_back_is_no_library() {
        let package = |publish: &str, kind: &str| {
            let text = format!(
                r#"{{"name": "a-b", "publish": {publish}, "targets": [{{"kind": ["{kind}"], "name": "a_b"}}]}}"#
            );
            library(&serde_json::from_str(&text).unwrap())
        };
        let expected = Library { package: "a-b".into(), module: "a_b".into() };
        assert_eq!(package("null", "lib"), Some(expected));
        assert_eq!(package("[]", "lib"), None);
        assert_eq!(package("null", "bin"), None);
    }
}
