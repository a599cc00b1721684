use serde_json::json;

use super::*;

fn failing(failure: Failure) -> Reply {
    Reply {
        failure: Some(failure),
        ..Reply::default()
    }
}

#[test]
fn every_kind_of_failure_has_its_code_word_and_exit_code_in_the_envelope() {
    let table = [
        (Code::UsageError, "usage_error", 2),
        (Code::InvalidInput, "invalid_input", 1),
        (Code::NotFound, "not_found", 1),
        (Code::AlreadyExists, "already_exists", 1),
        (Code::Busy, "busy", 1),
        (Code::Refused, "refused", 1),
        (Code::NotRunning, "not_running", 1),
        (Code::MissingDependency, "missing_dependency", 1),
        (Code::Timeout, "timeout", 1),
        (Code::Interrupted, "interrupted", 130),
        (Code::Damaged, "damaged", 1),
        (Code::ConfigError, "config_error", 1),
        (Code::RuntimeError, "runtime_error", 1),
    ];
    for (code, word, exit) in table {
        let failure = Failure::new(code, "m").with_hint("h").with_details("d");
        let json: Value = serde_json::from_str(&envelope("ls", &failing(failure))).unwrap();
        assert_eq!(
            json,
            json!({
                "ok": false, "command": "ls", "exit_code": exit, "data": null,
                "error": { "code": word, "message": "m", "recovery": "h", "details": "d" },
            })
        );
    }
}

#[test]
fn the_envelope_has_its_keys_in_the_order_of_the_contract() {
    let reply = Reply::new("", json!({ "vms": [] })).unwrap();
    let compact: Value = serde_json::from_str(&envelope("ls", &reply)).unwrap();
    assert_eq!(compact["error"], Value::Null);
    let keys: Vec<String> = envelope("ls", &reply)
        .lines()
        .filter_map(|line| line.strip_prefix("  \""))
        .filter_map(|line| Some(line.split_once('"')?.0.to_owned()))
        .collect();
    assert_eq!(keys, ["ok", "command", "exit_code", "data", "error"]);
}

#[test]
fn failed_checks_leave_the_error_null_but_not_the_exit_code() {
    let reply = Reply {
        exit_code: Some(1),
        ..Reply::new("", json!({})).unwrap()
    };
    let json: Value = serde_json::from_str(&envelope("doctor", &reply)).unwrap();
    assert_eq!(
        (&json["ok"], &json["exit_code"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(json["error"], Value::Null);
}

#[test]
fn columns_are_aligned_by_what_the_eye_sees() {
    let rows = [
        vec!["a".to_owned(), "1".to_owned()],
        vec!["日本".to_owned(), "–".to_owned()],
    ];
    let text = table(&["N", "CPU"], &rows);
    assert_eq!(text, "N     CPU\na     1\n日本  –\n");
}
