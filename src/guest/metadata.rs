//! `image.toml`: what an image is and of which files it consists.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use crate::vm::Arch;

/// The file's name.
pub(super) const METADATA: &str = "image.toml";

/// The version that this program writes, and the newest that it reads.
pub(super) const VERSION: u32 = 1;

/// The longest file that is read, in bytes.
pub(super) const LONGEST: u64 = 64 * 1024;

/// What is written down of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Metadata {
    /// Form of this file.
    pub version: u32,
    /// Processor architecture.
    pub arch: Arch,
    /// The kernel's release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_release: Option<String>,
    /// Whether our agent is in it.
    pub has_agent: bool,
    /// Hash of our agent in it, hexadecimal; unknown where the image was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_sha256: Option<String>,
    /// When it was made.
    pub made_at: jiff::Timestamp,
    /// Its files by name.
    pub files: BTreeMap<String, FileEntry>,
}

/// One file of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileEntry {
    /// In bytes.
    pub size: u64,
    /// Of its content, hexadecimal.
    pub sha256: String,
}

impl Metadata {
    /// Reads it; the error says in words what is wrong.
    pub(super) fn from_toml(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let wrong =
            |error: toml::de::Error| format!("{METADATA} cannot be read: {}", error.message());
        let Versioned { version } = toml::from_str(text).map_err(wrong)?;
        if version > VERSION {
            return Err(format!(
                "{METADATA} has version {version}, this program reads up to {VERSION}"
            ));
        }
        let metadata: Self = toml::from_str(text).map_err(wrong)?;
        match metadata.files.keys().find(|name| name.contains('/')) {
            Some(name) => Err(format!(
                "{METADATA} names a file outside the image, `{name}`"
            )),
            None => Ok(metadata),
        }
    }

    /// Writes it.
    pub(super) fn to_toml(&self) -> io::Result<String> {
        toml::to_string(self).map_err(io::Error::other)
    }
}
