//! `config`.

use serde_json::json;

use super::context::Context;
use super::output::{Outcome, Reply};

pub(super) fn run(context: &Context) -> Outcome {
    let config = &context.fleet.config;
    let text = config.to_toml()?;
    let values: serde_json::Value = toml::from_str(&text).unwrap_or_default();
    let file = config.file.as_ref().map(|file| file.display().to_string());
    let origin = match &file {
        Some(file) => format!("# from {file}\n"),
        None => "# the defaults: there is no configuration file\n".to_owned(),
    };
    let data = json!({
        "file": file,
        "data_dir": context.fleet.store.root().display().to_string(),
        "values": values,
    });
    Reply::new(format!("{origin}{text}"), data)
}
