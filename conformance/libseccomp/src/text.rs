//! In what two PFC texts of programs that mean the same differ.

/// Why texts may differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// Tests of rules that it took out as redundant still count in the printed priority.
    CountsRemoved,
    /// It shows a rule that can't be reached, and ours does not.
    ShowsUnreachable,
    /// Ours shows a rule that can't be reached.
    LeavesOutUnreachable,
    /// Tests of equal rank stand in another order, after a rule among them became redundant.
    OtherOrder,
    /// The priority is forgotten with the rules that a new one made redundant.
    LosesPriority,
}

/// The reasons; an error with the first block that no reason explains.
pub(super) fn reasons(theirs: &str, ours: &str) -> Result<Vec<Reason>, String> {
    let (theirs, ours) = (blocks(theirs), blocks(ours));
    let mut found = Vec::new();
    for (theirs, ours) in theirs.iter().zip(&ours) {
        if theirs == ours {
            continue;
        }
        let lower = theirs.priority < ours.priority;
        let reason = match (theirs.head == ours.head, theirs.body == ours.body) {
            (true, true) if lower && theirs.priority >> 16 == ours.priority >> 16 => {
                Reason::CountsRemoved
            }
            (true, true) if lower => Reason::LosesPriority,
            (true, false) if lower && within(&ours.body, &theirs.body) => Reason::ShowsUnreachable,
            (true, false) if !lower && within(&theirs.body, &ours.body) => {
                Reason::LeavesOutUnreachable
            }
            (true, false) if sorted(&theirs.body) == sorted(&ours.body) => Reason::OtherOrder,
            _ => return Err(format!("blocks differ; theirs: {theirs:?}\nours: {ours:?}")),
        };
        found.push(reason);
    }
    match (theirs.len() == ours.len(), found.is_empty()) {
        (true, false) => Ok(found),
        _ => Err("texts have other blocks, or the same in another order".into()),
    }
}

/// Part of a text: a syscall, or what is between architectures.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    section: usize,
    head: String,
    body: Vec<String>,
    priority: u64,
}

/// The blocks, those of a section in an order that does not depend on priorities.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut section = 0;
    for line in text.lines() {
        let (head, priority) = match line.split_once(" [priority: ") {
            Some((head, priority)) => (head, priority.trim_end_matches(']').parse().unwrap_or(0)),
            None => (line, 0),
        };
        let end = line.starts_with("# ") || line.ends_with("# default action");
        section += usize::from(end);
        match blocks.last_mut().filter(|_| !end && head == line) {
            Some(block) => block.body.push(line.into()),
            None => blocks.push(Block { section, head: head.into(), body: Vec::new(), priority }),
        }
    }
    blocks.sort();
    blocks
}

fn sorted(lines: &[String]) -> Vec<&String> {
    let mut lines: Vec<&String> = lines.iter().collect();
    lines.sort();
    lines
}

/// Whether lines are, in their order, among others.
fn within(few: &[String], many: &[String]) -> bool {
    let mut many = many.iter();
    few.iter().all(|line| many.any(|other| other == line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(priority: u32, body: &str, after: &str) -> String {
        let read = format!("  # filter for syscall \"read\" (0) [priority: {priority}]\n{body}");
        let write = "  # filter for syscall \"write\" (1) [priority: 65535]\n  y\n";
        let (first, second) = match after {
            "" => (read.as_str(), write),
            _ => (write, read.as_str()),
        };
        format!("# filter for arch x\nif\n{first}{second}  # default action\n  z\n")
    }

    #[test]
    fn only_lower_priorities_and_longer_rules_are_explained() {
        let ours = text(65_533, "a\nb\n", "");
        let reason = |theirs: String| reasons(&theirs, &ours).map(|reasons| reasons.len()).ok();
        assert_eq!(reason(text(65_530, "a\nb\n", "write")), Some(1));
        assert_eq!(reason(text(65_530, "a\nc\nb\n", "")), Some(1));
        assert_eq!(reason(text(65_534, "a\nb\n", "")), None);
        assert_eq!(reason(text(65_534, "a\n", "")), Some(1));
        assert_eq!(reason(text(65_530, "a\n", "")), None);
        assert_eq!(reason(text(65_533, "b\na\n", "")), Some(1));
        assert_eq!(reason(text(65_530, "b\nc\n", "")), None);
        assert_eq!(reason(text(65_533, "a\nb\n", "write")), None);
        assert_eq!(reason(text(65_530, "a\nb\n", "").replace('z', "other")), None);
    }
}
