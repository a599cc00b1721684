//! Which backend a VM gets: explicit argument, then `SMOLVM_BACKEND`, then configuration, then
//! `auto`. The value is trimmed and lower-cased; an empty one falls through to the next source.

use crate::vm::{Arch, BackendKind};

use super::kvm::Verdict;
use super::{BackendError, firecracker, qemu};

/// A choice of backend as a user can make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The platform's default where it can run, else the other one.
    Auto,
    /// This one.
    Named(BackendKind),
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Named(backend) => backend.fmt(f),
        }
    }
}

/// What was chosen, and why, for every place that shows the choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What was asked for, in the user's word: `auto`, `firecracker` or `qemu`.
    pub requested: String,
    /// What it comes to.
    pub backend: BackendKind,
    /// Why, as a clause such as `SMOLVM_BACKEND says so`.
    pub reason: String,
}

/// What can run on this host, as found without running anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runnable {
    /// `Ok`, or why Firecracker cannot run here.
    pub firecracker: Result<(), String>,
    /// `Ok`, or why QEMU cannot run here.
    pub qemu: Result<(), String>,
}

impl Resolved {
    /// The reason as it is noted of a VM; what stood in the way of `auto` is part of it.
    pub fn told(&self) -> String {
        if self.requested == "auto" {
            format!("auto, {}", self.reason)
        } else {
            self.reason.clone()
        }
    }
}

impl Runnable {
    /// `Ok`, or why that backend cannot run here.
    pub fn of(&self, backend: BackendKind) -> &Result<(), String> {
        match backend {
            BackendKind::Firecracker => &self.firecracker,
            BackendKind::Qemu => &self.qemu,
        }
    }
}

/// Looks at what can run on this host: some file look-ups, nothing is executed. Only where
/// Firecracker is installed, `kvm` is asked for the verdict.
pub fn runnable(kvm: impl FnOnce() -> Verdict) -> Runnable {
    Runnable {
        firecracker: firecracker::program()
            .map_err(why)
            .and_then(|_| kvm().usable()),
        qemu: Arch::host()
            .ok_or_else(|| "this processor architecture is not supported".to_owned())
            .and_then(|arch| qemu::program(arch).map_err(why))
            .and_then(|_| qemu::img_program().map_err(why))
            .map(drop),
    }
}

fn why(error: BackendError) -> String {
    match error {
        BackendError::Unavailable { why, .. } => why,
        other => other.to_string(),
    }
}

/// Reads one source; `Ok(None)` when it is empty.
pub fn parse(raw: &str) -> Result<Option<Choice>, BackendError> {
    match raw.trim().to_lowercase().as_str() {
        "" => Ok(None),
        "auto" => Ok(Some(Choice::Auto)),
        "firecracker" => Ok(Some(Choice::Named(BackendKind::Firecracker))),
        "qemu" => Ok(Some(Choice::Named(BackendKind::Qemu))),
        other => Err(BackendError::Unsupported(other.to_owned())),
    }
}

