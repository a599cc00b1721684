use super::super::tests::fleet;
use super::*;
use crate::fault::Code;
use crate::vm::Accel;

fn chosen(accel: Accel, is_doubtful: bool) -> Chosen {
    Chosen {
        accel,
        reason: "so it is".to_owned(),
        is_doubtful,
    }
}

#[test]
fn native_emulated_doubtful_and_impossible_are_told_apart() {
    let failure = Err(Failure::new(Code::MissingDependency, "it does not work"));
    for (choice, text, is_poor) in [
        (
            Ok(chosen(Accel::Kvm, false)),
            "native, by kvm: so it is",
            false,
        ),
        (Ok(chosen(Accel::Kvm, true)), "doubtful: so it is", true),
        (
            Ok(chosen(Accel::Tcg, false)),
            "emulated, many times slower: so it is",
            true,
        ),
        (failure, "it does not work", true),
    ] {
        assert_eq!(speed(&choice), (text.to_owned(), is_poor));
    }
}

#[test]
fn the_network_is_told_as_the_vm_will_have_it() {
    use BackendKind::{Firecracker, Qemu};
    use NetworkMode::{Auto, None, Tap, User};
    let unasked = || -> Result<Privilege, String> { panic!("it matters to nobody") };
    for (mode, backend, words) in [
        (None, Qemu, "none"),
        (None, Firecracker, "none"),
        (Auto, Qemu, "user mode, which needs no privilege"),
        (User, Qemu, "user mode, which needs no privilege"),
        (User, Firecracker, "none: user mode is QEMU's alone"),
    ] {
        assert_eq!(network(mode, backend, unasked).0, words);
    }
    let refused = || Err("no sudo".to_owned());
    for (mode, backend, words) in [
        (
            Auto,
            Firecracker,
            "none, no TAP device is permitted: no sudo",
        ),
        (Tap, Firecracker, "no TAP device is permitted: no sudo"),
        (Tap, Qemu, "no TAP device is permitted: no sudo"),
    ] {
        assert_eq!(network(mode, backend, refused), (words.to_owned(), true));
        let (text, is_poor) = network(mode, backend, || Ok(Privilege::Sudo));
        assert_eq!(text, "a TAP device, made by `sudo -n`");
        assert!(!is_poor);
    }
}

#[test]
fn the_disk_is_told_by_mode_and_backend() {
    use BackendKind::{Firecracker, Qemu};
    use DiskMode::{Isolated, Shared};
    for (mode, backend, word) in [
        (Isolated, Qemu, "qcow2 layer"),
        (Isolated, Firecracker, "raw copy"),
        (Shared, Qemu, "raw or qcow2"),
        (Shared, Firecracker, "raw only"),
    ] {
        assert!(disk(backend, mode, true).contains(word));
        assert!(disk(backend, mode, false).starts_with("none"));
    }
}

#[test]
fn a_draft_tells_its_backend_with_the_reason_and_no_backend_tells_nothing() {
    let (_dir, fleet) = fleet();
    let draft = |word: &str| Draft {
        backend: Some(word.to_owned()),
        network: Some(NetworkMode::None),
        ..Draft::default()
    };
    let outlook = fleet.outlook(&draft(" QEMU ")).unwrap();
    assert_eq!(outlook.backend, BackendKind::Qemu);
    let about: Vec<&str> = outlook.traits.iter().map(|it| it.about).collect();
    assert_eq!(about, ["backend", "speed", "network", "disk", "snapshot"]);
    assert_eq!(outlook.traits[0].text, "qemu: --backend says so");
    assert!(fleet.outlook(&draft("qemuu")).is_none());
}
