//! Hosts that are not at hand, and how each check takes them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use super::host::{Entry, Host, ImageState, Kernel, KnownVm};
use super::run::examine_host;
use super::*;
use crate::backends::kvm;
use crate::backends::resolve::{Resolved, Runnable};
use crate::network::{Leftover, Pool, Privilege};
use crate::sampler::HostMemory;
use crate::vm::{BackendKind, Store};

mod contract;
mod fake;
mod hypervisor;
mod leftovers;
mod network;
mod places;
mod programs;
mod run;
mod terminal;
mod text;
mod trial;
mod worker;

use fake::FakeHost;

use BackendKind::{Firecracker, Qemu};
use Status::{Fail, Pass, Skip, Warn};

const ROOT: &str = "/home/ann/.local/state/smolvm-tui";
const RUN: &str = "/home/ann/.local/state/smolvm-tui/run";
const ANN: u32 = 1000;
const KVM_GROUP: u32 = 106;
const GIB: u64 = 1 << 30;
const ACCEL_HELP: &str = "qemu-system-x86_64 -accel help";
const SANDBOXED: &str = "qemu-system-x86_64 -sandbox on,obsolete=deny,elevateprivileges=deny,\
                         spawn=deny,resourcecontrol=deny -accel help";

fn examination(backend: BackendKind) -> Examination {
    let resolved = Resolved {
        requested: backend.to_string(),
        backend,
        reason: "--backend says so".to_owned(),
    };
    Examination::new(
        Store::locate(Some(Path::new(ROOT))).unwrap(),
        resolved,
        Pool::default(),
    )
}

/// Long enough for any machine: only what hangs takes it.
const PATIENCE: Duration = Duration::from_mins(1);

fn report_on(host: &FakeHost, examination: &Examination) -> Report {
    examine_host(examination, host.clone(), PATIENCE, None)
}

fn report(host: &FakeHost, backend: BackendKind) -> Report {
    report_on(host, &examination(backend))
}

fn named<'r>(report: &'r Report, name: &str) -> &'r Finding {
    let found = report.checks.iter().find(|finding| finding.name == name);
    found.unwrap_or_else(|| panic!("no check is named {name}"))
}

/// The finding of one check.
fn finding(host: &FakeHost, backend: BackendKind, name: &str) -> Finding {
    named(&report(host, backend), name).clone()
}

/// Asserts how a finding came out; `words` are in its detail or its fix.
#[track_caller]
fn expect_found(found: &Finding, status: Status, words: &str) {
    assert_eq!(found.status, status, "{found:?}");
    let fix = found.fix.as_ref().map(Fix::to_string);
    let said = format!("{}\n{}", found.detail, fix.unwrap_or_default());
    assert!(said.contains(words), "{found:?} does not say {words}");
    let is_problem = matches!(status, Warn | Fail);
    assert_eq!(found.fix.is_some(), is_problem, "{found:?}");
}

/// Asserts how a check comes out; `words` are in its detail or its fix.
#[track_caller]
fn expect(host: &FakeHost, backend: BackendKind, name: &str, status: Status, words: &str) {
    expect_found(&finding(host, backend, name), status, words);
}

/// What breaks a sound host, how the check then comes out, and what it says.
type Row<'a> = (&'a dyn Fn(&mut FakeHost), Status, &'a str);

/// Asserts how a check takes each of several broken hosts.
#[track_caller]
fn table(name: &str, backend: BackendKind, rows: &[Row<'_>]) {
    for (change, status, words) in rows {
        expect(
            &FakeHost::sound().with(change),
            backend,
            name,
            *status,
            words,
        );
    }
}
