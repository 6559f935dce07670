//! Programs that the kernel would refuse, shown with the instruction that it objects to.

use std::fmt::Write as _;

use callgate_bpf::{Listing, Style};

use crate::Dump;

/// The listing of a dump, the offending line marked with `>` and the reason below it.
#[must_use]
pub fn marked(dump: &Dump, style: Style) -> String {
    let listing = Listing::of(&dump.instructions, style);
    let refused = dump.checked.as_ref().err();
    let index = refused.and_then(|refused| refused.reason.index());
    let mut text = String::new();
    for line in &listing.lines {
        let offends = index == Some(line.index);
        // Writing to a String never fails.
        let _ = writeln!(text, "{} {line}", if offends { '>' } else { ' ' });
        if let (true, Some(refused)) = (offends, refused) {
            let _ = writeln!(text, "> {:<7} ^ {}", "", refused.reason);
        }
    }
    if let (None, Some(refused)) = (index, refused) {
        let _ = writeln!(text, "> {}", refused.reason);
    }
    text
}
