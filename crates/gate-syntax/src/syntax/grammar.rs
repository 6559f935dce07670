//! What a file, its lines and its blocks consist of; the guide's page has the same in EBNF.

use super::SyntaxKind::{self, *};
use super::parser::{Parser, Read, Stop};
use super::{Fault, condition, fault, header, words};

/// The deepest nesting of blocks. `group` and `on` within each other are enough for any policy.
pub(crate) const BLOCKS_MAX: usize = 8;

/// Reads a whole file.
pub(crate) fn file(p: &mut Parser<'_>) {
    let mut depth = 0;
    lines(p, &mut depth);
}

/// Reads lines up to the end of a block or of the file. A stray `}` in a file is reported and
/// taken.
fn lines(p: &mut Parser<'_>, depth: &mut usize) {
    loop {
        match p.current() {
            End => return,
            Newline => p.bump(),
            RightBrace if *depth > 0 => return,
            RightBrace => {
                p.report(Fault::Stray.at(p.range(), "}"));
                let _ = p.node(Wrong, |p| {
                    p.bump();
                    Ok(())
                });
            }
            _ => line(p, depth),
        }
    }
}

/// Reads one line.
fn line(p: &mut Parser<'_>, depth: &mut usize) {
    p.begin_line();
    let first = p.text();
    let is_statement = first == "always" || words::VERDICTS.contains(&first);
    let read = match (p.current(), first) {
        (Word, "on") => p.node(On, |p| block(p, depth)),
        (Word, "group") => p.node(Group, |p| block(p, depth)),
        (Word, word) if words::HEADERS.contains(&word) => header::headers(p),
        (Word, "include") => p.node(Include, include),
        (Word, "use") => p.node(Use, uses),
        (Word, "test") => p.node(Test, test),
        (Word, _) if is_statement => p.node(Statement, statement),
        // minijail's `read: 1`.
        (Word, _) if p.peek(1).1 == ":" => Err(p.report(Fault::Colon.at(p.range(), p.text()))),
        _ => Err(p.report(Fault::Statement.before(p.range(), p.text(), p.peek(1).1))),
    };
    let rest = match read {
        Ok(()) if p.at_end() => return,
        Ok(()) if !is_statement => {
            Err(p.report(Fault::RestOfLine.before(p.range(), p.text(), p.peek(1).1)))
        }
        Ok(()) => Err(p.report(Fault::Rest.before(p.range(), p.text(), p.peek(1).1))),
        stopped => stopped,
    };
    if rest.is_err() && !p.at_end() {
        let _ = p.node(Wrong, |p| {
            p.skip_line();
            Ok(())
        });
    }
}

/// `on TEST and TEST { ... }` or `group NAME { ... }`.
fn block(p: &mut Parser<'_>, depth: &mut usize) -> Read {
    let is_on = p.at_word("on");
    p.bump();
    match is_on {
        true => circumstances(p)?,
        false => word(p, "a name for the group")?,
    }
    let open = p.range();
    expect(p, LeftBrace, "`{`")?;
    if *depth >= BLOCKS_MAX {
        return Err(p.report(Fault::Deep.at(open, "{")));
    }
    p.begin_line();
    *depth += 1;
    lines(p, depth);
    *depth -= 1;
    match p.eat(RightBrace) {
        true => Ok(()),
        false => Err(p.report(Fault::Unclosed.at(open, "{"))),
    }
}

/// `x86_64, aarch64`, `machine x86_64`, `cap CAP_BPF`, `kernel >= 5.8`, each with `not` before it or
/// not, joined by `and`.
fn circumstances(p: &mut Parser<'_>) -> Read {
    loop {
        p.eat_word("not");
        match p.text() {
            "kernel" => {
                p.bump();
                if !p.eat(GreaterEqual) && !p.eat(Less) {
                    return Err(p.report(Fault::KernelOrder.at(p.range(), p.text())));
                }
                expect(p, Version, "a kernel version, as in 5.8")?;
            }
            "cap" => {
                p.bump();
                list(p, "a capability, as in CAP_SYS_ADMIN")?;
            }
            "machine" => {
                p.bump();
                list(p, "an architecture")?;
            }
            _ => list(p, "an architecture, `machine`, `cap` or `kernel`")?,
        }
        if !p.eat_word("and") {
            return Ok(());
        }
    }
}

/// Words between commas.
fn list(p: &mut Parser<'_>, what: &'static str) -> Read {
    word(p, what)?;
    while p.eat(Comma) {
        word(p, what)?;
    }
    Ok(())
}

fn include(p: &mut Parser<'_>) -> Read {
    p.bump();
    text(p, "the file in quotes, as in `include \"base.gate\"`")
}

fn uses(p: &mut Parser<'_>) -> Read {
    p.bump();
    loop {
        if !p.eat(Block) {
            return Err(p.report(Fault::Expected(fault::USED).at(p.range(), p.text())));
        }
        if !p.eat(Comma) {
            return Ok(());
        }
    }
}

