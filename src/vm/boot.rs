//! The boot timeline: when each phase of one boot came, on the host's monotonic clock.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Accel, BackendKind, VmName};

/// One milestone of a boot. The order of the variants is the order in which they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootPhase {
    /// The VMM process was spawned: the zero of all offsets.
    Spawned,
    /// The VMM answers on its control socket.
    VmmReady,
    /// The VMM was told to run the vCPUs, and said that it does.
    Started,
    /// The first byte came over the serial line.
    FirstByte,
    /// The kernel's `Linux version` line.
    Kernel,
    /// The kernel's `Run … as init process` line.
    Init,
    /// The guest said that it is ready: the agent's hello, else a configured pattern.
    Ready,
}

impl BootPhase {
    /// All phases in order.
    pub const ALL: [Self; 7] = [
        Self::Spawned,
        Self::VmmReady,
        Self::Started,
        Self::FirstByte,
        Self::Kernel,
        Self::Init,
        Self::Ready,
    ];

    /// The word for it, as in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Spawned => "spawned",
            Self::VmmReady => "vmm_ready",
            Self::Started => "started",
            Self::FirstByte => "first_byte",
            Self::Kernel => "kernel",
            Self::Init => "init",
            Self::Ready => "ready",
        }
    }
}

/// Offsets from *spawned* in µs; a phase that did not happen is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootPhases {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spawned: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vmm_ready: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_byte: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kernel: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    init: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ready: Option<u64>,
}

impl BootPhases {
    fn slot(&mut self, phase: BootPhase) -> &mut Option<u64> {
        match phase {
            BootPhase::Spawned => &mut self.spawned,
            BootPhase::VmmReady => &mut self.vmm_ready,
            BootPhase::Started => &mut self.started,
            BootPhase::FirstByte => &mut self.first_byte,
            BootPhase::Kernel => &mut self.kernel,
            BootPhase::Init => &mut self.init,
            BootPhase::Ready => &mut self.ready,
        }
    }

    /// Offset of `phase` in µs from *spawned*, if it happened.
    pub fn get(&self, phase: BootPhase) -> Option<u64> {
        let mut copy = *self;
        *copy.slot(phase)
    }

    /// Notes that `phase` happened `offset_us` µs after *spawned*. The first time counts; `false`
    /// says that it had been noted before.
    pub fn stamp(&mut self, phase: BootPhase, offset_us: u64) -> bool {
        let slot = self.slot(phase);
        if slot.is_some() {
            return false;
        }
        *slot = Some(offset_us);
        true
    }

    /// The phases that happened, in order, with their offsets in µs.
    pub fn iter(&self) -> impl Iterator<Item = (BootPhase, u64)> + '_ {
        BootPhase::ALL
            .into_iter()
            .filter_map(|phase| Some((phase, self.get(phase)?)))
    }
}

/// No agent of ours has more stages; the guest is hostile.
const MOST_STAGES: usize = 16;

/// The longest name of a stage, in bytes.
const LONGEST_STAGE: usize = 32;

/// What the guest says of its own boot: name and time of each stage in µs since its kernel started,
/// the earliest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestStages(Vec<(String, u64)>);

impl GuestStages {
    /// Keeps the stages that the agent named, as far as they are such: few, with short plain names.
    pub fn new(said: impl IntoIterator<Item = (String, u64)>) -> Self {
        let mut stages: Vec<_> = said
            .into_iter()
            .filter(|(name, _)| is_stage(name))
            .take(MOST_STAGES)
            .collect();
        stages.sort_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
        Self(stages)
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Name and time of each stage.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, at_us)| (name.as_str(), *at_us))
    }
}

/// Names end up on terminals and as keys of JSON.
fn is_stage(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.len() <= LONGEST_STAGE && name.bytes().all(plain)
}

impl Serialize for GuestStages {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for GuestStages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::collections::BTreeMap::deserialize(deserializer).map(Self::new)
    }
}

