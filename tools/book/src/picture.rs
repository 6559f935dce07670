//! The picture of the README: what the command prints, as SVG.
//!
//! The command runs with colours on; its output becomes lines of text with these colours. Nothing
//! in it depends on the machine, so that CI can hold the committed picture against what the command
//! prints today.

use std::path::Path;
use std::process::Command;

use crate::{read, write};

/// The committed picture.
const PICTURE: &str = "docs/picture.svg";

/// The policy that the picture is about.
const POLICY: &str = "docs/picture.gate";

/// What the picture shows: the words of the command, and the lines of the output that are shown,
/// from 0.
const SCENES: [(&[&str], &[usize]); 2] = [
    (&["show", "sandbox.gate", "socket"], &[0, 1]),
    (
        &["explain", "--policy", "sandbox.gate", "socket", "AF_NETLINK,SOCK_RAW,NETLINK_ROUTE"],
        &[0, 1, 2, 3, 4, 7, 9],
    ),
];

/// The most characters of a line; what is longer is cut.
const COLUMNS: usize = 104;
const ADVANCE: f32 = 8.4;
const LINE: usize = 20;
const MARGIN: usize = 20;

/// A piece of a line: the class of its colour, and the text.
type Piece = (&'static str, String);

/// Writes the picture, or fails where the committed one is not what the command prints.
pub(crate) fn renew_or_check(command: &Path, renew: bool) -> Result<(), String> {
    let picture = draw(command)?;
    let path = house::root().join(PICTURE);
    if renew {
        write(&path, &picture)?;
        println!("book: {PICTURE} is what the command prints");
        return Ok(());
    }
    match read(&path)? == picture {
        true => Ok(()),
        false => Err(format!(
            "{PICTURE} is not what the command prints: `cargo xtask book --picture` renews it"
        )),
    }
}

fn draw(command: &Path) -> Result<String, String> {
    let folder = crate::fresh(&house::target().join("book-picture"))?;
    let policy = read(&house::root().join(POLICY))?;
    write(&folder.join("sandbox.gate"), &policy)?;
    let mut lines: Vec<Vec<Piece>> = vec![prompt("cat sandbox.gate")];
    lines.extend(policy.lines().map(|line| vec![("t", line.to_owned())]));
    for (words, shown) in SCENES {
        lines.push(Vec::new());
        lines.push(prompt(&format!("callgate {}", words.join(" "))));
        let printed = printed(command, words, &folder)?;
        let all: Vec<Vec<Piece>> = pieces(&printed);
        lines.extend(shown.iter().filter_map(|line| all.get(*line).cloned()));
    }
    Ok(svg(&lines))
}

fn prompt(command: &str) -> Vec<Piece> {
    vec![("p", "$ ".to_owned()), ("c", command.to_owned())]
}

fn printed(command: &Path, words: &[&str], folder: &Path) -> Result<String, String> {
    let mut command = Command::new(command);
    command.args(words).current_dir(folder).env("CLICOLOR_FORCE", "1").env("COLUMNS", "100");
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match text.trim().is_empty() {
        true => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
        false => Ok(text),
    }
}

/// The lines of a terminal's text by colours.
fn pieces(text: &str) -> Vec<Vec<Piece>> {
    let mut class = "t";
    text.lines()
        .map(|line| {
            let mut parts = line.split("\u{1b}[");
            let mut pieces = vec![(class, parts.next().unwrap_or_default().to_owned())];
            for part in parts {
                let (codes, text) = part.split_once('m').unwrap_or(("", part));
                class = codes.split(';').fold(class, of_code);
                pieces.push((class, text.to_owned()));
            }
            cut(pieces)
        })
        .collect()
}

/// The class of a colour, after a code of it.
fn of_code(class: &'static str, code: &str) -> &'static str {
    match code {
        "" | "0" => "t",
        "1" if class == "t" => "b",
        "2" => "f",
        "31" | "91" => "r",
        "32" | "92" => "g",
        "33" | "93" => "y",
        "34" | "94" | "36" | "96" => "a",
        _ => class,
    }
}

fn cut(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut left = COLUMNS;
    let mut kept = Vec::new();
    for (class, text) in pieces.into_iter().filter(|(_, text)| !text.is_empty()) {
        let length = text.chars().count();
        if length > left {
            let shown: String = text.chars().take(left.saturating_sub(2)).collect();
            kept.push((class, shown + " …"));
            break;
        }
        left -= length;
        kept.push((class, text));
    }
    kept
}

fn svg(lines: &[Vec<Piece>]) -> String {
    let height = 2 * MARGIN + LINE * lines.len();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "about a hundred columns"
    )]
    let width = (COLUMNS as f32 * ADVANCE) as usize + 2 * MARGIN;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"A policy, what it does with a call, and why a call was refused\">\n<style>\ntext {{ \
         font: 14px 'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace; white-space: pre; fill: #d8dee9; \
         }}\n.p {{ fill: #8a94a6; }} .c, .b {{ fill: #ffffff; font-weight: bold; }} .f {{ fill: #9aa5b8; }}\n.r {{ fill: \
         #ff8f8f; }} .g {{ fill: #98d982; }} .y {{ fill: #f2cc60; }} .a {{ fill: #7cc4ff; }}\n</style>\n<rect \
         width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#1c2330\"/>\n"
    );
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let y = MARGIN + LINE * index + 15;
        text += &format!("<text x=\"{MARGIN}\" y=\"{y}\" xml:space=\"preserve\">");
        for (class, piece) in line {
            let piece = piece.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            match *class {
                "t" => text += &piece,
                class => text += &format!("<tspan class=\"{class}\">{piece}</tspan>"),
            }
        }
        text += "</text>\n";
    }
    text + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_classes() {
        let lines = pieces("a \u{1b}[1m\u{1b}[31mred\u{1b}[0m b\nplain\n");
        let expected =
            vec![("t", "a ".to_owned()), ("r", "red".to_owned()), ("t", " b".to_owned())];
        assert_eq!(lines, [expected, vec![("t", "plain".to_owned())]]);
        let long = pieces(&"x".repeat(COLUMNS + 1));
        assert_eq!(long[0][0].1.chars().count(), COLUMNS);
        assert!(svg(&lines).contains("<tspan class=\"r\">red</tspan>"));
    }
}
