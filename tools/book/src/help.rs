//! What `--help` of a command says, as Markdown.

/// A command's help in parts.
#[derive(Debug)]
pub(crate) struct Help {
    about: String,
    usage: String,
    sections: Vec<Section>,
}

/// A part of a help: its heading, and the lines below it.
#[derive(Debug)]
struct Section {
    heading: String,
    lines: Vec<String>,
}

/// What begins the line of a `help` that is not ours.
const GIVEN: &str = "Print this message or the help of";

/// How far the parser of arguments indents what it says of one of them.
const INDENT: usize = 10;

impl Help {
    /// Takes a help to parts.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let (about, rest) =
            text.split_once("\nUsage: ").ok_or_else(|| format!("no usage in:\n{text}"))?;
        let (usage, rest) = rest.split_once("\n\n").unwrap_or((rest, ""));
        let mut sections: Vec<Section> = Vec::new();
        for line in rest.lines() {
            match line.strip_suffix(':').filter(|heading| !heading.starts_with(' ')) {
                Some(heading) => {
                    sections.push(Section { heading: heading.to_owned(), lines: Vec::new() });
                }
                None => match sections.last_mut() {
                    Some(section) => section.lines.push(line.to_owned()),
                    None if line.is_empty() => {}
                    None => return Err(format!("{line:?} stands in no section")),
                },
            }
        }
        let usage = usage.lines().map(str::trim).collect::<Vec<_>>().join("\n");
        Ok(Self { about: about.trim().to_owned(), usage, sections })
    }

    /// The names of its commands, but for the `help` that the parser of arguments adds.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &str> {
        let lists = self.sections.iter().filter(|section| section.heading == "Commands");
        let rows = lists.flat_map(Section::rows);
        rows.filter(|(_, about)| !about.starts_with(GIVEN)).map(|(name, _)| name)
    }

    /// The help as Markdown, without the options that contain one of these.
    pub(crate) fn markdown(&self, without: &[&str]) -> String {
        let usage = &self.usage;
        let mut text = format!("{}\n\n```text\n{usage}\n```\n", escaped(&self.about));
        for section in &self.sections {
            let body = section.markdown(without);
            if !body.is_empty() {
                text += &format!("\n## {}\n\n{body}", section.heading);
            }
        }
        text
    }
}

impl Section {
    fn markdown(&self, without: &[&str]) -> String {
        let first = self.lines.iter().find(|line| !line.is_empty()).map_or("", |line| line.trim());
        if self.heading == "Commands" {
            let rows = self.rows().map(|(name, about)| format!("| `{name}` | {about} |\n"));
            return format!("| command | what it does |\n|---|---|\n{}", rows.collect::<String>());
        }
        if !first.starts_with(['-', '<', '[']) {
            let text = self.lines.join("\n");
            return format!("```text\n{}\n```\n", text.trim_matches('\n'));
        }
        let arguments = self.arguments();
        let wanted = arguments
            .iter()
            .filter(|(name, _)| !without.iter().any(|common| name.contains(common)));
        wanted.map(|(name, about)| argument(name, about)).collect()
    }

    /// The rows of a list of commands; what goes on in a second line is joined.
    fn rows(&self) -> impl Iterator<Item = (&str, String)> {
        let mut rows: Vec<(&str, String)> = Vec::new();
        for line in self.lines.iter().filter(|line| !line.trim().is_empty()) {
            match (line.strip_prefix("   "), rows.last_mut()) {
                (Some(more), Some((_, about))) => *about += &format!(" {}", more.trim()),
                _ => {
                    let (name, about) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
                    rows.push((name, about.trim().to_owned()));
                }
            }
        }
        rows.into_iter()
    }

    /// Arguments with the paragraphs about them.
    fn arguments(&self) -> Vec<(&str, Vec<String>)> {
        let mut arguments: Vec<(&str, Vec<String>)> = Vec::new();
        for line in &self.lines {
            let indent = line.len() - line.trim_start().len();
            if !line.trim().is_empty() && indent < INDENT {
                arguments.push((line.trim(), vec![String::new()]));
            } else if let Some((_, paragraphs)) = arguments.last_mut() {
                extend(paragraphs, line.trim());
            }
        }
        arguments
    }
}

/// Adds a line to the last paragraph; an empty line begins a new one, and each value of a list is
/// one.
fn extend(paragraphs: &mut Vec<String>, line: &str) {
    if line.is_empty() || line.starts_with("- ") {
        paragraphs.push(line.to_owned());
        return;
    }
    if let Some(last) = paragraphs.last_mut() {
        let space = if last.is_empty() { "" } else { " " };
        *last += &format!("{space}{line}");
    }
}

fn argument(name: &str, about: &[String]) -> String {
    let mut text = format!("- **`{name}`**\n");
    for paragraph in about.iter().filter(|paragraph| !paragraph.is_empty()) {
        text += &match paragraph.strip_prefix("- ") {
            Some(value) => {
                let (value, meaning) = value.split_once(':').unwrap_or((value, ""));
                format!("  - `{value}`: {}\n", escaped(meaning.trim()))
            }
            None => format!("\n  {}\n\n", escaped(paragraph)),
        };
    }
    text
}

/// Text without Markdown of its own but for code between backticks.
fn escaped(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| match index % 2 {
        0 => part
            .replace('\\', "\\\\")
            .replace(['<'], "&lt;")
            .replace('*', "\\*")
            .replace('_', "\\_"),
        _ => format!("`{part}`"),
    });
    parts.collect::<String>().replace('[', "\\[")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "About it\n\nMore <of> it.\n\nUsage: it [OPTIONS]\n       it <COMMAND>\n\nCommands:\n  one   Does\n        one thing\n  help  Print this message or the help of a command\n\n\
        Options:\n      --how <HOW>\n          In which way\n\n          Possible values:\n          - a: The first\n          - b: The\n            second\n\n\
        \x20         [default: a]\n\n  -h, --help\n          Print help\n\nExamples:\n  it one\n";

    #[test]
    fn a_help_becomes_markdown() {
        let help = Help::read(TEXT).unwrap();
        assert_eq!(help.commands().collect::<Vec<_>>(), ["one"]);
        let text = help.markdown(&["--help"]);
        for part in [
            "More &lt;of> it.",
            "```text\nit [OPTIONS]\nit <COMMAND>\n```",
            "| `one` | Does one thing |",
            "- **`--how <HOW>`**",
            "  - `b`: The second",
            "\\[default: a]",
            "## Examples\n\n```text\n  it one\n```",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        assert!(!text.contains("Print help"));
    }

    #[test]
    fn what_is_no_help_is_an_error() {
        assert!(Help::read("callgate: unrecognized").is_err());
        assert!(Help::read("a\nUsage: b\n\nstray\n").is_err());
    }
}
