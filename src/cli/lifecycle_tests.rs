use super::*;
use crate::fault::Code;
use crate::fleet::tests::{fleet, made, spec};

#[test]
fn one_failure_of_several_does_not_hide_the_others() {
    let (_dir, fleet) = fleet();
    made(&fleet.store, "web", &spec("0badcafe"));
    let unknown = || Err(fleet.store.find("wbe").unwrap_err().into());
    let known = || Ok(fleet.store.find("web").unwrap());
    let reply = answer(
        &fleet,
        Operation::Stop,
        &["web", "wbe"],
        vec![known(), unknown()],
    )
    .unwrap();
    assert_eq!(reply.text, "web: created\n");
    let vms = &reply.data["vms"];
    assert_eq!(
        (&vms[0]["phase"], &vms[0]["error"]),
        (&json!("created"), &json!(null))
    );
    assert_eq!(
        (&vms[1]["name"], &vms[1]["phase"]),
        (&json!("wbe"), &json!(null))
    );
    let failure = reply.failure.unwrap();
    assert_eq!(failure.message, "could not stop 1 of 2 VMs");
    assert!(failure.details.unwrap().contains("did you mean `web`?"));
}

#[test]
fn the_failure_of_a_single_name_is_told_as_it_is() {
    let (_dir, fleet) = fleet();
    let unknown = Err(fleet.store.find("web").unwrap_err().into());
    let reply = answer(&fleet, Operation::Stop, &["web"], vec![unknown]).unwrap();
    assert_eq!(reply.failure.unwrap().code, Code::NotFound);
}

#[test]
fn progress_is_told_in_seconds() {
    let line = progress_line("web", BootPhase::FirstByte, 213_900);
    assert_eq!(line, "web: first byte 0.21 s");
    let line = progress_line("web", BootPhase::Ready, 61_005_000);
    assert_eq!(line, "web: ready 61.00 s");
}
