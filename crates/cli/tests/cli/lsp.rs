//! `callgate lsp`, driven over standard input and output as editors do.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::harness::command;

struct Editor {
    server: Child,
    answers: BufReader<ChildStdout>,
    last_id: u64,
}

const URI: &str = "file:///nowhere/a.gate";

impl Editor {
    fn start(encodings: &[&str]) -> (Self, Value) {
        let mut command = command(&["lsp", "--stdio"]);
        let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(server.stdout.take().unwrap());
        let mut editor = Self { server, answers, last_id: 0 };
        let general = json!({ "positionEncodings": encodings });
        let about = editor.ask("initialize", json!({ "capabilities": { "general": general } }));
        editor.tell("initialized", json!({}));
        (editor, about)
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let input = self.server.stdin.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        input.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn next(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert_ne!(self.answers.read_line(&mut line).unwrap(), 0, "the server is gone");
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", value)) => length = value.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.answers.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// The answer to a request, or the error.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let mut answer = self.next();
        assert_eq!(answer["id"], id, "{answer}");
        let key = if answer["error"].is_null() { "result" } else { "error" };
        answer[key].take()
    }

    /// Opens or changes the text, and returns what is wrong with it.
    fn write(&mut self, text: &str) -> Vec<Value> {
        self.last_id += 1;
        let version = self.last_id;
        if version == 2 {
            let document =
                json!({ "uri": URI, "languageId": "gate", "version": version, "text": text });
            self.tell("textDocument/didOpen", json!({ "textDocument": document }));
        } else {
            let document = json!({ "uri": URI, "version": version });
            let changes = json!([{ "text": text }]);
            let params = json!({ "textDocument": document, "contentChanges": changes });
            self.tell("textDocument/didChange", params);
        }
        self.published()
    }

    fn published(&mut self) -> Vec<Value> {
        let published = self.next();
        assert_eq!(published["method"], "textDocument/publishDiagnostics");
        assert_eq!(published["params"]["uri"], URI);
        published["params"]["diagnostics"].as_array().unwrap().clone()
    }

    fn at(&mut self, method: &str, line: u32, character: u32) -> Value {
        let position = json!({ "line": line, "character": character });
        self.ask(method, json!({ "textDocument": { "uri": URI }, "position": position }))
    }

    fn end(mut self) {
        assert_eq!(self.ask("shutdown", Value::Null), Value::Null);
        self.tell("exit", Value::Null);
        assert_eq!(self.server.wait().unwrap().code(), Some(0));
    }
}

const POLICY: &str = "policy 1\narch x86_64, aarch64\ndefault errno EPERM\nuse @exit\n\
                      allow socket where family in {AF_UNIX, AF_INET}  # é\u{1f980}\n";

#[test]
fn mistakes_are_published_with_edits_and_vanish() {
    let (mut editor, about) = Editor::start(&["utf-8", "utf-16"]);
    assert_eq!(about["capabilities"]["positionEncoding"], "utf-8");
    assert_eq!(about["serverInfo"]["name"], "callgate");
    let wrong = format!("{POLICY}allow opne\n");
    let found = editor.write(&wrong);
    assert_eq!(found.len(), 1, "{found:?}");
    let range =
        json!({ "start": { "line": 5, "character": 6 }, "end": { "line": 5, "character": 10 } });
    assert_eq!((&found[0]["range"], &found[0]["severity"]), (&range, &json!(1)));
    assert_eq!((&found[0]["code"], &found[0]["source"]), (&json!("E0340"), &json!("callgate")));
    let context = json!({ "diagnostics": [] });
    let document = json!({ "uri": URI });
    let params = json!({ "textDocument": document, "range": range, "context": context });
    let actions = editor.ask("textDocument/codeAction", params);
    let edit = &actions[0]["edit"]["changes"][URI][0];
    assert_eq!((&edit["newText"], &edit["range"]), (&json!("open"), &range), "{actions}");
    // Older than its baseline: a warning, and none for a right text.
    let older = POLICY.replace("default", "baseline linux 5.4 else ENOSYS\ndefault");
    let found = editor.write(&format!("{older}allow openat2\n"));
    assert_eq!((&found[0]["code"], &found[0]["severity"]), (&json!("E0342"), &json!(2)));
    assert_eq!(editor.write(POLICY), Vec::<Value>::new());
    editor.tell("textDocument/didClose", json!({ "textDocument": { "uri": URI } }));
    assert_eq!(editor.published(), Vec::<Value>::new());
    assert_eq!(editor.at("textDocument/hover", 4, 7), Value::Null);
    editor.end();
}

#[test]
fn names_are_explained() {
    let (mut editor, about) = Editor::start(&[]);
    assert_eq!(about["capabilities"]["positionEncoding"], "utf-16");
    assert_eq!(editor.write(POLICY), Vec::<Value>::new());
    for (line, character, words) in [
        (0, 2, &["version of the language"][..]),
        (1, 7, &["x86_64, token 0xc000003e"]),
        (2, 9, &["fails with that error"]),
        (2, 15, &["EPERM", "x86_64: 1"]),
        (3, 6, &["exit_group"]),
        (4, 2, &["executed"]),
        (
            4,
            8,
            &[
                "socket(int family, int type, int protocol)",
                "x86_64: number 41, since Linux",
                "aarch64: number 198",
                "Risk: ",
                "network",
            ],
        ),
        (4, 20, &["int family", "of socket", "AF_INET6"]),
        (4, 32, &["AF_UNIX", "x86_64: 1 (0x1)"]),
    ] {
        let hover = editor.at("textDocument/hover", line, character);
        let text = hover["contents"]["value"].as_str().unwrap_or_default();
        for word in words {
            assert!(text.contains(word), "{line}:{character}: no {word:?} in {text}");
        }
    }
    let clone3 = editor.write(&format!("{POLICY}allow clone3\n"));
    assert_eq!(clone3, Vec::<Value>::new());
    let hover = editor.at("textDocument/hover", 5, 8);
    let text = hover["contents"]["value"].as_str().unwrap();
    for word in ["Called by:", "glibc since 2.34", "on EPERM", "If it is refused:", "(risk: "] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    assert_eq!(editor.at("textDocument/hover", 4, 54), Value::Null, "a comment");
    assert_eq!(editor.at("textDocument/hover", 99, 0), Value::Null);
    editor.end();
}

#[test]
fn words_are_completed_and_texts_formatted() {
    let (mut editor, _) = Editor::start(&["utf-16"]);
    // Behind two letters that editors count as three.
    let text = format!(
        "{POLICY}allow socket because \"é\u{1f980}\" wh\nallow  socket where type any SOCK_"
    );
    assert!(!editor.write(&text).is_empty());
    let labels = |answer: &Value| -> Vec<String> {
        let items = answer.as_array().unwrap().iter();
        items.map(|item| item["label"].as_str().unwrap().to_owned()).collect()
    };
    let constants = editor.at("textDocument/completion", 6, 34);
    assert!(labels(&constants).contains(&"SOCK_STREAM".to_owned()), "{constants}");
    assert!(!labels(&constants).contains(&"AF_UNIX".to_owned()));
    let edit = &constants[0]["textEdit"]["range"];
    assert_eq!((&edit["start"]["character"], &edit["end"]["character"]), (&json!(29), &json!(34)));
    let joints = editor.at("textDocument/completion", 5, 29);
    assert_eq!(joints[0]["textEdit"]["range"]["start"]["character"], 27, "{joints}");
    let options = json!({ "tabSize": 4, "insertSpaces": true });
    let params = json!({ "textDocument": { "uri": URI }, "options": options });
    assert_eq!(editor.ask("textDocument/formatting", params.clone()), json!([]), "it has errors");
    editor.write(&POLICY.replace("allow socket", "allow    socket"));
    let edits = editor.ask("textDocument/formatting", params.clone());
    assert_eq!(edits[0]["newText"], POLICY);
    assert_eq!(edits[0]["range"]["end"], json!({ "line": 5, "character": 0 }));
    editor.write(POLICY);
    assert_eq!(editor.ask("textDocument/formatting", params), json!([]));
    editor.end();
}

#[test]
fn what_is_not_offered_is_refused_and_an_editor_that_leaves_is_an_error() {
    let (mut editor, _) = Editor::start(&[]);
    assert_eq!(editor.ask("textDocument/rename", json!({}))["code"], -32601);
    assert_eq!(editor.ask("textDocument/hover", json!({ "x": 1 }))["code"], -32602);
    drop(editor.server.stdin.take());
    assert_eq!(editor.server.wait().unwrap().code(), Some(2));
}

#[test]
fn a_message_that_is_too_long_is_an_error() {
    let mut command = command(&["lsp", "--stdio"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = command.spawn().unwrap();
    let mut input = server.stdin.take().unwrap();
    input.write_all(b"Content-Length: 99999999999999\r\n\r\n").unwrap();
    let ended = server.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("messages have at most 67108864 bytes"), "{stderr}");
}
