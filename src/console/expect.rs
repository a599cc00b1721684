//! Waiting for text in a stream.

use regex::{Regex, RegexBuilder};

use crate::fault::{Code, Fault};

/// How much of what was already searched is searched again together with new text, in bytes: a match
/// that came in several pieces is found when it is no longer than this.
const LOOK_BACK: usize = 64 * 1024;

/// A pattern that is no regular expression.
#[derive(Debug, thiserror::Error)]
#[error("could not understand the pattern `{pattern}`")]
pub struct PatternError {
    /// The pattern as given.
    pattern: String,
    /// Why, with the place in the pattern.
    #[source]
    source: Box<regex::Error>,
}

impl Fault for PatternError {
    fn code(&self) -> Code {
        Code::UsageError
    }

    fn hint(&self) -> Option<String> {
        Some("write `\\` before a character that shall stand for itself: . ? * + ( ) [ ] { } | ^ $ \\".to_owned())
    }
}

/// Compiles a pattern in the syntax of the `regex` crate; `^` and `$` match at each line, and what
/// it takes in memory is bounded, because a shim keeps one as long as its guest boots.
pub fn by_line(pattern: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(pattern)
        .multi_line(true)
        .size_limit(1 << 20)
        .dfa_size_limit(1 << 20)
        .build()
        .map_err(|source| PatternError {
            pattern: pattern.to_owned(),
            source: Box::new(source),
        })
}

/// Looks for a pattern in text that comes in pieces; `^` and `$` match at each line.
///
/// The last line is looked at before its newline comes, so that a prompt is found; therefore `$` also
/// matches at the end of what has come so far.
#[derive(Debug)]
pub struct Matcher {
    regex: Regex,
    text: String,
    /// Where the search begins; what is before is kept only so that `^` and `\\b` see it.
    from: usize,
}

impl Matcher {
    /// A matcher for a regular expression in the syntax of the `regex` crate.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        Ok(Self {
            regex: by_line(pattern)?,
            text: String::new(),
            from: 0,
        })
    }

    /// Takes the next piece of text; the matched text as soon as there is a match.
    ///
    /// Memory stays at 64 KiB and a piece. What precedes a match is not looked at again by the next call.
    pub fn push(&mut self, text: &str) -> Option<String> {
        self.text.push_str(text);
        if let Some(found) = self.regex.find_at(&self.text, self.from) {
            let end = found.end();
            let found = found.as_str().to_owned();
            self.forget(end);
            return Some(found);
        }
        if self.text.len() > LOOK_BACK {
            let mut until = self.text.len() - LOOK_BACK;
            while !self.text.is_char_boundary(until) {
                until += 1;
            }
            self.forget(until);
        }
        None
    }

    /// Drops what is before `until`, but for one character.
    fn forget(&mut self, until: usize) {
        let last = self.text[..until].chars().next_back();
        self.from = last.map_or(0, char::len_utf8);
        self.text.drain(..until - self.from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_is_found_across_pieces_and_at_each_line() {
        let mut matcher = Matcher::new("^42$").unwrap();
        assert_eq!(matcher.push("# echo $((6*7))\n4"), None);
        assert_eq!(matcher.push("2\n# "), Some("42".to_owned()));
    }

    #[test]
    fn a_prompt_is_found_before_its_line_ends() {
        let mut matcher = Matcher::new("login: $").unwrap();
        assert_eq!(matcher.push("Welcome\nhost lo"), None);
        assert_eq!(matcher.push("gin: "), Some("login: ".to_owned()));
    }

    #[test]
    fn a_second_match_is_not_the_first_again() {
        let mut matcher = Matcher::new("[0-9]+;").unwrap();
        assert_eq!(matcher.push("1;2;"), Some("1;".to_owned()));
        assert_eq!(matcher.push(""), Some("2;".to_owned()));
        assert_eq!(matcher.push(""), None);
    }

    #[test]
    fn memory_stays_bounded_and_a_line_is_never_begun_in_its_middle() {
        let mut matcher = Matcher::new("^[éx]").unwrap();
        // One endless line that begins otherwise, of characters of one and two bytes.
        assert_eq!(matcher.push("-"), None);
        for _ in 0..100 {
            assert_eq!(matcher.push(&"éx".repeat(5000)), None);
            assert!(matcher.text.len() <= LOOK_BACK + 2);
        }
        let mut matcher = Matcher::new("needle").unwrap();
        for line in 0..20_000 {
            assert_eq!(matcher.push(&format!("line {line}\n")), None);
        }
        assert!(matcher.text.capacity() <= 4 * LOOK_BACK);
        assert_eq!(matcher.push("a nee"), None);
        assert_eq!(matcher.push("dle"), Some("needle".to_owned()));
    }

    #[test]
    fn a_pattern_that_is_none_is_wrong_usage_and_says_where() {
        let error = Matcher::new("a(b").unwrap_err();
        assert_eq!(error.code(), Code::UsageError);
        let failure = crate::fault::Failure::from(error);
        assert!(failure.message.contains("`a(b`"), "{}", failure.message);
        assert!(
            failure.message.contains("unclosed group"),
            "{}",
            failure.message
        );
    }
}
