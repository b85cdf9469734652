//! Which of several places a request goes to first, where a route spreads its requests: by weights
//! that somebody wrote, or that are worked out from price, speed, errors and room. The order is a
//! weighted rendezvous of the places with a key: the same key finds the same place as long as it is
//! there, keys spread as the weights say, and what a place loses goes to the others in proportion.
//!
//! Source: weighted rendezvous hashing, J. Schindelhauer, G. Schomaker, "Weighted Distributed Hash
//! Tables" (SPAA 2005), logarithmic method.

use crate::gate::Admission;

/// The part of the traffic that the adaptive spray gives evenly to every place, whatever is known of
/// it: what is never asked cannot be seen to have become better.
const EXPLORATION: f64 = 0.05;

/// What a place is worth that answers worse than it did, against one that is otherwise like it.
const DEGRADED: f64 = 0.25;

/// How a route spreads its requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Spray {
    /// Not at all: its targets are tried in their order.
    #[default]
    Order,
    /// By the weights of its targets.
    Weights,
    /// By their weights, effective prices, times to the first token, errors and learned capacities.
    Adaptive,
}

/// One place a request can go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Which: [`hash`] of its name, so that a reload changes nothing.
    pub id: u64,
    /// Its share, relative to the others'. One of 0 comes after all others.
    pub weight: f64,
}

/// What speaks for a place, and against it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Merits {
    /// Its weight in the config.
    pub weight: f64,
    /// What a token costs there, in any unit; `None` where unknown.
    pub price: Option<f64>,
    /// Milliseconds to the first token, usually; `None` where unknown.
    pub first_token_ms: Option<f64>,
    /// The share of attempts that fail there, 0 to 1.
    pub error_rate: f64,
    /// How free it is, 0 (at its capacity) to 1.
    pub room: f64,
    /// It answers worse than it did.
    pub is_degraded: bool,
}

/// The places in the order in which a request with this key tries them.
pub fn order(places: &[Place], key: u64) -> Vec<usize> {
    let mut scored: Vec<(f64, usize)> =
        places.iter().enumerate().map(|(index, place)| (score(place, key), index)).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    scored.into_iter().map(|(_, index)| index).collect()
}

/// The smaller, the earlier: an exponential time at the rate of the weight.
fn score(place: &Place, key: u64) -> f64 {
    let mixed = mix(place.id ^ mix(key));
    // 53 bits fill the fraction of a double; half a step keeps it above 0.
    let uniform = ((mixed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    if place.weight > 0.0 { -uniform.ln() / place.weight } else { f64::INFINITY }
}

/// The weights of places that are weighed by what is known of them. Each is compared with the best
/// of them; what is unknown counts as the best, because it has to be tried to be known.
pub fn adaptive(merits: &[Merits]) -> Vec<f64> {
    let best = |of: fn(&Merits) -> Option<f64>| {
        merits.iter().filter_map(of).filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min)
    };
    let (cheapest, quickest) = (best(|merits| merits.price), best(|merits| merits.first_token_ms));
    let against = |best: f64, value: Option<f64>| match value {
        // Nothing is cheaper than what costs nothing.
        Some(value) if value > 0.0 && best.is_finite() => best / value,
        _ => 1.0,
    };
    let worth = |merits: &Merits| {
        let sound = (1.0 - merits.error_rate).clamp(0.0, 1.0);
        // Price counts by its square, as the largest market of providers does it; errors by theirs,
        // because every one costs its caller a second try.
        merits.weight.max(0.0)
            * against(cheapest, merits.price).powi(2)
            * against(quickest, merits.first_token_ms)
            * sound.powi(2)
            * merits.room.clamp(0.0, 1.0)
            * if merits.is_degraded { DEGRADED } else { 1.0 }
    };
    let worths: Vec<f64> = merits.iter().map(worth).collect();
    let total: f64 = worths.iter().sum();
    let used = merits.iter().filter(|merits| merits.weight > 0.0).count().max(1) as f64;
    let share = |worth: f64| if total > 0.0 { worth / total } else { 1.0 / used };
    merits
        .iter()
        .zip(worths)
        .map(|(merits, worth)| {
            let share = (1.0 - EXPLORATION) * share(worth) + EXPLORATION / used;
            if merits.weight > 0.0 { share } else { 0.0 }
        })
        .collect()
}

/// The keys of a provider in the order in which a request tries them: those that are open by
/// rendezvous, then those that want a probe. Those that are shut are left out unless there are no
/// others.
pub fn keys(keys: &[(u64, Admission)], draw: u64) -> Vec<u8> {
    let places: Vec<Place> = keys.iter().map(|(id, _)| Place { id: *id, weight: 1.0 }).collect();
    let mut order = order(&places, draw);
    let rank = |index: &usize| match keys[*index].1 {
        Admission::Open => 0,
        Admission::Returning { one_in } if draw.is_multiple_of(u64::from(one_in)) => 0,
        Admission::Returning { .. } => 1,
        Admission::Probe => 2,
        Admission::Shut { .. } => 3,
    };
    order.sort_by_key(rank);
    if order.first().is_some_and(|first| rank(first) < 3) {
        order.retain(|index| rank(index) < 3);
    }
    order.into_iter().filter_map(|index| u8::try_from(index).ok()).collect()
}

/// A hash of bytes that is the same in every version and on every machine (FNV-1a, mixed).
pub fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(fnv)
}

