//! Which backend a new VM gets, and what will execute its instructions.

use super::{Draft, Fleet, check};
use crate::backends::accel::{self, Asked, Chosen};
use crate::backends::resolve::{self, Resolved};
use crate::backends::{BackendError, firecracker, kvm};
use crate::doctor::Examination;
use crate::fault::Failure;
use crate::vm::{Accel, Arch, BackendKind};

impl Fleet {
    /// The backend choice: argument or form, then `SMOLVM_BACKEND`, then configuration, then auto.
    pub fn resolve_backend(&self, asked: Option<&str>) -> Result<Resolved, Failure> {
        let runnable = resolve::runnable(|| kvm::verdict(&self.store));
        self.with_sources(asked, |sources| resolve::resolve(sources, &runnable))
    }

    /// What a doctor is to look at here.
    pub fn examination(&self, asked: Option<&str>) -> Result<Examination, Failure> {
        let backend = self.resolve_backend(asked)?;
        let pool = self.config.network_pool;
        Ok(Examination::new(self.store.clone(), backend, pool))
    }

    /// What is asked for, by whomever, before it is known what can run: for a form, and to tell a
    /// word that names no backend at once.
    pub fn asked_backend(&self, asked: Option<&str>) -> Result<resolve::Choice, Failure> {
        self.with_sources(asked, |sources| Ok(resolve::asked(sources)?.0))
    }

    fn with_sources<T>(
        &self,
        asked: Option<&str>,
        settle: impl FnOnce(&[(&str, Option<&str>)]) -> Result<T, BackendError>,
    ) -> Result<T, Failure> {
        let environment = std::env::var_os("SMOLVM_BACKEND");
        let environment = environment.as_ref().map(|value| value.to_string_lossy());
        let sources = [
            ("--backend", asked),
            ("SMOLVM_BACKEND", environment.as_deref()),
            ("config", Some(self.config.backend.as_str())),
        ];
        settle(&sources).map_err(|error| {
            let is_wrong = |value: Option<&str>| resolve::parse(value.unwrap_or_default()).is_err();
            let source = sources.iter().find(|(_, value)| is_wrong(*value));
            let hint = source.map(|(source, _)| format!("{source} says so"));
            let failure = Failure::from(error);
            match hint {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            }
        })
    }

    /// The backend of a new VM. One that was asked for by name must be installed; what the probe
    /// says of KVM does not refuse it.
    pub(super) fn backend(&self, draft: &Draft) -> Result<Resolved, Failure> {
        let resolved = self.resolve_backend(draft.backend.as_deref())?;
        if resolved.backend == BackendKind::Firecracker && resolved.requested != "auto" {
            firecracker::program()?;
        }
        Ok(resolved)
    }

    /// An accelerator that could not be taken at the start is told now. What the probe says of KVM
    /// refuses nothing.
    pub(super) fn check_accel(&self, draft: &Draft) -> Result<(), Failure> {
        // A backend that is none is told as such.
        let Ok((resolved, chosen)) = self.choice(draft) else {
            return Ok(());
        };
        let Err(failure) = chosen else {
            return Ok(());
        };
        Err(match (draft.accel, self.config.accel) {
            (None, Some(accel)) => failure.with_hint(of_configuration(accel, resolved.backend)),
            _ => failure,
        })
    }

    /// The choice that a draft comes to: its backend, and the accelerator or why none works.
    pub fn choice(&self, draft: &Draft) -> Result<(Resolved, Result<Chosen, Failure>), Failure> {
        let resolved = self.resolve_backend(draft.backend.as_deref())?;
        let image = self.image(draft).ok().flatten();
        let arch = check::arch(draft, image.as_ref()).ok().or_else(Arch::host);
        let asked = Asked {
            backend: resolved.backend,
            accel: draft.accel.or(self.config.accel),
            arch: arch.unwrap_or(Arch::X86_64),
        };
        let chosen = accel::choose(asked, Arch::host(), &kvm::verdict(&self.store));
        Ok((resolved, chosen.map_err(Failure::from)))
    }
}

/// The way out where the configuration insists on an accelerator that cannot be taken.
fn of_configuration(accel: Accel, backend: BackendKind) -> String {
    let otherwise = match backend {
        BackendKind::Firecracker => "`--backend qemu` or `--accel kvm`",
        BackendKind::Qemu => "`--accel tcg`",
    };
    format!(
        "the configuration says `accel = \"{accel}\"`: set it to \"auto\" there, or say {otherwise} for \
         this VM"
    )
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
