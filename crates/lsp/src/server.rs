//! The loop: messages of the editor in, answers out.

use std::collections::BTreeMap;
use std::fmt;

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, Notification as _,
    PublishDiagnostics,
};
use lsp_types::request::{CodeActionRequest, Completion, Formatting, HoverRequest, Request as _};
use lsp_types::{
    CodeActionParams, CodeActionProviderCapability, CompletionOptions, CompletionParams,
    DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    DocumentFormattingParams, HoverParams, HoverProviderCapability, InitializeParams, OneOf,
    PublishDiagnosticsParams, ServerCapabilities, TextDocumentPositionParams,
    TextDocumentSyncCapability, TextDocumentSyncKind, Uri,
};
use serde_json::Value;

use crate::complete::complete;
use crate::diagnose::{Findings, format};
use crate::document::{Document, Unit};
use crate::hover::hover;
use crate::wire;

/// Why the server ended before the editor asked it to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The editor does not keep to the protocol, or is gone.
    Protocol(String),
    /// Standard input or output failed.
    Io(std::io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(reason) => {
                write!(f, "the editor does not keep to the protocol: {reason}")
            }
            Self::Io(error) => write!(f, "the connection to the editor failed: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Protocol(_) => None,
            Self::Io(error) => Some(error),
        }
    }
}

/// Serves the editor at standard input and output until it is done.
///
/// # Errors
/// [`Error`].
pub fn serve_stdio() -> Result<(), Error> {
    let (connection, ends) = wire::stdio().map_err(Error::Io)?;
    let served = serve(&connection);
    // The writer ends when nobody can send to it any more.
    drop(connection);
    match (served, ends.failure()) {
        (Ok(()), _) => ends.finish().map_err(Error::Io),
        // That nothing more came has a reason.
        (Err(_), Some(reason)) if reason.kind() == std::io::ErrorKind::InvalidData => {
            Err(protocol(reason))
        }
        (Err(_), Some(reason)) => Err(Error::Io(reason)),
        (Err(error), None) => Err(error),
    }
}

/// Serves an editor until it is done.
///
/// # Errors
/// [`Error::Protocol`].
pub fn serve(connection: &Connection) -> Result<(), Error> {
    let (id, params) = connection.initialize_start().map_err(protocol)?;
    let params: InitializeParams = serde_json::from_value(params).map_err(protocol)?;
    let general = params.capabilities.general.and_then(|general| general.position_encodings);
    let unit = Unit::best(&general.unwrap_or_default());
    let about = serde_json::json!({
        "capabilities": capabilities(unit),
        "serverInfo": { "name": "callgate", "version": env!("CARGO_PKG_VERSION") },
    });
    connection.initialize_finish(id, about).map_err(protocol)?;
    Server { connection, unit, documents: BTreeMap::new() }.run()
}

fn protocol(error: impl fmt::Display) -> Error {
    Error::Protocol(error.to_string())
}

