//! Text from outside made harmless: for logs, rows, titles and `expect`.

use vte::{Parser, Perform};

use super::limit::Limit;

/// Removes escape sequences, controls but newline and tab, bidirectional and zero-width characters,
/// from a stream split anywhere; CR LF becomes LF, a lone CR is dropped.
///
/// Bytes that are no UTF-8 become U+FFFD. The parser is the one that the screen uses too, so log
/// and screen agree on where a sequence ends; a sequence of any length takes constant memory.
#[derive(Default)]
pub struct Stripper {
    limit: Limit,
    parser: Parser,
}

impl std::fmt::Debug for Stripper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stripper").finish_non_exhaustive()
    }
}

impl Stripper {
    /// Takes bytes, appends harmless text.
    pub fn push(&mut self, bytes: &[u8], text: &mut String) {
        self.limit.pass(bytes, |run| {
            self.parser.advance(&mut Text(text), run);
        });
    }
}

struct Text<'a>(&'a mut String);

impl Perform for Text<'_> {
    fn print(&mut self, c: char) {
        if is_harmless(c) {
            self.0.push(c);
        }
    }

    fn execute(&mut self, byte: u8) {
        if matches!(byte, b'\n' | b'\t') {
            self.0.push(char::from(byte));
        }
    }
}

/// One line of foreign text made harmless and at most `longest` characters long; tabs and newlines
/// become spaces, and a line that was cut ends in `…`.
pub fn sanitize_line(text: &str, longest: usize) -> String {
    let mut clean = String::new();
    Stripper::default().push(text.as_bytes(), &mut clean);
    let mut line: String = clean
        .chars()
        .map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c })
        .take(longest.saturating_add(1))
        .collect();
    if line.chars().count() > longest {
        line.pop();
        if line.pop().is_some() {
            line.push('…');
        }
    }
    line
}

/// Whether a character may stand on a host terminal: no control, nothing that reorders, hides or
/// joins its neighbours, no line or paragraph separator.
pub(super) fn is_harmless(c: char) -> bool {
    match c {
        ' '..='~' => true,
        // C0, DEL, C1.
        _ if c.is_control() => false,
        // Soft hyphen, Arabic letter mark, Mongolian vowel separator, Hangul fillers.
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        // Zero-width characters, joiners, marks of direction.
        | '\u{200b}'..='\u{200f}'
        // Separators, embeddings and overrides.
        | '\u{2028}'..='\u{202e}'
        // Word joiner, invisible operators, isolates, deprecated format characters.
        | '\u{2060}'..='\u{206f}'
        // Variation selectors, which change widths; byte order mark; interlinear annotation.
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        // Tags, more variation selectors.
        | '\u{e0000}'..='\u{e0fff}' => false,
        _ => true,
    }
}

#[cfg(test)]
#[path = "sanitize_tests.rs"]
mod tests;
