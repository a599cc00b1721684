//! The name of a VM, checked once and then trusted: it becomes a directory and part of a title.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};

/// A VM's name: `^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VmName(String);

/// Why a text is no VM name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a VM needs a name")]
    Empty,
    /// Longer than 63 characters.
    #[error("the name `{0}` has {1} characters, at most 63 are allowed")]
    TooLong(String, usize),
    /// A character outside the rule.
    #[error("the name `{name}` contains {character:?}: only a-z, 0-9, `-` and `_` are allowed")]
    Character {
        /// The name as it was given.
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
    /// `-` or `_` at either end.
    #[error("the name `{0}` must begin and end with a letter or a digit")]
    Edge(String),
}

impl Fault for NameError {
    fn code(&self) -> Code {
        Code::InvalidInput
    }

    fn hint(&self) -> Option<String> {
        Some("choose a name such as `web` or `build-2`".to_owned())
    }
}

impl VmName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Of `known`, the name that `wrong` was most likely meant to be.
    pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a VmName>) -> Option<&'a VmName> {
        known
            .map(|name| (strsim::damerau_levenshtein(wrong, name.as_str()), name))
            .filter(|(distance, name)| *distance <= (name.as_str().len() / 3).max(1))
            .min()
            .map(|(_, name)| name)
    }
}

impl FromStr for VmName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if let Some(character) = text.chars().find(|&c| !allowed(c) && c != '-' && c != '_') {
            return Err(NameError::Character {
                name: text.to_owned(),
                character,
            });
        }
        if text.len() > 63 {
            return Err(NameError::TooLong(text.to_owned(), text.len()));
        }
        if !text.starts_with(allowed) || !text.ends_with(allowed) {
            return Err(NameError::Edge(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for VmName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<VmName> for String {
    fn from(name: VmName) -> Self {
        name.0
    }
}

impl fmt::Display for VmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for good in ["a", "7", "web", "a-b_c9", &"x".repeat(63)] {
            assert_eq!(good.parse::<VmName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "a-",
            "_a",
            "Web",
            "a.b",
            "a/b",
            "..",
            "ä",
            "a b",
            &"x".repeat(64),
        ] {
            assert!(bad.parse::<VmName>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_typo_is_met_with_the_nearest_name() {
        let known: Vec<VmName> = ["web", "database"]
            .map(|name| name.parse().unwrap())
            .to_vec();
        let nearest = |wrong| VmName::nearest(wrong, known.iter()).map(VmName::as_str);
        assert_eq!(nearest("wbe"), Some("web"));
        assert_eq!(nearest("databse"), Some("database"));
        assert_eq!(nearest("zzz"), None);
    }
}
