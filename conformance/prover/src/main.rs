//! `cargo xtask conformance prover`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    house::main("conformance prover", conformance_prover::run)
}
