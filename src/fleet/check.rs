//! What is acceptable in a draft: each function settles one field or says what is wrong with it.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use super::{Draft, Fleet, Objection, host};
use crate::console::expect::by_line;
use crate::fault::{Code, Failure};
use crate::guest::{Image, ImageStore, content, kernel_arch};
use crate::network::{self, NetworkError, Privilege};
use crate::vm::{
    Arch, BackendKind, DiskMode, MEM_SIZE_MIB, NetworkMode, PortForward, VCPU_COUNT, VmName,
};

/// Size of a VM's own layer, in MiB: up to 16 TiB, where ext4 with 4 KiB blocks ends.
const DISK_MIB: std::ops::RangeInclusive<u64> = 1..=16 << 20;
/// `COMMAND_LINE_SIZE` of x86 and arm64, the final zero included.
const LONGEST_COMMAND_LINE: usize = 2048;

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(Code::InvalidInput, message)
}

impl Fleet {
    /// Everything that is wrong with a draft, without making anything. Cheap: called as one types.
    pub fn check(&self, draft: &Draft) -> Vec<Objection> {
        let mut objections = Vec::new();
        let mut hold = |field, result: Result<(), Failure>| {
            if let Err(failure) = result {
                objections.push(Objection { field, failure });
            }
        };
        hold("name", self.check_name(draft));
        let backend = self.backend(draft);
        hold(
            "network",
            match &backend {
                Ok(resolved) => self.check_network(draft, resolved.backend),
                Err(_) => Ok(()),
            },
        );
        hold("backend", backend.map(drop));
        hold("accel", self.check_accel(draft));
        hold("cpus", self.vcpu_count(draft).map(drop));
        hold(
            "memory",
            self.mem_size_mib(draft, host::memory_mib()).map(drop),
        );
        hold("publish", self.check_ports(draft));
        let image = self.image(draft);
        let arch = arch(draft, image.as_ref().ok().and_then(Option::as_ref));
        hold(
            "disk_size",
            self.check_disk_size(draft, image.as_ref().ok()),
        );
        hold(
            "disk_mode",
            self.check_disk_mode(draft, image.as_ref().ok()),
        );
        hold("image", image.map(drop));
        hold(
            "kernel",
            kernel(draft, arch.as_ref().ok().copied()).map(drop),
        );
        hold("arch", arch.map(drop));
        hold("initrd", initrd(draft).map(drop));
        hold("rootfs", rootfs(draft).map(drop));
        hold("boot_args", check_boot_args(draft.boot_args.as_deref()));
        hold(
            "ready_pattern",
            check_pattern(draft.ready_pattern.as_deref()),
        );
        objections
    }

    fn check_name(&self, draft: &Draft) -> Result<(), Failure> {
        let Some(name) = &draft.name else {
            return Ok(());
        };
        let name: VmName = name.parse()?;
        if self.store.paths(&name).dir.exists() {
            return Err(crate::vm::StoreError::Exists(name).into());
        }
        Ok(())
    }

    /// The number of vCPUs.
    pub(super) fn vcpu_count(&self, draft: &Draft) -> Result<u32, Failure> {
        let count = draft.vcpu_count.unwrap_or(self.config.vcpu_count);
        if VCPU_COUNT.contains(&count) {
            return Ok(count);
        }
        let (least, most) = (VCPU_COUNT.start(), VCPU_COUNT.end());
        Err(invalid(format!("a VM cannot have {count} vCPUs"))
            .with_hint(format!("choose cpus from {least} to {most}")))
    }

    /// Memory in MiB.
    pub(super) fn mem_size_mib(&self, draft: &Draft, host: Option<u64>) -> Result<u64, Failure> {
        let size = draft.mem_size_mib.unwrap_or(self.config.mem_size_mib);
        let (least, highest) = (*MEM_SIZE_MIB.start(), *MEM_SIZE_MIB.end());
        let most = host.map_or(highest, |host| host.min(highest));
        if (least..=most).contains(&size) {
            return Ok(size);
        }
        let message = if size < least {
            format!("{size} MiB of memory are too little for a VM")
        } else if most == highest {
            format!("{size} MiB of memory are more than a VM can have")
        } else {
            format!("{size} MiB of memory are more than this host's {most} MiB")
        };
        Err(invalid(message).with_hint(format!("choose from {least} to {most} MiB")))
    }

