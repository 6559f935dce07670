//! What can stand at the cursor.

use callgate_facts::{Block, Family, Groups, Role};
use callgate_gate::{SyntaxKind, words};
use callgate_rules::{Capability, LoadFlag};
use callgate_syscalls::{Arch, Errno, Name};
use lsp_types::{CompletionItem, CompletionItemKind, CompletionTextEdit, TextEdit};

use crate::cursor::{self, Before};
use crate::document::Document;
use crate::{hover, vocabulary};

/// A word that can stand somewhere, what kind of word it is, and what to say beside it.
type Offer = (String, CompletionItemKind, String);

/// What can stand at a byte of a text, in the place of the word that is begun there.
pub(crate) fn complete(document: &Document, offset: usize) -> Vec<CompletionItem> {
    let before = Before::of(&document.text, offset);
    if before.is_prose {
        return Vec::new();
    }
    let arches = cursor::arches_of_text(&document.text);
    let range = document.range(before.word_start..offset);
    let begun = document.text.get(before.word_start..offset).unwrap_or_default();
    let offers = offers(&before, &arches);
    // Editors filter, too; what cannot be meant is not sent.
    let fits = |offer: &Offer| is_begun_by(&offer.0, begun);
    let item = |(label, kind, detail): Offer| CompletionItem {
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text: label.clone() })),
        filter_text: Some(label.clone()),
        label,
        kind: Some(kind),
        detail: Some(detail).filter(|detail| !detail.is_empty()),
        ..CompletionItem::default()
    };
    offers.into_iter().filter(fits).map(item).collect()
}

/// Whether the letters of a beginning stand in a word in this order, in small letters or large.
fn is_begun_by(word: &str, begun: &str) -> bool {
    let mut rest = word.chars().map(|letter| letter.to_ascii_lowercase());
    begun.chars().map(|c| c.to_ascii_lowercase()).all(|wanted| rest.any(|c| c == wanted))
}

fn offers(before: &Before, arches: &[Arch]) -> Vec<Offer> {
    let texts = before.texts();
    let texts = if texts.first() == Some(&"always") { &texts[1..] } else { &texts[..] };
    let Some(first) = texts.first().copied() else {
        return match before.pieces.is_empty() {
            true => keywords(words::STATEMENTS.iter().chain(&["where", "and", "or", "because"])),
            false => verdicts(),
        };
    };
    match first {
        "arch" | "machine" if texts.last() == Some(&"without") => calls(arches),
        "arch" | "machine" => [all_arches(), keywords(["without"].iter())].concat(),
        "on" => circumstances(texts),
        "foreign" | "default" => verdict_rest(&texts[1..]),
        "baseline" => match texts.last() {
            Some(&"baseline") => keywords(["linux"].iter()),
            Some(&"else") => [verdicts(), errnos()].concat(),
            _ => keywords(["else"].iter()),
        },
        "groups" => versions(),
        "libc" => keywords(vocabulary::LIBRARIES.iter()),
        "load-flags" => keywords(LoadFlag::ALL.map(LoadFlag::name).iter()),
        "listener" if texts.len() == 2 => keywords(["with"].iter()),
        "use" => groups(),
        "test" => in_test(texts, arches),
        word if words::VERDICTS.contains(&word) => in_statement(before, texts, arches),
        _ => Vec::new(),
    }
}

/// What can stand behind `on`.
fn circumstances(texts: &[&str]) -> Vec<Offer> {
    let opens = |text: &&str| matches!(*text, "on" | "and" | "not");
    let start = texts.iter().rposition(opens).map_or(0, |place| place + 1);
    let begun = &texts[start..];
    match (begun.first(), begun.last()) {
        (None, _) => {
            let not = (texts.last() != Some(&"not")).then_some(&"not");
            [all_arches(), keywords(words::CIRCUMSTANCES.iter().chain(not))].concat()
        }
        (Some(&"cap"), Some(&"cap" | &",")) => capabilities(),
        (Some(&"machine"), Some(&"machine" | &",")) | (_, Some(&",")) => all_arches(),
        (Some(&"kernel"), Some(&"kernel")) => keywords([">=", "<"].iter()),
        (Some(&"kernel"), Some(&">=" | &"<")) => Vec::new(),
        _ => keywords(["and"].iter()),
    }
}

fn capabilities() -> Vec<Offer> {
    let constant = |cap: Capability| (cap.to_string(), CompletionItemKind::CONSTANT, String::new());
    Capability::all().map(constant).collect()
}

fn verdict_rest(behind: &[&str]) -> Vec<Offer> {
    match behind {
        [] => verdicts(),
        ["errno"] => errnos(),
        _ => Vec::new(),
    }
}

