//! The policy's file: JSON, read strictly.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use callgate_formats::oci::Arg;
use callgate_supervise::{Failure, Value};
use callgate_syscalls::{Arch, Errno, Name};
use serde::Deserialize;

use super::{Answer, FileAnswer, Policy, Rule, Test, Text};
use crate::Error;
use crate::emulate::Devices;

/// The largest size of a policy in bytes: 1 MiB.
pub const FILE_MAX: usize = 1 << 20;

/// The format of the file, for manuals.
pub const POLICY_FORMAT: &str = r#"  A JSON object. Unknown fields are errors.
  default   the answer to calls that no rule is about; without it {"errno": "ENOSYS"}
  rules     a list. The first rule that is about a call answers it:
    names     the syscalls
    args      conditions on arguments, as in container profiles: index, value, valueTwo, op
              (SCMP_CMP_EQ, ..., SCMP_CMP_MASKED_EQ), width (32 for arguments that are ints);
              all have to hold
    texts     conditions on texts that arguments point to: index, is (a list)
    metadata  only for containers with this listenerMetadata
    answer    "continue"             the kernel makes the call
              {"errno": "EPERM"}     it fails
              {"value": 7}           it returns this and is not made
              {"file": {"path": P}}  it returns a descriptor of the agent's file P, for reading;
                                     "write": true for writing too, "cloexec": false to keep it
                                     open on exec
              {"mknod": {"devices": ["c 1:3", "b 7:*"]}}
                                     for mknod and mknodat: the agent makes the device, if it is
                                     one of these, where the caller may make files; else EPERM
    log       false to leave the decisions of this rule out of the log
  No call continues that a rule with texts may have looked at before: the process could change the
  text after that. Such policies are errors."#;

#[derive(Deserialize)]
struct PolicyFile {
    #[serde(default)]
    default: Option<AnswerFile>,
    rules: Vec<RuleFile>,
}