    /// What happens to the root file system.
    pub(super) fn disk_mode(&self, draft: &Draft) -> DiskMode {
        draft.disk_mode.unwrap_or(self.config.disk_mode)
    }

    /// An image is never changed once made.
    fn check_disk_mode(&self, draft: &Draft, image: Option<&Option<Image>>) -> Result<(), Failure> {
        match image {
            Some(Some(Image {
                rootfs: Some(_),
                reference,
                ..
            })) if draft.rootfs.is_none() && self.disk_mode(draft) == DiskMode::Shared => {
                Err(invalid(format!(
                    "the disk of the image `{}` cannot be shared: images are never written to",
                    reference.name
                ))
                .with_hint(
                    "use `--disk-mode isolated`, or `--rootfs` with a copy of the disk to share",
                ))
            }
            _ => Ok(()),
        }
    }

    fn check_disk_size(&self, draft: &Draft, image: Option<&Option<Image>>) -> Result<(), Failure> {
        let Some(size) = draft.disk_size_mib else {
            return Ok(());
        };
        if !DISK_MIB.contains(&size) {
            return Err(
                invalid(format!("a disk cannot have {size} MiB")).with_hint(format!(
                    "choose from {} to {} MiB",
                    DISK_MIB.start(),
                    DISK_MIB.end()
                )),
            );
        }
        if self.disk_mode(draft) == DiskMode::Shared {
            return Err(invalid("a shared disk is as large as the image's own")
                .with_hint("leave the size out, or use `--disk-mode isolated`"));
        }
        let of_image = match image {
            Some(image) => image.as_ref().and_then(|image| image.rootfs.as_ref()),
            // Whatever is wrong with it is held against it already.
            None => return Ok(()),
        };
        let Some(base) = draft.rootfs.as_ref().or(of_image) else {
            return Err(invalid(
                "there is no disk to size: neither the image nor `--rootfs` brings one",
            )
            .with_hint("leave the size out"));
        };
        match content::check_disk(base) {
            Ok(disk) if disk.size > size << 20 => {
                let least = disk.size.div_ceil(1 << 20);
                Err(invalid(format!(
                    "a disk of {size} MiB is smaller than what is on it: `{}` has {least} MiB",
                    base.display()
                ))
                .with_hint(format!("choose {least} MiB or more, or leave the size out")))
            }
            // Held against the root file system, as above.
            _ => Ok(()),
        }
    }

    /// How a VM reaches the network.
    pub(super) fn network(&self, draft: &Draft) -> NetworkMode {
        draft.network.unwrap_or(self.config.network)
    }

    fn check_network(&self, draft: &Draft, backend: BackendKind) -> Result<(), Failure> {
        match (self.network(draft), backend) {
            (NetworkMode::Tap, _) => check_tap(network::permitted_lately(self.config.network_pool)),
            (NetworkMode::User, BackendKind::Firecracker) => {
                Err(invalid("firecracker has no user-mode network")
                    .with_hint("use `--backend qemu`, or `--network none`"))
            }
            // Without ports it starts without a network where that is not permitted.
            (NetworkMode::Auto, BackendKind::Firecracker) if !draft.publish.is_empty() => {
                check_tap(network::permitted_lately(self.config.network_pool))
            }
            (NetworkMode::None, _) if !draft.publish.is_empty() => {
                Err(invalid("a VM without network cannot publish ports")
                    .with_hint("leave `--publish` out, or use `--network user`"))
            }
            _ => Ok(()),
        }
    }

    fn check_ports(&self, draft: &Draft) -> Result<(), Failure> {
        if draft.publish.is_empty() {
            return Ok(());
        }
        let mut owners = BTreeMap::new();
        for vm in self.store.list()? {
            for forward in vm.spec.iter().flat_map(|spec| &spec.publish) {
                owners.insert(forward.host, vm.name.clone());
            }
        }
        let mut seen = Vec::new();
        for &PortForward { host, .. } in &draft.publish {
            if seen.contains(&host) {
                return Err(
                    invalid(format!("port {host} of this host is published twice"))
                        .with_hint("give each port of the guest a port of its own"),
                );
            }
            seen.push(host);
            if let Some(owner) = owners.get(&host) {
                return Err(invalid(format!(
                    "port {host} of this host is published by VM `{owner}`"
                ))
                .with_hint(format!(
                    "choose another port, or remove that VM with `smolvm-tui rm {owner}`"
                )));
            }
            check_port_free(host)?;
        }
        Ok(())
    }

