//! Conditions of kafel.

use callgate_policy::Operator;
use callgate_rules::Cond;

use super::argument::Argument;
use super::read::{Reader, Scope, constant};
use crate::context::{self, Context, c_number, code, unsigned};
use crate::tokens::{DEPTH_MAX, Kind, Tokens};

/// One side of a comparison.
enum Side {
    Number(u64),
    Argument(Argument),
}

/// Reads a condition.
pub(super) fn condition<'t>(
    reader: &mut Reader<'_>,
    tokens: &mut Tokens<'t>,
    scope: &Scope<'t>,
) -> Option<Cond> {
    Expression { reader, scope }.list(tokens, 0)
}

/// A number: decimal, hexadecimal, octal or binary. Negative ones are those of 64 bits.
pub(super) fn number(tokens: &mut Tokens<'_>, context: &mut Context<'_>) -> Option<u64> {
    let negative = tokens.take("-").is_some();
    let word = tokens.word("a number", context)?;
    let binary = word.text.strip_prefix("0b").and_then(|digits| unsigned(digits, 2));
    match binary.or_else(|| c_number(word.text)) {
        Some(number) if negative => Some(number.wrapping_neg()),
        Some(number) => Some(number),
        None => {
            let message = format!("{:?} is no number of 64 bits", context::shortened(word.text));
            context.error(code::SYNTAX, word, message);
            None
        }
    }
}

struct Expression<'e, 'l, 't> {
    reader: &'e mut Reader<'l>,
    scope: &'e Scope<'t>,
}

/// Recursion follows parentheses and negations, at most [`DEPTH_MAX`] deep.
impl<'t> Expression<'_, '_, 't> {
    /// Alternatives between commas.
    fn list(&mut self, tokens: &mut Tokens<'t>, depth: usize) -> Option<Cond> {
        self.within(depth, tokens)?;
        let mut alternatives = Vec::new();
        loop {
            let mut all = vec![self.primary(tokens, depth)?];
            while tokens.take("&&").is_some() {
                all.push(self.primary(tokens, depth)?);
            }
            alternatives.push(single_or(all, Cond::all));
            if tokens.take("||").is_none() && tokens.take(",").is_none() {
                return Some(single_or(alternatives, Cond::any));
            }
        }
    }

    fn primary(&mut self, tokens: &mut Tokens<'t>, depth: usize) -> Option<Cond> {
        if tokens.take("!").is_some() {
            self.within(depth, tokens)?;
            return self.primary(tokens, depth + 1).map(|inner| !inner);
        }
        if tokens.is("(") && !is_side(tokens) {
            tokens.next();
            let inner = self.list(tokens, depth + 1)?;
            tokens.expect(")", &mut self.reader.context)?;
            return Some(inner);
        }
        let at = tokens.peek().piece;
        let left = self.side(tokens, depth)?;
        let operator = tokens.next().piece;
        let Some(relation) = operator_of(operator.text) else {
            let message = "expected a comparison: == != < <= > >=";
            self.reader.context.error(code::SYNTAX, operator, message);
            return None;
        };
        let right = self.side(tokens, depth)?;
        match (left, right) {
            (Side::Argument(arg), Side::Number(value)) => Some(arg.compared(relation, value, at)),
            (Side::Number(value), Side::Argument(arg)) => {
                Some(arg.compared(mirrored(relation), value, at))
            }
            (Side::Number(left), Side::Number(right)) => {
                Some(constant(relation.holds(left, right)))
            }
            (Side::Argument(_), Side::Argument(_)) => {
                let message = "filters compare arguments with numbers, and not with each other";
                self.reader.context.error(code::MEANING, operator, message);
                None
            }
        }
    }

    /// Numbers and arguments between `|`, which binds less than `&`.
    fn side(&mut self, tokens: &mut Tokens<'t>, depth: usize) -> Option<Side> {
        let mut side = self.masked(tokens, depth)?;
        while let Some(at) = tokens.take("|") {
            side = match (side, self.masked(tokens, depth)?) {
                (Side::Number(one), Side::Number(other)) => Side::Number(one | other),
                _ => {
                    let message = "filters compare bits of arguments, and add none to them";
                    self.reader.context.error(code::MEANING, at, message);
                    return None;
                }
            };
        }
        Some(side)
    }

    fn masked(&mut self, tokens: &mut Tokens<'t>, depth: usize) -> Option<Side> {
        let mut side = self.operand(tokens, depth)?;
        while let Some(at) = tokens.take("&") {
            side = match (side, self.operand(tokens, depth)?) {
                (Side::Number(one), Side::Number(other)) => Side::Number(one & other),
                (Side::Argument(arg), Side::Number(mask))
                | (Side::Number(mask), Side::Argument(arg)) => Side::Argument(arg.masked(mask)),
                (Side::Argument(_), Side::Argument(_)) => {
                    let message = "filters mask arguments with numbers, and not with each other";
                    self.reader.context.error(code::MEANING, at, message);
                    return None;
                }
            };
        }
        Some(side)
    }

    fn operand(&mut self, tokens: &mut Tokens<'t>, depth: usize) -> Option<Side> {
        if tokens.take("(").is_some() {
            self.within(depth, tokens)?;
            let side = self.side(tokens, depth + 1)?;
            tokens.expect(")", &mut self.reader.context)?;
            return Some(side);
        }
        if !Reader::is_name(tokens.peek()) {
            return number(tokens, &mut self.reader.context).map(Side::Number);
        }
        let word = tokens.next().piece;
        match self.reader.constants.get(word.text) {
            Some(value) => Some(Side::Number(*value)),
            None => self.reader.argument(word, self.scope).map(Side::Argument),
        }
    }

    /// Whether one level more may be entered.
    fn within(&mut self, depth: usize, tokens: &Tokens<'t>) -> Option<()> {
        if depth >= DEPTH_MAX {
            let message = format!("the condition nests more than {DEPTH_MAX} deep");
            self.reader.context.error(code::LIMIT, tokens.peek().piece, message);
            return None;
        }
        Some(())
    }
}

/// Whether parentheses hold a side of a comparison and not a condition: up to where they close
/// nothing is compared.
fn is_side(tokens: &Tokens<'_>) -> bool {
    let operators = ["==", "!=", "<", "<=", ">", ">=", "!", "&&", "||", ","];
    let mut open = 0_usize;
    for count in 0.. {
        let token = tokens.peek_behind(count);
        match token.piece.text {
            "(" => open += 1,
            ")" if open <= 1 => return true,
            ")" => open -= 1,
            text if operators.contains(&text) => return false,
            _ if token.kind == Kind::End => return true,
            _ => {}
        }
    }
    true
}

fn single_or(mut list: Vec<Cond>, join: impl Fn(Vec<Cond>) -> Cond) -> Cond {
    match list.len() {
        1 => list.pop().unwrap_or_else(|| constant(false)),
        _ => join(list),
    }
}

fn operator_of(text: &str) -> Option<Operator> {
    Some(match text {
        "==" => Operator::Eq,
        "!=" => Operator::Ne,
        "<" => Operator::Lt,
        "<=" => Operator::Le,
        ">" => Operator::Gt,
        ">=" => Operator::Ge,
        _ => return None,
    })
}

/// The operator with its sides swapped.
const fn mirrored(operator: Operator) -> Operator {
    match operator {
        Operator::Eq => Operator::Eq,
        Operator::Ne => Operator::Ne,
        Operator::Lt => Operator::Gt,
        Operator::Le => Operator::Ge,
        Operator::Gt => Operator::Lt,
        Operator::Ge => Operator::Le,
    }
}
