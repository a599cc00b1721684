use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::receive::Receiver;
use super::send::Sender;
use super::*;

/// Everything below `path`: name, mode, time, and what it holds.
fn listing(path: &Path) -> Vec<(String, u32, i64, Vec<u8>)> {
    let mut all = Vec::new();
    let mut todo = vec![path.to_owned()];
    while let Some(at) = todo.pop() {
        let metadata = fs::symlink_metadata(&at).unwrap();
        let name = at.strip_prefix(path).unwrap().display().to_string();
        let held = if metadata.is_dir() {
            todo.extend(
                fs::read_dir(&at)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            Vec::new()
        } else if metadata.is_symlink() {
            fs::read_link(&at)
                .unwrap()
                .display()
                .to_string()
                .into_bytes()
        } else {
            fs::read(&at).unwrap()
        };
        let mode = if metadata.is_symlink() {
            0
        } else {
            metadata.mode()
        };
        all.push((name, mode, metadata.mtime(), held));
    }
    all.sort();
    all
}

/// A tree of all kinds, with odd modes and old times.
fn sample(root: &Path) {
    fs::create_dir_all(root.join("a/b/empty")).unwrap();
    fs::write(root.join("a/nothing"), "").unwrap();
    fs::write(
        root.join("a/b/some"),
        (0..200_000_u32)
            .flat_map(u32::to_le_bytes)
            .collect::<Vec<_>>(),
    )
    .unwrap();
    fs::write(root.join("zehn ü\n"), "0123456789").unwrap();
    symlink("/etc/passwd", root.join("a/link")).unwrap();
    fs::set_permissions(root.join("zehn ü\n"), fs::Permissions::from_mode(0o751)).unwrap();
    fs::set_permissions(root.join("a/b"), fs::Permissions::from_mode(0o500)).unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o555)).unwrap();
    for (at, name) in (1..).zip(["a/nothing", "a/b/some", "a/b", "a", ""]) {
        let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000 + at);
        fs::File::open(root.join(name))
            .unwrap()
            .set_modified(time)
            .unwrap();
    }
}

/// Lets a sample be removed by who made it.
fn open_up(path: &Path) {
    for place in [path.to_owned(), path.join("a"), path.join("a/b")] {
        fs::set_permissions(place, fs::Permissions::from_mode(0o700)).unwrap();
    }
}

fn stream(path: &Path, piece: usize) -> Vec<u8> {
    let mut sender = Sender::new(path).unwrap();
    let (mut all, mut buffer) = (Vec::new(), vec![0; piece]);
    loop {
        match sender.fill(&mut buffer).unwrap() {
            0 => return all,
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

fn receive(target: &Path, bytes: &[u8], piece: usize) -> Result<(), String> {
    let mut receiver = Receiver::new(target, OsStr::new("named"), 0o777, 7)?;
    for piece in bytes.chunks(piece) {
        receiver.push(piece)?;
    }
    receiver.finish()
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_tree_arrives_as_it_was_however_the_stream_is_split() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    sample(&from);
    for (number, piece) in [1, 3, 4096, 1 << 20].into_iter().enumerate() {
        let bytes = stream(&from, piece);
        let to = dir.path().join(number.to_string());
        receive(&to, &bytes, piece.max(7)).unwrap();
        assert_eq!(listing(&to), listing(&from));
        // One that fails at the end is removed, directories included that nobody may write to.
        let all = names(dir.path()).len();
        assert!(receive(&to.join("x/y"), &bytes, 4096).is_err());
        assert!(receive(&dir.path().join("z"), &bytes[..bytes.len() - 1], 4096).is_err());
        assert_eq!(names(dir.path()).len(), all);
        open_up(&to);
    }
    open_up(&from);
}

#[test]
fn a_file_goes_to_its_place_into_a_directory_and_over_another_file() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("from"), "new").unwrap();
    fs::create_dir(at("d")).unwrap();
    fs::write(at("old"), "old").unwrap();
    let bytes = stream(&at("from"), 100);
    for (target, made) in [
        ("x", "x"),
        ("d", "d/named"),
        ("d/", "d/named"),
        ("old", "old"),
    ] {
        receive(&at(target), &bytes, 100).unwrap();
        assert_eq!(fs::read_to_string(at(made)).unwrap(), "new");
    }
    assert!(
        receive(&at("none/"), &bytes, 100)
            .unwrap_err()
            .contains("no directory")
    );
    assert!(receive(&at("none/x"), &bytes, 100).is_err());
    fs::create_dir(at("d/deep")).unwrap();
    fs::write(at("d/deep/kept"), "").unwrap();
    let tree = stream(&at("d"), 100);
    fs::create_dir_all(at("e/named/full")).unwrap();
    assert!(
        receive(&at("e"), &tree, 100)
            .unwrap_err()
            .contains("already")
    );
    assert_eq!(names(&at("e")), ["named"]);
}

#[test]
fn cut_off_or_changed_at_any_byte_nothing_is_there_under_any_name() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    fs::create_dir_all(from.join("d")).unwrap();
    fs::write(from.join("d/file"), "contents of it").unwrap();
    symlink("there", from.join("link")).unwrap();
    let bytes = stream(&from, 100);
    let to = dir.path().join("to");
    fs::create_dir(&to).unwrap();
    for cut in 0..bytes.len() {
        assert!(
            receive(&to.join("x"), &bytes[..cut], 5).is_err(),
            "cut at {cut}"
        );
        assert_eq!(names(&to), Vec::<String>::new());
    }
    let at = bytes.windows(8).position(|it| it == b"contents").unwrap();
    let mut changed = bytes.clone();
    changed[at] ^= 1;
    let why = receive(&to.join("x"), &changed, 5).unwrap_err();
    assert!(why.contains("as it was sent"), "{why}");
    assert_eq!(names(&to), Vec::<String>::new());
}

