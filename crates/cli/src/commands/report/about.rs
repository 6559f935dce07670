//! What a report says of a filter beside its calls.

use callgate::FilterStack;
use callgate_bpf::{Program, Stack};
use callgate_console::error::Error;
use callgate_console::findings::Material;
use callgate_console::input::{Source, Subject};
use callgate_console::measure::Executed;
use callgate_lint::{Finding, FindingPlace};
use callgate_policy::Policy;
use callgate_review::{
    FindingRow, Readable, Report, on_registers, readable, tests_more_than_registers,
};
use callgate_rules::{Severity, Sources};
use callgate_syscalls::Arch;

use callgate_console::side::Side;

/// Numbers of which nothing is said where a program tells some of them apart.
pub(crate) const NAMELESS: &str = "numbers from 0x80000000 to 0xfffffffe, which no syscall has,";

/// What is reported of a filter.
pub(super) struct Reported {
    /// What it means for calls that a machine can make.
    pub(super) policy: Policy,
    /// The architectures that alone are reported of a program that does not treat all others alike.
    only: Option<Vec<Arch>>,
    /// Whether [`NAMELESS`] are left out.
    below: bool,
    /// Whether tests of the high halves of 32-bit registers are left out.
    registers: bool,
}

/// What a filter means.
///
/// # Errors
/// [`Error::Prover`] for programs that no policy means.
pub(super) fn policy_of(side: &Side, arches: &[Arch]) -> Result<Reported, Error> {
    let (policy, only, below) = match side.subject() {
        Subject::Policy(policy) => (policy, None, false),
        Subject::Stack(stack) => {
            let read = readable_here(&stack, arches).map_err(Error::Prover)?;
            let policy =
                if arches.is_empty() { read.policy } else { narrowed(&read.policy, arches)? };
            (policy, read.only, read.below)
        }
    };
    let registers = tests_more_than_registers(&policy);
    let policy = on_registers(&policy).map_err(|error| Error::Usage(error.to_string()))?;
    Ok(Reported { policy, only, below, registers })
}

/// What is said of some architectures alone.
///
/// # Errors
/// [`Error::Usage`] for an architecture that the program does not know.
pub(crate) fn narrowed(policy: &Policy, arches: &[Arch]) -> Result<Policy, Error> {
    let mut builder = Policy::builder(policy.foreign());
    for arch in arches {
        let own = policy.arch(*arch).ok_or_else(|| {
            let known: Vec<&str> = policy.arches().map(|(arch, _)| arch.name()).collect();
            Error::Usage(format!(
                "the program does not know {}: its calls are foreign and get {}, as do those of all but {}",
                arch.name(),
                policy.foreign(),
                known.join(", ")
            ))
        })?;
        builder = builder.arch(*arch, own.clone());
    }
    builder.build().map_err(|error| Error::Usage(error.to_string()))
}

/// What programs mean: where they do not treat all other architectures alike, for the ones that are
/// asked for, or else for this machine's.
///
/// # Errors
/// As [`readable`].
pub(crate) fn readable_here(
    stack: &Stack,
    arches: &[Arch],
) -> Result<Readable, callgate_prover::Error> {
    match arches {
        [] => readable(stack, &here()),
        arches => readable(stack, arches),
    }
}

/// The architectures whose programs this machine runs.
fn here() -> Vec<Arch> {
    match Arch::native() {
        Some(Arch::X86_64) => vec![Arch::X86_64, Arch::X86],
        Some(Arch::Aarch64) => vec![Arch::Aarch64, Arch::Arm],
        other => other.into_iter().collect(),
    }
}

/// A filter as a policy, and a report on it.
///
/// # Errors
/// [`Error::Prover`] for programs that no policy means; [`Error::Usage`] for what the language can't say.
pub(crate) fn report_of<'a>(
    side: &Side,
    source: &Source,
    arches: &[Arch],
) -> Result<(Policy, Report<'a>), Error> {
    let Reported { policy, only, below, registers } = policy_of(side, arches)?;
    let report = Report::of(&policy, source.to_string());
    let mut report = report.map_err(|error| Error::Usage(error.to_string()))?;
    if let Some(only) = only {
        let names: Vec<&str> = only.iter().map(|arch| arch.name()).collect();
        "is decided by its number alone, as other architectures are not told apart"
            .clone_into(&mut report.foreign);
        let fact = format!(
            "not treated alike: everything here is about {}, and calls of others are decided as if they were these",
            names.join(", ")
        );
        report.facts.push(("Other architectures".to_owned(), fact));
    }
    if below {
        let fact = format!("{NAMELESS} are told apart, and taken here as killed");
        report.facts.push(("Other numbers".to_owned(), fact));
    }
    if registers {
        let fact = "the filter tests high halves of arguments also where registers have 32 bits: they are taken as the \
                    zeros that the kernel shows there";
        report.facts.push(("Arguments".to_owned(), fact.to_owned()));
    }
    report.facts.extend(match side.subject() {
        Subject::Policy(policy) => of_policy(&policy),
        Subject::Stack(stack) => of_programs(&stack),
    });
    Ok((policy, report))
}

/// The filter that is made of a policy, and its proof.
fn of_policy(policy: &Policy) -> Vec<(String, String)> {
    let Ok(filters) = FilterStack::from_policy(policy.clone()) else { return Vec::new() };
    let stack = filters.stack();
    let mut facts = vec![
        ("Instructions".to_owned(), instructions(stack)),
        ("Executed for a call".to_owned(), Executed::by(stack, policy).to_string()),
    ];
    if let Some(proof) = filters.proof().certificate() {
        let said = format!(
            "the program means what the policy says, for every call: {} nodes, {} calls checked again",
            proof.nodes, proof.calls
        );
        facts.push(("Proof".to_owned(), said));
    }
    facts
}

fn of_programs(stack: &Stack) -> Vec<(String, String)> {
    let proof = "what is said here was proved to be what the program does".to_owned();
    vec![("Instructions".to_owned(), instructions(stack)), ("Proof".to_owned(), proof)]
}

fn instructions(stack: &Stack) -> String {
    let count: usize = stack.programs().iter().map(Program::len).sum();
    match stack.programs().len() {
        1 => count.to_string(),
        several => format!("{count} in {several} filters"),
    }
}

/// What lint finds.
///
/// # Errors
/// As [`Material::lint`].
pub(super) fn findings(material: &Material) -> Result<Vec<FindingRow>, Error> {
    let found = material.lint()?.findings;
    Ok(found.iter().map(|finding| finding_row(finding, material.sources())).collect())
}

fn finding_row(finding: &Finding, sources: &Sources) -> FindingRow {
    let diagnostic = finding.diagnostic();
    FindingRow {
        severity: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        code: finding.code.to_string(),
        message: diagnostic.message,
        place: match finding.place {
            Some(FindingPlace::Text(span)) => sources.place(span),
            Some(FindingPlace::Instruction { filter: 0, instruction }) => {
                Some(format!("instruction {instruction}"))
            }
            Some(FindingPlace::Instruction { filter, instruction }) => {
                Some(format!("filter {filter}, instruction {instruction}"))
            }
            None => None,
        },
        notes: diagnostic.notes,
        helps: diagnostic.helps.into_iter().map(|help| help.message).collect(),
    }
}
