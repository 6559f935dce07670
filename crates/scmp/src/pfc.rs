//! Pseudo filter code: a filter as text for people, in libseccomp's form.
//!
//! References: seccomp_export_pfc(3).

use std::fmt;

use callgate_memory::{Collect, Grow, GrowText, List, OutOfMemory, Sort};
use callgate_order::{Accepted, Class, Rule, Rules, StoredOperator, condition, ordered};
use callgate_policy::{ArchPolicy, Condition, Policy};
use callgate_prover::{Error as ProverError, Options, Prover, Scope};
use callgate_syscalls::{Action, ActionKind, Arch, SyscallNr};

use crate::attribute::Arrangement;
use crate::entry::Entry;
use crate::filter::Filter;
use crate::lower::lowering;
use crate::word::{Failed, Half, Node, PlaceId, Side, Tree};
use crate::{Context, Error, Number, resolve_number};

/// The text of a context.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub(crate) fn text(context: &Context) -> Result<String, Error> {
    let mut text = String::new();
    write(&mut text, context)?;
    Ok(text)
}

/// Appends a line to the text; a macro, because it returns early as `?` does.
macro_rules! line {
    ($text:expr, $($arguments:tt)*) => {
        $text.try_write(format_args!("{}\n", format_args!($($arguments)*)))?
    };
}

fn write(text: &mut String, context: &Context) -> Result<(), Error> {
    let attributes = context.attributes();
    text.try_push_str("#\n# pseudo filter code start\n#\n")?;
    for filter in context.filters() {
        let (arch, token) = (filter.arch, filter.arch.token().raw());
        line!(text, "# filter for arch {arch} ({token})\nif ($arch == {token})");
        let blocks = Block::of(filter)?;
        match attributes.arrangement {
            Arrangement::ByPriority => by_priority(text, &blocks)?,
            Arrangement::BinaryTree => binary_tree(text, &blocks)?,
        }
        line!(text, "  # default action\n  {}", Verdict(attributes.default));
    }
    line!(text, "# invalid architecture action\n{}", Verdict(attributes.bad_arch));
    Ok(text.try_push_str("#\n# pseudo filter code end\n#\n")?)
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
    /// The blocks of a filter, in descending order of their numbers; without a body where there are
    /// no rules.
    fn of(filter: &'a Filter) -> Result<List<Self>, Error> {
        let mut blocks = List::new();
        for (nr, entry) in filter.entries()?.iter().rev() {
            let body = body(filter.arch, entry)?;
            let cost = match &body {
                Some(Body::Tree(tree)) => tree.len()?,
                Some(Body::Always(_)) | None => 0,
            };
            let shape = u32::try_from(SHAPE_PRIORITY_MAX.saturating_sub(cost)).unwrap_or(0);
            let priority = u32::from(entry.priority) << 16 | shape;
            blocks.try_push(Self { arch: filter.arch, nr, entry, body, priority })?;
        }
        Ok(blocks)
    }

    fn write(&self, text: &mut String, indent: usize) -> Result<(), OutOfMemory> {
        let Some(body) = &self.body else { return Ok(()) };
        let name = resolve_number(self.arch, Number::from(self.nr)).unwrap_or("UNKNOWN");
        let (pad, nr, priority) = (Pad(indent), self.nr, self.priority);
        line!(text, "{pad}# filter for syscall \"{name}\" ({nr}) [priority: {priority}]");
        line!(text, "{pad}if ($syscall == {nr})");
        match body {
            Body::Always(action) => line!(text, "{}{}", Pad(indent + 1), Verdict(*action)),
            Body::Tree(tree) => nodes(text, tree, indent + 1)?,
        }
        Ok(())
    }
}

/// Highest priority first, then highest number.
fn by_priority(text: &mut String, blocks: &List<Block<'_>>) -> Result<(), OutOfMemory> {
    let mut order = blocks.iter().try_collect_vec()?;
    order.sort_in_place_by_key(|block| std::cmp::Reverse((block.priority, block.nr)));
    order.into_iter().try_for_each(|block| block.write(text, 1))
}

/// How many syscalls a leaf of the binary tree has.
const LEAF: usize = 4;

/// Highest number first, under comparisons of the number as in libseccomp's binary tree.
fn binary_tree(text: &mut String, blocks: &List<Block<'_>>) -> Result<(), OutOfMemory> {
    let made_by_rule = blocks.iter().filter(|block| block.entry.made_by_rule).count();
    let levels = (1..).find(|level| LEAF << (level - 1) >= made_by_rule).unwrap_or(1);
    let levels = if made_by_rule == 0 { 0 } else { levels };
    let (mut indent, mut count) = (1, 0_usize);
    for (place, block) in blocks.iter().enumerate().filter(|(_, block)| block.body.is_some()) {
        for level in (1..levels).rev() {
            let span = LEAF << level;
            if count % span == 0 {
                if let Some(middle) = blocks.get(place + span / 2) {
                    line!(text, "{}if ($syscall > {})", Pad(indent), middle.nr);
                    indent += 1;
                }
            } else if count % (span / 2) == 0 {
                line!(text, "{}else # ($syscall <= {})", Pad(indent - 1), block.nr);
            }
        }
        block.write(text, indent)?;
        count += 1;
        let closed = (0..levels).filter(|level| count % ((2 * LEAF) << level) == 0).count();
        indent = indent.saturating_sub(closed).max(1);
    }
    Ok(())
}

