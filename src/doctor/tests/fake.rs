//! A host that is not at hand.

use super::*;

/// A host that is not at hand. [`FakeHost::sound`] passes every check; tests take away from it.
#[derive(Clone)]
pub(super) struct FakeHost {
    pub(super) kernel: Kernel,
    pub(super) user: u32,
    pub(super) runnable: Runnable,
    pub(super) kvm: kvm::Verdict,
    pub(super) lap: Option<std::time::Duration>,
    pub(super) hvf: Result<(), String>,
    pub(super) programs: BTreeMap<String, Result<PathBuf, String>>,
    /// Answers by program and arguments, as on a command line.
    pub(super) answers: BTreeMap<String, Result<String, String>>,
    pub(super) entries: BTreeMap<PathBuf, Entry>,
    pub(super) lists: BTreeMap<PathBuf, Vec<String>>,
    pub(super) files: BTreeMap<PathBuf, String>,
    pub(super) head: Vec<u8>,
    /// Devices that open; what opening gives else.
    pub(super) devices: BTreeSet<PathBuf>,
    pub(super) closed: io::ErrorKind,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) terminal: Option<(u16, u16)>,
    pub(super) open_files: Option<u64>,
    pub(super) privilege: Privilege,
    /// Whether sudo's rules permit what a TAP network takes.
    pub(super) rules: bool,
    pub(super) tap: Result<(), String>,
    pub(super) left: Result<Vec<Leftover>, String>,
    pub(super) script: Option<PathBuf>,
    pub(super) vms: Result<Vec<KnownVm>, String>,
    pub(super) read_only: BTreeSet<PathBuf>,
    pub(super) free_disk: Option<u64>,
    pub(super) memory: Option<HostMemory>,
    pub(super) images: Vec<ImageState>,
    /// A file system whose server is gone: asking for room there never comes back.
    pub(super) is_hung: bool,
    /// A probe that breaks.
    pub(super) breaks: bool,
}

impl FakeHost {
    pub(super) fn sound() -> Self {
        let ours = Entry {
            is_directory: true,
            owner: ANN,
            group: ANN,
            mode: 0o700,
        };
        let device = Entry {
            is_directory: false,
            owner: 0,
            group: KVM_GROUP,
            mode: 0o660,
        };
        let directories = ["/", "/home", "/home/ann", ROOT, RUN];
        let mut entries: BTreeMap<PathBuf, Entry> = directories
            .into_iter()
            .map(|path| (path.into(), ours))
            .collect();
        entries.insert("/dev/kvm".into(), device);
        let mut host = Self {
            kernel: Kernel {
                system: "Linux".to_owned(),
                release: "6.12.1".to_owned(),
                arch: "x86_64".to_owned(),
            },
            user: ANN,
            runnable: Runnable {
                firecracker: Ok(()),
                qemu: Ok(()),
            },
            kvm: kvm::Verdict::Works,
            lap: None,
            hvf: Err("Hypervisor.framework belongs to macOS".to_owned()),
            programs: BTreeMap::new(),
            answers: BTreeMap::new(),
            entries,
            lists: BTreeMap::new(),
            files: BTreeMap::new(),
            head: b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0".to_vec(),
            devices: ["/dev/net/tun", "/dev/vhost-vsock"].map(Into::into).into(),
            closed: io::ErrorKind::NotFound,
            variables: BTreeMap::new(),
            terminal: Some((120, 40)),
            open_files: Some(1024),
            privilege: Privilege::Sudo,
            rules: true,
            tap: Ok(()),
            left: Ok(Vec::new()),
            script: Some("/opt/tree/scripts/system-setup.sh".into()),
            vms: Ok(Vec::new()),
            read_only: BTreeSet::new(),
            free_disk: Some(75 * GIB),
            memory: Some(HostMemory {
                total: 16 * GIB,
                available: 8 * GIB,
            }),
            images: vec![("tiny".to_owned(), Ok(12 << 20))],
            is_hung: false,
            breaks: false,
        };
        for name in
            "firecracker ip nft sysctl sudo ssh qemu-img apt-get qemu-system-x86_64".split(' ')
        {
            host.install(name);
        }
        let firecracker = "Firecracker v1.14.1\n\nSupported…\n";
        host.answer("firecracker --version", firecracker);
        let qemu = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright (c)…\n";
        host.answer("qemu-system-x86_64 --version", qemu);
        let accelerators = "Accelerators supported in QEMU binary:\ntcg\nkvm\n";
        host.answer(ACCEL_HELP, accelerators);
        host.answer(SANDBOXED, accelerators);
        for command in [
            "true",
            "/usr/bin/nft list tables",
            "/usr/bin/nft list chains",
        ] {
            host.answer(&format!("sudo -n {command}"), "");
        }
        host.tell();
        host.holds("/sys/module", &["kvm", "kvm_intel"]);
        host.holds("/sys/class/net", &["eth0", "lo"]);
        for (name, value) in [
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("LANG", "en_US.UTF-8"),
            ("TERM_PROGRAM", "WezTerm"),
        ] {
            host.set(name, value);
        }
        host
    }

