//! Reads `.policy` files.

use std::collections::BTreeSet;

use callgate_policy::Operator;
use callgate_rules::{
    Answer, Applies, Cond, Origin, Relation, Rule, SourceId, Term, Value, Verdict,
};
use callgate_syscalls::{Arch, Name};

use crate::context::{self, Context, c_number, code};
use crate::piece::Piece;
use crate::tokens::{DEPTH_MAX, Kind, Style, Tokens, tokens};
use crate::{Layer, Refused, Written};

/// How deep files may include each other, as in minijail.
const INCLUDE_DEPTH_MAX: usize = 10;

const STYLE: Style = Style {
    comments: &["#"],
    has_block_comments: false,
    word: "-@./+",
    has_lines: true,
    signs: &["&&", "||", "==", "!=", "<=", ">="],
};

const ACTIONS: [(&str, Verdict); 9] = [
    ("allow", Verdict::Allow),
    ("1", Verdict::Allow),
    ("kill", Verdict::KillThread),
    ("kill-process", Verdict::Kill),
    ("kill-thread", Verdict::KillThread),
    ("trap", Verdict::Trap(0)),
    ("trace", Verdict::Trace(callgate_rules::ErrnoSpec::Number(0))),
    ("log", Verdict::Log),
    ("user-notify", Verdict::Notify),
];

/// Reads a policy.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(context: Context<'_>) -> Result<Written, Refused> {
    let (text, source) = context.text();
    let name = context.sources.iter().next().map(|s| s.name().to_owned()).unwrap_or_default();
    let mut reader = Reader {
        context,
        rules: Vec::new(),
        default: None,
        is_denylist: false,
        closed: BTreeSet::new(),
    };
    reader.file(&text, source, &name, 0);
    let Reader { context, rules, default, is_denylist, .. } = reader;
    let implied = if is_denylist { Verdict::Allow } else { Verdict::KillThread };
    let default = default.unwrap_or(Answer::new(implied));
    let rules = context::rules(default, Verdict::KillThread, rules);
    let layer = Layer { x32: crate::X32::Default, ..Layer::new(rules) };
    context.finish(context::single(layer))
}

struct Reader<'l> {
    context: Context<'l>,
    rules: Vec<Rule>,
    default: Option<Answer>,
    is_denylist: bool,
    /// Syscalls that have an unconditional filter, on which architectures.
    closed: BTreeSet<(Name, Vec<Arch>)>,
}

/// A syscall of a statement, and where it applies.
struct Subject<'t> {
    word: Piece<'t>,
    name: Name,
    arches: Vec<Arch>,
}

/// Arm's own calls, which minijail's table has as `ARM_set_tls`.
fn private(text: &str) -> Option<Name> {
    /// `__ARM_NR_BASE`.
    const FIRST: u32 = 0x000f_0000;
    let name = Name::parse(text.strip_prefix("ARM_")?)?;
    Arch::Arm.syscall(name).filter(|syscall| syscall.nr.raw() >= FIRST).map(|_| name)
}

