//! The kernel's command line under Firecracker.

use crate::backends::Launch;
use crate::backends::boot_args::{for_the_guest, talkative};
use crate::network::Tap;
use crate::vm::Arch;

/// The kernel's command line for `launch`: the spec's own words if it has any, to the letter
/// unless the kernel is to be talkative.
///
/// Firecracker appends `pci=off` and, in older versions, where its devices are.
pub(super) fn boot_args(launch: &Launch) -> String {
    let spec = &launch.spec;
    if let Some(args) = &spec.boot_args {
        return talkative(launch, args.clone());
    }
    // An 8250 on both architectures. Without a word of it Firecracker gives the guest none.
    let mut args = vec!["console=ttyS0".to_owned()];
    if spec.arch == Arch::X86_64 {
        // By the keyboard controller: Firecracker ends in good order then. A triple fault is an
        // error to it, and a guest that only halts goes on for ever.
        args.push("reboot=k".to_owned());
    }
    args.push("panic=1".to_owned());
    if spec.arch == Arch::X86_64 {
        // Half a second of probing for what is not there. The keyboard itself stays: Ctrl-Alt-Del,
        // the only button that Firecracker has, comes by it. Not `nopnp`: from 1.8 on the machine has
        // ACPI and no legacy interrupts, so the kernel must learn from there which is the keyboard's.
        let probes = ["noaux", "nomux", "dumbkbd"];
        args.extend(probes.map(|probe| format!("i8042.{probe}")));
    }
    args.extend(for_the_guest(
        launch,
        launch.tap.as_ref().map(Tap::agent_args),
    ));
    talkative(launch, args.join(" "))
}
