//! Where explanations go: to standard error for people, or to a file as lines of JSON.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use callgate_explain::{ChangeKind, Denial, Explanation, Filter, explain};
use serde_json::{Value, json};

use callgate_console::error::Error;
use callgate_console::output;

use super::record::Record;

/// Where explanations go.
pub(super) struct Report {
    file: Option<(PathBuf, File)>,
    told: u64,
    /// Lines that would allow what was refused, each with the same as a rule of a container profile.
    cures: Vec<(String, Option<String>)>,
}

impl Report {
    /// To a file if there is one.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(super) fn new(path: Option<&Path>) -> Result<Self, Error> {
        let file = path.map(|path| {
            let file = File::create(path).map_err(|reason| Error::write(path, reason))?;
            Ok::<_, Error>((path.to_owned(), file))
        });
        Ok(Self { file: file.transpose()?, told: 0, cures: Vec::new() })
    }

    /// Explains a call that was refused for the first time.
    pub(super) fn first(&mut self, denial: &Denial, filter: &Filter<'_>) {
        let explanation = explain(denial, Some(filter));
        let exact = explanation.changes.iter().find(|change| change.kind == ChangeKind::Exact);
        let cure = exact.map(|change| (change.line.clone(), change.profile_rule.clone()));
        self.cures.extend(cure.filter(|cure| !self.cures.contains(cure)));
        match &self.file {
            Some(_) => self.line(&event("refused", &explanation)),
            // In one piece, as the command may write there too.
            None => output::aside(&format!("callgate: {explanation}")),
        }
    }

    /// Says how often each call was refused, if that is not said yet.
    pub(super) fn totals(&mut self, record: &Record) {
        let calls = record.denials().iter().map(|denial| denial.count).sum::<u64>();
        let calls = calls + record.beyond();
        if calls == self.told {
            return;
        }
        self.told = calls;
        let kinds = record.denials().len();
        if self.file.is_some() {
            for denial in record.denials().iter().filter(|denial| denial.count > 1) {
                self.line(&event("total", &explain(denial, None)));
            }
            self.line(&json!({ "event": "end", "kinds": kinds, "calls": calls }));
            return;
        }
        let counted = |count: u64, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        let kinds = counted(kinds as u64, "kind");
        let mut text = format!("callgate: {} of {kinds} refused\n", counted(calls, "call"));
        for denial in record.denials().iter().filter(|denial| denial.count > 1) {
            let Explanation { call, .. } = explain(denial, None);
            let comm = denial.process.comm.as_deref().unwrap_or("?");
            text += &format!("{:>9}  {call} by {comm}\n", denial.count);
        }
        output::aside(&text);
    }

    /// Says what would allow all that was refused, in the form of the profile: the lines alone, to be put into it.
    pub(super) fn cures(&self, is_json: bool) {
        if self.cures.is_empty() || self.file.is_some() {
            return;
        }
        let lines: Vec<&str> = match is_json {
            true => self.cures.iter().filter_map(|(_, rule)| rule.as_deref()).collect(),
            false => self.cures.iter().map(|(line, _)| &**line).collect(),
        };
        let text = lines.join(if is_json { ",\n" } else { "\n" });
        output::aside(&format!("callgate: all of it is allowed by\n{text}\n"));
    }

    /// Writes a line to the file. A full disk is told once and ends nothing: the command runs on.
    fn line(&mut self, value: &Value) {
        let Some((path, file)) = &mut self.file else { return };
        if let Err(reason) = file.write_all(format!("{value}\n").as_bytes()) {
            output::warning(&Error::write(path.clone(), reason));
            self.file = None;
        }
    }
}

/// A line of the file: what happened, and the explanation.
fn event(name: &str, explanation: &Explanation) -> Value {
    let mut value = serde_json::from_str(&explanation.json_line()).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("event".to_owned(), name.into());
    }
    value
}
