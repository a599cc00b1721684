use std::fs;

use super::*;
use crate::fault::Code;
use crate::fleet::tests::{fleet, made, spec};

#[test]
fn a_refused_draft_leaves_nothing_and_names_every_objection() {
    let (dir, fleet) = fleet();
    let draft = Draft {
        name: Some("Web".to_owned()),
        vcpu_count: Some(0),
        mem_size_mib: Some(1),
        ..Draft::default()
    };
    let failure = fleet.create(&draft).unwrap_err();
    assert_eq!(failure.code, Code::InvalidInput);
    assert!(failure.message.contains("`Web`"));
    let details = failure.details.unwrap();
    assert!(
        details.contains("0 vCPUs") && details.contains("1 MiB"),
        "{details}"
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_name_that_is_free_is_found_beside_those_that_are_taken() {
    let (_dir, fleet) = fleet();
    for n in 0..5 {
        let name = fleet.free_name().unwrap();
        made(&fleet.store, name.as_str(), &spec(&format!("0000000{n}")));
    }
    assert_eq!(fleet.store.names().unwrap().len(), 5);
}
