//! Links: those of the project's own texts, turned into links within the book, and the check that
//! every one leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::chapters::TEXTS;
use crate::{entries, read};

/// Where files of the project are that are no page of the book.
const REPOSITORY: &str = "https://github.com/callgate/callgate/blob/main/";

/// A text of the project as a chapter: links to other texts lead to their chapters, and all others
/// to the repository. `origin` is the path of the text.
pub(crate) fn within_book(text: &str, origin: &Path) -> Result<String, String> {
    let folder = origin.parent().unwrap_or(Path::new(""));
    let mut parts = text.split("](");
    let mut rewritten = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (link, rest) = part.split_once(')').ok_or("a link without an end")?;
        rewritten += &format!("]({}){rest}", target(link, folder, origin)?);
    }
    Ok(rewritten)
}

fn target(link: &str, folder: &Path, origin: &Path) -> Result<String, String> {
    if link.contains("://") || link.starts_with('#') {
        return Ok(link.to_owned());
    }
    let (path, anchor) = link
        .split_once('#')
        .map_or((link, String::new()), |(path, anchor)| (path, format!("#{anchor}")));
    let path = plain(&folder.join(path));
    if let Some((_, chapter, _)) = TEXTS.iter().find(|(text, ..)| path == Path::new(text)) {
        return Ok(format!("{chapter}{anchor}"));
    }
    if let Ok(chapter) = path.strip_prefix("docs/guide/src") {
        return Ok(format!("{}{anchor}", chapter.display()));
    }
    match house::root().join(&path).exists() {
        // Pictures are copied beside the chapters.
        true if path.extension().is_some_and(|extension| extension == "svg") => {
            Ok(path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        }
        true => Ok(format!("{REPOSITORY}{}{anchor}", path.display())),
        false => Err(format!("{}: {link} leads nowhere", origin.display())),
    }
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, component| {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
        plain
    })
}

/// The pages of a book in the order of their paths.
pub(crate) fn pages(html: &Path) -> Result<Vec<PathBuf>, String> {
    let (mut found, mut folders) = (Vec::new(), vec![html.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "html" => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Checks that every link between files of a folder leads to a file that is there, and to a place
/// that it has; gives their number.
pub(crate) fn check(html: &Path) -> Result<usize, String> {
    let mut texts = BTreeMap::new();
    for page in pages(html)? {
        let text = read(&page)?;
        texts.insert(page, text);
    }
    let places: BTreeMap<&PathBuf, BTreeSet<&str>> =
        texts.iter().map(|(page, text)| (page, values(text, "id").collect())).collect();
    let (mut count, mut dead) = (0, Vec::new());
    for (page, text) in &texts {
        for link in values(text, "href").chain(values(text, "src")) {
            if is_elsewhere(link) {
                continue;
            }
            count += 1;
            if !leads(page, link, html, &places) {
                dead.push(format!("{}: {link}", page.strip_prefix(html).unwrap_or(page).display()));
            }
        }
    }
    dead.dedup();
    match (count, dead.is_empty()) {
        (0, _) => Err("the book has no link".into()),
        (_, true) => Ok(count),
        (_, false) => Err(format!("links that lead nowhere:\n{}", dead.join("\n"))),
    }
}

/// Whether a link is for the network, or no link but its content.
fn is_elsewhere(link: &str) -> bool {
    ["https://", "http://", "mailto:", "data:", "javascript:"].iter().any(|s| link.starts_with(s))
}

fn leads(
    page: &Path,
    link: &str,
    html: &Path,
    places: &BTreeMap<&PathBuf, BTreeSet<&str>>,
) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let file = match path {
        "" => page.to_path_buf(),
        _ => plain(&page.parent().unwrap_or(html).join(path)),
    };
    let has =
        |file: &PathBuf| places.get(file).is_some_and(|ids| ids.contains(decoded(anchor).as_str()));
    file.starts_with(html) && file.is_file() && (anchor.is_empty() || has(&file))
}

/// An anchor with `%20` and the like as what they stand for.
fn decoded(anchor: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = anchor.as_bytes();
    while let [first, more @ ..] = rest {
        let code = more.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|_| *first == b'%')
        {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The values of an attribute in a page.
fn values<'t>(text: &'t str, attribute: &str) -> impl Iterator<Item = &'t str> {
    let start = format!(" {attribute}=\"");
    let length = start.len();
    text.match_indices(&start).collect::<Vec<_>>().into_iter().filter_map(move |(at, _)| {
        let value = &text[at + length..];
        Some(&value[..value.find('"')?])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_are_found() {
        let folder = std::env::temp_dir().join(format!("callgate-links-{}", std::process::id()));
        let page = |name: &str, text: &str| crate::write(&folder.join(name), text).unwrap();
        page(
            "a.html",
            "<a href=\"b/c.html#x%20y\">1</a> <a href=\"https://x\">2</a> <a href=\"#top\" id=\"top\">3</a>",
        );
        page("b/c.html", "<h1 id=\"x y\">x</h1><a href=\"../a.html?search=1\">4</a>");
        assert_eq!(check(&folder), Ok(3));
        for dead in ["d.html", "a.html#no", "../../etc/passwd", "b"] {
            page("d.html", "");
            page("e.html", &format!("<a href=\"{}\">", dead.replace("d.html", "f.html")));
            assert!(check(&folder).unwrap_err().contains("e.html: "), "{dead}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn links_between_texts_lead_to_chapters() {
        let within = |text: &str, origin: &str| within_book(text, Path::new(origin));
        assert_eq!(
            within("[a](../VERIFICATION.md#x) [b](https://x)", "docs/x.md").as_deref(),
            Ok("[a](verification.md#x) [b](https://x)")
        );
        assert_eq!(
            within("[a](../Cargo.toml) ![b](growth.svg) [c](guide/src/install.md)", "docs/x.md")
                .unwrap(),
            format!("[a]({REPOSITORY}Cargo.toml) ![b](growth.svg) [c](install.md)")
        );
        assert!(within("[a](nothing.md)", "docs/x.md").unwrap_err().contains("leads nowhere"));
    }
}
