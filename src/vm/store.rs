//! The directory of VMs, which *is* the registry: who exists, what was asked, what became of it.
//!
//! Nothing in here waits for another process. A torn, unknown or unreadable file becomes the
//! [`Problem`] of its own VM and harms no other.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::{
    BootRecord, Exit, ExitReason, Phase, STATE_VERSION, SpecError, VmName, VmSpec, VmState, process,
};
use crate::fault::{Code, Fault};

/// `sun_path` holds 108 bytes on Linux and 104 on macOS, the final zero included (unix(7)); we stay
/// below both.
const LONGEST_SOCKET_PATH: usize = 100;

/// The data directory and all that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An operation on a file or directory failed.
    #[error("could not {verb} `{}`", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
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
            Self::Io { source, path, .. } => match source.kind() {
                io::ErrorKind::StorageFull => Some("make room on that file system".to_owned()),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    Some(format!(
                        "make `{}` writable, or choose another place with --data-dir or SMOLVM_TUI_DATA_DIR",
                        path.display()
                    ))
                }
                _ => None,
            },
        }
    }
}

/// Where the files of one VM are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmPaths {
    /// `vms/<name>`.
    pub dir: PathBuf,
    /// What was asked for.
    pub spec: PathBuf,
    /// What became of it.
    pub state: PathBuf,
    /// Locked by the shim as long as it lives.
    pub lock: PathBuf,
    /// Serial output, capped; the older half is `console.log.1`.
    pub console_log: PathBuf,
    /// Offsets of the serial output against time.
    pub console_idx: PathBuf,
    /// The VMM's own words.
    pub vmm_log: PathBuf,
    /// Serial output while no shim lived, kept short by the shim.
    pub gap_log: PathBuf,
    /// The screen as the VM left it, as bytes for a terminal.
    pub last_screen: PathBuf,
    /// The VM's own layer over the image's root file system.
    pub disk: PathBuf,
}

impl VmPaths {
    fn new(dir: PathBuf) -> Self {
        let file = |name| dir.join(name);
        Self {
            spec: file("spec.toml"),
            state: file("state.json"),
            lock: file("lock"),
            console_log: file("console.log"),
            console_idx: file("console.idx"),
            vmm_log: file("vmm.log"),
            gap_log: file("gap.log"),
            last_screen: file("last-screen.ansi"),
            disk: file("disk.qcow2"),
            dir,
        }
    }
}

/// What is wrong with a VM's files, shown on its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One sentence.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
}

/// One VM as it is found on disk, reconciled with the processes that really live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vm {
    /// Its name.
    pub name: VmName,
    /// What was asked for, if that can be read.
    pub spec: Option<VmSpec>,
    /// What became of it; the default when it was never started or the file cannot be read. Its
    /// `exit` is filled in here when nobody lived to write it.
    pub state: VmState,
    /// Its phase after reconciliation.
    pub phase: Phase,
    /// Whether its shim lives.
    pub has_shim: bool,
    /// What is wrong with its files.
    pub problem: Option<Problem>,
}

impl Vm {
    /// Whether its VMM lives and nobody looks after it: the next client starts a shim that adopts it.
    pub fn is_orphan(&self) -> bool {
        self.phase.is_live() && !self.has_shim
    }

    /// How it ended, when its phase says that it did.
    pub fn exit(&self) -> Option<&Exit> {
        self.state.exit.as_ref().filter(|_| !self.phase.is_live())
    }
}

/// A VM that is being made: complete on disk, but not visible to anybody before [`Self::commit`].
#[derive(Debug)]
pub struct Registration {
    name: VmName,
    staging: PathBuf,
    target: PathBuf,
}

impl Registration {
    /// The files of the VM as long as it is being made; `disk` may be created here.
    pub fn paths(&self) -> VmPaths {
        VmPaths::new(self.staging.clone())
    }

