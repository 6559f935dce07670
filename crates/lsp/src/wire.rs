//! Messages at standard input and output, with limits: what an editor announces is not believed.

use std::io::{self, BufRead, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use lsp_server::{Connection, Message};

/// The longest line of a header; the protocol has two, of some thirty bytes.
const HEADER_MAX: u64 = 4 << 10;

/// The longest message. Policies have some kilobytes.
const MESSAGE_MAX: usize = 64 << 20;

/// The other ends of a connection.
pub(crate) struct Ends {
    writer: JoinHandle<io::Result<()>>,
    failure: Failure,
}

/// Why nothing more is read.
type Failure = Arc<Mutex<Option<io::Error>>>;

/// Connects standard input and output.
///
/// # Errors
/// Where the system has no room for threads.
pub(crate) fn stdio() -> io::Result<(Connection, Ends)> {
    let (Connection { sender, receiver }, ours) = Connection::memory();
    let failure = Failure::default();
    let told = Arc::clone(&failure);
    // Nobody waits for it: where the editor leaves its end open, it never ends.
    thread::Builder::new().name("reader".to_owned()).spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            match message(&mut input) {
                Ok(Some(message)) => {
                    let is_exit =
                        matches!(&message, Message::Notification(it) if it.method == "exit");
                    if sender.send(message).is_err() || is_exit {
                        return;
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    return;
                }
            }
        }
    })?;
    let writer = thread::Builder::new().name("writer".to_owned()).spawn(move || {
        let mut output = io::stdout().lock();
        receiver.into_iter().try_for_each(|message| {
            message.write(&mut output)?;
            output.flush()
        })
    })?;
    Ok((ours, Ends { writer, failure }))
}

impl Ends {
    /// Waits until everything is written.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer failed")))
    }

    /// Why reading ended, if it ended by a failure.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The next message; none at the end.
fn message(input: &mut impl BufRead) -> io::Result<Option<Message>> {
    let mut size = None;
    loop {
        let mut line = Vec::new();
        input.by_ref().take(HEADER_MAX).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        let text = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok());
        let Some(text) = text else { return Err(invalid("a header line that is none")) };
        if text.is_empty() {
            break;
        }
        let Some((name, value)) = text.split_once(':') else {
            return Err(invalid(format!("a header line without a colon: {text:?}")));
        };
        if name.eq_ignore_ascii_case("Content-Length") {
            size = Some(length(value.trim())?);
        }
    }
    let size = size.ok_or_else(|| invalid("a header without Content-Length"))?;
    // Room is made as bytes come.
    let mut text = Vec::new();
    let announced = u64::try_from(size).unwrap_or(u64::MAX);
    if input.by_ref().take(announced).read_to_end(&mut text)? < size {
        return Err(invalid("a message that ends before its Content-Length"));
    }
    let message = serde_json::from_slice(&text);
    message.map(Some).map_err(|error| invalid(format!("a message that is none: {error}")))
}

fn length(value: &str) -> io::Result<usize> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    match value.parse() {
        Ok(size) if size <= MESSAGE_MAX && is_number => Ok(size),
        _ if is_number => Err(invalid(format!(
            "Content-Length {value}: messages have at most {MESSAGE_MAX} bytes"
        ))),
        _ => Err(invalid(format!("Content-Length {value:?} is no number"))),
    }
}

fn invalid(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Option<Message>> {
        message(&mut text.as_bytes())
    }

    #[test]
    fn messages_are_read_one_after_the_other() {
        let exit = r#"{"jsonrpc":"2.0","method":"exit"}"#;
        let length = exit.len();
        let one =
            format!("content-length: {length}\r\nContent-Type: x; charset=utf-8\r\n\r\n{exit}");
        let two = one.repeat(2);
        let mut input = two.as_bytes();
        for _ in 0..2 {
            let Ok(Some(Message::Notification(read))) = message(&mut input) else { panic!() };
            assert_eq!(read.method, "exit");
        }
        assert!(message(&mut input).unwrap().is_none());
    }

    #[test]
    fn what_is_no_message_is_an_error_that_says_so() {
        let long = "x".repeat(1 << 20);
        for (text, said) in [
            ("Content-Length: 99999999999999\r\n\r\n", "at most 67108864 bytes"),
            ("Content-Length: 99999999999999999999999\r\n\r\n", "at most 67108864 bytes"),
            ("Content-Length: 67108865\r\n\r\n", "at most 67108864 bytes"),
            ("Content-Length: 67108864\r\n\r\n{}", "ends before"),
            ("Content-Length: -1\r\n\r\n", "is no number"),
            ("Content-Length: +1\r\n\r\n{", "is no number"),
            ("Content-Length: \r\n\r\n", "is no number"),
            ("Content-Length 5\r\n\r\n", "without a colon"),
            ("X: y\r\n\r\n", "without Content-Length"),
            ("X: y\n", "that is none"),
            (&long, "that is none"),
            ("Content-Length: 2\r\n\r\n{}", "that is none"),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(error.to_string().contains(said), "{error} for {:.60}", text);
        }
    }
}