/// A stream of a hostile sender.
fn said(items: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, name) in items {
        out.push(*kind);
        if matches!(*kind, kind::FILE | kind::DIRECTORY) {
            out.extend(0o777_u32.to_le_bytes());
        }
        if matches!(*kind, kind::FILE | kind::DIRECTORY | kind::LINK) {
            out.extend([0; 12]);
        }
        if *kind == kind::FILE {
            out.extend(0_u64.to_le_bytes());
        }
        if !matches!(*kind, kind::UP | kind::END) {
            out.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            out.extend_from_slice(name);
        }
        match *kind {
            kind::LINK => out.extend(b"\x02\x00.."),
            kind::FILE => out.extend(Sum::default().finish().to_le_bytes()),
            _ => {}
        }
    }
    out
}

#[test]
fn a_hostile_sender_makes_nothing_outside_of_the_place_that_was_chosen() {
    use super::kind::{DIRECTORY, END, FILE, LINK, UP};
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to");
    let root: (u8, &[u8]) = (DIRECTORY, b"root");
    let long = vec![b'x'; 256];
    let attempts: Vec<Vec<(u8, &[u8])>> = vec![
        vec![root, (FILE, b"../out"), (UP, b""), (END, b"")],
        vec![root, (FILE, b"/out"), (UP, b""), (END, b"")],
        vec![root, (FILE, b".."), (UP, b""), (END, b"")],
        vec![
            root,
            (DIRECTORY, b".."),
            (FILE, b"out"),
            (UP, b""),
            (UP, b""),
            (END, b""),
        ],
        vec![root, (FILE, b""), (UP, b""), (END, b"")],
        vec![root, (FILE, b"a\0b"), (UP, b""), (END, b"")],
        vec![root, (FILE, &long), (UP, b""), (END, b"")],
        // Up beyond the top.
        vec![root, (UP, b""), (UP, b""), (FILE, b"out"), (END, b"")],
        // Through a link that was just made.
        vec![root, (LINK, b"l"), (FILE, b"l"), (UP, b""), (END, b"")],
        vec![
            root,
            (LINK, b"l"),
            (DIRECTORY, b"l"),
            (FILE, b"out"),
            (UP, b""),
            (UP, b""),
            (END, b""),
        ],
        // Twice the same, two at the top, after the end, nothing at all, an unknown kind.
        vec![root, (FILE, b"a"), (FILE, b"a"), (UP, b""), (END, b"")],
        vec![(FILE, b"a"), (FILE, b"b"), (END, b"")],
        vec![(FILE, b"a"), (END, b""), (FILE, b"b")],
        vec![(END, b"")],
        vec![(99, b"")],
        std::iter::repeat_n(root, DEEPEST + 2).collect(),
    ];
    for attempt in attempts {
        assert!(receive(&to, &said(&attempt), 9).is_err(), "{attempt:?}");
        assert_eq!(names(dir.path()), Vec::<String>::new(), "{attempt:?}");
    }
    receive(
        &to,
        &said(&[root, (LINK, b"l"), (FILE, b"a"), (UP, b""), (END, b"")]),
        9,
    )
    .unwrap();
    assert_eq!(listing(&to).len(), 3);
}

#[test]
fn a_mode_keeps_only_the_bits_that_the_receiver_allows() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    fs::write(&from, "x").unwrap();
    fs::set_permissions(&from, fs::Permissions::from_mode(0o6755)).unwrap();
    let to = dir.path().join("to");
    receive(&to, &stream(&from, 99), 99).unwrap();
    assert_eq!(fs::metadata(&to).unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn more_than_the_disk_holds_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = vec![kind::FILE];
    bytes.extend(0o644_u32.to_le_bytes());
    bytes.extend([0; 12]);
    bytes.extend((1_u64 << 60).to_le_bytes());
    bytes.extend(b"\x01\x00x");
    let why = receive(&dir.path().join("x"), &bytes, 9).unwrap_err();
    assert!(why.contains("No space left"), "{why}");
    assert_eq!(names(dir.path()), Vec::<String>::new());
}
