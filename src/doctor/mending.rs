//! What a command that mends something is run with.

use std::env;
use std::ffi::OsString;

use crate::vm::{Store, process};

/// The shell that runs it.
pub const SHELL: &str = "/bin/sh";

/// Variables that are set for it beside ours: a command that is one of our own means this program and
/// this data directory.
pub fn mending_environment(store: &Store) -> [(&'static str, OsString); 2] {
    let path = env::var_os("PATH").unwrap_or_default();
    let own = process::own_program();
    let own = own.parent().filter(|dir| dir.is_absolute());
    let places = env::split_paths(&path).chain(own.map(ToOwned::to_owned));
    [
        ("PATH", env::join_paths(places).unwrap_or(path)),
        ("SMOLVM_TUI_DATA_DIR", store.root().into()),
    ]
}