    /// The image to boot; none when a kernel is given without one.
    pub(super) fn image(&self, draft: &Draft) -> Result<Option<Image>, Failure> {
        let name = match (&draft.image, &draft.kernel) {
            (Some(name), _) => name,
            (None, Some(_)) => return Ok(None),
            (None, None) => &self.config.image,
        };
        Ok(Some(ImageStore::new(self.store.images_dir()).latest(name)?))
    }
}

/// The architecture of the guest: as asked, else the image's, else the host's.
pub(super) fn arch(draft: &Draft, image: Option<&Image>) -> Result<Arch, Failure> {
    match (draft.arch, image) {
        (Some(asked), Some(image)) if asked != image.arch && draft.kernel.is_none() => {
            Err(invalid(format!(
                "the image `{}` is for {}, not for {asked}",
                image.reference.name, image.arch
            ))
            .with_hint("leave the architecture out, or choose another image"))
        }
        (Some(asked), _) => Ok(asked),
        (None, Some(image)) => Ok(image.arch),
        (None, None) => Arch::host().ok_or_else(|| {
            invalid("this host's architecture is none that a guest can have")
                .with_hint("say `--arch x86_64` or `--arch aarch64`")
        }),
    }
}

/// The kernel in place of the image's, absolute: it must be one.
pub(super) fn kernel(draft: &Draft, arch: Option<Arch>) -> Result<Option<PathBuf>, Failure> {
    let Some(path) = draft.kernel.as_deref() else {
        return Ok(None);
    };
    let of = kernel_arch(content::open("the kernel", path)?)
        .map_err(|error| invalid(format!("could not read `{}`: {error}", path.display())))?;
    let Some(of) = of else {
        return Err(
            invalid(format!("`{}` is no Linux kernel", path.display())).with_hint(
                "give an ELF `vmlinux`, a `bzImage` (often named `vmlinuz`), or arm64's `Image`",
            ),
        );
    };
    match arch {
        Some(arch) if arch != of => Err(invalid(format!(
            "the kernel `{}` is for {of}, not for {arch}",
            path.display()
        ))
        .with_hint(format!("say `--arch {of}`, or give another kernel"))),
        _ => absolute(path).map(Some),
    }
}

/// The initial RAM file system in place of the image's, absolute.
pub(super) fn initrd(draft: &Draft) -> Result<Option<PathBuf>, Failure> {
    let check = |path: &PathBuf| -> Result<PathBuf, Failure> {
        content::check_initrd(path)?;
        absolute(path)
    };
    draft.initrd.as_ref().map(check).transpose()
}

/// The root file system in place of the image's, absolute.
pub(super) fn rootfs(draft: &Draft) -> Result<Option<PathBuf>, Failure> {
    let check = |path: &PathBuf| -> Result<PathBuf, Failure> {
        content::check_disk(path)?;
        absolute(path)
    };
    draft.rootfs.as_ref().map(check).transpose()
}

/// Shims run in `/`.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| invalid(format!("could not find `{}`: {error}", path.display())))
}

/// A device that could not be made at the start is told now.
fn check_tap(permitted: Result<Privilege, String>) -> Result<(), Failure> {
    permitted
        .map(drop)
        .map_err(|why| NetworkError::NotPermitted(why).into())
}

fn check_port_free(port: u16) -> Result<(), Failure> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(invalid(format!(
            "port {port} of this host needs privileges"
        ))
        .with_hint("choose a port from 1024 on")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(invalid(format!(
            "port {port} of this host is taken already"
        ))
        .with_hint("choose another port")),
        Err(error) => Err(invalid(format!(
            "could not use port {port} of this host: {error}"
        ))),
    }
}

fn check_boot_args(boot_args: Option<&str>) -> Result<(), Failure> {
    let Some(text) = boot_args else {
        return Ok(());
    };
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(
            invalid(format!("the kernel's command line contains {control:?}"))
                .with_hint("separate arguments with spaces"),
        );
    }
    if text.len() >= LONGEST_COMMAND_LINE {
        return Err(invalid(format!(
            "the kernel's command line has {} bytes, at most {} are kept by a kernel",
            text.len(),
            LONGEST_COMMAND_LINE - 1
        )));
    }
    Ok(())
}

fn check_pattern(pattern: Option<&str>) -> Result<(), Failure> {
    match pattern.map(by_line) {
        Some(Err(error)) => Err(
            invalid("the pattern that says ready is no regular expression")
                .with_details(Failure::from(error).message),
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
