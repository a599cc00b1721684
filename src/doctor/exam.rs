//! What one check works with: the host, asked so that it is noted what was read and run, the case,
//! and what takes long to find out and is shared by all checks of a run.

use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::finding::Fix;
use super::host::{Entry, Host, Kernel, KnownVm};
use super::outcome::{advice, run};
use super::run::{Examination, Profile};
use crate::backends::kvm;
use crate::backends::packages::{Package, install_command};
use crate::backends::resolve::{Resolved, Runnable};
use crate::network::{Pool, Privilege};
use crate::vm::{Arch, BackendKind, Store};

/// What QEMU says of itself; the words are clauses that say why it says nothing.
#[derive(Clone, Debug)]
struct Abilities {
    accelerators: Result<Vec<String>, String>,
    sandbox: Result<(), String>,
}

/// How QEMU is shut in, as on our command lines.
const SANDBOX: &str = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

/// QEMU's list: a title, then one a line.
fn words(answer: &str) -> Vec<String> {
    let lines = answer.lines().map(str::trim);
    let words = lines.filter(|line| !line.is_empty() && !line.contains(' '));
    words.map(str::to_owned).collect()
}

/// What a run is about, and what its checks find out together.
pub(super) struct Case {
    pub(super) host: Box<dyn Host>,
    pub(super) store: Store,
    pub(super) backend: Resolved,
    /// The backends whose problems count.
    pub(super) judged: Vec<BackendKind>,
    /// Where VMs get their addresses from.
    pub(super) network_pool: Pool,
    /// Whether the hints for a worker node count.
    pub(super) is_worker: bool,
    pub(super) kernel: Kernel,
    /// What can run, as the choice between the backends sees it; known once that was looked at.
    pub(super) runnable: OnceLock<Runnable>,
    /// Whether QEMU can run here, but only by emulation; known once that was looked at.
    pub(super) is_emulated: OnceLock<bool>,
    kvm: OnceLock<kvm::Probe>,
    qemu: OnceLock<Result<PathBuf, String>>,
    abilities: OnceLock<Abilities>,
    tables: OnceLock<Result<String, String>>,
    vms: OnceLock<Result<Vec<KnownVm>, String>>,
    authority: OnceLock<Result<Privilege, String>>,
}

impl Case {
    pub(super) fn new(host: Box<dyn Host>, examination: &Examination) -> Self {
        let backend = examination.backend.clone();
        Self {
            kernel: host.kernel(),
            host,
            store: examination.store.clone(),
            judged: if examination.all {
                BackendKind::ALL.to_vec()
            } else {
                vec![backend.backend]
            },
            backend,
            network_pool: examination.network_pool,
            is_worker: examination.profile == Profile::Worker,
            runnable: OnceLock::new(),
            is_emulated: OnceLock::new(),
            kvm: OnceLock::new(),
            qemu: OnceLock::new(),
            abilities: OnceLock::new(),
            tables: OnceLock::new(),
            vms: OnceLock::new(),
            authority: OnceLock::new(),
        }
    }
}

/// One check at work. Checks run at once, so what several of them need is found by the first that
/// asks while the others wait for it.
pub(super) struct Exam {
    pub(super) case: Arc<Case>,
    seen: RefCell<Vec<String>>,
}

impl Exam {
    pub(super) fn new(case: Arc<Case>) -> Self {
        Self {
            case,
            seen: RefCell::default(),
        }
    }

    /// What was read and run so far.
    pub(super) fn evidence(&self) -> String {
        self.seen.borrow().join("; ")
    }

    /// Notes something that is worth to be known as evidence.
    pub(super) fn note(&self, seen: String) {
        let mut all = self.seen.borrow_mut();
        if !all.contains(&seen) {
            all.push(seen);
        }
    }

    pub(super) fn host(&self) -> &dyn Host {
        &*self.case.host
    }

    pub(super) fn system(&self) -> &str {
        &self.case.kernel.system
    }

