//! QEMU's command line: a pure function of the launch and of a few facts about its files.
//!
//! Nothing that QEMU would add by itself is wanted: no default devices, no configuration of the
//! user's, no display, no child processes. Control and serial sockets come as descriptors that we
//! have bound, so nobody waits for QEMU to make them. Virtio devices are of the 1.0 kind alone
//! (*non-transitional*): every kernel since 2015 knows it, and an emulated guest is ready 4 to 8 %
//! sooner without the ports and the detours of the older kind.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::boot_args::boot_args;
use super::disk::Format;
use crate::backends::process::FIRST_FD;
use crate::backends::{BackendError, Launch};
use crate::guest::agent::PORT_NAME;
use crate::vm::{Accel, Arch, CpuModel, NetworkMode};

/// The descriptors in QEMU.
pub(super) const SERIAL_FD: RawFd = FIRST_FD;
pub(super) const QMP_FD: RawFd = FIRST_FD + 1;
pub(super) const AGENT_FD: RawFd = FIRST_FD + 2;

/// The name of the serial chardev.
pub(super) const SERIAL: &str = "serial";

/// The guest's network card.
const NETWORK_CARD: &str = "virtio-net-pci-non-transitional,id=nic0,netdev=net0,romfile=";

/// What the command line depends on besides the launch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The disk, when the VM has one: the image's file or the VM's own layer, and its format.
    pub disk: Option<(PathBuf, Format)>,
    /// `qboot.rom`, a firmware that does nothing but start a kernel, where this QEMU has it.
    pub qboot: Option<PathBuf>,
    /// Whether the kernel can carry the packets of a TAP device by itself: `/dev/vhost-net`.
    pub vhost_net: bool,
}

/// The command line, program first. Errors name a value that cannot be put on it.
pub fn argv(launch: &Launch, facts: &Facts) -> Result<Vec<OsString>, BackendError> {
    let spec = &launch.spec;
    let name = &launch.name;
    let mut line = Line(vec![launch.program.clone().into()]);
    line.add(
        "-name",
        format!("guest={name},process=smolvm-{name},debug-threads=on"),
    );
    line.flag("-nodefaults");
    line.flag("-no-user-config");
    line.add("-display", "none");
    if cfg!(target_os = "linux") {
        line.add(
            "-sandbox",
            "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
        );
    }
    // A reset ends the VM; a panic that the guest reports does so with exit code 1.
    line.add("-action", "reboot=shutdown,panic=exit-failure");
    line.flag("-S");
    line.add("-M", machine(spec.arch, launch.accel));
    line.add("-accel", accelerator(launch.accel));
    line.add("-cpu", cpu(spec.arch, launch.accel, spec.cpu_model));
    line.add("-smp", spec.vcpu_count.to_string());
    line.add("-m", format!("{}M", spec.mem_size_mib));
    if launch.accel == Accel::Hvf {
        // There is no paravirtual clock: after a sleep of the Mac the guest reads the time anew.
        line.add("-rtc", "base=utc,clock=host");
    }
    // Emulated, SeaBIOS costs a tenth of the boot. With KVM it costs 6 ms; that stays as it is.
    if let Some(qboot) = &facts.qboot
        && spec.arch == Arch::X86_64
        && launch.accel.is_emulated()
    {
        line.add("-bios", plain("firmware", qboot)?);
    }
    line.add("-kernel", plain("kernel", &launch.kernel)?);
    if let Some(initrd) = &launch.initrd {
        line.add("-initrd", plain("initrd", initrd)?);
    }
    line.add(
        "-append",
        checked("boot arguments", boot_args(launch).into())?,
    );

    let mut serial = OsString::from(socket(SERIAL, SERIAL_FD));
    serial.push(",logfile=");
    serial.push(doubled(plain("log file", &launch.paths.gap_log)?));
    serial.push(",logappend=on");
    line.add("-chardev", serial);
    line.add("-serial", format!("chardev:{SERIAL}"));
    line.add("-chardev", socket("qmp", QMP_FD));
    line.add("-mon", "chardev=qmp,mode=control");
    if launch.has_agent {
        line.add(
            "-device",
            "virtio-serial-pci-non-transitional,id=vserial0,max_ports=2",
        );
        line.add("-chardev", socket("agent", AGENT_FD));
        line.add(
            "-device",
            format!("virtserialport,id=agent0,bus=vserial0.0,chardev=agent,name={PORT_NAME}"),
        );
    }
    if let Some((path, format)) = &facts.disk {
        let path = plain("disk", path)?;
        let Some(text) = path.to_str() else {
            return Err(unusable("disk", path.into(), "it is not UTF-8"));
        };
        let node = json!({
            "driver": format.word(),
            "node-name": "disk0",
            "discard": "unmap",
            "file": { "driver": "file", "filename": text },
        });
        line.add("-blockdev", node.to_string());
        line.add(
            "-device",
            "virtio-blk-pci-non-transitional,id=vda,drive=disk0",
        );
    }
    network(&mut line, launch, facts.vhost_net)?;
    line.add("-device", "virtio-rng-pci-non-transitional,id=rng0");
    line.add(
        "-device",
        "virtio-balloon-pci-non-transitional,id=balloon0,deflate-on-oom=on,free-page-reporting=on",
    );
    // Lets a guest with the driver say that it panicked, instead of merely resetting.
    line.add("-device", "pvpanic-pci,id=panic0");
    Ok(line.0)
}

