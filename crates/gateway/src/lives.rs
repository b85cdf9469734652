//! What is known of the lives of models, shared by all requests: the lock, the log, and a copy for
//! requests that takes no lock. The rules live in `decide::lifecycle`. Survives a reload of the table;
//! whoever runs the program keeps it over restarts.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use decide::lifecycle::{Life, LifecycleLimits, Placement, Sign, Stage, Standing};
use http::{HeaderMap, HeaderName, HeaderValue};
use ledger::Ledger;
use terms::{
    ids::{ModelName, ProviderName, TargetName},
    money::NanoUsd,
    outcome::Failure,
    time::Timestamp,
};
use tokio::sync::Notify;
use tracing::{info, warn};

/// Models that are remembered at most.
const MOST: usize = 10_000;

/// So many of which the catalog knows nothing: callers can make names up (`provider/anything`).
const MOST_STRANGERS: usize = 200;

const SUNSET: HeaderName = HeaderName::from_static("sunset");
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const MODEL_SUNSET: HeaderName = HeaderName::from_static("x-outlast-model-sunset");
const MODEL_SUCCESSOR: HeaderName = HeaderName::from_static("x-outlast-model-successor");

/// The lives of models.
pub struct Lives {
    ledger: Arc<Ledger>,
    known: Mutex<Known>,
    /// What requests need to know; most models are not in it.
    shown: ArcSwap<HashMap<TargetName, Shown>>,
    /// There is something that should be kept or told.
    news: Notify,
}

#[derive(Debug, Default)]
struct Known {
    limits: LifecycleLimits,
    lives: HashMap<TargetName, Life>,
    /// Copies of requests under way, at most one per model.
    mirroring: Vec<TargetName>,
    /// Models that are gone, and when they were last tried again.
    tried_again: HashMap<TargetName, Timestamp>,
    /// Who answers for a model, for the header.
    successors: HashMap<TargetName, HeaderValue>,
}

#[derive(Debug, Clone, PartialEq)]
struct Shown {
    standing: Standing,
    sunset: Option<HeaderValue>,
    successor: Option<HeaderValue>,
}

impl std::fmt::Debug for Lives {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lives").finish_non_exhaustive()
    }
}

impl Lives {
    pub(crate) fn new(ledger: Arc<Ledger>) -> Self {
        let (known, shown) = (Mutex::default(), ArcSwap::default());
        Self { ledger, known, shown, news: Notify::new() }
    }

    /// What is known of every model that something is known of.
    pub fn all(&self) -> BTreeMap<TargetName, Life> {
        self.known().lives.iter().map(|(name, life)| (name.clone(), life.clone())).collect()
    }

    /// What was known when the program last ran.
    pub fn restore(&self, lives: BTreeMap<TargetName, Life>) {
        let mut known = self.known();
        known.lives = lives.into_iter().take(MOST).collect();
        self.show(&known);
    }

    /// Other limits hold from now on.
    pub fn set_limits(&self, limits: LifecycleLimits) {
        let mut known = self.known();
        known.limits = limits;
        self.show(&known);
    }

    /// The last days that the catalog names, and who answers for each of these models.
    pub fn know_catalog(
        &self,
        days: &BTreeMap<TargetName, Timestamp>,
        successors: impl IntoIterator<Item = (TargetName, TargetName)>,
    ) {
        let now = self.ledger.now();
        let mut known = self.known();
        for (target, life) in &mut known.lives {
            life.heard(Sign::Catalog(days.get(target).copied()), now);
        }
        for (target, day) in days {
            known.life(target).heard(Sign::Catalog(Some(*day)), now);
        }
        let value = |name: TargetName| HeaderValue::from_str(name.as_str()).ok();
        known.successors = successors
            .into_iter()
            .filter_map(|(target, successor)| Some((target, value(successor)?)))
            .collect();
        known.look_at_all(now);
        self.show(&known);
        self.news.notify_one();
    }

