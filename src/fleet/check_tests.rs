use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::fleet::tests::{fleet, made, spec};

/// A draft that is acceptable without any image.
fn draft(dir: &Path) -> Draft {
    let kernel = dir.join("bzImage");
    let mut bytes = vec![0; 0x300];
    bytes[0x202..0x206].copy_from_slice(b"HdrS");
    fs::write(&kernel, bytes).unwrap();
    Draft {
        name: Some("web".to_owned()),
        backend: Some("qemu".to_owned()),
        kernel: Some(kernel),
        arch: Some(Arch::X86_64),
        ..Draft::default()
    }
}

/// The objections to the draft, but for the choice of backend, which `resolve` tests.
fn objections(fleet: &Fleet, draft: &Draft) -> Vec<Objection> {
    let mut objections = fleet.check(draft);
    objections.retain(|objection| objection.field != "backend");
    objections
}

#[test]
fn every_bad_value_is_held_against_its_field_with_what_and_the_way_out() {
    type Spoil = fn(&mut Draft, &Path);
    let table: [(&str, &str, Spoil); 25] = [
        ("name", "contains 'W'", |d, _| d.name = Some("Web".into())),
        ("name", "needs a name", |d, _| d.name = Some(String::new())),
        ("name", "begin and end", |d, _| d.name = Some("-a".into())),
        ("name", "at most 63", |d, _| d.name = Some("x".repeat(64))),
        ("cpus", "0 vCPUs", |d, _| d.vcpu_count = Some(0)),
        ("cpus", "33 vCPUs", |d, _| d.vcpu_count = Some(33)),
        ("memory", "31 MiB", |d, _| d.mem_size_mib = Some(31)),
        ("memory", "this host's", |d, _| {
            d.mem_size_mib = Some(u64::MAX);
        }),
        ("disk_size", "0 MiB", |d, _| d.disk_size_mib = Some(0)),
        ("disk_size", "cannot have", |d, _| {
            d.disk_size_mib = Some(u64::MAX);
        }),
        ("disk_size", "no disk to size", |d, _| {
            d.disk_size_mib = Some(64);
        }),
        ("disk_size", "root.img` has 2 MiB", |d, dir| {
            fs::write(dir.join("root.img"), vec![0; 2 << 20]).unwrap();
            d.rootfs = Some(dir.join("root.img"));
            d.disk_size_mib = Some(1);
        }),
        ("publish", "twice", |d, _| {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            d.publish = [80, 81]
                .map(|guest| PortForward { host: port, guest })
                .to_vec();
        }),
        ("kernel", "No such file", |d, dir| {
            d.kernel = Some(dir.join("none"));
        }),
        ("kernel", "directory", |d, dir| {
            d.kernel = Some(dir.to_owned());
        }),
        ("kernel", "no Linux kernel", |d, dir| {
            fs::write(dir.join("text"), "hello").unwrap();
            d.kernel = Some(dir.join("text"));
        }),
        ("kernel", "empty", |d, dir| {
            fs::write(dir.join("empty"), "").unwrap();
            d.kernel = Some(dir.join("empty"));
        }),
        ("kernel", "for x86_64, not for aarch64", |d, _| {
            d.arch = Some(Arch::Aarch64);
        }),
        ("initrd", "No such file", |d, dir| {
            d.initrd = Some(dir.join("none"));
        }),
        ("initrd", "it is text", |d, dir| {
            fs::write(dir.join("text"), "hello").unwrap();
            d.initrd = Some(dir.join("text"));
        }),
        ("rootfs", "it is text", |d, dir| {
            fs::write(dir.join("text"), "hello").unwrap();
            d.rootfs = Some(dir.join("text"));
        }),
        ("rootfs", "it is a device", |d, _| {
            d.rootfs = Some("/dev/null".into());
        }),
        ("boot_args", "'\\n'", |d, _| {
            d.boot_args = Some("quiet\ninit=/x".into());
        }),
        ("boot_args", "2048 bytes", |d, _| {
            d.boot_args = Some("x".repeat(2048));
        }),
        ("ready_pattern", "regular expression", |d, _| {
            d.ready_pattern = Some("a(".into());
        }),
    ];
    for (field, words, spoil) in table {
        let (dir, fleet) = fleet();
        let mut draft = draft(dir.path());
        assert_eq!(objections(&fleet, &draft), []);
        spoil(&mut draft, dir.path());
        let objections = objections(&fleet, &draft);
        let [objection] = objections.as_slice() else {
            panic!("{field} {words}: {objections:?}");
        };
        assert_eq!(objection.field, field);
        let told = &objection.failure;
        assert_eq!(told.code, Code::InvalidInput, "{told:?}");
        assert!(told.message.contains(words), "{field} {words}: {told:?}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let (dir, fleet) = fleet();
    let draft = Draft {
        vcpu_count: Some(99),
        mem_size_mib: Some(1),
        ..draft(dir.path())
    };
    let fields: Vec<_> = objections(&fleet, &draft).iter().map(|o| o.field).collect();
    assert_eq!(fields, ["cpus", "memory"]);
}

#[test]
fn memory_beyond_the_hosts_names_the_hosts_memory() {
    let (_dir, fleet) = fleet();
    let draft = Draft {
        mem_size_mib: Some(4096),
        ..Draft::default()
    };
    let failure = fleet.mem_size_mib(&draft, Some(2048)).unwrap_err();
    assert_eq!(
        failure.message,
        "4096 MiB of memory are more than this host's 2048 MiB"
    );
    assert_eq!(fleet.mem_size_mib(&draft, Some(4096)), Ok(4096));
    assert_eq!(fleet.mem_size_mib(&draft, None), Ok(4096));
}

#[test]
fn a_port_that_somebody_listens_at_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let failure = check_port_free(port).unwrap_err();
    assert!(
        failure.message.contains(&format!("port {port}")),
        "{failure}"
    );
    drop(taken);
    assert_eq!(check_port_free(port), Ok(()));
}

#[test]
fn a_port_that_another_vm_publishes_names_that_vm() {
    let (dir, fleet) = fleet();
    let mut other = spec("00000001");
    let forward = PortForward {
        host: 43_210,
        guest: 80,
    };
    other.publish = vec![forward];
    made(&fleet.store, "other", &other);
    let draft = Draft {
        publish: vec![forward],
        ..draft(dir.path())
    };
    let objections = objections(&fleet, &draft);
    assert!(
        objections[0].failure.message.contains("`other`"),
        "{objections:?}"
    );
}

#[test]
fn a_name_that_exists_is_held_against_the_draft_even_when_that_vm_is_damaged() {
    let (dir, fleet) = fleet();
    fs::create_dir_all(fleet.store.vms_dir().join("web")).unwrap();
    let objections = objections(&fleet, &draft(dir.path()));
    assert_eq!(objections[0].failure.code, Code::AlreadyExists);
}

#[test]
fn an_image_that_is_missing_is_told_with_the_command_that_makes_it() {
    let (_dir, fleet) = fleet();
    let objections = objections(&fleet, &Draft::default());
    let image = objections.iter().find(|o| o.field == "image").unwrap();
    let hint = image.failure.hint.as_deref().unwrap_or_default();
    assert!(hint.contains("smolvm-tui image build"), "{image:?}");
}

#[test]
fn network_and_backend_must_fit() {
    let (_dir, fleet) = fleet();
    let check = |network, publish| {
        let draft = Draft {
            network: Some(network),
            publish,
            ..Draft::default()
        };
        fleet.check_network(&draft, BackendKind::Qemu)
    };
    let forward = vec![PortForward {
        host: 8080,
        guest: 80,
    }];
    let refused = check_tap(Err("this user is not root".to_owned())).unwrap_err();
    assert_eq!(
        refused.message,
        "TAP devices cannot be used here: this user is not root"
    );
    assert!(refused.hint.unwrap().contains("--configure-runtime"));
    assert_eq!(check_tap(Ok(Privilege::Sudo)), Ok(()));
    assert!(check(NetworkMode::None, forward.clone()).is_err());
    assert_eq!(check(NetworkMode::None, Vec::new()), Ok(()));
    assert_eq!(check(NetworkMode::User, forward.clone()), Ok(()));
    assert_eq!(check(NetworkMode::Auto, forward), Ok(()));
}

#[test]
fn a_shared_disk_has_no_size_of_its_own() {
    let (dir, fleet) = fleet();
    let rootfs = dir.path().join("root.ext4");
    fs::write(&rootfs, vec![0; 4096]).unwrap();
    let sized = Draft {
        rootfs: Some(rootfs),
        disk_size_mib: Some(64),
        ..draft(dir.path())
    };
    assert_eq!(objections(&fleet, &sized), []);
    let shared = Draft {
        disk_mode: Some(DiskMode::Shared),
        ..sized
    };
    assert_eq!(objections(&fleet, &shared)[0].field, "disk_size");
}

#[test]
fn a_file_that_may_not_be_read_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    fs::write(&path, "x").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    let result = content::open("the kernel", &path);
    // Root reads everything; anyone else is told.
    if !nix::unistd::Uid::effective().is_root() {
        assert!(
            Failure::from(result.unwrap_err())
                .message
                .contains("ermission denied")
        );
    }
}
