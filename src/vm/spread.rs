//! How times of boots that are alike are spread.

use serde::Serialize;

/// From so few boots on nothing is called unusual.
const LEAST: usize = 5;

/// What is no more than this above the third quartile is as usual, in µs: a host's own jitter.
const JITTER_US: u64 = 1_000;

/// How times are spread, in µs. Quantiles are interpolated between the two nearest values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// How many there are; never 0.
    pub n: usize,
    /// The least.
    pub min: u64,
    /// The first quartile.
    pub p25: u64,
    /// The median.
    pub p50: u64,
    /// The third quartile.
    pub p75: u64,
    /// What 95 of 100 do not exceed.
    pub p95: u64,
    /// The greatest.
    pub max: u64,
}

impl Spread {
    /// The spread of these times; `None` of none.
    pub fn of(values: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut values: Vec<u64> = values.into_iter().collect();
        values.sort_unstable();
        Some(Self {
            n: values.len(),
            min: *values.first()?,
            p25: quantile(&values, 25)?,
            p50: quantile(&values, 50)?,
            p75: quantile(&values, 75)?,
            p95: quantile(&values, 95)?,
            max: *values.last()?,
        })
    }

    /// Whether `value` is slower than the spread explains: beyond the upper fence of a box plot
    /// (Tukey 1977: one and a half times the distance of the quartiles above the third), and by more
    /// than a twentieth of the median. Not said of few.
    pub fn is_exceeded_by(&self, value: u64) -> bool {
        let fence = (self.p75 - self.p25).saturating_mul(3) / 2;
        let margin = fence.max(self.p50 / 20).max(JITTER_US);
        self.n >= LEAST && value > self.p75.saturating_add(margin)
    }
}

/// The value that `percent` of the sorted values do not exceed.
fn quantile(sorted: &[u64], percent: u64) -> Option<u64> {
    let last = u64::try_from(sorted.len().checked_sub(1)?).ok()?;
    let place = last * percent;
    let index = usize::try_from(place / 100).ok()?;
    let low = *sorted.get(index)?;
    let high = sorted.get(index + 1).copied().unwrap_or(low);
    let part = u128::from(high - low) * u128::from(place % 100) / 100;
    Some(low + u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_nearest_values() {
        assert_eq!(Spread::of([]), None);
        let one = Spread::of([7]).unwrap();
        assert_eq!([one.min, one.p25, one.p50, one.p95, one.max], [7; 5]);
        let four = Spread::of([9, 1, 5, 7]).unwrap();
        assert_eq!((four.p25, four.p50, four.p75), (4, 6, 7));
        let many = Spread::of(0..=100).unwrap();
        assert_eq!((many.n, many.p25, many.p50, many.p75), (101, 25, 50, 75));
        assert_eq!((many.min, many.p95, many.max), (0, 95, 100));
    }

    #[test]
    fn only_what_the_spread_does_not_explain_exceeds_it() {
        let wide = Spread::of((0..9).map(|n| 800_000 + n * 10_000)).unwrap();
        assert_eq!((wide.p25, wide.p75), (820_000, 860_000));
        assert!(!wide.is_exceeded_by(920_000));
        assert!(wide.is_exceeded_by(920_001));
        // Values that are all the same do not make a microsecond a regression.
        let narrow = Spread::of([800_000; 9]).unwrap();
        assert!(!narrow.is_exceeded_by(840_000));
        assert!(narrow.is_exceeded_by(840_001));
        let tiny = Spread::of([10; 9]).unwrap();
        assert!(!tiny.is_exceeded_by(1_010));
        let few = Spread::of([800_000; LEAST - 1]).unwrap();
        assert!(!few.is_exceeded_by(u64::MAX));
    }
}
