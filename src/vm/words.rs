//! The closed sets of words that specs, command line and JSON share.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::SpecError;

/// Declares a closed set of lower-case words with `FromStr`, `Display` and serde forms.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vmeta])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it, as on the command line, in files and in JSON.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl FromStr for $name {
            type Err = SpecError;

            fn from_str(text: &str) -> Result<Self, SpecError> {
                Self::ALL.iter().copied().find(|value| value.word() == text).ok_or_else(|| {
                    SpecError::Word { what: $what, word: text.to_owned(), expected: concat!($($word, " "),+).trim_end() }
                })
            }
        }
    };
}

words! {
    /// Who runs a VM.
    BackendKind, "backend" {
        /// Firecracker: Linux with KVM.
        Firecracker = "firecracker",
        /// QEMU: any platform, with KVM, HVF or emulation.
        Qemu = "qemu",
    }
}

words! {
    /// What executes a guest's instructions.
    Accel, "accelerator" {
        /// Linux's KVM.
        Kvm = "kvm",
        /// macOS's Hypervisor.framework.
        Hvf = "hvf",
        /// QEMU's own emulation: works everywhere, slowly.
        Tcg = "tcg",
    }
}

impl Accel {
    /// Whether the guest's instructions are emulated instead of executed.
    pub fn is_emulated(self) -> bool {
        self == Self::Tcg
    }
}

words! {
    /// How much of a CPU an emulated guest is shown; with KVM and HVF it is always the host's own.
    CpuModel, "cpu model" {
        /// A plain x86-64, which boots fastest: no AVX, no AES.
        Fast = "fast",
        /// Every feature that the emulator knows.
        Max = "max",
    }
}

words! {
    /// What happens to the image's root file system.
    DiskMode, "disk mode" {
        /// The VM writes to a layer of its own.
        Isolated = "isolated",
        /// The VM writes to the image's own file.
        Shared = "shared",
    }
}

words! {
    /// How a VM reaches the network.
    NetworkMode, "network" {
        /// The best that this host permits without privileges.
        Auto = "auto",
        /// No network device.
        None = "none",
        /// QEMU's user-mode network.
        User = "user",
        /// A TAP device on the host.
        Tap = "tap",
    }
}

words! {
    /// A processor architecture, named as `uname -m` does.
    Arch, "architecture" {
        /// 64-bit x86.
        X86_64 = "x86_64",
        /// 64-bit ARM.
        Aarch64 = "aarch64",
    }
}

impl Arch {
    /// The architecture of this host, when it is one that we know.
    pub fn host() -> Option<Self> {
        std::env::consts::ARCH.parse().ok()
    }

    /// The kernel's name for the first serial line: `ttyS0` (8250) or `ttyAMA0` (PL011).
    pub fn serial_tty(self) -> &'static str {
        match self {
            Self::X86_64 => "ttyS0",
            Self::Aarch64 => "ttyAMA0",
        }
    }
}
