//! Conditions of kafel.

use callgate_policy::Operator;
use callgate_rules::{Arg, Cond, Relation, Value};

use super::read::{Reader, Scope, constant};
use crate::context::{self, Context, c_number, code, unsigned};
use crate::piece::Piece;
use crate::tokens::{DEPTH_MAX, Tokens};

/// One side of a comparison.
enum Side {
    Number(i128),
    Argument(Arg),
}

/// Reads a condition.
pub(super) fn condition<'t>(
    reader: &mut Reader<'_>,
    tokens: &mut Tokens<'t>,
    scope: &Scope<'t>,
) -> Option<Cond> {
    Expression { reader, scope }.list(tokens, 0)
}

/// A number: decimal, hexadecimal, octal or binary.
pub(super) fn number(tokens: &mut Tokens<'_>, context: &mut Context<'_>) -> Option<i128> {
    let negative = tokens.take("-").is_some();
    let word = tokens.word("a number", context)?;
    let binary = word.text.strip_prefix("0b").and_then(|digits| unsigned(digits, 2));
    match binary.or_else(|| c_number(word.text)) {
        Some(number) if negative => Some(-i128::from(number)),
        Some(number) => Some(i128::from(number)),
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
        if depth >= DEPTH_MAX {
            let message = format!("the condition nests more than {DEPTH_MAX} deep");
            self.reader.context.error(code::LIMIT, tokens.peek().piece, message);
            return None;
        }
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
            if depth >= DEPTH_MAX {
                let message = format!("the condition nests more than {DEPTH_MAX} deep");
                self.reader.context.error(code::LIMIT, tokens.peek().piece, message);
                return None;
            }
            return self.primary(tokens, depth + 1).map(|inner| !inner);
        }
        if tokens.is("(") && !is_masked(tokens) {
            tokens.next();
            let inner = self.list(tokens, depth + 1)?;
            tokens.expect(")", &mut self.reader.context)?;
            return Some(inner);
        }
        let at = tokens.peek().piece;
        let left = self.side(tokens)?;
        let operator = tokens.next().piece;
        let Some(relation) = operator_of(operator.text) else {
            let message = "expected a comparison: == != < <= > >=";
            self.reader.context.error(code::SYNTAX, operator, message);
            return None;
        };
        let right = self.side(tokens)?;
        match (left, right) {
            (Side::Argument(arg), Side::Number(value)) => Some(compared(arg, relation, value, at)),
            (Side::Number(value), Side::Argument(arg)) => {
                Some(compared(arg, mirrored(relation), value, at))
            }
            (Side::Number(left), Side::Number(right)) => {
                let wrapped = |number: i128| u64::try_from(number & i128::from(u64::MAX));
                let holds = match (wrapped(left), wrapped(right)) {
                    (Ok(left), Ok(right)) => relation.holds(left, right),
                    _ => false,
                };
                Some(constant(holds))
            }
            (Side::Argument(_), Side::Argument(_)) => {
                let message = "filters compare arguments with numbers, and not with each other";
                self.reader.context.error(code::MEANING, operator, message);
                None
            }
        }
    }

    /// A number or an argument, alone or under a mask, perhaps in parentheses.
    fn side(&mut self, tokens: &mut Tokens<'t>) -> Option<Side> {
        let mut parentheses = 0;
        while tokens.take("(").is_some() {
            parentheses += 1;
        }
        let first = self.operand(tokens)?;
        let side = if let Some(at) = tokens.take("&") {
            match (first, self.operand(tokens)?) {
                (Side::Number(one), Side::Number(other)) => Side::Number(one & other),
                (Side::Argument(arg), Side::Number(mask))
                | (Side::Number(mask), Side::Argument(arg)) => {
                    Side::Argument(arg.masked(Value::number(mask)))
                }
                (Side::Argument(_), Side::Argument(_)) => {
                    let message = "filters mask arguments with numbers, and not with each other";
                    self.reader.context.error(code::MEANING, at, message);
                    return None;
                }
            }
        } else {
            first
        };
        for _ in 0..parentheses {
            tokens.expect(")", &mut self.reader.context)?;
        }
        Some(side)
    }

    fn operand(&mut self, tokens: &mut Tokens<'t>) -> Option<Side> {
        if !Reader::is_name(tokens.peek()) {
            return number(tokens, &mut self.reader.context).map(Side::Number);
        }
        let word = tokens.next().piece;
        match self.reader.constants.get(word.text) {
            Some(value) => Some(Side::Number(*value)),
            None => self.reader.argument(word, self.scope).map(Side::Argument),
        }
    }
}

/// Whether parentheses hold a side of a comparison and not a condition: no comparison stands in
/// them.
fn is_masked(tokens: &Tokens<'_>) -> bool {
    let texts = (0..2 * DEPTH_MAX).map(|count| tokens.peek_behind(count).piece.text);
    let inside = texts.take_while(|text| *text != ")");
    let operators = ["==", "!=", "<", "<=", ">", ">=", "!", "&&", "||", ","];
    inside.into_iter().all(|text| !operators.contains(&text))
}

fn single_or(mut list: Vec<Cond>, join: impl Fn(Vec<Cond>) -> Cond) -> Cond {
    match list.len() {
        1 => list.pop().unwrap_or_else(|| constant(false)),
        _ => join(list),
    }
}

fn compared(arg: Arg, operator: Operator, value: i128, at: Piece<'_>) -> Cond {
    context::test(arg, Relation::Compare(operator, Value::number(value)), at)
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
