//! Root disks, good and bad, under real guests.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::Bed;

/// An ext4 file system with nothing in it.
fn formatted(path: &Path) -> PathBuf {
    blank(path);
    // Not on the path of every plain user.
    let program = ["/usr/sbin/mke2fs", "/sbin/mke2fs"];
    let program = program.iter().find(|program| Path::new(program).exists());
    let program = program.expect("this test needs mke2fs: install e2fsprogs");
    let made = Command::new(program)
        .args(["-q", "-F", "-t", "ext4"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
    path.to_owned()
}

/// A disk of 16 MiB that nobody has formatted.
fn blank(path: &Path) -> PathBuf {
    File::create(path).unwrap().set_len(16 << 20).unwrap();
    path.to_owned()
}

/// Types a line into the shell of `web` and waits for what it prints.
fn type_and_expect(bed: &Bed, line: &str, answer: &str) {
    bed.run(&["send", "web", &format!("{line}\\n")]).ok();
    bed.run(&["expect", "web", answer, "--timeout", "30"]).ok();
}

/// The agent's own lines in the log of the latest boot of `web`.
fn told(bed: &Bed) -> Vec<String> {
    let log = bed.run(&["logs", "web"]).ok().stdout;
    let boot = log.rsplit("Linux version").next().unwrap();
    let lines = boot.lines().filter(|line| line.starts_with("smolvm-agent"));
    lines.map(str::to_owned).collect()
}

const WAIT: [&str; 3] = ["--wait", "--timeout", "90"];

#[test]
fn a_disk_that_cannot_be_mounted_leaves_a_shell_and_one_line_that_says_why() {
    let bed = Bed::new();
    let disk = blank(&bed.home().join("disk"));
    let disk = disk.to_str().unwrap();
    bed.run(&["create", "web", "--rootfs", disk, "--disk-size", "8"])
        .failed(1, &["16 MiB"]);
    let create = ["create", "web", "--rootfs", disk, "--disk-size", "24"];
    bed.run(&[&create[..], &WAIT].concat()).ok();
    let told = told(&bed);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("/dev/vda: it is not formatted"),
        "{told:?}"
    );
    // In sectors, as it was asked for and not as the file is.
    type_and_expect(&bed, "cat /sys/block/vda/size", "^49152$");
}

#[test]
fn a_disk_without_a_shell_is_repaired_from_outside_and_lived_in_at_the_next_boot() {
    let bed = Bed::new();
    let disk = formatted(&bed.home().join("disk"));
    let disk = disk.to_str().unwrap();
    let shared = ["--rootfs", disk, "--disk-mode", "shared"];
    bed.run(&[&["create", "web"], &shared[..], &WAIT].concat())
        .ok();
    let outside = told(&bed);
    assert_eq!(outside.len(), 1, "{outside:?}");
    assert!(outside[0].contains("no program /bin/sh; it is on /mnt/root"));
    for line in [
        "cd /mnt/root; mkdir bin etc sbin; cp /bin/busybox bin; ln -s busybox bin/sh",
        "printf '#!/none\\\\n' >sbin/init; chmod 755 sbin/init; echo made $((6*7))",
    ] {
        bed.run(&["send", "web", &format!("{line}\\n")]).ok();
    }
    bed.run(&["expect", "web", "^made 42$", "--timeout", "30"])
        .ok();
    bed.run(&["stop", "web"]).ok();

    bed.run(&[&["start", "web"], &WAIT[..]].concat()).ok();
    let inside = told(&bed);
    assert_eq!(inside.len(), 2, "{inside:?}");
    assert!(
        inside[1].contains("its /sbin/init does not start: No such file"),
        "{inside:?}"
    );
    type_and_expect(&bed, "busybox ls -d /mnt", "ls: /mnt: No such file");
    type_and_expect(
        &bed,
        "busybox cat /etc/resolv.conf",
        "^nameserver 10.0.2.3$",
    );

    // Two VMs must not write to it at once.
    bed.run(&[&["create", "other"], &shared[..]].concat()).ok();
    bed.run(&["start", "other"])
        .failed(1, &["disk", "VM `web`"]);
    bed.run(&["stop", "web"]).ok();
    // The name servers were laid over the disk, not written to it.
    let bytes = fs::read(disk).unwrap();
    let written = b"nameserver 10.0.2.3";
    assert!(!bytes.windows(written.len()).any(|at| at == written));
}
