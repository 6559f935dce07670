//! Finds out which form a text has, by its content.

use crate::Dialect;

mod lines;

/// The forms that a text may have, the likeliest first: none, one, or several where the content
/// does not tell.
///
/// What is JSON is one of OCI's forms or seccompiler's, and never ambiguous. Whether a text is
/// right in its form is for its reader to say.
#[must_use]
pub fn detect(text: &str) -> Vec<Dialect> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match first_json_byte(text) {
        Some(Json::Object) => vec![json(text)],
        Some(Json::Array) => vec![Dialect::Oci],
        None => lines::detect(text),
    }
}

enum Json {
    Object,
    Array,
}

/// Whether the content begins as JSON does, behind comments.
fn first_json_byte(text: &str) -> Option<Json> {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let (inside, end) = match rest.get(..2) {
            Some("//") => (&rest[2..], "\n"),
            Some("/*") => (&rest[2..], "*/"),
            // Kafel has no statement that begins with a brace, and minijail's list of names has no
            // quotes.
            _ if rest.starts_with('{') => {
                let next = rest[1..].trim_start();
                let is_json = next.starts_with(['"', '}', '/']) || next.is_empty();
                return is_json.then_some(Json::Object);
            }
            _ if rest.starts_with("[\n") || rest.starts_with("[{") => return Some(Json::Array),
            _ => return None,
        };
        rest = &inside[inside.find(end)? + end.len()..];
    }
}

/// Which of the forms in JSON an object has.
fn json(text: &str) -> Dialect {
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    if has("filter") && (has("mismatch_action") || has("default_action") || has("filter_action")) {
        return Dialect::Seccompiler;
    }
    if has("kind") && has("SeccompProfile") {
        return Dialect::Spo;
    }
    let dockers = ["archMap", "defaultErrno", "includes", "excludes", "comment"];
    match dockers.iter().any(|key| has(key)) && !has("ociVersion") {
        true => Dialect::Docker,
        false => Dialect::Oci,
    }
}
