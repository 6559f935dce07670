//! Reads kafel's policies.

use std::collections::BTreeMap;
use std::rc::Rc;

use callgate_rules::{Answer, Applies, Cond, ErrnoSpec, Rule, SourceId, Subject, Verdict};
use callgate_syscalls::{Arch, Name};

use super::argument::{Argument, syscall};
use super::expression;
use crate::context::{self, Context, code};
use crate::piece::Piece;
use crate::tokens::{Kind, Style, Tokens, tokens};
use crate::{Layer, Refused, Written};

/// The most rules that policies which use each other may come to.
const RULES_MAX: usize = 1 << 16;

/// How deep files may include each other.
const INCLUDE_DEPTH_MAX: usize = 8;

const STYLE: Style = Style {
    comments: &["//"],
    has_block_comments: true,
    word: "",
    has_lines: false,
    signs: &["&&", "||", "==", "!=", "<=", ">="],
};

/// Reads a policy.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(context: Context<'_>) -> Result<Written, Refused> {
    let (source_text, source) = context.text();
    text(context, &source_text, source)
}

/// Reads a policy that stands in a text of a source: the whole of it, or what is left of it where
/// all else was blanked.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn text(context: Context<'_>, text: &str, source: SourceId) -> Result<Written, Refused> {
    let mut reader = Reader {
        context,
        constants: BTreeMap::new(),
        policies: BTreeMap::new(),
        used: Vec::new(),
        is_used: false,
        default: None,
    };
    reader.file(text, source, 0);
    let whole = Piece::whole(text, source);
    if !reader.is_used && reader.default.is_none() && !reader.context.has_errors() {
        let message = "no policy is used: end the text with USE NAME DEFAULT ACTION";
        reader.context.error(code::MEANING, whole.part(0..0), message);
    }
    let Reader { context, used, default, .. } = reader;
    let default = default.unwrap_or(Answer::new(Verdict::KillThread));
    let rules = used.iter().map(|rule| Rule::clone(rule)).collect();
    let rules = context::rules(default, Verdict::KillThread, rules);
    let layer = Layer { x32: crate::X32::Default, ..Layer::new(rules) };
    context.finish(context::single(layer))
}

/// A policy's rules; those that several use are shared.
type List = Vec<Rc<Rule>>;

pub(super) struct Reader<'l> {
    pub(super) context: Context<'l>,
    pub(super) constants: BTreeMap<String, u64>,
    policies: BTreeMap<String, List>,
    used: List,
    is_used: bool,
    default: Option<Answer>,
}

/// What names in a condition stand for.
pub(super) struct Scope<'t> {
    name: Option<Name>,
    /// The names that the rule gives to the arguments.
    declared: Option<Vec<Piece<'t>>>,
}

