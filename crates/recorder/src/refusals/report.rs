//! Where explanations go: to standard error for people, or to a file as lines of JSON.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use callgate_explain::{Denial, Explanation, Filter, explain};
use callgate_syscalls::ActionKind;
use serde_json::{Value, json};

use callgate_console::error::Error;
use callgate_console::output;

use super::cure::Cure;
use super::end::End;
use super::record::Record;

/// The most kinds that are listed at the end.
const ROWS_MAX: usize = 50;

/// Where explanations go.
#[derive(Debug)]
pub struct Report {
    file: Option<(PathBuf, File)>,
    told: Option<u64>,
    /// Where the rule of each kind stands, in the record's order.
    places: Vec<Option<String>>,
    /// What would cure what was refused.
    cures: Vec<Cure>,
}

impl Report {
    /// To a file if there is one.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn new(path: Option<&Path>) -> Result<Self, Error> {
        let file = path.map(|path| {
            let file = File::create(path).map_err(|reason| Error::write(path, reason))?;
            Ok::<_, Error>((path.to_owned(), file))
        });
        Ok(Self { file: file.transpose()?, told: None, places: Vec::new(), cures: Vec::new() })
    }

    /// Explains a call that was refused for the first time.
    pub fn first(&mut self, denial: &Denial, filter: &Filter<'_>) {
        let explanation = explain(denial, Some(filter));
        let cure = Cure::of(&explanation, filter);
        self.places.push(explanation.rulings.first().and_then(|ruling| ruling.place.clone()));
        self.cures.extend(cure.filter(|cure| !self.cures.contains(cure)));
        match &self.file {
            Some(_) => self.line(&event("refused", &explanation)),
            // In one piece, as the command may write there too.
            None => output::aside(&format!("callgate: {explanation}")),
        }
    }

    /// Says how often each call was refused, if that is not said yet, and how the command ended.
    pub fn totals(&mut self, record: &Record, end: Option<End>) {
        let calls = record.denials().iter().map(|denial| denial.count).sum::<u64>();
        let calls = calls + record.beyond();
        if self.told == Some(calls) && end.is_none() {
            return;
        }
        self.told = Some(calls);
        let kinds = record.denials().len();
        if self.file.is_some() {
            // Of the others the first line has said it.
            for denial in record.denials().iter().filter(|denial| denial.count > 1) {
                self.line(&event("total", &explain(denial, None)));
            }
            let mut last = json!({ "event": "end", "kinds": kinds, "calls": calls });
            for (field, value) in end.iter().flat_map(End::fields) {
                last[field] = value;
            }
            self.line(&last);
            return;
        }
        if calls > 0 {
            let sums = sums(record);
            output::aside(&format!("callgate: {sums}\n{}", self.table(record)));
        }
        if let Some(text) = end.and_then(|end| end.text()) {
            output::aside(&text);
        }
    }

    /// A line for each kind, as what was told of it live may be far above by now; of too many, those
    /// that were made most often. One call alone was told just now.
    fn table(&self, record: &Record) -> String {
        let mut rows: Vec<(&Denial, Option<&str>)> = record
            .denials()
            .iter()
            .enumerate()
            .map(|(index, denial)| (denial, self.places.get(index).and_then(Option::as_deref)))
            .collect();
        if let [(Denial { count: 1, .. }, _)] = rows[..] {
            return String::new();
        }
        let hidden = rows.len().saturating_sub(ROWS_MAX);
        if hidden > 0 {
            rows.sort_by_key(|(denial, _)| std::cmp::Reverse(denial.count));
            rows.truncate(ROWS_MAX);
        }
        let mut text = String::new();
        for (denial, place) in rows {
            let Explanation { call, .. } = explain(denial, None);
            let comm = denial.process.comm.as_deref().unwrap_or("?");
            let place = place.map(|place| format!(", {place}")).unwrap_or_default();
            text += &format!("{:>9}  {call} by {comm}{place}\n", denial.count);
        }
        if hidden > 0 {
            let kinds = counted(hidden as u64, "kind");
            text += &format!("           {kinds} more, each made as often at most\n");
        }
        text
    }

    /// Says what would allow all that was refused, in the form of the profile: the lines alone, to be put into it.
    pub fn cures(&self, is_json: bool) {
        if self.cures.is_empty() || self.file.is_some() {
            return;
        }
        if is_json {
            let rules: Vec<&str> = self.cures.iter().filter_map(Cure::profile_rule).collect();
            if !rules.is_empty() {
                let rules = rules.join(",\n");
                let without = without(&self.cures);
                output::aside(&format!("callgate: all of it is allowed by\n{rules}\n{without}"));
            }
            let others = self.cures.iter().filter(|cure| cure.profile_rule().is_none());
            for cure in others {
                let line = cure.line();
                output::aside(&format!("callgate: no container profile can say `{line}`\n"));
            }
            return;
        }
        let lines: Vec<String> = self.cures.iter().map(Cure::line).collect();
        output::aside(&format!("callgate: all of it is allowed by\n{}\n", lines.join("\n")));
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

/// What has to go from the rules of a container profile, as what is added cures nothing beside it.
fn without(cures: &[Cure]) -> String {
    let mut calls: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (place, call) in cures.iter().flat_map(Cure::removals_in_profile) {
        let known = calls.entry(place).or_default();
        if !known.contains(&call) {
            known.push(call);
        }
    }
    let line = |(place, calls): (&str, Vec<&str>)| {
        format!("callgate: and without {} in the rule at {place}\n", calls.join(", "))
    };
    calls.into_iter().map(line).collect()
}

/// How many calls were refused, and how many were made all the same.
fn sums(record: &Record) -> String {
    let mut sums = [("refused", 0, 0), ("let pass", 0, 0), ("logged", 0, 0)];
    for denial in record.denials() {
        let is_logged = denial.answer.kind().is_some_and(ActionKind::executes);
        let place = if is_logged { 2 } else { usize::from(denial.is_let_pass) };
        sums[place].1 += denial.count;
        sums[place].2 += 1;
    }
    let all_pass = record.denials().iter().all(|denial| denial.is_let_pass);
    sums[usize::from(all_pass)].1 += record.beyond();
    let said = sums.into_iter().filter(|(_, calls, _)| *calls > 0).map(|(what, calls, kinds)| {
        format!("{} of {} {what}", counted(calls, "call"), counted(kinds, "kind"))
    });
    said.collect::<Vec<_>>().join(", ")
}

fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
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
