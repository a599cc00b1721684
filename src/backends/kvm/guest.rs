//! The child's side of the probe: a guest of some forty bytes in 64-bit kernel mode.

use std::io::{self, Write};

use nix::errno::Errno;
#[cfg(target_arch = "x86_64")]
use nix::{
    sys::signal::{SigEvent, SigevNotify, Signal},
    sys::time::TimeSpec,
    sys::timer::{Expiration, Timer, TimerSetTimeFlags},
    time::ClockId,
};

use super::trace::MARK;
#[cfg(target_arch = "x86_64")]
use super::trace::Step;

/// Processor time that the guest may use in all: where it is interpreted, three laps of the loop take
/// 7 ms, and natively a tenth of one. Processor time, so that a busy host proves nothing.
#[cfg(target_arch = "x86_64")]
const BUDGET: std::time::Duration = std::time::Duration::from_millis(20);

/// Runs the guest and tells each step on standard output, or `failed` and why.
pub(super) fn run() {
    if let Err(failure) = attempt() {
        tell(&format!("failed {failure}"));
    }
}

fn tell(line: &str) {
    // A line of its own even behind words of somebody else. Nobody is left to hear of a failure.
    let _ = io::stdout().write_all(format!("\n{MARK}{line}\n").as_bytes());
    let _ = io::stdout().flush();
}

/// The error's name, such as `EBUSY`.
fn name(error: kvm_ioctls::Error) -> String {
    format!("{:?}", Errno::from_raw(error.errno()))
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use kvm_bindings::{KVM_MAX_CPUID_ENTRIES, kvm_regs, kvm_segment, kvm_userspace_memory_region};
    use kvm_ioctls::{Kvm, VcpuExit, VcpuFd};
    use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
    use nix::time::{ClockId, clock_gettime};
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use super::super::trace::{LAP, TURNS};
    use super::{Step, limit, name, tell};

    /// Guest memory: three page tables, code and stack, data.
    const MEMORY: usize = 0x6000;
    const PML4: usize = 0x1000;
    const PDPT: usize = 0x2000;
    const PD: usize = 0x3000;
    const CODE: usize = 0x4000;
    const DATA: u64 = 0x5000;
    /// The port to which the guest tells its steps: the one of POST codes, which has no device here.
    const PORT: u16 = 0x80;

    /// So many laps of the loop are run, of which the fastest counts: whatever disturbs a lap makes it
    /// slower.
    const LAPS: usize = 3;
    /// The place in [`Step::ALL`] of the step that each lap of the loop ends.
    const LOOPED: u8 = 2;

    /// What the guest runs; `out 0x80, al` leaves it with the number of the step that is done.
    fn program() -> Vec<u8> {
        let [a, b, c, d] = TURNS.to_le_bytes();
        #[rustfmt::skip]
        let lap = [
            0xb9, a, b, c, d,                  // mov ecx, TURNS
            0xff, 0xc9, 0x75, 0xfc,            // dec ecx; jnz -4
            0xb0, LOOPED, 0xe6, 0x80,
        ];
        #[rustfmt::skip]
        let instructions = [
            0x66, 0x0f, 0xef, 0xc0,            // pxor xmm0, xmm0
            0xb0, 3, 0xe6, 0x80,
            0xf3, 0x48, 0x0f, 0xb8, 0xd9,      // popcnt rbx, rcx
            0xb0, 4, 0xe6, 0x80,
            0x31, 0xc0, 0x31, 0xd2,            // xor eax, eax; xor edx, edx
            0xf0, 0x48, 0x0f, 0xc7, 0x0f,      // lock cmpxchg16b [rdi]
            0xb0, 5, 0xe6, 0x80,
            0xf4,                              // hlt
        ];
        let entered = [0xb0, 1, 0xe6, 0x80]; // mov al, 1; out 0x80, al
        [&entered[..], &lap.repeat(LAPS), &instructions].concat()
    }

    /// Processor time of this thread, in which its guest runs.
    fn used() -> Result<Duration, String> {
        let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
        time.map(Duration::from)
            .map_err(|errno| format!("{errno:?}"))
    }

    pub(super) fn attempt() -> Result<(), String> {
        let kvm = Kvm::new().map_err(name)?;
        let vm = kvm.create_vm().map_err(name)?;
        let length = NonZeroUsize::new(MEMORY).ok_or("no memory")?;
        // SAFETY: a fresh mapping at an address of the kernel's choice touches no memory of ours.
        let memory = unsafe {
            mmap_anonymous(
                None,
                length,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE,
            )
        }
        .map_err(|errno| format!("{errno:?}"))?;
        // SAFETY: the mapping is MEMORY bytes long, readable and writable, zeroed, and nothing else
        // refers to it yet: the guest, which also writes to it, is entered after the last use.
        let bytes = unsafe { std::slice::from_raw_parts_mut(memory.as_ptr().cast::<u8>(), MEMORY) };
        fill(bytes);
        // SAFETY: the region is the mapping, whole, and it stays mapped until this process ends.
        unsafe {
            vm.set_user_memory_region(kvm_userspace_memory_region {
                slot: 0,
                flags: 0,
                guest_phys_addr: 0,
                memory_size: MEMORY as u64,
                userspace_addr: memory.as_ptr().addr() as u64,
            })
        }
        .map_err(name)?;
        let mut vcpu = vm.create_vcpu(0).map_err(name)?;
        let cpuid = kvm
            .get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)
            .map_err(name)?;
        vcpu.set_cpuid2(&cpuid).map_err(name)?;
        enter_long_mode(&vcpu).map_err(name)?;
        tell(Step::Made.word());
        let _timer = limit().map_err(|errno| format!("{errno:?}"))?;
        loop {
            let begun = used()?;
            let done = match vcpu.run().map_err(name)? {
                VcpuExit::IoOut(PORT, &[number]) => Step::ALL.get(usize::from(number)).copied(),
                other => return Err(format!("{other:?}")),
            };
            let took = used()?.saturating_sub(begun);
            let step = done.ok_or("the guest told an unknown step")?;
            if step == Step::Looped {
                tell(&format!("{LAP}{}", took.as_nanos()));
            }
            tell(step.word());
            if step == Step::Cmpxchg16b {
                return Ok(());
            }
        }
    }

    /// One page of 2 MiB, mapped one to one, present and writable; the program behind it.
    fn fill(memory: &mut [u8]) {
        let mut entry = |at: usize, value: usize| {
            memory[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
        };
        entry(PML4, PDPT | 3);
        entry(PDPT, PD | 3);
        entry(PD, 0x83);
        let program = program();
        memory[CODE..CODE + program.len()].copy_from_slice(&program);
    }

    /// 64-bit mode, ring 0, paging on, SSE on: as Firecracker enters a kernel.
    fn enter_long_mode(vcpu: &VcpuFd) -> Result<(), kvm_ioctls::Error> {
        let mut sregs = vcpu.get_sregs()?;
        let data = kvm_segment {
            base: 0,
            limit: 0xffff_ffff,
            selector: 0x10,
            type_: 3,
            present: 1,
            s: 1,
            db: 1,
            g: 1,
            ..Default::default()
        };
        sregs.cs = kvm_segment {
            selector: 0x08,
            type_: 11,
            db: 0,
            l: 1,
            ..data
        };
        (sregs.ds, sregs.es, sregs.ss) = (data, data, data);
        sregs.cr3 = PML4 as u64;
        sregs.cr4 = 0x220 | 0x400; // PAE, OSFXSR, OSXMMEXCPT
        sregs.cr0 = 0x8000_0013; // PG, ET, MP, PE
        sregs.efer = 0x500; // LME, LMA
        vcpu.set_sregs(&sregs)?;
        vcpu.set_regs(&kvm_regs {
            rip: CODE as u64,
            rsp: DATA,
            rdi: DATA,
            rflags: 2,
            ..Default::default()
        })
    }
}
#[cfg(target_arch = "x86_64")]
use x86_64::attempt;

