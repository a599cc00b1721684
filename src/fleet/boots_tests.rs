use super::*;
use crate::fleet::tests::{fleet, made, spec};
use crate::shim::log::{Log, When};

fn boot(id: u64, ready_us: u64, console_offset: u64) -> BootRecord {
    let mut boot = BootRecord {
        console_offset,
        ..BootRecord::sample(id)
    };
    boot.phases.stamp(BootPhase::Ready, ready_us);
    boot
}

#[test]
fn the_kernels_lines_are_those_of_this_boot_until_it_was_ready() {
    let (_dir, fleet) = fleet();
    let name = made(&fleet.store, "web", &spec("0badcafe"));
    let paths = fleet.store.paths(&name);
    let mut log = Log::open(&paths).unwrap();
    log.append(b"[    9.000000] of the boot before\r\n", When::at(1, 900))
        .unwrap();
    let begin = log.end();
    for (bytes, at) in [
        (&b"\x1b[2JSeaBIOS\r\n[    0.000000] Linux ver"[..], 10_000),
        (b"sion 6\r\n[    0.250000] a\x1b[31mb\r\n[    0.2", 20_000),
        (b"60000] cut", 30_000),
        (b"\r\nlogin: ", 40_000),
        (b"[    7.000000] after it was ready\r\n", 50_000),
    ] {
        log.append(bytes, When::at(2, at)).unwrap();
    }
    let found = kernel_log(&paths, &boot(2, 45_000, begin)).unwrap();
    let line = |at_us, read_us, text: &str| KernelLine {
        at_us,
        read_us: Some(read_us),
        text: text.to_owned(),
    };
    assert_eq!(
        found.lines,
        [
            line(0, 10_000, "Linux version 6"),
            line(250_000, 20_000, "ab"),
            line(260_000, 20_000, "cut"),
        ]
    );
    assert!(found.is_whole);
    assert_eq!(found.bytes, log.end() - begin - 35);
}

#[test]
fn a_log_that_lost_the_beginning_of_the_boot_says_so() {
    let (_dir, fleet) = fleet();
    let name = made(&fleet.store, "web", &spec("0badcafe"));
    let paths = fleet.store.paths(&name);
    let mut log = Log::open(&paths).unwrap();
    log.skip_to(4096);
    log.append(b"[    1.000000] late\r\n", When::at(1, 10))
        .unwrap();
    drop(log);
    let found = kernel_log(&paths, &boot(1, 100, 0)).unwrap();
    assert_eq!(found.lines.len(), 1);
}

#[test]
fn boots_of_vms_that_are_gone_stay_in_the_history() {
    let (_dir, fleet) = fleet();
    let name = made(&fleet.store, "web", &spec("0badcafe"));
    fleet.store.append_boot(&boot(1, 500, 0)).unwrap();
    let lock = fleet.store.lock(&name).unwrap().unwrap();
    fleet.store.remove(lock, None).unwrap();
    let history = fleet.history().unwrap();
    assert_eq!(history.iter().map(|boot| boot.id).collect::<Vec<_>>(), [1]);
    // A later VM of the same name has no part in them.
    made(&fleet.store, "web", &spec("11111111"));
    let past = fleet.past(&fleet.store.find("web").unwrap()).unwrap();
    assert_eq!((past.own.len(), past.others.len()), (0, 1));
}

#[test]
fn a_silence_after_a_question_to_the_terminal_is_counted_and_an_answered_one_is_not() {
    let (_dir, fleet) = fleet();
    let name = made(&fleet.store, "web", &spec("0badcafe"));
    let paths = fleet.store.paths(&name);
    let mut log = Log::open(&paths).unwrap();
    for (bytes, at) in [
        (&b"\x1b[6n"[..], 10_000),
        (b"answered\r\n", 15_000),
        (b"\x1b[999;999H\x1b[6n", 20_000),
        (b"gave up\r\n", 353_000),
        (b"slow, and nothing was asked \x1b[1m", 400_000),
        (b"x", 800_000),
    ] {
        log.append(bytes, When::at(1, at)).unwrap();
    }
    let found = kernel_log(&paths, &boot(1, 900_000, 0)).unwrap();
    assert_eq!(found.probe_us, 333_000);
}

#[test]
fn the_kernel_of_a_boot_is_known_and_whether_it_unpacks_itself() {
    let (dir, fleet) = fleet();
    let name = made(&fleet.store, "web", &spec("0badcafe"));
    let mut vm = fleet.store.find(name.as_str()).unwrap();
    assert_eq!(kernel_of(&vm), None);
    let path = dir.path().join("vmlinuz");
    vm.state.argv = vec![
        "qemu".to_owned(),
        "-kernel".to_owned(),
        path.display().to_string(),
    ];
    assert_eq!(kernel_of(&vm), Some(path.clone()));
    let mut bytes = vec![0; 0x202];
    bytes.extend(b"HdrS");
    std::fs::write(&path, bytes).unwrap();
    assert!(is_bzimage(&path).unwrap());
    std::fs::write(&path, vec![0x7f; 0x300]).unwrap();
    assert!(!is_bzimage(&path).unwrap());
    assert!(is_bzimage(&dir.path().join("none")).is_err());
}
