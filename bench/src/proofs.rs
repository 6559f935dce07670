//! The time of proofs: of our programs, and of libseccomp's for the same profile.

use std::path::Path;
use std::time::Instant;

use callgate_bpf::{Program, Stack, decode};
use callgate_policy::Policy;
use callgate_prover::prove_stack;
use serde_json::{Value, json};

use super::contender::file_name;
use super::measure::{self, median};
use super::reference::{self, Reference};

/// The proof of a program.
pub(crate) struct Proof {
    policy: String,
    program: &'static str,
    instructions: usize,
    microseconds: f64,
    nodes: usize,
}

/// The number of times each proof is made.
const ROUNDS: usize = 5;

/// Whose programs of the whole profile are proved beside ours.
const THEIRS: [&str; 2] = ["libseccomp", "libseccomp tree"];

/// Proofs of all references, of smaller ones, and of the programs that libseccomp left in the
/// folder.
pub(crate) fn rows(references: &[Reference], folder: &Path) -> Result<Vec<Proof>, String> {
    let mut rows = Vec::new();
    for reference in references.iter().chain(&reference::small()?) {
        let stack = measure::compiled(&reference.policy)?;
        rows.push(proof(&reference.name, &reference.policy, "callgate", &stack)?);
    }
    for reference in references.iter().filter(|r| r.name == reference::WHOLE && r.rules.is_some()) {
        for name in THEIRS {
            let path = folder.join(file_name(name, reference, 0));
            // Its absence was explained when it could not be built.
            if !path.exists() {
                continue;
            }
            let stack = Stack::new([read(&path)?]);
            rows.push(proof(&reference.name, &reference.policy, name, &stack)?);
        }
    }
    Ok(rows)
}

fn read(path: &Path) -> Result<Program, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    decode(&bytes).map(|decoded| decoded.program).map_err(|e| format!("{}: {e}", path.display()))
}

fn proof(
    name: &str,
    policy: &Policy,
    program: &'static str,
    stack: &Stack,
) -> Result<Proof, String> {
    let mut times = Vec::new();
    let mut nodes = 0;
    for _ in 0..ROUNDS {
        let stack = stack.clone();
        let start = Instant::now();
        let proved = prove_stack(policy, stack, &measure::proof_options());
        times.push(start.elapsed().as_secs_f64() * 1e6);
        let proved = proved.map_err(|e| format!("{program}'s program of {name}: {e}"))?;
        nodes = proved.certificate().nodes;
    }
    let instructions = stack.programs().iter().map(Program::len).sum();
    let microseconds = median(&mut times);
    Ok(Proof { policy: name.to_owned(), program, instructions, microseconds, nodes })
}

pub(crate) fn print(proofs: &[Proof]) {
    println!("proof of          program              insns      time us     nodes");
    for Proof { policy, program, instructions, microseconds, nodes } in proofs {
        println!("{policy:<17} {program:<18} {instructions:>7} {microseconds:>12.1} {nodes:>9}");
    }
}

impl Proof {
    pub(crate) fn json(&self) -> Value {
        json!({
            "policy": self.policy,
            "program": self.program,
            "instructions": self.instructions,
            "time_us": self.microseconds,
            "nodes": self.nodes,
        })
    }
}
