//! Which boots may be compared with which.

use super::{BootPhase, BootRecord, BootResult, Spread};

/// Arguments that tell a guest who it is and where. They differ from VM to VM and cost no time.
const IDENTITY: &[&str] = &[
    "smolvm.name=",
    "smolvm.ip=",
    "smolvm.gw=",
    "smolvm.dns=",
    "ip=",
];

impl BootRecord {
    /// Whether both were boots of the same guest, set up in the same way, on the same backend and
    /// accelerator: what differs in their times is no matter of what was asked for. The programs'
    /// versions may differ, so that a slower one is seen.
    pub fn is_alike(&self, other: &Self) -> bool {
        self.is_same_guest(other)
            && (self.backend, self.accel) == (other.backend, other.accel)
            && self.cpu_model == other.cpu_model
            && self.arguments().eq(other.arguments())
    }

    /// Whether both were boots of the same guest with another backend or accelerator. Each has
    /// arguments of its own for the kernel.
    pub fn is_elsewhere(&self, other: &Self) -> bool {
        self.is_same_guest(other) && (self.backend, self.accel) != (other.backend, other.accel)
    }

    /// What was booted, for people: `tiny@68b58f26`, else the first of the files.
    pub fn content(&self) -> String {
        const DIGEST: usize = 8;
        let digest = self.image.as_deref();
        let digest = digest.map(|digest| digest.get(..DIGEST).unwrap_or(digest));
        match (&self.image_name, digest) {
            (Some(name), Some(digest)) => format!("{name}@{digest}"),
            (None, Some(digest)) => digest.to_owned(),
            _ => match self.own_files.first() {
                Some(file) => file.display().to_string(),
                None => "–".to_owned(),
            },
        }
    }

    /// Whether the guest came to be ready.
    pub fn was_ready(&self) -> bool {
        self.result == BootResult::Ready && self.phases.get(BootPhase::Ready).is_some()
    }

    fn is_same_guest(&self, other: &Self) -> bool {
        self.image == other.image
            && self.own_files == other.own_files
            && (self.cpus, self.mem_size_mib) == (other.cpus, other.mem_size_mib)
    }

    /// The kernel's arguments without those that only tell VMs apart.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        let tells_apart = |word: &&str| IDENTITY.iter().any(|begin| word.starts_with(begin));
        self.boot_args
            .split_ascii_whitespace()
            .filter(move |word| !tells_apart(word))
    }
}

/// Boots that are all alike, in the order in which they were given.
#[derive(Clone, Debug)]
pub struct Alike<'a>(Vec<&'a BootRecord>);

impl<'a> Alike<'a> {
    /// Divides boots into those that are alike; the group whose first boot comes first is first.
    pub fn groups(boots: impl IntoIterator<Item = &'a BootRecord>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for boot in boots {
            match groups.iter_mut().find(|group| group.first().is_alike(boot)) {
                Some(group) => group.0.push(boot),
                None => groups.push(Self(vec![boot])),
            }
        }
        groups
    }

    /// What they all are.
    pub fn first(&self) -> &'a BootRecord {
        self.0[0]
    }

    /// The boots.
    pub fn boots(&self) -> &[&'a BootRecord] {
        &self.0
    }

    /// When `phase` came, in µs after *spawned*, in those that came to be ready.
    pub fn spread(&self, phase: BootPhase) -> Option<Spread> {
        let ready = self.0.iter().filter(|boot| boot.was_ready());
        Spread::of(ready.filter_map(|boot| boot.phases.get(phase)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::{Accel, BackendKind, CpuModel};

    fn boot(change: impl FnOnce(&mut BootRecord)) -> BootRecord {
        let mut boot = BootRecord::sample(1);
        boot.image = Some("abc".to_owned());
        boot.boot_args = "console=ttyS0 panic=-1 smolvm.name=web smolvm.ip=10.0.2.15/24".to_owned();
        change(&mut boot);
        boot
    }

    #[test]
    fn boots_are_alike_when_nothing_but_their_vms_differs() {
        let one = boot(|_| {});
        assert!(one.is_alike(&boot(|other| {
            other.vm = "db".parse().unwrap();
            other.vm_id = "11111111".to_owned();
            other.boot_args = "console=ttyS0 panic=-1 smolvm.name=db smolvm.ip=10.0.2.9/24".into();
            other.versions.smolvm_tui = "9".to_owned();
        })));
        let changes: [fn(&mut BootRecord); 8] = [
            |other| other.image = None,
            |other| other.boot_args.push_str(" quiet"),
            |other| other.cpus = 2,
            |other| other.mem_size_mib = 512,
            |other| other.backend = BackendKind::Firecracker,
            |other| other.accel = Accel::Kvm,
            |other| other.cpu_model = Some(CpuModel::Max),
            |other| other.own_files = vec!["/vmlinux".into()],
        ];
        for (index, change) in changes.into_iter().enumerate() {
            assert!(!one.is_alike(&boot(change)), "change {index}");
        }
    }

    #[test]
    fn the_same_guest_elsewhere_has_another_backend_or_accelerator_and_its_own_arguments() {
        let one = boot(|_| {});
        assert!(!one.is_elsewhere(&one));
        assert!(one.is_elsewhere(&boot(|other| {
            other.accel = Accel::Kvm;
            other.boot_args = "console=ttyS0".to_owned();
        })));
        assert!(!one.is_elsewhere(&boot(|other| {
            other.accel = Accel::Kvm;
            other.image = Some("def".to_owned());
        })));
    }

    #[test]
    fn groups_keep_the_order_and_count_only_what_came_to_be_ready() {
        let ready = |id, args: &str, us| {
            let mut boot = BootRecord::sample(id);
            boot.boot_args = args.to_owned();
            boot.phases.stamp(BootPhase::Ready, us);
            boot
        };
        let mut failed = ready(4, "a", 1);
        failed.result = BootResult::Crashed;
        let boots = [
            ready(1, "a", 100),
            ready(2, "b", 7),
            ready(3, "a", 300),
            failed,
        ];
        let groups = Alike::groups(&boots);
        let ids = |group: &Alike<'_>| group.boots().iter().map(|boot| boot.id).collect::<Vec<_>>();
        assert_eq!(
            groups.iter().map(ids).collect::<Vec<_>>(),
            [vec![1, 3, 4], vec![2]]
        );
        let spread = groups[0].spread(BootPhase::Ready).unwrap();
        assert_eq!((spread.n, spread.p50), (2, 200));
        assert_eq!(groups[0].spread(BootPhase::Kernel), None);
    }
}
