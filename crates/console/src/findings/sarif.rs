//! Findings as SARIF 2.1.0, the part of it that code hosts read.
//!
//! The crates for SARIF generate all of its types at build time, from a schema of 150 kB, to write what is here.

use callgate_lint::{Finding, FindingPlace, Page};
use callgate_rules::{Severity, Sources, Span};
use serde_json::{Value, json};

use super::class::pages;
use super::looked::Looked;
use crate::error::Error;

/// What was found, in one run, and what could not be looked at.
pub fn log(looked: &[Looked], failed: &[Error]) -> Value {
    let results: Vec<Value> = looked
        .iter()
        .flat_map(|looked| {
            looked.report.findings.iter().map(move |finding| result(looked, finding))
        })
        .collect();
    let rules: Vec<Value> = pages().map(rule).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "callgate lint",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation(failed)],
            "results": results,
        }],
    })
}

fn invocation(failed: &[Error]) -> Value {
    let told = |error: &Error| json!({"level": "error", "message": {"text": error.to_string()}});
    json!({
        "executionSuccessful": failed.is_empty(),
        "toolExecutionNotifications": failed.iter().map(told).collect::<Vec<_>>(),
    })
}

fn rule(page: Page) -> Value {
    json!({
        "id": page.code,
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.text},
        "help": {"text": page.mend.unwrap_or(page.text)},
        "defaultConfiguration": {"level": level(page.severity)},
    })
}

fn result(looked: &Looked, finding: &Finding) -> Value {
    let diagnostic = finding.diagnostic();
    let text = std::iter::once(&diagnostic.message).chain(&diagnostic.notes);
    let text: Vec<&str> = text.map(String::as_str).collect();
    let region = match finding.place {
        Some(FindingPlace::Text(span)) => region(span, &looked.sources),
        _ => None,
    };
    let (uri, region) = region.unwrap_or_else(|| (looked.name.clone(), json!({"startLine": 1})));
    json!({
        "ruleId": finding.code.as_str(),
        "level": level(finding.severity),
        "message": {"text": text.join("\n")},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": encoded(&uri)}, "region": region},
        }],
        "partialFingerprints": {"callgate/v1": format!("{}/{}", finding.code, finding.about)},
    })
}

fn region(span: Span, sources: &Sources) -> Option<(String, Value)> {
    let source = sources.get(span.source())?;
    let (first, last) = (source.position(span.start()), source.position(span.end()));
    let region = json!({
        "startLine": first.line,
        "startColumn": first.column,
        "endLine": last.line,
        "endColumn": last.column,
    });
    Some((source.name().to_owned(), region))
}

/// A path as a URI has it: all but what every part of one may hold is in percents.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::new(), |mut uri, byte| {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => uri.push(byte.into()),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
        uri
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}