impl Reader<'_> {
    /// Recursion follows includes, which nest at most [`INCLUDE_DEPTH_MAX`] deep.
    fn file(&mut self, text: &str, source: SourceId, name: &str, depth: usize) {
        let mut tokens = tokens(Piece::whole(text, source), STYLE, &mut self.context);
        while !tokens.is_at_end() && !self.context.is_full() {
            if tokens.take("\n").is_some() {
                continue;
            }
            let is_read = self.statement(&mut tokens, name, depth).is_some();
            if is_read && !tokens.is_at_end() && !tokens.is("\n") {
                tokens.unexpected("the end of the line", &mut self.context);
            }
            tokens.skip_to(&["\n"]);
        }
    }

    /// One statement; nothing where it is wrong and was reported.
    fn statement(&mut self, tokens: &mut Tokens<'_>, name: &str, depth: usize) -> Option<()> {
        match tokens.peek().piece.text {
            "@include" => {
                tokens.next();
                let path = self.path(tokens)?;
                if depth + 1 >= INCLUDE_DEPTH_MAX {
                    let message =
                        format!("files include each other more than {INCLUDE_DEPTH_MAX} deep");
                    self.context.error(code::LIMIT, path, message);
                    return None;
                }
                let (text, source) = self.context.include(path, name)?;
                let included = self.context.sources.get(source)?.name().to_owned();
                self.file(&text, source, &included, depth + 1);
            }
            "@frequency" => {
                // How often calls are made changes the order of the tests, and no answer.
                tokens.next();
                self.path(tokens)?;
            }
            "@denylist" => {
                tokens.next();
                self.is_denylist = true;
            }
            "@default" => {
                tokens.next();
                let word = tokens.word("an action", &mut self.context)?;
                let allowed = ["kill", "kill-process", "kill-thread", "trap", "user-notify"];
                let action = ACTIONS.iter().find(|(name, _)| *name == word.text);
                match action.filter(|(name, _)| allowed.contains(name)) {
                    Some((_, verdict)) => self.default = Some(context::answer(*verdict, word)),
                    None => {
                        let message = format!("the default is one of {}", allowed.join(", "));
                        self.context.error(code::SYNTAX, word, message);
                    }
                }
            }
            _ => self.filters(tokens)?,
        }
        Some(())
    }

    fn path<'t>(&mut self, tokens: &mut Tokens<'t>) -> Option<Piece<'t>> {
        let path = tokens.word("a path that begins with / or ./", &mut self.context)?;
        if !path.text.starts_with('/') && !path.text.starts_with("./") {
            self.context.error(code::SYNTAX, path, "a path begins with / or ./");
            return None;
        }
        Some(path)
    }

    /// `SYSCALLS: FILTERS`.
    fn filters(&mut self, tokens: &mut Tokens<'_>) -> Option<()> {
        let mut subjects = Vec::new();
        if tokens.take("{").is_some() {
            loop {
                subjects.push(self.subject(tokens)?);
                if tokens.take(",").is_none() {
                    break;
                }
            }
            tokens.expect("}", &mut self.context)?;
        } else {
            subjects.push(self.subject(tokens)?);
        }
        tokens.expect(":", &mut self.context)?;
        if tokens.take("{").is_none() {
            return self.filter(tokens, &subjects);
        }
        loop {
            self.filter(tokens, &subjects)?;
            if tokens.take(",").is_none() {
                break;
            }
        }
        tokens.expect("}", &mut self.context).map(drop)
    }

    /// `NAME`, `NAME[arch=x86,arm]`.
    fn subject<'t>(&mut self, tokens: &mut Tokens<'t>) -> Option<Subject<'t>> {
        let word = tokens.word("a syscall", &mut self.context)?;
        let mut arches = Vec::new();
        if tokens.take("[").is_some() {
            loop {
                let key = tokens.word("a key", &mut self.context)?;
                tokens.expect("=", &mut self.context)?;
                loop {
                    let value = tokens.word("a value", &mut self.context)?;
                    if key.text == "arch" {
                        arches.push(self.arch(value)?);
                    }
                    if tokens.take(",").is_none() {
                        break;
                    }
                }
                if tokens.take(";").is_none() {
                    break;
                }
            }
            tokens.expect("]", &mut self.context)?;
        }
        arches.sort_unstable();
        let name = match private(word.text) {
            Some(name) => name,
            None => self.context.name(word)?,
        };
        Some(Subject { word, name, arches })
    }

    fn arch(&mut self, word: Piece<'_>) -> Option<Arch> {
        let arch = Arch::from_word(word.text);
        if arch.is_none() {
            let message = format!("unknown architecture {:?}", context::shortened(word.text));
            self.context.error(code::UNKNOWN, word, message);
        }
        arch
    }

    /// `ACTION`, `CONDITION`, or `CONDITION; ACTION`.
    fn filter(&mut self, tokens: &mut Tokens<'_>, subjects: &[Subject<'_>]) -> Option<()> {
        let first = tokens.peek().piece;
        let is_condition = first
            .text
            .strip_prefix("arg")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let (condition, verdict) = if is_condition {
            let condition = self.condition(tokens)?;
            match tokens.take(";") {
                None => (Some(condition), Verdict::Allow),
                Some(_) => {
                    let word = tokens.peek().piece;
                    if word.text == "return" {
                        self.context.warn(
                            code::DOUBTFUL,
                            word,
                            "read as by minijail's compiler: the errno is for calls that meet the condition; \
                             minijail0 -S gives it to all others",
                        );
                    }
                    (Some(condition), self.action(tokens)?)
                }
            }
        } else {
            (None, self.action(tokens)?)
        };
        for subject in subjects {
            let key = (subject.name, subject.arches.clone());
            if self.closed.contains(&key) && condition.is_none() {
                let message = format!("{} has an unconditional action already", subject.name);
                self.context.error(code::MEANING, first, message);
            }
            if condition.is_none() {
                self.closed.insert(key);
            }
            let named = vec![context::subject(subject.name, subject.word)];
            let mut rule = context::rule(named, condition.clone(), verdict, subject.word);
            rule.origin = Origin::Text(subject.word.span().to(first.span()));
            rule.applies = Applies { arches: subject.arches.clone(), ..Applies::default() };
            self.rules.push(rule);
        }
        Some(())
    }

    fn action(&mut self, tokens: &mut Tokens<'_>) -> Option<Verdict> {
        let word = tokens.word("an action", &mut self.context)?;
        if word.text == "return" {
            let value = tokens.word("an errno", &mut self.context)?;
            let errno = context::errno(value.text).map(Verdict::Errno);
            if errno.is_none() {
                let message = format!("unknown errno {:?}", context::shortened(value.text));
                self.context.error(code::UNKNOWN, value, message);
            }
            return errno;
        }
        let action = ACTIONS.iter().find(|(name, _)| *name == word.text);
        if action.is_none() {
            let names = ACTIONS.map(|(name, _)| name).join(", ");
            let message =
                format!("expected a condition on arg0 to arg5, return ERRNO, or one of {names}");
            self.context.error(code::SYNTAX, word, message);
        }
        action.map(|(_, verdict)| *verdict)
    }

    /// Alternatives of conditions that must all hold.
    fn condition(&mut self, tokens: &mut Tokens<'_>) -> Option<Cond> {
        let mut alternatives = Vec::new();
        loop {
            let mut all = Vec::new();
            loop {
                all.push(self.atom(tokens)?);
                if tokens.take("&&").is_none() {
                    break;
                }
            }
            alternatives.push(Cond::all(all));
            if tokens.take("||").is_none() {
                return Some(Cond::any(alternatives));
            }
        }
    }

    fn atom(&mut self, tokens: &mut Tokens<'_>) -> Option<Cond> {
        let word = tokens.word("a condition on arg0 to arg5", &mut self.context)?;
        let index = word.text.strip_prefix("arg").and_then(|digits| digits.parse::<usize>().ok());
        let Some(index) = index.filter(|index| *index < 6) else {
            self.context.error(code::SYNTAX, word, "expected arg0 to arg5");
            return None;
        };
        let operator = tokens.next().piece;
        let value = as_word(self.value(tokens, 0)?);
        let relation = match operator.text {
            "==" => Relation::Compare(Operator::Eq, value),
            "!=" => Relation::Compare(Operator::Ne, value),
            "<" => Relation::Compare(Operator::Lt, value),
            "<=" => Relation::Compare(Operator::Le, value),
            ">" => Relation::Compare(Operator::Gt, value),
            ">=" => Relation::Compare(Operator::Ge, value),
            "&" => Relation::Any(value),
            "in" => Relation::Only(value),
            _ => {
                let message = "expected an operator: == != < <= > >= & in";
                self.context.error(code::SYNTAX, operator, message);
                return None;
            }
        };
        Some(context::test(context::register(index), relation, word))
    }

    /// Constants joined by `|`. Recursion follows parentheses, at most [`DEPTH_MAX`] deep.
    fn value(&mut self, tokens: &mut Tokens<'_>, depth: usize) -> Option<Value> {
        let mut joined: Option<Value> = None;
        loop {
            let complement = tokens.take("~");
            let mut value = if tokens.is("(") {
                let parenthesis = tokens.next().piece;
                if depth >= DEPTH_MAX {
                    let message = format!("parentheses nest more than {DEPTH_MAX} deep");
                    self.context.error(code::LIMIT, parenthesis, message);
                    return None;
                }
                let value = self.value(tokens, depth + 1)?;
                tokens.expect(")", &mut self.context)?;
                value
            } else {
                self.constant(tokens)?
            };
            if complement.is_some() {
                value = complemented(&value);
            }
            joined = Some(match joined {
                Some(joined) => joined | value,
                None => value,
            });
            if tokens.take("|").is_none() {
                return joined;
            }
        }
    }

    fn constant(&mut self, tokens: &mut Tokens<'_>) -> Option<Value> {
        if tokens.peek().kind != Kind::Word {
            tokens.unexpected("a number or the name of a constant", &mut self.context);
            return None;
        }
        let word = tokens.next().piece;
        let (negative, digits) = match word.text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, word.text),
        };
        if let Some(number) = c_number(digits) {
            let number = i128::from(number);
            return Some(Value::number(if negative { -number } else { number }));
        }
        let value = context::constant(word.text);
        if value.is_none() {
            let message = format!("unknown constant {:?}", context::shortened(word.text));
            self.context.error(code::UNKNOWN, word, message);
        }
        value
    }
}

/// The value as minijail compares it: a machine word without a sign.
fn as_word(value: Value) -> Value {
    let on = |arch: Arch| Some((arch, value.on(arch).ok()?));
    let values: Vec<(Arch, i128)> = Arch::ALL.into_iter().filter_map(on).collect();
    if values.iter().all(|(_, value)| *value >= 0) {
        return value;
    }
    let word = |(arch, value): (Arch, i128)| {
        let bits = if arch.word_bits() == 64 { u64::MAX } else { u32::MAX.into() };
        (arch, value & i128::from(bits))
    };
    let values = values.into_iter().map(word).collect();
    callgate_rules::Constant::from_values(value.to_string(), values).into()
}

/// The value with every bit turned, whatever each architecture makes of its constants.
fn complemented(value: &Value) -> Value {
    let constant = |term: &Term| matches!(term, Term::Constant(_));
    if value.terms().any(constant) {
        let on = |arch: Arch| Some((arch, !value.on(arch).ok()?));
        let values = Arch::ALL.into_iter().filter_map(on).collect();
        return callgate_rules::Constant::from_values(format!("~({value})"), values).into();
    }
    Value::number(!value.on(Arch::X86_64).unwrap_or_default())
}
