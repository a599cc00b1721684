use super::*;

fn place() -> (tempfile::TempDir, VmPaths) {
    let dir = tempfile::tempdir().unwrap();
    let store = crate::vm::Store::locate(Some(dir.path())).unwrap();
    let paths = store.paths(&"web".parse().unwrap());
    fs::create_dir_all(&paths.dir).unwrap();
    (dir, paths)
}

fn at(boot: u32, t_us: u64) -> When {
    When {
        boot,
        t_us,
        missed: false,
    }
}

/// All that is kept from `offset` on, with the offset at which it really begins.
fn all(reader: &Reader, mut offset: u64) -> (u64, Vec<u8>) {
    let mut begin = None;
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.read(offset, 1000).unwrap() {
        begin.get_or_insert(chunk.offset);
        offset = chunk.offset + chunk.bytes.len() as u64;
        bytes.extend(chunk.bytes);
    }
    (begin.unwrap_or(offset), bytes)
}

#[test]
fn offsets_stay_exact_over_rotation_and_over_new_writers() {
    let (_dir, paths) = place();
    let mut random = fastrand::Rng::with_seed(3);
    let mut truth: Vec<u8> = Vec::new();
    for _ in 0..30 {
        let mut log = Log::with_cap(&paths, 2000).unwrap();
        assert_eq!(log.end(), truth.len() as u64);
        for _ in 0..random.usize(0..20) {
            let bytes: Vec<u8> = (0..random.usize(1..400)).map(|_| random.u8(..)).collect();
            log.append(&bytes, at(1, truth.len() as u64)).unwrap();
            truth.extend(bytes);
        }
        let oldest = log.reader().oldest();
        assert!(log.end() - oldest <= 4000);
        assert_eq!(oldest == 0, truth.len() <= 4000 || oldest == 0);
        let from = random.u64(0..=log.end());
        let (begin, bytes) = all(log.reader(), from);
        assert_eq!(begin, from.max(oldest));
        assert!(bytes == truth[usize::try_from(begin).unwrap()..]);
        let reader = Reader::open(&paths).unwrap();
        assert_eq!((reader.oldest(), reader.end()), (oldest, log.end()));
        assert_eq!(all(&reader, from).1, bytes);
    }
    assert!(truth.len() > 20_000);
}

#[test]
fn a_replay_tells_when_each_byte_came() {
    let (_dir, paths) = place();
    let mut log = Log::open(&paths).unwrap();
    log.append(b"one", at(1, 0)).unwrap();
    log.append(b"two", at(1, 500_000)).unwrap();
    log.append(b"again", at(2, 7)).unwrap();
    let chunk = log.reader().read(1, 100).unwrap().unwrap();
    assert_eq!((chunk.when, &*chunk.bytes), (at(1, 0), &b"ne"[..]));
    let chunk = log.reader().read(3, 100).unwrap().unwrap();
    assert_eq!((chunk.when, &*chunk.bytes), (at(1, 500_000), &b"two"[..]));
    let chunk = Reader::open(&paths).unwrap().read(6, 100).unwrap().unwrap();
    assert_eq!(chunk.when, at(2, 7));
}

#[test]
fn a_crash_within_a_rotation_loses_no_offset() {
    let (_dir, paths) = place();
    let mut log = Log::open(&paths).unwrap();
    log.append(b"0123456789", at(1, 0)).unwrap();
    drop(log);
    // As after the rename, before the new file.
    fs::rename(&paths.console_log, older_path(&paths.console_log)).unwrap();
    let log = Log::open(&paths).unwrap();
    assert_eq!((log.reader().oldest(), log.end()), (0, 10));
    drop(log);
    // As after the new file, before its note in the index.
    let mut index = fs::read(&paths.console_idx).unwrap();
    index.truncate(index.len() - index::RECORD);
    fs::write(&paths.console_idx, index).unwrap();
    assert_eq!(Log::open(&paths).unwrap().end(), 10);
    assert_eq!(all(&Reader::open(&paths).unwrap(), 4).1, b"456789");
}

