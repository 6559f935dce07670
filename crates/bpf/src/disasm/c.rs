//! A program as C source.

use std::fmt::{self, Write};

use super::{Listing, Style};
use crate::Program;

impl Program {
    /// The program as the initialiser of an array `filter` of `struct sock_filter`, one commented
    /// line an instruction.
    #[must_use]
    pub fn to_c(&self, style: Style) -> String {
        let mut text = String::new();
        // Writing to a String never fails.
        let _ = write_array(&mut text, &Listing::new(self, style));
        text
    }
}

fn write_array(out: &mut String, listing: &Listing) -> fmt::Result {
    writeln!(out, "#include <linux/filter.h>\n")?;
    writeln!(out, "static const struct sock_filter filter[{}] = {{", listing.lines.len())?;
    for line in &listing.lines {
        let i = line.instruction;
        let comment = line.comment.as_ref().map_or(String::new(), |c| format!(" ; {c}"));
        writeln!(
            out,
            "\t{{ {:#04x}, {:3}, {:3}, {:#010x} }}, /* {:4}: {}{comment} */",
            i.code, i.jt, i.jf, i.k, line.index, line.text
        )?;
    }
    writeln!(out, "}};")
}