    /// Makes the VM visible. Of two that race for one name, one gets it.
    pub fn commit(self) -> Result<(), StoreError> {
        // rename(2) replaces an empty directory only; a VM's directory holds a spec, so it fails.
        match fs::rename(&self.staging, &self.target) {
            Ok(()) => Ok(()),
            Err(_) if self.target.exists() => Err(StoreError::Exists(self.name.clone())),
            Err(source) => Err(StoreError::Io {
                verb: "create",
                path: self.target.clone(),
                source,
            }),
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // After `commit` there is nothing left here; before it, nothing half-made may stay.
        let _ = fs::remove_dir_all(&self.staging);
    }
}

/// The right to look after a VM. The kernel takes it back when the process ends.
#[derive(Debug)]
pub struct ShimLock {
    _file: Flock<File>,
    name: VmName,
}

impl ShimLock {
    /// Whose lock it is.
    pub fn name(&self) -> &VmName {
        &self.name
    }
}

impl Store {
    /// The store at `dir`, or where `SMOLVM_TUI_DATA_DIR` or the platform says. Touches no file.
    pub fn locate(dir: Option<&Path>) -> Result<Self, StoreError> {
        let from_environment = || {
            std::env::var_os("SMOLVM_TUI_DATA_DIR")
                .filter(|dir| !dir.is_empty())
                .map(PathBuf::from)
        };
        let platform = || {
            let dirs = directories::ProjectDirs::from("", "", "smolvm-tui")?;
            Some(
                dirs.state_dir()
                    .unwrap_or_else(|| dirs.data_local_dir())
                    .to_owned(),
            )
        };
        let root = dir
            .map(Path::to_owned)
            .or_else(from_environment)
            .or_else(platform);
        let root = root.ok_or(StoreError::NoHome)?;
        // Shims run in `/`, so a relative path would mean another place there.
        let root = std::path::absolute(&root).map_err(|source| StoreError::Io {
            verb: "resolve",
            path: root,
            source,
        })?;
        Ok(Self { root })
    }

    /// The data directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where images are kept.
    pub fn images_dir(&self) -> PathBuf {
        self.root.join("images")
    }

    /// The directory that holds one directory for each VM.
    pub fn vms_dir(&self) -> PathBuf {
        self.root.join("vms")
    }

    /// The history of boots of all VMs.
    pub fn boots_file(&self) -> PathBuf {
        self.root.join("boots.jsonl")
    }

    /// The files of one VM.
    pub fn paths(&self, name: &VmName) -> VmPaths {
        VmPaths::new(self.vms_dir().join(name.as_str()))
    }

    /// The names of all VMs, sorted. A store that does not exist yet holds none.
    pub fn names(&self) -> Result<Vec<VmName>, StoreError> {
        let dir = self.vms_dir();
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                return Err(StoreError::Io {
                    verb: "list",
                    path: dir,
                    source,
                });
            }
        };
        // What does not parse as a name is not ours: staging areas begin with a dot.
        let mut names: Vec<VmName> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// All VMs, sorted by name, each with its own problem if it has one.
    pub fn list(&self) -> Result<Vec<Vm>, StoreError> {
        let host_boot = process::host_boot_id();
        Ok(self
            .names()?
            .into_iter()
            .map(|name| self.observe(name, &host_boot))
            .collect())
    }

    /// One VM by the name that a user typed.
    pub fn find(&self, name: &str) -> Result<Vm, StoreError> {
        let known = self.names()?;
        match known.iter().find(|known| known.as_str() == name) {
            Some(name) => Ok(self.observe(name.clone(), &process::host_boot_id())),
            None => Err(StoreError::Unknown {
                name: name.to_owned(),
                nearest: VmName::nearest(name, known.iter()).cloned(),
            }),
        }
    }

    /// One VM as it is now.
    pub fn observe(&self, name: VmName, host_boot: &str) -> Vm {
        let paths = self.paths(&name);
        let mut problem = None;
        let mut note = |message: String, hint: Option<String>| {
            problem.get_or_insert(Problem { message, hint });
        };
        let removal = || {
            Some(format!(
                "mend it, or remove the VM with `smolvm-tui rm {name} --force`"
            ))
        };
        let spec = match fs::read_to_string(&paths.spec) {
            Ok(text) => VmSpec::from_toml(&text)
                .map_err(|error| note(error.to_string(), error.hint().or_else(removal)))
                .ok(),
            Err(error) => {
                note(
                    format!("could not read `{}`: {error}", paths.spec.display()),
                    removal(),
                );
                None
            }
        };
        let (state, torn) = match read_state(&paths.state) {
            Ok(state) => (state.unwrap_or_default(), false),
            Err(message) => {
                note(
                    message,
                    Some(format!("`smolvm-tui start {name}` begins anew")),
                );
                (VmState::default(), true)
            }
        };
        let mut vm = Vm {
            phase: state.phase,
            has_shim: false,
            name,
            spec,
            state,
            problem,
        };
        if torn {
            vm.phase = Phase::Crashed;
            vm.state.exit = Some(unseen(ExitReason::Unknown, "state.json cannot be read"));
        } else if vm.phase.is_live() {
            reconcile(&mut vm, host_boot);
        }
        vm
    }