    /// Time has passed: models whose dates have come change their stage.
    pub fn look(&self) {
        let now = self.ledger.now();
        let mut known = self.known();
        let changed = known.look_at_all(now);
        // A share that grows needs no change of stage, and is computed per request.
        if changed {
            self.show(&known);
            self.news.notify_one();
        }
    }

    /// Resolves when there is something to keep or to tell.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// People were told of the stage of a model.
    pub fn told(&self, target: &TargetName, stage: Stage) {
        if let Some(life) = self.known().lives.get_mut(target) {
            life.told = stage;
        }
    }

    /// The model keeps its place whatever is said of it, until it is released.
    pub fn hold(&self, target: &TargetName) {
        let now = self.ledger.now();
        self.change(target, |life| life.held = Some(now));
    }

    /// The signs count again. Tells whether it was held.
    pub fn release(&self, target: &TargetName) -> bool {
        let mut was_held = false;
        self.change(target, |life| was_held = life.held.take().is_some());
        was_held
    }

    /// What a provider's list of its models says of those that matter here.
    pub fn listed(
        &self,
        provider: &ProviderName,
        models: &HashSet<String>,
        matter: &[(TargetName, ModelName)],
    ) {
        if models.is_empty() {
            return;
        }
        let now = self.ledger.now();
        let mut known = self.known();
        let names = |model: &ModelName| models.contains(model.as_str());
        let missing = |(target, model): &&(TargetName, ModelName)| {
            known.lives.get(target).is_some_and(|life| life.signs.listed_at.is_some())
                && !names(model)
        };
        let lost = matter.iter().filter(missing).count();
        let listed = matter.iter().filter(|(_, model)| names(model)).count();
        // A list that lost most of what it had is another key's, or broken.
        if lost > listed.max(1) * 2 {
            warn!(%provider, lost, listed, "the list of models lost most of what it had, and is not believed");
            return;
        }
        for (target, model) in matter {
            let sign = if names(model) { Sign::Listed } else { Sign::Missing };
            if sign == Sign::Listed || known.lives.contains_key(target) {
                known.life(target).heard(sign, now);
            }
        }
        known.look_at_all(now);
        self.show(&known);
        self.news.notify_one();
    }

    /// The provider says that there is no such model.
    pub(crate) fn refused(&self, target: &TargetName, is_stranger: bool) {
        if is_stranger && self.known().has_no_room_for(target) {
            return;
        }
        self.heard(target, &[Sign::Refused]);
    }

    /// A model answered.
    pub(crate) fn answered(&self, target: &TargetName) {
        let shown = self.shown.load();
        let standing = shown.get(target).map(|shown| shown.standing);
        if standing.is_some_and(|standing| standing.wants_answers(self.ledger.now())) {
            self.heard(target, &[Sign::Answered]);
        }
    }

    /// What the headers of a reply say of its model's end.
    pub(crate) fn read(&self, target: &TargetName, headers: &HeaderMap) {
        let (sunset, deprecation) = (headers.get(SUNSET), headers.get(DEPRECATION));
        if sunset.is_none() && deprecation.is_none() {
            return;
        }
        let now = self.ledger.now();
        let sunset = sunset.and_then(http_date).map(Sign::Sunset);
        let deprecated = deprecation.and_then(|value| deprecation_time(value, now));
        let signs: Vec<Sign> = sunset.into_iter().chain(deprecated.map(Sign::Deprecated)).collect();
        let is_known = |known: &Known| {
            known.lives.get(target).is_some_and(|life| {
                let said = |sign: &Sign| match sign {
                    Sign::Sunset(date) => life.signs.sunset == Some(*date),
                    _ => life.signs.deprecated.is_some(),
                };
                signs.iter().all(said)
            })
        };
        // The same headers come with every reply.
        if !signs.is_empty() && !is_known(&self.known()) {
            self.heard(target, &signs);
        }
    }

