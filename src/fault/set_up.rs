//! Where this host's set-up is: a script of the source tree, which an installation brings along.
//! A way out that names it names it where it is.

use std::path::{Path, PathBuf};

const SCRIPT: &str = "scripts/system-setup.sh";
const OPTION: &str = "--configure-runtime";

/// The set-up script that belongs to this program: of the source tree that it was built in, else
/// what was installed beside it (`PREFIX/share/smolvm-tui/scripts` for `PREFIX/bin`).
pub fn script() -> Option<PathBuf> {
    std::env::current_exe().ok().and_then(|exe| beside(&exe))
}

fn beside(program: &Path) -> Option<PathBuf> {
    let is_target = |dir: &&Path| dir.file_name().is_some_and(|name| name == "target");
    let built_in = program.ancestors().find(is_target).and_then(Path::parent);
    let installed = program.parent().and_then(Path::parent);
    let places = [
        built_in.map(Path::to_owned),
        installed.map(|prefix| prefix.join("share/smolvm-tui")),
    ];
    let mut scripts = places.into_iter().flatten().map(|place| place.join(SCRIPT));
    scripts.find(|script| script.is_file())
}

/// The command that sets a Linux host up for Firecracker and TAP networks, as a user types it.
pub fn command(script: &Path) -> String {
    let script = script.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if script.chars().all(is_plain) {
        return format!("sudo {script} {OPTION}");
    }
    format!("sudo '{}' {OPTION}", script.replace('\'', r"'\''"))
}

/// The same as the end of a sentence: the command, or what there is to look for.
pub fn hint() -> String {
    match script() {
        Some(script) => format!("`{}`", command(&script)),
        None => elsewhere(),
    }
}

/// What there is to look for where the script was not brought along.
pub fn elsewhere() -> String {
    format!("`sudo {SCRIPT} {OPTION}` in a checkout of smolvm-tui")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: PathBuf) -> PathBuf {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "").unwrap();
        path
    }

    #[test]
    fn the_script_is_that_of_the_tree_or_what_was_installed_beside_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, prefix) = (dir.path().join("tree"), dir.path().join("prefix"));
        assert_eq!(beside(&tree.join("target/release/smolvm-tui")), None);
        let ours = put(tree.join(SCRIPT));
        for program in ["target/debug/smolvm-tui", "target/debug/deps/test-1"] {
            assert_eq!(beside(&tree.join(program)).as_ref(), Some(&ours));
        }
        // A script of that name anywhere else is somebody else's.
        assert_eq!(beside(&tree.join("bin/smolvm-tui")), None);
        let installed = put(prefix.join("share/smolvm-tui").join(SCRIPT));
        assert_eq!(beside(&prefix.join("bin/smolvm-tui")), Some(installed));
    }

    #[test]
    fn the_command_is_one_that_a_shell_reads_back() {
        let of = |path: &str| command(Path::new(path));
        assert_eq!(of("/a/b.sh"), "sudo /a/b.sh --configure-runtime");
        assert_eq!(of("/a b/c"), "sudo '/a b/c' --configure-runtime");
        assert_eq!(of("/a'b"), r"sudo '/a'\''b' --configure-runtime");
    }
}
