//! The public items of a library, one a line.

use std::path::Path;

use serde_json::Value;

/// The version of the form that a file of rustdoc's has.
pub(crate) fn form(json: &Path) -> Result<u64, String> {
    let text =
        std::fs::read_to_string(json).map_err(|error| format!("{}: {error}", json.display()))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", json.display()))?;
    value["format_version"].as_u64().ok_or(format!("{}: no form is named", json.display()))
}

/// The items, without what every type has by itself.
pub(crate) fn of(json: &Path) -> Result<String, String> {
    let mut builder = public_api::Builder::from_rustdoc_json(json);
    builder = builder.omit_blanket_impls(true).omit_auto_trait_impls(true);
    let api = builder
        .omit_auto_derived_impls(true)
        .build()
        .map_err(|error| format!("{}: {error}", json.display()))?;
    let items: Vec<String> = api.items().map(ToString::to_string).collect();
    Ok(folded(&items))
}

/// The lines, where long lists of constants of one type in one module are counted: the tables'
/// own source has them.
fn folded(items: &[String]) -> String {
    const ALONE_MAX: usize = 40;
    let mut text = String::new();
    for group in items.chunk_by(|a, b| constants(a).is_some() && constants(a) == constants(b)) {
        match constants(&group[0]) {
            Some((module, kind)) if group.len() > ALONE_MAX => {
                text += &format!("pub const {module}::*: {kind} ({})\n", group.len());
            }
            _ => group.iter().for_each(|item| text += &format!("{item}\n")),
        }
    }
    text
}

/// The module and the type of a constant.
fn constants(item: &str) -> Option<(&str, &str)> {
    let (path, kind) = item.strip_prefix("pub const ")?.split_once(": ")?;
    Some((path.rsplit_once("::")?.0, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_of_constants_are_counted() {
        let mut items: Vec<String> = (0..41).map(|n| format!("pub const a::b::C{n}: u8")).collect();
        items.push("pub const a::b::D: u16".into());
        items.push("pub fn a::f()".into());
        let expected = "pub const a::b::*: u8 (41)\npub const a::b::D: u16\npub fn a::f()\n";
        assert_eq!(folded(&items), expected);
        assert_eq!(folded(&items[1..]).lines().count(), 42);
    }
}
