//! What cannot be done is told with what, where and the way out, and leaves nothing half-made.

use std::fs;
use std::net::TcpListener;

use crate::support::{Bed, json_of};

/// Whether there is no VM and nothing that could become one.
fn is_clean(bed: &Bed) -> bool {
    let vms = bed.data().join("vms");
    bed.rows().is_empty() && fs::read_dir(vms).map_or(true, |entries| entries.count() == 0)
}

#[test]
fn what_cannot_be_created_is_refused_by_name_and_leaves_nothing() {
    let bed = Bed::new();
    let text = bed.home().join("notes.txt");
    fs::write(&text, "this is no kernel\n".repeat(100)).unwrap();
    let text = text.to_str().unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = format!("{}:80", taken.local_addr().unwrap().port());
    let cases: [(&[&str], &[&str]); 12] = [
        (&["create", "Web"], &["Web"]),
        (&["create", "../up"], &["../up"]),
        (&["create", "web", "--cpus", "0"], &["cpus"]),
        (&["create", "web", "--cpus", "100000"], &["cpus"]),
        (&["create", "web", "--memory", "1"], &["memory"]),
        (&["create", "web", "--memory", "99999999"], &["memory"]),
        (&["create", "web", "--image", "nope"], &["nope", "image"]),
        (
            &["create", "web", "--kernel", "/does/not/exist"],
            &["/does/not/exist"],
        ),
        (&["create", "web", "--kernel", text], &["notes.txt"]),
        (&["create", "web", "--publish", "80"], &["80"]),
        (
            &[
                "create",
                "web",
                "--publish",
                "8080:80",
                "--publish",
                "8080:81",
            ],
            &["8080"],
        ),
        (
            &["create", "web", "--backend", "firecrackerr"],
            &["Unsupported backend 'firecrackerr'"],
        ),
    ];
    for (arguments, words) in cases {
        let answer = bed.run(arguments);
        assert!([1, 2].contains(&answer.code), "{answer:#?}");
        let code = answer.code;
        answer.failed(code, words);
        assert!(is_clean(&bed), "{arguments:?} left something");
    }
    // Whether a port is free is the host's to say when the VM starts, or earlier.
    bed.run(&["create", "web", "--publish", &taken, "--start"])
        .failed(1, &[taken.split(':').next().unwrap()]);
}

#[test]
fn a_name_that_exists_or_does_not_is_told_with_the_way_out() {
    let bed = Bed::new();
    bed.run(&["create", "web"]).ok();
    bed.run(&["create", "web"]).failed(1, &["web", "exists"]);
    bed.run(&["start", "wev"]).failed(1, &["wev", "web"]);
    for command in ["stop", "kill", "info", "logs", "screen", "boots"] {
        bed.run(&[command, "nobody"]).failed(1, &["nobody"]);
    }
}

#[test]
fn without_an_image_the_error_says_how_to_make_one() {
    let bed = Bed::bare();
    bed.run(&["create", "web"]).failed(1, &["image build"]);
    assert!(is_clean(&bed));
}

#[test]
fn a_failure_in_json_has_a_code_a_message_and_a_recovery() {
    let bed = Bed::bare();
    let answer = bed.run(&["stop", "nobody", "--json"]);
    assert_eq!(answer.code, 1);
    json_of(&answer);
    let error = &answer.json()["error"];
    assert_eq!(error["code"], "not_found", "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("nobody"));
    assert!(error["recovery"].is_string(), "{error:#}");
}

#[test]
fn wrong_usage_is_exit_code_two() {
    let bed = Bed::bare();
    bed.run(&["frobnicate"]).failed(2, &["frobnicate"]);
    bed.run(&["create", "--cpus", "many"]).failed(2, &["many"]);
    bed.run(&["stop"]).failed(2, &[]);
}

#[test]
fn a_data_directory_that_cannot_be_is_named() {
    let bed = Bed::new();
    // What stands where the VMs shall be is no directory; root could write to a read-only one.
    fs::write(bed.data().join("vms"), "").unwrap();
    bed.run(&["create", "web"]).failed(1, &["vms"]);
}

#[test]
fn an_error_in_the_configuration_is_shown_where_it_is_and_ls_still_works() {
    let bed = Bed::new();
    let file = bed.home().join("config.toml");
    fs::write(&file, "backend = \"qemu\"\nvcpu_conut = 2\n").unwrap();
    let file = file.to_str().unwrap();
    bed.run(&["--config", file, "create", "web"])
        .failed(1, &["config.toml", "vcpu_conut", "2"]);
    assert!(is_clean(&bed));
    let answer = bed.run(&["--config", file, "ls", "--json"]).ok();
    json_of(&answer);
    assert!(answer.stderr.contains("vcpu_conut"), "{answer:#?}");
}
