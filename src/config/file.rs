//! The file as it is written: every key optional, none unknown, each value checked where it stands.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Spanned;

use super::{Config, Origin};
use crate::backends::resolve;
use crate::console::keys::{Key, KeyCode};
use crate::network::Pool;
use crate::vm::{Accel, CpuModel, DiskMode, NetworkMode};

/// The top level.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    backend: Option<Backend>,
    vcpu_count: Option<Within<1, 32>>,
    mem_size_mib: Option<Within<32, 16_777_216>>,
    disk_mode: Option<DiskMode>,
    image: Option<ImageName>,
    network: Option<NetworkMode>,
    network_pool: Option<Pool>,
    cpu_model: Option<CpuModel>,
    accel: Option<AccelWord>,
    stop_timeout_s: Option<Within<1, 3_600>>,
    console: Console,
    ui: Ui,
    keys: BTreeMap<Spanned<Chord>, Spanned<String>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Console {
    leave: Option<Leave>,
    scrollback: Option<Within<0, 100_000>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Ui {
    theme: Option<Spanned<String>>,
    mouse: Option<bool>,
}

/// `auto` or an accelerator.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum AccelWord {
    Auto,
    Kvm,
    Hvf,
    Tcg,
}

impl From<Option<Accel>> for AccelWord {
    fn from(accel: Option<Accel>) -> Self {
        match accel {
            None => Self::Auto,
            Some(Accel::Kvm) => Self::Kvm,
            Some(Accel::Hvf) => Self::Hvf,
            Some(Accel::Tcg) => Self::Tcg,
        }
    }
}

impl From<AccelWord> for Option<Accel> {
    fn from(word: AccelWord) -> Self {
        match word {
            AccelWord::Auto => None,
            AccelWord::Kvm => Some(Accel::Kvm),
            AccelWord::Hvf => Some(Accel::Hvf),
            AccelWord::Tcg => Some(Accel::Tcg),
        }
    }
}

/// A whole number from `LEAST` to `MOST`.
#[derive(Clone, Copy, Debug, Serialize)]
struct Within<const LEAST: u64, const MOST: u64>(u64);

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Within<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        u64::try_from(number)
            .ok()
            .filter(|number| (LEAST..=MOST).contains(number))
            .map(Self)
            .ok_or_else(|| {
                D::Error::custom(format!("{number} is not a number from {LEAST} to {MOST}"))
            })
    }
}

/// Text that a function has accepted.
macro_rules! checked {
    ($(#[$meta:meta])* $name:ident($value:ty) = $check:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        struct $name($value);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let raw = <$value>::deserialize(deserializer)?;
                $check(&raw).map_err(D::Error::custom)?;
                Ok(Self(raw))
            }
        }
    };
}

checked! {
    /// A word that names a backend, `auto`, or nothing.
    Backend(String) = |raw: &str| resolve::parse(raw).map(drop)
}

checked! {
    /// The name of an image, which is the name of a directory too.
    ImageName(String) = |raw: &str| {
        let fits = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        let sound = !raw.is_empty() && raw.len() <= 63 && !raw.starts_with('.') && raw.chars().all(fits);
        sound.then_some(()).ok_or_else(|| format!("`{raw}` cannot be the name of an image"))
    }
}

checked! {
    /// A key with its modifiers.
    Chord(String) = |raw: &str| raw.parse::<Key>().map(drop)
}

/// The keys that leave the console.
#[derive(Clone, Debug)]
struct Leave(Vec<Key>);

impl<'de> Deserialize<'de> for Leave {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys = Vec::<LeaveKey>::deserialize(deserializer)?;
        if keys.is_empty() {
            return Err(D::Error::custom("without a key nothing leaves the console"));
        }
        Ok(Self(keys.into_iter().map(|LeaveKey(key)| key).collect()))
    }
}

impl Serialize for Leave {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Key::to_string))
    }
}

/// One of them: a key that the guest can do without.
struct LeaveKey(Key);

impl<'de> Deserialize<'de> for LeaveKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = String::deserialize(deserializer)?;
        let key: Key = raw.parse().map_err(D::Error::custom)?;
        if key.ctrl || key.alt || matches!(key.code, KeyCode::F(_)) {
            return Ok(Self(key));
        }
        Err(D::Error::custom(format!(
            "`{raw}` could no more be typed in the console: take a function key, or one with ctrl or alt"
        )))
    }
}

impl File {
    /// What the file means. `text` is what it was read from.
    pub(super) fn resolve(self, path: Option<&Path>, text: &str) -> Config {
        let default = Config::default();
        let number = |said: Option<u64>, default: u64| said.unwrap_or(default);
        let small = |said: Option<u64>| said.and_then(|number| number.try_into().ok());
        let theme_at = self.ui.theme.as_ref().map(Spanned::span);
        let keys_at = self
            .keys
            .iter()
            .map(|(key, action)| (key.get_ref().0.clone(), action.span()))
            .collect();
        Config {
            file: path.map(Path::to_owned),
            backend: self.backend.map_or(default.backend, |Backend(word)| word),
            vcpu_count: small(self.vcpu_count.map(|Within(n)| n)).unwrap_or(default.vcpu_count),
            mem_size_mib: number(self.mem_size_mib.map(|Within(n)| n), default.mem_size_mib),
            disk_mode: self.disk_mode.unwrap_or(default.disk_mode),
            image: self.image.map_or(default.image, |ImageName(name)| name),
            network: self.network.unwrap_or(default.network),
            network_pool: self.network_pool.unwrap_or(default.network_pool),
            cpu_model: self.cpu_model.unwrap_or(default.cpu_model),
            accel: self.accel.map_or(default.accel, Into::into),
            stop_timeout_s: number(
                self.stop_timeout_s.map(|Within(n)| n),
                default.stop_timeout_s,
            ),
            leave_keys: self
                .console
                .leave
                .map_or(default.leave_keys, |Leave(keys)| keys),
            scrollback: self
                .console
                .scrollback
                .and_then(|Within(n)| n.try_into().ok())
                .unwrap_or(default.scrollback),
            theme: self.ui.theme.map_or(default.theme, Spanned::into_inner),
            mouse: self.ui.mouse.unwrap_or(default.mouse),
            keys: self
                .keys
                .into_iter()
                .map(|(key, action)| (key.into_inner().0, action.into_inner()))
                .collect(),
            origin: Origin::new(text, theme_at, keys_at),
        }
    }
}

impl From<&Config> for File {
    fn from(config: &Config) -> Self {
        let unspanned = |text: &String| Spanned::new(0..0, text.clone());
        Self {
            backend: Some(Backend(config.backend.clone())),
            vcpu_count: Some(Within(config.vcpu_count.into())),
            mem_size_mib: Some(Within(config.mem_size_mib)),
            disk_mode: Some(config.disk_mode),
            image: Some(ImageName(config.image.clone())),
            network: Some(config.network),
            network_pool: Some(config.network_pool),
            cpu_model: Some(config.cpu_model),
            accel: Some(config.accel.into()),
            stop_timeout_s: Some(Within(config.stop_timeout_s)),
            console: Console {
                leave: Some(Leave(config.leave_keys.clone())),
                scrollback: config.scrollback.try_into().ok().map(Within),
            },
            ui: Ui {
                theme: Some(unspanned(&config.theme)),
                mouse: Some(config.mouse),
            },
            keys: config
                .keys
                .iter()
                .map(|(key, action)| (Spanned::new(0..0, Chord(key.clone())), unspanned(action)))
                .collect(),
        }
    }
}
