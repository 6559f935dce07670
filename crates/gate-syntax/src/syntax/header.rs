//! The lines that say what a policy is for.

use super::Fault;
use super::SyntaxKind::*;
use super::grammar::{expect, text, verdict, word};
use super::parser::{Parser, Read};
use super::words;

/// Reads a line of the header, or several with `;` between them.
pub(crate) fn headers(p: &mut Parser<'_>) -> Read {
    loop {
        header(p, p.text())?;
        let goes_on = p.current() == Semicolon && words::HEADERS.contains(&p.peek(1).1);
        if !goes_on {
            return Ok(());
        }
        p.bump();
    }
}

/// Reads the part of the header that begins with that word.
fn header(p: &mut Parser<'_>, first: &str) -> Read {
    let (kind, read): (_, fn(&mut Parser<'_>) -> Read) = match first {
        "policy" => (Policy, |p| expect(p, Number, "the version of the language: `policy 1`")),
        "arch" => (Arches, arches),
        "machine" => (Machines, arches),
        "foreign" => (Foreign, verdict),
        "baseline" => (Baseline, baseline),
        "default" => (Default, verdict),
        "groups" => (Groups, |p| expect(p, Version, "a version of the groups, as in 2026.11")),
        "load-flags" => (Flags, flags),
        "listener" => (Listener, listener),
        _ => (Libc, libc),
    };
    p.node(kind, |p| {
        p.bump();
        read(p)
    })
}

/// `x86_64 + x86 without socketcall, aarch64`: a plus joins the ABIs of one machine.
fn arches(p: &mut Parser<'_>) -> Read {
    loop {
        p.node(ArchItem, |p| {
            word(p, "an architecture, as in `x86_64, aarch64`")?;
            if p.eat_word("without") {
                word(p, "a syscall that this architecture does without")?;
            }
            Ok(())
        })?;
        if !p.eat(Comma) && !p.eat(Plus) {
            return Ok(());
        }
    }
}

/// `linux 6.1 else ENOSYS`, or `x86_64 nr 462, x86 nr 461 else ENOSYS`.
fn baseline(p: &mut Parser<'_>) -> Read {
    p.node(KnownItem, known)?;
    while p.eat(Comma) {
        p.node(KnownItem, known)?;
    }
    if !p.eat_word("else") {
        let what = "`else` and the verdict for newer syscalls, as in `else ENOSYS`";
        return Err(p.report(Fault::Expected(what).at(p.range(), p.text())));
    }
    match words::VERDICTS.contains(&p.text()) {
        true => verdict(p),
        false => word(p, "an errno or a verdict"),
    }
}

/// `linux 6.1` or `nr 462`: what is known on all architectures, or on the one that stands before it.
fn known(p: &mut Parser<'_>) -> Read {
    const FORM: &str = "`linux`, as in `baseline linux 6.1 else ENOSYS`";
    let is_known = |(kind, text): super::lexer::Token<'_>| kind == Word && KNOWN.contains(&text);
    if p.current() == Word && !is_known(p.peek(0)) && is_known(p.peek(1)) {
        p.bump();
    }
    if p.eat_word("linux") {
        return expect(p, Version, "a kernel version, as in 6.1");
    }
    match p.eat_word("nr") {
        true => expect(p, Number, "the largest number that is known"),
        false => Err(p.report(Fault::Expected(FORM).at(p.range(), p.text()))),
    }
}

/// What begins the known part of a baseline.
const KNOWN: [&str; 2] = ["linux", "nr"];

/// `SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW`.
fn flags(p: &mut Parser<'_>) -> Read {
    loop {
        word(p, "a flag of seccomp(2), as in `load-flags SECCOMP_FILTER_FLAG_LOG`")?;
        if !p.eat(Comma) {
            return Ok(());
        }
    }
}

/// `"/run/agent.sock" with "metadata"`.
fn listener(p: &mut Parser<'_>) -> Read {
    text(p, "the listener's socket in quotes, as in `listener \"/run/agent.sock\"`")?;
    match p.eat_word("with") {
        true => text(p, "what is sent along, in quotes"),
        false => Ok(()),
    }
}

/// `glibc >= 2.31, musl`.
fn libc(p: &mut Parser<'_>) -> Read {
    loop {
        word(p, "a C library, as in `libc glibc >= 2.31, musl`")?;
        if p.eat(GreaterEqual) {
            expect(p, Version, "a version, as in 2.31")?;
        }
        if !p.eat(Comma) {
            return Ok(());
        }
    }
}
