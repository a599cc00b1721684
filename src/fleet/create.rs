//! Making a VM.

use super::{Draft, Fleet, Objection, check, host};
use crate::fault::Failure;
use crate::network::Pool;
use crate::vm::{SPEC_VERSION, VmName, VmSpec};

impl Fleet {
    /// Makes a VM; nothing half-made stays when it fails.
    pub fn create(&self, draft: &Draft) -> Result<VmName, Failure> {
        let mut objections = self.check(draft).into_iter();
        if let Some(first) = objections.next() {
            return Err(with_others(first.failure, objections));
        }
        let spec = self.spec(draft)?;
        let name = match &draft.name {
            Some(name) => name.parse()?,
            None => self.free_name()?,
        };
        self.store.register(&name, &spec)?.commit()?;
        self.sweep();
        Ok(name)
    }

    /// The spec that a draft comes to.
    fn spec(&self, draft: &Draft) -> Result<VmSpec, Failure> {
        let image = self.image(draft)?;
        let arch = check::arch(draft, image.as_ref())?;
        let resolved = self.backend(draft)?;
        Ok(VmSpec {
            version: SPEC_VERSION,
            id: format!("{:08x}", fastrand::u32(..)),
            created_at: jiff::Timestamp::now(),
            backend: resolved.backend,
            backend_reason: Some(resolved.told()),
            accel: draft.accel.or(self.config.accel),
            arch,
            vcpu_count: self.vcpu_count(draft)?,
            mem_size_mib: self.mem_size_mib(draft, host::memory_mib())?,
            cpu_model: draft.cpu_model.unwrap_or(self.config.cpu_model),
            image: image.map(|image| image.reference),
            kernel: check::kernel(draft, Some(arch))?,
            initrd: check::initrd(draft)?,
            rootfs: check::rootfs(draft)?,
            boot_args: draft.boot_args.clone(),
            disk_mode: self.disk_mode(draft),
            disk_size_mib: draft.disk_size_mib,
            network: self.network(draft),
            network_pool: (self.config.network_pool != Pool::default())
                .then(|| self.config.network_pool.to_string()),
            publish: draft.publish.clone(),
            ready_pattern: draft.ready_pattern.clone(),
        })
    }
}

/// The first objection, with the others as its details.
fn with_others(first: Failure, others: impl Iterator<Item = Objection>) -> Failure {
    let lines: Vec<String> = others
        .map(|objection| format!("also: {}", objection.failure.message))
        .collect();
    if lines.is_empty() {
        return first;
    }
    let details = first.details.iter().cloned().chain(lines);
    let details = details.collect::<Vec<_>>().join("\n");
    first.with_details(details)
}

#[cfg(test)]
#[path = "create_tests.rs"]
mod tests;
