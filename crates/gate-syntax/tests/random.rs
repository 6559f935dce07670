//! Random files: the tree is lossless, formatting keeps it and is done after once.

use callgate_gate_syntax::{File, SyntaxKind, format};

const FILES: u64 = 2_000;

/// The tree without spaces, line feeds and the place of comments.
fn outline(file: &File) -> String {
    let mut outline = String::new();
    for event in file.root().preorder_with_tokens() {
        match event {
            rowan::WalkEvent::Enter(rowan::NodeOrToken::Node(node)) => {
                outline += &format!("({:?} ", node.kind());
            }
            rowan::WalkEvent::Enter(rowan::NodeOrToken::Token(token)) => {
                // `;` becomes a line feed where the line would be too long.
                if !token.kind().is_trivia() && token.kind() != SyntaxKind::Semicolon {
                    outline += &format!("{} ", token.text());
                }
            }
            rowan::WalkEvent::Leave(rowan::NodeOrToken::Node(_)) => outline.push(')'),
            rowan::WalkEvent::Leave(_) => {}
        }
    }
    outline
}

fn comments(file: &File) -> Vec<String> {
    let tokens = file.root().descendants_with_tokens().filter_map(rowan::NodeOrToken::into_token);
    let is_comment = |kind| matches!(kind, SyntaxKind::Comment | SyntaxKind::Provenance);
    tokens
        .filter(|token| is_comment(token.kind()))
        .map(|token| token.text().trim_end().to_owned())
        .collect()
}

#[test]
fn formatting_keeps_the_tree_and_is_done_after_once() {
    let mut sizes = 0;
    for seed in 0..FILES {
        let text = Writer::new(seed).file();
        let file = File::parse(&text);
        assert_eq!(file.errors(), [], "seed {seed}:\n{text}");
        assert_eq!(file.root().text().to_string(), text, "seed {seed}");
        let once = format(&file).unwrap();
        let again = File::parse(&once);
        assert_eq!(again.errors(), [], "seed {seed}:\n{text}\n{once}");
        assert_eq!(outline(&again), outline(&file), "seed {seed}:\n{text}\n{once}");
        assert_eq!(comments(&again), comments(&file), "seed {seed}:\n{text}\n{once}");
        assert_eq!(format(&again).unwrap(), once, "seed {seed}:\n{text}");
        sizes += text.len();
    }
    assert!(sizes > 500 * 2_000, "the files are too small to say much: {sizes} bytes");
}

#[test]
fn damaged_files_have_a_tree_and_an_error_or_a_format() {
    let mut wrong = 0;
    for seed in 0..FILES {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut text = Writer::new(seed).file();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(..=text.len());
            let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let junk =
                ["{", "}", "(", "\"", "#", "=", "where", "\n", "é", "0x", "..", "-", "not", ";"];
            text.insert_str(at, junk[rng.usize(..junk.len())]);
        }
        let file = File::parse(&text);
        assert_eq!(file.root().text().to_string(), text, "seed {seed}");
        wrong += usize::from(!file.errors().is_empty());
        let end = u32::try_from(text.len()).unwrap();
        assert!(file.errors().iter().all(|error| u32::from(error.range.end()) <= end));
        if let Some(once) = format(&file) {
            let again = File::parse(&once);
            assert_eq!(outline(&again), outline(&file), "seed {seed}:\n{text}\n{once}");
            assert_eq!(format(&again).unwrap(), once, "seed {seed}:\n{text}");
        }
    }
    assert!(wrong > 1_000, "only {wrong} files were wrong");
}

/// Writes files that are right, with spaces and comments wherever they may be.
struct Writer {
    rng: fastrand::Rng,
    text: String,
    /// Open brackets and sets, within which a line feed ends nothing.
    nesting: usize,
}

