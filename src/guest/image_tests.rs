use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::super::elf::tests::elf;
use super::*;
use crate::fault::{Code, Fault};
use crate::guest::agent::PORT_NAME;

/// A directory with all that a build takes, each as small as it can be.
struct Bench {
    directory: tempfile::TempDir,
    store: ImageStore,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = ImageStore::new(directory.path().join("data/images"));
        let bench = Self { directory, store };
        let modules = bench.path("modules/6.1.0-test");
        fs::create_dir_all(&modules).unwrap();
        for driver in ["virtio_pci", "virtio_console"] {
            let module = elf(Arch::X86_64, &[], &[(".modinfo", b"depends=\0")]);
            fs::write(modules.join(format!("{driver}.ko")), module).unwrap();
        }
        bench.kernel("6.1.0-test");
        let agent = elf(Arch::X86_64, &[(1, PORT_NAME.as_bytes())], &[]);
        fs::write(bench.path("agent"), agent).unwrap();
        fs::write(bench.path("busybox"), elf(Arch::X86_64, &[], &[])).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn kernel(&self, release: &str) {
        let banner = format!("Linux version {release} (gcc)");
        let kernel = elf(Arch::X86_64, &[(1, banner.as_bytes())], &[]);
        fs::write(self.path("kernel"), kernel).unwrap();
    }

    fn options(&self) -> BuildOptions {
        BuildOptions {
            name: Some("web-1".to_owned()),
            kernel: Some(self.path("kernel")),
            modules: Some(self.path("modules/6.1.0-test")),
            busybox: Some(self.path("busybox")),
            agent: Some(self.path("agent")),
            arch: Some(Arch::X86_64),
        }
    }

    fn build(&self) -> Result<Image, GuestError> {
        self.store.build(&self.options(), &mut |_| {})
    }

    /// What is left in the directory of images, the lock apart.
    fn left(&self) -> Vec<String> {
        let mut left = entries(self.store.root()).unwrap();
        left.retain(|name| name != ".lock");
        left
    }
}

/// One thing about the options that makes them wrong.
type Change = fn(&mut BuildOptions, &Bench);

fn spoil(path: &Path, content: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn an_image_is_made_found_and_read_back_whole() {
    let bench = Bench::new();
    let mut steps = Vec::new();
    let built = bench
        .store
        .build(&bench.options(), &mut |step| steps.push(step.to_owned()))
        .unwrap();
    assert!(steps.len() >= 3, "{steps:?}");
    assert!(steps.iter().all(|step| !step.contains('\n')));
    assert_eq!(bench.store.latest("web-1").unwrap(), built);
    assert_eq!(bench.store.pinned(&built.reference).unwrap(), built);
    assert!(built.has_agent);
    assert_eq!(built.kernel_release.as_deref(), Some("6.1.0-test"));
    assert!(built.vmlinuz.is_file() && built.vmlinux.is_some());
    assert_eq!(bench.left(), ["web-1"]);
    let listed = bench.store.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].1.as_ref().unwrap(), &built);
}

#[test]
fn the_initramfs_holds_the_agent_as_init_and_every_module_with_its_table() {
    let bench = Bench::new();
    let archive = fs::read(bench.build().unwrap().initramfs.unwrap()).unwrap();
    let text = String::from_utf8_lossy(&archive);
    for entry in [
        "init\0",
        "bin/busybox\0",
        "lib/modules/6.1.0-test/virtio_pci.ko\0",
        "3: virtio_console\n",
        "root:x:0:0:",
    ] {
        assert!(text.contains(entry), "{entry:?}");
    }
}