    /// The stage of a model.
    pub(crate) fn stage(&self, target: &TargetName) -> Stage {
        self.shown.load().get(target).map_or(Stage::Live, |shown| shown.standing.stage)
    }

    /// Whether a model may have to give its place to another.
    pub(crate) fn gives_way(&self, target: &TargetName) -> bool {
        matches!(self.stage(target), Stage::Ramping | Stage::Gone)
    }

    /// Where a target goes in the order of a request.
    pub(crate) fn placement(&self, target: &TargetName, draw: u64) -> Placement {
        let Some(standing) = self.shown.load().get(target).map(|shown| shown.standing) else {
            return Placement::Own;
        };
        let now = self.ledger.now();
        let placement = standing.placement(target.as_str(), draw, now);
        if standing.stage == Stage::Gone && self.is_due_again(target, now) {
            return Placement::Own;
        }
        placement
    }

    /// A model that is gone is tried again now and then: by the request that asks this.
    fn is_due_again(&self, target: &TargetName, now: Timestamp) -> bool {
        let mut known = self.known();
        let Some(life) = known.lives.get(target) else { return false };
        let tried = known.tried_again.get(target).copied();
        let since = tried.into_iter().chain(life.signs.refused_at).chain([life.since]).max();
        let due = since.is_none_or(|since| now.0 - since.0 >= known.limits.again_ms);
        if due {
            known.tried_again.insert(target.clone(), now);
        }
        due
    }

    /// Whether copies of requests to this model are wanted.
    pub(crate) fn mirrors(&self, target: &TargetName) -> bool {
        self.shown.load().get(target).is_some_and(|shown| shown.standing.mirrors)
    }

    /// Whether a copy of a request to this model should go to its successor; if so, the copy is begun.
    pub(crate) fn begin_mirror(&self, target: &TargetName) -> bool {
        let mut known = self.known();
        let may = known.lives.get(target).is_some_and(|life| life.may_mirror(&known.limits));
        if !may || known.mirroring.contains(target) {
            return false;
        }
        known.mirroring.push(target.clone());
        true
    }

    /// The copy is over. `None`: it told nothing. It may have cost something all the same.
    pub(crate) fn end_mirror(
        &self,
        target: &TargetName,
        outcome: Option<Result<(), &str>>,
        cost: NanoUsd,
    ) {
        self.known().mirroring.retain(|other| other != target);
        let now = self.ledger.now();
        self.change(target, |life| match outcome {
            Some(outcome) => life.mirrored.note(outcome, cost, now),
            None => life.mirrored.pay(cost),
        });
    }

    /// A successor answered, or not, in the place of a model.
    pub(crate) fn stood_in(&self, target: &TargetName, outcome: Result<(), Failure>) {
        let is_sound = |shown: &Shown| shown.standing.is_sound;
        if outcome.is_ok() && self.shown.load().get(target).is_some_and(is_sound) {
            return;
        }
        let now = self.ledger.now();
        self.change(target, |life| {
            life.stood_in(outcome, now);
        });
    }

    /// Says in the headers of an answer that its model's end is announced.
    pub(crate) fn announce(&self, target: &TargetName, headers: &mut HeaderMap) {
        let shown = self.shown.load();
        let Some(Shown { standing, sunset, successor }) = shown.get(target) else { return };
        if !matches!(standing.stage, Stage::Announced | Stage::Ramping) {
            return;
        }
        if let Some(sunset) = sunset {
            headers.insert(MODEL_SUNSET, sunset.clone());
        }
        if let Some(successor) = successor {
            headers.insert(MODEL_SUCCESSOR, successor.clone());
        }
    }

    fn heard(&self, target: &TargetName, signs: &[Sign]) {
        let now = self.ledger.now();
        self.change(target, |life| signs.iter().for_each(|sign| life.heard(*sign, now)));
    }

