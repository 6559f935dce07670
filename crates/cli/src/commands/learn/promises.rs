//! The tests of a profile, asked before an update takes its place.

use std::path::Path;

use callgate_gate::{NoOutcome, Test};
use callgate_learn::{CallKey, Promised, Refusal};
use callgate_rules::Sources;

use callgate_console::args::group::ProfileArgs;
use callgate_console::error::Error;
use callgate_console::input::{Source, gate};

/// A kind of calls that a test describes and that is decided otherwise.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) call: CallKey,
    test: Test,
    /// Where the test stands, and what it says.
    pub(super) told: String,
}

impl Broken {
    /// Whether both are of one test, which may have moved, and about one call.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let Self { call, test, .. } = self;
        *call == other.call
            && (&test.calls, &test.expected, &test.applies)
                == (&other.test.calls, &other.test.expected, &other.test.applies)
    }
}

/// What of the tests in a profile's text does not hold.
pub(super) fn broken(path: &Path, text: &str) -> Result<Vec<Broken>, Error> {
    let how = ProfileArgs::silent();
    let written = gate::written(text.as_bytes().to_vec(), &Source::File(path.to_owned()))?;
    if written.tests.is_empty() {
        return Ok(Vec::new());
    }
    let target = gate::target(&how, &[])?;
    let lowered = written.lower(&target).map_err(Error::text)?;
    let mut broken = Vec::new();
    for (tests, lowered) in written.suites(&target, lowered).map_err(Error::text)? {
        for test in tests {
            let told = told(&test, &written.sources);
            let failures = match test.failures(&lowered.policy) {
                // No architecture of the profile has the call.
                Err(NoOutcome::Nowhere) => continue,
                other => other.map_err(|error| no_outcome(&told, error))?,
            };
            broken.extend(failures.iter().map(|failure| {
                let call = CallKey::of(&failure.call);
                Broken { call, test: test.clone(), told: told.clone() }
            }));
        }
    }
    Ok(broken)
}

/// Adds to `promised` what has to stay out for the sake of these tests: of each call the
/// observations that the test describes, or the call, where no statement about the others would
/// do. Whether that is anything more.
pub(super) fn keep(promised: &mut Promised, broken: &[Broken], new: &[Refusal]) -> bool {
    let before = promised.clone();
    for Broken { call, test, .. } in broken {
        let described = |refusal: &&Refusal| {
            refusal.call == *call && test.describes(&refusal.data).unwrap_or(true)
        };
        let observed = new.iter().filter(described).map(|r| (r.call, r.arguments.clone()));
        let known = promised.observations.len();
        promised.observations.extend(observed);
        if promised.observations.len() == known {
            promised.calls.insert(*call);
        }
    }
    *promised != before
}

fn told(test: &Test, sources: &Sources) -> String {
    let source = sources.get(test.span.source());
    let text = source.and_then(|source| source.slice(test.span)).unwrap_or_default();
    format!("{}: `{text}`", sources.place(test.span).unwrap_or_default())
}

fn no_outcome(told: &str, error: NoOutcome) -> Error {
    match error {
        NoOutcome::Prover(error) => Error::Prover(error),
        other => Error::Usage(format!("{told} cannot be made: {other}")),
    }
}
