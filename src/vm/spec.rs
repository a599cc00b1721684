//! What was asked for when a VM was created: `spec.toml`. It is never changed by running the VM.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Accel, Arch, BackendKind, CpuModel, DiskMode, NetworkMode};
use crate::fault::{Code, Fault};

/// The version of `spec.toml` that this program writes, and the newest that it reads.
pub const SPEC_VERSION: u32 = 1;

/// vCPUs that a VM may have, asked for or configured.
pub const VCPU_COUNT: RangeInclusive<u32> = 1..=32;

/// Memory that a VM may have, in MiB: from the least in which a kernel with an initramfs comes up to
/// what is beyond every host's.
pub const MEM_SIZE_MIB: RangeInclusive<u64> = 32..=16 << 20;

/// A TCP port of the guest, reachable at a port of the host's loopback address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortForward {
    /// Port on 127.0.0.1.
    pub host: u16,
    /// Port in the guest.
    pub guest: u16,
}

impl FromStr for PortForward {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let wrong = || SpecError::Port(text.to_owned());
        let port = |text: &str| {
            text.parse::<u16>()
                .ok()
                .filter(|&port| port != 0)
                .ok_or_else(wrong)
        };
        let (host, guest) = text.split_once(':').ok_or_else(wrong)?;
        Ok(Self {
            host: port(host)?,
            guest: port(guest)?,
        })
    }
}

impl TryFrom<String> for PortForward {
    type Error = SpecError;

    fn try_from(text: String) -> Result<Self, SpecError> {
        text.parse()
    }
}

impl From<PortForward> for String {
    fn from(forward: PortForward) -> Self {
        forward.to_string()
    }
}

impl fmt::Display for PortForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.guest)
    }
}

/// An image, pinned: building it again makes a new digest and leaves this one alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageRef {
    /// The image's name.
    pub name: String,
    /// The digest of its content, hexadecimal.
    pub digest: String,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VmSpec {
    /// Form of this file: [`SPEC_VERSION`].
    pub version: u32,
    /// Identity of the VM: 8 hexadecimal digits, also the name of its run directory.
    pub id: String,
    /// When the VM was made.
    pub created_at: jiff::Timestamp,
    /// Who runs it.
    pub backend: BackendKind,
    /// Why that backend was chosen when the VM was made, as a clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_reason: Option<String>,
    /// The accelerator to insist on; absent: the best that truly works when the VM starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accel: Option<Accel>,
    /// Processor architecture of the guest.
    pub arch: Arch,
    /// Number of vCPUs.
    pub vcpu_count: u32,
    /// Memory in MiB.
    pub mem_size_mib: u64,
    /// CPU shown to an emulated guest.
    pub cpu_model: CpuModel,
    /// The image to boot; absent when `kernel` is given without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// A kernel in place of the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<PathBuf>,
    /// An initial RAM file system in place of the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initrd: Option<PathBuf>,
    /// A root file system in place of the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rootfs: Option<PathBuf>,
    /// The whole kernel command line, in place of the one that we would make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_args: Option<String>,
    /// What happens to the root file system.
    pub disk_mode: DiskMode,
    /// Size of the VM's own layer in MiB; absent: as large as the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_size_mib: Option<u64>,
    /// How it reaches the network.
    pub network: NetworkMode,
    /// The network that addresses for its TAP device come from; absent: the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_pool: Option<String>,
    /// Ports of the guest that the host reaches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<PortForward>,
    /// A regular expression that, matched on the serial line, says *ready* for guests without agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_pattern: Option<String>,
}

/// Why a value of a spec, or the file itself, is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A word outside its closed set.
    #[error("unknown {what} `{word}`, expected one of: {expected}")]
    Word {
        /// What the word stands for.
        what: &'static str,
        /// The word as given.
        word: String,
        /// The words that would do, separated by spaces.
        expected: &'static str,
    },
    /// Not `HOST:GUEST`.
    #[error(
        "`{0}` is no port pair: expected HOST:GUEST with ports from 1 to 65535, such as 8080:80"
    )]
    Port(String),
    /// Written by a newer program.
    #[error("the spec has version {found}, this program reads up to {SPEC_VERSION}")]
    FromTheFuture {
        /// The version in the file.
        found: u32,
    },
    /// An identity that could lead out of the directory that is named after it.
    #[error("the spec's id `{0}` is not 8 hexadecimal digits")]
    Id(String),
    /// No TOML, or not a spec.
    #[error("could not read the spec: {0}")]
    Syntax(String),
}

