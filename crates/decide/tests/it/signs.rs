//! The tests for silent change over simulated answers: how often they are wrong when nothing changed,
//! how long they need when something did, and what a change of the callers' mix does to them.

use decide::signs::{Answer, Finding, Origin, SignLimits, Signs};
use terms::{
    ids::{RequestId, TargetName},
    incident::{Comparison, Sign},
    time::Timestamp,
};

/// `splitmix64`, and what is drawn with it.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below `all`")]
    fn one_of(&mut self, all: usize) -> usize {
        ((self.uniform() * all as f64) as usize).min(all - 1)
    }

    fn happens(&mut self, chance: f64) -> bool {
        self.uniform() < chance
    }

    /// Box and Muller's.
    fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}

/// How a target answers.
#[derive(Clone, Copy)]
struct Manner {
    refusals: f64,
    bad_json: f64,
    bad_calls: f64,
    /// Factors.
    length: f64,
    speed: f64,
}

const USUAL: Manner =
    Manner { refusals: 0.02, bad_json: 0.01, bad_calls: 0.01, length: 1.0, speed: 1.0 };

/// What a caller asks for.
#[derive(Clone, Copy)]
struct Caller {
    name: &'static str,
    tokens: f64,
    /// Of a hundred answers, so many are ten times as long: no normal distribution.
    monsters: f64,
}

const CALLERS: [Caller; 3] = [
    Caller { name: "ada", tokens: 40.0, monsters: 0.02 },
    Caller { name: "bob", tokens: 900.0, monsters: 0.1 },
    Caller { name: "eve", tokens: 250.0, monsters: 0.0 },
];

/// A stream of answers, one a second.
struct Traffic {
    random: Random,
    signs: Signs,
    limits: SignLimits,
    second: i64,
}

impl Traffic {
    fn new(seed: u64, limits: SignLimits) -> Self {
        let random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        Self { random, signs: Signs::default(), limits, second: 0 }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small and positive"
    )]
    fn answer(&mut self, caller: Caller, manner: Manner) -> Vec<Finding> {
        self.second += 1;
        let random = &mut self.random;
        let refused = random.happens(manner.refusals);
        let with_tools = random.happens(0.5);
        let is_json = (!with_tools).then(|| !random.happens(manner.bad_json));
        let are_calls_valid = with_tools.then(|| !random.happens(manner.bad_calls));
        let monster = if random.happens(caller.monsters) { 10.0 } else { 1.0 };
        let tokens = caller.tokens * manner.length * monster * (0.6 * random.normal()).exp();
        let speed = 80.0 * manner.speed * (0.3 * random.normal()).exp();
        let kind = u64::from(with_tools);
        let answer = Answer {
            request: RequestId::from_parts(self.second as u64, 0),
            origin: Origin::of(caller.name, "route", kind),
            refused,
            is_json,
            are_calls_valid,
            tokens: Some(tokens as u64),
            tokens_per_second: Some(speed),
        };
        let now = Timestamp(self.second * 1_000);
        self.signs.answered(&target(), &answer, &self.limits, now)
    }

    /// So many answers, callers in turns; what was found.
    fn run(&mut self, answers: u32, manner: Manner) -> Vec<Finding> {
        let mut found = Vec::new();
        for _ in 0..answers {
            let caller = CALLERS[self.random.one_of(CALLERS.len())];
            found.extend(self.answer(caller, manner));
        }
        found
    }

    /// Answers until something is found, at most so many.
    fn until_found(&mut self, at_most: u32, manner: Manner) -> (u32, Option<Finding>) {
        for answers in 1..=at_most {
            if let Some(found) = self.run(1, manner).pop() {
                return (answers, Some(found));
            }
        }
        (at_most, None)
    }
}

fn target() -> TargetName {
    "p/m".into()
}

fn no_wait() -> SignLimits {
    SignLimits { lasts_ms: 0, ..SignLimits::default() }
}

