//! VMs as they are found on disk, reconciled with the processes that really live.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::super::{
    BootPhase, Exit, ExitReason, Phase, ProcessId, STATE_VERSION, VmName, VmSpec, VmState, process,
};
use super::{Store, StoreError};
use crate::fault::Fault;

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

    /// How long its vCPUs have run while the guest said nothing on its serial line; `None` once it
    /// said something, and while it does not run. A VMM says *running* of a guest that gets nowhere.
    pub fn silent_for(&self, now: jiff::Timestamp) -> Option<Duration> {
        let boot = self.state.boot.as_ref()?;
        let said = self.state.heard || boot.phases.get(BootPhase::FirstByte).is_some();
        if self.phase != Phase::Running || said || self.state.ready {
            return None;
        }
        let started = Duration::from_micros(boot.phases.get(BootPhase::Started)?);
        let since = Duration::try_from(now.duration_since(boot.at)).ok()?;
        since.checked_sub(started)
    }

    /// How it ended, when its phase says that it did.
    pub fn exit(&self) -> Option<&Exit> {
        self.state.exit.as_ref().filter(|_| !self.phase.is_live())
    }
}

impl Store {
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
    let lives = |process: Option<ProcessId>| same_boot && process.is_some_and(ProcessId::is_alive);
    vm.has_shim = lives(vm.state.shim);
    if !vm.has_shim && vm.state.phase == Phase::Starting && vm.state.vmm.is_none() {
        // The shim died between the spawn of the VMM and the note of it.
        let record = vm
            .state
            .run_dir
            .as_deref()
            .map(|dir| dir.join(process::BIRTH_RECORD));
        vm.state.vmm = record.and_then(|path| ProcessId::of_birth_record(&path));
    }
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
        meaning: None,
        at: None,
        detail: Some(detail.to_owned()),
    }
}
