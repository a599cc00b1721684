use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::host::{Entry, ImageState, Kernel};
use super::*;
use crate::backends::kvm::Verdict;
use crate::backends::resolve::Runnable;
use crate::sampler::HostMemory;
use crate::vm::BackendKind;

const ROOT: &str = "/home/ann/.local/state/smolvm-tui";
const RUN: &str = "/home/ann/.local/state/smolvm-tui/run";
const ANN: u32 = 1000;
const GIB: u64 = 1 << 30;

/// A host that is not at hand. [`FakeHost::sound`] passes every check; tests take away from it.
struct FakeHost {
    kernel: Kernel,
    user: u32,
    runnable: Runnable,
    kvm: Verdict,
    hvf: Result<(), String>,
    programs: BTreeMap<String, Result<PathBuf, String>>,
    /// Answers by program and arguments, as on a command line.
    answers: BTreeMap<String, Result<String, String>>,
    entries: BTreeMap<PathBuf, Entry>,
    read_only: BTreeSet<PathBuf>,
    free_disk: Option<u64>,
    memory: Option<HostMemory>,
    images: Vec<ImageState>,
}

impl FakeHost {
    fn sound() -> Self {
        let entry = Entry {
            is_directory: true,
            owner: ANN,
            mode: 0o700,
        };
        let programs = [
            "firecracker",
            "ip",
            "nft",
            "sysctl",
            "sudo",
            "qemu-img",
            "apt-get",
        ];
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
            kvm: Verdict::Works,
            hvf: Err("Hypervisor.framework belongs to macOS".to_owned()),
            programs: BTreeMap::new(),
            answers: BTreeMap::new(),
            entries: ["/", "/home", "/home/ann", ROOT, RUN]
                .into_iter()
                .map(|path| (path.into(), entry))
                .collect(),
            read_only: BTreeSet::new(),
            free_disk: Some(75 * GIB),
            memory: Some(HostMemory {
                total: 16 * GIB,
                available: 8 * GIB,
            }),
            images: vec![("tiny".to_owned(), Ok(12 << 20))],
        };
        for name in programs {
            host.install(name);
        }
        host.install("qemu-system-x86_64");
        host.answer(
            "firecracker --version",
            "Firecracker v1.14.1\n\nSupported…\n",
        );
        host.answer(
            "qemu-system-x86_64 --version",
            "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright (c)…\n",
        );
        host.answer(
            "qemu-system-x86_64 -accel help",
            "Accelerators supported in QEMU binary:\ntcg\nkvm\n",
        );
        for command in [
            "true",
            "/usr/bin/ip link show",
            "/usr/bin/nft list tables",
            "/usr/bin/sysctl net.ipv4.ip_forward",
        ] {
            host.answer(&format!("sudo -n {command}"), "");
        }
        host
    }

    fn mac() -> Self {
        let mut host = Self::sound();
        host.kernel.system = "Darwin".to_owned();
        host.kernel.arch = "arm64".to_owned();
        host.programs.clear();
        for name in ["brew", "qemu-img", "qemu-system-aarch64"] {
            host.install(name);
        }
        host.kvm = Verdict::Absent;
        host.hvf = Ok(());
        host.answer(
            "qemu-system-aarch64 --version",
            "QEMU emulator version 10.1.0\n",
        );
        host.answer(
            "qemu-system-aarch64 -accel help",
            "Accelerators supported in QEMU binary:\nhvf\ntcg\n",
        );
        host
    }

    fn install(&mut self, name: &str) {
        self.programs
            .insert(name.to_owned(), Ok(Path::new("/usr/bin").join(name)));
    }

    fn without(mut self, names: &[&str]) -> Self {
        self.programs
            .retain(|name, _| !names.contains(&name.as_str()));
        self
    }

    fn answer(&mut self, command: &str, answer: &str) {
        self.answers
            .insert(command.to_owned(), Ok(answer.to_owned()));
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
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

    fn runnable(&self) -> Runnable {
        self.runnable.clone()
    }

    fn kvm(&self) -> Verdict {
        self.kvm.clone()
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
        self.entries
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn may_write(&self, directory: &Path) -> bool {
        !self.read_only.contains(directory)
    }

    fn free_disk(&self, _path: &Path) -> io::Result<u64> {
        self.free_disk.ok_or_else(|| io::Error::other("no answer"))
    }

    fn memory(&self) -> Option<HostMemory> {
        self.memory
    }

    fn images(&self, _directory: &Path) -> Vec<ImageState> {
        self.images.clone()
    }
}

use BackendKind::{Firecracker, Qemu};
use Status::{Fail, Pass, Skip, Warn};

fn examination(backend: BackendKind) -> Examination {
    Examination {
        store: Store::locate(Some(Path::new(ROOT))).unwrap(),
        backend: Resolved {
            requested: backend.to_string(),
            backend,
            reason: "--backend says so".to_owned(),
        },
        strict: false,
    }
}

fn report(host: &FakeHost, backend: BackendKind) -> Report {
    examine_host(&examination(backend), host, None)
}

/// The finding of one check.
fn finding(host: &FakeHost, backend: BackendKind, name: &str) -> Finding {
    let report = report(host, backend);
    let found = report
        .checks
        .into_iter()
        .find(|finding| finding.name == name);
    found.unwrap_or_else(|| panic!("no check is named {name}"))
}

/// Asserts how a check comes out; `words` are in its detail or its fix.
#[track_caller]
fn expect(host: &FakeHost, backend: BackendKind, name: &str, status: Status, words: &str) {
    let found = finding(host, backend, name);
    assert_eq!(found.status, status, "{found:?}");
    let said = format!(
        "{}\n{}",
        found.detail,
        found.fix.as_deref().unwrap_or_default()
    );
    assert!(said.contains(words), "{found:?} does not say {words}");
    let is_problem = matches!(status, Warn | Fail);
    assert_eq!(found.fix.is_some(), is_problem, "{found:?}");
}

#[test]
fn a_sound_host_passes_every_check_with_either_backend() {
    for backend in [Firecracker, Qemu] {
        let report = report(&FakeHost::sound(), backend);
        for found in &report.checks {
            let is_not_for_qemu = found.name == "network-permissions" && backend == Qemu;
            let expected = if is_not_for_qemu { Skip } else { Pass };
            assert_eq!(found.status, expected, "{backend}: {found:?}");
            assert!(found.fix.is_none() && !found.detail.is_empty());
        }
        assert_eq!(report.verdict(), (Pass, "ready"));
        assert!(report.summary.ok);
    }
}

#[test]
fn a_mac_is_asked_nothing_that_is_about_linux() {
    let report = report(&FakeHost::mac(), Qemu);
    let names: Vec<&str> = report
        .checks
        .iter()
        .map(|found| found.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "platform",
            "backend",
            "qemu",
            "qemu-version",
            "qemu-accel",
            "accelerator",
            "command:qemu-img",
            "run-directory",
            "disk-space",
            "memory",
            "images"
        ]
    );
    assert!(
        report.checks.iter().all(|found| found.status == Pass),
        "{report:?}"
    );
    assert_eq!(
        (report.system.as_str(), report.arch.as_str()),
        ("Darwin", "arm64")
    );
    expect(&FakeHost::mac(), Qemu, "accelerator", Pass, "hvf");
    let old = FakeHost::mac().with(|host| host.hvf = Err("this Mac does not".to_owned()));
    expect(
        &old,
        Qemu,
        "accelerator",
        Warn,
        "tcg: guests are emulated, this Mac does not",
    );
    let plain = FakeHost::mac().with(|host| {
        host.answer(
            "qemu-system-aarch64 -accel help",
            "Accelerators supported in QEMU binary:\ntcg\n",
        );
    });
    expect(
        &plain,
        Qemu,
        "qemu-accel",
        Warn,
        "hvf accelerator not reported by qemu",
    );
    let bare = FakeHost::mac().without(&["qemu-system-aarch64"]);
    expect(&bare, Qemu, "qemu", Fail, "brew install qemu");
}

