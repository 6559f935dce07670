//! `include`: another file's statements where the line stands.

use std::path::Path;

use callgate_rules::{Code, Diagnostic, Source, SourceError, Span};

use super::{Reader, Scope};
use crate::syntax::{Node, SyntaxKind, unquoted};
use crate::tree;

/// Reads an included file: its path as the line has it, and the name of the file that includes it.
pub type Loader<'l> = dyn FnMut(&str, &str) -> Result<Source, SourceError> + 'l;

/// How deep files may include each other.
const DEPTH_MAX: usize = 8;

/// How many files a policy may consist of.
const FILES_MAX: usize = 64;

/// Reads included files from the folder of the file that includes them.
///
/// # Errors
/// As [`Source::load`].
pub fn from_folder(path: &str, including: &str) -> Result<Source, SourceError> {
    let folder = Path::new(including).parent().unwrap_or_else(|| Path::new(""));
    let file = folder.join(path);
    // A pipe would be waited for without end.
    if file.metadata().is_ok_and(|found| !found.is_file()) {
        let reason = "it is no regular file".to_owned();
        return Err(SourceError::Unreadable { name: path.to_owned(), reason });
    }
    Source::load(&file)
}

/// Refuses to include, for texts that are no files.
///
/// # Errors
/// Always.
pub fn nothing(path: &str, including: &str) -> Result<Source, SourceError> {
    let reason = format!("{including} is not a file, so there is no folder to include from");
    Err(SourceError::Unreadable { name: path.to_owned(), reason })
}

impl Reader<'_, '_> {
    pub(super) fn include(&mut self, node: &Node, scope: &Scope) {
        let Some(token) = tree::token(node, SyntaxKind::Text) else { return };
        let span = self.span(token.text_range().into());
        let path = unquoted(token.text()).unwrap_or_default();
        if let Some(error) = self.include_limit(span) {
            return self.report(error);
        }
        let including = self.including.last().cloned().unwrap_or_default();
        let source = match (self.load)(&path, &including) {
            Ok(source) => source,
            Err(error) => {
                let message = format!("the file cannot be included: {error}");
                return self.error("E0326", message, span, "named here");
            }
        };
        if self.including.iter().any(|name| name == source.name()) {
            let message = format!("{} includes itself", source.name());
            return self.error("E0327", message, span, "this file is being read already");
        }
        let before = self.source;
        self.including.push(source.name().to_owned());
        if let Some(root) = self.parsed(source) {
            self.no_header(&root);
            self.lines(&root, scope);
        }
        self.including.pop();
        self.source = before;
    }

    fn include_limit(&self, span: Span) -> Option<Diagnostic> {
        let message = match () {
            () if self.including.len() > DEPTH_MAX => {
                format!("files include each other more than {DEPTH_MAX} deep")
            }
            () if self.sources.iter().len() >= FILES_MAX => {
                format!("a policy has at most {FILES_MAX} files")
            }
            () => return None,
        };
        Some(Diagnostic::error(Code::new("E0328"), message).primary(span, "one too many"))
    }
}
