//! Reads LXC's lists.

use callgate_policy::Operator;
use callgate_rules::{Answer, Cond, ErrnoSpec, Relation, Rule, Value, Verdict};
use callgate_syscalls::{Arch, names};

use super::machines;
use crate::context::{self, Context, c_number, code};
use crate::piece::Piece;
use crate::{Exactness, Layer, LayerArches, Order, Refused, Written};

/// Reads a list of either version.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(mut context: Context<'_>) -> Result<Written, Refused> {
    let (text, source) = context.text();
    let whole = Piece::whole(&text, source);
    let mut lines = whole.lines().map(Piece::trim).filter(|line| !line.text.is_empty());
    let version = lines.next().unwrap_or(whole);
    let layer = match (version.text, lines.next()) {
        ("1", Some(style)) => numbers(style, lines, &mut context),
        ("2", Some(style)) => names(style, lines, &mut context),
        _ => {
            let message = "expected the version, 1 or 2, and behind it allowlist or denylist";
            context.error(code::SYNTAX, version, message);
            None
        }
    };
    context.finish(layer.map(context::single).unwrap_or_default())
}

/// Version 1: numbers that are allowed.
fn numbers<'t>(
    style: Piece<'t>,
    lines: impl Iterator<Item = Piece<'t>>,
    context: &mut Context<'_>,
) -> Option<Layer> {
    if !["allowlist", "whitelist"].contains(&style.text) {
        context.error(code::SYNTAX, style, "version 1 has only allowlist");
        return None;
    }
    let mut rules = Vec::new();
    for line in lines.filter(|line| !line.text.starts_with('#')) {
        match c_number(line.before('#').trim().text).and_then(|nr| u32::try_from(nr).ok()) {
            Some(number) => {
                let subject = context::number_subject(number, line);
                rules.push(context::rule(vec![subject], None, Verdict::Allow, line));
            }
            None => context.error(code::SYNTAX, line, "expected the number of a syscall"),
        }
    }
    let default = context::answer(Verdict::KillThread, style);
    let rules = context::rules(default, Verdict::KillThread, rules);
    Some(Layer { order: Order::Libseccomp(Exactness::Adapted), ..Layer::new(rules) })
}

/// Version 2: names with actions, in sections for architectures.
fn names<'t>(
    style: Piece<'t>,
    lines: impl Iterator<Item = Piece<'t>>,
    context: &mut Context<'_>,
) -> Option<Layer> {
    let (kind, action) = match style.split_once(' ') {
        Some((kind, action)) => (kind, action.trim()),
        None => (style, style.part(0..0)),
    };
    let (default, listed) = match kind.text {
        "allowlist" | "whitelist" => (Verdict::KillThread, Verdict::Allow),
        "denylist" | "blacklist" => (Verdict::Allow, Verdict::KillThread),
        _ => {
            context.error(code::SYNTAX, kind, "expected allowlist or denylist");
            return None;
        }
    };
    let default = match action.text.is_empty() {
        true => default,
        false => verdict(action, context)?,
    };
    let mut reader =
        Reader { context, rules: Vec::new(), machines: Some(machines::known()), listed };
    for line in lines {
        reader.line(line);
    }
    let default: Answer = context::answer(default, style);
    let rules = context::rules(default, Verdict::KillThread, reader.rules);
    Some(Layer {
        arches: LayerArches::Lxc,
        is_lenient: true,
        is_by_hand: true,
        order: Order::Libseccomp(Exactness::ExactOwn),
        ..Layer::new(rules)
    })
}

struct Reader<'r, 'l> {
    context: &'r mut Context<'l>,
    rules: Vec<Rule>,
    /// The machines on which the section counts; empty for all, and none for one that is not known.
    machines: Option<Vec<Arch>>,
    listed: Verdict,
}

impl Reader<'_, '_> {
    fn line(&mut self, line: Piece<'_>) {
        let line = line.before('#').trim();
        if line.text.is_empty() {
            return;
        }
        if let Some(section) = line.strip("[") {
            let name = section.before(']');
            self.machines = machines::of_section(name.text);
            match &self.machines {
                None => {
                    let name_text = context::shortened(name.text);
                    let message = format!("liblxc knows no architecture {name_text:?}");
                    self.context.error(code::UNKNOWN, name, message);
                }
                Some(machines) if machines.iter().any(|own| machines::arches(*own).len() > 1) => {
                    let message = "liblxc applies the rules of this section to all architectures \
                                   of the machines that have this one";
                    self.context.warn(code::DOUBTFUL, name, message);
                }
                Some(_) => {}
            }
            return;
        }
        // Rules of a section that is not known were reported with it.
        if let Some(machines) = self.machines.clone() {
            self.rule(line, machines);
        }
    }