    fn change(&self, target: &TargetName, change: impl FnOnce(&mut Life)) {
        let now = self.ledger.now();
        let mut known = self.known();
        if known.lives.len() >= MOST && !known.lives.contains_key(target) {
            return;
        }
        let before = known.lives.get(target).cloned().unwrap_or_default();
        let mut life = before.clone();
        change(&mut life);
        if life == before {
            return;
        }
        known.lives.insert(target.clone(), life);
        known.look_at(target, now);
        if known.shown(target).as_ref() != self.shown.load().get(target) {
            self.show(&known);
        }
        self.news.notify_one();
    }

    fn show(&self, known: &Known) {
        let shown = |target: &TargetName| Some((target.clone(), known.shown(target)?));
        self.shown.store(Arc::new(known.lives.keys().filter_map(shown).collect()));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether a model that the catalog does not know is new here, and as many as may be are kept that
    /// neither the catalog nor a provider's list knows.
    fn has_no_room_for(&self, target: &TargetName) -> bool {
        let is_strange =
            |life: &&Life| life.signs.catalog.is_none() && life.signs.listed_at.is_none();
        let is_new = !self.lives.contains_key(target);
        is_new && self.lives.values().filter(is_strange).count() >= MOST_STRANGERS
    }

    fn life(&mut self, target: &TargetName) -> &mut Life {
        self.lives.entry(target.clone()).or_default()
    }

    /// What requests need to know of a model.
    fn shown(&self, target: &TargetName) -> Option<Shown> {
        let standing = self.lives.get(target)?.standing(&self.limits)?;
        let sunset = standing.last_day.and_then(|day| HeaderValue::from_str(&day.date()).ok());
        let successor = self.successors.get(target).cloned();
        Some(Shown { standing, sunset, successor })
    }

    fn look_at_all(&mut self, now: Timestamp) -> bool {
        let targets: Vec<TargetName> = self.lives.keys().cloned().collect();
        let changed = targets.iter().filter(|target| self.look_at(target, now)).count();
        changed > 0
    }

    fn look_at(&mut self, target: &TargetName, now: Timestamp) -> bool {
        let Some(life) = self.lives.get_mut(target) else { return false };
        let Some(change) = life.look(&self.limits, now) else { return false };
        let (from, to) = (change.from.name(), change.to.name());
        info!(%target, from, to, reason = life.reason, "a model's life");
        true
    }
}

/// An HTTP date (RFC 8594, section 3).
fn http_date(value: &HeaderValue) -> Option<Timestamp> {
    let time = httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()?;
    let since_1970 = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since_1970.as_millis()).ok().map(Timestamp)
}

/// `@1688169599` (RFC 9745), or as its drafts had it: an HTTP date, or `true`.
fn deprecation_time(value: &HeaderValue, now: Timestamp) -> Option<Timestamp> {
    let text = value.to_str().ok()?.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        return Some(Timestamp(seconds.parse::<i64>().ok()?.checked_mul(1_000)?));
    }
    match text {
        "true" | "?1" => Some(now),
        _ => http_date(value),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use terms::time::Timestamp;

    use super::{deprecation_time, http_date};

    #[test]
    fn both_forms_of_each_header_are_read() {
        let now = Timestamp(1);
        let check = |text: &'static str, expect: Option<i64>| {
            let read = deprecation_time(&HeaderValue::from_static(text), now);
            assert_eq!(read.map(|time| time.0), expect, "{text}");
        };
        check("@1688169599", Some(1_688_169_599_000));
        check("true", Some(1));
        check("Fri, 30 Jun 2023 23:59:59 GMT", Some(1_688_169_599_000));
        for wrong in ["", "false", "@", "@soon", "tomorrow", "@99999999999999999999"] {
            check(wrong, None);
        }
        let sunset = HeaderValue::from_static("Mon, 31 Dec 2018 23:59:59 GMT");
        assert!(http_date(&HeaderValue::from_static("soon")).is_none());
        assert!(http_date(&sunset).is_some());
    }
}
