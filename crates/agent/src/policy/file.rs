//! The policy's file: JSON with comments, read strictly.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use callgate_formats::ArgIndex;
use callgate_formats::json::{Document, Fault, Node, Object};
use callgate_formats::oci::Arg;
use callgate_rules::{Source, nearest};
use callgate_supervise::{Failure, Value};
use callgate_syscalls::{Arch, Errno, Name};

use super::{Answer, ArgTest, FileAnswer, Policy, Rule, Text};
use crate::Error;
use crate::emulate::Devices;

/// The largest size of a policy in bytes: 1 MiB.
pub const FILE_MAX: usize = 1 << 20;

/// The format of the file, for manuals.
pub const POLICY_FORMAT: &str = r#"  A JSON object; comments (// and /* */) are skipped. Unknown fields are errors.
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
    /// [`Error::Policy`] with the place of what is wrong, [`Error::NoPolicy`].
    ///
    /// # Examples
    /// ```
    /// use callgate_agent::Policy;
    ///
    /// let text = r#"{"rules": [{"names": ["mount"], "answer": {"errno": "EPERM"}}]}"#;
    /// assert!(Policy::parse(text, "policy.json").is_ok());
    ///
    /// let error = Policy::parse(r#"{"rules": [{"names": ["mout"], "answer": "continue"}]}"#, "p.json");
    /// assert_eq!(
    ///     error.unwrap_err().to_string(),
    ///     "p.json:1:23: rules[0].names[0]: no syscall is called \"mout\": did you mean mount?"
    /// );
    /// ```
    pub fn parse(text: &str, origin: &str) -> Result<Self, Error> {
        let unusable = |reason| Error::NoPolicy { origin: origin.to_owned(), reason };
        if text.len() > FILE_MAX {
            return Err(unusable(format!("longer than {FILE_MAX} bytes")));
        }
        let source = Source::new(origin, text).map_err(|error| unusable(error.to_string()))?;
        let document = Document::parse(source)?;
        policy(&document).map_err(|fault| document.placed(fault).into())
    }
}

fn policy(document: &Document) -> Result<Policy, Fault> {
    let mut object = document.root().object("a policy object")?;
    let default = object.take_value("default");
    let answer = match default {
        Some(node) => answer(node)?,
        None => Answer::Fail(named("ENOSYS").unwrap_or(Failure::EPERM)),
    };
    let nodes: Vec<Node<'_>> = object.require("rules")?.array("the rules")?.collect();
    let place =
        |node: Node<'_>| Arc::from(document.source().place(document.source().span(node.span())));
    let rules = nodes.iter().enumerate().map(|(index, node)| rule(index, *node, place(*node)));
    let rules: Vec<Rule> = rules.collect::<Result<_, _>>()?;
    object.finish(&["default", "rules"])?;
    let by_name = by_name(&rules);
    refuse_late_continue(&rules, &by_name, &answer).map_err(|(late, reason)| {
        // Without a rule it is the default that comes too late.
        let node = late.map_or_else(|| default.unwrap_or(document.root()), |index| nodes[index]);
        node.fault(reason)
    })?;
    Ok(Policy { rules, by_name, default: answer, default_place: default.map(place) })
}

const RULE: &[&str] = &["names", "args", "texts", "metadata", "answer", "log"];

fn rule(index: usize, node: Node<'_>, place: Arc<str>) -> Result<Rule, Fault> {
    let mut object = node.object("a rule object")?;
    let names: Vec<Name> = object
        .require("names")?
        .array("the names of syscalls")?
        .map(name)
        .collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err(node.fault("names no syscall"));
    }
    let args = list(&mut object, "args", |node| {
        ArgTest::new(&Arg::read(node)?).map_err(|reason| node.fault(reason))
    })?;
    let texts = list(&mut object, "texts", text)?;
    let metadata = object.take_value("metadata").map(|node| node.text("the listener's metadata"));
    let metadata = metadata.transpose()?.map(Cow::into_owned);
    let answer_node = object.require("answer")?;
    let answer = answer(answer_node)?;
    let log = flag(&mut object, "log", true)?;
    object.finish(RULE)?;
    check_answer(&answer, &names, &texts).map_err(|reason| answer_node.fault(reason))?;
    Ok(Rule { index, place, names, args, texts, metadata, answer, log })
}

fn name(node: Node<'_>) -> Result<Name, Fault> {
    let text = node.text("the name of a syscall")?;
    Name::parse(&text).ok_or_else(|| {
        let near = nearest(&text, Name::all().map(Name::as_str));
        let hint = near.map(|near| format!(": did you mean {near}?")).unwrap_or_default();
        node.fault(format!("no syscall is called {text:?}{hint}"))
    })
}

/// A condition on a text.
fn text(node: Node<'_>) -> Result<Text, Fault> {
    let mut object = node.object("an object of index and is")?;
    let index = ArgIndex::read(object.require("index")?)?;
    let is = object.require("is")?;
    let list: Vec<String> =
        is.array("the texts")?.map(|node| string(node, "a text")).collect::<Result<_, _>>()?;
    object.finish(&["index", "is"])?;
    if list.is_empty() {
        return Err(is.fault("a condition on a text names no text, so it can never hold"));
    }
    Ok(Text { index, is: list })
}

