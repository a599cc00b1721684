//! Reading the console or the log: which one, and how it began.

use super::state::Page;
use crate::console::reader::Reader;

/// A reader at work.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What is read: the console or the log.
    pub page: Page,
    /// Its cursor, view and selection.
    pub reader: Reader,
    /// Whether it began with the mouse, and so ends when the button goes up.
    pub by_mouse: bool,
}
