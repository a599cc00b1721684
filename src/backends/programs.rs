//! Programs of this host: in `PATH`, or where a variable of the environment says.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::BackendError;
use crate::vm::BackendKind;

/// The executable file `name` in `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        // An empty or relative entry means another place for each working directory: not for us.
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|path| is_program(path))
}

/// Whether `path` is a file that we may execute.
pub(super) fn is_program(path: &Path) -> bool {
    path.is_file() && nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok()
}

/// The program that `variable` names for `backend`, by its path or by a name in `PATH`; `None` when
/// it is not set or empty. `what` is what it should name.
pub(super) fn named_by(
    variable: &str,
    backend: BackendKind,
    what: &str,
) -> Option<Result<PathBuf, BackendError>> {
    let value = std::env::var_os(variable).filter(|value| !value.is_empty())?;
    Some(named(&value).ok_or_else(|| BackendError::Unavailable {
        backend,
        why: format!(
            "{variable} names `{}`, which is no program",
            Path::new(&value).display()
        ),
        hint: format!("unset {variable}, or set it to the path of {what}"),
    }))
}

fn named(value: &OsStr) -> Option<PathBuf> {
    if Path::new(value).components().count() > 1 {
        let path = std::path::absolute(value).ok()?;
        return is_program(&path).then_some(path);
    }
    find_program(value.to_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_a_file_that_may_be_executed() {
        assert!(find_program("sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(find_program("no-such-program-here"), None);
        assert!(!is_program(Path::new("/etc/passwd")));
        assert!(!is_program(Path::new("/bin")));
    }

    #[test]
    fn a_program_is_named_by_its_path_or_by_its_name() {
        let sh = find_program("sh").unwrap();
        assert_eq!(named("sh".as_ref()).as_ref(), Some(&sh));
        assert_eq!(named(sh.as_os_str()).as_ref(), Some(&sh));
        assert_eq!(named("/bin".as_ref()), None);
        assert_eq!(named("no-such-program-here".as_ref()), None);
    }
}
