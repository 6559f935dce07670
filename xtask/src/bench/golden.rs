//! Instruction counts as goldens: a change of the compiler shows what it costs, in `bench/goldens.txt`.

use std::path::PathBuf;

use callgate_prover::{Options, Prover, Scope, prove};

use super::measure::{self, Counts};
use super::reference::{self, Reference};
use crate::root;

fn path() -> PathBuf {
    root().join("bench/goldens.txt")
}

/// Compares with the committed counts, each of a program that is proved first.
pub(crate) fn check() -> Result<(), String> {
    let path = path();
    let committed =
        std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let current = text()?;
    let changed: Vec<String> = current
        .lines()
        .filter(|line| !committed.lines().any(|known| known == *line))
        .map(str::to_owned)
        .collect();
    match committed == current {
        true => {
            println!("bench: {} goldens hold", current.lines().count() - 1);
            Ok(())
        }
        false => Err(format!(
            "counts changed; if for the better, run `cargo xtask bench --goldens --bless`:\n{}",
            changed.join("\n")
        )),
    }
}

/// Writes the current counts.
pub(crate) fn bless() -> Result<(), String> {
    let path = path();
    std::fs::write(&path, text()?).map_err(|e| format!("{}: {e}", path.display()))
}

fn text() -> Result<String, String> {
    let mut text = String::from("# reference filters instructions mean max\n");
    for reference in reference::all()? {
        let stack = measure::filters(&reference.policy)?;
        prove_all(&reference, &stack)?;
        let counts: Vec<Counts> =
            stack.programs().iter().map(|program| Counts::of(program, &reference)).collect();
        let total = Counts {
            instructions: counts.iter().map(|counts| counts.instructions).sum(),
            mean: counts.iter().map(|counts| counts.mean).sum(),
            max: counts.iter().map(|counts| counts.max).sum(),
        };
        text.push_str(&format!("{} {} {total}\n", reference.name, counts.len()));
    }
    Ok(text)
}

fn prove_all(reference: &Reference, stack: &callgate_bpf::Stack) -> Result<(), String> {
    let named = |e: callgate_prover::Error| format!("{}: {e}", reference.name);
    let options = Options { nodes_max: 8_000_000, ..Options::default() };
    if let [only] = stack.programs() {
        return prove(&reference.policy, only.clone(), &options).map(|_| ()).map_err(named);
    }
    let mut prover = Prover::new(options);
    let meant = prover.policy(&reference.policy).map_err(named)?;
    let written = prover.stack(stack).map_err(named)?;
    match prover.equal(&meant, &written, Scope::Effective).map_err(named)? {
        true => Ok(()),
        false => Err(format!("{}: the filters do not mean what the policy does", reference.name)),
    }
}