#[test]
fn platforms_without_guests_fail() {
    let foreign = FakeHost::sound().with(|host| host.kernel.arch = "riscv64".to_owned());
    expect(&foreign, Qemu, "platform", Fail, "Linux 6.12.1 on riscv64");
    let foreign = FakeHost::sound().with(|host| host.kernel.system = "FreeBSD".to_owned());
    expect(&foreign, Qemu, "platform", Fail, "use Linux or macOS");
}

#[test]
fn a_backend_that_cannot_run_is_told_with_the_other_one() {
    let why = || Err("its backend is not part of this version".to_owned());
    let host = FakeHost::sound().with(|host| host.runnable.firecracker = why());
    expect(
        &host,
        Firecracker,
        "backend",
        Fail,
        "is not part of this version\nuse `--backend qemu`",
    );
    expect(&host, Qemu, "backend", Pass, "qemu: --backend says so");
    let host = host.with(|host| host.runnable.qemu = why());
    expect(&host, Qemu, "backend", Fail, "see the checks of qemu");
}

#[test]
fn kvm_that_cannot_be_used_fails_firecracker_and_slows_qemu_and_each_cause_has_its_own_fix() {
    let evidence = || "cmpxchg16b is refused".to_owned();
    let cases = [
        (
            Verdict::Absent,
            "there is no /dev/kvm\nswitch on virtualization",
        ),
        (
            Verdict::Denied {
                pending_group: false,
            },
            "sudo usermod -aG kvm $USER",
        ),
        (
            Verdict::Denied {
                pending_group: true,
            },
            "newgrp kvm",
        ),
        (Verdict::Occupied, "VirtualBox"),
        (
            Verdict::Emulates {
                evidence: evidence(),
            },
            "emulates kernel code: cmpxchg16b is refused",
        ),
        (
            Verdict::Broken {
                evidence: evidence(),
            },
            "does not work: cmpxchg16b is refused",
        ),
    ];
    for (verdict, words) in cases {
        let host = FakeHost::sound().with(|host| host.kvm = verdict);
        expect(&host, Firecracker, "kvm", Fail, words);
        expect(&host, Firecracker, "accelerator", Skip, "none but KVM");
        expect(&host, Qemu, "kvm", Warn, words);
        expect(&host, Qemu, "accelerator", Warn, "tcg: guests are emulated");
        assert_eq!(report(&host, Qemu).verdict(), (Warn, "ready, emulated"));
        assert_eq!(report(&host, Firecracker).verdict(), (Fail, "not ready"));
    }
}