impl Writer {
    fn new(seed: u64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), text: String::new(), nesting: 0 }
    }

    fn file(mut self) -> String {
        for _ in 0..self.rng.usize(5..30) {
            self.line(0);
        }
        self.text
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.rng.usize(..n) == 0
    }

    fn pick(&mut self, words: &[&str]) {
        let word = words[self.rng.usize(..words.len())];
        self.put(word);
    }

    /// A token with a space or more behind it; where nesting allows, a comment or line feed.
    fn put(&mut self, token: &str) {
        self.text.push_str(token);
        if self.nesting > 0 && self.one_in(12) {
            self.text.push_str(
                [" # inner\n", "\n  ", "\n\n#@ own line \n", "\r\n"][self.rng.usize(..4)],
            );
        }
        self.text.push_str([" ", " ", "  ", "\t"][self.rng.usize(..4)]);
    }

    /// A token behind which a statement cannot end.
    fn joint(&mut self, token: &str) {
        self.nesting += 1;
        self.put(token);
        self.nesting -= 1;
    }

    fn end(&mut self) {
        if self.one_in(3) {
            self.text.push_str(["# note", "#@ seen 3", "#", "# é \t"][self.rng.usize(..4)]);
        }
        self.text.push_str(["\n", "\n", "\n\n", "\n\n\n", "\r\n"][self.rng.usize(..5)]);
        if self.one_in(8) {
            self.text.push_str("  # alone\n");
        }
    }

    fn line(&mut self, depth: usize) {
        match self.rng.usize(..16) {
            0 => {
                self.header();
                while self.one_in(2) {
                    self.put(";");
                    self.header();
                }
            }
            1 => {
                self.put("use");
                self.put("@a.b-c");
                for _ in 0..self.rng.usize(..12) {
                    self.joint(",");
                    self.pick(&["@threads", "@malloc", "@startup.dynamic"]);
                }
            }
            2 => {
                self.put("test");
                self.subject();
                if self.one_in(2) {
                    self.list(0, "(", ")", |w| match w.rng.usize(..3) {
                        0 => w.put("_"),
                        1 => w.put(".."),
                        _ => w.value(),
                    });
                }
                self.joint("->");
                self.verdict();
            }
            3 if depth < 3 => {
                self.pick(&["on x86_64", "on x86, arm", "group name", "on"]);
                if self.text.trim_end().ends_with("on") {
                    self.circumstances();
                }
                self.text.push_str("{ ");
                if self.one_in(2) {
                    self.end();
                }
                for _ in 0..self.rng.usize(..4) {
                    self.line(depth + 1);
                }
                self.text.push('}');
            }
            4 => self.text.push_str("include \"a # b\""),
            _ => self.statement(),
        }
        self.end();
    }

    fn circumstances(&mut self) {
        loop {
            if self.one_in(3) {
                self.joint("not");
            }
            match self.rng.usize(..4) {
                0 => self.pick(&["x86_64", "x86, arm"]),
                1 => self.pick(&["machine x86_64", "machine x86 , s390x"]),
                2 => self.pick(&["cap CAP_BPF", "cap CAP_BPF,CAP_SYS_ADMIN"]),
                _ => self.pick(&["kernel >= 5.8", "kernel<4.8"]),
            }
            if self.one_in(2) {
                return;
            }
            self.joint("and");
        }
    }

    fn header(&mut self) {
        self.pick(&[
            "machine x86_64 + x86 + x32, aarch64+arm",
            "policy 1",
            "arch x86_64 + x86 without socketcall, aarch64",
            "foreign kill",
            "baseline linux 6.1 else ENOSYS",
            "baseline linux 6.1 else kill-thread",
            "baseline nr 462 else ENOSYS",
            "baseline x86_64 nr 462,x86 linux 5.4 else errno 1",
            "default errno EPERM",
            "groups 2026.11",
            "libc glibc>=2.31, musl",
            "load-flags SECCOMP_FILTER_FLAG_LOG,SECCOMP_FILTER_FLAG_TSYNC",
            "listener \"/run/agent.sock\"",
            "listener \"/run/a \\\"b\\\".sock\"  with  \"x # y\"",
        ]);
    }

    fn verdict(&mut self) {
        self.pick(&[
            "allow",
            "log",
            "errno EPERM",
            "errno 5",
            "enosys",
            "trap",
            "trap 7",
            "trace 9",
            "notify",
            "kill",
            "kill-thread",
            "raw 0x7fff0001",
        ]);
    }

    fn statement(&mut self) {
        if self.one_in(6) {
            self.put("always");
        }
        self.verdict();
        self.subject();
        if self.one_in(2) {
            self.text.push_str(["", "\n   "][self.rng.usize(..2)]);
            self.joint("where");
            self.condition(0);
        }
        if self.one_in(5) {
            self.joint("because");
            self.put("\"a \\\" } # text\"");
        }
    }

    fn subject(&mut self) {
        match self.one_in(2) {
            true => self.call(),
            false => self.list(1, "{", "}", Self::call),
        }
    }

    fn call(&mut self) {
        self.pick(&["read", "kill", "allow", "test", "nr 512", "nr 0x1_ff", "@threads", "~stat"]);
    }

    fn list(&mut self, least: usize, open: &str, close: &str, mut item: impl FnMut(&mut Self)) {
        self.nesting += 1;
        self.put(open);
        let count = self.rng.usize(least..20);
        for index in 0..count {
            item(self);
            if index + 1 < count || self.one_in(4) {
                self.put(",");
            }
        }
        self.nesting -= 1;
        self.put(close);
    }

    fn condition(&mut self, depth: usize) {
        match self.rng.usize(..if depth < 4 { 10 } else { 5 }) {
            0..5 => self.comparison(),
            5 | 6 => {
                self.nesting += 1;
                self.put("(");
                self.condition(depth + 1);
                self.nesting -= 1;
                self.put(")");
            }
            7 => {
                self.joint("not");
                self.text.push('(');
                self.condition(depth + 1);
                self.put(")");
            }
            _ => {
                self.condition(depth + 1);
                self.text.push_str(["", "\n", "  \n\t"][self.rng.usize(..3)]);
                let word = ["and", "or"][self.rng.usize(..2)];
                self.joint(word);
                self.condition(depth + 1);
            }
        }
    }

    fn comparison(&mut self) {
        self.pick(&["flags", "full(flags)", "low32 ( arg0 )", "in", "not_a_word"]);
        if self.one_in(5) {
            self.joint("&");
            self.value();
        }
        match self.rng.usize(..3) {
            0 => {
                self.joint("in");
                self.list(0, "{", "}", |w| {
                    w.value();
                    if w.one_in(4) {
                        w.put("..");
                        w.value();
                    }
                });
            }
            _ => {
                let operators = ["==", "!=", "<", "<=", ">", ">=", "has", "any", "none", "only"];
                let operator = operators[self.rng.usize(..operators.len())];
                self.joint(operator);
                self.value();
            }
        }
    }

    fn value(&mut self) {
        self.pick(&["AF_UNIX", "7", "-1", "NULL", "0xffff_ffff", "A|B"]);
        for _ in 0..self.rng.usize(..2) {
            self.joint("|");
            self.pick(&["CLONE_NEWUSER", "0x10", "- 5"]);
        }
    }
}
