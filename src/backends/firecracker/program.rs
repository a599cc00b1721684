//! Firecracker's program on this host.

use std::path::PathBuf;

use crate::backends::BackendError;
use crate::backends::programs::{find_program, is_program, named_by};
use crate::fault::set_up;
use crate::vm::BackendKind;

const NAME: &str = "firecracker";

/// The program: `FIRECRACKER_BIN` if it is set, else from `PATH`, else where SmolVM keeps its own.
/// Nothing is run.
pub fn program() -> Result<PathBuf, BackendError> {
    if let Some(named) = named_by("FIRECRACKER_BIN", BackendKind::Firecracker, "the program") {
        return named;
    }
    find_program(NAME).or_else(of_smolvm).ok_or_else(missing)
}

fn of_smolvm() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    let program = home.join(".smolvm/bin").join(NAME);
    (home.is_absolute() && is_program(&program)).then_some(program)
}

fn missing() -> BackendError {
    let (why, hint) = if cfg!(target_os = "linux") {
        (
            "`firecracker` is neither in PATH nor in ~/.smolvm/bin",
            format!(
                "install it with {}, or use `--backend qemu`",
                set_up::hint()
            ),
        )
    } else {
        ("it needs Linux with KVM", "use `--backend qemu`".to_owned())
    };
    BackendError::Unavailable {
        backend: BackendKind::Firecracker,
        why: why.to_owned(),
        hint,
    }
}
