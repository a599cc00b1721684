//! Which key asks for what, in each context: the action table's defaults under the user's own.

use std::collections::BTreeMap;

use crate::config::{Config, ConfigError};
use crate::console::keys::{Key, KeyError};

use super::action::{Action, Context};

/// The keys as they apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keymap {
    bound: BTreeMap<(Context, Key), Action>,
    /// Of the same action, the key that the table names first is shown first.
    order: Vec<(Context, Key)>,
}

impl Keymap {
    /// The defaults, then the console's leave keys, then the user's own keys.
    ///
    /// A key of the user's is bound wherever its action applies; `none` unbinds it everywhere.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let mut keymap = Self::default();
        for action in Action::ALL {
            for (context, keys) in action.spec().bindings {
                let leaves = matches!(action, Action::LeaveConsole | Action::StopMending);
                if leaves && !config.leave_keys.is_empty() {
                    for key in &config.leave_keys {
                        keymap.bind(*context, *key, action);
                    }
                    continue;
                }
                for key in keys.split(' ') {
                    keymap.bind(*context, parse(key)?, action);
                }
            }
        }
        let names: Vec<&str> = Action::ALL.map(|action| action.spec().name).to_vec();
        config.check_actions(&names)?;
        for (written, name) in &config.keys {
            let key = written
                .parse()
                .map_err(|error: KeyError| config.key_error(written, &error.to_string()))?;
            keymap.apply(key, name);
        }
        Ok(keymap)
    }

    fn apply(&mut self, key: Key, name: &str) {
        match Action::named(name) {
            Some(action) => {
                for (context, _) in action.spec().bindings {
                    self.bind(*context, key, action);
                }
            }
            // `none`: any other word was refused.
            None => {
                for context in Context::ALL {
                    self.bound.remove(&(context, key));
                }
            }
        }
    }

    fn bind(&mut self, context: Context, key: Key, action: Action) {
        self.bound.insert((context, key), action);
        self.order.push((context, key));
    }

    /// What `key` asks for in `context`.
    pub fn action(&self, context: Context, key: Key) -> Option<Action> {
        self.bound.get(&(context, key)).copied()
    }

    /// The keys that ask for `action` in `context`, the one to show first.
    pub fn keys(&self, context: Context, action: Action) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::new();
        for (known, key) in &self.order {
            let is_bound = *known == context && self.action(context, *key) == Some(action);
            if is_bound && !keys.contains(key) {
                keys.push(*key);
            }
        }
        keys
    }

    /// The key to show for `action` in `context`; empty when none is bound.
    pub fn shown(&self, context: Context, action: Action) -> String {
        self.keys(context, action)
            .first()
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}

fn parse(text: &str) -> Result<Key, ConfigError> {
    text.parse().map_err(|error: KeyError| ConfigError {
        message: format!("could not read the key `{text}`: {error}"),
    })
}

/// One row of the table of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Where the keys are read.
    pub context: &'static str,
    /// The keys, as they are written in the configuration.
    pub keys: Vec<String>,
    /// The action's name in the configuration.
    pub action: &'static str,
    /// What it does.
    pub summary: &'static str,
}

/// The whole table, for `smolvm-tui keys` and the README.
pub fn keys_table(config: &Config) -> Result<Vec<KeyRow>, ConfigError> {
    let keymap = Keymap::new(config)?;
    let row = |context: Context, action: Action| KeyRow {
        context: context.word(),
        keys: keymap
            .keys(context, action)
            .iter()
            .map(ToString::to_string)
            .collect(),
        action: action.spec().name,
        summary: action.spec().summary,
    };
    Ok(Context::ALL
        .into_iter()
        .flat_map(|context| {
            Action::ALL
                .into_iter()
                .filter(move |action| action.applies_in(context))
                .map(move |action| (context, action))
        })
        .map(|(context, action)| row(context, action))
        .collect())
}

#[cfg(test)]
#[path = "keymap_tests.rs"]
mod tests;
