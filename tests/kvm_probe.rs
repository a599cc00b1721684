//! The KVM probe as `create`, `start` and `doctor` run it: in a child process of the real program.

#![cfg(test)]

use std::process::Command;

use smolvm_tui::backends::kvm::{SUBCOMMAND, Verdict, probe_by};

#[test]
fn the_probe_comes_to_a_verdict_on_this_host() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smolvm-tui"));
    command.arg(SUBCOMMAND);
    let probe = probe_by(command);
    // Which one depends on the host; that the child ran and spoke does not.
    match &probe.verdict {
        Verdict::Broken { evidence } => assert!(!evidence.contains("no VM was made"), "{evidence}"),
        Verdict::Emulates { evidence } => assert!(!evidence.is_empty()),
        Verdict::Works if cfg!(target_arch = "x86_64") => assert!(probe.lap.is_some()),
        Verdict::Absent => assert!(!std::path::Path::new("/dev/kvm").exists()),
        Verdict::Works | Verdict::Unprobed | Verdict::Denied { .. } | Verdict::Occupied => {}
    }
}
