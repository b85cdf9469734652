//! Which result may stand in for a launch: one of the past, or one that is being computed. Knows keys
//! and times only; whether the bytes still exist is for the caller to see.

use std::collections::{BTreeMap, HashMap};

use terms::{
    ids::{CacheKey, LaunchId},
    run::Artifact,
    time::Timestamp,
};

/// Results kept per key: more would never be asked for, since the oldest that still exists is taken.
const KEPT: usize = 8;

/// A launch that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The launch.
    pub launch: LaunchId,
    /// When it ended.
    pub at: Timestamp,
    /// What it wrote, by output name.
    pub outputs: BTreeMap<String, Artifact>,
}

/// What to do about a launch that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Take the first of these whose outputs still exist; where none does, start it.
    Take(Vec<Finished>),
    /// The same is being computed: wait for that launch.
    Share(LaunchId),
    /// Nothing is the same: start it.
    Start,
}

/// What was computed and what is being computed, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf {
    finished: HashMap<CacheKey, Vec<Finished>>,
    in_flight: HashMap<CacheKey, InFlight>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct InFlight {
    launch: LaunchId,
    /// Whether it first tries to take a result of the past.
    takes: bool,
}

impl Shelf {
    /// What to do about a launch. Staleness is the age that a result of the past may have: none for
    /// any age, 0 to compute it anew whatever there is.
    pub fn choose(&self, key: &CacheKey, max_staleness_ms: Option<u64>, now: Timestamp) -> Choice {
        if max_staleness_ms == Some(0) {
            return Choice::Start;
        }
        let in_flight = self.in_flight.get(key);
        if let Some(InFlight { launch, takes: true }) = in_flight {
            return Choice::Share(launch.clone());
        }
        let takeable = self.takeable(key, max_staleness_ms, now);
        match in_flight {
            _ if !takeable.is_empty() => Choice::Take(takeable),
            Some(InFlight { launch, .. }) => Choice::Share(launch.clone()),
            None => Choice::Start,
        }
    }

    /// A launch was begun. The first of a key is the one that others share. `takes` says whether it
    /// tries results of the past first.
    pub fn begun(&mut self, key: CacheKey, launch: LaunchId, takes: bool) {
        self.in_flight.entry(key).or_insert(InFlight { launch, takes });
    }

    /// A launch is over, well or not: nobody can share it any more.
    pub fn over(&mut self, key: &CacheKey, launch: &LaunchId) {
        if self.in_flight.get(key).is_some_and(|found| found.launch == *launch) {
            self.in_flight.remove(key);
        }
    }

    /// A launch succeeded. Past the bound the newest is not kept.
    pub fn keep(&mut self, key: CacheKey, finished: Finished) {
        let kept = self.finished.entry(key).or_default();
        if kept.iter().all(|known| known.launch != finished.launch) && kept.len() < KEPT {
            kept.push(finished);
            kept.sort_by(|a, b| (a.at, &a.launch).cmp(&(b.at, &b.launch)));
        }
    }

    /// The outputs of a launch no longer exist.
    pub fn forget(&mut self, key: &CacheKey, launch: &LaunchId) {
        if let Some(kept) = self.finished.get_mut(key) {
            kept.retain(|known| known.launch != *launch);
        }
    }

    /// Results that are young enough, the oldest first, as Tangle takes them.
    fn takeable(
        &self,
        key: &CacheKey,
        max_staleness_ms: Option<u64>,
        now: Timestamp,
    ) -> Vec<Finished> {
        let is_young = |at: Timestamp| {
            max_staleness_ms.is_none_or(|limit| {
                u64::try_from(now.0.saturating_sub(at.0)).is_ok_and(|age| age <= limit) || at > now
            })
        };
        let kept = self.finished.get(key).map(Vec::as_slice).unwrap_or_default();
        kept.iter().filter(|finished| is_young(finished.at)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use terms::{
        ids::{CacheKey, LaunchId},
        time::Timestamp,
    };

    use super::{Choice, Finished, Shelf};

    fn finished(launch: &str, at: i64) -> Finished {
        Finished { launch: launch.into(), at: Timestamp(at), outputs: BTreeMap::new() }
    }

    fn shelf() -> (Shelf, CacheKey) {
        let key = CacheKey::from("k");
        let mut shelf = Shelf::default();
        shelf.keep(key.clone(), finished("young", 900));
        shelf.keep(key.clone(), finished("old", 100));
        (shelf, key)
    }

    #[test]
    fn the_oldest_result_that_is_young_enough_is_first() {
        let (shelf, key) = shelf();
        let names = |staleness| match shelf.choose(&key, staleness, Timestamp(1000)) {
            Choice::Take(taken) => taken.iter().map(|found| found.launch.to_string()).collect(),
            Choice::Share(_) | Choice::Start => Vec::new(),
        };
        assert_eq!(names(None), ["old", "young"]);
        assert_eq!(names(Some(100)), ["young"]);
        assert_eq!(shelf.choose(&key, Some(99), Timestamp(1000)), Choice::Start);
        assert_eq!(shelf.choose(&key, Some(0), Timestamp(1000)), Choice::Start);
    }

    #[test]
    fn what_is_being_computed_is_shared_until_it_is_over() {
        let (mut shelf, key) = (Shelf::default(), CacheKey::from("k"));
        let launch = LaunchId::from("l");
        shelf.begun(key.clone(), launch.clone(), true);
        assert_eq!(shelf.choose(&key, None, Timestamp(0)), Choice::Share(launch.clone()));
        assert_eq!(shelf.choose(&key, Some(0), Timestamp(0)), Choice::Start);
        shelf.over(&key, &"another".into());
        assert_eq!(shelf.choose(&key, None, Timestamp(0)), Choice::Share(launch.clone()));
        shelf.over(&key, &launch);
        assert_eq!(shelf.choose(&key, None, Timestamp(0)), Choice::Start);
    }

    #[test]
    fn a_result_of_the_past_beats_one_that_is_computed_anew_on_purpose() {
        let (mut shelf, key) = shelf();
        shelf.begun(key.clone(), "anew".into(), false);
        assert!(matches!(shelf.choose(&key, None, Timestamp(1000)), Choice::Take(_)));
        for launch in ["old", "young"] {
            shelf.forget(&key, &launch.into());
        }
        assert_eq!(shelf.choose(&key, None, Timestamp(1000)), Choice::Share("anew".into()));
    }
}
