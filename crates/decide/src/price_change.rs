//! From what a price list states to a change of prices: what is taken over by itself, what waits for a
//! person, what it means for the traffic, and when people are told.

use serde::{Deserialize, Serialize};
use terms::{
    model::Prices,
    money::{NanoUsd, PicoUsdPerToken},
    usage::Usage,
};

use crate::{price, price_list::Stated};

/// A price that moved by more than this factor, either way, is more often a slip than a price.
const FACTOR: u64 = 5;

/// From when people are told of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertLimits {
    /// Percent that the cost of the models concerned moves, either way. Default 10.
    pub percent: u32,
    /// Dollars a month that a move by `percent` must come to. Default 1.
    pub floor: NanoUsd,
    /// Dollars that it moves in a month. Default 100.
    pub monthly: NanoUsd,
}

impl Default for AlertLimits {
    fn default() -> Self {
        Self { percent: 10, floor: NanoUsd(1_000_000_000), monthly: NanoUsd(100_000_000_000) }
    }
}

/// Why a new price waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// It moved by more than five times.
    Moved,
    /// It says that something is free that was not, or that was unknown.
    Free,
}

impl Wait {
    /// Why, for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Moved => "moved more than 5 times",
            Self::Free => "is free where it was not",
        }
    }
}

/// A model's prices change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceMove {
    /// To these.
    pub after: Prices,
    /// Why a person must say so first, if one must.
    pub wait: Option<Wait>,
}

/// What changes; `None` where nothing does, or where too little is stated of an unknown model.
pub fn compare(before: Option<&Prices>, stated: &Stated) -> Option<PriceMove> {
    let after = stated.over(before)?;
    if before == Some(&after) {
        return None;
    }
    Some(PriceMove { after, wait: wait(before, &after) })
}

fn wait(before: Option<&Prices>, after: &Prices) -> Option<Wait> {
    let Some(before) = before else {
        let is_free = after.input.0 == 0 || after.output.0 == 0;
        return is_free.then_some(Wait::Free);
    };
    let pairs = buckets(before).into_iter().zip(buckets(after));
    let waits = pairs.filter_map(|(old, new)| match (old, new) {
        (None, Some(PicoUsdPerToken(0))) => Some(Wait::Free),
        (None, _) | (_, None) => None,
        (Some(old), Some(new)) => one(old.0, new.0),
    });
    // What is free is said before what moved: it is the stranger of the two.
    waits.max_by_key(|wait| *wait == Wait::Free)
}

fn one(old: u64, new: u64) -> Option<Wait> {
    if old == new {
        return None;
    }
    if new == 0 {
        return Some(Wait::Free);
    }
    let far = |small: u64, large: u64| u128::from(large) > u128::from(small) * u128::from(FACTOR);
    (far(old, new) || far(new, old)).then_some(Wait::Moved)
}

fn buckets(prices: &Prices) -> [Option<PicoUsdPerToken>; 9] {
    let long = prices.long_context;
    [
        Some(prices.input),
        Some(prices.output),
        prices.cache_read,
        prices.cache_write_5m,
        prices.cache_write_1h,
        prices.reasoning,
        long.map(|long| long.input),
        long.map(|long| long.output),
        long.and_then(|long| long.cache_read),
    ]
}

/// What the traffic of a month costs at these prices. The sums do not tell which requests were long, so
/// that all of them are taken at the prices of short ones.
pub fn monthly(usage: &Usage, prices: &Prices) -> NanoUsd {
    price::cost(usage, &Prices { long_context: None, ..*prices })
}

/// Whether people are told that what cost `before` will cost `after`.
pub fn is_worth_telling(before: NanoUsd, after: NanoUsd, limits: &AlertLimits) -> bool {
    let moved = i128::from(after.0) - i128::from(before.0);
    let by_percent = moved.abs() * 100 >= i128::from(before.0) * i128::from(limits.percent)
        && moved.abs() >= i128::from(limits.floor.0);
    moved != 0 && (by_percent || moved.abs() >= i128::from(limits.monthly.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};
    use terms::{
        model::Prices,
        money::{NanoUsd, PicoUsdPerToken},
    };

    use super::{AlertLimits, Wait, compare, is_worth_telling};
    use crate::price_list::Stated;

    const BEFORE: Prices = Prices {
        input: PicoUsdPerToken(1_000),
        output: PicoUsdPerToken(5_000),
        cache_read: Some(PicoUsdPerToken(100)),
        cache_write_5m: None,
        cache_write_1h: None,
        reasoning: None,
        long_context: None,
    };

    fn check(stated: Stated, expect: &str) {
        let said = match compare(Some(&BEFORE), &stated).map(|moved| moved.wait) {
            None => "same",
            Some(None) => "taken",
            Some(Some(Wait::Moved)) => "moved",
            Some(Some(Wait::Free)) => "free",
        };
        assert_eq!(said, expect, "{stated:?}");
    }

    #[test]
    fn small_moves_are_taken_and_large_or_free_ones_wait() {
        let input = |price| Stated { input: Some(PicoUsdPerToken(price)), ..Stated::default() };
        check(Stated::default(), "same");
        check(input(1_000), "same");
        check(input(1_200), "taken");
        check(input(5_000), "taken");
        check(input(200), "taken");
        check(input(5_001), "moved");
        check(input(199), "moved");
        check(input(0), "free");
        let cache_read = Some(PicoUsdPerToken(0));
        check(Stated { cache_read, ..input(9_000) }, "free");
        let cache_write_5m = Some(PicoUsdPerToken(1_250));
        check(Stated { cache_write_5m, ..Stated::default() }, "taken");
    }

    #[test]
    fn an_unknown_model_is_priced_but_never_free_by_itself() {
        let both = |input, output| Stated {
            input: Some(PicoUsdPerToken(input)),
            output: Some(PicoUsdPerToken(output)),
            ..Stated::default()
        };
        assert_eq!(compare(None, &both(1, 2)).unwrap().wait, None);
        assert_eq!(compare(None, &both(0, 2)).unwrap().wait, Some(Wait::Free));
        assert_eq!(compare(None, &Stated::default()), None);
    }

    #[test]
    fn people_are_told_of_a_tenth_or_of_a_hundred_dollars() {
        let usd = |dollars: i64| NanoUsd(dollars * 1_000_000_000);
        let check = |before, after, expect| {
            let told = is_worth_telling(usd(before), usd(after), &AlertLimits::default());
            assert_eq!(told, expect, "{before} → {after}");
        };
        check(10, 11, true);
        check(100, 109, false);
        check(100, 90, true);
        check(5_000, 5_099, false);
        check(5_000, 5_100, true);
        check(5_000, 4_900, true);
        check(0, 0, false);
        check(0, 1, true);
        let cent = is_worth_telling(NanoUsd(38_000), NanoUsd(76_000), &AlertLimits::default());
        assert!(!cent, "a large part of nothing is nothing");
    }

    proptest! {
        #[test]
        fn what_is_taken_by_itself_never_moved_far(old in 1..u64::MAX / 8, new in any::<u64>()) {
            let before = Prices { input: PicoUsdPerToken(old), ..BEFORE };
            let stated = Stated { input: Some(PicoUsdPerToken(new)), ..Stated::default() };
            if let Some(moved) = compare(Some(&before), &stated) {
                assert_eq!(moved.after.input.0, new);
                let far = new == 0 || new / 5 > old || new < old / 5;
                assert!(moved.wait.is_some() || !far, "{old} → {new}");
            } else {
                assert_eq!(old, new);
            }
        }
    }
}