    pub(super) fn arch(&self) -> &str {
        &self.case.kernel.arch
    }

    pub(super) fn is_root(&self) -> bool {
        self.host().user() == 0
    }

    pub(super) fn runnable(&self) -> &Runnable {
        self.note("looked for what each backend cannot do without".to_owned());
        // The probe is not run twice.
        let look = || self.host().runnable(&|| self.kvm().clone());
        self.case.runnable.get_or_init(look)
    }

    /// A small text file, as those of `/proc` and `/sys` are.
    pub(super) fn read(&self, path: &str) -> io::Result<String> {
        self.note(format!("read {path}"));
        self.host().read(Path::new(path))
    }

    /// The same as one value.
    pub(super) fn value(&self, path: &str) -> io::Result<String> {
        self.read(path).map(|text| text.trim().to_owned())
    }

    /// The names in a directory; none when it is not there.
    pub(super) fn list(&self, path: &Path) -> Vec<String> {
        self.note(format!("listed {}", path.display()));
        self.host().list(path)
    }

    pub(super) fn entry(&self, path: &Path) -> io::Result<Entry> {
        self.note(format!("looked at {}", path.display()));
        self.host().entry(path)
    }

    /// Opens a device for reading and writing, and closes it again.
    pub(super) fn open(&self, path: &str) -> io::Result<()> {
        self.note(format!("opened {path}"));
        self.host().open(Path::new(path))
    }

    pub(super) fn program(&self, name: &str) -> Result<PathBuf, String> {
        self.note(format!("looked for {name} in PATH"));
        self.host().program(name)
    }

    pub(super) fn output(&self, program: &Path, arguments: &[&str]) -> Result<String, String> {
        self.note(format!("ran {} {}", program.display(), arguments.join(" ")));
        self.host().run(program, arguments)
    }

    /// How commands that change the network are run from here.
    pub(super) fn privilege(&self) -> Privilege {
        self.note("read /proc/self/status".to_owned());
        self.host().privilege()
    }

    /// Whether the commands of a TAP network may be run, and how, or why not.
    pub(super) fn authority(&self) -> Result<Privilege, &str> {
        if self.privilege() == Privilege::Sudo {
            self.note("asked sudo -n -l for each command that makes a TAP network".to_owned());
        }
        let ask = || self.host().authority(self.case.network_pool);
        let authority = self.case.authority.get_or_init(ask);
        authority.as_ref().copied().map_err(String::as_str)
    }

    /// Whether a VM could be given a TAP device, and how, or why not.
    pub(super) fn tap_permission(&self) -> Result<Privilege, String> {
        self.host().tap_prerequisites()?;
        self.authority().map_err(str::to_owned)
    }

    /// Runs a program of the network with the privileges that it needs: by itself, or by `sudo -n`.
    pub(super) fn output_as_administrator(
        &self,
        program: &Path,
        arguments: &[&str],
    ) -> Result<String, String> {
        if self.privilege() == Privilege::Own {
            return self.output(program, arguments);
        }
        let sudo = self.host().program("sudo")?;
        let program = program.to_string_lossy();
        self.output(&sudo, &[&["-n", &program], arguments].concat())
    }

    pub(super) fn kvm(&self) -> &kvm::Verdict {
        let probe = self.case.kvm.get_or_init(|| self.host().kvm());
        let measured = probe.measured().map(|words| format!(": {words}"));
        self.note(if self.arch() == "x86_64" {
            let measured = measured.unwrap_or_default();
            format!("ran a guest of a few instructions on /dev/kvm{measured}")
        } else {
            "made a VM and a vCPU on /dev/kvm".to_owned()
        });
        &probe.verdict
    }

    /// The name of QEMU's program for guests of this host's own architecture.
    pub(super) fn qemu_name(&self) -> String {
        // macOS calls it `arm64`, QEMU as everybody else.
        let arch = if self.arch() == "arm64" {
            "aarch64"
        } else {
            self.arch()
        };
        format!("qemu-system-{arch}")
    }

