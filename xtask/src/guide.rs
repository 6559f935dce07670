//! `cargo xtask guide`: does what the guide under `docs/` says, and holds what happens against what it shows.
//!
//! A block marked `console` has commands, each after `$ `, and under each what it prints: every line must be part of a line of
//! the output, in this order. `[exit N]` is its exit code, 0 unless said, and `[any exit]` leaves that open. The comment
//! `<!-- file: NAME -->` makes a file of the block that follows. Each chapter has a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{build_command, root, target};

const CHAPTERS: &str = "docs/guide/src";

/// A command of the guide, and what it shows of it.
#[derive(Debug, Default, PartialEq)]
struct Shown {
    command: String,
    output: Vec<String>,
    /// Nothing where every exit code will do.
    exit: Option<i32>,
}

/// A part of a chapter that is carried out.
#[derive(Debug, PartialEq)]
enum Part {
    File { name: String, text: String },
    Command(Shown),
}

pub(crate) fn run(_args: &[String]) -> Result<(), String> {
    build_command()?;
    let folder = root().join(CHAPTERS);
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut chapters: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    chapters.sort();
    let mut commands = 0;
    for chapter in &chapters {
        commands += play(chapter).map_err(|error| format!("{}: {error}", chapter.display()))?;
    }
    match commands {
        0 => Err(format!("no command in {CHAPTERS}")),
        _ => {
            println!("guide: {commands} commands did what is written");
            Ok(())
        }
    }
}

/// Carries out a chapter: how many commands it has.
fn play(chapter: &Path) -> Result<usize, String> {
    let text = fs::read_to_string(chapter).map_err(|error| error.to_string())?;
    let folder = std::env::temp_dir().join(format!("callgate-guide-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let parts = parts(&text)?;
    let played = parts.iter().try_for_each(|part| match part {
        Part::File { name, text } => {
            fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"))
        }
        Part::Command(shown) => attempt(shown, &folder),
    });
    // A folder that stays is no reason to fail.
    let _ = fs::remove_dir_all(&folder);
    played?;
    Ok(parts.iter().filter(|part| matches!(part, Part::Command(_))).count())
}

fn attempt(shown: &Shown, folder: &Path) -> Result<(), String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec 2>&1; {}", shown.command)]).current_dir(folder);
    shell.env("PATH", format!("{}:{path}", target().join("release").display()));
    let output = shell.output().map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut lines = printed.lines();
    for expected in &shown.output {
        if !lines.any(|line| line.contains(expected.as_str())) {
            return Err(format!("{}: no line {expected:?} in\n{printed}", shown.command));
        }
    }
    match shown.exit {
        Some(code) if output.status.code() != Some(code) => {
            Err(format!("{}: {}, not {code}\n{printed}", shown.command, output.status))
        }
        _ => Ok(()),
    }
}

/// The parts of a chapter in order.
fn parts(text: &str) -> Result<Vec<Part>, String> {
    let mut found = Vec::new();
    let mut file = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let name = line.strip_prefix("<!-- file: ").and_then(|rest| rest.strip_suffix(" -->"));
        if let Some(name) = name {
            file = Some(name.to_owned());
        } else if let Some(kind) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            match (file.take(), kind) {
                (Some(name), _) => {
                    found.push(Part::File { name, text: block.join("\n") + "\n" });
                }
                (None, "console") => found.extend(commands(&block)?),
                _ => {}
            }
        }
    }
    Ok(found)
}

fn commands(block: &[&str]) -> Result<Vec<Part>, String> {
    let mut found: Vec<Shown> = Vec::new();
    for line in block {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push(Shown { command: command.into(), exit: Some(0), ..Shown::default() });
            continue;
        }
        let last = found.last_mut().ok_or_else(|| format!("{line:?} is before any command"))?;
        let exit = line.strip_prefix("[exit ").and_then(|rest| rest.strip_suffix(']'));
        match (*line, exit) {
            ("[any exit]", _) => last.exit = None,
            (_, Some(code)) => last.exit = Some(code.parse().map_err(|_| (*line).to_owned())?),
            (output, None) => last.output.push(output.into()),
        }
    }
    Ok(found.into_iter().map(Part::Command).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_become_files_and_commands() {
        let text = "a\n<!-- file: x -->\n```json\n{}\n```\n```sh\nno\n```\n```console\n$ cat x\n{}\n$ false\n[exit 1]\n```\n";
        let shown = |command: &str, output: &[&str], exit| {
            let output = output.iter().map(|&line| line.into()).collect();
            Part::Command(Shown { command: command.into(), output, exit })
        };
        let expected = vec![
            Part::File { name: "x".into(), text: "{}\n".into() },
            shown("cat x", &["{}"], Some(0)),
            shown("false", &[], Some(1)),
        ];
        assert_eq!(parts(text), Ok(expected));
        assert!(commands(&["output"]).is_err());
    }

    #[test]
    fn what_is_not_as_written_is_an_error() {
        let folder = std::env::temp_dir();
        let shown = |command: &str, output: &str, exit| Shown {
            command: command.into(),
            output: vec![output.into()],
            exit,
        };
        assert_eq!(attempt(&shown("echo one; exit 3", "one", Some(3)), &folder), Ok(()));
        assert_eq!(attempt(&shown("echo one; exit 3", "one", None), &folder), Ok(()));
        assert!(attempt(&shown("echo one", "two", Some(0)), &folder).is_err());
        assert!(attempt(&shown("echo one; exit 3", "one", Some(0)), &folder).is_err());
    }
}
