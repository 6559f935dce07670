//! Conditions: `family in {AF_INET, AF_INET6} and not (type has SOCK_NONBLOCK)`.

use super::Fault;
use super::SyntaxKind::*;
use super::grammar::{expect, set_fault};
use super::parser::{Parser, Read};

/// The deepest nesting of parentheses and `not` in a condition.
pub(crate) const DEPTH_MAX: usize = 32;

/// Reads a condition. Recursion is limited by [`DEPTH_MAX`].
pub(crate) fn condition(p: &mut Parser<'_>, depth: usize) -> Read {
    if depth > DEPTH_MAX {
        return Err(p.report(Fault::Deep.at(p.range(), p.text())));
    }
    let start = p.checkpoint();
    conjunction(p, depth)?;
    if !p.at_word("or") {
        return Ok(());
    }
    p.node_at(start, Or, |p| {
        while p.eat_word("or") {
            conjunction(p, depth)?;
        }
        Ok(())
    })
}

fn conjunction(p: &mut Parser<'_>, depth: usize) -> Read {
    let start = p.checkpoint();
    factor(p, depth)?;
    if !p.at_word("and") {
        return Ok(());
    }
    p.node_at(start, And, |p| {
        while p.eat_word("and") {
            factor(p, depth)?;
        }
        Ok(())
    })
}

fn factor(p: &mut Parser<'_>, depth: usize) -> Read {
    if depth > DEPTH_MAX {
        return Err(p.report(Fault::Deep.at(p.range(), p.text())));
    }
    if p.at_word("not") {
        return p.node(Not, |p| {
            p.bump();
            factor(p, depth + 1)
        });
    }
    if p.current() == LeftParen {
        return p.node(Paren, |p| {
            let open = p.range();
            p.bump();
            condition(p, depth + 1)?;
            close(p, open)
        });
    }
    p.node(Comparison, comparison)
}

/// `OPERAND OPERATOR VALUE` or `OPERAND in {VALUES}`.
fn comparison(p: &mut Parser<'_>) -> Read {
    p.node(Operand, operand)?;
    match (p.current(), p.text()) {
        (Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual, _)
        | (Word, "has" | "any" | "none" | "only") => {
            p.bump();
            value(p)
        }
        (Word, "in") => {
            p.bump();
            p.node(Set, set)
        }
        _ => Err(p.report(Fault::Operator.at(p.range(), p.text()))),
    }
}

/// `flags`, `full(flags)`, `low32(flags)`, each with `& MASK` or without.
fn operand(p: &mut Parser<'_>) -> Read {
    if p.current() != Word {
        return Err(p.report(Fault::Operand.at(p.range(), p.text())));
    }
    let is_width = matches!(p.text(), "full" | "low32") && p.peek(1).0 == LeftParen;
    p.bump();
    if is_width {
        let open = p.range();
        p.bump();
        expect(p, Word, "the name of an argument")?;
        close(p, open)?;
    }
    match p.eat(Ampersand) {
        true => value(p),
        false => Ok(()),
    }
}

fn close(p: &mut Parser<'_>, open: rowan::TextRange) -> Read {
    if p.eat(RightParen) {
        return Ok(());
    }
    let fault = match p.current() {
        Newline | End => Fault::Unclosed.at(open, "("),
        _ => Fault::Expected("`)`").at(p.range(), p.text()),
    };
    Err(p.report(fault))
}

/// `{AF_INET, 3..9}`.
fn set(p: &mut Parser<'_>) -> Read {
    let open = p.range();
    expect(p, LeftBrace, "`{` and the values, as in `in {1, 3..9}`")?;
    while p.current() != RightBrace {
        let start = p.checkpoint();
        value(p)?;
        if p.current() == DotDot {
            p.node_at(start, Range, |p| {
                p.bump();
                value(p)
            })?;
        }
        if !p.eat(Comma) && p.current() != RightBrace {
            return Err(set_fault(p, open));
        }
    }
    p.bump();
    Ok(())
}

/// `PROT_READ|PROT_WRITE`, `-1`, `0x1f`.
pub(crate) fn value(p: &mut Parser<'_>) -> Read {
    p.node(Value, |p| {
        p.node(Term, term)?;
        while p.eat(Pipe) {
            p.node(Term, term)?;
        }
        Ok(())
    })
}

fn term(p: &mut Parser<'_>) -> Read {
    let negative = p.eat(Minus);
    match p.current() {
        Number => {}
        Word if !negative => {}
        _ => return Err(p.report(Fault::Value.at(p.range(), p.text()))),
    }
    p.bump();
    Ok(())
}
