//! Reads pseudo filter code: nested tests, and actions that end them.

use callgate_policy::Operator;
use callgate_rules::{Answer, Cond, ErrnoSpec, Rule, Rules, Verdict, arg};
use callgate_syscalls::{Action, Arch, ArchToken};

use crate::context::{self, Context, c_number, code};
use crate::piece::Piece;
use crate::tokens::DEPTH_MAX;
use crate::{Layer, Refused, Written};

/// An `if` that is open, with how far its line is indented.
struct Open {
    indent: usize,
    test: Within,
}

#[derive(Clone)]
enum Within {
    Arch(Option<Arch>),
    Number(u32),
    Argument(Cond),
    Not(Cond),
}

/// Reads pseudo filter code.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(context: Context<'_>) -> Result<Written, Refused> {
    let (text, source) = context.text();
    let mut reader = Reader {
        context,
        open: Vec::new(),
        closed: None,
        rules: Vec::new(),
        arches: Vec::new(),
        default: None,
        foreign: None,
    };
    let whole = Piece::whole(&text, source);
    for line in whole.lines() {
        reader.line(line);
    }
    let Reader { mut context, rules, arches, default, foreign, .. } = reader;
    let (Some(default), Some(foreign)) = (default, foreign) else {
        let message = "the default action, or that for other architectures, is missing";
        context.error(code::SYNTAX, whole.part(0..0), message);
        return context.finish(Vec::new());
    };
    let mut rules: Rules = context::rules(default, foreign.verdict, rules);
    rules.header.foreign = foreign;
    rules.header.arches = arches;
    context.finish(context::single(Layer::new(rules)))
}

struct Reader<'l> {
    context: Context<'l>,
    open: Vec<Open>,
    /// The test that a following `else` is the other side of.
    closed: Option<Open>,
    rules: Vec<Rule>,
    arches: Vec<Arch>,
    default: Option<Answer>,
    foreign: Option<Answer>,
}

