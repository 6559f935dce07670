//! Explanations that were written before, a line of JSON each: those of `callgate run
//! --explain-to FILE` and of `callgate explain --json`.

use callgate_syscalls::{Action, ActionKind, Arch, ArchToken, Errno, SyscallNr};
use serde_json::Value;

use super::Found;
use crate::json::kind_word;
use crate::{Answer, Denial, Denials, Frame, Knowledge, MORE, Process, Ruling, Time};

/// Reads lines of explanations.
#[derive(Debug, Default)]
pub(super) struct Explained {
    /// What was told so far: `run` says at its end how often each call was refused in all.
    told: Denials,
}

impl Explained {
    pub(super) fn line(&mut self, line: &str) -> Option<Found> {
        let value: Value = serde_json::from_str(line.strip_prefix('{').map(|_| line)?).ok()?;
        // What `explain --check` writes stands around the explanation.
        let value = value.get("explanation").unwrap_or(&value);
        let event = value.get("event").and_then(Value::as_str);
        if matches!(event, Some("end")) || value.get("ended_by").is_some() {
            return Some(Found::Understood);
        }
        let mut denial = denial(value)?;
        if event == Some("total") {
            let before = self.told.list().iter().find(|told| told.is_like(&denial));
            denial.count = denial.count.saturating_sub(before.map_or(0, |told| told.count));
            if denial.count == 0 {
                return Some(Found::Understood);
            }
        }
        self.told.add(denial.clone());
        Some(denial.into())
    }
}

fn denial(value: &Value) -> Option<Denial> {
    let call = value.get("call")?;
    let word = |key: &str| u32::try_from(call.get(key)?.as_u64()?).ok();
    let knowledge = text(value, "source").and_then(|name| knowledge(&name))?;
    let token = ArchToken::new(word("token")?);
    let mut denial = Denial::new(token, SyscallNr::new(word("number")?), knowledge);
    let arguments = call.get("arguments").and_then(Value::as_array);
    for (index, argument) in arguments.into_iter().flatten().enumerate().take(denial.args.len()) {
        denial.args[index] = argument.get("value").and_then(Value::as_u64);
        let behind = text(argument, "text").filter(|text| text.starts_with('"'));
        let behind = behind.and_then(|text| serde_json::from_str(&text).ok());
        denial.texts.extend(behind.map(|text| (index, text)));
        let list = text(argument, "text").filter(|text| text.starts_with('['));
        denial.lists.extend(list.and_then(|text| list_of(&text)).map(|list| (index, list)));
    }
    denial.rulings = value
        .get("rulings")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|one| ruling(one, denial.arch()))
        .collect();
    denial.ip = number(call, "ip");
    denial.answer = match text(value, "answer") {
        Some(word) => answer(&word, denial.arch())?,
        None => Answer::Unknown,
    };
    denial.is_let_pass = value.get("let_pass").and_then(Value::as_bool).unwrap_or(false);
    let id = |key: &str| u32::try_from(number(value, key)?).ok();
    let (comm, exe) = (text(value, "comm"), text(value, "exe"));
    denial.process = Process { pid: id("pid"), tid: id("tid"), comm, exe };
    let frames = value.get("caller").and_then(Value::as_array).into_iter().flatten();
    denial.caller = frames.map(frame).collect();
    denial.count = number(value, "count").unwrap_or(1);
    let time = |key: &str| number(value, key).map(Time::from_millis);
    (denial.first, denial.last) = (time("first_ms"), time("last_ms"));
    Some(denial)
}

/// What a filter said, as it was written.
fn ruling(value: &Value, arch: Option<Arch>) -> Option<Ruling> {
    let Answer::Action(action) = answer(&text(value, "action")?, arch)? else { return None };
    Some(Ruling {
        action,
        place: text(value, "place"),
        line: text(value, "line"),
        by: text(value, "by")?,
        is_foreign: false,
        rule: None,
        rules: true,
    })
}