#[test]
fn false_alarms_stay_below_the_stated_rate() {
    // At the default of one in a million per test, over half a million answers and six tests each.
    let mut alarms = 0;
    for seed in 0..25 {
        alarms += Traffic::new(seed, no_wait()).run(20_000, USUAL).len();
    }
    assert!(alarms <= 3, "{alarms} false alarms in 500,000 answers");
    // One in a thousand, where there is something to count: every test by itself keeps its rate.
    let limits = SignLimits { false_alarm_in: 1_000.0, ..no_wait() };
    let mut by_sign = [0_u32; Sign::COUNT];
    for seed in 0..60 {
        let mut traffic = Traffic::new(1_000 + seed, limits);
        for _ in 0..4_000 {
            for found in traffic.run(1, USUAL) {
                if let Finding::Changed(change) = found {
                    by_sign[change.sign.index()] += 1;
                    // The search goes on.
                    traffic.signs.forget(&target(), change.sign);
                }
            }
        }
    }
    assert!(by_sign.iter().all(|alarms| *alarms <= 240), "{by_sign:?}");
    assert!(by_sign.iter().sum::<u32>() > 0, "nothing was tested");
}

/// The median and the longest delay in answers, over fifty seeds.
fn delays(manner: Manner, expect: Sign) -> (u32, u32) {
    let mut delays: Vec<u32> = (0..50)
        .map(|seed| {
            let mut traffic = Traffic::new(seed, no_wait());
            assert_eq!(traffic.run(1_500, USUAL), []);
            let (answers, found) = traffic.until_found(3_000, manner);
            let Some(Finding::Changed(change)) = found else { panic!("seed {seed}: {found:?}") };
            assert_eq!(change.sign, expect, "seed {seed}");
            assert!(!change.examples.is_empty());
            answers
        })
        .collect();
    delays.sort_unstable();
    (delays[25], delays[49])
}

#[test]
fn changes_are_found_soon() {
    let check = |manner, sign, median, longest| {
        let found = delays(manner, sign);
        assert!(found.0 <= median && found.1 <= longest, "{}: {found:?}", sign.name());
    };
    check(Manner { refusals: 0.3, ..USUAL }, Sign::Refusals, 60, 140);
    check(Manner { bad_json: 0.5, ..USUAL }, Sign::InvalidJson, 80, 200);
    check(Manner { bad_calls: 0.5, ..USUAL }, Sign::InvalidCalls, 80, 200);
    check(Manner { length: 0.4, ..USUAL }, Sign::Shorter, 60, 160);
    check(Manner { length: 2.5, ..USUAL }, Sign::Longer, 60, 160);
    check(Manner { speed: 0.6, ..USUAL }, Sign::Slower, 50, 120);
}

#[test]
fn the_evidence_says_what_it_was_before_and_what_it_is_now() {
    let mut traffic = Traffic::new(7, no_wait());
    traffic.run(3_000, USUAL);
    let began = traffic.second;
    let slow = Manner { speed: 0.5, ..USUAL };
    let Some(Finding::Changed(change)) = traffic.until_found(500, slow).1 else { panic!() };
    let Comparison { before, after, once_in, callers } = change.comparison;
    assert!(before.low < 80.0 && 80.0 < before.high, "{before:?}");
    assert!(after.low < 40.0 && 40.0 < after.high && after.high < before.low, "{after:?}");
    assert!(before.answers > 1_000 && after.answers < 100 && callers == 3);
    assert!(once_in >= 999_999.0, "{once_in}");
    assert!(
        (change.since.0 / 1_000 - began).abs() < 15,
        "{:?} where it began at {began}",
        change.since
    );
}

#[test]
fn another_mix_of_callers_is_no_change() {
    for seed in 0..20 {
        let mut traffic = Traffic::new(seed, no_wait());
        for share in [0.05, 0.95, 0.5, 0.02] {
            for _ in 0..2_000 {
                let long = traffic.random.happens(share);
                let found = traffic.answer(CALLERS[usize::from(long)], USUAL);
                assert_eq!(found, [], "seed {seed}, {share} of long answers");
            }
        }
    }
}