    /// Prepares a VM. Nothing is visible before [`Registration::commit`], and nothing stays if it
    /// is dropped before.
    pub fn register(&self, name: &VmName, spec: &VmSpec) -> Result<Registration, StoreError> {
        let target = self.paths(name).dir;
        if target.exists() {
            return Err(StoreError::Exists(name.clone()));
        }
        let staging = self.vms_dir().join(format!(".new-{}", spec.id));
        private_dir(&staging)?;
        let registration = Registration {
            name: name.clone(),
            staging,
            target,
        };
        let text = spec.to_toml().map_err(|source| StoreError::Spec {
            name: name.clone(),
            source,
        })?;
        write_durably(&registration.paths().spec, text.as_bytes())?;
        Ok(registration)
    }

    /// Takes the right to look after a VM, or `None` when somebody has it.
    pub fn lock(&self, name: &VmName) -> Result<Option<ShimLock>, StoreError> {
        let path = self.paths(name).lock;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| StoreError::Io {
                verb: "open",
                path: path.clone(),
                source,
            })?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Some(ShimLock {
                _file: file,
                name: name.clone(),
            })),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(StoreError::Io {
                verb: "lock",
                path,
                source: errno.into(),
            }),
        }
    }

    /// Writes what became of a VM. Readers see the old or the new state, never half of one.
    pub fn save_state(&self, lock: &ShimLock, state: &VmState) -> Result<(), StoreError> {
        let path = self.paths(&lock.name).state;
        let error = |source| StoreError::Io {
            verb: "write",
            path: path.clone(),
            source,
        };
        let json = serde_json::to_vec_pretty(state).map_err(|e| error(e.into()))?;
        // Not synced: after a crash of the host the boot id tells that the state is of another life.
        let temporary = path.with_extension("json.new");
        let mut file = private_file(&temporary).map_err(error)?;
        file.write_all(&json).map_err(error)?;
        fs::rename(&temporary, &path).map_err(error)
    }

    /// Removes a VM and all that is its own. The lock says that nobody looks after it.
    pub fn remove(&self, lock: ShimLock, run_dir: Option<&Path>) -> Result<(), StoreError> {
        let dir = self.paths(&lock.name).dir;
        // First out of sight, in one step; then at leisure.
        let gone = self
            .vms_dir()
            .join(format!(".gone-{}-{}", lock.name, std::process::id()));
        fs::rename(&dir, &gone).map_err(|source| StoreError::Io {
            verb: "remove",
            path: dir,
            source,
        })?;
        drop(lock);
        if let Some(run_dir) = run_dir {
            let _ = fs::remove_dir_all(run_dir);
        }
        fs::remove_dir_all(&gone).map_err(|source| StoreError::Io {
            verb: "remove",
            path: gone,
            source,
        })
    }

    /// Makes the directory for a VM's sockets: 0700, ours, and short enough for their addresses.
    pub fn run_dir(&self, id: &str) -> Result<PathBuf, StoreError> {
        let dir = self.run_dir_path(id);
        private_dir(&dir)?;
        check_private(&dir)?;
        Ok(dir)
    }

    /// Where the sockets of the VM with this id are, or would be.
    pub fn run_dir_path(&self, id: &str) -> PathBuf {
        let near = self.root.join("run").join(id);
        if near.as_os_str().len() + "/serial.sock".len() <= LONGEST_SOCKET_PATH {
            return near;
        }
        let user = nix::unistd::Uid::current();
        std::env::temp_dir()
            .join(format!("smolvm-tui-{user}"))
            .join(id)
    }

    /// Adds a boot to the history.
    pub fn append_boot(&self, record: &BootRecord) -> Result<(), StoreError> {
        let path = self.boots_file();
        let error = |source| StoreError::Io {
            verb: "write",
            path: path.clone(),
            source,
        };
        let mut line = serde_json::to_vec(record).map_err(|e| error(e.into()))?;
        line.push(b'\n');
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(error)?;
        // One write: O_APPEND keeps the lines of several shims apart.
        file.write_all(&line).map_err(error)
    }

    /// The boots of the VM with this id, oldest first. Lines that cannot be read are passed over.
    pub fn boots(&self, vm_id: &str) -> Result<Vec<BootRecord>, StoreError> {
        let mut boots = self.all_boots()?;
        boots.retain(|boot| boot.vm_id == vm_id);
        Ok(boots)
    }

    /// The boots of all VMs, oldest first. Lines that cannot be read are passed over.
    pub fn all_boots(&self) -> Result<Vec<BootRecord>, StoreError> {
        let path = self.boots_file();
        match fs::read(&path) {
            Ok(bytes) => Ok(bytes
                .split(|&byte| byte == b'\n')
                .filter_map(|line| serde_json::from_slice(line).ok())
                .collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(StoreError::Io {
                verb: "read",
                path,
                source,
            }),
        }
    }
}