#[test]
fn the_same_content_is_the_same_image_and_becomes_the_newest_again() {
    let bench = Bench::new();
    let first = bench.build().unwrap();
    fs::write(bench.path("busybox"), elf(Arch::X86_64, &[(1, b"v2")], &[])).unwrap();
    let second = bench.build().unwrap();
    assert_ne!(first.reference, second.reference);
    assert_eq!(bench.store.latest("web-1").unwrap(), second);

    let inode = |image: &Image| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(image.initramfs.as_ref().unwrap())
            .unwrap()
            .ino()
    };
    fs::write(bench.path("busybox"), elf(Arch::X86_64, &[], &[])).unwrap();
    let again = bench.build().unwrap();
    assert_eq!(again.reference, first.reference);
    assert_eq!(inode(&again), inode(&first), "the files stayed");
    assert_eq!(bench.store.latest("web-1").unwrap(), again);
    assert_eq!(bench.store.list().unwrap().len(), 2);
}

#[test]
fn a_damaged_image_says_what_is_wrong_and_how_to_make_it_again_and_building_mends_it() {
    let bench = Bench::new();
    let image = bench.build().unwrap();
    let initramfs = image.initramfs.clone().unwrap();
    spoil(&initramfs, b"short");
    let error = bench.store.latest("web-1").unwrap_err();
    assert_eq!(error.code(), Code::Damaged);
    assert!(
        error.to_string().contains("initramfs.cpio` has 5 bytes"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("image build --name web-1"));
    assert!(bench.store.list().unwrap()[0].1.is_err());
    assert_eq!(bench.build().unwrap().reference, image.reference);

    fs::remove_file(&image.vmlinuz).unwrap();
    let error = bench.store.pinned(&image.reference).unwrap_err();
    assert!(
        error.to_string().contains("`vmlinux` is missing"),
        "{error}"
    );
    bench.build().unwrap();

    for torn in [
        &b""[..],
        b"version = 1\n",
        b"\xff\xfe",
        b"version = 9\nwarp = 1\n",
    ] {
        spoil(&image.dir.join(METADATA), torn);
        let error = bench.store.latest("web-1").unwrap_err();
        assert_eq!(error.code(), Code::Damaged, "{error}");
    }
    bench.build().unwrap();
    assert!(bench.store.latest("web-1").is_ok());
    assert_eq!(bench.left(), ["web-1"]);
}

#[test]
fn an_older_image_does_not_stand_in_for_a_damaged_one() {
    let bench = Bench::new();
    bench.build().unwrap();
    fs::write(bench.path("busybox"), elf(Arch::X86_64, &[(1, b"v2")], &[])).unwrap();
    let newest = bench.build().unwrap();
    spoil(&newest.dir.join(METADATA), b"");
    assert_eq!(
        bench.store.latest("web-1").unwrap_err().code(),
        Code::Damaged
    );
}

#[test]
fn an_unknown_image_an_unknown_digest_and_a_name_that_is_none_are_told_apart() {
    let bench = Bench::new();
    let error = bench.store.latest("tiny").unwrap_err();
    assert!(matches!(&error, GuestError::Unknown(name) if name == "tiny"));
    assert!(error.hint().unwrap().contains("smolvm-tui image build"));
    let mut reference = bench.build().unwrap().reference;
    reference.digest = "0123456789abcdef".to_owned();
    let error = bench.store.pinned(&reference).unwrap_err();
    assert!(matches!(error, GuestError::UnknownDigest(_)), "{error}");
    reference.digest = "../../etc".to_owned();
    assert!(bench.store.pinned(&reference).is_err());
    for name in [
        "",
        ".",
        "..",
        "a/b",
        "/etc",
        "A",
        "-a",
        "a b",
        ".staging-x",
        "ä",
    ] {
        let error = bench.store.latest(name).unwrap_err();
        assert!(matches!(error, GuestError::Name(_)), "{name}");
        let options = BuildOptions {
            name: Some(name.to_owned()),
            ..bench.options()
        };
        assert!(bench.store.build(&options, &mut |_| {}).is_err(), "{name}");
    }
}

#[test]
fn an_image_in_use_is_not_removed_and_an_unused_one_is_even_when_damaged() {
    let bench = Bench::new();
    let image = bench.build().unwrap();
    let used = |_: &ImageRef| vec!["web".to_owned(), "db".to_owned()];
    let error = bench.store.remove(&image.reference, &used).unwrap_err();
    assert_eq!(error.code(), Code::Refused);
    assert!(
        error.to_string().ends_with("is in use by web, db"),
        "{error}"
    );
    assert!(bench.store.pinned(&image.reference).is_ok());

    spoil(&image.vmlinuz, b"");
    bench
        .store
        .remove(&image.reference, &|_| Vec::new())
        .unwrap();
    assert_eq!(bench.left(), Vec::<String>::new());
    let error = bench.store.remove(&image.reference, &|_| Vec::new());
    assert_eq!(error.unwrap_err().code(), Code::NotFound);
}

#[test]
fn a_failed_build_says_why_and_leaves_nothing_behind() {
    let bench = Bench::new();
    let dynamic = elf(Arch::X86_64, &[(3, b"/lib64/ld.so\0")], &[]);
    fs::write(bench.path("dynamic"), &dynamic).unwrap();
    fs::write(bench.path("text"), "#!/bin/sh\n").unwrap();
    fs::create_dir_all(bench.path("modules/6.1.0-other")).unwrap();
    let cases: [(&str, Code, Change); 11] = [
        ("linked dynamically", Code::InvalidInput, |o, b| {
            o.agent = Some(b.path("dynamic"));
        }),
        ("no 64-bit", Code::InvalidInput, |o, b| {
            o.agent = Some(b.path("text"));
        }),
        ("No such file", Code::RuntimeError, |o, b| {
            o.agent = Some(b.path("absent"));
        }),
        ("linked dynamically", Code::InvalidInput, |o, b| {
            o.busybox = Some(b.path("dynamic"));
        }),
        ("no Linux kernel", Code::InvalidInput, |o, b| {
            o.kernel = Some(b.path("text"));
        }),
        ("no regular file", Code::RuntimeError, |o, b| {
            o.kernel = Some(b.path("modules"));
        }),
        ("No such file", Code::RuntimeError, |o, b| {
            o.modules = Some(b.path("absent"));
        }),
        (
            "belong to the kernel 6.1.0-other",
            Code::InvalidInput,
            |o, b| {
                o.modules = Some(b.path("modules/6.1.0-other"));
            },
        ),
        ("given without them", Code::MissingDependency, |o, _| {
            o.modules = None;
        }),
        ("given without it", Code::MissingDependency, |o, _| {
            o.kernel = None;
        }),
        ("is a program for x86_64", Code::InvalidInput, |o, _| {
            o.arch = Some(Arch::Aarch64);
        }),
    ];
    for (words, code, change) in cases {
        let mut options = bench.options();
        change(&mut options, &bench);
        let error = bench.store.build(&options, &mut |_| {}).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        let failure = crate::fault::Failure::from(error);
        assert!(failure.message.contains(words), "{}", failure.message);
        assert_eq!(bench.left(), Vec::<String>::new(), "{words}");
    }
}

#[test]
fn what_a_killed_build_left_is_removed_by_the_next() {
    let bench = Bench::new();
    let leftover = bench.store.root().join(".staging-dead/work");
    fs::create_dir_all(&leftover).unwrap();
    assert!(bench.store.list().unwrap().is_empty());
    bench.build().unwrap();
    assert_eq!(bench.left(), ["web-1"]);
}

#[test]
fn a_second_build_waits_for_the_first_and_says_so() {
    let bench = Bench::new();
    let first = Staging::open(bench.store.root(), &mut |_| {}).unwrap();
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let said = said.clone();
            bench.store.build(&bench.options(), &mut move |step| {
                said.send(step.to_owned()).unwrap();
            })
        });
        let step = heard.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(step.starts_with("waiting"), "{step}");
        drop(first);
        assert!(second.join().unwrap().is_ok());
    });
}

