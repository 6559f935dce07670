//! `cargo xtask guide [CHAPTER...]`: does what the guide under `docs/` says, and holds what happens
//! against what it shows.
//!
//! A block marked `console` has commands, each after `$ `, and under each what it prints: every
//! line must be part of a line of the output, in this order. `[exit N]` is its exit code, 0 unless
//! said, and `[any exit]` leaves that open. The comment `<!-- file: NAME -->` makes a file of the
//! block that follows. Each chapter has a folder of its own; `<!-- in: PLACE -->` says where else a
//! block belongs:
//!
//! - `project`: the root of the project;
//! - `ci`: its commands are steps of CI, under just these words;
//! - `debian`: `cargo xtask package deb --install` plays it as root of a Debian that has the
//!   packages in its folder.
//!
//! Commands in a block of another kind would be played by nobody: such a block is an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{build_command, ci, root, target};

const CHAPTERS: &str = "docs/guide/src";

/// Blocks without commands.
const TEXTS: [&str; 8] = ["text", "json", "c", "rust", "ebnf", "python", "yaml", "ini"];

/// The place that a block belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The folder of its chapter.
    #[default]
    Chapter,
    /// The root of the project.
    Project,
    /// The steps of CI.
    Ci,
    /// The root that Debian's packages are tried in.
    Debian,
}

impl Origin {
    fn named(name: &str) -> Result<Self, String> {
        match name {
            "project" => Ok(Self::Project),
            "ci" => Ok(Self::Ci),
            "debian" => Ok(Self::Debian),
            _ => Err(format!("no place is called {name:?}")),
        }
    }
}

/// A command of the guide, and what it shows of it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Shown {
    pub(crate) command: String,
    place: Origin,
    output: Vec<String>,
    /// Nothing where every exit code will do.
    exit: Option<i32>,
}

/// A part of a chapter that is carried out.
#[derive(Debug, PartialEq)]
enum Part {
    File { name: String, place: Origin, text: String },
    Command(Shown),
}

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let chapters = wanted(chapters()?, args)?;
    build_command()?;
    let (mut played, mut elsewhere) = (0, 0);
    for chapter in chapters {
        let failed = |error| format!("{}: {error}", chapter.display());
        let parts = read(&chapter).map_err(failed)?;
        let commands = parts.iter().filter(|part| matches!(part, Part::Command(_))).count();
        let here = play(&parts).map_err(failed)?;
        (played, elsewhere) = (played + here, elsewhere + commands - here);
    }
    match played {
        0 => Err(format!("no command in {CHAPTERS}")),
        _ => {
            println!(
                "guide: {played} commands did what is written; {elsewhere} are CI's steps, or played in Debian by \
                 `package deb --install`"
            );
            Ok(())
        }
    }
}

/// The chapters that arguments name (`learning`), or all.
fn wanted(mut chapters: Vec<PathBuf>, names: &[String]) -> Result<Vec<PathBuf>, String> {
    let name = |chapter: &PathBuf| chapter.file_stem().map(|it| it.to_string_lossy().into_owned());
    let all: Vec<String> = chapters.iter().filter_map(name).collect();
    match names.iter().find(|name| !all.contains(name)) {
        Some(unknown) => {
            Err(format!("no chapter is called {unknown:?}; there are: {}", all.join(", ")))
        }
        None => {
            let named = |chapter: &PathBuf| name(chapter).is_some_and(|name| names.contains(&name));
            chapters.retain(|chapter| names.is_empty() || named(chapter));
            Ok(chapters)
        }
    }
}

/// The commands of all chapters that belong somewhere.
pub(crate) fn commands_in(place: Origin) -> Result<Vec<Shown>, String> {
    let mut found = Vec::new();
    for chapter in chapters()? {
        let parts = read(&chapter).map_err(|error| format!("{}: {error}", chapter.display()))?;
        found.extend(parts.into_iter().filter_map(|part| match part {
            Part::Command(shown) if shown.place == place => Some(shown),
            _ => None,
        }));
    }
    Ok(found)
}

fn chapters() -> Result<Vec<PathBuf>, String> {
    let folder = root().join(CHAPTERS);
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut chapters: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    chapters.sort();
    Ok(chapters)
}

fn read(chapter: &Path) -> Result<Vec<Part>, String> {
    parts(&fs::read_to_string(chapter).map_err(|error| error.to_string())?)
}

