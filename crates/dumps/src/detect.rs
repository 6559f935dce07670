//! Which form bytes have, by what only that form has.

use crate::forms::table_row;
use crate::{Form, text};

/// The form of bytes that can be nothing else, a policy for instance: what has the marks of a tool's
/// output, or no words at all. Other forms are read as well, but have to be meant.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Option<Form> {
    let first = candidates(bytes).into_iter().next()?;
    let marked = || {
        let text = text::text_of(bytes).unwrap_or_default();
        by_mark(text.trim_start()).or_else(|| by_lines(text.trim_start())).is_some()
    };
    let wordless = matches!(first, Form::Hex | Form::Numbers | Form::Escaped);
    let assembler = || first == Form::Assembler && looks_like_assembler(bytes);
    (first.is_binary() || wordless || marked() || assembler()).then_some(first)
}

/// The forms that bytes may have, the likeliest first.
pub(crate) fn candidates(bytes: &[u8]) -> Vec<Form> {
    if bytes.starts_with(b"\x7fELF") {
        return vec![Form::Elf];
    }
    if !text::is_text(bytes) {
        return vec![Form::Raw];
    }
    let Ok(text) = text::text_of(bytes) else { return vec![Form::Raw] };
    let text = text.trim_start();
    let by_mark = by_mark(text).or_else(|| by_lines(text));
    by_mark.map_or_else(|| by_characters(text), |form| vec![form])
}

/// Words that stand in one form only.
fn by_mark(text: &str) -> Option<Form> {
    let has = |mark: &str| text.contains(mark);
    let calls = has("seccomp(SECCOMP_SET_MODE_FILTER") || has("prctl(PR_SET_SECCOMP");
    if calls && has("{len=") {
        return Some(Form::Strace);
    }
    if let Some(row) = text.lines().find_map(table_row) {
        return Some(match (row.labelled, row.prefixed) {
            (true, _) => Form::Ceccomp,
            (false, false) => Form::Firejail,
            (false, true) if has("CODE") => Form::SeccompTools,
            // Of a table without its heading the disassembly tells.
            (false, true) if has("A = ") || has("return ") => Form::SeccompTools,
            (false, true) => Form::ScmpBpfDisasm,
        });
    }
    let is_rust = || has("libc::") || has("let ") || has("const FILTER:") || has("vec!");
    if has("BPF_STMT") || has("BPF_JUMP") || has("sock_filter") || has("SockFilter") {
        let typed = has("sock_filter {") && has("code:");
        return Some(if typed || is_rust() { Form::Rust } else { Form::C });
    }
    None
}

/// Lines that begin with an address, and lists that begin with their count.
fn by_lines(text: &str) -> Option<Form> {
    let first = text.lines().next()?.trim_end();
    let (address, rest) = first.split_once([' ', '\t']).unwrap_or((first, ""));
    let is_hex = |word: &str| word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = address.strip_suffix(':');
    let group = rest.split_whitespace().next();
    let has_group = group.is_some_and(|group| group.len() % 2 == 0 && is_hex(group));
    if has_group && digits.is_some_and(|digits| digits.len() >= 4 && is_hex(digits)) {
        return Some(Form::Xxd);
    }
    let words = rest.split(['|', '>']).next().unwrap_or_default().split_whitespace();
    let bytes = || words.clone().all(|word| matches!(word.len(), 2..=22) && is_hex(word));
    let is_dump = is_hex(address) && !rest.trim().is_empty() && bytes();
    let octal = address.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match address.len() {
        8 if is_dump && (first.contains('|') || first.contains("  ")) => Some(Form::Hexdump),
        7 if is_dump && octal => Some(dump_of_words(text, rest)),
        7 if is_dump => Some(Form::Hexdump),
        _ => is_count(text).then_some(Form::Decimal),
    }
}

/// `od` and `hexdump` without options differ in the base of their words and addresses.
fn dump_of_words(text: &str, first: &str) -> Form {
    let wide = first.split_whitespace().any(|word| word.len() != 4);
    // Addresses: 16 in octal is 20, in hexadecimal 10.
    let second = text.lines().nth(1).and_then(|line| line.split_whitespace().next());
    let is_octal = second.is_some_and(|address| address.trim_start_matches('0') == "20");
    if wide || is_octal { Form::Od } else { Form::Hexdump }
}

/// Whether a text is a count and rows of four numbers.
fn is_count(text: &str) -> bool {
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let quotes = |c: char| matches!(c, '\'' | '"');
    let rows = text.trim_matches(|c: char| c.is_whitespace() || quotes(c) || c == ',');
    let mut rows = rows.split(['\n', ',']).map(|row| row.trim().trim_matches(quotes));
    let first = rows.next().is_some_and(|count| !count.is_empty() && is_number(count));
    let mut found = false;
    let of_four = |row: &str| {
        found = true;
        row.split_whitespace().all(is_number) && row.split_whitespace().count() == 4
    };
    first && rows.all(of_four) && found
}

