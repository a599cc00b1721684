//! Directories, room, images.

use super::*;

#[test]
fn the_directories_of_vms_must_be_ours_alone() {
    for (name, path) in [("run-directory", RUN), ("data-directory", ROOT)] {
        let passes = format!("{path}`, mode 0700");
        let chmod = format!("(mode 0770)\nchmod 700 {path}");
        table(
            name,
            Qemu,
            &[
                (&|_| {}, Pass, &passes),
                (&|host| host.entry_mut(path).mode = 0o770, Fail, &chmod),
                (
                    &|host| host.entry_mut(path).owner = 7,
                    Fail,
                    "belongs to user 7",
                ),
                (
                    &|host| host.entry_mut(path).is_directory = false,
                    Fail,
                    "is no directory",
                ),
                (
                    &|host| host.read_only = [path.into()].into(),
                    Fail,
                    "nothing can be made",
                ),
            ],
        );
        let fresh = FakeHost::sound().with(|host| {
            host.entries.remove(Path::new(RUN));
            host.entries.remove(Path::new(ROOT));
        });
        expect(&fresh, Qemu, name, Pass, "will be made");
        let locked = fresh.with(|host| host.read_only = ["/home/ann".into()].into());
        expect(
            &locked,
            Qemu,
            name,
            Fail,
            "nothing can be made in `/home/ann`",
        );
    }
}

#[test]
fn commands_name_paths_as_the_shell_reads_them() {
    let odd = PathBuf::from("/home/ann/it's mine");
    let examination = Examination {
        store: Store::locate(Some(&odd)).unwrap(),
        ..examination(Qemu)
    };
    let entry = Entry {
        is_directory: true,
        owner: ANN,
        group: ANN,
        mode: 0o777,
    };
    let host = FakeHost::sound().with(|host| host.entries.extend([(odd, entry)]));
    let report = report_on(&host, &examination);
    let fix = named(&report, "data-directory").fix.clone().unwrap();
    assert_eq!(fix.command(), Some(r"chmod 700 '/home/ann/it'\''s mine'"));
}

#[test]
fn sockets_that_have_to_go_elsewhere_are_told() {
    expect(
        &FakeHost::sound(),
        Qemu,
        "socket-path",
        Pass,
        "58 bytes of 107",
    );
    let deep = PathBuf::from("/home/ann").join("deep".repeat(30));
    let examination = Examination {
        store: Store::locate(Some(&deep)).unwrap(),
        ..examination(Qemu)
    };
    let report = report_on(&FakeHost::sound(), &examination);
    expect_found(named(&report, "socket-path"), Pass, "too long for sockets");
}

#[test]
fn room_on_disk_and_in_memory_is_weighed() {
    let disk = |free| move |host: &mut FakeHost| host.free_disk = free;
    table(
        "disk-space",
        Qemu,
        &[
            (&disk(Some(75 * GIB + GIB / 2)), Pass, "75.5 GiB free"),
            (&disk(Some(500 << 20)), Warn, "500.0 MiB free"),
            (&disk(Some(1)), Fail, "0.0 KiB free"),
            (&disk(None), Warn, "no answer"),
        ],
    );
    let memory = |available: u64| {
        move |host: &mut FakeHost| {
            host.memory = Some(HostMemory {
                total: 4 * GIB,
                available,
            });
        }
    };
    table(
        "memory",
        Qemu,
        &[
            (&memory(2 * GIB), Pass, "2.0 GiB of 4.0 GiB available"),
            (&memory(200 << 20), Warn, "200.0 MiB of"),
            (&memory(9 << 20), Fail, "--memory"),
            (&|host| host.memory = None, Skip, "does not tell"),
        ],
    );
}

#[test]
fn a_low_limit_of_open_files_is_told() {
    table(
        "open-files",
        Qemu,
        &[
            (&|_| {}, Pass, "1024"),
            (
                &|host| host.open_files = Some(64),
                Warn,
                "64, but a few VMs need 256",
            ),
            (&|host| host.open_files = None, Skip, "does not tell"),
        ],
    );
}

#[test]
fn images_are_there_and_whole() {
    let torn = |host: &mut FakeHost| {
        let why = Err("vmlinuz is missing".to_owned());
        host.images.push(("big".to_owned(), why));
    };
    table(
        "images",
        Qemu,
        &[
            (&|_| {}, Pass, "tiny (12.0 MiB)"),
            (
                &|host| host.images.clear(),
                Warn,
                "no guest image yet\nsmolvm-tui image build",
            ),
            (
                &torn,
                Warn,
                "`big` is damaged: vmlinuz is missing\nsmolvm-tui image rm big, then",
            ),
        ],
    );
}
