//! Pseudo filter code: a filter as text for people, in libseccomp's form.
//!
//! References: seccomp_export_pfc(3).

use std::fmt::{self, Write};

use callgate_order::{Class, Listed, Rule, Rules, StoredOperator, condition, ordered};
use callgate_policy::{ArchPolicy, Condition, Policy};
use callgate_prover::{Options, Prover, Scope};
use callgate_syscalls::{Action, ActionKind, Arch, SyscallNr};

use crate::attribute::Arrangement;
use crate::entry::Entry;
use crate::filter::Filter;
use crate::word::{Half, LevelId, Node, Side, Tree};
use crate::{Context, Number, resolve_number};

/// The text of a context.
pub(crate) fn text(context: &Context) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(text, "{}", Pfc(context));
    text
}

struct Pfc<'a>(&'a Context);

impl fmt::Display for Pfc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attributes = self.0.attributes();
        f.write_str("#\n# pseudo filter code start\n#\n")?;
        for filter in self.0.filters() {
            let (arch, token) = (filter.arch, filter.arch.token().raw());
            writeln!(f, "# filter for arch {arch} ({token})\nif ($arch == {token})")?;
            let blocks = Block::of(filter);
            match attributes.arrangement {
                Arrangement::ByPriority => by_priority(f, blocks)?,
                Arrangement::BinaryTree => binary_tree(f, &blocks)?,
            }
            writeln!(f, "  # default action\n  {}", Verdict(attributes.default))?;
        }
        writeln!(f, "# invalid architecture action\n{}", Verdict(attributes.bad_arch))?;
        f.write_str("#\n# pseudo filter code end\n#\n")
    }
}

/// One syscall, ready to be written.
struct Block<'a> {
    arch: Arch,
    nr: SyscallNr,
    entry: &'a Entry,
    body: Option<Body>,
    priority: u32,
}

enum Body {
    Always(Action),
    Tree(Tree),
}

/// What remains of a priority for what callers asked for, beside the shape of the rules.
const SHAPE_PRIORITY_MAX: usize = 0xffff;

impl<'a> Block<'a> {
    /// The blocks of a filter, in descending order of their numbers; without a body where there are no rules.
    fn of(filter: &'a Filter) -> Vec<Self> {
        let block = |(nr, entry): (SyscallNr, &'a Entry)| {
            let body = body(filter.arch, entry);
            let cost = match &body {
                Some(Body::Tree(tree)) => tree.len(),
                Some(Body::Always(_)) | None => 0,
            };
            let shape = u32::try_from(SHAPE_PRIORITY_MAX.saturating_sub(cost)).unwrap_or(0);
            let priority = u32::from(entry.priority) << 16 | shape;
            Self { arch: filter.arch, nr, entry, body, priority }
        };
        filter.entries().rev().map(block).collect()
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        let Some(body) = &self.body else { return Ok(()) };
        let name = resolve_number(self.arch, Number::from(self.nr)).unwrap_or("UNKNOWN");
        let (pad, nr, priority) = (Pad(indent), self.nr, self.priority);
        writeln!(f, "{pad}# filter for syscall \"{name}\" ({nr}) [priority: {priority}]")?;
        writeln!(f, "{pad}if ($syscall == {nr})")?;
        match body {
            Body::Always(action) => writeln!(f, "{}{}", Pad(indent + 1), Verdict(*action)),
            Body::Tree(tree) => level(f, tree, Tree::TOP, indent + 1),
        }
    }
}

/// Highest priority first, then highest number.
fn by_priority(f: &mut fmt::Formatter<'_>, mut blocks: Vec<Block<'_>>) -> fmt::Result {
    blocks.sort_by_key(|block| std::cmp::Reverse(block.priority));
    blocks.iter().try_for_each(|block| block.write(f, 1))
}

/// How many syscalls a leaf of the binary tree has.
const LEAF: usize = 4;

/// Highest number first, under comparisons of the number as in libseccomp's binary tree.
fn binary_tree(f: &mut fmt::Formatter<'_>, blocks: &[Block<'_>]) -> fmt::Result {
    let made_by_rule = blocks.iter().filter(|block| block.entry.made_by_rule).count();
    let levels = (1..).find(|level| LEAF << (level - 1) >= made_by_rule).unwrap_or(1);
    let levels = if made_by_rule == 0 { 0 } else { levels };
    let (mut indent, mut count) = (1, 0_usize);
    for (place, block) in blocks.iter().enumerate().filter(|(_, block)| block.body.is_some()) {
        for level in (1..levels).rev() {
            let span = LEAF << level;
            if count % span == 0 {
                if let Some(middle) = blocks.get(place + span / 2) {
                    writeln!(f, "{}if ($syscall > {})", Pad(indent), middle.nr)?;
                    indent += 1;
                }
            } else if count % (span / 2) == 0 {
                writeln!(f, "{}else # ($syscall <= {})", Pad(indent - 1), block.nr)?;
            }
        }
        block.write(f, indent)?;
        count += 1;
        let closed = (0..levels).filter(|level| count % ((2 * LEAF) << level) == 0).count();
        indent = indent.saturating_sub(closed).max(1);
    }
    Ok(())
}