fn capabilities(unit: Unit) -> ServerCapabilities {
    let triggers = ["@", "~", "|", "(", "{", " "];
    ServerCapabilities {
        position_encoding: Some(unit.kind()),
        // Policies are short: to send them whole costs nothing, and nothing can get out of step.
        text_document_sync: Some(TextDocumentSyncCapability::Kind(TextDocumentSyncKind::FULL)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(triggers.map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        document_formatting_provider: Some(OneOf::Left(true)),
        code_action_provider: Some(CodeActionProviderCapability::Simple(true)),
        ..ServerCapabilities::default()
    }
}

struct Server<'a> {
    connection: &'a Connection,
    unit: Unit,
    documents: BTreeMap<String, Document>,
}

impl Server<'_> {
    fn run(mut self) -> Result<(), Error> {
        for message in &self.connection.receiver {
            match message {
                Message::Request(request) => {
                    if self.connection.handle_shutdown(&request).map_err(protocol)? {
                        return Ok(());
                    }
                    self.send(self.answer(request).into())?;
                }
                Message::Notification(notification) => self.note(notification)?,
                // The server asks nothing.
                Message::Response(_) => {}
            }
        }
        Err(Error::Protocol("it left without a shutdown".to_owned()))
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        self.connection.sender.send(message).map_err(protocol)
    }

    fn answer(&self, Request { id, method, params, .. }: Request) -> Response {
        let result = match method.as_str() {
            HoverRequest::METHOD => read(params).map(|params: HoverParams| {
                value(self.at(&params.text_document_position_params, hover).flatten())
            }),
            Completion::METHOD => read(params).map(|params: CompletionParams| {
                value(self.at(&params.text_document_position, complete))
            }),
            Formatting::METHOD => read(params).map(|params: DocumentFormattingParams| {
                value(self.document(&params.text_document.uri).map(format))
            }),
            CodeActionRequest::METHOD => read(params).map(|params: CodeActionParams| {
                let document = self.document(&params.text_document.uri);
                value(document.map(|text| Findings::of(text).actions(text, params.range)))
            }),
            other => Err((ErrorCode::MethodNotFound, format!("{other} is not offered"))),
        };
        response(id, result)
    }

    fn document(&self, uri: &Uri) -> Option<&Document> {
        self.documents.get(uri.as_str())
    }

    /// Asks about a place in a document that is open.
    fn at<T>(
        &self,
        place: &TextDocumentPositionParams,
        ask: impl FnOnce(&Document, usize) -> T,
    ) -> Option<T> {
        let document = self.document(&place.text_document.uri)?;
        Some(ask(document, document.offset(place.position)))
    }

    /// What needs no answer. Messages that are wrong, or not known, change nothing.
    fn note(&mut self, Notification { method, params, .. }: Notification) -> Result<(), Error> {
        match method.as_str() {
            DidOpenTextDocument::METHOD => {
                let Ok(params) = read::<DidOpenTextDocumentParams>(params) else { return Ok(()) };
                let opened = params.text_document;
                self.keep(opened.uri, opened.text, opened.version)
            }
            DidChangeTextDocument::METHOD => {
                let Ok(params) = read::<DidChangeTextDocumentParams>(params) else { return Ok(()) };
                let changed = params.text_document;
                match params.content_changes.into_iter().next_back() {
                    Some(change) => self.keep(changed.uri, change.text, changed.version),
                    None => Ok(()),
                }
            }
            DidCloseTextDocument::METHOD => {
                let Ok(params) = read::<DidCloseTextDocumentParams>(params) else { return Ok(()) };
                let uri = params.text_document.uri;
                self.documents.remove(uri.as_str());
                self.publish(PublishDiagnosticsParams::new(uri, Vec::new(), None))
            }
            _ => Ok(()),
        }
    }

    fn keep(&mut self, uri: Uri, text: String, version: i32) -> Result<(), Error> {
        let document = Document { uri: uri.clone(), text, unit: self.unit };
        let found = Findings::of(&document).for_editor(&document);
        self.documents.insert(uri.as_str().to_owned(), document);
        self.publish(PublishDiagnosticsParams::new(uri, found, Some(version)))
    }

    fn publish(&self, params: PublishDiagnosticsParams) -> Result<(), Error> {
        let method = PublishDiagnostics::METHOD.to_owned();
        self.send(Notification::new(method, params).into())
    }
}

fn read<T: serde::de::DeserializeOwned>(params: Value) -> Result<T, (ErrorCode, String)> {
    serde_json::from_value(params).map_err(|error| (ErrorCode::InvalidParams, error.to_string()))
}

fn value(answer: impl serde::Serialize) -> Value {
    // The protocol's types are JSON.
    serde_json::to_value(answer).unwrap_or(Value::Null)
}

fn response(id: RequestId, result: Result<Value, (ErrorCode, String)>) -> Response {
    match result {
        Ok(value) => Response::new_ok(id, value),
        Err((code, message)) => Response::new_err(id, code as i32, message),
    }
}
