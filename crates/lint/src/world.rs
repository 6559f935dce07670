//! What a filter does where it is to run: with the calls of C libraries, runtimes and kernels in
//! given versions.
//!
//! Claim: C-WORLD

mod callers;
mod kernels;

use callgate_facts::Release;
use callgate_prover::Error;
use callgate_syscalls::{Arch, KernelVersion};

use crate::Report;
use crate::finding::Findings;
use crate::ground::Ground;
use crate::subject::{Options, Subject};
use crate::suppress::{self, Asked};

/// Where a filter is to run.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "whoever asks fills it in")]
pub struct World {
    /// C libraries and runtimes.
    pub releases: Vec<Release>,
    /// Kernels, from [`World::OLDEST`] to [`World::newest`].
    pub kernels: Vec<KernelVersion>,
}

impl World {
    /// The first kernel that has filters.
    pub const OLDEST: KernelVersion = KernelVersion::new(3, 5);

    /// The last kernel of which calls are known.
    #[must_use]
    pub fn newest() -> KernelVersion {
        let of = |arch: Arch| arch.syscalls().map(|call| call.since).max();
        Arch::ALL.into_iter().filter_map(of).max().unwrap_or(Self::OLDEST)
    }

    /// Reads a kernel's version.
    ///
    /// # Errors
    /// What is wrong with it, with what is known.
    pub fn kernel(text: &str) -> Result<KernelVersion, String> {
        let (oldest, newest) = (Self::OLDEST, Self::newest());
        match text.parse::<KernelVersion>() {
            Ok(known) if (oldest..=newest).contains(&known) => Ok(known),
            Ok(_) => Err(format!("Linux {text} is not known; known: {oldest} to {newest}")),
            Err(problem) => Err(format!("{problem}; known: {oldest} to {newest}")),
        }
    }
}

/// Looks for what a filter lacks in a world.
///
/// # Errors
/// As [`lint`](crate::lint()).
pub fn against_world(
    subject: &Subject<'_>,
    options: &Options,
    world: &World,
) -> Result<Report, Error> {
    let mut findings = Findings::default();
    let mut ground = Ground::new(subject, options)?;
    callers::check(&mut ground, &mut findings, world);
    for kernel in &world.kernels {
        kernels::check(&mut ground, &mut findings, *kernel);
    }
    match ground.take_trouble() {
        Some(trouble) => Err(trouble),
        None => Ok(suppress::report(subject, findings.sorted(), Asked::World)),
    }
}