fn in_statement(before: &Before, texts: &[&str], arches: &[Arch]) -> Vec<Offer> {
    let first = texts.first().copied().unwrap_or_default();
    let verdict_len = match first {
        "errno" if texts.len() == 1 => return errnos(),
        "errno" | "raw" => 2,
        "trap" | "trace" if texts.get(1).is_some_and(|t| t.starts_with(char::is_numeric)) => 2,
        _ => 1,
    };
    let behind = &texts[verdict_len.min(texts.len())..];
    let Some(at) = behind.iter().position(|text| *text == "where") else {
        return match behind.last() {
            None | Some(&"{" | &",") => subjects(arches),
            Some(_) => keywords(["where", "because"].iter()),
        };
    };
    let calls = cursor::named(behind[..at].iter().map(|text| (*text).to_owned()));
    let kinds: Vec<SyntaxKind> = before.pieces.iter().map(|piece| piece.kind).collect();
    in_condition(&behind[at..], kinds.last().copied(), &calls, arches)
}

/// What can stand in a condition behind `where`.
fn in_condition(
    texts: &[&str],
    last_kind: Option<SyntaxKind>,
    calls: &[Name],
    arches: &[Arch],
) -> Vec<Offer> {
    let last = texts.last().copied().unwrap_or_default();
    let is_relation = |text: &&&str| vocabulary::RELATIONS.contains(*text);
    match last {
        "where" | "and" | "or" | "not" | "(" => arguments(calls, arches),
        "|" | "{" | "," | ".." => values(texts, calls, arches),
        _ if is_relation(&&last) => values(texts, calls, arches),
        _ => {
            // An argument stands alone behind a joint; anything else ends a test.
            let before_last = texts.len().checked_sub(2).map(|place| texts[place]);
            let stands_alone = matches!(before_last, Some("where" | "and" | "or" | "not" | "("));
            match last_kind {
                Some(SyntaxKind::Word) if stands_alone => keywords(vocabulary::RELATIONS.iter()),
                _ => keywords(["and", "or", "because"].iter()),
            }
        }
    }
}

/// The constants for the argument that is compared last.
fn values(texts: &[&str], calls: &[Name], arches: &[Arch]) -> Vec<Offer> {
    let relation = texts.iter().rposition(|text| vocabulary::RELATIONS.contains(text));
    let argument = relation.and_then(|place| place.checked_sub(1)).map(|place| texts[place]);
    let Some(argument) = argument else { return Vec::new() };
    let of_call = |call: &Name| hover::constants(*call, argument, arches);
    constants(calls.iter().flat_map(of_call))
}

fn in_test(texts: &[&str], arches: &[Arch]) -> Vec<Offer> {
    let behind = &texts[1..];
    if let Some(arrow) = behind.iter().position(|text| *text == "->") {
        return verdict_rest(&behind[arrow + 1..]);
    }
    let Some(open) = behind.iter().position(|text| *text == "(") else {
        return match behind.last() {
            None | Some(&"{" | &",") => subjects(arches),
            Some(_) => keywords(["->", "("].iter()),
        };
    };
    let calls = cursor::named(behind[..open].iter().map(|text| (*text).to_owned()));
    let index = behind[open..].iter().filter(|text| **text == ",").count();
    let names = calls.iter().flat_map(|call| {
        let signature = arches.iter().find_map(|arch| arch.signature(*call));
        let argument = signature.and_then(|signature| signature.arguments().nth(index));
        argument.map_or(Vec::new(), |argument| hover::constants(*call, argument.name, arches))
    });
    [keywords(["_", ".."].iter()), constants(names)].concat()
}

fn keywords<'a>(list: impl Iterator<Item = &'a &'static str>) -> Vec<Offer> {
    let detail = |word: &str| vocabulary::meaning(word).unwrap_or_default().replace('`', "");
    list.map(|word| ((*word).to_owned(), CompletionItemKind::KEYWORD, detail(word))).collect()
}

fn verdicts() -> Vec<Offer> {
    keywords(words::VERDICTS.iter())
}

fn errnos() -> Vec<Offer> {
    const LAST: u16 = 133;
    let names = (1..=LAST).filter_map(|raw| Errno::new(raw).name(Arch::X86_64));
    names.map(|name| (name.to_owned(), CompletionItemKind::CONSTANT, String::new())).collect()
}

fn all_arches() -> Vec<Offer> {
    let names = Arch::ALL.into_iter().map(Arch::name);
    names.map(|name| (name.to_owned(), CompletionItemKind::ENUM_MEMBER, String::new())).collect()
}

fn versions() -> Vec<Offer> {
    let versions = Groups::all().map(Groups::version);
    versions.map(|name| (name.to_owned(), CompletionItemKind::CONSTANT, String::new())).collect()
}