/// What the sources ask for, in order of precedence: a word for each source, as in `--backend`,
/// `SMOLVM_BACKEND` or `config`, and its value. The first that says something decides; it is told
/// which. Nothing is looked at but the words.
pub fn asked<'a>(
    sources: &[(&'a str, Option<&str>)],
) -> Result<(Choice, Option<&'a str>), BackendError> {
    for &(source, value) in sources {
        if let Some(choice) = parse(value.unwrap_or_default())? {
            return Ok((choice, Some(source)));
        }
    }
    Ok((Choice::Auto, None))
}

/// Resolves the choice; the sources are as for [`asked`].
///
/// A backend that is named is taken even where it cannot run: the caller says why it cannot.
pub fn resolve(
    sources: &[(&str, Option<&str>)],
    runnable: &Runnable,
) -> Result<Resolved, BackendError> {
    match asked(sources)? {
        (Choice::Named(backend), source) => Ok(Resolved {
            requested: backend.to_string(),
            backend,
            reason: format!("{} says so", source.unwrap_or_default()),
        }),
        (Choice::Auto, _) => Ok(automatic(runnable)),
    }
}

fn automatic(runnable: &Runnable) -> Resolved {
    let (platform, default, other) = if cfg!(target_os = "macos") {
        ("macOS", BackendKind::Qemu, BackendKind::Firecracker)
    } else {
        ("Linux", BackendKind::Firecracker, BackendKind::Qemu)
    };
    let (backend, reason) = match (runnable.of(default), runnable.of(other)) {
        (Ok(()), _) => (default, format!("it is the default on {platform}")),
        (Err(why), Ok(())) => (other, format!("{default} cannot run here: {why}")),
        // Neither runs: QEMU is the one that an installation mends everywhere.
        (Err(why), Err(_)) => (
            BackendKind::Qemu,
            format!("no backend can run here; {default}: {why}"),
        ),
    };
    Resolved {
        requested: "auto".to_owned(),
        backend,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(firecracker: bool, qemu: bool) -> Runnable {
        let runs = |yes| {
            if yes {
                Ok(())
            } else {
                Err("it is missing".to_owned())
            }
        };
        Runnable {
            firecracker: runs(firecracker),
            qemu: runs(qemu),
        }
    }

    #[test]
    fn the_first_source_that_says_something_decides() {
        use BackendKind::{Firecracker, Qemu};
        let cases: &[(&[Option<&str>], &str, BackendKind, &str)] = &[
            (
                &[Some("qemu"), Some("firecracker"), None],
                "qemu",
                Qemu,
                "--backend says so",
            ),
            (
                &[None, Some(" QEMU \n"), Some("firecracker")],
                "qemu",
                Qemu,
                "SMOLVM_BACKEND says so",
            ),
            (
                &[Some(""), Some("  "), Some("qemu")],
                "qemu",
                Qemu,
                "config says so",
            ),
            (
                &[Some("auto"), Some("qemu"), None],
                "auto",
                Firecracker,
                "it is the default on Linux",
            ),
            (
                &[None, None, Some("auto")],
                "auto",
                Firecracker,
                "it is the default on Linux",
            ),
            (
                &[None, None, None],
                "auto",
                Firecracker,
                "it is the default on Linux",
            ),
        ];
        for (values, requested, backend, reason) in cases {
            let words = ["--backend", "SMOLVM_BACKEND", "config"];
            let sources: Vec<_> = words.into_iter().zip(values.iter().copied()).collect();
            let resolved = resolve(&sources, &host(true, true)).unwrap();
            assert_eq!(resolved.requested, *requested, "{values:?}");
            if cfg!(target_os = "linux") {
                assert_eq!(
                    (resolved.backend, resolved.reason.as_str()),
                    (*backend, *reason)
                );
            }
        }
    }

    #[test]
    fn an_unknown_word_is_an_error_to_the_letter_wherever_it_stands() {
        let error =
            resolve(&[("--backend", Some(" FireCrackerr "))], &host(true, true)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Unsupported backend 'firecrackerr'. Supported values: auto, firecracker, qemu"
        );
        let sources = [("--backend", None), ("SMOLVM_BACKEND", Some("vz"))];
        assert!(resolve(&sources, &host(true, true)).is_err());
    }

    #[test]
    fn an_explicit_choice_beats_a_bad_word_in_a_later_source() {
        let sources = [("--backend", Some("auto")), ("SMOLVM_BACKEND", Some("vz"))];
        assert_eq!(
            resolve(&sources, &host(true, true)).unwrap().requested,
            "auto"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn auto_takes_the_other_backend_where_the_default_cannot_run_and_says_why() {
        let resolved = resolve(&[], &host(false, true)).unwrap();
        assert_eq!(resolved.backend, BackendKind::Qemu);
        assert_eq!(
            resolved.reason,
            "firecracker cannot run here: it is missing"
        );
        let none = resolve(&[], &host(false, false)).unwrap();
        assert_eq!(none.backend, BackendKind::Qemu);
    }
}
