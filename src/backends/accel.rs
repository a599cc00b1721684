//! Accelerators: what executes a guest's instructions, and why.

use crate::vm::{Accel, Arch, BackendKind, VmSpec};

use super::BackendError;
use super::kvm::Verdict;

/// The accelerator for a guest, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Which.
    pub accel: Accel,
    /// Why, as a clause such as `KVM here emulates kernel code`.
    pub reason: String,
    /// Whether the probe doubts it: it is taken because it was asked for, or there is no other.
    pub is_doubtful: bool,
}

/// What the choice depends on of a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who runs it.
    pub backend: BackendKind,
    /// The accelerator to insist on.
    pub accel: Option<Accel>,
    /// Processor architecture of the guest.
    pub arch: Arch,
}

impl From<&VmSpec> for Asked {
    fn from(spec: &VmSpec) -> Self {
        Self {
            backend: spec.backend,
            accel: spec.accel,
            arch: spec.arch,
        }
    }
}

/// Chooses for a spec given what the probe found; an accelerator that the spec insists on is taken
/// even when the probe doubts it, and the reason says so. One that cannot work at all, because it
/// is absent, locked or made for another architecture, is an error.
pub fn choose(
    asked: impl Into<Asked>,
    host: Option<Arch>,
    kvm: &Verdict,
) -> Result<Chosen, BackendError> {
    let spec = asked.into();
    match spec.backend {
        BackendKind::Firecracker => of_firecracker(spec, host, kvm),
        BackendKind::Qemu => decide(spec, host, kvm, hvf),
    }
}

/// Firecracker's only accelerator. What the probe doubts is started all the same, and the doubt
/// told: a guest may run that the probe does not know, and Firecracker says best why it cannot.
fn of_firecracker(spec: Asked, host: Option<Arch>, kvm: &Verdict) -> Result<Chosen, BackendError> {
    let refused = |accel, why: String| Err(BackendError::Accelerator { accel, why });
    match spec.accel {
        Some(accel) if accel != Accel::Kvm => {
            return refused(accel, "firecracker runs on KVM only".to_owned());
        }
        _ if host != Some(spec.arch) => {
            let why = format!("the guest is {}, the host is not", spec.arch);
            return refused(Accel::Kvm, why);
        }
        _ => {}
    }
    let doubt = kvm.usable();
    Ok(Chosen {
        accel: Accel::Kvm,
        is_doubtful: doubt.is_err(),
        reason: match doubt {
            Ok(()) => works(kvm),
            Err(doubt) => format!("firecracker runs on KVM only, although {doubt}"),
        },
    })
}

/// Why KVM is taken where nothing speaks against it.
fn works(kvm: &Verdict) -> String {
    let words = match kvm {
        Verdict::Unprobed => "KVM makes VMs here; no guest was run to probe it",
        _ => "KVM works here",
    };
    words.to_owned()
}

/// As [`choose`], with the look at Hypervisor.framework made only when it decides.
fn decide(
    spec: Asked,
    host: Option<Arch>,
    kvm: &Verdict,
    hvf: fn() -> Result<(), String>,
) -> Result<Chosen, BackendError> {
    let foreign = || {
        (host != Some(spec.arch)).then(|| format!("the guest is {}, the host is not", spec.arch))
    };
    let mut is_doubtful = false;
    let reason = match spec.accel {
        Some(Accel::Tcg) => "the spec says so".to_owned(),
        Some(accel) => {
            let doubt = match accel {
                Accel::Hvf => hvf(),
                _ => kvm.usable(),
            };
            let blocked = foreign().or_else(|| match (accel, kvm) {
                (Accel::Kvm, Verdict::Absent | Verdict::Denied { .. } | Verdict::Occupied)
                | (Accel::Hvf, _) => doubt.as_ref().err().cloned(),
                _ => None,
            });
            if let Some(why) = blocked {
                return Err(BackendError::Accelerator { accel, why });
            }
            match doubt {
                Ok(()) => "the spec says so".to_owned(),
                Err(doubt) => {
                    is_doubtful = true;
                    format!("the spec insists, although {doubt}")
                }
            }
        }
        None => match foreign() {
            Some(why) => why,
            None if cfg!(target_os = "macos") => match hvf() {
                Ok(()) => {
                    return Ok(Chosen {
                        accel: Accel::Hvf,
                        reason: "Hypervisor.framework works here".to_owned(),
                        is_doubtful,
                    });
                }
                Err(why) => why,
            },
            None => match kvm.usable() {
                Ok(()) => {
                    return Ok(Chosen {
                        accel: Accel::Kvm,
                        reason: works(kvm),
                        is_doubtful,
                    });
                }
                Err(why) => why,
            },
        },
    };
    Ok(Chosen {
        accel: spec.accel.unwrap_or(Accel::Tcg),
        reason,
        is_doubtful,
    })
}

