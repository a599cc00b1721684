//! What is searched: the user's own regular expression, in time linear to the text.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

/// The longest pattern, in bytes.
pub const LONGEST_PATTERN: usize = 200;
/// The most memory that a compiled pattern takes, in bytes.
const LARGEST: usize = 1 << 20;

/// Why a pattern cannot be searched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not read the pattern: {0}")]
pub struct PatternError(String);

/// A pattern; one without capitals finds them too.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Reads a regular expression.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > LONGEST_PATTERN {
            let why = format!("it is longer than {LONGEST_PATTERN} bytes");
            return Err(PatternError(why));
        }
        // `\S` and the like are classes, not capitals.
        let mut escaped = false;
        let has_capital = text.chars().any(|character| {
            let counts = character.is_uppercase() && !escaped;
            escaped = character == '\\' && !escaped;
            counts
        });
        RegexBuilder::new(text)
            .case_insensitive(!has_capital)
            .size_limit(LARGEST)
            .dfa_size_limit(LARGEST)
            .build()
            .map(Self)
            .map_err(|error| PatternError(reason(&error)))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it matches anywhere.
    pub fn is_match(&self, text: &str) -> bool {
        self.matches(text).next().is_some()
    }

    /// Where it matches, empty matches left out.
    pub fn matches<'t>(&self, text: &'t str) -> impl Iterator<Item = Range<usize>> + use<'_, 't> {
        self.0
            .find_iter(text)
            .map(|found| found.range())
            .filter(|found| !found.is_empty())
    }
}

/// The last line of a regex error says what is wrong; those before draw the pattern.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it grows too large".to_owned(),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        }
    }
}
