//! `cp` into a real guest and out of it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use crate::support::{Bed, wait_until};

fn sh(bed: &Bed, script: &str) -> String {
    bed.run(&["exec", "web", "--", "sh", "-c", script])
        .ok()
        .stdout
}

/// Everything below `path` with mode, time and sum, as a shell tells it there or here.
fn listing(path: &str) -> String {
    format!(
        "cd {path} && find . | sort | while read -r f; do stat -c '%n %a %Y %F' \"$f\"; if [ -h \"$f\" ]; then readlink \"$f\"; elif [ -f \"$f\" ]; then md5sum < \"$f\"; fi; done"
    )
}

fn here(script: &str) -> String {
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn show(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn trees_and_files_go_in_and_come_back_identical() {
    let bed = Bed::with_web();
    let home = bed.home();
    let from = home.join("from");
    fs::create_dir_all(from.join("sub/empty")).unwrap();
    fs::write(from.join("sub/big"), vec![7; 3 << 20]).unwrap();
    fs::write(from.join("äö ü"), "x").unwrap();
    fs::write(from.join("none"), "").unwrap();
    symlink("/etc/passwd", from.join("link")).unwrap();
    fs::set_permissions(from.join("sub"), fs::Permissions::from_mode(0o550)).unwrap();
    here(&format!(
        "cd {} && touch -h -d @1000000000 none link sub .",
        show(&from)
    ));

    bed.run(&["cp", &show(&from), "web:/tmp/in"]).ok();
    let there = sh(&bed, &listing("/tmp/in"));
    assert_eq!(there, here(&listing(&show(&from))));
    let back = home.join("back");
    bed.run(&["cp", "web:/tmp/in", &show(&back)]).ok();
    assert_eq!(here(&listing(&show(&back))), there);
    bed.run(&["cp", "web:/etc", &show(&home.join("etc"))]).ok();
    bed.run(&["cp", &show(&home.join("etc")), "web:/tmp/etc"])
        .ok();
    assert_eq!(sh(&bed, &listing("/tmp/etc")), sh(&bed, &listing("/etc")));

    // Into a directory, over a file, and what is refused.
    bed.run(&["cp", &show(&from.join("äö ü")), "web:/tmp"]).ok();
    assert_eq!(sh(&bed, "cat '/tmp/äö ü'"), "x");
    sh(&bed, "echo old > /tmp/none");
    bed.run(&["cp", &show(&from.join("none")), "web:/tmp/none"])
        .ok();
    assert_eq!(sh(&bed, "cat /tmp/none"), "");
    bed.run(&["cp", &show(&from), "web:/tmp/in"]).ok();
    assert_eq!(sh(&bed, "ls /tmp/in/from/sub"), "big\nempty\n");
    bed.run(&["cp", &show(&from), "web:/tmp/in"])
        .failed(1, &["there already"]);
    bed.run(&["cp", &show(&from), "web:/no/where"])
        .failed(1, &["/no"]);
    bed.run(&["cp", "web:/no", &show(&back)])
        .failed(1, &["/no"]);
    bed.run(&["cp", "web:/etc", "web:/tmp"])
        .failed(2, &["NAME:/path"]);
    bed.run(&["cp", &show(&home.join("nothing")), "web:/tmp"])
        .failed(1, &["nothing"]);
    assert_eq!(
        sh(&bed, "find /tmp -name '.*.*'"),
        "",
        "no temporary name is left"
    );
}

#[test]
fn a_file_of_a_hundred_mib_arrives_and_one_that_does_not_fit_is_refused() {
    let bed = Bed::with_web();
    let file = bed.home().join("big");
    sh(&bed, "mount -o remount,size=40m /tmp");
    fs::write(&file, vec![0x5a; 100 << 20]).unwrap();
    bed.run(&["cp", &show(&file), "web:/tmp/big"])
        .failed(1, &["No space left"]);
    // A disk that fills up on the way.
    let tree = bed.home().join("tree");
    fs::create_dir(&tree).unwrap();
    for number in 0..6 {
        fs::write(tree.join(number.to_string()), vec![1; 8 << 20]).unwrap();
    }
    bed.run(&["cp", &show(&tree), "web:/tmp/tree"])
        .failed(1, &["No space left"]);
    assert_eq!(sh(&bed, "ls -A /tmp"), "", "nothing is left of it");

    sh(&bed, "mount -o remount,size=120m /tmp");
    bed.run(&["cp", &show(&file), "web:/tmp/big"]).ok();
    let back = bed.home().join("back");
    bed.run(&["cp", "web:/tmp/big", &show(&back)]).ok();
    assert_eq!(fs::metadata(&back).unwrap().size(), 100 << 20);
    let same = Command::new("cmp").arg(&file).arg(&back).status().unwrap();
    assert!(same.success());
}

#[test]
fn a_transfer_that_is_cut_off_leaves_nothing_on_either_side() {
    let bed = Bed::with_web();
    let target = bed.home().join("out");
    fs::create_dir(&target).unwrap();
    let names = || -> Vec<_> {
        let entries = fs::read_dir(&target).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    };
    sh(
        &bed,
        "mkdir /tmp/d && dd if=/dev/zero of=/tmp/d/a bs=1M count=40",
    );
    for cut in ["client", "shim"] {
        let mut child = bed
            .command(&["cp", "web:/tmp/d", &show(&target)])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_until("the transfer to begin", || {
            !names().is_empty() || child.try_wait().unwrap().is_some()
        });
        match cut {
            "client" => {
                let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
                nix::sys::signal::kill(pid, Signal::SIGINT).unwrap();
            }
            _ => bed.shim("web").signal(Signal::SIGKILL),
        }
        let output = child.wait_with_output().unwrap();
        let code = if cut == "client" { 130 } else { 1 };
        assert_eq!(output.status.code(), Some(code), "{cut}: {output:?}");
        assert_eq!(names(), Vec::<std::ffi::OsString>::new(), "{cut}");
    }
    // And into the guest.
    let file = bed.home().join("big");
    fs::write(&file, vec![0x5a; 40 << 20]).unwrap();
    let mut child = bed
        .command(&["cp", &show(&file), "web:/tmp/big"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the transfer to begin", || {
        sh(&bed, "ls -A /tmp").contains(".big") || child.try_wait().unwrap().is_some()
    });
    bed.shim("web").signal(Signal::SIGKILL);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    wait_until("the rest to be removed", || sh(&bed, "ls -A /tmp") == "d\n");
    bed.run(&["cp", &show(&file), "web:/tmp/big"]).ok();
}