    pub(super) fn qemu(&self) -> Result<&Path, &str> {
        let name = self.qemu_name();
        self.note(format!("looked for {name} in QEMU_BIN and PATH"));
        let qemu = &self.case.qemu;
        qemu.get_or_init(|| self.host().program(&name))
            .as_deref()
            .map_err(String::as_str)
    }

    /// The accelerators that this QEMU was built with.
    pub(super) fn accelerators(&self) -> Result<&[String], &str> {
        let abilities = self.abilities()?;
        let known = abilities.accelerators.as_deref();
        known.map_err(String::as_str)
    }

    /// Whether this QEMU filters its own system calls.
    pub(super) fn sandbox(&self) -> Result<(), &str> {
        let abilities = self.abilities()?;
        abilities.sandbox.as_ref().map_err(String::as_str).copied()
    }

    /// Asks for both at once, since each start of QEMU takes its time.
    fn abilities(&self) -> Result<&Abilities, &str> {
        let program = self.qemu()?;
        let help = ["-accel", "help"];
        let both = [&["-sandbox", SANDBOX], &help[..]].concat();
        let shown = program.display();
        self.note(format!("ran {shown} {}", both.join(" ")));
        let ask = || match self.host().run(program, &both) {
            Ok(answer) => Abilities {
                accelerators: Ok(words(&answer)),
                sandbox: Ok(()),
            },
            Err(why) => Abilities {
                accelerators: self.host().run(program, &help).map(|answer| words(&answer)),
                sandbox: Err(why),
            },
        };
        Ok(self.case.abilities.get_or_init(ask))
    }

    /// What `nft list tables` says, run as root.
    pub(super) fn tables(&self) -> Result<&str, &str> {
        self.note("ran nft list tables".to_owned());
        let ask = || {
            let nft = self.host().program("nft")?;
            Exam::new(Arc::clone(&self.case)).output_as_administrator(&nft, &["list", "tables"])
        };
        let tables = &self.case.tables;
        tables.get_or_init(ask).as_deref().map_err(String::as_str)
    }

    /// The VMs of the store, or why it is not known which there are.
    pub(super) fn vms(&self) -> Result<&[KnownVm], &str> {
        let directory = self.case.store.vms_dir();
        self.note(format!("listed {}", directory.display()));
        let vms = &self.case.vms;
        vms.get_or_init(|| self.host().vms(&self.case.store))
            .as_deref()
            .map_err(String::as_str)
    }

    /// A command that needs root, as this user runs it.
    pub(super) fn as_root(&self, command: &str) -> Fix {
        run(self.with_sudo(command))
    }

    pub(super) fn with_sudo(&self, command: &str) -> String {
        let sudo = if self.is_root() { "" } else { "sudo " };
        format!("{sudo}{command}")
    }

    /// A command that changes the network, as this user runs it.
    pub(super) fn as_administrator(&self, command: &str) -> Fix {
        run(self.by_administrator(command))
    }

    pub(super) fn by_administrator(&self, command: &str) -> String {
        match self.host().privilege() {
            Privilege::Own => command.to_owned(),
            Privilege::Sudo => self.with_sudo(command),
        }
    }

    /// What installs packages here: a command where the package manager is known.
    pub(super) fn install(&self, packages: &[Package]) -> Fix {
        let text = install_command(packages, |name| self.host().program(name).is_ok());
        // A sentence begins with its verb, a command with a program.
        if text.starts_with("install ") {
            return advice(text);
        }
        run(text)
    }

    /// QEMU's packages for this host's own architecture.
    pub(super) fn install_qemu(&self) -> Fix {
        let arch = if self.arch() == "x86_64" {
            Arch::X86_64
        } else {
            Arch::Aarch64
        };
        self.install(&[Package::Qemu(arch), Package::QemuImg])
    }
}