#[test]
fn what_one_caller_alone_changes_is_that_callers_and_what_all_see_is_the_targets() {
    let short = Manner { length: 0.2, ..USUAL };
    for seed in 0..20 {
        let mut traffic = Traffic::new(seed, no_wait());
        traffic.run(2_000, USUAL);
        for _ in 0..1_000 {
            // Only the first does other work from now on.
            assert_eq!(traffic.answer(CALLERS[0], short), [], "seed {seed}");
            assert_eq!(traffic.answer(CALLERS[1], USUAL), [], "seed {seed}");
        }
        let found = (0..200).find_map(|_| {
            let first = traffic.answer(CALLERS[0], Manner { length: 0.04, ..USUAL });
            first.into_iter().chain(traffic.answer(CALLERS[1], short)).next()
        });
        assert!(matches!(found, Some(Finding::Changed(_))), "seed {seed}");
    }
}

#[test]
fn a_target_returns_when_it_was_normal_for_a_while_and_not_before() {
    let limits = SignLimits { quiet_ms: 300_000, ..no_wait() };
    let mut traffic = Traffic::new(3, limits);
    traffic.run(2_000, USUAL);
    let bad = Manner { refusals: 0.4, ..USUAL };
    assert!(traffic.until_found(300, bad).1.is_some());
    assert_eq!(traffic.run(2_000, bad), [], "it is told once, and stays");
    assert!(traffic.signs.is_changed(&target(), Sign::Refusals));
    let (answers, found) = traffic.until_found(2_000, USUAL);
    assert_eq!(found, Some(Finding::Returned(Sign::Refusals)));
    assert!((300..1_200).contains(&answers), "{answers} seconds");
    assert!(traffic.until_found(300, bad).1.is_some(), "its history was kept");
}

#[test]
fn what_a_person_calls_normal_is_normal() {
    let mut traffic = Traffic::new(5, no_wait());
    traffic.run(2_000, USUAL);
    let slow = Manner { speed: 0.4, ..USUAL };
    assert!(traffic.until_found(300, slow).1.is_some());
    traffic.signs.forget(&target(), Sign::Slower);
    assert_eq!(traffic.run(3_000, slow), []);
    assert!(traffic.until_found(200, Manner { speed: 0.15, ..USUAL }).1.is_some());
}

#[test]
fn a_burst_is_no_change() {
    let mut traffic = Traffic::new(9, SignLimits::default());
    traffic.run(3_000, USUAL);
    let bad = Manner { refusals: 1.0, ..USUAL };
    assert_eq!(traffic.run(50, bad), [], "less than a minute");
    assert!(traffic.until_found(30, bad).1.is_some());
}

#[test]
fn the_callers_with_most_answers_are_watched_however_many_there_are() {
    let mut traffic = Traffic::new(2, no_wait());
    let answer = |traffic: &mut Traffic, caller: &str, refused| {
        traffic.second += 1;
        let answer = Answer {
            request: RequestId::from_parts(traffic.second.unsigned_abs(), 0),
            origin: Origin::of(caller, "route", 0),
            refused,
            is_json: None,
            are_calls_valid: None,
            tokens: None,
            tokens_per_second: None,
        };
        let now = Timestamp(traffic.second * 1_000);
        traffic.signs.answered(&target(), &answer, &traffic.limits, now)
    };
    let mut found = Vec::new();
    for round in 0..600 {
        let refused = round >= 300;
        found.extend(answer(&mut traffic, "often", refused));
        for other in 0..5 {
            found.extend(answer(&mut traffic, &format!("rare-{}", round * 5 + other), refused));
        }
    }
    assert!(
        matches!(found.as_slice(), [Finding::Changed(change)] if change.sign == Sign::Refusals)
    );
}