impl Fault for SpecError {
    fn code(&self) -> Code {
        match self {
            Self::Word { .. } | Self::Port(_) => Code::InvalidInput,
            Self::FromTheFuture { .. } | Self::Id(_) | Self::Syntax(_) => Code::Damaged,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::FromTheFuture { .. } => Some("update smolvm-tui".to_owned()),
            _ => None,
        }
    }
}

impl VmSpec {
    /// Reads a spec; one from a newer program is told apart from a broken one.
    pub fn from_toml(text: &str) -> Result<Self, SpecError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let syntax =
            |error: toml::de::Error| SpecError::Syntax(error.to_string().trim().to_owned());
        let future = |found| SpecError::FromTheFuture { found };
        let spec: Self = match toml::from_str(text) {
            Ok(spec) => spec,
            // A newer form need not be understood to be known as one. Of a good spec, which is the
            // rule, the text is read once: with a thousand VMs that is what a list costs.
            Err(error) => {
                let version = toml::from_str(text).map(|Versioned { version }| version);
                return Err(match version {
                    Ok(version) if version > SPEC_VERSION => future(version),
                    _ => syntax(error),
                });
            }
        };
        if spec.version > SPEC_VERSION {
            return Err(future(spec.version));
        }
        // It names a directory that is removed with the VM: what stands in a file must not choose it.
        if !is_id(&spec.id) {
            return Err(SpecError::Id(spec.id.escape_default().take(40).collect()));
        }
        Ok(spec)
    }

    /// The files that stand in place of the image's: kernel, initial RAM file system, root file system.
    pub fn own_files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.kernel, &self.initrd, &self.rootfs]
            .into_iter()
            .flatten()
    }

    /// Writes a spec.
    pub fn to_toml(&self) -> Result<String, SpecError> {
        toml::to_string(self).map_err(|error| SpecError::Syntax(error.to_string()))
    }
}

/// Whether a text is the identity of a VM: 8 hexadecimal digits.
pub fn is_id(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    impl VmSpec {
        /// A spec for tests that needs no file.
        pub(crate) fn sample(id: &str) -> Self {
            Self {
                version: SPEC_VERSION,
                id: id.to_owned(),
                created_at: jiff::Timestamp::UNIX_EPOCH,
                backend: BackendKind::Qemu,
                backend_reason: None,
                accel: None,
                arch: Arch::X86_64,
                vcpu_count: 1,
                mem_size_mib: 256,
                cpu_model: CpuModel::Fast,
                image: None,
                kernel: None,
                initrd: None,
                rootfs: None,
                boot_args: None,
                disk_mode: DiskMode::Isolated,
                disk_size_mib: None,
                network: NetworkMode::Auto,
                network_pool: None,
                publish: Vec::new(),
                ready_pattern: None,
            }
        }
    }

    pub(crate) fn sample() -> VmSpec {
        VmSpec {
            image: Some(ImageRef {
                name: "tiny".to_owned(),
                digest: "abc".to_owned(),
            }),
            publish: vec![PortForward {
                host: 8080,
                guest: 80,
            }],
            ..VmSpec::sample("0badcafe")
        }
    }

    #[test]
    fn a_spec_survives_its_file() {
        let spec = sample();
        assert_eq!(VmSpec::from_toml(&spec.to_toml().unwrap()).unwrap(), spec);
    }

    #[test]
    fn a_spec_from_the_future_says_so_even_with_keys_we_do_not_know() {
        let error = VmSpec::from_toml("version = 7\nwarp_drive = true\n").unwrap_err();
        assert_eq!(error, SpecError::FromTheFuture { found: 7 });
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let text = format!("{}\nwarp = 1\n", sample().to_toml().unwrap());
        let SpecError::Syntax(message) = VmSpec::from_toml(&text).unwrap_err() else {
            panic!()
        };
        assert!(message.contains("warp"), "{message}");
    }

    #[test]
    fn an_id_that_would_lead_elsewhere_is_refused() {
        for id in ["../images", "", "0badcaf", "0badcafe0", "0badcaf/"] {
            let spec = VmSpec {
                id: id.to_owned(),
                ..sample()
            };
            let read = VmSpec::from_toml(&spec.to_toml().unwrap());
            assert!(matches!(read, Err(SpecError::Id(_))), "{id:?}");
        }
    }

    #[test]
    fn ports_are_pairs_of_real_ports() {
        assert_eq!(
            "8080:80".parse(),
            Ok(PortForward {
                host: 8080,
                guest: 80
            })
        );
        for bad in ["80", "0:80", "80:0", "80:65536", "a:b", ":", "1:2:3", ""] {
            assert!(bad.parse::<PortForward>().is_err(), "{bad:?}");
        }
    }
}