/// How a boot went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BootResult {
    /// Not decided yet: the VM runs and has not said that it is ready.
    Booting,
    /// The guest said that it is ready.
    Ready,
    /// The VM was stopped or powered off before it was ready.
    Stopped,
    /// The VM ended by itself before it was ready.
    Crashed,
    /// The VMM could not be started.
    Failed,
}

/// The programs that took part in a boot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// This program's version.
    pub smolvm_tui: String,
    /// The VMM's own version, such as `7.2.22`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vmm: Option<String>,
}

/// One boot of one VM: a line of `boots.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootRecord {
    /// Ordinal of this boot among the boots of its VM, from 1.
    pub id: u64,
    /// The VM's name.
    pub vm: VmName,
    /// The VM's identity, so that a later VM of the same name does not inherit this boot.
    pub vm_id: String,
    /// Wall clock at *spawned*.
    pub at: jiff::Timestamp,
    /// Who ran it.
    pub backend: BackendKind,
    /// What executed its instructions.
    pub accel: Accel,
    /// How it went.
    pub result: BootResult,
    /// When each phase came.
    pub phases: BootPhases,
    /// The stages of the guest's agent, on the guest's own clock: no offsets that compare with the
    /// phases.
    #[serde(default, skip_serializing_if = "GuestStages::is_empty")]
    pub guest_stages: GuestStages,
    /// Digest of the image, when one was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The kernel's command line.
    pub boot_args: String,
    /// vCPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub mem_size_mib: u64,
    /// Offset in the serial log at which this boot's output begins, in bytes.
    pub console_offset: u64,
    /// The programs that took part.
    pub versions: Versions,
}

#[cfg(test)]
mod tests {
    use super::*;

    impl BootRecord {
        /// The boot with that number, for tests: of the VM `web`, ready, no phase stamped.
        pub(crate) fn sample(id: u64) -> Self {
            Self {
                id,
                vm: "web".parse().unwrap(),
                vm_id: "0badcafe".to_owned(),
                at: jiff::Timestamp::UNIX_EPOCH,
                backend: BackendKind::Qemu,
                accel: Accel::Tcg,
                result: BootResult::Ready,
                phases: BootPhases::default(),
                guest_stages: GuestStages::default(),
                image: None,
                boot_args: String::new(),
                cpus: 1,
                mem_size_mib: 256,
                console_offset: 0,
                versions: Versions::default(),
            }
        }
    }

    #[test]
    fn a_phase_keeps_its_first_stamp_and_absent_phases_stay_absent_in_json() {
        let mut phases = BootPhases::default();
        assert!(phases.stamp(BootPhase::Spawned, 0));
        assert!(phases.stamp(BootPhase::Kernel, 200));
        assert!(!phases.stamp(BootPhase::Kernel, 300));
        let json = serde_json::to_string(&phases).unwrap();
        assert_eq!(json, r#"{"spawned":0,"kernel":200}"#);
        let order: Vec<_> = phases.iter().collect();
        assert_eq!(order, [(BootPhase::Spawned, 0), (BootPhase::Kernel, 200)]);
    }

    #[test]
    fn stages_come_in_their_order_and_what_is_none_is_left_out() {
        let said = |stages: &[(&str, u64)]| {
            GuestStages::new(stages.iter().map(|&(name, at)| (name.to_owned(), at)))
        };
        let long = "x".repeat(LONGEST_STAGE + 1);
        let stages = said(&[
            ("ready", 30),
            ("init", 10),
            ("", 1),
            ("Shell", 2),
            ("a b", 3),
            ("\u{1b}[2J", 4),
            (&long, 5),
            ("modules", 20),
        ]);
        let json = serde_json::to_string(&stages).unwrap();
        assert_eq!(json, r#"{"init":10,"modules":20,"ready":30}"#);
        assert_eq!(serde_json::from_str::<GuestStages>(&json).unwrap(), stages);

        let many = (0..1000).map(|number| (format!("s{number}"), number));
        assert_eq!(GuestStages::new(many).iter().count(), MOST_STAGES);
    }
}
