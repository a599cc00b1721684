//! VMs as they are found on disk, reconciled with the processes that really live.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::{
    BootPhase, Exit, ExitReason, Phase, ProcessId, STATE_VERSION, VmName, VmSpec, VmState, process,
};
use super::{Store, StoreError};
use crate::fault::{Fault, io_error};

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
    /// Whether its state is torn or gone though it has one: what `state` says is what could be found
    /// out without it.
    pub state_lost: bool,
    /// What is wrong with its files.
    pub problem: Option<Problem>,
}

impl Vm {
    /// Whether its VMM lives and nobody looks after it: the next client starts a shim that adopts it.
    pub fn is_orphan(&self) -> bool {
        self.phase.is_live() && !self.has_shim
    }

    /// Whether its shim has to write its state anew.
    pub fn is_unwritten(&self) -> bool {
        self.state_lost && self.has_shim
    }

    /// Whether somebody has to see to its shim: it lost it, or its state.
    pub fn wants_care(&self) -> bool {
        self.is_orphan() || self.is_unwritten()
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
            Err(source) => return Err(io_error("list", dir)(source).into()),
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
        Ok(self.read(self.names()?))
    }

    /// These VMs as they are now.
    pub fn read(&self, names: Vec<VmName>) -> Vec<Vm> {
        let host_boot = process::host_boot_id();
        let each = names.into_iter();
        each.map(|name| self.observe(name, &host_boot)).collect()
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
        let known = read_state(&paths.state);
        let found = match &known {
            Ok(Some(_)) => None,
            _ => spec.as_ref().and_then(|spec| self.found_alive(spec)),
        };
        let (state, torn) = match known {
            Ok(Some(state)) => (state, false),
            Ok(None) => (VmState::default(), false),
            Err(message) => {
                let way_out = match found {
                    Some(_) => format!("`smolvm-tui info {name}` has it written anew"),
                    None => format!("`smolvm-tui start {name}` begins anew"),
                };
                note(message, Some(way_out));
                (VmState::default(), true)
            }
        };
        let mut vm = Vm {
            phase: state.phase,
            has_shim: false,
            state_lost: torn || found.is_some(),
            name,
            spec,
            state,
            problem,
        };
        if let Some((vmm, run_dir)) = found {
            vm.phase = Phase::Running;
            vm.state = VmState {
                phase: Phase::Running,
                backend: vm.spec.as_ref().map(|spec| spec.backend),
                vmm: Some(vmm),
                shim: self.holder(&vm.name),
                host_boot: host_boot.to_owned(),
                run_dir: Some(run_dir),
                ..VmState::default()
            };
            vm.has_shim = vm.state.shim.is_some();
        } else if torn {
            vm.phase = Phase::Crashed;
            vm.state.exit = Some(unseen(ExitReason::Unknown, "state.json cannot be read"));
        } else if vm.phase.is_live() {
            reconcile(&mut vm, host_boot);
        }
        vm
    }

    /// The VMM of a VM whose state cannot be read, when it lives, by what it wrote itself; with the
    /// run directory in which that is.
    fn found_alive(&self, spec: &VmSpec) -> Option<(ProcessId, PathBuf)> {
        let run_dir = self.run_dir_path(&spec.id);
        let vmm = ProcessId::of_birth_record(&run_dir.join(process::BIRTH_RECORD))?;
        vmm.is_alive().then_some((vmm, run_dir))
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
