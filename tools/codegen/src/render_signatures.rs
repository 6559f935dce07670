//! The generated file of signatures.

use super::layout::Layout;
use super::render::{array, header, words};

/// The argument lists.
pub(super) fn signatures(layout: &Layout<'_>) -> String {
    let mut text = header("What the kernel reads of each syscall's arguments.");
    words(&mut text, "WORD", &layout.words);
    let items: Vec<String> = layout
        .arguments
        .iter()
        .map(|(name, c_type, bits)| format!("({name}, {c_type}, {bits})"))
        .collect();
    array(&mut text, "ARGUMENTS", "(u16, u16, u8)", &items);
    let mut starts = vec![0];
    let mut flat = Vec::new();
    for signature in &layout.signatures {
        flat.extend(signature.iter().copied());
        starts.push(flat.len());
    }
    array(&mut text, "SIGNATURE_STARTS", "u16", &starts);
    array(&mut text, "SIGNATURE_ARGUMENTS", "u16", &flat);
    text
}
