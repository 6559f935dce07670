//! The worlds: which kernels are booted, on which machines, with which settings.

use crate::machine::{AMD64, ARM64, ARMHF, Machine, PPC64EL, RISCV64, S390X};
use crate::{Request, guest};

/// A kernel with its machine and settings.
#[derive(Debug)]
pub(crate) struct World {
    /// Debian's release, whose kernel it is.
    pub(crate) suite: &'static str,
    pub(crate) machine: &'static Machine,
    pub(crate) jit: Jit,
    /// Whether CI boots it.
    pub(crate) quick: bool,
}

/// What the kernel makes of filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Jit {
    /// Machine code.
    On,
    /// Nothing: it interprets them.
    Off,
    /// Machine code with blinded constants.
    Hardened,
}

/// What is done in a world.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) jit: Jit,
    /// Whether an emulator executes the kernel.
    pub(crate) translated: bool,
    /// An Nth part of the cases.
    pub(crate) part: u32,
    pub(crate) seed: u32,
    /// The checks that are made.
    pub(crate) checks: Vec<&'static str>,
}

/// A part of the cases that machines get through which are translated: above 100,000 programs and
/// 50,000 executions.
const TRANSLATED: u32 = 4;
/// What CI has time for.
const QUICK: u32 = 50;

pub(crate) const WORLDS: &[World] = &[
    World::of("bullseye", &AMD64, Jit::On),
    World::of("bullseye", &AMD64, Jit::Off),
    World::of("bookworm", &AMD64, Jit::On).quick(),
    World::of("bookworm", &AMD64, Jit::Off),
    World::of("trixie", &AMD64, Jit::On),
    World::of("trixie", &AMD64, Jit::Off),
    World::of("trixie", &AMD64, Jit::Hardened),
    World::of("sid", &AMD64, Jit::On),
    World::of("sid", &AMD64, Jit::Off),
    World::of("experimental", &AMD64, Jit::On),
    World::of("trixie", &S390X, Jit::On),
    World::of("trixie", &S390X, Jit::Off),
    World::of("sid", &S390X, Jit::On),
    World::of("trixie", &ARM64, Jit::On),
    World::of("sid", &ARM64, Jit::On),
    World::of("trixie", &ARMHF, Jit::On),
    World::of("trixie", &PPC64EL, Jit::On),
    World::of("trixie", &RISCV64, Jit::On),
    World::of("sid", &RISCV64, Jit::On),
];

impl World {
    const fn of(suite: &'static str, machine: &'static Machine, jit: Jit) -> Self {
        Self { suite, machine, jit, quick: false }
    }

    const fn quick(self) -> Self {
        Self { quick: true, ..self }
    }

    /// The words by which it is chosen.
    pub(crate) fn name(&self) -> String {
        format!("{} {} {}", self.suite, self.machine.debian, self.jit.name())
    }

    /// What is to be done in it.
    pub(crate) fn plan(&self, number: u32, request: &Request) -> Result<Plan, String> {
        let translated = !self.machine.accelerated();
        let part = match (translated, request.quick) {
            (true, true) => QUICK,
            (true, false) => TRANSLATED,
            (false, _) => 1,
        };
        Ok(Plan {
            jit: self.jit,
            translated,
            part: request.part.unwrap_or(part),
            seed: request.seed.unwrap_or(number),
            checks: guest::checks(&request.checks)?,
        })
    }
}

impl Plan {
    /// Whether the command has to be there, which takes as long to build as all else.
    pub(crate) fn needs_command(&self) -> bool {
        self.checks.iter().any(|check| ["doctor", "command"].contains(check))
    }
}

impl Jit {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::On => "jit",
            Self::Off => "interpreter",
            Self::Hardened => "hardened",
        }
    }

    /// The values of the kernel's settings `bpf_jit_enable` and `bpf_jit_harden`.
    pub(crate) const fn settings(self) -> [u8; 2] {
        match self {
            Self::On => [1, 0],
            Self::Off => [0, 0],
            Self::Hardened => [1, 2],
        }
    }
}