#[test]
fn the_accelerator_is_what_both_host_and_qemu_can_do() {
    let help = "qemu-system-x86_64 -accel help";
    let title = "Accelerators supported in QEMU binary:\n";
    let host = FakeHost::sound().with(|host| host.answer(help, &format!("{title}tcg\n")));
    expect(
        &host,
        Qemu,
        "accelerator",
        Warn,
        "this QEMU was built without kvm",
    );
    expect(&host, Qemu, "qemu-accel", Pass, "tcg");
    let host = host.with(|host| host.answer(help, &format!("{title}xen\n")));
    expect(
        &host,
        Qemu,
        "accelerator",
        Fail,
        "can neither use kvm nor emulate",
    );
    let host = host.with(|host| host.answer(help, title));
    expect(&host, Qemu, "qemu-accel", Warn, "QEMU names no accelerator");
    let mute = FakeHost::sound().with(|host| drop(host.answers.remove(help)));
    expect(&mute, Qemu, "qemu-accel", Warn, "failed (exit status: 1)");
    expect(&mute, Qemu, "accelerator", Warn, "not known");
    let bare = FakeHost::sound().without(&["qemu-system-x86_64"]);
    expect(&bare, Qemu, "qemu-accel", Skip, "no QEMU");
    expect(&bare, Qemu, "accelerator", Skip, "no QEMU");
}