    /// Writes what the kernel tells of itself.
    fn tell(&mut self) {
        for (path, text) in [
            (
                "/proc/cpuinfo",
                "model name\t: x\nflags\t\t: fpu vmx cx16 popcnt ssse3 sse4_1 sse4_2\n",
            ),
            (
                "/proc/sys/kernel/seccomp/actions_avail",
                "kill_process trap errno log allow\n",
            ),
            (
                "/sys/devices/system/clocksource/clocksource0/current_clocksource",
                "tsc\n",
            ),
            ("/proc/sys/net/ipv4/ip_forward", "1\n"),
            (
                "/proc/net/route",
                "Iface\tDestination…\neth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\n",
            ),
            ("/proc/meminfo", "MemTotal: 1 kB\nSwapTotal:       0 kB\n"),
            (
                "/etc/fstab",
                "/dev/sda1 / ext4 defaults 0 1\n#/dev/sda2 none swap sw 0 0\n",
            ),
            ("/sys/kernel/mm/ksm/run", "0\n"),
            (
                "/sys/kernel/mm/transparent_hugepage/enabled",
                "always madvise [never]\n",
            ),
            ("/sys/module/kvm/parameters/nx_huge_pages", "Y\n"),
            (
                "/sys/devices/system/cpu/vulnerabilities/itlb_multihit",
                "KVM: Mitigation: Split huge pages\n",
            ),
        ] {
            self.write(path, text);
        }
    }

    pub(super) fn mac() -> Self {
        let mut host = Self::sound();
        host.kernel.system = "Darwin".to_owned();
        host.kernel.arch = "arm64".to_owned();
        host.programs.clear();
        for name in ["brew", "qemu-img", "qemu-system-aarch64"] {
            host.install(name);
        }
        host.kvm = kvm::Verdict::Absent;
        host.hvf = Ok(());
        host.runnable.firecracker = Err("it belongs to Linux".to_owned());
        let version = "QEMU emulator version 10.1.0\n";
        host.answer("qemu-system-aarch64 --version", version);
        let accelerators = "Accelerators supported in QEMU binary:\nhvf\ntcg\n";
        host.answer("qemu-system-aarch64 -accel help", accelerators);
        host
    }

    pub(super) fn install(&mut self, name: &str) {
        let path = Path::new("/usr/bin").join(name);
        self.programs.insert(name.to_owned(), Ok(path));
    }

    pub(super) fn uninstall(&mut self, names: &str) {
        for name in names.split(' ') {
            assert!(self.programs.remove(name).is_some(), "{name}");
        }
    }

    pub(super) fn answer(&mut self, command: &str, answer: &str) {
        self.answers
            .insert(command.to_owned(), Ok(answer.to_owned()));
    }

    /// Has every command fail that begins so.
    pub(super) fn refuse(&mut self, start: &str) {
        let before = self.answers.len();
        self.answers
            .retain(|command, _| !command.starts_with(start));
        assert!(self.answers.len() < before, "nothing begins with {start}");
    }

    pub(super) fn write(&mut self, path: &str, text: &str) {
        self.files.insert(path.into(), text.to_owned());
    }