#[test]
fn a_torn_index_and_a_missing_one_are_lived_with() {
    let (_dir, paths) = place();
    Log::open(&paths).unwrap().append(b"abc", at(1, 0)).unwrap();
    let mut index = fs::read(&paths.console_idx).unwrap();
    index.extend([1, 2, 3]);
    fs::write(&paths.console_idx, &index).unwrap();
    let mut log = Log::open(&paths).unwrap();
    log.append(b"def", at(2, 9)).unwrap();
    drop(log);
    assert_eq!(Reader::open(&paths).unwrap().when(4), Some(at(2, 9)));
    fs::remove_file(&paths.console_idx).unwrap();
    assert_eq!(all(Log::open(&paths).unwrap().reader(), 0).1, b"abcdef");
}

/// As on a full disk: what is written to this handle is refused.
#[cfg(target_os = "linux")]
fn refuse(log: &mut Log) -> File {
    let full = File::options().append(true).open("/dev/full").unwrap();
    let current = log.reader.current.as_mut().unwrap();
    std::mem::replace(&mut current.file, full)
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_what_comes_then_and_nothing_that_is_kept() {
    let (_dir, paths) = place();
    let mut log = Log::with_cap(&paths, 2000).unwrap();
    let truth: Vec<u8> = (0..3000_u32).flat_map(u32::to_le_bytes).collect();
    let append = |log: &mut Log, length: usize| {
        let end = usize::try_from(log.end()).unwrap();
        log.append(&truth[end..end + length], at(1, end as u64))
    };
    append(&mut log, 1300).unwrap();
    append(&mut log, 1300).unwrap();
    for round in 0..5 {
        let before = (log.reader().oldest(), log.reader().end());
        let room = refuse(&mut log);
        for _ in 0..20 {
            append(&mut log, 7).unwrap_err();
        }
        assert_eq!((log.reader().oldest(), log.reader().end()), before);
        log.reader.current.as_mut().unwrap().file = room;
        append(&mut log, 40).unwrap();
        append(&mut log, 10).unwrap();
        assert_eq!(log.end(), 2600 + (round + 1) * 190);
        if round == 2 {
            // Another shim finds the same.
            log = Log::with_cap(&paths, 2000).unwrap();
        }
        for reader in [log.reader(), &Reader::open(&paths).unwrap()] {
            let mut at = 0;
            let mut kept = 0;
            while let Some(chunk) = reader.read(at, 64).unwrap() {
                let begin = usize::try_from(chunk.offset).unwrap();
                assert_eq!(chunk.bytes, truth[begin..begin + chunk.bytes.len()]);
                kept += chunk.bytes.len() as u64;
                at = chunk.offset + chunk.bytes.len() as u64;
            }
            assert_eq!(at, log.end());
            assert_eq!(kept, 2600 + (round + 1) * 50);
        }
    }
    let text = fs::read(&paths.console_log).unwrap();
    let marks = String::from_utf8_lossy(&text);
    let marks = marks.matches("[140 bytes of output are missing here]");
    assert_eq!(marks.count(), 5);
}

#[cfg(target_os = "linux")]
#[test]
fn a_shim_that_died_on_a_full_disk_leaves_a_log_that_goes_on() {
    let (_dir, paths) = place();
    let mut log = Log::open(&paths).unwrap();
    log.append(b"abc", at(1, 0)).unwrap();
    refuse(&mut log);
    log.append(b"lost", at(1, 0)).unwrap_err();
    log.append(b"noted", at(1, 0)).unwrap_err();
    drop(log);
    let mut log = Log::open(&paths).unwrap();
    assert_eq!(log.end(), 7, "as far as the index knows");
    log.append(b"xyz", at(1, 0)).unwrap();
    for reader in [log.reader(), &Reader::open(&paths).unwrap()] {
        let chunk = reader.read(3, 100).unwrap().unwrap();
        assert_eq!((chunk.offset, &*chunk.bytes), (7, &b"xyz"[..]));
        assert_eq!(reader.end(), 10);
    }
}

#[test]
fn what_the_disk_did_not_take_keeps_its_offsets() {
    let (_dir, paths) = place();
    let mut log = Log::open(&paths).unwrap();
    log.append(b"abc", at(1, 0)).unwrap();
    log.skip_to(1000);
    log.append(b"xyz", at(1, 5)).unwrap();
    assert_eq!(log.end(), 1003);
    let chunk = log.reader().read(3, 100).unwrap().unwrap();
    assert_eq!((chunk.offset, &*chunk.bytes), (1000, &b"xyz"[..]));
    drop(log);
    assert_eq!(Log::open(&paths).unwrap().end(), 1003);
}