#[test]
fn firecracker_is_missed_only_where_it_was_chosen() {
    let host = FakeHost::sound().without(&["firecracker", "ip", "nft", "sudo"]);
    let setup = "./scripts/system-setup.sh --configure-runtime";
    expect(&host, Firecracker, "firecracker", Fail, setup);
    expect(
        &host,
        Firecracker,
        "firecracker-version",
        Skip,
        "no Firecracker",
    );
    expect(
        &host,
        Firecracker,
        "command:ip",
        Fail,
        "sudo apt-get install -y iproute2",
    );
    expect(
        &host,
        Firecracker,
        "command:nft",
        Fail,
        "Not found\nsudo apt-get install -y nftables",
    );
    expect(&host, Firecracker, "sudo", Warn, setup);
    expect(
        &host,
        Firecracker,
        "network-permissions",
        Fail,
        "'ip' command not found; 'nft' command not found; sudo sysctl missing",
    );
    for name in [
        "firecracker",
        "firecracker-version",
        "command:ip",
        "command:nft",
        "sudo",
        "network-permissions",
    ] {
        expect(&host, Qemu, name, Skip, "");
    }
    assert_eq!(report(&host, Qemu).verdict(), (Pass, "ready"));
}

#[test]
fn firecracker_is_found_with_path_and_version() {
    let host = FakeHost::sound();
    assert_eq!(
        finding(&host, Qemu, "firecracker").detail,
        "/usr/bin/firecracker"
    );
    assert_eq!(finding(&host, Qemu, "firecracker-version").detail, "1.14.1");
    let odd = FakeHost::sound().with(|host| host.answer("firecracker --version", "hello\n"));
    expect(
        &odd,
        Firecracker,
        "firecracker-version",
        Warn,
        "names no version",
    );
    expect(&odd, Qemu, "firecracker-version", Skip, "names no version");
    let mute = FakeHost::sound().with(|host| drop(host.answers.remove("firecracker --version")));
    expect(&mute, Qemu, "firecracker-version", Skip, "failed");
    expect(&mute, Firecracker, "firecracker-version", Fail, "failed");
    let named = FakeHost::sound().with(|host| {
        let why = "FIRECRACKER_BIN names `/x`, which is no program".to_owned();
        host.programs.insert("firecracker".to_owned(), Err(why));
    });
    expect(
        &named,
        Firecracker,
        "firecracker",
        Fail,
        "FIRECRACKER_BIN names `/x`",
    );
}

#[test]
fn sudo_that_asks_for_a_password_is_a_matter_of_firecracker_alone() {
    let asks = FakeHost::sound().with(|host| {
        host.answers
            .retain(|command, _| !command.starts_with("sudo"));
    });
    expect(&asks, Qemu, "sudo", Skip, "QEMU does without");
    expect(&asks, Firecracker, "sudo", Warn, "failed");
    expect(
        &asks,
        Firecracker,
        "network-permissions",
        Fail,
        "sudo ip missing; sudo nft missing; sudo sysctl missing",
    );
    let root = asks.with(|host| host.user = 0).without(&["sudo"]);
    expect(&root, Firecracker, "sudo", Pass, "not needed by root");
    expect(&root, Firecracker, "network-permissions", Pass, "");
}