#[test]
fn a_directory_that_cannot_be_written_is_told_with_the_way_out() {
    // Root writes everywhere, so the place is one that nobody can make: below a file.
    let bench = Bench::new();
    fs::write(bench.path("data"), "").unwrap();
    let error = bench.build().unwrap_err();
    assert!(error.to_string().starts_with("could not make `"), "{error}");
    let denied = GuestError::io("make", "/x")(io::ErrorKind::ReadOnlyFilesystem.into());
    assert!(denied.hint().unwrap().contains("--data-dir"));
    let full = GuestError::io("write", "/x")(io::ErrorKind::StorageFull.into());
    assert!(full.hint().unwrap().contains("make room"));
}

#[test]
fn files_of_the_users_own_are_imported_and_recognised() {
    let bench = Bench::new();
    let built = bench.build().unwrap();
    fs::write(bench.path("initrd"), "no agent in here").unwrap();
    fs::write(bench.path("disk"), b"QFI\xfbrest").unwrap();
    let mut ext4 = vec![0; 4096];
    ext4[1080..1082].copy_from_slice(b"\x53\xef");
    fs::write(bench.path("ext4"), ext4).unwrap();
    let import = |name: &str, initrd: Option<PathBuf>, rootfs: Option<PathBuf>| {
        let sources = ImportSources {
            kernel: bench.path("kernel"),
            initrd,
            rootfs,
            arch: None,
        };
        bench.store.import(name, &sources, &mut |_| {}).unwrap()
    };
    let image = import(
        "plain",
        Some(bench.path("initrd")),
        Some(bench.path("disk")),
    );
    assert!(!image.has_agent);
    assert!(image.rootfs.unwrap().ends_with("rootfs.qcow2"));
    let image = import("other", built.initramfs, Some(bench.path("ext4")));
    assert!(image.has_agent);
    assert!(image.rootfs.unwrap().ends_with("rootfs.ext4"));
    let image = import("raw", None, Some(bench.path("initrd")));
    assert!(image.rootfs.unwrap().ends_with("rootfs.raw"));

    let sources = ImportSources {
        kernel: bench.path("disk"),
        ..ImportSources::default()
    };
    let error = bench
        .store
        .import("bad", &sources, &mut |_| {})
        .unwrap_err();
    assert_eq!(error.code(), Code::InvalidInput);
    let sources = ImportSources {
        kernel: bench.path("kernel"),
        arch: Some(Arch::Aarch64),
        ..ImportSources::default()
    };
    let error = bench
        .store
        .import("bad", &sources, &mut |_| {})
        .unwrap_err();
    assert!(error.hint().unwrap().contains("--arch x86_64"));
    assert!(!bench.store.root().join("bad").exists());
}

