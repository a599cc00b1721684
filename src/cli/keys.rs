//! `keys`.

use serde_json::{Value, json};

use super::context::Context;
use super::output::{self, Outcome, Reply};
use super::stand_in;

pub(super) fn run(context: &Context) -> Outcome {
    let rows = stand_in::keys_table(&context.fleet.config)?;
    let text = output::table(&["WHERE", "KEYS", "ACTION", "WHAT IT DOES"], &rows);
    let keys: Vec<Value> = rows
        .iter()
        .map(
            |row| json!({ "context": row[0], "keys": row[1], "action": row[2], "summary": row[3] }),
        )
        .collect();
    Reply::new(text, json!({ "keys": keys }))
}
