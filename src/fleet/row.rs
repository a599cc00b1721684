//! A VM as `ls`, `info` and the answers of `start`, `stop` and the like show it.

use std::path::PathBuf;

use serde::Serialize;

use super::{Fleet, host};
use crate::fault::Failure;
use crate::network::{self, Tap};
use crate::sampler::{self, Silence};
use crate::shim::server;
use crate::vm::{
    Accel, ApiCall, BackendKind, BootPhase, BootRecord, Exit, Figures, Invocation, Phase, Vm,
    VmSpec,
};

/// One row of `ls --json`. What is not known or does not apply is `null`, never a guess.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct VmRow {
    /// Its name, or what the user took for one.
    pub name: String,
    /// Absent only when there is no such VM.
    pub phase: Option<Phase>,
    /// Who runs it.
    pub backend: Option<BackendKind>,
    /// What executes its instructions, or last did.
    pub accel: Option<Accel>,
    /// The VMM's pid while it lives.
    pub pid: Option<u32>,
    /// vCPUs.
    pub cpus: Option<u32>,
    /// Memory in MiB.
    pub mem_size_mib: Option<u64>,
    /// CPU time over uptime, in percent of one core.
    pub cpu_percent: Option<f64>,
    /// Memory of the VMM resident, in bytes.
    pub rss_bytes: Option<u64>,
    /// Of the guest's memory, what is resident, in bytes, where the host tells it apart.
    pub guest_memory_bytes: Option<u64>,
    /// Milliseconds since the VMM started.
    pub uptime_ms: Option<u64>,
    /// Whether the guest of the boot under way said that it is ready.
    pub ready: bool,
    /// From *spawned* to *ready* of the last boot, when it came so far, in ms.
    pub last_boot_ms: Option<u64>,
    /// How it ended, when its phase says that it did.
    pub exit: Option<Exit>,
    /// What is wrong with it, or with what was asked of it.
    pub error: Option<String>,
    /// Whether the host's check doubts the accelerator, which was taken all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accel_doubted: bool,
    /// Milliseconds that the guest has run without a word on its serial line, while that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent_ms: Option<u64>,
    /// The likely cause when that lasts for long, where it was measured: `emulated_kvm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent_cause: Option<&'static str>,
    /// The same for people: a silence that lasts for long.
    #[serde(skip)]
    pub silence: Option<Silence>,
}

/// Where the files of a VM are, as `info` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paths {
    /// The VM's directory.
    pub dir: PathBuf,
    /// What was asked for.
    pub spec: PathBuf,
    /// What became of it.
    pub state: PathBuf,
    /// Serial output.
    pub console_log: PathBuf,
    /// The VMM's own words.
    pub vmm_log: PathBuf,
    /// Its sockets, while it lives.
    pub run_dir: Option<PathBuf>,
}

/// Everything known of one VM: `info --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VmDetails {
    /// The row of `ls`.
    #[serde(flatten)]
    pub row: VmRow,
    /// Why that backend was chosen when the VM was made, as a clause.
    pub backend_reason: Option<String>,
    /// Why that accelerator was taken, as a clause.
    pub accel_reason: Option<String>,
    /// Its TAP device, while it has one.
    pub tap: Option<Tap>,
    /// What there is to say of its network, as a clause.
    pub network: Option<String>,
    /// The VMM's command line as it was last run; before the first start, as it would be now, and
    /// empty where that is not known.
    pub argv: Vec<String>,
    /// The calls of its API that set it up; empty for a VMM without one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_calls: Vec<ApiCall>,
    /// What its VMM counts, while it runs and tells.
    pub metrics: Option<Figures>,
    /// Its files.
    pub paths: Paths,
    /// Its boots, oldest first, the one under way included.
    pub boots: Vec<BootRecord>,
    /// What was asked for, if that can be read.
    pub spec: Option<VmSpec>,
    /// The way out of `error`.
    pub recovery: Option<String>,
}

