//! What tests of decoders compare with: the disassembler of the system.

use std::path::Path;
use std::process::Command;

use crate::image::Image;

/// An instruction as objdump prints it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) at: u64,
    pub(crate) text: String,
}

impl Line {
    /// The address that it jumps to or calls.
    pub(crate) fn target(&self) -> Option<u64> {
        let mut words = self.text.split_whitespace();
        let mut word = words.next()?;
        while matches!(word, "bnd" | "notrack" | "addr32" | "cs" | "ds" | "data16") {
            word = words.next()?;
        }
        let word = word.split(',').next()?;
        let x86 = word.starts_with('j') || matches!(word, "call" | "loop" | "xbegin");
        let arm = matches!(word, "b" | "bl" | "cbz" | "cbnz" | "tbz" | "tbnz");
        let is_direct = x86 && word != "xbegin" || arm || word.starts_with("b.");
        let last = words.take_while(|word| !word.starts_with('<')).last()?;
        // By pointer.
        if self.text.split('<').next()?.contains('*') {
            return None;
        }
        u64::from_str_radix(last.trim_start_matches("0x"), 16).ok().filter(|_| is_direct)
    }
}

/// The instructions of a file; none, with a word about it, where there is no such tool.
pub(crate) fn disassembled(tool: &str, file: &Path) -> Option<Vec<Line>> {
    let output = Command::new(tool).args(["-d", "--no-show-raw-insn", "-w"]).arg(file).output();
    let output = match output {
        Ok(output) if output.status.success() => output.stdout,
        _ => {
            eprintln!("skipped (no {tool}, or nothing for it)");
            return None;
        }
    };
    let text = String::from_utf8_lossy(&output);
    let line = |line: &str| {
        let (at, text) = line.split_once(":\t")?;
        let at = u64::from_str_radix(at.trim(), 16).ok()?;
        Some(Line { at, text: text.trim().to_owned() })
    };
    Some(text.lines().filter_map(line).collect())
}

pub(crate) fn image_of(file: &Path) -> Image {
    Image::read(std::fs::read(file).expect("readable")).expect("an ELF file")
}
