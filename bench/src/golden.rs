//! Instruction counts as goldens: a change of the compiler shows what it costs, in
//! `bench/goldens.txt`.

use std::path::PathBuf;

use callgate_prover::prove_stack;

use super::measure::{self, Counts};
use super::reference;
use house::root;

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
    for reference in reference::goldens()? {
        let stack = measure::filters(&reference.policy)?;
        let each: Vec<Counts> =
            stack.programs().iter().map(|program| Counts::of(program, &reference)).collect();
        // Whatever is allowed without conditions must be the kernel's to answer alone.
        for &(arch, nr) in &reference.allowed {
            if !stack.cacheable(arch.token(), nr) {
                return Err(format!("{}: number {nr} on {arch} can't be cached", reference.name));
            }
        }
        prove_stack(&reference.policy, stack, &measure::proof_options())
            .map_err(|e| format!("{}: {e}", reference.name))?;
        let total = Counts::sum(&each);
        text.push_str(&format!("{} {} {total}\n", reference.name, each.len()));
    }
    Ok(text)
}
