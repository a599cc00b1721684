//! Trying a hint out: boots as they were, against boots with the words that the hint names.

use crate::fault::Failure;
use crate::fleet::{Difference, Measured};
use crate::vm::{BootPhase, Hint, Spread, VmName};

/// How many pairs of boots are measured.
pub const PAIRS: usize = 5;

/// A hint that is tried, or was.
#[derive(Clone, Debug)]
pub struct Tryout {
    /// The VM whose boot it is about.
    pub name: VmName,
    /// The words for the kernel.
    pub words: &'static str,
    /// How it stands.
    pub stage: Stage,
}

impl Tryout {
    /// Whether it is under way.
    pub fn is_running(&self) -> bool {
        matches!(self.stage, Stage::Running(..))
    }
}

/// How it stands.
#[derive(Clone, Debug)]
pub enum Stage {
    /// So many boots are over, of so many.
    Running(usize, usize),
    /// It is over.
    Done(Verdict),
    /// It could not be measured.
    Failed(Failure),
}

/// The times to *ready*, before and after.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// As it was.
    pub before: Spread,
    /// With the words.
    pub after: Spread,
    /// Pair by pair, after less before.
    pub difference: Difference,
}

impl Verdict {
    /// What the measured boots come to.
    pub fn of(measured: &Measured) -> Option<Self> {
        Some(Self {
            before: Measured::spread(&measured.boots, BootPhase::Ready)?,
            after: Measured::spread(&measured.against, BootPhase::Ready)?,
            difference: measured.difference(BootPhase::Ready)?,
        })
    }
}

/// How many boots it takes: of each pair two, one pair of them to warm up.
pub fn boots() -> usize {
    2 * (PAIRS + 1)
}

/// The words that would be tried next: of the costliest hint that can be tried and was not.
pub fn next(name: &VmName, hints: &[Hint], tried: &[Tryout]) -> Option<&'static str> {
    let was = |words: &str| tried.iter().any(|it| it.name == *name && it.words == words);
    let mut open = hints.iter().filter_map(|hint| hint.words);
    open.find(|words| !was(words))
}
