use std::os::unix::fs::PermissionsExt;

use super::super::elf::tests::elf;
use super::*;
use crate::fault::{Code, Fault};
use crate::guest::agent::PORT_NAME;

/// A directory with all that a build takes, each as small as it can be.
pub(in crate::guest) struct Bench {
    directory: tempfile::TempDir,
    pub(in crate::guest) store: ImageStore,
}

impl Bench {
    pub(in crate::guest) fn new() -> Self {
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

    pub(in crate::guest) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn kernel(&self, release: &str) {
        let banner = format!("Linux version {release} (gcc)");
        let kernel = elf(Arch::X86_64, &[(1, banner.as_bytes())], &[]);
        fs::write(self.path("kernel"), kernel).unwrap();
    }

    pub(in crate::guest) fn options(&self) -> BuildOptions {
        BuildOptions {
            name: Some("web-1".to_owned()),
            kernel: Some(self.path("kernel")),
            modules: Some(self.path("modules/6.1.0-test")),
            busybox: Some(self.path("busybox")),
            agent: Some(self.path("agent")),
            arch: Some(Arch::X86_64),
        }
    }

    pub(in crate::guest) fn build(&self) -> Result<Image, GuestError> {
        self.store.build(&self.options(), &mut |_| {})
    }

    /// What is left in the directory of images, the lock apart.
    pub(in crate::guest) fn left(&self) -> Vec<String> {
        let mut left = entries(self.store.root()).unwrap();
        left.retain(|name| name != ".lock");
        left
    }
}

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
    let agent = hash_of(&bench.path("agent")).unwrap();
    assert_eq!(built.agent_sha256, Some(agent));
    assert_eq!(built.kernel_release.as_deref(), Some("6.1.0-test"));
    assert!(built.vmlinuz.is_file() && built.vmlinux.is_some());
    assert_eq!(bench.left(), ["web-1"]);
    let listed = bench.store.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].1.as_ref().unwrap(), &built);
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