/// The texts of an array, which may have been cut.
fn list_of(text: &str) -> Option<Vec<String>> {
    let cut = format!(", {MORE}]");
    match text.strip_suffix(&cut) {
        Some(start) => {
            let mut list: Vec<String> = serde_json::from_str(&format!("{start}]")).ok()?;
            list.push(MORE.to_owned());
            Some(list)
        }
        None => serde_json::from_str(text).ok(),
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    Some(value.get(key)?.as_str()?.to_owned())
}

fn number(value: &Value, key: &str) -> Option<u64> {
    value.get(key)?.as_u64()
}

fn frame(value: &Value) -> Frame {
    Frame {
        object: text(value, "object"),
        offset: number(value, "offset").unwrap_or_default(),
        symbol: text(value, "symbol").zip(number(value, "symbol_offset")),
    }
}

fn knowledge(name: &str) -> Option<Knowledge> {
    let all = [
        Knowledge::Notification,
        Knowledge::Tracer,
        Knowledge::Audit,
        Knowledge::Strace,
        Knowledge::Siginfo,
        Knowledge::Core,
        Knowledge::Asked,
    ];
    all.into_iter().find(|knowledge| knowledge.name() == name)
}

/// What happened to the call, as the explanation says it.
fn answer(word: &str, arch: Option<Arch>) -> Option<Answer> {
    if word == "SIGSYS" {
        return Some(Answer::Sigsys(None));
    }
    if let Some((kind, data)) = word.split_once('(') {
        let data: u16 = data.strip_suffix(')')?.parse().ok()?;
        return match kind {
            "ERRNO" => Action::errno(data).map(Answer::Action),
            "TRAP" => Some(Answer::Action(Action::trap(data))),
            "TRACE" => Some(Answer::Action(Action::trace(data))),
            _ => None,
        };
    }
    let whole = [
        Action::KILL_PROCESS,
        Action::KILL_THREAD,
        Action::USER_NOTIFY,
        Action::LOG,
        Action::ALLOW,
    ];
    if let Some(action) = whole.into_iter().find(|action| kind_word(action.kind()) == word) {
        return Some(Answer::Action(action));
    }
    let parts = [ActionKind::Errno, ActionKind::Trap, ActionKind::Trace];
    if let Some(kind) = parts.into_iter().find(|kind| kind_word(*kind) == word) {
        return Some(Answer::Kind(kind));
    }
    match word.strip_prefix("errno ") {
        Some(number) => number.parse().ok().map(Errno::new),
        None => arch.and_then(|arch| Errno::from_name(word, arch)),
    }
    .map(Answer::Returned)
}

#[cfg(test)]
mod tests {
    use callgate_syscalls::names;

    use super::*;
    use crate::explain;

    fn denial() -> Denial {
        let socket = Arch::X86_64.syscall(names::SOCKET).unwrap();
        let mut denial = Denial::new(Arch::X86_64.token(), socket.nr, Knowledge::Notification);
        denial.args = [Some(16), Some(3), Some(0), None, None, None];
        denial.answer = Answer::Action(Action::errno(1).unwrap());
        denial.process = Process {
            pid: Some(7),
            tid: Some(8),
            comm: Some("a \"b\"".to_owned()),
            exe: Some("/bin/a".to_owned()),
        };
        let symbol = Some(("socket".to_owned(), 7));
        denial.caller =
            vec![Frame { object: Some("/lib/libc.so.6".to_owned()), offset: 9, symbol }];
        denial.ip = Some(0x7f00_0000_0001);
        denial.first = Some(Time::from_millis(12));
        denial.last = Some(Time::from_millis(13));
        denial
    }

    #[test]
    fn what_was_written_is_read_back() {
        let eperm = Errno::new(1);
        for answer in [
            Answer::Unknown,
            Answer::Action(Action::KILL_PROCESS),
            Answer::Action(Action::trap(5)),
            Answer::Action(Action::errno(38).unwrap()),
            Answer::Kind(ActionKind::Errno),
            Answer::Returned(eperm),
            Answer::Returned(Errno::new(4000)),
            Answer::Sigsys(None),
        ] {
            let written = Denial { answer, ..denial() };
            let line = explain(&written, None).json_line();
            let read = Explained::default().line(&line);
            assert_eq!(read, Some(Found::from(written)), "{line}");
        }
        let opened = Arch::X86_64.syscall(names::OPENAT).unwrap();
        let mut written = Denial::new(Arch::X86_64.token(), opened.nr, Knowledge::Strace);
        written.args = [Some(3), Some(9), Some(0), Some(0), None, None];
        written.texts = vec![(1, "/etc/\"x\"".to_owned())];
        let line = explain(&written, None).json_line();
        assert_eq!(Explained::default().line(&line), Some(Found::from(written)));
        let execve = Arch::X86_64.syscall(names::EXECVE).unwrap();
        let mut written = Denial::new(Arch::X86_64.token(), execve.nr, Knowledge::Tracer);
        written.args[..3].copy_from_slice(&[Some(3), Some(9), Some(8)]);
        for words in [&["ls", "-l"][..], &["ls", MORE], &[]] {
            written.lists = vec![(1, words.iter().map(|it| (*it).to_owned()).collect())];
            let line = explain(&written, None).json_line();
            assert_eq!(Explained::default().line(&line), Some(Found::from(written.clone())));
        }
    }

    #[test]
    fn totals_are_not_counted_twice() {
        let mut reader = Explained::default();
        let event = |count: u64, event: &str| {
            let line = explain(&Denial { count, ..denial() }, None).json_line();
            line.replacen('{', &format!("{{\"event\":\"{event}\","), 1)
        };
        let mut counted = |line: &str| match reader.line(line) {
            Some(Found::Denial(denial)) => denial.count,
            Some(Found::Understood) => 0,
            other => panic!("{other:?}"),
        };
        assert_eq!(counted(&event(1, "refused")), 1);
        assert_eq!(counted(&event(5, "total")), 4);
        assert_eq!(counted(&event(5, "total")), 0);
        assert_eq!(counted(&event(6, "total")), 1);
        assert_eq!(counted("{\"event\":\"end\",\"kinds\":1,\"calls\":6}"), 0);
    }

    #[test]
    fn other_lines_of_json_are_none_of_these() {
        for line in
            ["{}", "{\"call\":{}}", "{\"call\":{\"number\":1,\"token\":2}}", "{", "[1]", "7"]
        {
            assert_eq!(Explained::default().line(line), None, "{line}");
        }
    }
}
