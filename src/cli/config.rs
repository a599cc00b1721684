//! `config`.

use serde_json::json;

use super::context::Context;
use super::output::{self, Outcome, Reply};

pub(super) fn run(context: &Context) -> Outcome {
    let config = &context.fleet.config;
    let text = config.to_toml()?;
    let values: serde_json::Value = toml::from_str(&text).unwrap_or_default();
    let file = config.file.as_ref().map(|file| file.display().to_string());
    let origin = match &file {
        Some(file) => format!("# from {file}\n"),
        None => "# the defaults: there is no configuration file\n".to_owned(),
    };
    let backend = context.fleet.resolve_backend(context.backend.as_deref())?;
    let origin = format!(
        "{origin}# backend comes to {}: {}\n",
        backend.backend,
        output::inert(&backend.told())
    );
    let data = json!({
        "backend": {
            "requested": backend.requested,
            "resolved": backend.backend,
            "reason": backend.reason,
        },
        "file": file,
        "data_dir": context.fleet.store.root().display().to_string(),
        "values": values,
    });
    Reply::new(format!("{origin}{text}"), data)
}
