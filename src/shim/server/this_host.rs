//! The machine that we really run on.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::host::{Host, Prepared, Subject, Wired};
use super::network::Network;
use crate::backends::kvm::Verdict;
use crate::backends::{AnyBackend, Backend, Launch, accel, firecracker, kvm, qemu};
use crate::fault::{Code, Failure};
use crate::guest::{ImageStore, content};
use crate::vm::{Arch, BackendKind, Invocation, Store, VmName, VmSpec};

/// Every backend, the images in the store, and what this host can do.
pub(super) struct ThisHost {
    backend: Rc<AnyBackend>,
    network: Network,
}

impl ThisHost {
    pub(super) fn new() -> Self {
        Self {
            backend: Rc::new(AnyBackend),
            network: Network::default(),
        }
    }
}

impl Host for ThisHost {
    type Backend = AnyBackend;

    fn backend(&self) -> Rc<AnyBackend> {
        Rc::clone(&self.backend)
    }

    async fn prepare(&self, subject: &Subject) -> Result<Prepared, Failure> {
        // Before the probe: what is wrong with the spec is told at once.
        let files = files(subject)?;
        let program = program(&subject.spec)?;
        let prepared = prepared(subject, files, program, &verdict(subject).await?)?;
        // Last, so that nothing is made for a VM that cannot start.
        let Wired { tap, told } = self.network.attach(subject).await?;
        Ok(Prepared {
            network: told,
            launch: Launch {
                tap,
                ..prepared.launch
            },
            ..prepared
        })
    }

    fn rewire(&self, subject: &Subject) -> Wired {
        self.network.resume(subject)
    }

    async fn release(&self, subject: &Subject) -> Result<(), Failure> {
        self.network.release(subject).await
    }
}

/// By what a VM would be started now. Nothing is made; run is only the probe of KVM where no verdict
/// is kept, and Firecracker for its version.
pub fn invocation(store: &Store, name: &VmName, spec: &VmSpec) -> Result<Invocation, Failure> {
    let subject = Subject {
        store: store.clone(),
        name: name.clone(),
        spec: spec.clone(),
        paths: store.paths(name),
        run_dir: store.run_dir_path(&spec.id),
    };
    let (files, program) = (files(&subject)?, program(spec)?);
    let prepared = prepared(&subject, files, program, &kvm::verdict(store))?;
    let words = AnyBackend.command_line(&prepared.launch)?;
    let text = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
    Ok(Invocation {
        argv: words.into_iter().map(text).collect(),
        api_calls: AnyBackend.api_calls(&prepared.launch)?,
    })
}

fn files(subject: &Subject) -> Result<Files, Failure> {
    let images = ImageStore::new(subject.store.images_dir());
    Files::of(&subject.spec, &images)
}

fn prepared(
    subject: &Subject,
    files: Files,
    program: PathBuf,
    kvm: &Verdict,
) -> Result<Prepared, Failure> {
    let spec = &subject.spec;
    let chosen = accel::choose(spec, Arch::host(), kvm)?;
    Ok(Prepared {
        accel_reason: chosen.reason,
        accel_doubted: chosen.is_doubtful,
        network: None,
        launch: Launch {
            name: subject.name.clone(),
            spec: spec.clone(),
            program,
            accel: chosen.accel,
            kernel: files.kernel,
            initrd: files.initrd,
            rootfs: files.rootfs,
            has_agent: files.has_agent,
            talkative: false,
            tap: None,
            paths: subject.paths.clone(),
            run_dir: subject.run_dir.clone(),
        },
    })
}

/// The VMM's program.
fn program(spec: &VmSpec) -> Result<PathBuf, Failure> {
    Ok(match spec.backend {
        BackendKind::Firecracker => firecracker::program()?,
        BackendKind::Qemu => qemu::program(spec.arch)?,
    })
}

/// Where no verdict is kept the probe takes up to two seconds, in which clients may ask.
async fn verdict(subject: &Subject) -> Result<Verdict, Failure> {
    let store = subject.store.clone();
    let probed = tokio::task::spawn_blocking(move || kvm::verdict(&store));
    probed.await.map_err(|error| {
        let message = format!("could not probe KVM: {error}");
        Failure::new(Code::RuntimeError, message)
    })
}

/// What is booted: the image's files, and the spec's own in their place.
struct Files {
    kernel: PathBuf,
    initrd: Option<PathBuf>,
    rootfs: Option<PathBuf>,
    has_agent: bool,
}

impl Files {
    fn of(spec: &VmSpec, images: &ImageStore) -> Result<Self, Failure> {
        let image = spec.image.as_ref();
        let image = image.map(|image| images.pinned(image)).transpose()?;
        let own = |path: &Option<PathBuf>| path.as_deref().map(Path::to_owned);
        let kernel = own(&spec.kernel).or_else(|| {
            let image = image.as_ref()?;
            // The ELF boots faster: nothing has to be unpacked in the guest.
            let elf = image.vmlinux.clone().filter(|_| spec.arch == Arch::X86_64);
            Some(elf.unwrap_or_else(|| image.vmlinuz.clone()))
        });
        let kernel = kernel.ok_or_else(|| {
            Failure::new(
                Code::InvalidInput,
                "the VM has neither an image nor a kernel",
            )
            .with_hint("make it with --image or --kernel")
        })?;
        let of_image =
            |pick: fn(&crate::guest::Image) -> Option<PathBuf>| image.as_ref().and_then(pick);
        Ok(Self {
            kernel,
            initrd: own(&spec.initrd).or_else(|| of_image(|image| image.initramfs.clone())),
            rootfs: own(&spec.rootfs).or_else(|| of_image(|image| image.rootfs.clone())),
            // An initial RAM file system of the user's own need not have it, or show it when packed.
            has_agent: match &spec.initrd {
                Some(initrd) => content::has_agent(initrd).unwrap_or(false),
                None => image.as_ref().is_some_and(|it| it.has_agent),
            },
        })
    }
}