/// A machine with PCI, because distribution kernels find virtio devices there, and with a timer
/// that calibration can trust under load (never `microvm` with ACPI when emulated).
fn machine(arch: Arch, accel: Accel) -> &'static str {
    match (arch, accel) {
        (Arch::X86_64, _) => "q35",
        (Arch::Aarch64, Accel::Kvm) => "virt,gic-version=max",
        (Arch::Aarch64, _) => "virt",
    }
}

fn accelerator(accel: Accel) -> &'static str {
    match accel {
        Accel::Kvm => "kvm",
        Accel::Hvf => "hvf",
        Accel::Tcg => "tcg,thread=multi",
    }
}

/// Emulated x86-64: with `qemu64` the kernel has less to set up than with `max`, 10 % of a boot. It
/// has no `rdrand`, without which the kernel has no randomness to begin with and each early use of it
/// costs thousands of instructions: 1.4 % of a boot, and programs that ask for some need not wait.
fn cpu(arch: Arch, accel: Accel, model: CpuModel) -> &'static str {
    match (accel, arch, model) {
        (Accel::Kvm | Accel::Hvf, _, _) => "host",
        (Accel::Tcg, Arch::X86_64, CpuModel::Fast) => "qemu64,+rdrand",
        (Accel::Tcg, Arch::X86_64, CpuModel::Max) => "max",
        (Accel::Tcg, Arch::Aarch64, CpuModel::Fast) => "cortex-a72",
        // The architected pointer authentication is a cipher; QEMU's own is quick.
        (Accel::Tcg, Arch::Aarch64, CpuModel::Max) => "max,pauth-impdef=on",
    }
}

fn network(line: &mut Line, launch: &Launch, vhost: bool) -> Result<(), BackendError> {
    let spec = &launch.spec;
    match spec.network {
        NetworkMode::None => match spec.publish.first() {
            None => return Ok(()),
            Some(forward) => {
                let value = forward.to_string().into();
                return Err(unusable("published port", value, "the VM has no network"));
            }
        },
        NetworkMode::Tap => return tap(line, launch, vhost),
        NetworkMode::Auto | NetworkMode::User => {}
    }
    let user = spec
        .publish
        .iter()
        .map(|forward| format!("hostfwd=tcp:127.0.0.1:{}-:{}", forward.host, forward.guest))
        .fold("user,id=net0".to_owned(), |user, forward| {
            user + "," + &forward
        });
    line.add("-netdev", user);
    // No boot ROM: nobody boots from the network.
    line.add("-device", NETWORK_CARD);
    Ok(())
}

/// The TAP device is there already, and ours to open: QEMU runs no script. Its ports are published
/// by the shim.
fn tap(line: &mut Line, launch: &Launch, vhost: bool) -> Result<(), BackendError> {
    let Some(tap) = &launch.tap else {
        let why = "no device was made for it";
        return Err(unusable("TAP network of", launch.name.as_str().into(), why));
    };
    let vhost = if vhost { "on" } else { "off" };
    line.add(
        "-netdev",
        format!(
            "tap,id=net0,ifname={},script=no,downscript=no,vhost={vhost}",
            tap.device
        ),
    );
    line.add("-device", format!("{NETWORK_CARD},mac={}", tap.mac));
    Ok(())
}

fn socket(id: &str, fd: RawFd) -> String {
    format!("socket,id={id},fd={fd},server=on,wait=off")
}

/// A path that can stand on the command line by itself. QEMU runs in `/`, so it must be absolute.
fn plain(what: &'static str, path: &Path) -> Result<OsString, BackendError> {
    if !path.is_absolute() {
        return Err(unusable(what, path.to_owned(), "the path is not absolute"));
    }
    checked(what, path.into())
}

fn checked(what: &'static str, value: OsString) -> Result<OsString, BackendError> {
    let bad = |byte: &u8| matches!(byte, 0 | b'\n' | b'\r');
    if value.as_bytes().iter().any(bad) {
        return Err(unusable(
            what,
            value.into(),
            "it contains a line break or a zero byte",
        ));
    }
    Ok(value)
}

fn unusable(what: &'static str, value: PathBuf, why: &str) -> BackendError {
    BackendError::Value {
        what,
        value,
        why: why.to_owned(),
    }
}

/// In a list of options a comma within a value is written twice.
fn doubled(value: OsString) -> OsString {
    let mut bytes = Vec::with_capacity(value.len());
    for byte in value.into_vec() {
        bytes.push(byte);
        if byte == b',' {
            bytes.push(byte);
        }
    }
    OsString::from_vec(bytes)
}

struct Line(Vec<OsString>);

impl Line {
    fn flag(&mut self, name: &str) {
        self.0.push(name.into());
    }

    fn add(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.push(name.into());
        self.0.push(value.into());
    }
}

#[cfg(test)]
#[path = "argv_tests.rs"]
mod tests;
