//! Guest images: a kernel and a root file system, how they are made, and the agent's protocol.

pub mod agent;
mod image;

pub use image::{BuildOptions, GuestError, Image, ImageStore};
