use super::*;

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::locate(Some(dir.path())).unwrap();
    (dir, store)
}

fn ids(store: &Store) -> Vec<u64> {
    let boots = store.boots("0badcafe").unwrap();
    boots.iter().map(|boot| boot.id).collect()
}

#[test]
fn the_history_passes_over_lines_that_cannot_be_read() {
    let (_dir, store) = store();
    store.append_boot(&BootRecord::sample(1)).unwrap();
    let mut file = OpenOptions::new()
        .append(true)
        .open(store.boots_file())
        .unwrap();
    file.write_all(b"{\"id\":").unwrap();
    file.write_all(b"\n").unwrap();
    store.append_boot(&BootRecord::sample(2)).unwrap();
    let ids: Vec<u64> = store
        .boots("0badcafe")
        .unwrap()
        .iter()
        .map(|boot| boot.id)
        .collect();
    assert_eq!(ids, [1, 2]);
    assert_eq!(store.boots("other").unwrap(), []);
}

#[test]
fn a_long_history_loses_its_oldest_boots_and_no_other() {
    let (_dir, store) = store();
    for id in 0..200 {
        store
            .append_bounded(&BootRecord::sample(id), 20_000, 10_000)
            .unwrap();
        let length = fs::metadata(store.boots_file()).unwrap().len();
        assert!(length <= 20_000, "{length}");
    }
    let kept = ids(&store);
    assert!(kept.len() > 20, "{kept:?}");
    let last = 200 - kept.len() as u64;
    assert_eq!(kept, (last..200).collect::<Vec<_>>());
}

const EACH: u64 = 100;

#[test]
fn boots_of_many_shims_at_once_are_all_kept_while_the_history_is_written_anew() {
    let (_dir, store) = store();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..EACH {
                    let record = BootRecord::sample(writer * EACH + number);
                    // Each append makes it too long, and everything is kept.
                    store.append_bounded(&record, 0, u64::MAX).unwrap();
                }
            });
        }
    });
    let mut kept = ids(&store);
    kept.sort_unstable();
    assert_eq!(kept, (0..4 * EACH).collect::<Vec<_>>());
}
