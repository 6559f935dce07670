//! Which names a header defines, and which of them are wanted.

/// A pattern of `sets.tsv`: a name in which `*` stands for any text and `?` for one character;
/// after `=` what the macro begins with.
pub(super) struct Pattern {
    /// Whether the names that fit are left out.
    exclude: bool,
    name: String,
    body: String,
}

/// A name that a header defines, with the text of the macro; an enumerator has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Definition<'t> {
    /// The name.
    pub name: &'t str,
    body: &'t str,
}

impl Pattern {
    /// Reads a pattern; `-` in front leaves out the names that fit.
    pub(super) fn parse(text: &str) -> Self {
        let (exclude, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let (name, body) = text.split_once('=').unwrap_or((text, ""));
        Self { exclude, name: name.to_owned(), body: body.to_owned() }
    }

    fn fits(&self, definition: &Definition<'_>) -> bool {
        fits(self.name.as_bytes(), definition.name.as_bytes())
            && definition.body.starts_with(&self.body)
    }
}

/// Whether a name fits a pattern: the last `*` takes one more character whenever the rest does not
/// fit.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut star = None;
    while place < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                place = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// The names that the patterns choose: in the order of the patterns, then in that of the header.
pub(super) fn chosen<'n>(patterns: &[Pattern], defined: &[Definition<'n>]) -> Vec<&'n str> {
    let mut chosen: Vec<&str> = Vec::new();
    let left_out =
        |definition: &Definition<'_>| patterns.iter().any(|p| p.exclude && p.fits(definition));
    for pattern in patterns.iter().filter(|pattern| !pattern.exclude) {
        for definition in defined {
            let new = !chosen.contains(&definition.name);
            if new && pattern.fits(definition) && !left_out(definition) {
                chosen.push(definition.name);
            }
        }
    }
    chosen
}

/// The macros without parameters and the enumerators that a header defines, in order: the text is
/// that of `cc -E -dD`.
pub(super) fn defined(text: &str) -> Vec<Definition<'_>> {
    let mut found: Vec<Definition<'_>> = Vec::new();
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next()) {
            (Some("#define"), Some(name)) if !name.contains('(') => {
                found.push(Definition { name, body: words.next().unwrap_or_default() });
            }
            (Some("#undef"), Some(name)) => found.retain(|known| known.name != name),
            _ => {}
        }
    }
    let mut rest = text;
    while let Some(start) = rest.find("enum ") {
        rest = &rest[start + "enum ".len()..];
        let Some(open) = rest.find(['{', ';', ')', ',']) else { break };
        if !rest[open..].starts_with('{') {
            continue;
        }
        let end = rest.find('}').unwrap_or(rest.len());
        enumerators(&rest[open + 1..end.max(open + 1)], &mut found);
    }
    found
}

/// Adds the names of an enumeration's body.
fn enumerators<'t>(body: &'t str, found: &mut Vec<Definition<'t>>) {
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        for item in line.split(',') {
            let word = item.trim().split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
            let name = word.filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
            let new = name.filter(|name| !found.iter().any(|known| known.name == *name));
            found.extend(new.map(|name| Definition { name, body: "" }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(name: &str) -> Definition<'_> {
        Definition { name, body: "1" }
    }

    #[test]
    fn patterns_choose_in_their_order() {
        let names = ["AF_MAX", "PF_UNIX", "AF_UNIX", "AF_INET"].map(plain);
        let patterns = ["AF_*", "PF_*", "-*_MAX"].map(Pattern::parse);
        assert_eq!(chosen(&patterns, &names), ["AF_UNIX", "AF_INET", "PF_UNIX"]);
        for (pattern, name, expected) in [
            ("A*B*C", "AxBxBC", true),
            ("A*B*C", "AxBx", false),
            ("TC?_*", "TC2_X", true),
            ("TC?_*", "TCGETS", false),
            ("*", "", true),
            ("*=1", "", true),
            ("*=_IO", "", false),
        ] {
            assert_eq!(Pattern::parse(pattern).fits(&plain(name)), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn macros_and_enumerators_are_names() {
        let text = "# 1 \"x.h\"\n#define A 1\n#define F(x) x\n#define B _IO(1, 2)\n#undef A\n\
                    enum kind {\n C,\n#define C C\n D = (1 << 2), E };\nenum kind f(int x);\n";
        let found = defined(text);
        assert_eq!(found.iter().map(|d| d.name).collect::<Vec<_>>(), ["B", "C", "D", "E"]);
        assert_eq!(found[0].body, "_IO(1, 2)");
    }
}