impl Reader<'_> {
    /// Recursion follows includes, at most [`INCLUDE_DEPTH_MAX`] deep.
    fn file(&mut self, text: &str, source: SourceId, depth: usize) {
        let mut tokens = tokens(Piece::whole(text, source), STYLE, &mut self.context);
        while !tokens.is_at_end() && !self.context.is_full() {
            if tokens.take(",").is_some() || tokens.take(";").is_some() {
                continue;
            }
            if self.top(&mut tokens, source, depth).is_none() {
                // What follows a mistake is hardly understood.
                return;
            }
        }
    }

    fn top(&mut self, tokens: &mut Tokens<'_>, source: SourceId, depth: usize) -> Option<()> {
        if tokens.take("#").is_some() {
            return self.directive(tokens, source, depth);
        }
        if tokens.take("POLICY").is_some() {
            let name = tokens.word("the name of a policy", &mut self.context)?;
            tokens.expect("{", &mut self.context)?;
            let mut list = List::new();
            while tokens.take("}").is_none() {
                self.statement(tokens, &mut list)?;
                if tokens.take(",").is_none() && !tokens.is("}") {
                    tokens.unexpected("`,` or `}`", &mut self.context);
                    return None;
                }
            }
            if self.policies.insert(name.text.to_owned(), list).is_some() {
                let message = format!("the policy {} exists already", name.text);
                self.context.error(code::MEANING, name, message);
            }
            return Some(());
        }
        if tokens.take("DEFAULT").is_some() {
            let at = tokens.peek().piece;
            let verdict = self.action(tokens)?;
            self.default = Some(context::answer(verdict, at));
            return Some(());
        }
        self.is_used = true;
        let mut used = std::mem::take(&mut self.used);
        let done = self.statement(tokens, &mut used);
        self.used = used;
        done
    }

    fn directive(&mut self, tokens: &mut Tokens<'_>, source: SourceId, depth: usize) -> Option<()> {
        let word = tokens.word("define or include", &mut self.context)?;
        match word.text {
            "define" => {
                let name = tokens.word("the name of a constant", &mut self.context)?;
                let value = expression::number(tokens, &mut self.context)?;
                let before = self.constants.insert(name.text.to_owned(), value);
                if before.is_some_and(|before| before != value) {
                    let message = format!("the constant {} has another value already", name.text);
                    self.context.error(code::MEANING, name, message);
                }
            }
            "include" => {
                let quoted = tokens.next().piece;
                let inside = quoted.part(1..quoted.text.len().saturating_sub(1));
                if depth >= INCLUDE_DEPTH_MAX {
                    let message =
                        format!("files include each other more than {INCLUDE_DEPTH_MAX} deep");
                    self.context.error(code::LIMIT, quoted, message);
                    return None;
                }
                let including = self.context.sources.get(source)?.name().to_owned();
                let (text, source) = self.context.include(inside, &including)?;
                self.file(&text, source, depth + 1);
            }
            _ => {
                self.context.error(code::SYNTAX, word, "expected #define or #include");
                return None;
            }
        }
        Some(())
    }

    /// `USE NAME`, or `ACTION { SYSCALLS }`.
    fn statement(&mut self, tokens: &mut Tokens<'_>, list: &mut List) -> Option<()> {
        if tokens.take("USE").is_some() {
            loop {
                let name = tokens.word("the name of a policy", &mut self.context)?;
                let Some(policy) = self.policies.get(name.text) else {
                    let message = format!("unknown policy {:?}", context::shortened(name.text));
                    self.context.error(code::UNKNOWN, name, message);
                    return None;
                };
                if list.len() + policy.len() > RULES_MAX {
                    let message = format!("more than {RULES_MAX} rules");
                    self.context.error(code::LIMIT, name, message);
                    return None;
                }
                list.extend(policy.iter().cloned());
                // A comma may also end the statement.
                let is_name =
                    tokens.is(",") && self.policies.contains_key(tokens.peek_behind(1).piece.text);
                if !is_name {
                    return Some(());
                }
                tokens.next();
            }
        }
        let verdict = self.action(tokens)?;
        tokens.expect("{", &mut self.context)?;
        while tokens.take("}").is_none() {
            let rule = self.filter(tokens, verdict)?;
            list.push(Rc::new(rule));
            if tokens.take(",").is_none() && !tokens.is("}") {
                tokens.unexpected("`,` or `}`", &mut self.context);
                return None;
            }
        }
        Some(())
    }

    fn action(&mut self, tokens: &mut Tokens<'_>) -> Option<Verdict> {
        let word = tokens.word("an action", &mut self.context)?;
        Some(match word.text {
            "ALLOW" => Verdict::Allow,
            "LOG" => Verdict::Log,
            "DENY" | "KILL" | "KILL_THREAD" => Verdict::KillThread,
            "KILL_PROCESS" => Verdict::Kill,
            "USER_NOTIF" => Verdict::Notify,
            "ERRNO" => Verdict::Errno(ErrnoSpec::Number(self.data(tokens)?)),
            "TRACE" => Verdict::Trace(ErrnoSpec::Number(self.data(tokens)?)),
            "TRAP" => Verdict::Trap(self.data(tokens)?),
            _ => {
                let message = "expected an action (ALLOW LOG KILL KILL_PROCESS DENY ERRNO(N) TRAP(N) TRACE(N) \
                               USER_NOTIF), USE, POLICY or DEFAULT";
                self.context.error(code::SYNTAX, word, message);
                return None;
            }
        })
    }

    fn data(&mut self, tokens: &mut Tokens<'_>) -> Option<u16> {
        tokens.expect("(", &mut self.context)?;
        let at = tokens.peek().piece;
        let value = match self.constants.get(at.text) {
            Some(value) => {
                tokens.next();
                *value
            }
            None => expression::number(tokens, &mut self.context)?,
        };
        tokens.expect(")", &mut self.context)?;
        let value = u16::try_from(value).ok();
        if value.is_none() {
            self.context.error(code::LIMIT, at, "out of range (0-65535)");
        }
        value
    }

    /// `SYSCALL`, with the names of its arguments, architectures and a condition.
    fn filter(&mut self, tokens: &mut Tokens<'_>, verdict: Verdict) -> Option<Rule> {
        let at = tokens.peek().piece;
        let (subject, name) = self.subject(tokens)?;
        let mut scope = Scope { name, declared: None };
        let mut arches = self.guard(tokens)?;
        if tokens.take("(").is_some() {
            let mut declared = Vec::new();
            while tokens.take(")").is_none() {
                declared.push(tokens.word("the name of an argument", &mut self.context)?);
                if tokens.take(",").is_none() && !tokens.is(")") {
                    tokens.unexpected("`,` or `)`", &mut self.context);
                    return None;
                }
            }
            if let Some(seventh) = declared.get(6) {
                self.context.error(code::LIMIT, *seventh, "syscalls have six arguments");
                return None;
            }
            scope.declared = Some(declared);
        }
        arches.extend(self.guard(tokens)?);
        let mut condition = None;
        if tokens.take("{").is_some() && tokens.take("}").is_none() {
            condition = Some(expression::condition(self, tokens, &scope)?);
            tokens.expect("}", &mut self.context)?;
        }
        let mut rule = context::rule(vec![subject], condition, verdict, at);
        rule.applies = Applies { arches, ..Applies::default() };
        Some(rule)
    }

    fn subject(&mut self, tokens: &mut Tokens<'_>) -> Option<(Subject, Option<Name>)> {
        let word = tokens.word("a syscall", &mut self.context)?;
        let is_numbered = word.text == "SYSCALL" && tokens.take("[").is_some();
        let number = match is_numbered {
            true => {
                let number = expression::number(tokens, &mut self.context)?;
                tokens.expect("]", &mut self.context)?;
                Some(number)
            }
            false => self.constants.get(word.text).copied(),
        };
        match number {
            // Of a number kafel takes the low 32 bits, which the kernel reads.
            Some(number) => {
                let number = u32::try_from(number & u64::from(u32::MAX)).unwrap_or_default();
                Some((context::number_subject(number, word), None))
            }
            None => {
                let name = match syscall(word.text) {
                    Some(name) => name,
                    None => self.context.name(word)?,
                };
                Some((context::subject(name, word), Some(name)))
            }
        }
    }

    /// `ON ARCH`, `ON {ARCH, ARCH}`.
    fn guard(&mut self, tokens: &mut Tokens<'_>) -> Option<Vec<Arch>> {
        let mut arches = Vec::new();
        if tokens.take("ON").is_none() {
            return Some(arches);
        }
        let is_list = tokens.take("{").is_some();
        loop {
            let word = tokens.word("an architecture", &mut self.context)?;
            match Arch::from_word(&word.text.to_lowercase()) {
                Some(arch) => arches.push(arch),
                None => {
                    let message =
                        format!("unknown architecture {:?}", context::shortened(word.text));
                    self.context.error(code::UNKNOWN, word, message);
                    return None;
                }
            }
            if !is_list || tokens.take(",").is_none() {
                break;
            }
        }
        if is_list {
            tokens.expect("}", &mut self.context)?;
        }
        Some(arches)
    }

    /// The argument that a name stands for.
    pub(super) fn argument(&mut self, word: Piece<'_>, scope: &Scope<'_>) -> Option<Argument> {
        if let Some(declared) = &scope.declared {
            let index = declared.iter().position(|name| name.text == word.text);
            if index.is_none() {
                let message =
                    format!("{:?} is none of the arguments that are named here", word.text);
                self.context.error(code::UNKNOWN, word, message);
            }
            return index.map(Argument::declared);
        }
        let Some(name) = scope.name else {
            let message = "name the arguments of this syscall: SYSCALL[N](a, b, ...)";
            self.context.error(code::UNKNOWN, word, message);
            return None;
        };
        let known = Argument::known(name, word.text);
        if known.is_none() {
            let message = format!(
                "{:?} is neither a constant that is defined nor an argument of {name}",
                context::shortened(word.text)
            );
            let error = callgate_rules::Diagnostic::error(
                callgate_rules::Code::new(code::UNKNOWN),
                message,
            );
            self.context.report(
                error
                    .primary(word.span(), "")
                    .help(format!("#define it, or name the arguments: {name}(a, b, ...)")),
            );
        }
        known
    }

    /// Whether a word is a name and not a number.
    pub(super) fn is_name(token: crate::tokens::Token<'_>) -> bool {
        token.kind == Kind::Word && !token.piece.text.starts_with(|c: char| c.is_ascii_digit())
    }
}

/// The condition that holds always, or never.
pub(super) fn constant(holds: bool) -> Cond {
    if holds { Cond::all([]) } else { Cond::any([]) }
}
