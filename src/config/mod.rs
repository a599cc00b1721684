//! What the user set (a file, all optional) and what it means (resolved, nothing optional).
//!
//! `config.example.toml` is the default configuration; a test holds the two equal. Every error
//! names the file and shows the line with a caret, also one that another room finds later: what
//! the file said, and where, stays with the [`Config`] as its [`Origin`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::console::keys::{Key, KeyCode};
use crate::network::Pool;
use crate::vm::{Accel, CpuModel, DiskMode, NetworkMode};

mod error;
mod file;

pub use error::{ConfigError, Origin};

/// More than this is no configuration.
const LONGEST_FILE: u64 = 1 << 20;

/// Configuration as it applies.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The file that it was read from, if there was one.
    pub file: Option<PathBuf>,
    /// `backend`, as written; resolved later together with argument and environment.
    pub backend: String,
    /// `vcpu_count` of new VMs.
    pub vcpu_count: u32,
    /// `mem_size_mib` of new VMs.
    pub mem_size_mib: u64,
    /// `disk_mode` of new VMs.
    pub disk_mode: DiskMode,
    /// `image` of new VMs.
    pub image: String,
    /// `network` of new VMs.
    pub network: NetworkMode,
    /// `network_pool`: where addresses of TAP devices come from.
    pub network_pool: Pool,
    /// `cpu_model` of new VMs.
    pub cpu_model: CpuModel,
    /// `accel` of new VMs; `None` is `auto`.
    pub accel: Option<Accel>,
    /// `stop_timeout_s`: how long a guest may take to power off.
    pub stop_timeout_s: u64,
    /// `console.leave`: the keys that leave the console; twice sends the first byte to the guest.
    pub leave_keys: Vec<Key>,
    /// `console.scrollback` in lines.
    pub scrollback: usize,
    /// `ui.theme`: name of a theme.
    pub theme: String,
    /// `ui.mouse`.
    pub mouse: bool,
    /// `[keys]`: key → action's name, `none` unbinds; over the defaults.
    pub keys: BTreeMap<String, String>,
    /// What the file said and where, for errors that are found later.
    pub origin: Origin,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file: None,
            backend: "auto".to_owned(),
            vcpu_count: 1,
            mem_size_mib: 256,
            disk_mode: DiskMode::Isolated,
            image: "tiny".to_owned(),
            network: NetworkMode::Auto,
            network_pool: Pool::default(),
            cpu_model: CpuModel::Fast,
            accel: None,
            stop_timeout_s: 10,
            leave_keys: vec![
                Key {
                    ctrl: true,
                    ..Key::plain(KeyCode::Char(']'))
                },
                Key::plain(KeyCode::F(12)),
            ],
            scrollback: 10_000,
            theme: "default".to_owned(),
            mouse: true,
            keys: BTreeMap::new(),
            origin: Origin::default(),
        }
    }
}

impl Config {
    /// Where the configuration is looked for when no file is named, if the user has a home:
    /// `$XDG_CONFIG_HOME/smolvm-tui/config.toml` on Linux.
    fn default_file() -> Option<PathBuf> {
        let dirs = directories::ProjectDirs::from("", "", "smolvm-tui")?;
        Some(dirs.config_dir().join("config.toml"))
    }

    /// Reads `file`, else the platform's own if there is one there, else the defaults.
    ///
    /// A `file` that was named must exist.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_from(file, Self::default_file())
    }

    fn load_from(named: Option<&Path>, default: Option<PathBuf>) -> Result<Self, ConfigError> {
        let Some(path) = named.map(Path::to_owned).or(default) else {
            return Ok(Self::default());
        };
        match read(&path) {
            Ok(text) => Self::parse(Some(&path), &text),
            Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(ConfigError {
                message: format!(
                    "could not read the configuration `{}`: {error}",
                    path.display()
                ),
            }),
        }
    }

    /// What `text`, read from `path`, means; what it does not say is as in the defaults.
    fn parse(path: Option<&Path>, text: &str) -> Result<Self, ConfigError> {
        let said: file::File = toml::from_str(text).map_err(|error| {
            ConfigError::at(
                path,
                text,
                error.span().unwrap_or_default(),
                error.message(),
            )
        })?;
        Ok(said.resolve(path, text))
    }

    /// This configuration as a file, every key said.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(&file::File::from(self)).map_err(|error| ConfigError {
            message: format!("could not write the configuration: {error}"),
        })
    }

    /// Holds the actions of `[keys]` against those that there are; `none` is one always.
    pub fn check_actions(&self, known: &[&str]) -> Result<(), ConfigError> {
        for (key, action) in &self.keys {
            if action != "none" && !known.contains(&action.as_str()) {
                let message = format!("unknown action `{action}`{}", nearest(action, known));
                return Err(self.key_error(key, &message));
            }
        }
        Ok(())
    }

    /// Holds `ui.theme` against the themes that there are.
    pub fn check_theme(&self, known: &[&str]) -> Result<(), ConfigError> {
        if known.contains(&self.theme.as_str()) {
            return Ok(());
        }
        let message = format!(
            "unknown theme `{}`, expected one of: {}",
            self.theme,
            known.join(", ")
        );
        Err(self
            .origin
            .error(self.file.as_deref(), self.origin.theme(), &message))
    }

    /// An error about the action that `[keys]` gives to `key`, with its line and a caret.
    pub fn key_error(&self, key: &str, message: &str) -> ConfigError {
        self.origin
            .error(self.file.as_deref(), self.origin.key(key), message)
    }
}

/// The known word that was probably meant, as the end of a sentence.
fn nearest(word: &str, known: &[&str]) -> String {
    let closest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, word), known))
        .min_by_key(|(distance, _)| *distance);
    match closest {
        Some((distance, known)) if distance <= 1 + word.chars().count() / 3 => {
            format!(", did you mean `{known}`?")
        }
        _ => ", `smolvm-tui keys` shows them all".to_owned(),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(LONGEST_FILE + 1)
        .read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read <= LONGEST_FILE) {
        return Ok(text);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "it is longer than 1 MiB",
    ))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