/// The finalizer of `splitmix64`: every bit of the input moves every bit of the output.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{Merits, Place, adaptive, hash, keys, order};
    use crate::gate::Admission;

    const REQUESTS: u64 = 20_000;

    fn places(weights: &[f64]) -> Vec<Place> {
        let id = |index: usize| hash(format!("provider/model-{index}").as_bytes());
        weights
            .iter()
            .enumerate()
            .map(|(index, weight)| Place { id: id(index), weight: *weight })
            .collect()
    }

    /// The shares of first places, over many keys.
    fn shares(places: &[Place]) -> Vec<f64> {
        let mut counts = vec![0_u32; places.len()];
        for key in 0..REQUESTS {
            counts[order(places, key)[0]] += 1;
        }
        counts.into_iter().map(|count| f64::from(count) / REQUESTS as f64).collect()
    }

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

        #[test]
        fn shares_follow_the_weights_and_a_lost_share_goes_to_the_others_in_proportion(
            weights in proptest::collection::vec(0_u8..9, 2..6), lost in any::<proptest::sample::Index>(),
        ) {
            proptest::prop_assume!(weights.iter().filter(|weight| **weight > 0).count() >= 2);
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let all = places(&weights);
            let total: f64 = weights.iter().sum();
            for (share, weight) in shares(&all).iter().zip(&weights) {
                assert!((share - weight / total).abs() < 0.02, "{share} of {weight} in {total}");
            }
            let lost = lost.index(weights.len());
            let rest: Vec<Place> = all.iter().copied().enumerate()
                .filter(|(index, _)| *index != lost).map(|(_, place)| place).collect();
            let left = total - weights[lost];
            proptest::prop_assume!(left > 0.0);
            for (share, place) in shares(&rest).iter().zip(&rest) {
                assert!((share - place.weight / left).abs() < 0.02, "{share} of {} in {left}", place.weight);
            }
        }

        #[test]
        fn a_key_stays_where_it_is_whoever_else_comes_or_goes(key in any::<u64>()) {
            let all = places(&[1.0, 2.0, 3.0, 4.0]);
            let first = order(&all, key)[0];
            for gone in (0..all.len()).filter(|gone| *gone != first) {
                let mut rest = all.clone();
                rest.remove(gone);
                assert_eq!(rest[order(&rest, key)[0]], all[first]);
            }
        }
    }

    #[test]
    fn the_whole_order_is_a_permutation_with_the_weightless_last() {
        let all = places(&[1.0, 0.0, 5.0]);
        for key in 0..1_000 {
            let mut order = order(&all, key);
            assert_eq!(order[2], 1);
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2]);
        }
    }

    fn plain() -> Merits {
        Merits {
            weight: 1.0,
            price: Some(1.0),
            first_token_ms: Some(500.0),
            error_rate: 0.0,
            room: 1.0,
            is_degraded: false,
        }
    }

    #[test]
    fn adaptive_prefers_the_cheap_the_quick_the_sound_and_the_free() {
        for worse in [
            Merits { price: Some(2.0), ..plain() },
            Merits { first_token_ms: Some(1_500.0), ..plain() },
            Merits { error_rate: 0.4, ..plain() },
            Merits { room: 0.2, ..plain() },
            Merits { weight: 0.4, ..plain() },
            Merits { is_degraded: true, ..plain() },
        ] {
            let weights = adaptive(&[plain(), worse]);
            assert!(weights[0] > 0.65 && weights[0] < 0.98, "{worse:?}: {weights:?}");
            assert!((weights[0] + weights[1] - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn every_place_keeps_the_share_that_explores_and_none_that_is_not_wanted() {
        let hopeless = Merits { error_rate: 1.0, ..plain() };
        let unwanted = Merits { weight: 0.0, ..plain() };
        let weights = adaptive(&[plain(), hopeless, unwanted]);
        assert!((weights[1] - 0.025).abs() < 1e-9, "{weights:?}");
        assert!(weights[2].abs() < 1e-9);
        let unknown = Merits { price: None, first_token_ms: None, ..plain() };
        assert_eq!(adaptive(&[plain(), unknown]), [0.5, 0.5]);
        assert_eq!(adaptive(&[hopeless, hopeless]), [0.5, 0.5], "somebody has to answer");
    }

    #[test]
    fn keys_take_turns_and_one_that_is_shut_sits_out() {
        let open = |id: u64| (id, Admission::Open);
        let three = [open(1), open(2), open(3)];
        let mut firsts = [0_u32; 3];
        for draw in 0..3_000 {
            firsts[usize::from(keys(&three, draw)[0])] += 1;
        }
        assert!(firsts.iter().all(|count| (900..1_100).contains(count)), "{firsts:?}");
        let shut = Admission::Shut { for_ms: 5 };
        assert_eq!(keys(&[open(1), (2, shut), (3, Admission::Probe)], 7), [0, 2]);
        assert_eq!(keys(&[(1, shut)], 7), [0], "the last key is never shut");
    }

    #[test]
    fn the_hash_is_the_same_for_ever() {
        assert_eq!(hash(b""), 14_087_677_454_934_409_008);
        assert_eq!(hash(b"openai/gpt-5.5"), 10_991_638_701_371_853_950);
    }
}
