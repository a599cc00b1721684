//! What a command that mends something is run with.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use crate::vm::{Store, process};

/// The shell that runs it.
pub const SHELL: &str = "/bin/sh";

/// Variables that are set for it beside ours: a command that is one of our own means this program and
/// this data directory.
pub fn mending_environment(store: &Store) -> [(&'static str, OsString); 2] {
    let path = env::var_os("PATH").unwrap_or_default();
    let own = process::own_program();
    [
        ("PATH", own_first(own.parent(), path)),
        ("SMOLVM_TUI_DATA_DIR", store.root().into()),
    ]
}

/// The search path with our own directory in front: an older one of ours may be anywhere in it.
fn own_first(own: Option<&Path>, path: OsString) -> OsString {
    let own = own.filter(|dir| dir.is_absolute()).map(Path::to_owned);
    let places = own.into_iter().chain(env::split_paths(&path));
    env::join_paths(places).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_our_own_is_this_program_and_no_other_of_its_name() {
        let path = |own: &str| own_first(Some(Path::new(own)), "/usr/bin:/bin".into());
        assert_eq!(path("/opt/ours"), "/opt/ours:/usr/bin:/bin");
        // What cannot be in a search path leaves it as it is.
        assert_eq!(path("ours"), "/usr/bin:/bin");
        assert_eq!(path("/opt/a:b"), "/usr/bin:/bin");
    }
}
