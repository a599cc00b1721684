//! Errors of the configuration file: file, line, caret, and what is wrong.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::fault::{Code, Fault};

/// As much of a line as is shown, in characters.
const SHOWN: usize = 120;

/// An error in the configuration file, with file, line and caret in its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// The whole text.
    pub message: String,
}

impl Fault for ConfigError {
    fn code(&self) -> Code {
        Code::ConfigError
    }

    fn hint(&self) -> Option<String> {
        Some("mend the file, or go without one by `--config /dev/null`".to_owned())
    }
}

impl ConfigError {
    /// An error at `span`, in bytes, of the `text` of a file.
    pub(super) fn at(path: Option<&Path>, text: &str, span: Range<usize>, message: &str) -> Self {
        let name = path.map_or_else(|| "<text>".to_owned(), |path| path.display().to_string());
        let (line, column) = position(text, span.start);
        let caret = caret(text, span);
        // Names and values from the file may hold what a terminal would obey.
        let [name, message] =
            [&name, message].map(|text| text.replace(char::is_control, "\u{fffd}"));
        Self {
            message: format!(
                "could not use `{name}`, line {line}, column {column}: {message}\n{caret}"
            ),
        }
    }
}

/// What the file said, and where it said what other rooms check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    text: Arc<str>,
    theme: Option<Range<usize>>,
    keys: BTreeMap<String, Range<usize>>,
}

impl Origin {
    pub(super) fn new(
        text: &str,
        theme: Option<Range<usize>>,
        keys: BTreeMap<String, Range<usize>>,
    ) -> Self {
        Self {
            text: text.into(),
            theme,
            keys,
        }
    }

    pub(super) fn theme(&self) -> Option<Range<usize>> {
        self.theme.clone()
    }

    pub(super) fn key(&self, key: &str) -> Option<Range<usize>> {
        self.keys.get(key).cloned()
    }

    /// An error at `span`, or about no place in particular when the file did not say it.
    pub(super) fn error(
        &self,
        path: Option<&Path>,
        span: Option<Range<usize>>,
        message: &str,
    ) -> ConfigError {
        match span {
            Some(span) => ConfigError::at(path, &self.text, span, message),
            None => ConfigError {
                message: format!("could not use the configuration: {message}"),
            },
        }
    }
}

/// Line and column, from 1 and in characters, of a byte of `text`.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[start..].chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// The line of `span` with carets below, as compilers show it. A span of several lines is marked
/// to the end of its first; of a long line the part around the span is shown.
fn caret(text: &str, span: Range<usize>) -> String {
    let (number, column) = position(text, span.start);
    let line = text.split('\n').nth(number - 1).unwrap_or_default();
    let length = line.trim_end_matches('\r').chars().count();
    let skipped = column.saturating_sub(SHOWN / 2);
    let shown: String = line
        .trim_end_matches('\r')
        .chars()
        .skip(skipped)
        .take(SHOWN)
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    let wide = text.get(span).unwrap_or_default().chars().count();
    let end = (column + wide).min(length + 1).min(skipped + SHOWN + 1);
    let carets = "^".repeat(end.saturating_sub(column).max(1));
    let gutter = " ".repeat(number.to_string().len());
    let indent = " ".repeat(column - 1 - skipped);
    format!("{gutter} |\n{number} | {shown}\n{gutter} | {indent}{carets}")
}