/// A target, a kind of work there, and whether it refuses.
fn told(signs: &mut Signs, name: &str, kind: u64, refused: bool, now: i64) -> Vec<Finding> {
    let answer = Answer {
        request: RequestId::from_parts(now.unsigned_abs(), 0),
        origin: Origin::of("p", "r", kind),
        refused,
        is_json: None,
        are_calls_valid: None,
        tokens: None,
        tokens_per_second: None,
    };
    signs.answered(&name.into(), &answer, &no_wait(), Timestamp(now))
}

/// Whether a target is watched: it answers for a while as usual, then refuses.
fn is_watched(signs: &mut Signs, name: &str, from: i64) -> bool {
    let found = |answer: i64| {
        let found = told(signs, name, 0, answer >= 200, from + answer * 1_000);
        found.iter().any(|found| matches!(found, Finding::Changed(_)))
    };
    (0..300).any(found)
}

const DAY_MS: i64 = 86_400_000;

#[test]
fn a_target_that_comes_last_is_watched_and_one_that_is_changed_stays_so() {
    let mut signs = Signs::default();
    assert!(is_watched(&mut signs, "p/changed", 0));
    let changed = |signs: &Signs| signs.is_changed(&"p/changed".into(), Sign::Refusals);
    for number in 0..1_500 {
        told(&mut signs, &format!("p/{number}"), 0, false, 400_000 + number);
        told(&mut signs, &format!("p/{number}"), 0, false, 400_000 + number);
    }
    // While all others are in use, it takes the place of the one that least is known of.
    assert!(is_watched(&mut signs, "p/new", 500_000));
    assert!(is_watched(&mut signs, "p/late", 30 * DAY_MS));
    assert!(changed(&signs), "its incident is open");
    let text = serde_json::to_string(&signs).unwrap();
    assert!(text.len() < 2_000_000, "{} bytes", text.len());
}

#[test]
fn works_that_are_seen_no_more_keep_no_place_from_new_targets() {
    for later in [0, 30 * DAY_MS] {
        let mut signs = Signs::default();
        for number in 0..40 {
            for kind in 0..300 {
                told(&mut signs, &format!("p/{number}"), kind, false, 1_000);
            }
        }
        assert!(is_watched(&mut signs, "p/new", 2_000 + later), "{later}");
        let text = serde_json::to_string(&signs).unwrap();
        assert!(text.len() < 8_000_000, "{} bytes", text.len());
    }
}

#[test]
fn a_copy_stays_as_it_was_while_the_original_learns() {
    let mut signs = Signs::default();
    let other = |signs: &mut Signs| told(signs, "p/other", 0, false, 1_000);
    other(&mut signs);
    let (copy, text) = (signs.clone(), serde_json::to_string(&signs).unwrap());
    assert!(is_watched(&mut signs, "p/a", 2_000));
    other(&mut signs);
    assert_eq!(serde_json::to_string(&copy).unwrap(), text);
    assert!(!copy.is_changed(&"p/a".into(), Sign::Refusals));
}

#[test]
fn memory_is_bounded_and_survives_being_written_down() {
    let mut traffic = Traffic::new(1, no_wait());
    for caller in 0..2_000_u64 {
        traffic.second += 1;
        let answer = Answer {
            request: RequestId::from_parts(caller, 0),
            origin: Origin::of("p", "r", caller),
            refused: false,
            is_json: Some(true),
            are_calls_valid: Some(true),
            tokens: Some(9),
            tokens_per_second: Some(30.0),
        };
        for name in ["p/a".to_owned(), format!("p/{caller}")] {
            let now = Timestamp(traffic.second * 1_000);
            traffic.signs.answered(&name.as_str().into(), &answer, &traffic.limits, now);
        }
    }
    let text = serde_json::to_string(&traffic.signs).unwrap();
    assert!(text.len() < 2_000_000, "{} bytes for a thousand targets", text.len());
    let read: Signs = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}
