//! Picks the kernel modules of a guest: the virtio drivers, what they need, and nothing else.
//!
//! What a module needs it says itself, in its `.modinfo` section; `modules.dep` is made only when a
//! kernel is installed, and ours is not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::decompress;
use super::elf::Elf;
use super::error::GuestError;
use crate::fault::io_error;

/// No virtio driver is larger, in bytes.
const LARGEST: usize = 64 << 20;

/// No tree of modules is deeper, and no chain of needs longer.
const DEEPEST: usize = 16;

/// What can be on the bus, and its driver: the buses first, then the number of each virtio device
/// type (virtio 1.2, section 5), and the device by which the host hears of a panic. `true` marks what no guest of ours works without.
const DRIVERS: [(&str, &str, bool); 9] = [
    ("pci", "virtio_pci", true),
    ("mmio", "virtio_mmio", false),
    ("1", "virtio_net", false),
    ("2", "virtio_blk", false),
    ("3", "virtio_console", true),
    ("4", "virtio_rng", false),
    ("5", "virtio_balloon", false),
    ("19", "vmw_vsock_virtio_transport", false),
    ("pvpanic", "pvpanic_pci", false),
];

/// The modules of a guest.
#[derive(Debug)]
pub(super) struct Selection {
    /// Name and content of each, unpacked.
    pub files: BTreeMap<String, Vec<u8>>,
    /// One line a driver: `3: virtio_ring virtio virtio_console`, in loading order.
    pub table: String,
}

/// Picks from `directory`, a `lib/modules/<release>`.
pub(super) fn select(directory: &Path) -> Result<Selection, GuestError> {
    let tree = Tree::read(directory)?;
    let mut files = BTreeMap::new();
    let mut table = String::new();
    for (device, driver, needed) in DRIVERS {
        let mut order = Vec::new();
        if tree.paths.contains_key(driver) {
            tree.order(driver, 0, &mut order, &mut files)?;
        } else if needed && !tree.builtin.contains(driver) {
            return Err(tree.wrong(format!("there is no `{driver}` in it, nor is it built in")));
        }
        // Writing to a string does not fail.
        let _ = writeln!(table, "{device}: {}", order.join(" "));
    }
    Ok(Selection { files, table })
}

/// The modules of a directory by name, with `_` for `-`.
struct Tree<'a> {
    directory: &'a Path,
    paths: BTreeMap<String, PathBuf>,
    builtin: BTreeSet<String>,
}

impl<'a> Tree<'a> {
    fn read(directory: &'a Path) -> Result<Self, GuestError> {
        let mut paths = BTreeMap::new();
        walk(directory, DEEPEST, &mut paths)?;
        // Absent where the kernel was built by hand and nobody installed its modules.
        let builtin = fs::read_to_string(directory.join("modules.builtin")).unwrap_or_default();
        let builtin = builtin
            .lines()
            .filter_map(|line| module_name(Path::new(line)))
            .collect();
        Ok(Self {
            directory,
            paths,
            builtin,
        })
    }

    /// Appends `name` to `order`, after all that it needs.
    fn order(
        &self,
        name: &str,
        depth: usize,
        order: &mut Vec<String>,
        files: &mut BTreeMap<String, Vec<u8>>,
    ) -> Result<(), GuestError> {
        if order.iter().any(|known| known == name) {
            return Ok(());
        }
        let Some(path) = self.paths.get(name) else {
            return Err(self.wrong(format!("`{name}` is needed but neither in it nor built in")));
        };
        if !files.contains_key(name) {
            let packed = fs::read(path).map_err(io_error("read", path))?;
            let module = decompress::unpacked(packed, LARGEST).map_err(io_error("unpack", path))?;
            files.insert(name.to_owned(), module);
        }
        let needs = dependencies(&files[name])
            .ok_or_else(|| self.wrong(format!("`{}` is no kernel module", path.display())))?;
        // A cycle cannot be loaded, and must not be followed for ever.
        if depth > DEEPEST {
            return Err(self.wrong(format!("`{name}` needs itself")));
        }
        for need in needs {
            if self.paths.contains_key(&need) || !self.builtin.contains(&need) {
                self.order(&need, depth + 1, order, files)?;
            }
        }
        order.push(name.to_owned());
        Ok(())
    }

    fn wrong(&self, why: String) -> GuestError {
        GuestError::Modules {
            path: self.directory.to_owned(),
            why,
        }
    }
}

fn walk(
    directory: &Path,
    depth: usize,
    paths: &mut BTreeMap<String, PathBuf>,
) -> Result<(), GuestError> {
    let failed = io_error("read", directory);
    for entry in fs::read_dir(directory).map_err(&failed)? {
        let entry = entry.map_err(&failed)?;
        // Links, such as `build`, lead out of the tree.
        let kind = entry.file_type().map_err(&failed)?;
        if kind.is_dir() && depth > 0 {
            walk(&entry.path(), depth - 1, paths)?;
        } else if kind.is_file()
            && let Some(name) = module_name(&entry.path())
        {
            paths.insert(name, entry.path());
        }
    }
    Ok(())
}

/// `virtio_rng` for `…/virtio-rng.ko.xz`; `None` for what is no module.
fn module_name(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let plain = [".gz", ".xz", ".zst"]
        .iter()
        .find_map(|suffix| file.strip_suffix(suffix))
        .unwrap_or(file);
    Some(plain.strip_suffix(".ko")?.replace('-', "_"))
}

/// What the module's `depends=` names: empty for none, `None` when there is no such entry.
fn dependencies(module: &[u8]) -> Option<Vec<String>> {
    let modinfo = Elf::new(module).ok()?.section(".modinfo")?;
    let entry = modinfo
        .split(|&byte| byte == 0)
        .find_map(|entry| entry.strip_prefix(b"depends="))?;
    let names = std::str::from_utf8(entry).ok()?;
    Some(
        names
            .split(',')
            .filter(|name| !name.is_empty())
            .map(|name| name.replace('-', "_"))
            .collect(),
    )
}

#[cfg(test)]
#[path = "modules_tests.rs"]
mod tests;
