//! The kernel's command line.

use crate::backends::Launch;
use crate::backends::boot_args::{for_the_guest, talkative};
use crate::vm::{Arch, NetworkMode};

/// The addresses of QEMU's user-mode network (QEMU manual, "Using the user mode network stack").
const USER_NETWORK: &str = "smolvm.ip=10.0.2.15/24 smolvm.gw=10.0.2.2 smolvm.dns=10.0.2.3";

/// What shortens an emulated boot of a stock x86-64 kernel, and what a boot takes longer without it
/// (Debian's 6.1 cloud kernel, all others set, median of seven or more):
///
/// | without | what it leaves out | longer by |
/// |---|---|--:|
/// | `cryptomgr.notests` | tests of all ciphers | 34 % |
/// | `noreplace-smp` | patching 20,000 lock prefixes, each of which is translated anew | 16 % |
/// | `nolapic_timer` | calibrating the local timer for 100 ms; the HPET serves one CPU as well | 13 % |
/// | `initcall_blacklist` | two passes over the tables for tracing, see [`TRACING`] | 5 % |
///
/// `tsc=reliable`, `tsc_early_khz`, `no_timer_check`, `8250.nr_uarts`, `i8042.*`, `audit`, `apparmor`,
/// `init_on_alloc=0`, `mitigations=off` and `rcupdate.rcu_expedited` made no difference that could be
/// measured.
const EMULATED: &[&str] = &["cryptomgr.notests", "noreplace-smp", TRACING];
const EMULATED_ONE_CPU: &str = "nolapic_timer";

/// Tracing works without them (Linux, `kernel/trace/`). The first looks up each of 38,000 functions
/// by name, so that `available_filter_functions` leaves out those that the linker dropped; the
/// second writes the values of enumerations into the events' `format` files in place of their names.
/// A kernel that has no such functions takes no notice.
const TRACING: &str = "initcall_blacklist=ftrace_check_for_weak_functions,trace_eval_init";

/// The kernel's command line for `launch`: the spec's own words if it has any, to the letter
/// unless the kernel is to be talkative.
pub fn boot_args(launch: &Launch) -> String {
    let spec = &launch.spec;
    if let Some(args) = &spec.boot_args {
        return talkative(launch, args.clone());
    }
    let mut args = vec![
        format!("console={}", spec.arch.serial_tty()),
        // A panic or reboot resets the machine at once, and the reset ends the VM.
        "panic=-1".to_owned(),
    ];
    if spec.arch == Arch::X86_64 {
        // By triple fault: at once and on every machine.
        args.push("reboot=t".to_owned());
        if launch.accel.is_emulated() {
            args.extend(EMULATED.iter().map(|&arg| arg.to_owned()));
            if spec.vcpu_count == 1 {
                args.push(EMULATED_ONE_CPU.to_owned());
            }
        }
    }
    let network = match &launch.tap {
        Some(tap) => Some(tap.agent_args()),
        None => (spec.network != NetworkMode::None).then(|| USER_NETWORK.to_owned()),
    };
    args.extend(for_the_guest(launch, network));
    talkative(launch, args.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::sample;
    use crate::vm::Accel;
    use std::path::Path;

    #[test]
    fn an_emulated_guest_with_our_agent_is_told_all_it_needs() {
        let launch = sample::launch(Path::new("/d"));
        assert_eq!(
            boot_args(&launch),
            "console=ttyS0 panic=-1 reboot=t cryptomgr.notests noreplace-smp \
             initcall_blacklist=ftrace_check_for_weak_functions,trace_eval_init \
             nolapic_timer smolvm.name=web smolvm.ip=10.0.2.15/24 smolvm.gw=10.0.2.2 smolvm.dns=10.0.2.3"
        );
    }

    #[test]
    fn two_cpus_need_their_own_timers_and_kvm_needs_no_tricks() {
        let mut launch = sample::launch(Path::new("/d"));
        launch.spec.network = NetworkMode::None;
        launch.spec.vcpu_count = 2;
        assert!(!boot_args(&launch).contains("nolapic_timer"));
        launch.accel = Accel::Kvm;
        assert_eq!(
            boot_args(&launch),
            "console=ttyS0 panic=-1 reboot=t smolvm.name=web"
        );
        launch.spec.arch = Arch::Aarch64;
        assert_eq!(
            boot_args(&launch),
            "console=ttyAMA0 panic=-1 smolvm.name=web"
        );
    }

    #[test]
    fn the_root_file_system_is_mounted_by_the_agent_or_by_the_kernel() {
        let mut launch = sample::launch(Path::new("/d"));
        launch.rootfs = Some("/r.ext4".into());
        assert!(boot_args(&launch).contains(" smolvm.root=/dev/vda "));
        launch.initrd = None;
        assert!(boot_args(&launch).contains(" root=/dev/vda rw "));
        launch.has_agent = false;
        assert!(boot_args(&launch).ends_with(" root=/dev/vda rw"));
    }

    #[test]
    fn the_specs_own_command_line_is_taken_to_the_letter() {
        let mut launch = sample::launch(Path::new("/d"));
        launch.spec.boot_args = Some("console=ttyS0  quiet,x ".to_owned());
        assert_eq!(boot_args(&launch), "console=ttyS0  quiet,x ");
    }
    #[test]
    fn a_talkative_kernel_is_not_hushed_and_speaks_before_its_console_is_there() {
        let mut launch = sample::launch(Path::new("/d"));
        launch.talkative = true;
        let ours = boot_args(&launch);
        assert!(
            ours.ends_with(" ignore_loglevel earlyprintk=ttyS0"),
            "{ours}"
        );
        launch.spec.boot_args = Some("quiet console=ttyS0 loglevel=3 init=/x".to_owned());
        let theirs = "console=ttyS0 init=/x ignore_loglevel earlyprintk=ttyS0";
        assert_eq!(boot_args(&launch), theirs);
    }
}