fn calls(arches: &[Arch]) -> Vec<Offer> {
    let exists = |name: &Name| arches.iter().any(|arch| arch.syscall(*name).is_some());
    let offer = |name: Name| {
        (name.to_string(), CompletionItemKind::FUNCTION, hover::prototype(name, arches))
    };
    Name::all().filter(exists).map(offer).collect()
}

fn groups() -> Vec<Offer> {
    let latest = Groups::LATEST;
    let blocks = latest.blocks().map(|block| (Block::name(block), block.purpose()));
    let roles = latest.roles().map(|role| (Role::name(role), role.purpose()));
    let module = CompletionItemKind::MODULE;
    let offer = |(name, purpose): (&str, &str)| (format!("@{name}"), module, purpose.to_owned());
    blocks.chain(roles).map(offer).collect()
}

fn subjects(arches: &[Arch]) -> Vec<Offer> {
    let family = |family: Family| {
        let members: Vec<&str> = family.members().map(|name| name.as_str()).collect();
        (format!("~{family}"), CompletionItemKind::CLASS, members.join(", "))
    };
    let families = Groups::LATEST.families().map(family).collect();
    [calls(arches), groups(), families, keywords(["nr"].iter())].concat()
}

fn arguments(calls: &[Name], arches: &[Arch]) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for call in calls {
        let signature = arches.iter().find_map(|arch| arch.signature(*call));
        for argument in signature.into_iter().flat_map(|signature| signature.arguments()) {
            let offer = (
                argument.name.to_owned(),
                CompletionItemKind::VARIABLE,
                argument.c_type.to_owned(),
            );
            if !offers.iter().any(|(name, ..)| *name == offer.0) {
                offers.push(offer);
            }
        }
    }
    offers.extend(keywords(["not", "full", "low32"].iter()));
    offers
}

fn constants(names: impl Iterator<Item = &'static str>) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for name in names {
        if !offers.iter().any(|(other, ..)| other == name) {
            offers.push((name.to_owned(), CompletionItemKind::CONSTANT, String::new()));
        }
    }
    offers
}

#[cfg(test)]
mod tests {
    use crate::document::Unit;

    use super::*;

    fn labels(text: &str) -> Vec<String> {
        let offset = text.find('^').unwrap();
        let uri = "file:///a.gate".parse().unwrap();
        let text = format!("{}{}", &text[..offset], &text[offset + 1..]);
        let document = Document { uri, text, unit: Unit::Utf8 };
        complete(&document, offset).into_iter().map(|item| item.label).collect()
    }

    #[test]
    fn each_place_has_its_words() {
        let head = "policy 1\narch x86_64\ndefault errno EPERM\n";
        for (line, with, without) in [
            ("^", "allow", "socket"),
            ("al^", "allow", "kill"),
            ("use ^", "@threads", "socket"),
            ("allow ^", "socket", "allow"),
            ("allow ^", "~stat", "where"),
            ("allow { read, ^", "write", "where"),
            ("allow socket ^", "where", "socket"),
            ("allow socket where ^", "family", "mode"),
            ("allow socket where family ^", "in", "family"),
            ("allow socket where family == ^", "AF_UNIX", "SOCK_STREAM"),
            ("allow socket where family in {AF_UNIX, ^", "AF_INET", "SOCK_STREAM"),
            ("allow socket where family == AF_UNIX and type any ^", "SOCK_STREAM", "AF_UNIX"),
            ("allow socket where family == AF_UNIX ^", "and", "AF_UNIX"),
            ("always kill ^", "ptrace", "kill-thread"),
            ("always ^", "kill", "ptrace"),
            ("errno ^", "EPERM", "socket"),
            ("errno EPERM ^", "socket", "EACCES"),
            ("test socket(^", "AF_UNIX", "SOCK_STREAM"),
            ("test socket(AF_UNIX, ^", "SOCK_STREAM", "AF_UNIX"),
            ("test socket(_, ..) -> ^", "allow", "socket"),
            ("on ^", "x86_64", "allow"),
            ("on ^", "kernel", "CAP_BPF"),
            ("on cap ^", "CAP_BPF", "x86_64"),
            ("on cap CAP_BPF, ^", "CAP_SYS_ADMIN", "x86_64"),
            ("on cap CAP_BPF and ^", "not", "CAP_SYS_ADMIN"),
            ("on not machine ^", "s390x", "CAP_BPF"),
            ("on kernel ^", ">=", "x86_64"),
            ("machine ^", "x86_64", "CAP_BPF"),
            ("on x86_64 {\n    ^\n}", "allow", "x86_64"),
            ("groups ^", "2026.11", "allow"),
        ] {
            let labels = labels(&format!("{head}{line}"));
            assert!(labels.iter().any(|label| label == with), "{line}: no {with} in {labels:?}");
            assert!(!labels.iter().any(|label| label == without), "{line}: {without}");
        }
        assert!(labels("allow read # ^").is_empty());
    }
}
