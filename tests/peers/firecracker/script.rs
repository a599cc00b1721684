//! What the peer is to be, and to do wrong, from variables. A step is `arguments`, `listen`, or a
//! request as `PUT /boot-source` or `PUT /actions (InstanceStart)`.
//!
//! | variable | meaning |
//! |---|---|
//! | `SCRIPTED_FC_VERSION` | the version that it is, `1.16.1` by default |
//! | `SCRIPTED_FC_DIE` | the step at which it ends, and how: `listen`, `PUT /vsock=148`, `listen=SIGKILL` |
//! | `SCRIPTED_FC_FAULT` | a request that it refuses, and with which words: `PUT /balloon=no` |
//! | `SCRIPTED_FC_CUT` | a request whose reply ends in the middle, and the connection with it |
//! | `SCRIPTED_FC_HANG` | a request that it never answers |
//! | `SCRIPTED_FC_SLOW_MS` | how long it takes for each reply |
//! | `SCRIPTED_FC_SPLIT` | if set, replies come byte by byte |
//! | `SCRIPTED_FC_GUEST` | `silent`: runs, says nothing and uses the processor in kernel mode; `deaf`: hears no Ctrl-Alt-Del and has no agent |

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::str::FromStr;
use std::time::Duration;

use nix::sys::signal::{Signal, raise};

/// A version of Firecracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u16, pub(crate) u16, pub(crate) u16);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Vec<u16> = text.split('.').flat_map(str::parse).collect();
        match numbers[..] {
            [major, minor, patch] => Ok(Self(major, minor, patch)),
            _ => Err(format!("`{text}` is no version")),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guest {
    Ordinary,
    Silent,
    Deaf,
}

pub(crate) struct Script {
    pub(crate) version: Version,
    pub(crate) guest: Guest,
    pub(crate) slow: Duration,
    pub(crate) split: bool,
    die: Option<String>,
    fault: Option<String>,
    cut: Option<String>,
    hang: Option<String>,
}

impl Script {
    pub(crate) fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(format!("SCRIPTED_FC_{name}")).ok();
        let version = variable("VERSION").map(|text| text.parse().expect("a version"));
        let slow = variable("SLOW_MS").map(|text| text.parse().expect("a number"));
        Self {
            version: version.unwrap_or(Version(1, 16, 1)),
            guest: match variable("GUEST").as_deref() {
                None => Guest::Ordinary,
                Some("silent") => Guest::Silent,
                Some("deaf") => Guest::Deaf,
                Some(other) => panic!("no guest is `{other}`"),
            },
            slow: Duration::from_millis(slow.unwrap_or(0)),
            split: variable("SPLIT").is_some(),
            die: variable("DIE"),
            fault: variable("FAULT"),
            cut: variable("CUT"),
            hang: variable("HANG"),
        }
    }

    /// Ends here if it was told to, not without a word.
    pub(crate) fn maybe_die(&self, step: &str, log: Option<&File>) {
        let Some((at, how)) = split(self.die.as_deref()) else {
            return;
        };
        if at != step {
            return;
        }
        let words = format!("scripted to die at {step}");
        match log {
            Some(mut log) => drop(writeln!(log, "{words}")),
            None => eprintln!("{words}"),
        }
        if let Ok(signal) = how.parse::<Signal>() {
            let _ = raise(signal);
        }
        std::process::exit(how.parse().unwrap_or(1));
    }

    /// The words with which a request is refused.
    pub(crate) fn fault(&self, step: &str) -> Option<&str> {
        let (at, words) = split(self.fault.as_deref())?;
        (at == step).then_some(words)
    }

    pub(crate) fn cuts(&self, step: &str) -> bool {
        self.cut.as_deref() == Some(step)
    }

    pub(crate) fn hangs(&self, step: &str) -> bool {
        self.hang.as_deref() == Some(step)
    }
}

/// A step and what to do there.
fn split(told: Option<&str>) -> Option<(&str, &str)> {
    let told = told?;
    Some(told.split_once('=').unwrap_or((told, "1")))
}