#[derive(Deserialize)]
struct RuleFile {
    names: Vec<String>,
    #[serde(default)]
    args: Vec<Arg>,
    #[serde(default)]
    texts: Vec<Text>,
    #[serde(default)]
    metadata: Option<String>,
    answer: AnswerFile,
    #[serde(default = "yes")]
    log: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum AnswerFile {
    Continue,
    Errno(String),
    Value(i64),
    File(FileFile),
    Mknod(MknodFile),
}

#[derive(Deserialize)]
struct FileFile {
    path: PathBuf,
    #[serde(default)]
    write: bool,
    #[serde(default = "yes")]
    cloexec: bool,
}

#[derive(Deserialize)]
struct MknodFile {
    devices: Vec<String>,
}

const fn yes() -> bool {
    true
}

impl Policy {
    /// Reads a policy from a file.
    ///
    /// # Errors
    /// [`Error::Read`], and as [`Policy::parse`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let unreadable = |reason| Error::Read { path: path.to_owned(), reason };
        let mut text = String::new();
        // One byte more than a policy may have, so that a longer one is seen to be.
        let limit = u64::try_from(FILE_MAX + 1).unwrap_or(u64::MAX);
        let file = File::open(path).map_err(unreadable)?;
        file.take(limit).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads a policy. `origin` names the file in errors.
    ///
    /// # Errors
    /// [`Error::Policy`] with the place of what is wrong.
    ///
    /// # Examples
    /// ```
    /// use callgate_agent::Policy;
    ///
    /// let text = r#"{"rules": [{"names": ["mount"], "answer": {"errno": "EPERM"}}]}"#;
    /// assert!(Policy::parse(text, "policy.json").is_ok());
    ///
    /// let error = Policy::parse(r#"{"rules": [{"names": ["mout"], "answer": "continue"}]}"#, "p.json");
    /// assert_eq!(error.unwrap_err().to_string(), "p.json: rules[0]: no syscall is called \"mout\"");
    /// ```
    pub fn parse(text: &str, origin: &str) -> Result<Self, Error> {
        let wrong = |place: &str, reason: String| Error::Policy {
            origin: origin.to_owned(),
            place: place.to_owned(),
            reason,
        };
        if text.len() > FILE_MAX {
            return Err(wrong("", format!("longer than {FILE_MAX} bytes")));
        }
        let file = read(text).map_err(|(place, reason)| wrong(&place, reason))?;
        let default = file.default.unwrap_or(AnswerFile::Errno("ENOSYS".to_owned()));
        let default = default.check().map_err(|reason| wrong("default", reason))?;
        let mut rules = Vec::new();
        for (index, rule) in file.rules.into_iter().enumerate() {
            let rule = rule.check(index);
            rules.push(rule.map_err(|reason| wrong(&format!("rules[{index}]"), reason))?);
        }
        let by_name = by_name(&rules);
        refuse_late_continue(&rules, &by_name, &default)
            .map_err(|(place, reason)| wrong(&place, reason))?;
        Ok(Self { rules, by_name, default })
    }
}

/// Reads the text; an error is a place and a reason.
fn read(text: &str) -> Result<PolicyFile, (String, String)> {
    let mut unknown = None;
    let mut note = |path: serde_ignored::Path<'_>| {
        unknown.get_or_insert_with(|| path.to_string());
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let tracked = serde_ignored::Deserializer::new(&mut json, &mut note);
    let file = serde_path_to_error::deserialize(tracked).map_err(|error| {
        let path = error.path().to_string();
        (if path == "." { String::new() } else { path }, error.inner().to_string())
    })?;
    json.end().map_err(|error| (String::new(), error.to_string()))?;
    match unknown {
        Some(path) => Err((path, "unknown field".to_owned())),
        None => Ok(file),
    }
}

impl RuleFile {
    fn check(self, index: usize) -> Result<Rule, String> {
        if self.names.is_empty() {
            return Err("names no syscall".to_owned());
        }
        let name = |text: &String| {
            Name::parse(text).ok_or_else(|| format!("no syscall is called {text:?}"))
        };
        let names: Vec<Name> = self.names.iter().map(name).collect::<Result<_, _>>()?;
        if self.texts.iter().any(|text| text.is.is_empty()) {
            return Err("a condition on a text names no text, so it can never hold".to_owned());
        }
        let Self { args, texts, metadata, log, .. } = self;
        let args = args.iter().map(Test::new).collect::<Result<_, _>>()?;
        let answer = self.answer.check()?;
        check_answer(&answer, &names, &texts)?;
        Ok(Rule { index, names, args, texts, metadata, answer, log })
    }
}

/// Whether an answer can be given to these syscalls, after looking at these texts.
fn check_answer(answer: &Answer, names: &[Name], texts: &[Text]) -> Result<(), String> {
    match answer {
        Answer::Continue if !texts.is_empty() => {
            Err("continues after looking at a text, which the process could change after that: \
             decide by args alone, or answer otherwise"
                .to_owned())
        }
        Answer::Mknod(_) => {
            let other = names.iter().find(|name| !["mknod", "mknodat"].contains(&name.as_str()));
            other
                .map_or(Ok(()), |name| Err(format!("{name} makes no devices: answer it otherwise")))
        }
        _ => Ok(()),
    }
}

impl AnswerFile {
    fn check(self) -> Result<Answer, String> {
        Ok(match self {
            Self::Continue => Answer::Continue,
            Self::Errno(name) => Answer::Fail(failure(&name)?),
            Self::Value(raw) => Answer::Value(Value::new(raw).ok_or_else(|| {
                format!("{raw} would be read as an error: use {{\"errno\": NAME}}")
            })?),
            Self::File(file) if !file.path.is_absolute() => {
                return Err(format!("{}: the path is not absolute", file.path.display()));
            }
            Self::File(FileFile { path, write, cloexec }) => {
                Answer::File(FileAnswer { path, write, cloexec })
            }
            Self::Mknod(MknodFile { devices }) => Answer::Mknod(Devices::parse(&devices)?),
        })
    }
}

fn failure(name: &str) -> Result<Failure, String> {
    let arch = Arch::native().unwrap_or(Arch::X86_64);
    let number = name.parse().ok().map(Errno::new);
    let errno = number.or_else(|| Errno::from_name(name, arch)).and_then(Failure::new);
    errno.ok_or_else(|| format!("no errno is called {name:?}: errno(3) lists them"))
}

fn by_name(rules: &[Rule]) -> BTreeMap<Name, Vec<usize>> {
    let mut by_name = BTreeMap::<Name, Vec<usize>>::new();
    for rule in rules {
        for name in &rule.names {
            by_name.entry(*name).or_default().push(rule.index);
        }
    }
    by_name
}

/// Refuses answers that would let a call continue after a rule has looked into memory and found something else.
fn refuse_late_continue(
    rules: &[Rule],
    by_name: &BTreeMap<Name, Vec<usize>>,
    default: &Answer,
) -> Result<(), (String, String)> {
    for (name, indices) in by_name {
        let Some(looks) = indices.iter().position(|&index| !rules[index].texts.is_empty()) else {
            continue;
        };
        let looking = indices[looks];
        let late = indices[looks..].iter().find(|&&i| matches!(rules[i].answer, Answer::Continue));
        let place = match late {
            Some(index) => format!("rules[{index}]"),
            None if matches!(default, Answer::Continue) => "default".to_owned(),
            None => continue,
        };
        let reason = format!(
            "lets {name} continue after rules[{looking}] has looked at a text, which the process could \
             change after that: put this rule first, decide by args alone, or answer otherwise"
        );
        return Err((place, reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Policy::parse(text, "p.json").unwrap_err().to_string()
    }

    fn rules(rules: &str) -> String {
        format!(r#"{{"rules": [{rules}]}}"#)
    }

    #[test]
    fn errors_name_the_place_and_what_to_do() {
        for (text, words) in [
            ("", &["EOF"][..]),
            ("{}", &["rules"]),
            (r#"{"rules": [], "x": 1}"#, &["p.json: x: unknown field"]),
            (r#"{"rules": []} 7"#, &["trailing"]),
            (&rules(r#"{"names": [], "answer": "continue"}"#), &["rules[0]", "names no"]),
            (&rules(r#"{"names": ["mount"]}"#), &["rules[0]", "answer"]),
            (&rules(r#"{"names": ["mount"], "answer": "allow"}"#), &["answer", "allow"]),
            (&rules(r#"{"names": ["mount"], "answer": {"errno": "EFOO"}}"#), &["EFOO"]),
            (&rules(r#"{"names": ["mount"], "answer": {"errno": "0"}}"#), &["\"0\""]),
            (&rules(r#"{"names": ["mount"], "answer": {"value": -1}}"#), &["-1", "errno"]),
            (&rules(r#"{"names": ["mount"], "answer": {"file": {"path": "x"}}}"#), &["absolute"]),
            (
                &rules(r#"{"names": ["mount"], "answer": {"mknod": {"devices": ["c 1:3"]}}}"#),
                &["mount makes no devices"],
            ),
            (
                &rules(r#"{"names": ["mknod"], "answer": {"mknod": {"devices": ["c 1"]}}}"#),
                &["\"c 1\""],
            ),
            (
                &rules(
                    r#"{"names": ["mount"], "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}],
                    "answer": "continue"}"#,
                ),
                &["rules[0].args[0]", "arguments 0 to 5"],
            ),
            (
                &rules(
                    r#"{"names": ["mount"], "args": [{"index": 1, "valu": 0, "value": 0,
                    "op": "SCMP_CMP_EQ"}], "answer": "continue"}"#,
                ),
                &["valu: unknown field"],
            ),
        ] {
            let message = error(text);
            assert!(words.iter().all(|word| message.contains(word)), "{message} for {text}");
        }
    }

    const LOOKS: &str = r#"{"names": ["mount"], "texts": [{"index": 2, "is": ["proc"]}],
        "answer": {"errno": "EPERM"}}"#;
    const GOES_ON: &str = r#"{"names": ["umount2", "mount"], "answer": "continue"}"#;

    /// Claim: C-AGENT
    #[test]
    fn nothing_continues_after_a_look_at_memory() {
        let late = error(&rules(&format!("{LOOKS}, {GOES_ON}")));
        assert!(late.contains("rules[1]: lets mount continue after rules[0]"), "{late}");
        assert!(Policy::parse(&rules(&format!("{GOES_ON}, {LOOKS}")), "p").is_ok());
        let default = format!(r#"{{"default": "continue", "rules": [{LOOKS}]}}"#);
        assert!(error(&default).contains("default: lets mount continue"));
        let itself = LOOKS.replace(r#"{"errno": "EPERM"}"#, r#""continue""#);
        assert!(error(&rules(&itself)).contains("continues after looking"));
    }

    #[test]
    fn the_size_has_a_limit() {
        let padded = |len: usize| {
            let text = r#"{"rules": []}"#;
            format!("{text}{}", " ".repeat(len - text.len()))
        };
        assert!(Policy::parse(&padded(FILE_MAX), "p").is_ok());
        assert!(error(&padded(FILE_MAX + 1)).contains("longer than"));
    }
}