fn answer(node: Node<'_>) -> Result<Answer, Fault> {
    if let Some(word) = node.as_text() {
        return match word.as_ref() {
            "continue" => Ok(Answer::Continue),
            _ => Err(node.fault(format!("unknown answer {word:?}: accepted are {ANSWERS}"))),
        };
    }
    let mut object = node.object(&format_args!("an answer, {ANSWERS},").to_string())?;
    let (key, value) = match object.unknown().next() {
        Some((key, value)) => (key.to_owned(), value),
        None => return Err(node.fault(format!("the answer is missing: accepted are {ANSWERS}"))),
    };
    object.take(&key);
    let answer = match key.as_str() {
        "errno" => Answer::Fail(failure(value)?),
        "value" => {
            let raw = value.i64("the value")?;
            Answer::Value(Value::new(raw).ok_or_else(|| {
                value.fault(format!("{raw} would be read as an error: use {{\"errno\": NAME}}"))
            })?)
        }
        "file" => Answer::File(file(value)?),
        "mknod" => Answer::Mknod(devices(value)?),
        _ => {
            let reason = format!("unknown answer {key:?}: accepted are {ANSWERS}");
            return Err(value.fault(reason));
        }
    };
    match object.unknown().next() {
        Some((_, second)) => Err(second.fault("an answer is one of its kinds, not several")),
        None => Ok(answer),
    }
}

const ANSWERS: &str = "\"continue\" and objects with errno, value, file or mknod";

fn file(node: Node<'_>) -> Result<FileAnswer, Fault> {
    let mut object = node.object("an object of path, write and cloexec")?;
    let path_node = object.require("path")?;
    let path = PathBuf::from(string(path_node, "the path")?);
    let answer = FileAnswer {
        write: flag(&mut object, "write", false)?,
        cloexec: flag(&mut object, "cloexec", true)?,
        path,
    };
    object.finish(&["path", "write", "cloexec"])?;
    match answer.path.is_absolute() {
        true => Ok(answer),
        false => {
            Err(path_node.fault(format!("{}: the path is not absolute", answer.path.display())))
        }
    }
}

fn devices(node: Node<'_>) -> Result<Devices, Fault> {
    let mut object = node.object("an object of devices")?;
    let list = object.require("devices")?;
    let devices: Vec<String> = list
        .array("the devices")?
        .map(|node| string(node, "a device"))
        .collect::<Result<_, _>>()?;
    object.finish(&["devices"])?;
    Devices::parse(&devices).map_err(|reason| list.fault(reason))
}

fn failure(node: Node<'_>) -> Result<Failure, Fault> {
    let name = node.text("an errno")?;
    let unknown = || node.fault(format!("no errno is called {name:?}: errno(3) lists them"));
    named(&name).ok_or_else(unknown)
}

/// The errno of a name or number on this machine.
fn named(name: &str) -> Option<Failure> {
    let arch = Arch::native().unwrap_or(Arch::X86_64);
    let number = name.parse().ok().map(Errno::new);
    number.or_else(|| Errno::from_name(name, arch)).and_then(Failure::new)
}

fn string(node: Node<'_>, expected: &str) -> Result<String, Fault> {
    node.text(expected).map(Cow::into_owned)
}

/// A list that may be missing.
fn list<'d, T>(
    object: &mut Object<'d>,
    key: &str,
    read: impl FnMut(Node<'d>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    match object.take(key) {
        Some(node) => node.array("conditions")?.map(read).collect(),
        None => Ok(Vec::new()),
    }
}

fn flag(object: &mut Object<'_>, key: &str, otherwise: bool) -> Result<bool, Fault> {
    object.take(key).map_or(Ok(otherwise), |node| node.bool(key))
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

fn by_name(rules: &[Rule]) -> BTreeMap<Name, Vec<usize>> {
    let mut by_name = BTreeMap::<Name, Vec<usize>>::new();
    for rule in rules {
        for name in &rule.names {
            by_name.entry(*name).or_default().push(rule.index);
        }
    }
    by_name
}

/// Refuses answers that would let a call continue after a rule has looked into memory and found
/// something else.
fn refuse_late_continue(
    rules: &[Rule],
    by_name: &BTreeMap<Name, Vec<usize>>,
    default: &Answer,
) -> Result<(), (Option<usize>, String)> {
    for (name, indices) in by_name {
        let Some(looks) = indices.iter().position(|&index| !rules[index].texts.is_empty()) else {
            continue;
        };
        let looking = indices[looks];
        let late = indices[looks..].iter().find(|&&i| matches!(rules[i].answer, Answer::Continue));
        if late.is_none() && !matches!(default, Answer::Continue) {
            continue;
        }
        let reason = format!(
            "lets {name} continue after rules[{looking}] has looked at a text, which the process could \
             change after that: put this rule first, decide by args alone, or answer otherwise"
        );
        return Err((late.copied(), reason));
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
            ("", &["the text ends"][..]),
            ("{}", &["rules"]),
            (r#"{"rules": [], "x": 1}"#, &["p.json:1:15: x: unknown field"]),
            (r#"{"rules": []} 7"#, &["goes on behind its value"]),
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
                &["valu: unknown field: did you mean `value`?"],
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