/// Whether Hypervisor.framework works here: `sysctl kern.hv_support` is 1 where the processor and
/// macOS both support it (Apple, Hypervisor framework). QEMU must be signed with the entitlement
/// `com.apple.security.hypervisor` besides; Homebrew's is.
#[cfg(target_os = "macos")]
pub fn hvf() -> Result<(), String> {
    let output = std::process::Command::new("/usr/sbin/sysctl")
        .args(["-n", "kern.hv_support"])
        .output()
        .map_err(|error| format!("`sysctl kern.hv_support` failed: {error}"))?;
    if output.stdout.trim_ascii() == b"1" {
        Ok(())
    } else {
        Err("this Mac does not support Hypervisor.framework".to_owned())
    }
}

/// Hypervisor.framework belongs to macOS.
#[cfg(not(target_os = "macos"))]
pub fn hvf() -> Result<(), String> {
    Err("Hypervisor.framework belongs to macOS".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::sample;

    const HOST: Option<Arch> = Some(Arch::X86_64);

    fn emulates() -> Verdict {
        Verdict::Emulates {
            evidence: "pxor is refused".to_owned(),
        }
    }

    #[test]
    fn firecracker_is_started_whatever_the_probe_doubts_and_the_doubt_is_told() {
        let mut spec = sample::spec();
        spec.backend = BackendKind::Firecracker;
        let reason = |kvm| choose(&spec, HOST, &kvm).map(|chosen| (chosen.accel, chosen.reason));
        let works = (Accel::Kvm, "KVM works here".to_owned());
        assert_eq!(reason(Verdict::Works).unwrap(), works);
        for kvm in [emulates(), Verdict::Absent, Verdict::Occupied] {
            let doubt = kvm.usable().unwrap_err();
            let (accel, told) = reason(kvm).unwrap();
            assert_eq!(accel, Accel::Kvm);
            assert_eq!(
                told,
                format!("firecracker runs on KVM only, although {doubt}")
            );
        }
        spec.accel = Some(Accel::Tcg);
        assert!(choose(&spec, HOST, &Verdict::Works).is_err());
        spec.accel = None;
        spec.arch = Arch::Aarch64;
        assert!(choose(&spec, HOST, &Verdict::Works).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn kvm_is_taken_only_when_it_truly_works_and_the_reason_is_told() {
        let denied = Verdict::Denied {
            pending_group: false,
        };
        let cases = [
            (Verdict::Works, Accel::Kvm, "KVM works here"),
            (
                Verdict::Unprobed,
                Accel::Kvm,
                "KVM makes VMs here; no guest was run to probe it",
            ),
            (
                emulates(),
                Accel::Tcg,
                "KVM here emulates kernel code: pxor is refused",
            ),
            (Verdict::Absent, Accel::Tcg, "there is no /dev/kvm"),
            (
                denied,
                Accel::Tcg,
                "/dev/kvm may not be opened by this user",
            ),
        ];
        for (verdict, accel, reason) in cases {
            let chosen = choose(&sample::spec(), HOST, &verdict).unwrap();
            assert_eq!((chosen.accel, chosen.reason.as_str()), (accel, reason));
        }
    }

    #[test]
    fn a_guest_of_another_architecture_is_emulated_even_where_kvm_works() {
        let mut spec = sample::spec();
        spec.arch = Arch::Aarch64;
        let chosen = choose(&spec, HOST, &Verdict::Works).unwrap();
        assert_eq!(chosen.accel, Accel::Tcg);
        assert_eq!(chosen.reason, "the guest is aarch64, the host is not");
        spec.accel = Some(Accel::Kvm);
        assert!(choose(&spec, HOST, &Verdict::Works).is_err());
    }

    #[test]
    fn an_accelerator_that_is_insisted_on_is_taken_with_its_doubt_unless_it_is_not_there() {
        let mut spec = sample::spec();
        spec.accel = Some(Accel::Kvm);
        let chosen = choose(&spec, HOST, &emulates()).unwrap();
        assert_eq!(chosen.accel, Accel::Kvm);
        assert!(
            chosen.reason.starts_with("the spec insists, although"),
            "{}",
            chosen.reason
        );
        let error = choose(&spec, HOST, &Verdict::Absent).unwrap_err();
        assert!(
            error.to_string().contains("there is no /dev/kvm"),
            "{error}"
        );
        spec.accel = Some(Accel::Tcg);
        assert_eq!(
            choose(&spec, HOST, &Verdict::Works).unwrap().accel,
            Accel::Tcg
        );
    }

    #[test]
    fn hvf_is_taken_only_where_it_works() {
        let mut spec = sample::spec();
        spec.accel = Some(Accel::Hvf);
        let here = decide((&spec).into(), HOST, &Verdict::Absent, || Ok(())).unwrap();
        assert_eq!(here.accel, Accel::Hvf);
        let error = decide((&spec).into(), HOST, &Verdict::Works, || {
            Err("no".to_owned())
        })
        .unwrap_err();
        assert!(matches!(
            error,
            BackendError::Accelerator {
                accel: Accel::Hvf,
                ..
            }
        ));
    }
}
