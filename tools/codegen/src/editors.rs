//! Grammars for editors, from the words of the language: for Vim, and for those that read
//! TextMate's form (VS Code and others).
//!
//! A verdict is told from a syscall of the same name (`kill`) by its place, as the parser does.

use std::path::{Path, PathBuf};

/// The lists that the parser reads by. The file stands alone, so that what is generated from it
/// needs no crate that is generated.
#[path = "../../../crates/gate-syntax/src/syntax/words.rs"]
#[allow(dead_code, unreachable_pub, reason = "editors need fewer lists than the parser's crate")]
mod words;

/// Where the files for editors are.
const FOLDER: &str = "packaging/editors";

/// Each grammar by its path.
pub(crate) fn render(root: &Path) -> [(PathBuf, String); 2] {
    let folder = root.join(FOLDER);
    [
        (folder.join("vim/syntax/gate.vim"), vim()),
        (folder.join("vscode/syntaxes/gate.tmLanguage.json"), textmate()),
    ]
}

/// Words that begin a line, verdicts aside.
fn openers() -> Vec<&'static str> {
    let is_opener = |word: &&str| !words::VERDICTS.contains(word);
    words::STATEMENTS.into_iter().filter(is_opener).collect()
}

/// Words within a line.
fn joiners() -> Vec<&'static str> {
    let is_new = |word: &&str| !words::STATEMENTS.contains(word) && *word != "NULL";
    words::KEYWORDS.into_iter().filter(is_new).chain(words::TESTS).collect()
}

/// An alternative of words, the longer of two with one beginning first.
fn any_of(list: &[&str], bar: &str) -> String {
    let mut list = list.to_vec();
    list.sort_by_key(|word| (std::cmp::Reverse(word.len()), *word));
    list.join(bar)
}

fn vim() -> String {
    let verdicts = any_of(&words::VERDICTS, "\\|");
    let (openers, joiners) = (any_of(&openers(), "\\|"), joiners().join(" "));
    format!(
        r##"" Vim syntax file for callgate's policies (*.gate).
" Made by `cargo xtask codegen`, from the words that the parser reads by.
if exists("b:current_syntax")
  finish
endif

syntax match gateStatement /^\s*\%({openers}\)\>/
syntax match gateStatement /[{{;]\@1<=\s*\%({openers}\)\>/
syntax match gateVerdict /\%(\%(^\|{{\)\s*\%(always\s\+\)\=\|->\s*\|\<\%(default\|foreign\|else\)\s\+\)\@<=\%({verdicts}\)\>-\@!/
syntax keyword gateOperator {joiners}
syntax match gateOperator /==\|!=\|<=\|>=\|->\|\.\.\|[<>|&]/
syntax match gateConstant /\<[A-Z][A-Z0-9_]\+\>/
syntax match gateNumber /\<\%(0[xX][0-9a-fA-F_]\+\|0[oO][0-7_]\+\|0[bB][01_]\+\|\d[0-9_]*\%(\.\d\+\)*\)\>/
syntax match gateBlock /@[A-Za-z0-9_][A-Za-z0-9_.-]*/
syntax match gateFamily /\~[A-Za-z0-9_][A-Za-z0-9_.-]*/
syntax region gateText start=/"/ skip=/\\./ end=/"/ oneline
syntax match gateComment /#.*$/ contains=@Spell
syntax match gateProvenance /#@.*$/

highlight default link gateStatement Statement
highlight default link gateVerdict Keyword
highlight default link gateOperator Operator
highlight default link gateConstant Constant
highlight default link gateNumber Number
highlight default link gateBlock Type
highlight default link gateFamily Type
highlight default link gateText String
highlight default link gateComment Comment
highlight default link gateProvenance SpecialComment

let b:current_syntax = "gate"
"##
    )
}

fn textmate() -> String {
    let verdicts = any_of(&words::VERDICTS, "|");
    let (openers, joiners) = (any_of(&openers(), "|"), any_of(&joiners(), "|"));
    let rules: [(&str, String); 12] = [
        ("comment.line.documentation.gate", r"#@.*$".into()),
        ("comment.line.number-sign.gate", r"#.*$".into()),
        ("string.quoted.double.gate", r#""(?:[^"\\]|\\.)*"?"#.into()),
        ("entity.name.type.block.gate", r"@[A-Za-z0-9_][A-Za-z0-9_.-]*".into()),
        ("entity.name.type.family.gate", r"~[A-Za-z0-9_][A-Za-z0-9_.-]*".into()),
        (
            "keyword.control.verdict.gate",
            format!(r"(?<=^|\{{|->|\balways|\bdefault|\bforeign|\belse)\s*\b(?:{verdicts})\b(?!-)"),
        ),
        ("keyword.control.gate", format!(r"(?<=^|\{{|;)\s*\b(?:{openers})\b(?!-)")),
        ("keyword.operator.word.gate", format!(r"\b(?:{joiners})\b(?!-)")),
        ("keyword.operator.gate", r"==|!=|<=|>=|->|\.\.|[<>|&]".into()),
        ("constant.language.gate", r"\bNULL\b".into()),
        ("constant.other.gate", r"\b[A-Z][A-Z0-9_]+\b".into()),
        (
            "constant.numeric.gate",
            r"\b(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9_]*(?:\.[0-9]+)*)\b".into(),
        ),
    ];
    let rule = |(name, pattern): (&str, String)| {
        let pattern = pattern.replace('\\', "\\\\").replace('"', "\\\"");
        format!("    {{ \"name\": \"{name}\", \"match\": \"{pattern}\" }}")
    };
    let rules: Vec<String> = rules.into_iter().map(rule).collect();
    format!(
        "{{\n  \"comment\": \"Made by cargo xtask codegen, from the words that the parser reads by.\",\n  \
         \"name\": \"callgate policy\",\n  \"scopeName\": \"source.gate\",\n  \
         \"fileTypes\": [\"gate\"],\n  \"patterns\": [\n{}\n  ]\n}}\n",
        rules.join(",\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_language_is_in_both_grammars() {
        let [(_, vim), (_, textmate)] = render(Path::new(""));
        let lists = [&words::STATEMENTS[..], &words::VERDICTS, &words::KEYWORDS, &words::TESTS];
        for word in lists.concat() {
            let is_there = |text: &str| {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                // What begins a word is `\\b` in the text of TextMate's form.
                let text = text.replace("\\\\b", " ");
                text.split(|c| !is_part(c)).any(|found| found == word)
            };
            assert!(is_there(&textmate), "{word}");
            assert!(is_there(&vim) || word == "NULL", "{word}");
        }
    }

    #[test]
    fn the_longer_of_two_words_comes_first() {
        assert_eq!(any_of(&["kill", "kill-thread", "log"], "|"), "kill-thread|kill|log");
    }
}
