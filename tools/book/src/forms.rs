//! The matrix of forms: what is read, and what is written.

use callgate_convert::Format;
use callgate_dialects::Dialect;
use callgate_dumps::Form;

/// The page, from the tables that the readers and writers go by.
pub(crate) fn page() -> String {
    let mut text = String::from(
        "# Forms of filters\n\nEvery command that takes a filter takes each of these. Which form a file has is found out \
         by its content;\n`FORM:FILE` names it for policies, `--from FORM` for programs.\n\n## Policies\n\n| form | what it \
         is | written by `convert --to` |\n|---|---|---|\n",
    );
    for dialect in Dialect::ALL {
        let written = Format::ALL.iter().any(|format| format.name() == dialect.name());
        let mark = |yes| if yes { "yes" } else { "no" };
        let (name, title) = (dialect.name(), dialect.title());
        text += &format!("| `{name}` | {title} | {} |\n", mark(written));
    }
    text += "\nA text that was written is read back, as its tool would read it, and proved to mean the filter: see\n\
        [Writing profiles](profiles.md#the-same-filter-for-another-tool).\n\n## Programs\n\n| form | what it is |\n|---|---|\n";
    for form in Form::all() {
        text += &format!("| `{}` | {} |\n", form.name(), form.description());
    }
    text += "\n`callgate compile --format` writes programs as raw instructions, hexadecimal digits, C, JSON and assembler; \
        `--emit`\nshows how they decide. The filters of a running process are `pid:N`.\n";
    text
}
