//! Findings that a text allows: `# allow(L0604): terminals are not shared here`.
//!
//! Such a comment stands on the line of the finding, on a line of its own before it, or, for what has no place in the text,
//! anywhere.

use callgate_rules::{Source, Span};

use crate::finding::{Draft, Findings};
use crate::subject::Subject;
use crate::{Finding, FindingPlace, Report};

/// A finding that the text allows.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// What was found.
    pub finding: Finding,
    /// Why it may stay.
    pub reason: String,
}

/// What was looked for: comments about anything else say nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// What is wrong with a filter anywhere.
    Filter,
    /// What is wrong with it in a world.
    World,
}

/// A comment that allows codes.
struct Comment {
    codes: Vec<String>,
    reason: String,
    span: Span,
    /// The lines that it is about: its own, and the next one with anything on it.
    lines: [usize; 2],
    is_used: bool,
}

/// Parts what was found in what is allowed and what is not.
pub(crate) fn report(subject: &Subject<'_>, found: Vec<Finding>, asked: Asked) -> Report {
    let mut comments: Vec<Comment> = match subject.text {
        Some(text) => text.sources.iter().flat_map(comments).collect(),
        None => Vec::new(),
    };
    for comment in &mut comments {
        comment.codes.retain(|code| code.starts_with("L08") == (asked == Asked::World));
    }
    comments.retain(|comment| !comment.codes.is_empty());
    let mut report = Report::default();
    for finding in found {
        match comments.iter_mut().find(|comment| comment.allows(subject, &finding)) {
            Some(comment) => {
                comment.is_used = true;
                report.allowed.push(Allowed { finding, reason: comment.reason.clone() });
            }
            None => report.findings.push(finding),
        }
    }
    let mut more = Findings::default();
    comments.iter().for_each(|comment| comment.judge(&mut more));
    report.findings.extend(more.sorted());
    report.findings.sort_by_key(|finding| finding.severity);
    report
}

fn comments(source: &Source) -> Vec<Comment> {
    // Only the language has comments that are the author's own.
    if !source.text().lines().any(|line| line.trim_start().starts_with("policy ")) {
        return Vec::new();
    }
    let mut list = Vec::new();
    let mut start = 0;
    let lines: Vec<&str> = source.text().split('\n').collect();
    for (index, line) in lines.iter().enumerate() {
        if let Some((at, codes, reason)) = parts(line) {
            let said = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with('#');
            let next =
                lines[index + 1..].iter().position(said).map_or(index, |more| index + 1 + more);
            // Behind a statement it is about that alone.
            let next = if line[..at].trim().is_empty() { next } else { index };
            let span = source.span(start + at..start + line.trim_end().len());
            let codes = codes.split(',').map(|code| code.trim().to_owned()).collect();
            let lines = [index + 1, next + 1];
            list.push(Comment { codes, reason: reason.to_owned(), span, lines, is_used: false });
        }
        start += line.len() + 1;
    }
    list
}

/// Where the comment begins, its codes and its reason.
fn parts(line: &str) -> Option<(usize, &str, &str)> {
    let at = line.find('#')?;
    let inside = line[at + 1..].trim_start().strip_prefix("allow(")?;
    let (codes, rest) = inside.split_once(')')?;
    Some((at, codes, rest.trim_start_matches(':').trim()))
}

impl Comment {
    fn allows(&self, subject: &Subject<'_>, finding: &Finding) -> bool {
        if !self.codes.iter().any(|code| code == finding.code.as_str()) {
            return false;
        }
        let Some(FindingPlace::Text(span)) = finding.place else { return true };
        let Some(source) = subject.text.and_then(|text| text.sources.get(span.source())) else {
            return false;
        };
        span.source() == self.span.source()
            && self.lines.contains(&source.position(span.start()).line)
    }

    /// What is wrong with the comment itself.
    fn judge(&self, findings: &mut Findings) {
        let place = Some(FindingPlace::Text(self.span));
        let about = format!("{}:{}", self.lines[0], self.codes.join(","));
        if self.reason.is_empty() {
            let message = format!("{} is allowed without a reason", self.codes.join(", "));
            findings.add_plain(Draft::new("L0901", about.clone(), message).at(place));
        }
        if !self.is_used {
            let message = format!("nothing here is found as {}", self.codes.join(", "));
            findings.add_plain(Draft::new("L0902", about, message).at(place));
        }
    }
}