    /// `NAME [ACTION] [INDEX,VALUE,OP[,MASK]] ...`.
    fn rule(&mut self, line: Piece<'_>, machines: Vec<Arch>) -> Option<()> {
        let end = line.text.find(|c: char| c.is_whitespace()).unwrap_or(line.text.len());
        let (word, rest) = (line.part(0..end), line.from(end).trim());
        let action = rest.before('[').trim();
        let verdict = match action.text.is_empty() {
            true => self.listed,
            false => verdict(action, self.context)?,
        };
        let mut conditions = Vec::new();
        let mut arguments = rest.from(rest.text.find('[').unwrap_or(rest.text.len()));
        while let Some(inside) = arguments.strip("[") {
            let end = inside.text.find(']').unwrap_or(inside.text.len());
            conditions.push(self.condition(inside.part(0..end))?);
            arguments = inside.from((end + 1).min(inside.text.len())).trim();
        }
        let (name, verdict) = match word.text {
            // An unmount that does not wait hangs whoever uses the mount.
            "reject_force_umount" => {
                conditions = vec![context::register(1).has_all_of(1_u32)];
                (names::UMOUNT2, Verdict::Errno(ErrnoSpec::named("EACCES")?))
            }
            _ => (self.context.name_if_known(word)?, verdict),
        };
        let condition = (!conditions.is_empty()).then(|| Cond::all(conditions));
        let subject = context::subject(name, word);
        let mut rule = context::rule(vec![subject], condition, verdict, line);
        rule.applies.machines = machines;
        self.rules.push(rule);
        Some(())
    }

    fn condition(&mut self, inside: Piece<'_>) -> Option<Cond> {
        let parts: Vec<Piece<'_>> = inside.split(|c| c == ',').map(Piece::trim).collect();
        let [index, value, operator, mask @ ..] = parts.as_slice() else {
            let message = "expected [INDEX,VALUE,OPERATOR] or [INDEX,VALUE,OPERATOR,MASK]";
            self.context.error(code::SYNTAX, inside, message);
            return None;
        };
        let index_number = c_number(index.text).and_then(|index| usize::try_from(index).ok());
        let Some(position) = index_number.filter(|index| *index < 6) else {
            self.context.error(code::LIMIT, *index, "syscalls have arguments 0 to 5");
            return None;
        };
        let value = self.number(*value)?;
        let mask = match mask.first() {
            Some(mask) => self.number(*mask)?,
            None => 0,
        };
        let compare = |operator| {
            let relation = Relation::Compare(operator, Value::from(value));
            Some(context::test(context::register(position), relation, inside))
        };
        match operator.text.trim_start_matches("SCMP_CMP_") {
            "NE" | "!=" => compare(Operator::Ne),
            "LT" | "<" => compare(Operator::Lt),
            "LE" | "<=" => compare(Operator::Le),
            "EQ" | "==" => compare(Operator::Eq),
            "GE" | ">=" => compare(Operator::Ge),
            "GT" | ">" => compare(Operator::Gt),
            "MASKED_EQ" | "&=" => {
                let relation = Relation::Compare(Operator::Eq, Value::from(value));
                let arg = context::register(position).masked(mask);
                Some(context::test(arg, relation, inside))
            }
            _ => {
                let message = "expected an operator: != < <= == >= > &= or its name SCMP_CMP_...";
                self.context.error(code::SYNTAX, *operator, message);
                None
            }
        }
    }

    fn number(&mut self, piece: Piece<'_>) -> Option<u64> {
        let number = c_number(piece.text);
        if number.is_none() {
            let message = format!("{:?} is no number of 64 bits", context::shortened(piece.text));
            self.context.error(code::SYNTAX, piece, message);
        }
        number
    }
}

/// `kill`, `errno N`, `allow`, `trap`, `notify`.
fn verdict(action: Piece<'_>, context: &mut Context<'_>) -> Option<Verdict> {
    let mut words = action.words();
    let first = words.next().unwrap_or(action);
    let verdict = match first.text {
        "kill" => Verdict::KillThread,
        "allow" => Verdict::Allow,
        "trap" => Verdict::Trap(0),
        "notify" => Verdict::Notify,
        "errno" => {
            let number = words.next().and_then(|word| context::errno(word.text));
            let Some(errno) = number else {
                context.error(code::SYNTAX, action, "expected a number behind errno");
                return None;
            };
            if errno == ErrnoSpec::Number(0) {
                let message = "errno 0 makes callers believe that the call was made";
                context.warn(code::DOUBTFUL, action, message);
            }
            Verdict::Errno(errno)
        }
        _ => {
            let message = "expected an action: kill, errno N, allow, trap or notify";
            context.error(code::SYNTAX, first, message);
            return None;
        }
    };
    Some(verdict)
}
