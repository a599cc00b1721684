//! A terminal for a serial line: engine, query responder, key encoding, sanitising.
//!
//! Guest output is hostile. It is parsed here and nowhere else, under `catch_unwind`; what leaves
//! this room are cells, text without controls, replies that carry no text of the guest's, and for
//! commands whose terminal is the user's own what [`Filter`] lets through.
//! The engine (`alacritty_terminal`) stays behind [`Terminal`]: no other room names its types.

pub mod cells;
mod engine;
pub mod expect;
mod filter;
pub mod keys;
mod limit;
mod modes;
pub mod mouse;
#[cfg(test)]
mod noise;
mod notable;
mod paint;
pub mod reader;
mod respond;
mod sanitize;
mod screen;
mod stamps;
pub mod sysrq;
mod terminal;

pub use filter::Filter;
pub use modes::{Keyboard, Modes, MouseForm, MouseWanted};
pub use notable::Notable;
pub use sanitize::{Stripper, sanitize_line};
pub use screen::{Attribute, Attributes, Cell, Color, Cursor, CursorShape, Screen, Size};
pub use terminal::Terminal;
