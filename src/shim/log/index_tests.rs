use super::*;

fn at(t_us: u64) -> When {
    When {
        boot: 1,
        t_us,
        missed: false,
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_full_disk_does_not_take_is_not_kept_in_memory_either() {
    let full = PathBuf::from("/dev/full");
    let file = OpenOptions::new().write(true).open(&full).unwrap();
    let mut index = Index {
        writer: Some((full, file)),
        ..Index::default()
    };
    assert!(index.note_file(0, 7).is_err());
    assert!(index.mark(0, at(0)).is_err());
    assert!(index.note_size(0, 24, 80).is_err());
    assert_eq!((index.files(), index.when(0)), (Vec::new(), None));
    assert_eq!(index.size(0), None);
}

#[test]
fn lines_keep_their_times_for_a_whole_file_and_the_index_stays_bounded() {
    // A line of 100 bytes each 50 ms, until the file is full.
    let mut index = Index::default();
    index.note_file(0, 7).unwrap();
    let lines = 4 << 20;
    for line in 0..lines / 100 {
        index.mark(line * 100, at(line * 50_000)).unwrap();
    }
    for line in 0..lines / 100 {
        let told = index.when(line * 100).unwrap().t_us;
        assert!(line * 50_000 - told < 1_000_000, "line {line}: {told}");
    }
    assert!(index.marks.len() < 40_000, "{}", index.marks.len());
    // A byte each 10 ms, and then one after an hour of silence.
    let mut index = Index::default();
    index.note_file(0, 7).unwrap();
    for byte in 0..4 << 20 {
        index.mark(byte, at(byte * 10_000)).unwrap();
    }
    assert!(index.marks.len() < 40_000, "{}", index.marks.len());
    let late = (4 << 20) * 10_000 + 3_600_000_000;
    index.mark(4 << 20, at(late)).unwrap();
    assert_eq!(index.when(4 << 20), Some(at(late)));
}

#[test]
fn a_moment_is_found_and_what_was_missed_is_told_apart() {
    let mut index = Index::default();
    index.mark(0, at(5)).unwrap();
    index.mark(10, at(9_000)).unwrap();
    let missed = When {
        missed: true,
        ..at(9_100)
    };
    index.mark(20, missed).unwrap();
    index.mark(30, at(9_200)).unwrap();
    index.mark(40, When { boot: 2, ..at(0) }).unwrap();
    assert_eq!(index.when(25), Some(missed));
    assert_eq!(index.when(31), Some(at(9_200)));
    assert_eq!(index.after(1, 4), Some(0));
    assert_eq!(index.after(1, 8_999), Some(10));
    assert_eq!(index.after(1, 9_000), Some(20));
    assert_eq!(index.after(1, u64::MAX), Some(40));
    assert_eq!(index.after(2, 0), None);
}

#[test]
fn sizes_are_noted_once_and_outlive_what_is_forgotten() {
    let mut index = Index::default();
    for (offset, rows) in [(0, 24), (5, 24), (10, 30), (20, 40)] {
        index.note_size(offset, rows, 80).unwrap();
    }
    assert_eq!(index.sizes.len(), 3);
    assert_eq!(
        (index.size(9), index.next_size(0)),
        (Some((24, 80)), Some(10))
    );
    index.forget_before(15).unwrap();
    assert_eq!((index.size(15), index.sizes.len()), (Some((30, 80)), 2));
    assert_eq!(
        (index.size(20), index.next_size(20)),
        (Some((40, 80)), None)
    );
}
