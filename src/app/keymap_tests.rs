use super::*;

fn with(keys: &[(&str, &str)]) -> Result<Keymap, ConfigError> {
    let keys = keys
        .iter()
        .map(|(key, action)| ((*key).to_owned(), (*action).to_owned()))
        .collect();
    Keymap::new(&Config {
        keys,
        ..Config::default()
    })
}

fn key(text: &str) -> Key {
    parse(text).unwrap()
}

#[test]
fn no_default_key_asks_for_two_things_in_one_context() {
    let mut seen = BTreeMap::new();
    for action in Action::ALL {
        for (context, keys) in action.spec().bindings {
            for text in keys.split(' ') {
                let before = seen.insert((*context, key(text)), action);
                assert_eq!(before, None, "{text} in {context:?}");
            }
        }
    }
}

#[test]
fn every_action_is_in_the_table_once_and_can_be_reached_by_a_key() {
    let keymap = with(&[]).unwrap();
    let mut names: Vec<_> = Action::ALL.iter().map(|a| a.spec().name).collect();
    for action in Action::ALL {
        assert_eq!(Action::named(action.spec().name), Some(action));
        for (context, _) in action.spec().bindings {
            assert!(!keymap.keys(*context, action).is_empty(), "{action:?}");
        }
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Action::ALL.len());
}

#[test]
fn a_users_key_replaces_the_default_and_none_unbinds() {
    let keymap = with(&[("x", "kill"), ("q", "none"), ("s", "restart")]).unwrap();
    let action = |text| keymap.action(Context::Dashboard, key(text));
    assert_eq!(action("x"), Some(Action::Kill));
    assert_eq!(action("K"), Some(Action::Kill));
    assert_eq!(action("q"), None);
    assert_eq!(action("s"), Some(Action::Restart));
    assert_eq!(keymap.shown(Context::Dashboard, Action::Quit), "ctrl-c");
    assert_eq!(keymap.shown(Context::Dashboard, Action::StartStop), "");
}

#[test]
fn an_unknown_action_is_an_error_that_names_the_nearest() {
    let error = with(&[("x", "kil")]).unwrap_err();
    assert!(error.message.contains("`kil`"), "{error}");
    assert!(error.message.contains("`kill`"), "{error}");
}

#[test]
fn the_leave_keys_of_the_configuration_replace_the_defaults() {
    let keymap = Keymap::new(&Config {
        leave_keys: vec![key("ctrl-g")],
        ..Config::default()
    })
    .unwrap();
    let action = |text| keymap.action(Context::Console, key(text));
    assert_eq!(action("ctrl-g"), Some(Action::LeaveConsole));
    assert_eq!(action("ctrl-]"), None);
    assert_eq!(action("f12"), None);
}

#[test]
fn the_table_of_keys_reads_so() {
    let rows = keys_table(&Config::default()).unwrap();
    let text: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{:<10} {:<30} {:<16} {}",
                row.context,
                row.keys.join(" "),
                row.action,
                row.summary
            )
        })
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}