#[test]
fn qemu_must_be_there_and_new_enough() {
    let bare = FakeHost::sound().without(&["qemu-system-x86_64"]);
    expect(
        &bare,
        Qemu,
        "qemu",
        Fail,
        "sudo apt-get install -y qemu-system-x86 qemu-utils",
    );
    expect(&bare, Qemu, "qemu-version", Skip, "no QEMU");
    expect(&bare, Firecracker, "qemu", Skip, "Firecracker does without");
    let elsewhere = bare.without(&["apt-get"]).with(|host| host.install("apk"));
    expect(
        &elsewhere,
        Qemu,
        "qemu",
        Fail,
        "sudo apk add qemu-system-x86_64 qemu-img",
    );
    let unknown = elsewhere.without(&["apk"]);
    expect(&unknown, Qemu, "qemu", Fail, "\ninstall qemu-system-x86");
    let host = FakeHost::sound();
    assert_eq!(
        finding(&host, Qemu, "qemu").detail,
        "qemu-system-x86_64 (/usr/bin/qemu-system-x86_64)"
    );
    let command = "qemu-system-x86_64 --version";
    let cases = [
        (
            "QEMU emulator version 5.2.0\n",
            Fail,
            "5.2.0 detected\nInstall QEMU 6.0 or newer",
        ),
        ("QEMU emulator version 6.0.0\n", Pass, "6.0.0"),
        (
            "QEMU emulator version 10.1.50 (v10.1.0-1-g0)\n",
            Pass,
            "10.1.50",
        ),
        ("", Warn, "could not parse"),
        ("all is well\n", Warn, "could not parse"),
    ];
    for (answer, status, words) in cases {
        let host = FakeHost::sound().with(|host| host.answer(command, answer));
        expect(&host, Qemu, "qemu-version", status, words);
    }
    let mute = FakeHost::sound().with(|host| drop(host.answers.remove(command)));
    expect(
        &mute,
        Qemu,
        "qemu-version",
        Warn,
        "could not probe QEMU version",
    );
}

#[test]
fn qemu_img_is_missed_as_much_as_the_choice_of_backend_misses_it() {
    let host = FakeHost::sound().without(&["qemu-img"]);
    expect(
        &host,
        Qemu,
        "command:qemu-img",
        Warn,
        "need it\nsudo apt-get install -y qemu-utils",
    );
    expect(
        &host,
        Firecracker,
        "command:qemu-img",
        Skip,
        "Firecracker does without",
    );
    let host = host.with(|host| host.runnable.qemu = Err("no qemu-img".to_owned()));
    expect(&host, Qemu, "command:qemu-img", Fail, "not in PATH");
}

#[test]
fn the_run_directory_must_be_ours_alone() {
    let entry = |change: fn(&mut Entry)| {
        FakeHost::sound().with(|host| change(host.entries.get_mut(Path::new(RUN)).unwrap()))
    };
    expect(
        &FakeHost::sound(),
        Qemu,
        "run-directory",
        Pass,
        "run`, mode 0700",
    );
    expect(
        &entry(|run| run.mode = 0o770),
        Qemu,
        "run-directory",
        Fail,
        "(mode 0770)\nchmod 700",
    );
    expect(
        &entry(|run| run.owner = 7),
        Qemu,
        "run-directory",
        Fail,
        "belongs to user 7",
    );
    expect(
        &entry(|run| run.is_directory = false),
        Qemu,
        "run-directory",
        Fail,
        "is no directory",
    );
    let fresh = FakeHost::sound().with(|host| {
        host.entries.remove(Path::new(RUN));
        host.entries.remove(Path::new(ROOT));
    });
    expect(&fresh, Qemu, "run-directory", Pass, "will be made");
    let locked = fresh.with(|host| host.read_only = ["/home/ann".into()].into());
    expect(
        &locked,
        Qemu,
        "run-directory",
        Fail,
        "nothing can be made in `/home/ann`",
    );
    let locked = FakeHost::sound().with(|host| host.read_only = [RUN.into()].into());
    expect(&locked, Qemu, "run-directory", Fail, "nothing can be made");
}

#[test]
fn sockets_that_have_to_go_elsewhere_are_told() {
    let deep = PathBuf::from("/home/ann").join("deep".repeat(30));
    let examination = Examination {
        store: Store::locate(Some(&deep)).unwrap(),
        ..examination(Qemu)
    };
    let report = examine_host(&examination, &FakeHost::sound(), None);
    let found = report
        .checks
        .iter()
        .find(|found| found.name == "run-directory")
        .unwrap();
    assert_eq!(found.status, Pass);
    assert!(found.detail.contains("too long for sockets"), "{found:?}");
}

