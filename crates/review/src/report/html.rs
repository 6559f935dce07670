//! A report as one page that needs nothing else: no network, and no script to be read.

use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::drawing::{legend, title, within};
use super::tree::branches;
use super::{BlockRow, CallRow, FindingRow, Report, Verdict};
use crate::text::{heading, what};
use crate::{Folded, summary};

const STYLE: &str = include_str!("page.css");

/// The style of pictures, which have it also where they are alone.
const PICTURE: &str = include_str!("picture.css");

/// Hides the rows that were not asked for; without it all are there.
const SCRIPT: &str = include_str!("page.js");

/// A report as HTML.
#[must_use]
pub fn html(report: &Report<'_>) -> String {
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (report.title) " - filter report" }
                style { (PreEscaped(STYLE)) (PreEscaped(PICTURE)) }
            }
            body {
                header { h1 { "Filter report: " span.file { (report.title) } } (in_words(report)) }
                main {
                    @if let Some((base, changes)) = &report.against { (compared(base, changes)) }
                    @if let Some(found) = &report.findings { (findings(found)) }
                    (intents(&report.blocks))
                    (decisions(&report.calls))
                    (calls(report))
                    (texts(report))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn in_words(report: &Report<'_>) -> Markup {
    let [allowed, depends, refused] = report.counts();
    markup! {
        p {
            "Of " (report.calls.len()) " syscalls " strong { (allowed) } " are allowed, "
            strong { (depends) } " depend on arguments or architecture, and "
            strong { (refused) } " are refused."
        }
        dl {
            @for (arches, default) in report.defaults_alike() {
                dt { "Any other call on " (arches) } dd { (default) }
            }
            dt { "A call of another architecture" } dd { (report.foreign) }
            @if let Some(under) = &report.circumstances {
                dt { "Circumstances" } dd { "This is so " (under) "; under others the filter is another one." }
            }
            @for (what, fact) in &report.facts { dt { (what) } dd { (fact) } }
        }
    }
}

fn compared(base: &str, changes: &[Folded<'_>]) -> Markup {
    markup! {
        section aria-labelledby="changes" {
            h2 #changes { "What changes from " span.file { (base) } }
            p { (summary(changes)) }
            @for group in changes.chunk_by(|a, b| a.direction == b.direction) {
                h3 { (heading(group[0].direction)) }
                table {
                    caption.hidden { (heading(group[0].direction)) }
                    thead { tr {
                        th scope="col" { "Calls" } th scope="col" { "Architectures" }
                        th scope="col" { "Was" } th scope="col" { "Is" }
                        th scope="col" { "For example" }
                    } }
                    tbody { @for change in group { (change_row(change)) } }
                }
            }
        }
    }
}

fn change_row(change: &Folded<'_>) -> Markup {
    let tried = change.tried.as_ref();
    markup! {
        tr {
            th scope="row" { code { (what(change, usize::MAX, usize::MAX)) } }
            td { (change.arches.join(", ")) }
            td { (change.from) }
            td { (change.to) }
            td {
                @if let Some(tried) = tried {
                    code { (tried.example) }
                }
                @if let Some(by) = tried.and_then(|tried| tried.from_by.as_ref()) {
                    div.by { "A: " (by) }
                }
                @if let Some(by) = tried.and_then(|tried| tried.to_by.as_ref()) {
                    div.by { "B: " (by) }
                }
            }
        }
    }
}

fn intents(blocks: &[BlockRow]) -> Markup {
    markup! {
        section aria-labelledby="intents" {
            h2 #intents { "By intent" }
            table {
                caption.hidden { "How many calls of each intent are allowed" }
                thead { tr {
                    th scope="col" { "Block" } th scope="col" { "What it is for" }
                    th scope="col" { "Allowed" } th scope="col" { "Depends" }
                    th scope="col" { "Refused" } th scope="col" { "Risk" }
                } }
                tbody {
                    @for BlockRow { name, purpose, risks, counts } in blocks {
                        tr {
                            th scope="row" { code { "@" (name) } }
                            td { (purpose) }
                            @for count in counts { td.number { (count) } }
                            td { (risks.join(", ")) }
                        }
                    }
                }
            }
        }
    }
}

fn findings(found: &[FindingRow]) -> Markup {
    let count = |severity| found.iter().filter(|finding| finding.severity == severity).count();
    markup! {
        section aria-labelledby="findings" {
            h2 #findings { "What is wrong with it" }
            @if found.is_empty() { p { "Nothing was found." } } @else {
                p {
                    (counted(count("error"), "error")) ", " (counted(count("warning"), "warning"))
                    ", " (counted(count("note"), "note")) ". " code { "callgate lint --explain CODE" }
                    " has a page on each code."
                }
            }
            @for finding in found {
                details {
                    summary {
                        span class=(severity_class(finding.severity)) { (finding.severity) } " "
                        code { (finding.code) } " " (finding.message)
                    }
                    ul {
                        @if let Some(place) = &finding.place { li { "at " code { (place) } } }
                        @for note in &finding.notes { li { (note) } }
                        @for help in &finding.helps { li { strong { "help: " } (help) } }
                    }
                }
            }
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

fn severity_class(severity: &str) -> &'static str {
    match severity {
        "error" => "refused",
        "warning" => "depends",
        _ => "by",
    }
}

fn decisions(calls: &[CallRow]) -> Markup {
    markup! {
        section aria-labelledby="decisions" {
            h2 #decisions { "The decisions" }
            (legend())
            @for (index, branch) in branches(calls).iter().enumerate() {
                details {
                    summary { (title(branch)) }
                    (within(branch, &format!("branch-{index}")))
                }
            }
        }
    }
}

fn calls(report: &Report<'_>) -> Markup {
    let Report { calls, .. } = report;
    let has_places = calls.iter().any(|call| !call.places.is_empty());
    markup! {
        section aria-labelledby="calls" {
            h2 #calls { "Every call" }
            form #filter role="search" hidden {
                label for="words" { "Show calls with " }
                input #words type="search" autocomplete="off";
                label for="verdict" { " that are " }
                select #verdict {
                    option value="" { "in any state" }
                    @for verdict in [Verdict::Allowed, Verdict::Depends, Verdict::Refused] {
                        option value=(verdict.word()) { (verdict.word()) }
                    }
                }
                " " output #count for="words verdict" {}
            }
            table #all {
                caption.hidden { "Every syscall with its verdict" }
                thead { tr {
                    th scope="col" { "Call" } th scope="col" { "Verdict" }
                    th scope="col" { "What happens" } th scope="col" { "Linux" }
                    th scope="col" { "Risk" } th scope="col" { "Made by" }
                    @if has_places { th scope="col" { "Where" } }
                } }
                tbody { @for call in calls { (call_row(call, report, has_places)) } }
            }
        }
    }
}

fn call_row(call: &CallRow, report: &Report<'_>, has_places: bool) -> Markup {
    let verdict = call.verdict.word();
    markup! {
        tr data-verdict=(verdict) {
            th scope="row" { code { (call.name) } }
            td class=(verdict) { (verdict) }
            td {
                @for (arches, sentences) in &call.cases {
                    @if call.cases.len() > 1 { span.by { (arches) ": " } }
                    @match sentences.as_slice() {
                        [one] => div { (one) },
                        several => ul { @for sentence in several { li { (sentence) } } },
                    }
                }
            }
            td { (call.since) }
            td { (call.risks.join(", ")) }
            td { (call.callers.join(", ")) }
            @if has_places {
                td { @for place in &call.places { div { (line_link(place, report)) } } }
            }
        }
    }
}

/// A place, as a link to its line if the text is in the page.
fn line_link(place: &str, report: &Report<'_>) -> Markup {
    let line = place.rsplit_once(':').and_then(|(file, line)| {
        let text = report.sources.iter().position(|(name, _)| name == file)?;
        Some(format!("#t{text}-{line}"))
    });
    markup! {
        @match line {
            Some(line) => a href=(line) { (place) },
            None => (place),
        }
    }
}

/// The policy line by line, each with the lines of the filter's own text that it came from.
fn statements(text: &str, report: &Report<'_>) -> Markup {
    markup! {
        pre tabindex="0" {
            @for line in text.lines() {
                code { (line) }
                @let places = origins(line, &report.calls);
                @if !places.is_empty() {
                    span.by { "    \u{2190}" @for place in places { " " (line_link(place, report)) } }
                }
                "\n"
            }
        }
    }
}

/// Where the calls that a statement names are spoken of, the first few.
fn origins<'c>(line: &str, calls: &'c [CallRow]) -> Vec<&'c str> {
    const PLACES_MAX: usize = 6;
    let code = line.split('#').next().unwrap_or_default();
    let mut places: Vec<&str> = Vec::new();
    for word in code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
        let Ok(at) = calls.binary_search_by(|call| call.name.cmp(word)) else { continue };
        for place in &calls[at].places {
            if !places.contains(&place.as_str()) && places.len() < PLACES_MAX {
                places.push(place);
            }
        }
    }
    places
}

fn texts(report: &Report<'_>) -> Markup {
    markup! {
        @if report.text.is_some() || !report.sources.is_empty() {
            section aria-labelledby="text" {
                h2 #text { "The policy" }
                @if let Some(text) = &report.text {
                    details {
                        summary { "The same filter in callgate's language, proved to mean the same" }
                        (statements(text, report))
                    }
                }
                @for (index, (name, text)) in report.sources.iter().enumerate() {
                    details {
                        summary { span.file { (name) } ", as it was read" }
                        pre.numbered tabindex="0" {
                            @for (line, text) in text.lines().enumerate() {
                                span id={ "t" (index) "-" (line + 1) } { (text) } "\n"
                            }
                        }
                    }
                }
            }
        }
    }
}
