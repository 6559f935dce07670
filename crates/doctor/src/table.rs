//! The report for people.

use std::io::{self, Write};

use anstyle::Style;
use clap::ValueEnum;

use crate::check::{Answer, Check, Group, Need, Value};
use crate::verdict;
use callgate_console::output::{BAD, FAINT, GOOD, HEADING};

/// Writes the groups, each answer with its value or reason, and what to do below it; then what is usable.
pub(crate) fn write(out: &mut dyn Write, checks: &[Check]) -> io::Result<()> {
    let width = checks.iter().map(|check| check.question.len()).max().unwrap_or(0);
    for group in GROUPS {
        let mut rows = checks.iter().filter(|check| check.group == group).peekable();
        if rows.peek().is_some() {
            writeln!(out, "{HEADING}{}{HEADING:#}", heading(group))?;
        }
        rows.try_for_each(|check| row(out, check, width))?;
    }
    writeln!(out, "{HEADING}Altogether{HEADING:#}")?;
    for &need in Need::value_variants() {
        let answer = verdict(need, checks);
        let style = style(Some(answer), true);
        writeln!(out, "  {style}{:7}{style:#}  {}", word(Some(answer)), usable(need))?;
    }
    Ok(())
}

fn row(out: &mut dyn Write, check: &Check, width: usize) -> io::Result<()> {
    let style = style(check.answer, !check.needed_by.is_empty());
    let value = check.value.as_ref().map(|value| match value {
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.clone(),
    });
    let said: Vec<_> = value.into_iter().chain(check.reason.clone()).collect();
    write!(out, "  {style}{:7}{style:#}  ", word(check.answer))?;
    match said.is_empty() {
        true => writeln!(out, "{}", check.question)?,
        false => {
            let said = said.join("; ");
            writeln!(out, "{:width$}  {FAINT}{said}{FAINT:#}", check.question)?;
        }
    }
    match &check.advice {
        Some(advice) => writeln!(out, "           -> {advice}"),
        None => Ok(()),
    }
}

const GROUPS: [Group; 6] = [
    Group::Kernel,
    Group::Notifications,
    Group::Entries,
    Group::Confinement,
    Group::Cost,
    Group::Learning,
];

const fn heading(group: Group) -> &'static str {
    match group {
        Group::Kernel => "Filters of this kernel",
        Group::Notifications => "Notifications",
        Group::Entries => "Ways around a filter",
        Group::Confinement => "This process",
        Group::Cost => "Cost",
        Group::Learning => "Seeing what programs do",
    }
}

const fn usable(need: Need) -> &'static str {
    match need {
        Need::Run => "callgate run",
        Need::Pid => "the filters of processes (callgate disasm --pid)",
        Need::Agent => "answering the notifications of containers",
    }
}

const fn word(answer: Option<Answer>) -> &'static str {
    match answer {
        Some(Answer::Yes) => "yes",
        Some(Answer::No) => "no",
        Some(Answer::Unknown) => "unknown",
        None => "",
    }
}

const fn style(answer: Option<Answer>, needed: bool) -> Style {
    match answer {
        Some(Answer::Yes) if needed => GOOD,
        Some(Answer::No | Answer::Unknown) if needed => BAD,
        _ => Style::new(),
    }
}