/// The nodes of a level. Recursion is bounded: trees that are deeper are not chosen.
fn level(f: &mut fmt::Formatter<'_>, tree: &Tree, id: LevelId, indent: usize) -> fmt::Result {
    for node in tree.level_nodes(id) {
        writeln!(f, "{}if ({})", Pad(indent), Tested(node))?;
        side(f, tree, node.yes, indent + 1)?;
        if node.no != Side::Open {
            writeln!(f, "{}else", Pad(indent))?;
            side(f, tree, node.no, indent + 1)?;
        }
    }
    Ok(())
}

fn side(f: &mut fmt::Formatter<'_>, tree: &Tree, side: Side, indent: usize) -> fmt::Result {
    match side {
        Side::Open => Ok(()),
        Side::Verdict(action) => writeln!(f, "{}{}", Pad(indent), Verdict(action)),
        Side::Level(below) => level(f, tree, below, indent),
    }
}

/// What is shown of an entry: libseccomp's tree if it means what the rules mean, else the rules one by one.
fn body(arch: Arch, entry: &Entry) -> Option<Body> {
    let list = match &entry.rules {
        Rules::None => return None,
        Rules::Always { action, .. } => return Some(Body::Always(*action)),
        Rules::Listed(list) => list,
    };
    let ordered = ordered(arch, list);
    let merged = Tree::merged(arch, Listed::in_force(list)).ok();
    let right = merged.filter(|tree| means(arch, tree, &ordered));
    Some(Body::Tree(right.unwrap_or_else(|| Tree::separate(arch, &ordered))))
}

/// Whether a tree means what the rules mean. Diagrams of equality tests can outgrow any budget; those trees are right by
/// construction.
fn means(arch: Arch, tree: &Tree, ordered: &[&Rule]) -> bool {
    let equality = |rule: &&Rule| rule.chain.iter().all(|s| s.class == Class::Equality && s.answer);
    if ordered.len() == 1 || ordered.iter().all(equality) {
        return true;
    }
    let Ok(shown) = tree.rules() else { return false };
    let accepted = ordered
        .iter()
        .map(|rule| condition(arch, &rule.chain).map(|condition| (condition, rule.action)));
    let Ok(accepted) = accepted.collect::<Result<Vec<_>, _>>() else { return false };
    equal(shown, accepted).unwrap_or(false)
}

/// Whether two lists of conditions and actions decide alike; `None` where that is not to be found out.
fn equal(left: Vec<(Condition, Action)>, right: Vec<(Condition, Action)>) -> Option<bool> {
    let policy = |list: Vec<(Condition, Action)>| {
        let mut rules = ArchPolicy::new(OTHERWISE);
        for (condition, action) in list {
            rules.rule(SyscallNr::new(0), condition, action);
        }
        Policy::builder(OTHERWISE).arch(Arch::Aarch64, rules).build().ok()
    };
    let (left, right) = (policy(left)?, policy(right)?);
    let options = Options { nodes_max: 1 << 18, ..Options::default() };
    let mut prover = Prover::new(options);
    let (left, right) = (prover.policy(&left).ok()?, prover.policy(&right).ok()?);
    prover.equal(&left, &right, Scope::Exact).ok()
}

/// Stands for "no rule holds"; no context has such an action.
const OTHERWISE: Action = Action::from_raw(0x4fff_0000);

struct Pad(usize);

impl fmt::Display for Pad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.0).try_for_each(|_| f.write_str("  "))
    }
}

struct Verdict(Action);

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = self.0.data();
        match self.0.kind() {
            ActionKind::KillProcess => f.write_str("action KILL_PROCESS;"),
            ActionKind::KillThread => f.write_str("action KILL;"),
            ActionKind::Trap if data == 0 => f.write_str("action TRAP;"),
            ActionKind::Trap => write!(f, "action TRAP({data});"),
            ActionKind::Errno => write!(f, "action ERRNO({data});"),
            ActionKind::Trace => write!(f, "action TRACE({data});"),
            ActionKind::Log => f.write_str("action LOG;"),
            ActionKind::Allow => f.write_str("action ALLOW;"),
            _ => write!(f, "action {:#x};", self.0.raw()),
        }
    }
}

struct Tested<'a>(&'a Node);

impl fmt::Display for Tested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = &self.0.word;
        let half = match word.half {
            Half::Whole => "",
            Half::Low => ".lo32",
            Half::High => ".hi32",
        };
        write!(f, "$a{}{half}", word.arg)?;
        if word.stored == StoredOperator::MaskedEqual {
            write!(f, " & {:#010x}", word.mask)?;
        }
        let operator = match word.stored {
            StoredOperator::Equal | StoredOperator::MaskedEqual => "==",
            StoredOperator::Greater => ">",
            StoredOperator::GreaterOrEqual => ">=",
        };
        write!(f, " {operator} {}", word.datum)
    }
}
