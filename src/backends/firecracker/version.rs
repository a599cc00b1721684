//! Firecracker's version, and what came when: every request body refuses fields that it does not
//! know, so none is sent that the version in hand does not have.

use std::fmt;

/// A version. What follows the three numbers, as in `1.17.0-dev`, is not told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u16,
    minor: u16,
    patch: u16,
}

/// What not every version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feature {
    /// `PUT /entropy`.
    Entropy,
    /// `free_page_reporting` in `PUT /balloon`: what the guest frees, the host gets back.
    FreePageReporting,
}

/// From Firecracker's change log: the first version that has it.
const SINCE: &[(Feature, Version)] = &[
    (Feature::Entropy, Version::new(1, 4, 0)),
    (Feature::FreePageReporting, Version::new(1, 14, 0)),
];

/// The oldest that can be used: what every request body here has, it knows. Older ones are refused
/// by nobody; the doctor names them.
pub const OLDEST: Version = Version::new(1, 7, 0);

impl Version {
    /// That version.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// What `--version` printed, as `Firecracker v1.17.0-dev` in its first line; what it logs comes
    /// after that on the same stream. Also what `GET /version` says, as `1.17.0-dev`.
    pub fn parse(text: &str) -> Option<Self> {
        let word = text.lines().next()?.split_whitespace().last()?;
        let word = word.strip_prefix('v').unwrap_or(word);
        let numbers = word.split(['-', '+']).next()?;
        let mut parts = numbers.split('.').map(str::parse::<u16>);
        let version = Self::new(
            parts.next()?.ok()?,
            parts.next()?.ok()?,
            parts.next().unwrap_or(Ok(0)).ok()?,
        );
        parts.next().is_none().then_some(version)
    }

    /// Whether it has that.
    pub(super) fn has(self, feature: Feature) -> bool {
        SINCE
            .iter()
            .any(|&(of, since)| of == feature && self >= since)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_tells_the_version() {
        let cases = [
            (
                "Firecracker v1.17.0-dev\n2026-11-23T14:15:24.313930996 [anonymous-instance:main] Firecracker exiting successfully. exit_code=0\n",
                Some(Version::new(1, 17, 0)),
            ),
            ("Firecracker v1.7.0\n", Some(Version::new(1, 7, 0))),
            ("1.13.1", Some(Version::new(1, 13, 1))),
            ("1.16", Some(Version::new(1, 16, 0))),
            ("", None),
            ("Firecracker", None),
            ("v1.2.3.4", None),
            ("v99999999.0.0", None),
        ];
        for (text, version) in cases {
            assert_eq!(Version::parse(text), version, "{text:?}");
        }
    }

    #[test]
    fn a_feature_is_there_from_its_version_on() {
        for (feature, since) in SINCE {
            assert!(since.has(*feature));
            assert!(Version::new(99, 0, 0).has(*feature));
            let before = Version::new(since.major, since.minor - 1, 99);
            assert!(!before.has(*feature), "{feature:?}");
        }
    }
}