#[test]
fn an_agent_that_lies_across_two_reads_of_the_initramfs_is_found() {
    let bench = Bench::new();
    for at in [(1 << 20) - 1, (1 << 20) - 9, (1 << 20) - 18, 1 << 20] {
        let mut initrd = vec![b'o'; at];
        initrd.extend_from_slice(PORT_NAME.as_bytes());
        fs::write(bench.path("initrd"), initrd).unwrap();
        let sources = ImportSources {
            kernel: bench.path("kernel"),
            initrd: Some(bench.path("initrd")),
            ..ImportSources::default()
        };
        let image = bench.store.import("x", &sources, &mut |_| {}).unwrap();
        assert!(image.has_agent, "{at}");
    }
}

#[test]
fn nobody_else_reads_an_image_and_its_owner_does_not_change_it() {
    let bench = Bench::new();
    let image = bench.build().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&image.dir), 0o700);
    assert_eq!(mode(&image.vmlinuz), 0o400);
    assert_eq!(mode(bench.store.root()), 0o700);
}

#[test]
fn images_that_cannot_be_listed_are_not_told_as_none() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("images");
    let store = ImageStore::new(root.clone());
    assert!(store.list().unwrap().is_empty(), "not made yet");
    fs::write(&root, "no directory").unwrap();
    for error in [
        store.list().map(drop).unwrap_err(),
        store.latest("tiny").map(drop).unwrap_err(),
    ] {
        let failure = crate::fault::Failure::from(error);
        assert!(failure.message.contains("could not list"), "{failure}");
    }
}