/// What is left: by the characters and how they begin.
fn by_characters(text: &str) -> Vec<Form> {
    let all = |set: fn(char) -> bool| text.chars().all(|c| c.is_whitespace() || set(c));
    if all(|c| c.is_ascii_hexdigit()) {
        // Digits are also base64, and decimal numbers are also a list. Bytes have two digits each.
        let half_bytes = text.split_whitespace().filter(|word| word.len() % 2 == 1).count();
        return match half_bytes {
            0 | 1 => vec![Form::Hex, Form::Numbers, Form::Base64],
            _ => vec![Form::Numbers, Form::Hex, Form::Base64],
        };
    }
    let is_number = |c: char| {
        c.is_ascii_hexdigit() || matches!(c, 'x' | 'X' | ',' | ';' | '_' | 'u' | 'U' | 'l' | 'L')
    };
    if all(is_number) && text.contains(|c: char| c.is_ascii_digit()) && text.contains(['x', ',']) {
        return vec![Form::Numbers];
    }
    if begins_with_escape(text) {
        return vec![Form::Escaped];
    }
    if let Some(form) = by_bracket(text) {
        return vec![form];
    }
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=');
    let one_word = !text.trim().contains(' ');
    if one_word && all(is_base64) {
        return vec![Form::Base64];
    }
    if let Some(form) = by_statement(text) {
        return vec![form];
    }
    vec![Form::Assembler]
}

/// Strings of which nearly all is escaped.
fn begins_with_escape(text: &str) -> bool {
    let printed = ["printf ", "echo -ne ", "echo -en ", "$"];
    let begin = printed.iter().find_map(|command| text.strip_prefix(command)).unwrap_or(text);
    let begin = begin.trim_start_matches(['"', '\'', ' ']);
    begin.starts_with("\\x") || begin.starts_with("\\0")
}

/// Arrays, by their brackets and by what stands before them.
fn by_bracket(text: &str) -> Option<Form> {
    let begin = text.trim_start_matches(|c: char| c.is_whitespace());
    let has = |mark: &str| text.contains(mark);
    if begin.starts_with("b'") || begin.starts_with("b\"") || begin.starts_with("bytes") {
        return Some(Form::Python);
    }
    let inside = begin.trim_start_matches(['[', '{', '(']).trim_start();
    if begin.starts_with(['[', '{', '(']) {
        return Some(match () {
            () if begin.starts_with('{') && !inside.starts_with('"') => Form::C,
            () if begin.starts_with("[(") || has("0x") || has("'") => Form::Python,
            () => Form::Json,
        });
    }
    let assigns = has("= [") || has("=[") || has("= {") || has("={") || has("= \"") || has("= b");
    if has("= &[") || has("let ") || has("= vec!") || begin.starts_with("vec!") {
        return Some(Form::Rust);
    }
    match () {
        () if !assigns && !has("[] =") => None,
        () if has("= [") || has("=[") || has("= b") => Some(Form::Python),
        () => Some(Form::C),
    }
}

/// The assemblers with statements, by their first statements.
fn by_statement(text: &str) -> Option<Form> {
    let code = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let lines: Vec<String> =
        text.lines().map(code).filter(|line| !line.is_empty()).take(8).collect();
    let statement = |line: &String| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let assigns = words.get(1).is_some_and(|word| word.ends_with('=') && !word.contains(','));
        assigns || line.contains("return ") || line.contains("goto ") || line.starts_with("if ")
    };
    if !lines.iter().any(statement) {
        return None;
    }
    let dollar = lines.iter().any(|line| line.contains("$A") || line.contains("$X"));
    Some(if dollar { Form::CeccompAsm } else { Form::SeccompToolsAsm })
}

/// Whether the first instruction has a name of the assembler's.
fn looks_like_assembler(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    const NAMES: [&str; 31] = [
        "ld", "ldi", "ldx", "ldxi", "ldh", "ldb", "st", "stx", "add", "sub", "mul", "div", "mod",
        "and", "or", "xor", "lsh", "rsh", "neg", "ja", "jmp", "jeq", "jne", "jneq", "jgt", "jge",
        "jlt", "jle", "jset", "ret", ".endian",
    ];
    let begins = |line: &str| {
        let code = line.rsplit(':').next().unwrap_or(line);
        let word = code.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        NAMES.contains(&word.as_str())
    };
    let is_comment = |line: &&str| line.starts_with(['#', ';', '/', '*']) || line.is_empty();
    let first = text.lines().map(str::trim).find(|line| !is_comment(line));
    first.is_some_and(begins)
}