#[test]
fn room_on_disk_and_in_memory_is_weighed() {
    let disk = |free| FakeHost::sound().with(|host| host.free_disk = free);
    expect(
        &disk(Some(75 * GIB + GIB / 2)),
        Qemu,
        "disk-space",
        Pass,
        "75.5 GiB free",
    );
    expect(
        &disk(Some(500 << 20)),
        Qemu,
        "disk-space",
        Warn,
        "500.0 MiB free",
    );
    expect(&disk(Some(1)), Qemu, "disk-space", Fail, "0.0 KiB free");
    expect(&disk(None), Qemu, "disk-space", Warn, "no answer");
    let memory = |available: Option<u64>| {
        let memory = available.map(|available| HostMemory {
            total: 4 * GIB,
            available,
        });
        FakeHost::sound().with(|host| host.memory = memory)
    };
    expect(
        &memory(Some(2 * GIB)),
        Qemu,
        "memory",
        Pass,
        "2.0 GiB of 4.0 GiB available",
    );
    expect(
        &memory(Some(200 << 20)),
        Qemu,
        "memory",
        Warn,
        "200.0 MiB of",
    );
    expect(&memory(Some(9 << 20)), Qemu, "memory", Fail, "--memory");
    expect(&memory(None), Qemu, "memory", Skip, "does not tell");
}

#[test]
fn images_are_there_and_whole() {
    let none = FakeHost::sound().with(|host| host.images.clear());
    expect(
        &none,
        Qemu,
        "images",
        Warn,
        "no guest image yet\nsmolvm-tui image build",
    );
    expect(&FakeHost::sound(), Qemu, "images", Pass, "tiny (12.0 MiB)");
    let torn = FakeHost::sound().with(|host| {
        host.images
            .push(("big".to_owned(), Err("vmlinuz is missing".to_owned())));
    });
    expect(
        &torn,
        Qemu,
        "images",
        Warn,
        "`big` is damaged: vmlinuz is missing",
    );
}

#[test]
fn warnings_count_only_under_strict() {
    let host = FakeHost::sound().with(|host| host.images.clear());
    for (strict, ok) in [(false, true), (true, false)] {
        let examination = Examination {
            strict,
            ..examination(Qemu)
        };
        let summary = examine_host(&examination, &host, None).summary;
        let expected = Summary {
            failures: 0,
            warnings: 1,
            ok,
            strict,
        };
        assert_eq!(summary, expected);
    }
}

#[test]
fn what_a_run_tells_on_the_way_is_what_it_returns() {
    let (sender, receiver) = mpsc::sync_channel(64);
    let report = examine_host(&examination(Qemu), &FakeHost::sound(), Some(&sender));
    drop(sender);
    let mut told: Vec<Progress> = receiver.iter().collect();
    assert_eq!(told.pop(), Some(Progress::Done(report.clone())));
    let names: Vec<String> = report
        .checks
        .iter()
        .map(|found| found.name.clone())
        .collect();
    assert_eq!(told.remove(0), Progress::Planned(names));
    assert_eq!(told.len(), report.checks.len());
    assert!(
        report
            .checks
            .iter()
            .all(|found| told.contains(&Progress::Found(found.clone())))
    );
}

#[test]
fn a_receiver_that_went_away_disturbs_nothing() {
    let (sender, receiver) = mpsc::sync_channel(0);
    drop(receiver);
    let report = examine_host(&examination(Qemu), &FakeHost::sound(), Some(&sender));
    assert!(report.summary.ok);
}

#[test]
fn a_check_that_breaks_is_a_finding_and_stops_no_other() {
    struct Breaks(FakeHost);
    impl Host for Breaks {
        fn kernel(&self) -> Kernel {
            self.0.kernel()
        }
        fn user(&self) -> u32 {
            self.0.user()
        }
        fn runnable(&self) -> Runnable {
            self.0.runnable()
        }
        fn kvm(&self) -> Verdict {
            panic!("an instruction nobody knows")
        }
        fn hvf(&self) -> Result<(), String> {
            self.0.hvf()
        }
        fn program(&self, name: &str) -> Result<PathBuf, String> {
            self.0.program(name)
        }
        fn run(&self, program: &Path, arguments: &[&str]) -> Result<String, String> {
            self.0.run(program, arguments)
        }
        fn entry(&self, path: &Path) -> io::Result<Entry> {
            self.0.entry(path)
        }
        fn may_write(&self, directory: &Path) -> bool {
            self.0.may_write(directory)
        }
        fn free_disk(&self, path: &Path) -> io::Result<u64> {
            self.0.free_disk(path)
        }
        fn memory(&self) -> Option<HostMemory> {
            self.0.memory()
        }
        fn images(&self, directory: &Path) -> Vec<ImageState> {
            self.0.images(directory)
        }
    }
    let report = examine_host(&examination(Qemu), &Breaks(FakeHost::sound()), None);
    let broken: Vec<&str> = report
        .checks
        .iter()
        .filter(|found| found.detail == "the check itself broke")
        .map(|found| found.name.as_str())
        .collect();
    assert_eq!(broken, ["kvm", "accelerator"]);
    assert_eq!(report.summary.warnings, 2);
}

