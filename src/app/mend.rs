//! A command that mends the host, as far as the dashboard knows of it.

use crate::console::{Screen, Size};

/// A command that mends the host, in a terminal of its own.
#[derive(Clone, Debug)]
pub struct Mend {
    /// Its number; what carries another number is of the past.
    pub id: u64,
    /// The check that asks for it.
    pub check: String,
    /// What the shell is given.
    pub command: String,
    /// What a person does after it.
    pub then: Option<String>,
    /// How far it is.
    pub stage: MendStage,
    /// The cells of its terminal, copied right before a frame.
    pub screen: Screen,
    /// The size of its terminal.
    pub size: Size,
}

/// How far a command that mends is. One that ended well is no longer shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MendStage {
    /// Shall it be run?
    Asked,
    /// It runs.
    Running,
    /// It ended so, as a clause.
    Failed(String),
}
