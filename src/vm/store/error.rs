//! Why the store could not do something.

use std::io;
use std::path::PathBuf;

use super::super::{SpecError, VmName};
use crate::fault::{Code, Fault, IoError};

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An operation on a file or directory failed.
    #[error(transparent)]
    Io(#[from] IoError),
    /// No VM of that name.
    #[error("no VM is named `{name}`")]
    Unknown {
        /// The name as given.
        name: String,
        /// The name that was probably meant.
        nearest: Option<VmName>,
    },
    /// A VM of that name is there already.
    #[error("a VM named `{0}` exists already")]
    Exists(VmName),
    /// A spec that cannot be written or read.
    #[error("could not use the spec of `{name}`")]
    Spec {
        /// Whose spec.
        name: VmName,
        /// What is wrong with it.
        #[source]
        source: SpecError,
    },
    /// A directory for sockets that somebody else could have prepared.
    #[error("`{}` is not safe for sockets: {why}", path.display())]
    UnsafeDirectory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No home directory, hence no default place.
    #[error("could not find a directory for state: there is no home directory")]
    NoHome,
}

impl Fault for StoreError {
    fn code(&self) -> Code {
        match self {
            Self::Unknown { .. } => Code::NotFound,
            Self::Exists(_) => Code::AlreadyExists,
            Self::Spec { source, .. } => source.code(),
            _ => Code::RuntimeError,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown {
                nearest: Some(name),
                ..
            } => Some(format!("did you mean `{name}`?")),
            Self::Unknown { nearest: None, .. } => Some("`smolvm-tui ls` shows all VMs".to_owned()),
            Self::Exists(name) => Some(format!(
                "choose another name, or remove it with `smolvm-tui rm {name}`"
            )),
            Self::Spec { source, .. } => source.hint(),
            Self::UnsafeDirectory { path, .. } => Some(format!("remove `{}`", path.display())),
            Self::NoHome => Some("set SMOLVM_TUI_DATA_DIR".to_owned()),
            Self::Io(IoError { source, path, .. }) => match source.kind() {
                io::ErrorKind::StorageFull => Some("make room on that file system".to_owned()),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    // What could not be made is not there to be made writable: what would hold it is.
                    let there = path.ancestors().find(|place| place.exists());
                    Some(format!(
                        "make `{}` writable, or choose another place with --data-dir or SMOLVM_TUI_DATA_DIR",
                        there.unwrap_or(path).display()
                    ))
                }
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::io_error;

    #[test]
    fn what_is_to_be_made_writable_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state.json");
        std::fs::write(&file, "").unwrap();
        let missing = dir.path().join("vms/.new-0badcafe/spec.toml");
        for (path, named) in [(missing, dir.path()), (file.clone(), &file)] {
            let denied = io::ErrorKind::ReadOnlyFilesystem.into();
            let error = StoreError::from(io_error("create", path)(denied));
            let hint = error.hint().unwrap();
            let expected = format!("make `{}` writable", named.display());
            assert!(hint.starts_with(&expected), "{hint}");
        }
    }
}
