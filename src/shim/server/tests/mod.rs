//! The owner against a machine that exists only here, on a clock that does not wait.

mod bench;
mod fake;

mod adoption;
mod boots;
mod breaking;
mod output;
mod stopping;
mod window;
