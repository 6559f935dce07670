//! A report as a policy in callgate's language.

use std::fmt::Write as _;

use callgate_facts::{Block, Groups};

use crate::report::Report;
use crate::text::by_intent;

impl Report {
    /// A policy that allows what can be reached, each call with the way to it, and refuses the
    /// rest. What is unknown stands in front.
    #[must_use]
    pub fn policy(&self) -> String {
        let arches = self.arches();
        let names: Vec<&str> = arches.iter().map(|arch| arch.name()).collect();
        let mut text = format!("policy 1\narch {}\nforeign kill\n", names.join(", "));
        // Newer libraries and kernels try calls first that these files do not know.
        text += "baseline linux 4.18 else ENOSYS\ndefault errno EPERM\n";
        let _ = writeln!(text, "groups {}", Groups::LATEST.version());
        let programs = self.files.iter().filter(|file| file.role == "program");
        let programs: Vec<&str> = programs.map(|file| file.path.as_str()).collect();
        let _ = writeln!(text, "\n# Reachable in: {}", one_line(&programs.join(" ")));
        for unknown in &self.unknown {
            let line = format!("{}: {}", unknown.what, unknown.at);
            let _ = writeln!(text, "#@ unknown {}", one_line(&line));
        }
        for &arch in &arches {
            if arches.len() > 1 {
                let _ = writeln!(text, "\non {} {{", arch.name());
            }
            let mut starts = false;
            for (block, calls) in by_intent(self, arch) {
                let _ = writeln!(text, "\n# {}", block.map_or("other calls", Block::name));
                for call in calls {
                    starts |= call.name == Some("execve");
                    let way = one_line(&self.told(&call.path));
                    let _ = writeln!(text, "allow {}  #@ reachable {way}", call.told());
                }
            }
            if !starts {
                text +=
                    "\n# the start of the program itself, under a filter that is loaded before\n";
                text += "allow execve\n";
            }
            if arches.len() > 1 {
                text += "}\n";
            }
        }
        text
    }
}

/// A text that does not end its line: names of files and symbols are anybody's.
fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { '?' } else { char }).collect()
}
