use std::time::Duration;

use super::super::elf::tests::elf;
use super::super::image::tests::Bench;
use super::super::staging::Staging;
use super::*;
use crate::fault::{Code, Fault, io_error};

/// One thing about the options that makes them wrong.
type Change = fn(&mut BuildOptions, &Bench);

#[test]
fn the_initramfs_holds_the_agent_as_init_and_every_module_with_its_table() {
    let bench = Bench::new();
    let archive = fs::read(bench.build().unwrap().initramfs.unwrap()).unwrap();
    let text = String::from_utf8_lossy(&archive);
    for entry in [
        "init\0",
        "bin/busybox\0",
        "lib/modules/6.1.0-test/virtio_pci.ko\0",
        "3: virtio_console\n",
        "root:x:0:0:",
    ] {
        assert!(text.contains(entry), "{entry:?}");
    }
}

#[test]
fn a_failed_build_says_why_and_leaves_nothing_behind() {
    let bench = Bench::new();
    let dynamic = elf(Arch::X86_64, &[(3, b"/lib64/ld.so\0")], &[]);
    fs::write(bench.path("dynamic"), &dynamic).unwrap();
    fs::write(bench.path("text"), "#!/bin/sh\n").unwrap();
    fs::create_dir_all(bench.path("modules/6.1.0-other")).unwrap();
    let cases: [(&str, Code, Change); 11] = [
        ("linked dynamically", Code::InvalidInput, |o, b| {
            o.agent = Some(b.path("dynamic"));
        }),
        ("no 64-bit", Code::InvalidInput, |o, b| {
            o.agent = Some(b.path("text"));
        }),
        ("No such file", Code::RuntimeError, |o, b| {
            o.agent = Some(b.path("absent"));
        }),
        ("linked dynamically", Code::InvalidInput, |o, b| {
            o.busybox = Some(b.path("dynamic"));
        }),
        ("no Linux kernel", Code::InvalidInput, |o, b| {
            o.kernel = Some(b.path("text"));
        }),
        ("no regular file", Code::RuntimeError, |o, b| {
            o.kernel = Some(b.path("modules"));
        }),
        ("No such file", Code::RuntimeError, |o, b| {
            o.modules = Some(b.path("absent"));
        }),
        (
            "belong to the kernel 6.1.0-other",
            Code::InvalidInput,
            |o, b| {
                o.modules = Some(b.path("modules/6.1.0-other"));
            },
        ),
        ("given without them", Code::MissingDependency, |o, _| {
            o.modules = None;
        }),
        ("given without it", Code::MissingDependency, |o, _| {
            o.kernel = None;
        }),
        ("is a program for x86_64", Code::InvalidInput, |o, _| {
            o.arch = Some(Arch::Aarch64);
        }),
    ];
    for (words, code, change) in cases {
        let mut options = bench.options();
        change(&mut options, &bench);
        let error = bench.store.build(&options, &mut |_| {}).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        let failure = crate::fault::Failure::from(error);
        assert!(failure.message.contains(words), "{}", failure.message);
        assert_eq!(bench.left(), Vec::<String>::new(), "{words}");
    }
}

#[test]
fn what_a_killed_build_left_is_removed_by_the_next() {
    let bench = Bench::new();
    let leftover = bench.store.root().join(".staging-dead/work");
    fs::create_dir_all(&leftover).unwrap();
    assert!(bench.store.list().unwrap().is_empty());
    bench.build().unwrap();
    assert_eq!(bench.left(), ["web-1"]);
}

#[test]
fn a_second_build_waits_for_the_first_and_says_so() {
    let bench = Bench::new();
    let first = Staging::open(bench.store.root(), &mut |_| {}).unwrap();
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let said = said.clone();
            bench.store.build(&bench.options(), &mut move |step| {
                said.send(step.to_owned()).unwrap();
            })
        });
        let step = heard.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(step.starts_with("waiting"), "{step}");
        drop(first);
        assert!(second.join().unwrap().is_ok());
    });
}

#[test]
fn a_directory_that_cannot_be_written_is_told_with_the_way_out() {
    // Root writes everywhere, so the place is one that nobody can make: below a file.
    let bench = Bench::new();
    fs::write(bench.path("data"), "").unwrap();
    let error = bench.build().unwrap_err();
    assert!(error.to_string().starts_with("could not make `"), "{error}");
    let of_kind = |kind: io::ErrorKind| GuestError::from(io_error("make", "/x")(kind.into()));
    let denied = of_kind(io::ErrorKind::ReadOnlyFilesystem);
    assert!(denied.hint().unwrap().contains("--data-dir"));
    let full = of_kind(io::ErrorKind::StorageFull);
    assert!(full.hint().unwrap().contains("make room"));
}