/// What of a tree is still to be written, the next last.
enum Part<'a> {
    /// A place of a level and all after it.
    From(PlaceId, usize),
    /// What follows where the test of a node does not hold.
    Else(&'a Node, usize),
}

fn nodes(text: &mut String, tree: &Tree, indent: usize) -> Result<(), OutOfMemory> {
    let mut open = Vec::new();
    open.try_extend(tree.first(Tree::TOP).map(|place| Part::From(place, indent)))?;
    while let Some(part) = open.pop() {
        let (side, indent) = match part {
            Part::From(place, indent) => {
                let (node, next) = tree.at(place);
                line!(text, "{}if ({})", Pad(indent), Tested(node));
                open.try_extend(next.map(|next| Part::From(next, indent)))?;
                if node.no != Side::Open {
                    open.try_push(Part::Else(node, indent))?;
                }
                (node.yes, indent + 1)
            }
            Part::Else(node, indent) => {
                line!(text, "{}else", Pad(indent));
                (node.no, indent + 1)
            }
        };
        match side {
            Side::Open => {}
            Side::Verdict(action) => line!(text, "{}{}", Pad(indent), Verdict(action)),
            Side::Level(below) => {
                open.try_extend(tree.first(below).map(|place| Part::From(place, indent)))?;
            }
        }
    }
    Ok(())
}

/// What is shown of an entry: libseccomp's tree if it means what the rules mean, else the rules one
/// by one.
fn body(arch: Arch, entry: &Entry) -> Result<Option<Body>, Error> {
    let list = match &entry.rules {
        Rules::None => return Ok(None),
        Rules::Always { action, .. } => return Ok(Some(Body::Always(*action))),
        Rules::Listed(list) => list,
    };
    let ordered = ordered(arch, list)?;
    let tree = match merged(arch, list, &ordered)? {
        Some(tree) => tree,
        None => Tree::separate(arch, &ordered)?,
    };
    Ok(Some(Body::Tree(tree)))
}

/// libseccomp's tree, where there is one that means what the rules mean.
fn merged(arch: Arch, list: &Accepted, ordered: &[&Rule]) -> Result<Option<Tree>, Error> {
    match Tree::merged(arch, list.iter()) {
        Ok(tree) => Ok(means(arch, &tree, ordered)?.then_some(tree)),
        Err(Failed::Unmergeable) => Ok(None),
        Err(Failed::OutOfMemory) => Err(Error::OutOfMemory),
    }
}

/// Whether a tree means what the rules mean. Diagrams of equality tests can outgrow any budget;
/// those trees are right by construction.
fn means(arch: Arch, tree: &Tree, ordered: &[&Rule]) -> Result<bool, Error> {
    let equality = |rule: &&Rule| rule.chain.iter().all(|s| s.class == Class::Equality && s.answer);
    if ordered.len() == 1 || ordered.iter().all(equality) {
        return Ok(true);
    }
    let shown = match tree.rules() {
        Ok(shown) => shown,
        Err(Failed::Unmergeable) => return Ok(false),
        Err(Failed::OutOfMemory) => return Err(Error::OutOfMemory),
    };
    let mut accepted = List::new();
    for rule in ordered {
        let condition = condition(arch, &rule.chain).map_err(lowering)?;
        accepted.try_push((condition, rule.action))?;
    }
    equal(shown, accepted)
}

/// The most memory that diagrams for the text may take: lists that need more are shown one by one.
const DIAGRAM_BYTES: usize = 2 << 20;

/// Whether two lists of conditions and actions are known to decide alike.
fn equal(left: List<(Condition, Action)>, right: List<(Condition, Action)>) -> Result<bool, Error> {
    let policy = |list: List<(Condition, Action)>| {
        let mut rules = ArchPolicy::new(OTHERWISE);
        for (condition, action) in list {
            rules.try_rule(SyscallNr::new(0), condition, action)?;
        }
        let builder = Policy::builder(OTHERWISE).try_arch(Arch::Aarch64, rules)?;
        builder.build().map_err(lowering)
    };
    let (left, right) = (policy(left)?, policy(right)?);
    let options = Options { bytes_max: DIAGRAM_BYTES, ..Options::default() };
    let mut prover = Prover::new(options);
    let mut decide = || {
        let (left, right) = (prover.policy(&left)?, prover.policy(&right)?);
        prover.equal(&left, &right, Scope::Exact)
    };
    match decide() {
        Ok(equal) => Ok(equal),
        Err(ProverError::OutOfMemory) => Err(Error::OutOfMemory),
        Err(_) => Ok(false),
    }
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