/// `[always] VERDICT SUBJECT [where CONDITION] [because "text"]`.
fn statement(p: &mut Parser<'_>) -> Read {
    p.eat_word("always");
    verdict(p)?;
    p.node(Subject, subject)?;
    if p.at_word("where") {
        p.node(Where, |p| {
            p.bump();
            condition::condition(p, 0)
        })?;
    }
    if p.at_word("because") {
        p.node(Because, |p| {
            p.bump();
            text(p, "the reason in quotes")
        })?;
    }
    Ok(())
}

/// `errno EPERM`, `trap 3`, `kill` ...
pub(crate) fn verdict(p: &mut Parser<'_>) -> Read {
    let word = p.text();
    if p.current() != Word || !words::VERDICTS.contains(&word) {
        return Err(p.report(Fault::Verdict.before(p.range(), word, p.peek(1).1)));
    }
    p.node(Verdict, |p| {
        p.bump();
        match word {
            "errno" if !matches!(p.current(), Word | Number) => {
                Err(p.report(Fault::ErrnoMissing.at(p.range(), p.text())))
            }
            "raw" => expect(p, Number, "the 32-bit word that the filter returns"),
            "errno" => {
                p.bump();
                Ok(())
            }
            // A syscall's name has small letters.
            "trap" if p.current() == Word && p.text().starts_with("SIG") => {
                Err(p.report(Fault::Expected(fault::SIGNAL).at(p.range(), p.text())))
            }
            "trap" | "trace" => {
                p.eat(Number);
                Ok(())
            }
            _ => Ok(()),
        }
    })
}

fn subject(p: &mut Parser<'_>) -> Read {
    let open = p.range();
    if !p.eat(LeftBrace) {
        return call(p);
    }
    // A statement about nothing is a statement that somebody forgot to finish.
    if p.current() == RightBrace {
        return Err(p.report(Fault::Subject.at(p.range(), p.text())));
    }
    while p.current() != RightBrace {
        call(p)?;
        if !p.eat(Comma) && p.current() != RightBrace {
            return Err(set_fault(p, open));
        }
    }
    p.bump();
    Ok(())
}

/// What is wrong where a set neither goes on nor ends.
pub(crate) fn set_fault(p: &mut Parser<'_>, open: rowan::TextRange) -> Stop {
    let fault = match p.current() {
        Newline | End => Fault::Unclosed.at(open, "{"),
        _ => Fault::Comma.at(p.range(), p.text()),
    };
    p.report(fault)
}

/// A call by name, `nr NUMBER`, a block or a family.
fn call(p: &mut Parser<'_>) -> Read {
    match p.current() {
        Word if p.text() == "nr" && p.peek(1).0 == Number => p.node(Call, |p| {
            p.bump();
            p.bump();
            Ok(())
        }),
        Word | Block | Family => p.node(Call, |p| {
            p.bump();
            Ok(())
        }),
        _ => Err(p.report(Fault::Subject.at(p.range(), p.text()))),
    }
}

/// `test CALL(args) -> VERDICT`.
fn test(p: &mut Parser<'_>) -> Read {
    p.bump();
    p.node(Subject, subject)?;
    if p.current() == LeftParen {
        p.node(Arguments, arguments)?;
    }
    expect(p, Arrow, "`->` and the verdict")?;
    verdict(p)
}

fn arguments(p: &mut Parser<'_>) -> Read {
    let open = p.range();
    p.bump();
    while p.current() != RightParen {
        p.node(Argument, |p| match p.current() {
            DotDot => {
                p.bump();
                Ok(())
            }
            Word if p.text() == "_" => {
                p.bump();
                Ok(())
            }
            _ => condition::value(p),
        })?;
        if !p.eat(Comma) && p.current() != RightParen {
            let fault = match p.current() {
                Newline | End => Fault::Unclosed.at(open, "("),
                _ => Fault::Comma.at(p.range(), p.text()),
            };
            return Err(p.report(fault));
        }
    }
    p.bump();
    Ok(())
}

/// Takes a token of that kind, or reports that it is missing.
pub(crate) fn expect(p: &mut Parser<'_>, kind: SyntaxKind, what: &'static str) -> Read {
    match p.eat(kind) {
        true => Ok(()),
        false => Err(p.report(Fault::Expected(what).at(p.range(), p.text()))),
    }
}

/// Takes any word.
pub(crate) fn word(p: &mut Parser<'_>, what: &'static str) -> Read {
    expect(p, Word, what)
}

/// Takes a text in quotes that has its closing quote.
pub(crate) fn text(p: &mut Parser<'_>, what: &'static str) -> Read {
    let (range, literal) = (p.range(), p.text());
    expect(p, Text, what)?;
    match super::unquoted(literal) {
        Some(_) => Ok(()),
        None => Err(p.report(Fault::OpenText.at(range, literal))),
    }
}
