use super::*;
use crate::fleet::tests::fleet;

fn draft(backend: &str, accel: Option<Accel>) -> Draft {
    Draft {
        backend: Some(backend.to_owned()),
        accel,
        ..Draft::default()
    }
}

#[test]
fn an_accelerator_that_the_backend_does_not_have_is_told_at_once_with_who_asked_for_it() {
    let (_dir, mut fleet) = fleet();
    let foreign = Draft {
        arch: Some(match Arch::host() {
            Some(Arch::X86_64) => Arch::Aarch64,
            _ => Arch::X86_64,
        }),
        ..draft("qemu", Some(Accel::Kvm))
    };
    let failure = fleet.check_accel(&foreign).unwrap_err();
    assert!(failure.message.contains("the host is not"), "{failure}");
    let tcg = draft("firecracker", Some(Accel::Tcg));
    let failure = fleet.check_accel(&tcg).unwrap_err();
    assert!(failure.message.contains("KVM only"), "{failure}");
    let hint = failure.hint.unwrap();
    assert!(!hint.contains("configuration"), "{hint}");

    fleet.config.accel = Some(Accel::Tcg);
    let failure = fleet.check_accel(&draft("firecracker", None)).unwrap_err();
    assert!(failure.message.contains("KVM only"), "{failure}");
    let hint = failure.hint.unwrap();
    for words in [
        "the configuration says `accel = \"tcg\"`",
        "\"auto\"",
        "--backend qemu",
        "--accel kvm",
    ] {
        assert!(hint.contains(words), "{hint}");
    }
    // The VM's own word is the later one.
    let own = draft("firecracker", Some(Accel::Kvm));
    assert_eq!(fleet.check_accel(&own), Ok(()));
    assert_eq!(fleet.check_accel(&draft("qemu", None)), Ok(()));
}

#[test]
fn kvm_is_refused_at_once_only_where_it_is_not_there_and_not_because_the_probe_doubts_it() {
    let (_dir, fleet) = fleet();
    let checked = fleet.check_accel(&draft("qemu", Some(Accel::Kvm)));
    match kvm::verdict(&fleet.store) {
        kvm::Verdict::Absent | kvm::Verdict::Denied { .. } | kvm::Verdict::Occupied => {
            assert!(checked.is_err());
        }
        _ => assert_eq!(checked, Ok(())),
    }
    assert_eq!(fleet.check_accel(&draft("firecracker", None)), Ok(()));
}
