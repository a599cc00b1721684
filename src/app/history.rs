//! The boots of all VMs: by kind, which is by image and backend, and by day.

use crate::vm::{Alike, BootPhase, BootRecord, Spread};

/// Boots that were alike, with their days.
#[derive(Clone, Debug)]
pub struct Kind<'a> {
    /// The boots.
    pub alike: Alike<'a>,
    /// Arguments that other boots of the same guest on the same backend did not have.
    pub words: Vec<&'a str>,
    /// Its days, oldest first.
    pub days: Vec<Day>,
}

/// The boots of a kind on one day, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// Which, as `2026-05-04`.
    pub date: String,
    /// How many boots.
    pub boots: usize,
    /// How long they took to *ready*, when any came so far.
    pub ready: Option<Spread>,
    /// Whether their median is beyond the spread of all days before.
    pub is_slow: bool,
}

impl Kind<'_> {
    /// How many of its boots did not come to be ready.
    pub fn failed(&self) -> usize {
        let boots = self.alike.boots().iter();
        boots.filter(|boot| !boot.was_ready()).count()
    }

    fn last(&self) -> Option<jiff::Timestamp> {
        self.alike.boots().iter().map(|boot| boot.at).max()
    }
}

/// The kinds of all boots, the one with the newest boot first.
pub fn kinds(boots: &[BootRecord]) -> Vec<Kind<'_>> {
    let groups = Alike::groups(boots);
    let mut kinds: Vec<Kind<'_>> = groups
        .iter()
        .map(|alike| Kind {
            words: words(alike, &groups),
            days: days(alike),
            alike: alike.clone(),
        })
        .collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.last()));
    kinds
}

/// What tells a group from those that look the same without their arguments.
fn words<'a>(of: &Alike<'a>, groups: &[Alike<'a>]) -> Vec<&'a str> {
    let first = of.first();
    let like = |other: &&Alike<'a>| {
        let other = other.first();
        let same = (other.backend, other.accel) == (first.backend, first.accel);
        same && other.content() == first.content() && !std::ptr::eq(other, first)
    };
    let others: Vec<_> = groups.iter().filter(like).collect();
    let has = |group: &Alike<'a>, word: &str| group.first().arguments().any(|known| known == word);
    let is_own = |word: &&str| others.iter().any(|other| !has(other, word));
    first.arguments().filter(is_own).collect()
}

fn days(alike: &Alike<'_>) -> Vec<Day> {
    let mut boots: Vec<(String, &BootRecord)> = alike
        .boots()
        .iter()
        .map(|boot| (boot.at.strftime("%Y-%m-%d").to_string(), *boot))
        .collect();
    boots.sort_by_key(|(_, boot)| boot.at);
    let ready = |boot: &BootRecord| {
        boot.phases
            .get(BootPhase::Ready)
            .filter(|_| boot.was_ready())
    };
    let mut before: Vec<u64> = Vec::new();
    boots
        .chunk_by(|(one, _), (other, _)| one == other)
        .map(|day| {
            let times: Vec<u64> = day.iter().filter_map(|(_, boot)| ready(boot)).collect();
            let spread = Spread::of(times.iter().copied());
            let usual = Spread::of(before.iter().copied());
            before.extend(times);
            Day {
                date: day
                    .first()
                    .map(|(date, _)| date.clone())
                    .unwrap_or_default(),
                boots: day.len(),
                ready: spread,
                is_slow: usual
                    .zip(spread)
                    .is_some_and(|(usual, spread)| usual.is_exceeded_by(spread.p50)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::{Accel, BootResult};

    fn boot(at: &str, args: &str, ready_us: u64) -> BootRecord {
        let mut boot = BootRecord::sample(1);
        boot.at = at.parse().unwrap();
        boot.boot_args = args.to_owned();
        boot.phases.stamp(BootPhase::Ready, ready_us);
        boot
    }

    #[test]
    fn boots_are_divided_by_kind_and_day_and_a_slow_day_is_known() {
        let mut boots: Vec<_> = (0..6)
            .map(|n| boot("2026-05-03T10:00:00Z", "a b", 800_000 + n * 1_000))
            .collect();
        boots.push(boot("2026-05-04T00:00:00Z", "a b", 802_000));
        boots.push(boot("2026-05-05T00:00:00Z", "a b", 1_200_000));
        boots.push(boot("2026-05-06T00:00:00Z", "a quiet", 700_000));
        let mut crashed = boot("2026-05-05T00:00:00Z", "a b", 1);
        crashed.result = BootResult::Crashed;
        boots.push(crashed);
        let mut elsewhere = boot("2026-05-01T00:00:00Z", "c", 100_000);
        elsewhere.accel = Accel::Kvm;
        boots.push(elsewhere);
        let kinds = kinds(&boots);
        let words: Vec<_> = kinds.iter().map(|kind| kind.words.clone()).collect();
        assert_eq!(words, [vec!["quiet"], vec!["b"], vec![]]);
        let days: Vec<_> = kinds[1]
            .days
            .iter()
            .map(|day| (day.date.as_str(), day.boots, day.is_slow))
            .collect();
        assert_eq!(
            days,
            [
                ("2026-05-03", 6, false),
                ("2026-05-04", 1, false),
                ("2026-05-05", 2, true)
            ]
        );
        assert_eq!(kinds[1].days[2].ready.unwrap().n, 1);
        assert_eq!((kinds[1].failed(), kinds[0].failed()), (1, 0));
    }
}