    pub(super) fn remove(&mut self, path: &str) {
        assert!(self.files.remove(Path::new(path)).is_some(), "{path}");
    }

    pub(super) fn holds(&mut self, path: &str, names: &[&str]) {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.lists.insert(path.into(), names);
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn unset(&mut self, name: &str) {
        assert!(self.variables.remove(name).is_some(), "{name}");
    }

    pub(super) fn owns_vm(&mut self, id: &str, is_live: bool) {
        let id = id.to_owned();
        self.vms.as_mut().unwrap().push(KnownVm { id, is_live });
    }

    pub(super) fn entry_mut(&mut self, path: &str) -> &mut Entry {
        self.entries.get_mut(Path::new(path)).unwrap()
    }

    pub(super) fn without(mut self, names: &str) -> Self {
        self.uninstall(names);
        self
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Host for FakeHost {
    fn kernel(&self) -> Kernel {
        self.kernel.clone()
    }

    fn user(&self) -> u32 {
        self.user
    }

    fn runnable(&self, _kvm: &dyn Fn() -> kvm::Verdict) -> Runnable {
        self.runnable.clone()
    }

    fn kvm(&self) -> kvm::Probe {
        assert!(!self.breaks, "an instruction nobody knows");
        kvm::Probe {
            verdict: self.kvm.clone(),
            lap: self.lap,
        }
    }

    fn hvf(&self) -> Result<(), String> {
        self.hvf.clone()
    }

    fn program(&self, name: &str) -> Result<PathBuf, String> {
        let missing = || Err(format!("`{name}` is not in PATH"));
        self.programs.get(name).cloned().unwrap_or_else(missing)
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Result<String, String> {
        let name = program.file_name().unwrap().to_str().unwrap();
        let command = format!("{name} {}", arguments.join(" "));
        let silent = || Err(format!("`{command}` failed (exit status: 1)"));
        self.answers.get(&command).cloned().unwrap_or_else(silent)
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        let entry = self.entries.get(path).copied();
        entry.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, path: &Path) -> Vec<String> {
        self.lists.get(path).cloned().unwrap_or_default()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let text = self.files.get(path).cloned();
        text.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn head(&self, _path: &Path) -> io::Result<Vec<u8>> {
        Ok(self.head.clone())
    }

    fn open(&self, path: &Path) -> io::Result<()> {
        let opens = self.devices.contains(path);
        opens.then_some(()).ok_or_else(|| self.closed.into())
    }

    fn group_name(&self, group: u32) -> Option<String> {
        (group == KVM_GROUP).then(|| "kvm".to_owned())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn terminal(&self) -> Option<(u16, u16)> {
        self.terminal
    }

    fn open_files(&self) -> Option<u64> {
        self.open_files
    }

    fn privilege(&self) -> Privilege {
        self.privilege
    }

    fn authority(&self, pool: Pool) -> Result<Privilege, String> {
        let may = self.privilege == Privilege::Own || self.programs.contains_key("sudo");
        let refused = || "`sudo -n` does not permit it".to_owned();
        (may && self.rules && pool == Pool::default())
            .then_some(self.privilege)
            .ok_or_else(refused)
    }

    fn tap_prerequisites(&self) -> Result<(), String> {
        self.program("ip")?;
        self.program("nft")?;
        self.tap.clone()
    }

    fn network_leftovers(&self, _store: &Store) -> Result<Vec<Leftover>, String> {
        self.left.clone()
    }

    fn set_up_script(&self) -> Option<PathBuf> {
        self.script.clone()
    }

    fn vms(&self, _store: &Store) -> Result<Vec<KnownVm>, String> {
        self.vms.clone()
    }

    fn may_write(&self, directory: &Path) -> bool {
        !self.read_only.contains(directory)
    }

    fn free_disk(&self, _path: &Path) -> io::Result<u64> {
        if self.is_hung {
            loop {
                std::thread::park();
            }
        }
        self.free_disk.ok_or_else(|| io::Error::other("no answer"))
    }

    fn memory(&self) -> Option<HostMemory> {
        self.memory
    }

    fn images(&self, _directory: &Path) -> Vec<ImageState> {
        self.images.clone()
    }
}
