//! Calls into rooms that are being built beside this one, each in one place.

use std::fs;
use std::io;

use super::args::ImageImportArgs;
use super::output::Outcome;
use crate::config::Config;
use crate::doctor::{Report, Status};
use crate::fault::{Code, Failure};
use crate::guest::{Image, ImageStore};
use crate::vm::{ImageRef, VmName, VmPaths};

fn absent(what: &str) -> Failure {
    Failure::new(
        Code::RuntimeError,
        format!("{what} is not part of this version yet"),
    )
}

/// `doctor::canary`.
pub(super) fn boot_canary() -> Outcome {
    Err(absent("`doctor --boot`"))
}

/// `doctor::text::lines`.
pub(super) fn report_text(report: &Report) -> String {
    let glyph = |status| match status {
        Status::Pass => "✅",
        Status::Skip => "➖",
        Status::Warn => "⚠️ ",
        Status::Fail => "❌",
    };
    let mut text = String::new();
    for check in &report.checks {
        text.extend([
            glyph(check.status),
            " ",
            &check.name,
            ": ",
            &check.detail,
            "
",
        ]);
    }
    text
}

/// `Config::to_toml`.
pub(super) fn config_toml(config: &Config) -> String {
    format!(
        "backend = {:?}\nvcpu_count = {}\nmem_size_mib = {}\ndisk_mode = \"{}\"\nimage = {:?}\n",
        config.backend, config.vcpu_count, config.mem_size_mib, config.disk_mode, config.image
    )
}

/// `ImageStore::import`.
pub(super) fn import_image(images: &ImageStore, args: ImageImportArgs) -> Result<Image, Failure> {
    let _ = (images, args);
    Err(absent("`image import`"))
}

/// `ImageStore::remove`: the images of that name, or the one of that name and digest.
pub(super) fn remove_image(
    images: &ImageStore,
    image: &str,
    in_use: &[(ImageRef, VmName)],
) -> Result<Vec<ImageRef>, Failure> {
    let _ = (images, image, in_use);
    Err(absent("`image rm`"))
}

/// `console::expect::Matcher`.
#[derive(Debug)]
pub(super) struct Matcher {
    regex: regex::Regex,
    text: String,
}

impl Matcher {
    pub(super) fn new(pattern: &str) -> Result<Self, Failure> {
        let regex = regex::RegexBuilder::new(pattern).multi_line(true).build();
        regex
            .map(|regex| Self {
                regex,
                text: String::new(),
            })
            .map_err(|error| Failure::new(Code::UsageError, error.to_string()))
    }

    pub(super) fn push(&mut self, text: &str) -> Option<String> {
        self.text.push_str(text);
        self.regex
            .find(&self.text)
            .map(|found| found.as_str().to_owned())
    }
}

/// The kept serial output between two offsets, and the offset at which it begins.
pub(super) fn read_log(
    paths: &VmPaths,
    from: u64,
    to: Option<u64>,
) -> Result<(u64, Vec<u8>), Failure> {
    let mut kept = Vec::new();
    for path in [
        paths.console_log.with_extension("log.1"),
        paths.console_log.clone(),
    ] {
        match fs::read(&path) {
            Ok(bytes) => kept.extend(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let message = format!("could not read `{}`: {error}", path.display());
                return Err(Failure::new(Code::RuntimeError, message));
            }
        }
    }
    let at = |offset: u64| {
        usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(kept.len())
    };
    let end = to.map_or(kept.len(), at);
    let begin = at(from).min(end);
    Ok((from, kept[begin..end].to_vec()))
}