/// A VM and a vCPU that its KVM knows how to begin, and no step into it: there is no guest of ours
/// for this processor, and the parent hears that.
#[cfg(target_arch = "aarch64")]
fn attempt() -> Result<(), String> {
    let vm = kvm_ioctls::Kvm::new()
        .and_then(|kvm| kvm.create_vm())
        .map_err(name)?;
    let vcpu = vm.create_vcpu(0).map_err(name)?;
    let mut target = kvm_bindings::kvm_vcpu_init::default();
    vm.get_preferred_target(&mut target).map_err(name)?;
    vcpu.vcpu_init(&target).map_err(name)?;
    tell(super::trace::Step::Made.word());
    tell(super::trace::UNPROBED);
    Ok(())
}

/// Ends this process by SIGPROF, whose default is to terminate, when the budget is spent.
#[cfg(target_arch = "x86_64")]
fn limit() -> nix::Result<Timer> {
    let event = SigEvent::new(SigevNotify::SigevSignal {
        signal: Signal::SIGPROF,
        si_value: 0,
    });
    let mut timer = Timer::new(ClockId::CLOCK_PROCESS_CPUTIME_ID, event)?;
    let budget = TimeSpec::from_duration(BUDGET);
    timer.set(Expiration::OneShot(budget), TimerSetTimeFlags::empty())?;
    Ok(timer)
}
