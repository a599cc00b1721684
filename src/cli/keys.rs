//! `keys`.

use serde_json::{Value, json};

use super::context::Context;
use super::output::{self, Outcome, Reply};
use crate::app;
use crate::config::Config;
use crate::fault::Failure;

pub(super) fn run(context: &Context) -> Outcome {
    let rows = rows(&context.fleet.config)?;
    let text = output::table(&["WHERE", "KEYS", "ACTION", "WHAT IT DOES"], &rows);
    let keys: Vec<Value> = rows
        .iter()
        .map(
            |row| json!({ "context": row[0], "keys": row[1], "action": row[2], "summary": row[3] }),
        )
        .collect();
    Reply::new(text, json!({ "keys": keys }))
}

fn rows(config: &Config) -> Result<Vec<Vec<String>>, Failure> {
    let rows = app::keys_table(config)?.into_iter().map(|row| {
        vec![
            row.context.to_owned(),
            row.keys.join(" "),
            row.action.to_owned(),
            row.summary.to_owned(),
        ]
    });
    Ok(rows.collect())
}