impl Reader<'_> {
    fn line(&mut self, line: Piece<'_>) {
        let indent = line.text.len() - line.text.trim_start().len();
        let content = line.before('#').trim();
        if content.text.is_empty() || self.context.is_full() {
            return;
        }
        while self.open.last().is_some_and(|open| open.indent >= indent) {
            self.closed = self.open.pop();
        }
        if self.open.len() >= DEPTH_MAX {
            let message = format!("tests nest more than {DEPTH_MAX} deep");
            return self.context.error(code::LIMIT, content, message);
        }
        if content.text == "else" {
            let other = self.closed.take().filter(|closed| closed.indent == indent);
            match other.map(|closed| closed.test) {
                Some(Within::Argument(cond)) => {
                    self.open.push(Open { indent, test: Within::Not(!cond) });
                }
                _ => self.context.error(
                    code::SYNTAX,
                    content,
                    "there is no test that this is the other side of",
                ),
            }
        } else if let Some(action) = content.strip("action ") {
            self.action(action, content);
        } else if let Some(test) = content.strip("if ") {
            if let Some(test) = self.test(test) {
                self.open.push(Open { indent, test });
            }
        } else {
            self.context.error(code::SYNTAX, content, "expected if, else or action");
        }
    }

    fn action(&mut self, action: Piece<'_>, line: Piece<'_>) {
        let text = action.text.trim_end_matches(';').trim();
        let Some(verdict) = verdict(text) else {
            let message = format!("unknown action {:?}", context::shortened(text));
            return self.context.error(code::UNKNOWN, action, message);
        };
        let tests = || self.open.iter().map(|open| &open.test);
        let arches: Vec<Option<Arch>> = tests()
            .filter_map(|test| match test {
                Within::Arch(arch) => Some(*arch),
                _ => None,
            })
            .collect();
        let number = tests().find_map(|test| match test {
            Within::Number(number) => Some(*number),
            _ => None,
        });
        let conditions: Vec<Cond> = tests()
            .filter_map(|test| match test {
                Within::Argument(cond) | Within::Not(cond) => Some(cond.clone()),
                _ => None,
            })
            .collect();
        match (arches.last(), number) {
            (None, _) => self.foreign = Some(context::answer(verdict, line)),
            (Some(_), None) => {
                let default = context::answer(verdict, line);
                let first = self.default.get_or_insert(default);
                if first.verdict != verdict {
                    let message = "the architectures have different default actions";
                    self.context.error(code::MEANING, line, message);
                }
            }
            // An architecture that is not known has been reported.
            (Some(None), _) => {}
            (Some(Some(arch)), Some(number)) => {
                let condition = (!conditions.is_empty()).then(|| Cond::all(conditions));
                let subject = context::number_subject(number, line);
                let mut rule = context::rule(vec![subject], condition, verdict, line);
                rule.applies.arches = vec![*arch];
                self.rules.push(rule);
            }
        }
    }

    /// `($arch == N)`, `($syscall == N)`, `($aN.hi32 & M == N)`, and the like.
    fn test(&mut self, test: Piece<'_>) -> Option<Within> {
        let inside = test.strip("(").map(|inside| inside.before(')')).unwrap_or(test);
        let words: Vec<Piece<'_>> = inside.words().collect();
        let number = |piece: Option<&Piece<'_>>| c_number(piece?.text);
        let (what, mask, operator, value) = match words.as_slice() {
            [what, operator, value] => (what, None, operator, number(Some(value))),
            [what, and, mask, operator, value] if and.text == "&" => {
                (what, number(Some(mask)), operator, number(Some(value)))
            }
            _ => {
                self.context.error(code::SYNTAX, inside, "expected a test such as $syscall == 1");
                return None;
            }
        };
        let Some(value) = value else {
            self.context.error(code::SYNTAX, inside, "expected a number");
            return None;
        };
        match what.text {
            "$arch" => {
                let arch = u32::try_from(value).ok().and_then(|token| self.arch(token, inside));
                return Some(Within::Arch(arch));
            }
            "$syscall" => return u32::try_from(value).ok().map(Within::Number),
            _ => {}
        }
        let half = what.text.strip_prefix("$a").and_then(|rest| {
            let (index, half) = rest.split_once('.').unwrap_or((rest, "lo32"));
            let index = index.parse::<usize>().ok().filter(|index| *index < 6)?;
            Some((
                index,
                match half {
                    "hi32" => 32,
                    "lo32" => 0,
                    _ => return None,
                },
            ))
        });
        let operator = match operator.text {
            "==" => Some(Operator::Eq),
            ">" => Some(Operator::Gt),
            ">=" => Some(Operator::Ge),
            _ => None,
        };
        let (Some((index, shift)), Some(operator)) = (half, operator) else {
            let message = "expected $arch, $syscall or a half of $a0 to $a5, and == > or >=";
            self.context.error(code::SYNTAX, inside, message);
            return None;
        };
        let bits = mask.unwrap_or(u32::MAX.into()) & u64::from(u32::MAX);
        let value = value & u64::from(u32::MAX);
        let argument = match shift {
            32 => arg(index).all_bits().unsigned().masked(bits << 32),
            _ => arg(index).low32().unsigned().masked(bits),
        };
        let relation = callgate_rules::Relation::Compare(operator, (value << shift).into());
        Some(Within::Argument(context::test(argument, relation, inside)))
    }

    /// The architecture of a token. That of x86_64 is x32's too, as the comment above says.
    fn arch(&mut self, token: u32, at: Piece<'_>) -> Option<Arch> {
        let arch = Arch::ALL.into_iter().find(|arch| arch.token() == ArchToken::new(token));
        let taken = |arch: &Arch| self.arches.contains(arch);
        let arch = match arch {
            Some(Arch::X86_64) if taken(&Arch::X86_64) => Some(Arch::X32),
            other => other,
        };
        match arch {
            Some(arch) if !taken(&arch) => self.arches.push(arch),
            Some(_) => {}
            None => {
                let message = format!("{token:#x} is the token of no architecture");
                self.context.error(code::UNKNOWN, at, message);
            }
        }
        arch
    }
}

/// `KILL`, `ERRNO(1)`, `0x7fc00000`.
fn verdict(text: &str) -> Option<Verdict> {
    let (name, data) = match text.split_once('(') {
        Some((name, data)) => (name, Some(data.trim_end_matches(')'))),
        None => (text, None),
    };
    let data = || u16::try_from(c_number(data?.trim())?).ok();
    Some(match name {
        "ALLOW" => Verdict::Allow,
        "LOG" => Verdict::Log,
        "KILL" | "KILL_THREAD" => Verdict::KillThread,
        "KILL_PROCESS" => Verdict::Kill,
        "NOTIFY" => Verdict::Notify,
        "TRAP" => Verdict::Trap(data().unwrap_or(0)),
        "ERRNO" => Verdict::Errno(ErrnoSpec::Number(data()?)),
        "TRACE" => Verdict::Trace(ErrnoSpec::Number(data()?)),
        "action" | "0x0" => Verdict::KillThread,
        hex => Verdict::from(Action::from_raw(u32::try_from(c_number(hex)?).ok()?)),
    })
}
