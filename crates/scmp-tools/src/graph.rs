//! A program as a graph in Graphviz' language.

use std::fmt::{self, Write};

use callgate_bpf::{Instruction, Operation};

use crate::disasm::{mnemonic, operand, targets};

/// Constants above this are also shown in hexadecimal digits.
const DECIMAL_MAX: u32 = 256;

/// The graph: a node for each instruction, an edge for each way to go on.
pub(crate) fn graph(instructions: &[Instruction]) -> String {
    let mut text = String::from("digraph {\n\tstart[shape=\"box\", style=rounded];\n");
    let mut falls_through = true;
    for (index, instruction) in instructions.iter().enumerate() {
        // Writing to a string does not fail.
        let _ = node(&mut text, index, *instruction);
        match index.checked_sub(1) {
            None => text.push_str("\tstart -> line0\n"),
            Some(before) if falls_through => {
                text.push_str(&format!("\tline{before} -> line{index}\n"));
            }
            Some(_) => {}
        }
        falls_through = !ends(*instruction);
    }
    text.push_str("}\n");
    text
}

fn node(text: &mut String, index: usize, instruction: Instruction) -> fmt::Result {
    let operation = instruction.operation().ok();
    let (name, operand) = (mnemonic(operation), operand(operation, instruction));
    write!(text, "\tline{index}[label=\"{name}")?;
    let [yes, no] = targets(index, instruction);
    match operation {
        Some(Operation::Jump(_)) => {
            writeln!(text, "\",shape=hexagon]\n\tline{index} -> line{yes}")
        }
        Some(Operation::Branch { .. }) => {
            write!(text, " {operand:<4}")?;
            if instruction.k > DECIMAL_MAX {
                write!(text, "\\n({:#010x})", instruction.k)?;
            }
            writeln!(text, "\",shape=diamond]")?;
            writeln!(text, "\tline{index} -> line{yes} [label=\"true\"]")?;
            writeln!(text, "\tline{index} -> line{no} [label=\"false\"]")
        }
        Some(Operation::Return(_) | Operation::ReturnA) => {
            writeln!(text, " {operand}\", shape=\"box\", style=rounded]")
        }
        Some(Operation::CopyAToX | Operation::CopyXToA) => writeln!(text, "\"]"),
        Some(operation) => writeln!(text, " {operand}\",shape={}]", shape(operation)),
        None => writeln!(text, " ???\"]"),
    }
}

const fn shape(operation: Operation) -> &'static str {
    match operation {
        Operation::LoadImmediate(..)
        | Operation::LoadData(_)
        | Operation::LoadLength(_)
        | Operation::LoadSlot(..)
        | Operation::StoreSlot(..) => "parallelogram",
        _ => "rectangle",
    }
}

/// Whether the next instruction is not reached from this one, or only as the target of a jump.
fn ends(instruction: Instruction) -> bool {
    use Operation::{Branch, Jump, Return, ReturnA};
    let operation = instruction.operation();
    matches!(operation, Ok(Jump(_) | Branch { .. } | Return(_) | ReturnA))
}
