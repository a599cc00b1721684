use super::*;
use crate::fault::Code;
use crate::vm::{BlockFigures, SerialFigures};

fn count(at_ms: u64, read: u64, io: u64, vcpu_ms: u64) -> Count {
    let times = VcpuTimes {
        total: Duration::from_millis(vcpu_ms),
        system: Duration::from_millis(vcpu_ms / 10),
    };
    Count {
        at: Duration::from_millis(at_ms),
        figures: Figures {
            exits: [("io_in", io), ("io_out", 2 * io)]
                .map(|(kind, count)| (kind.to_owned(), count))
                .into(),
            block: Some(BlockFigures {
                read_bytes: Some(read),
                ..BlockFigures::default()
            }),
            ..Figures::default()
        },
        vcpus: vec![Some(times), None],
    }
}

#[test]
fn rates_are_what_came_between_two_answers_over_the_time_between_them() {
    let rates = Rates::between(&count(1000, 100, 10, 300), &count(3000, 4100, 30, 1300));
    assert_eq!(rates.of(Counter::DiskReadBytes), Some(2000.0));
    assert_eq!(rates.of(Counter::Exits), Some(30.0));
    assert_eq!(rates.exits["io_out"], Some(20.0));
    assert_eq!(rates.of(Counter::DiskWriteBytes), None, "it is not counted");
    assert_eq!(rates.of(Counter::NetSent), None, "there is no card");
    let load = rates.vcpus[0].unwrap();
    assert!((load.total - 50.0).abs() < 1e-9 && (load.system - 5.0).abs() < 1e-9);
    assert_eq!(rates.vcpus[1], None);
}

#[test]
fn a_counter_that_went_back_and_another_shims_count_give_no_rate() {
    let rates = Rates::between(&count(1000, 100, 10, 0), &count(2000, 40, 30, 0));
    assert_eq!(rates.of(Counter::DiskReadBytes), None);
    assert_eq!(rates.of(Counter::Exits), Some(60.0));
    let mut adopted = count(3000, 9999, 999, 0);
    adopted.figures.since = Some(jiff::Timestamp::UNIX_EPOCH);
    let rates = Rates::between(&count(2000, 40, 30, 0), &adopted);
    assert_eq!(rates.of(Counter::DiskReadBytes), None);
    assert_eq!(rates.exits["io_in"], None);
    let at_once = Rates::between(&count(1000, 1, 1, 1), &count(1000, 2, 2, 2));
    assert_eq!(at_once.of(Counter::Exits), None);
    assert_eq!(at_once.vcpus[0], None);
}

#[test]
fn a_number_of_all_exits_counts_once() {
    let kinds = [("all", 100), ("io", 60), ("halt", 20)];
    let figures = Figures {
        exits: kinds.map(|(kind, count)| (kind.to_owned(), count)).into(),
        serial: Some(SerialFigures::default()),
        ..Figures::default()
    };
    assert_eq!(Counter::Exits.of(&figures), Some(100));
    assert_eq!(Counter::Exits.of(&Figures::default()), None);
    let rates = Rates::between(
        &Count::default(),
        &Count {
            at: Duration::from_secs(1),
            figures,
            ..Count::default()
        },
    );
    assert!(!rates.exits.contains_key("all"));
}

#[test]
fn an_answer_that_did_not_come_leaves_a_gap_and_the_sums_before_it() {
    let mut metrics = Metrics::of(
        "web".parse().unwrap(),
        ProcessId {
            pid: 1,
            start_time: 1,
        },
    );
    metrics.take(Ok(count(0, 100, 10, 0)));
    assert!(metrics.rates().is_none() && metrics.history.is_empty());
    metrics.take(Ok(count(1000, 200, 20, 0)));
    metrics.take(Err(Failure::new(Code::Timeout, "it took too long")));
    assert!(metrics.rates().is_none() && metrics.failure.is_some());
    assert_eq!(metrics.last.as_ref().unwrap().at, Duration::from_secs(1));
    metrics.take(Ok(count(3000, 600, 20, 0)));
    assert!(metrics.failure.is_none());
    let rate = metrics.rates().unwrap().of(Counter::DiskReadBytes);
    assert_eq!(rate, Some(200.0));
    assert_eq!(metrics.history.len(), 3);
    for at in 4..=(4 + HISTORY as u64) {
        metrics.take(Ok(count(at * 1000, 600, 20, 0)));
    }
    assert_eq!(metrics.history.len(), HISTORY);
}

#[test]
fn every_counter_is_in_its_own_place() {
    for (place, counter) in Counter::ALL.into_iter().enumerate() {
        assert_eq!(counter as usize, place);
    }
}