/// `Ok(None)` when there is no file; `Err` is the sentence for the VM's row.
fn read_state(path: &Path) -> Result<Option<VmState>, String> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("could not read `{}`: {error}", path.display())),
    };
    let torn = |error: serde_json::Error| format!("`{}` is torn: {error}", path.display());
    let Versioned { version } = serde_json::from_slice(&bytes).map_err(torn)?;
    if version > STATE_VERSION {
        return Err(format!(
            "the state has version {version}, this program reads up to {STATE_VERSION}"
        ));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(torn)
}

/// Holds a state that says *live* against the processes that really live.
fn reconcile(vm: &mut Vm, host_boot: &str) {
    let same_boot = vm.state.host_boot == host_boot;
    let lives = |process: Option<super::ProcessId>| {
        same_boot && process.is_some_and(super::ProcessId::is_alive)
    };
    vm.has_shim = lives(vm.state.shim);
    if vm.has_shim || lives(vm.state.vmm) {
        return;
    }
    let exit = if !same_boot {
        unseen(
            ExitReason::HostReboot,
            "the host was rebooted while the VM ran",
        )
    } else if vm.state.phase == Phase::Starting {
        unseen(
            ExitReason::StartInterrupted,
            "the shim died while it was starting the VM",
        )
    } else {
        unseen(ExitReason::Unknown, "shim and VMM died unseen")
    };
    vm.phase = Phase::Crashed;
    vm.state.exit = Some(exit);
}

fn unseen(reason: ExitReason, detail: &str) -> Exit {
    Exit {
        reason,
        code: None,
        signal: None,
        at: None,
        detail: Some(detail.to_owned()),
    }
}

/// Makes `dir` and its parents, the new ones readable by their owner only.
fn private_dir(dir: &Path) -> Result<(), StoreError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|source| StoreError::Io {
            verb: "create",
            path: dir.to_owned(),
            source,
        })
}

/// Refuses a directory that another user owns or can write to, or that is a link.
fn check_private(dir: &Path) -> Result<(), StoreError> {
    let unsafe_because = |path: &Path, why| {
        Err(StoreError::UnsafeDirectory {
            path: path.to_owned(),
            why,
        })
    };
    for path in [dir.parent().unwrap_or(dir), dir] {
        let meta = fs::symlink_metadata(path).map_err(|source| StoreError::Io {
            verb: "inspect",
            path: path.to_owned(),
            source,
        })?;
        if !meta.is_dir() {
            return unsafe_because(path, "it is no directory");
        }
        if meta.uid() != nix::unistd::Uid::current().as_raw() {
            return unsafe_because(path, "another user owns it");
        }
        if meta.permissions().mode() & 0o022 != 0 {
            return unsafe_because(path, "others can write to it");
        }
    }
    Ok(())
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Writes a file so that it is whole or absent, also after a crash of the host.
fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let error = |source| StoreError::Io {
        verb: "write",
        path: path.to_owned(),
        source,
    };
    let temporary = path.with_extension("new");
    let mut file = private_file(&temporary).map_err(error)?;
    file.write_all(bytes).map_err(error)?;
    file.sync_all().map_err(error)?;
    fs::rename(&temporary, path).map_err(error)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
