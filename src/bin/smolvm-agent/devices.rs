//! Which lines of the module table this machine calls for: pure choices over what sysfs names.

/// The virtio device types on which the agent reaches the host, the most urgent first: console, else
/// socket.
const PORT: [u32; 2] = [3, 19];

/// The network card.
const NETWORK: [u32; 1] = [1];

/// The PCI vendor of every virtio device (virtio 1.2, section 4.1.2).
const VIRTIO_VENDOR: &str = "0x1af4";

/// The device by which the host hears of a panic, without which a panic looks like a reboot to it:
/// vendor and device (QEMU, `docs/specs/pci-ids.rst` and `pvpanic.rst`).
const PVPANIC: (&str, &str) = ("0x1b36", "0x0011");

/// What to load now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wave {
    /// The buses, and the agent's way to the host.
    Port,
    /// The network card.
    Network,
    /// Everything else that has a device.
    Rest,
}

/// Whether a name below `/sys/bus/platform/devices` is a virtio device: the device tree's name,
/// and ACPI's, `LNRO0005`, as QEMU's microvm and Firecracker (since 1.8) have it.
pub(crate) fn on_mmio(name: &str) -> bool {
    ["virtio_mmio", "virtio-mmio", "LNRO0005"]
        .iter()
        .any(|part| name.contains(part))
}

/// Whether a PCI device of this vendor is a virtio device.
pub(crate) fn on_pci(vendor: &str) -> bool {
    vendor == VIRTIO_VENDOR
}

/// Whether the agent reaches the host on a virtio device with this PCI device id, of the newer kind
/// or the older (virtio 1.2, section 4.1.2).
pub(crate) fn leads_to_host(device: &str) -> bool {
    const TRANSITIONAL_CONSOLE: u32 = 0x1003;
    const FIRST: u32 = 0x1040;
    let id = device.strip_prefix("0x");
    id.and_then(|id| u32::from_str_radix(id, 16).ok())
        .is_some_and(|id| id == TRANSITIONAL_CONSOLE || PORT.iter().any(|kind| id == FIRST + kind))
}

/// Whether a PCI device is the one that tells the host of a panic.
pub(crate) fn is_pvpanic(vendor: &str, device: &str) -> bool {
    (vendor, device) == PVPANIC
}

/// Of the types of the virtio devices present, those whose turn it is, each once, the most urgent
/// first.
pub(crate) fn due(mut types: Vec<u32>, wave: Wave) -> Vec<u32> {
    let urgency = |kind: &u32| PORT.iter().position(|port| port == kind);
    types.retain(|kind| match wave {
        Wave::Port => PORT.contains(kind),
        Wave::Network => NETWORK.contains(kind),
        Wave::Rest => !PORT.contains(kind) && !NETWORK.contains(kind),
    });
    types.sort_unstable_by_key(|kind| (urgency(kind), *kind));
    types.dedup();
    types
}

/// The parameters for `module` out of all `module.parameter=value` of the kernel's command line,
/// of which the kernel itself hands on only those of built-in code.
///
/// Firecracker names its devices to `virtio_mmio` there as well as in ACPI. A kernel that knows the
/// parameter would set each device up twice, another complains of each: where the firmware
/// lists the devices, that parameter is left out.
pub(crate) fn parameters(all: &[(String, String)], module: &str, listed: bool) -> String {
    all.iter()
        .filter(|(of, _)| of == module)
        .filter(|(_, it)| !(listed && module == "virtio_mmio" && it.starts_with("device=")))
        .map(|(_, parameter)| parameter.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}