#[test]
fn the_text_of_a_sound_firecracker_host_begins_as_everybody_knows_it() {
    let host = FakeHost::sound().with(|host| {
        let path = "/usr/local/bin/firecracker".into();
        host.programs.insert("firecracker".to_owned(), Ok(path));
    });
    assert_eq!(
        to_text(&report(&host, Firecracker)),
        "✅ Platform: linux\n\
         ✅ Backend: firecracker\n\
         ✅ KVM support: enabled\n\
         ✅ Firecracker binary: /usr/local/bin/firecracker\n\
         ✅ Network tools: ip, nft\n\
         ✅ Sudo access: configured\n\
         ✅ Firecracker version: 1.14.1\n\
         ✅ Network permissions: network commands and sudo policy are available\n\
         ✅ QEMU: qemu-system-x86_64 (/usr/bin/qemu-system-x86_64)\n\
         ✅ QEMU version: 7.2.22\n\
         ✅ QEMU's accelerators: tcg, kvm\n\
         ✅ Accelerator: kvm\n\
         ✅ Disk tool qemu-img: /usr/bin/qemu-img\n\
         ✅ Run directory: `/home/ann/.local/state/smolvm-tui/run`, mode 0700\n\
         ✅ Disk space: 75.0 GiB free for `/home/ann/.local/state/smolvm-tui`\n\
         ✅ Memory: 8.0 GiB of 16.0 GiB available\n\
         ✅ Guest images: tiny (12.0 MiB)\n\
         ✅ Result: ready\n"
    );
}

#[test]
fn the_text_of_an_emulating_host_names_each_way_out_and_leaves_out_what_does_not_apply() {
    let host = FakeHost::sound()
        .without(&["firecracker", "ip", "nft", "sudo"])
        .with(|host| host.kvm = Verdict::Absent);
    let mut examination = examination(Qemu);
    examination.backend.requested = "auto".to_owned();
    examination.backend.reason = "firecracker cannot run here: it is missing".to_owned();
    let fix = "   fix: switch on virtualization in the firmware, or nested virtualization for this \
               VM, then `sudo modprobe kvm_intel` or `sudo modprobe kvm_amd`\n";
    let text = to_text(&examine_host(&examination, &host, None));
    let expected = format!(
        "✅ Platform: linux\n\
         ✅ Backend: qemu\n\
         ⚠️  KVM support: there is no /dev/kvm\n{fix}\
         ✅ Choice of backend: auto, firecracker cannot run here: it is missing\n\
         ✅ QEMU: qemu-system-x86_64 (/usr/bin/qemu-system-x86_64)\n\
         ✅ QEMU version: 7.2.22\n\
         ✅ QEMU's accelerators: tcg, kvm\n\
         ⚠️  Accelerator: tcg: guests are emulated, there is no /dev/kvm\n{fix}"
    );
    assert!(text.starts_with(&expected), "{text}");
    assert!(
        text.ends_with("⚠️  Result: ready, emulated (2 warnings)\n"),
        "{text}"
    );
    examination.strict = true;
    let text = to_text(&examine_host(&examination, &host, None));
    let last = "❌ Result: ready, emulated (2 warnings); strict: warnings count as failures\n";
    assert!(text.ends_with(last), "{text}");
}

