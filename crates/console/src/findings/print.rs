//! Findings, pages and codes on standard output.

use callgate_lint::World;
use callgate_rules::Severity;

use super::class::{self, Format};
use super::looked::Looked;
use super::{Material, sarif};
use crate::error::{Error, Status};
use crate::output;

/// Writes what was found, and which filters could not be looked at, where the form has a place for it.
///
/// # Errors
/// As [`output::text`].
pub fn findings(looked: &[Looked], failed: &[Error], format: Format) -> Result<(), Error> {
    match format {
        Format::Text => looked.iter().try_for_each(|looked| {
            let text = super::rendered(&looked.report, &looked.sources);
            output::text(|out| {
                write!(out, "{text}")?;
                writeln!(out, "{}: {}", looked.name, super::summary(&looked.report))
            })
        }),
        Format::Json => {
            let list: Vec<_> = looked.iter().flat_map(super::json).collect();
            output::json(&list)
        }
        Format::Sarif => output::json(&sarif::log(looked, failed)),
    }
}

/// Writes the page of a code.
///
/// # Errors
/// [`Error::Usage`] where there is none; as [`output::text`].
pub fn page(code: &str) -> Result<Status, Error> {
    let page = class::page(code).ok_or_else(|| {
        Error::Usage(format!(
            "no finding has the code {code:?}: `callgate lint --codes` lists them"
        ))
    })?;
    let heading = output::HEADING;
    output::text(|out| {
        writeln!(out, "{heading}{}: {}{heading:#}\n\n{}", page.code, page.title, page.text)
    })?;
    Ok(Status::Success)
}

/// Lists all codes.
///
/// # Errors
/// As [`output::text`].
pub fn codes() -> Result<Status, Error> {
    let heading = output::HEADING;
    output::text(|out| {
        class::pages().try_for_each(|page| {
            writeln!(out, "{heading}{}{heading:#}  {:<7}  {}", page.code, page.severity, page.title)
        })
    })?;
    Ok(Status::Success)
}

/// Warnings that a filter lacks something that its text says: a word that the tool does not know.
const PASSED_OVER: [&str; 2] = ["L0311", "W0401"];

/// Prints what is found as an error, and, for who is strict, what of a text is passed over; says how many there are.
///
/// # Errors
/// As [`Material::lint`] and [`output::text`].
pub fn errors(material: &Material, is_strict: bool) -> Result<usize, Error> {
    let mut report = material.lint()?;
    report.findings.retain(|finding| {
        let is_passed_over = PASSED_OVER.contains(&finding.code.as_str());
        finding.severity == Severity::Error || is_strict && is_passed_over
    });
    let (text, bad) = (super::rendered(&report, material.sources()), output::BAD);
    let count = report.findings.len();
    if count > 0 {
        output::text(|out| write!(out, "{bad}wrong{bad:#}\n\n{}\n", text.trim_end()))?;
    }
    Ok(count)
}

/// Writes what a filter lacks in a world; says whether any of it breaks programs.
///
/// # Errors
/// As [`Material::against_world`] and [`output::text`].
pub fn against_world(
    name: &str,
    material: &Material,
    world: &World,
    format: Format,
) -> Result<bool, Error> {
    let (report, sources) = (material.against_world(world)?, material.sources().clone());
    let looked = [Looked { name: name.to_owned(), sources, report }];
    findings(&looked, &[], format)?;
    Ok(super::is_found(&looked, &[]))
}