/// The row of a VM, with figures read now.
pub fn row(vm: &Vm) -> VmRow {
    let spec = vm.spec.as_ref();
    let state = &vm.state;
    let live = vm.phase.is_live();
    let vmm = state.vmm.filter(|_| live);
    let figures = vmm
        .map(|vmm| host::figures(vmm, spec.map(|spec| spec.mem_size_mib)))
        .unwrap_or_default();
    let ready_us = state
        .boot
        .as_ref()
        .and_then(|boot| boot.phases.get(BootPhase::Ready));
    let now = jiff::Timestamp::now();
    let silent = vm.silent_for(now);
    // Nothing is read of a guest that said something.
    let vcpus = silent
        .zip(vmm)
        .and_then(|(_, vmm)| sampler::vcpu_times(vmm, &state.vcpu_threads));
    let silence = Silence::of(vm, now, vcpus);
    VmRow {
        name: vm.name.to_string(),
        phase: Some(vm.phase),
        backend: state.backend.or(spec.map(|spec| spec.backend)),
        accel: state.accel.or(spec.and_then(|spec| spec.accel)),
        accel_doubted: state.accel_doubted,
        pid: vmm.map(|process| process.pid),
        cpus: spec.map(|spec| spec.vcpu_count),
        mem_size_mib: spec.map(|spec| spec.mem_size_mib),
        cpu_percent: figures
            .cpu_percent
            .map(|percent| (percent * 10.0).round() / 10.0),
        rss_bytes: figures.rss_bytes,
        guest_memory_bytes: figures.guest_memory_bytes,
        uptime_ms: figures
            .uptime
            .and_then(|uptime| uptime.as_millis().try_into().ok()),
        ready: live && state.ready,
        silent_ms: silent.and_then(|silent| silent.as_millis().try_into().ok()),
        silent_cause: silence.and_then(|silence| silence.cause()),
        silence,
        last_boot_ms: ready_us.map(|us| us / 1000),
        exit: vm.exit().cloned(),
        error: vm.problem.as_ref().map(|problem| problem.message.clone()),
    }
}

/// Everything known of one VM.
pub fn details(fleet: &Fleet, vm: &Vm) -> Result<VmDetails, Failure> {
    let paths = fleet.store.paths(&vm.name);
    let invocation = fleet.invocation(vm).unwrap_or_default();
    Ok(VmDetails {
        row: row(vm),
        backend_reason: vm
            .spec
            .as_ref()
            .and_then(|spec| spec.backend_reason.clone()),
        accel_reason: vm.state.accel_reason.clone(),
        tap: vm
            .spec
            .as_ref()
            .and_then(|spec| network::recorded(&fleet.store, &spec.id))
            .map(|record| record.tap),
        network: vm.state.network.clone(),
        argv: invocation.argv,
        api_calls: invocation.api_calls,
        metrics: None,
        paths: Paths {
            dir: paths.dir,
            spec: paths.spec,
            state: paths.state,
            console_log: paths.console_log,
            vmm_log: paths.vmm_log,
            run_dir: vm.state.run_dir.clone().filter(|_| vm.phase.is_live()),
        },
        boots: fleet.boots(vm)?,
        spec: vm.spec.clone(),
        recovery: vm.problem.as_ref().and_then(|problem| problem.hint.clone()),
    })
}

impl Fleet {
    /// By what the VM was last started; before the first start, by what it would be now. That may
    /// block for as long as a VMM takes to tell its version.
    pub fn invocation(&self, vm: &Vm) -> Result<Invocation, Failure> {
        match &vm.spec {
            Some(spec) if vm.state.argv.is_empty() => {
                server::invocation(&self.store, &vm.name, spec)
            }
            _ => Ok(Invocation {
                argv: vm.state.argv.clone(),
                api_calls: vm.state.api_calls.clone(),
            }),
        }
    }
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