#[test]
fn missing_network_tools_are_one_line_of_text() {
    let host = FakeHost::sound().without(&["nft"]);
    let text = to_text(&report(&host, Firecracker));
    let line = "❌ Network tools: nft: Not found\n   fix: sudo apt-get install -y nftables\n";
    assert!(text.contains(line), "{text}");
    assert_eq!(text.matches("Network tools").count(), 1);
    assert!(
        text.ends_with("❌ Result: not ready (2 failures)\n"),
        "{text}"
    );
    let text = to_text(&report(&host, Qemu));
    assert!(text.contains("✅ Network tools: ip\n"), "{text}");
}

#[test]
fn what_a_terminal_would_obey_comes_out_nowhere() {
    let evil = "/tmp/\u{1b}]0;pwned\u{7}\n✅ Result: ready";
    let host = FakeHost::sound().with(|host| {
        host.programs.insert("ip".to_owned(), Ok(evil.into()));
        host.images = vec![(evil.to_owned(), Err(evil.to_owned()))];
        host.answer(
            "qemu-system-x86_64 -accel help",
            &format!("{evil}\u{1b}[31m\ntcg\r\u{1b}c\n"),
        );
    });
    let report = report(&host, Qemu);
    let text = to_text(&report);
    assert!(!text.contains(['\u{1b}', '\u{7}', '\r']), "{text}");
    assert_eq!(text.matches("\n✅ Result: ready").count(), 0, "{text}");
    for found in &report.checks {
        let said = format!(
            "{}{}",
            found.detail,
            found.fix.as_deref().unwrap_or_default()
        );
        assert!(!said.contains(char::is_control), "{found:?}");
    }
}

#[test]
fn a_reader_of_smolvms_json_finds_what_it_knows() {
    let json = serde_json::to_value(report(&FakeHost::sound(), Firecracker)).unwrap();
    for key in [
        "backend_requested",
        "backend_resolved",
        "system",
        "arch",
        "checks",
        "summary",
    ] {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert_eq!(
        json["summary"],
        serde_json::json!({"failures": 0, "warnings": 0, "ok": true, "strict": false})
    );
    let checks = json["checks"].as_array().unwrap();
    for name in [
        "kvm",
        "firecracker",
        "command:ip",
        "command:nft",
        "network-permissions",
    ] {
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        assert_eq!(check["status"], "pass");
        assert!(
            check["detail"].is_string() && check["fix"].is_null() && check.get("fix").is_some()
        );
    }
    let json = serde_json::to_value(report(&FakeHost::sound(), Qemu)).unwrap();
    let checks = json["checks"].as_array().unwrap();
    let named = |name| checks.iter().find(|check| check["name"] == name).unwrap();
    assert_eq!(
        named("qemu")["detail"],
        "qemu-system-x86_64 (/usr/bin/qemu-system-x86_64)"
    );
    assert_eq!(named("qemu-version")["detail"], "7.2.22");
    assert_eq!(named("command:qemu-img")["detail"], "/usr/bin/qemu-img");
}

#[test]
fn every_check_has_a_title_and_a_name_of_its_own() {
    let report = report(&FakeHost::sound(), Qemu);
    let names: BTreeSet<&str> = report
        .checks
        .iter()
        .map(|found| found.name.as_str())
        .collect();
    assert_eq!(names.len(), report.checks.len());
    assert!(names.iter().all(|name| title(name) != *name));
    assert_eq!(title("of-another-version"), "of-another-version");
}

#[test]
fn this_host_is_examined_to_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let examination = Examination {
        store: Store::locate(Some(&dir.path().join("data"))).unwrap(),
        ..examination(Qemu)
    };
    let report = examine(&examination, None);
    let of = |name: &str| {
        report
            .checks
            .iter()
            .find(|found| found.name == name)
            .unwrap()
    };
    assert_eq!(of("platform").status, Pass);
    assert_eq!(
        of("run-directory").status,
        Pass,
        "{:?}",
        of("run-directory")
    );
    assert!(of("memory").detail.contains("available"));
    assert!(!dir.path().join("data").exists(), "looking makes nothing");
}
