//! `run`: a VM for one command, gone afterwards.

use std::process::Stdio;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::{Bed, Process, json_of, wait_until};

fn nothing_is_left(bed: &Bed) {
    assert_eq!(bed.rows(), Vec::<Value>::new());
    wait_until("every process of the bed to end", || {
        bed.processes().is_empty()
    });
}

#[test]
fn a_command_has_a_vm_of_its_own_whose_exit_code_is_passed_on_and_which_is_gone_then() {
    let bed = Bed::new();
    let words = ["run", "--memory", "192", "-e", "A=1", "--", "sh", "-c"];
    let script = "echo $A; echo err >&2; exit 7";
    let answer = bed.run(&[&words[..], &[script]].concat());
    assert_eq!((answer.code, &*answer.stdout), (7, "1\n"), "{answer:#?}");
    assert!(answer.stderr.ends_with("err\n"), "{answer:#?}");
    nothing_is_left(&bed);
    let answer = bed.run(&["run", "--json", "--", "echo", "hi"]).ok();
    assert_eq!(json_of(&answer)["stdout"], "hi\n");
    bed.run(&["run", "--image", "none", "--", "true"])
        .failed(1, &["none"]);
    // Without a command it is a console, which needs a terminal.
    bed.run(&["run"]).failed(2, &["terminal"]);
    nothing_is_left(&bed);
}

#[test]
fn an_interrupt_ends_the_boot_or_the_command_and_takes_the_vm_with_it() {
    let bed = Bed::new();
    for (script, waits, code) in [
        ("echo never", None, 130),
        (
            "trap 'exit 9' INT; echo up; while :; do sleep 0.1; done",
            Some("up\n"),
            9,
        ),
    ] {
        let mut command = bed.command(&["run", "--", "sh", "-c", script]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        match waits {
            Some(word) => {
                let mut up = vec![0; word.len()];
                let stdout = child.stdout.as_mut().unwrap();
                std::io::Read::read_exact(stdout, &mut up).unwrap();
            }
            None => wait_until("the VM to be there", || !bed.rows().is_empty()),
        }
        Process(i32::try_from(child.id()).unwrap()).signal(Signal::SIGINT);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        nothing_is_left(&bed);
    }
}
