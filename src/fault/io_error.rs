//! An operation on a file that failed, told alike by every room.

use std::io;
use std::path::PathBuf;

/// An operation on a file, a directory or a socket failed.
#[derive(Debug, thiserror::Error)]
#[error("could not {verb} `{}`", path.display())]
pub struct IoError {
    /// What was tried.
    pub verb: &'static str,
    /// On what.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

/// For `map_err`: `verb` failed on `path`.
pub fn io_error(verb: &'static str, path: impl Into<PathBuf>) -> impl Fn(io::Error) -> IoError {
    let path = path.into();
    move |source| IoError {
        verb,
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Code, Failure, Fault};

    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    struct OfARoom(#[from] IoError);

    impl Fault for OfARoom {
        fn code(&self) -> Code {
            Code::RuntimeError
        }
    }

    #[test]
    fn a_room_that_passes_it_on_tells_the_operation_the_object_and_the_cause_once() {
        let error = OfARoom::from(io_error("write", "/x/y")(io::Error::other("disk on fire")));
        let failure = Failure::from(error);
        assert_eq!(failure.message, "could not write `/x/y`: disk on fire");
    }
}
