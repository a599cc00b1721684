//! `keys`.

use serde_json::{Value, json};

use super::context::Context;
use super::output::{self, Outcome, Reply};
use crate::app;

pub(super) fn run(context: &Context) -> Outcome {
    let table = app::keys_table(&context.fleet.config)?;
    let rows: Vec<Vec<String>> = table
        .iter()
        .map(|row| {
            [row.context, &row.keys.join(" "), row.action, row.summary]
                .map(str::to_owned)
                .into()
        })
        .collect();
    let text = output::table(&["WHERE", "KEYS", "ACTION", "WHAT IT DOES"], &rows);
    let keys: Vec<Value> = table
        .iter()
        .map(|row| {
            let (place, keys) = (row.context, &row.keys);
            json!({ "context": place, "keys": keys, "action": row.action, "summary": row.summary })
        })
        .collect();
    Reply::new(text, json!({ "keys": keys }))
}