/// Carries out a chapter: how many of its commands were played here.
fn play(parts: &[Part]) -> Result<usize, String> {
    let folder = std::env::temp_dir().join(format!("callgate-guide-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let played = parts.iter().try_fold(0, |played, part| Ok(played + take(part, &folder)?));
    // A folder that stays is no reason to fail.
    let _ = fs::remove_dir_all(&folder);
    played
}

/// Carries out a part of a chapter that has this folder: how many commands were played.
fn take(part: &Part, folder: &Path) -> Result<usize, String> {
    let folder_of = |place| if place == Origin::Project { root() } else { folder.to_owned() };
    match part {
        Part::File { name, place, text } => fs::write(folder_of(*place).join(name), text)
            .map(|()| 0)
            .map_err(|error| format!("{name}: {error}")),
        Part::Command(Shown { command, place: Origin::Ci, .. }) => match ci::runs(command) {
            true => Ok(0),
            false => Err(format!("{command}: is not a step of CI")),
        },
        Part::Command(Shown { place: Origin::Debian, .. }) => Ok(0),
        Part::Command(shown) => {
            attempt(shown, shell(shown).current_dir(folder_of(shown.place))).map(|()| 1)
        }
    }
}

/// A shell for a command of the guide, which finds ours first.
fn shell(shown: &Shown) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec 2>&1; {}", shown.command)]);
    shell.env("PATH", format!("{}:{path}", target().join("release").display()));
    shell
}

/// Plays a command by a shell, and holds what happens against what is shown.
///
/// # Errors
/// The line that is missing, or the exit code.
pub(crate) fn attempt(shown: &Shown, shell: &mut Command) -> Result<(), String> {
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
    let (mut file, mut place) = (None, Origin::default());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let comment = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        match comment.and_then(|comment| comment.split_once(": ")) {
            Some(("file", name)) => file = Some(name.to_owned()),
            Some(("in", name)) => place = Origin::named(name)?,
            Some(_) => return Err(format!("{line}: known are file and in")),
            None => {}
        }
        if let Some(kind) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let place = std::mem::take(&mut place);
            match (file.take(), kind) {
                (Some(name), _) => {
                    found.push(Part::File { name, place, text: block.join("\n") + "\n" });
                }
                (None, "console") => found.extend(commands(&block, place)?),
                (None, kind) if TEXTS.contains(&kind) => {}
                (None, kind) => return Err(format!("a block of kind {kind:?} is not played")),
            }
        }
    }
    Ok(found)
}

fn commands(block: &[&str], place: Origin) -> Result<Vec<Part>, String> {
    let mut found: Vec<Shown> = Vec::new();
    for line in block {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push(Shown { command: command.into(), place, exit: Some(0), ..Shown::default() });
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
    match found.is_empty() {
        true => Err("a console without a command".into()),
        false => Ok(found.into_iter().map(Part::Command).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(command: &str, output: &[&str], exit: Option<i32>) -> Shown {
        let output = output.iter().map(|&line| line.into()).collect();
        Shown { command: command.into(), place: Origin::Chapter, output, exit }
    }

    #[test]
    fn blocks_become_files_and_commands() {
        let text = "a\n<!-- file: x -->\n```json\n{}\n```\n```text\nno\n```\n```console\n$ cat x\n{}\n$ false\n[exit 1]\n```\n\
                    <!-- in: project -->\n```console\n$ true\n```\n```console\n$ true\n```\n";
        let expected = vec![
            Part::File { name: "x".into(), place: Origin::Chapter, text: "{}\n".into() },
            Part::Command(shown("cat x", &["{}"], Some(0))),
            Part::Command(shown("false", &[], Some(1))),
            Part::Command(Shown { place: Origin::Project, ..shown("true", &[], Some(0)) }),
            Part::Command(shown("true", &[], Some(0))),
        ];
        assert_eq!(parts(text), Ok(expected));
    }

    #[test]
    fn chapters_are_chosen_by_name() {
        let all = || ["a/learning.md", "a/lint.md"].map(PathBuf::from).to_vec();
        assert_eq!(wanted(all(), &[]), Ok(all()));
        assert_eq!(wanted(all(), &["lint".into()]), Ok(vec!["a/lint.md".into()]));
        let refused = wanted(all(), &["--help".into()]).unwrap_err();
        assert!(refused.contains("\"--help\"") && refused.contains("learning, lint"), "{refused}");
    }

    #[test]
    fn what_nobody_would_play_is_an_error() {
        for (text, part) in [
            ("```console\noutput\n```", "before any command"),
            ("```console\n```", "without a command"),
            ("```sh\nrm x\n```", "\"sh\" is not played"),
            ("```\nrm x\n```", "is not played"),
            ("<!-- in: dreams -->", "no place"),
            ("<!-- at: project -->", "known are"),
        ] {
            assert!(parts(text).unwrap_err().contains(part), "{text}");
        }
        let step =
            |command| Part::Command(Shown { place: Origin::Ci, ..shown(command, &[], Some(0)) });
        assert_eq!(take(&step("cargo xtask guide"), Path::new("/")), Ok(0));
        assert!(take(&step("cargo xtask guid"), Path::new("/")).is_err());
    }

    #[test]
    fn what_is_not_as_written_is_an_error() {
        let attempt = |shown: &Shown| attempt(shown, &mut shell(shown));
        assert_eq!(attempt(&shown("echo one; exit 3", &["one"], Some(3))), Ok(()));
        assert_eq!(attempt(&shown("echo one; exit 3", &["one"], None)), Ok(()));
        assert!(attempt(&shown("echo one", &["two"], Some(0))).is_err());
        assert!(attempt(&shown("echo one; exit 3", &["one"], Some(0))).is_err());
    }
}
