//! Stages by signs, and what holds for every sequence of signs.

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use terms::{money::NanoUsd, outcome::Failure, time::Timestamp};

use super::{Check, DAY_MS, LATEST, Life, LifecycleLimits, Placement, Sign, Stage, Verdict};
use crate::route::SkipReason;

const LIMITS: LifecycleLimits = LifecycleLimits {
    announce_ms: 30 * DAY_MS,
    ramp_ms: 7 * DAY_MS,
    mirrored: 20,
    mirrored_cost: NanoUsd(1_000_000_000),
    again_ms: 3_600_000,
};

fn day(date: &str) -> Timestamp {
    Timestamp::from_date(date).unwrap()
}

/// Feeds signs at dates, and tells the stage and its reason at the last of them.
fn check(signs: &[(&str, Sign)], at: &str, expect: (Stage, &str)) -> Life {
    let mut life = Life::default();
    for (date, sign) in signs {
        life.heard(*sign, day(date));
        life.look(&LIMITS, day(date));
    }
    life.look(&LIMITS, day(at));
    assert_eq!((life.stage, life.reason.as_str()), expect, "{signs:?} at {at}");
    life
}

fn passed() -> Check {
    Check { asked: 5, good: 5, ..Check::default() }
}

#[test]
fn a_date_announces_and_ends_nothing_by_itself() {
    let catalog = ("2026-10-01", Sign::Catalog(Some(day("2026-11-30"))));
    check(&[catalog], "2026-10-31", (Stage::Live, ""));
    check(&[catalog], "2026-11-02", (Stage::Announced, "catalog"));
    check(&[catalog], "2026-12-02", (Stage::Live, ""));
    let sunset = ("2026-10-01", Sign::Sunset(day("2027-05-01")));
    check(&[sunset], "2026-10-02", (Stage::Announced, "sunset"));
    check(
        &[("2026-10-01", Sign::Deprecated(day("2026-10-01")))],
        "2027-10-02",
        (Stage::Announced, "deprecation"),
    );
}

#[test]
fn a_successor_that_passed_is_ramped_by_steps_and_takes_over() {
    let mut life = check(
        &[("2026-11-10", Sign::Catalog(Some(day("2026-11-30"))))],
        "2026-11-24",
        (Stage::Announced, "catalog"),
    );
    assert!(life.may_mirror(&LIMITS));
    life.mirrored = passed();
    life.look(&LIMITS, day("2026-11-24"));
    assert_eq!(life.stage, Stage::Ramping);
    let standing = life.standing(&LIMITS).unwrap();
    let shares: Vec<u8> =
        (24..=30).map(|date| standing.share(day(&format!("2026-11-{date}")))).collect();
    assert_eq!(shares, [1, 5, 10, 25, 50, 75, 100]);
    life.look(&LIMITS, day("2026-12-01"));
    assert_eq!((life.stage, life.reason.as_str()), (Stage::Gone, "past"));
    life.look(&LIMITS, day("2026-12-09"));
    assert_eq!(life.stage, Stage::Gone, "it stays so");
    life.heard(Sign::Answered, day("2026-12-10"));
    life.look(&LIMITS, day("2026-12-10"));
    assert_eq!(life.stage, Stage::Live, "what answers after its last day is alive");
}

#[test]
fn a_successor_that_fails_is_not_ramped_and_an_unchecked_one_late() {
    let dated = [("2026-11-10", Sign::Catalog(Some(day("2026-11-30"))))];
    let mut life = check(&dated, "2026-11-26", (Stage::Announced, "catalog"));
    life.mirrored = Check { asked: 4, good: 3, ..Check::default() };
    assert_eq!(life.verdict(), Verdict::Failed);
    life.look(&LIMITS, day("2026-11-30"));
    assert_eq!(life.stage, Stage::Announced);
    check(&dated, "2026-11-28", (Stage::Ramping, "catalog"));
    let mut life = check(&dated, "2026-11-28", (Stage::Ramping, "catalog"));
    life.in_place = Check { asked: 10, good: 1, ..Check::default() };
    life.look(&LIMITS, day("2026-11-28"));
    assert_eq!(life.stage, Stage::Announced, "a ramp is taken back");
}

#[test]
fn refusals_make_it_gone_and_an_answer_brings_it_back() {
    let (no, yes) = (Sign::Refused, Sign::Answered);
    check(&[("2026-11-01", no)], "2026-11-01", (Stage::Live, ""));
    check(&[("2026-11-01", no), ("2026-11-02", no)], "2026-11-02", (Stage::Gone, "refused"));
    check(
        &[("2026-11-01", no), ("2026-11-02", yes), ("2026-11-03", no)],
        "2026-11-03",
        (Stage::Live, ""),
    );
    check(
        &[("2026-11-01", no), ("2026-11-02", no), ("2026-11-03", yes)],
        "2026-11-03",
        (Stage::Live, ""),
    );
    let past = ("2026-11-01", Sign::Catalog(Some(day("2026-10-23"))));
    check(&[past, ("2026-11-01", no)], "2026-11-01", (Stage::Gone, "refused"));
}

#[test]
fn a_list_counts_only_for_what_it_named_once() {
    let (there, missing) = (Sign::Listed, Sign::Missing);
    let never = [("2026-11-01", missing), ("2026-11-02", missing), ("2026-11-03", missing)];
    check(&never, "2026-11-03", (Stage::Live, ""));
    let once = [("2026-11-01", there), ("2026-11-02", missing)];
    check(&once, "2026-11-02", (Stage::Announced, "unlisted"));
    let twice = [once[0], once[1], ("2026-11-03", missing)];
    check(&twice, "2026-11-03", (Stage::Gone, "unlisted"));
    let answering = [once[0], once[1], ("2026-11-02", Sign::Answered), twice[2]];
    check(&answering, "2026-11-03", (Stage::Announced, "unlisted"));
    let back = [twice[0], twice[1], twice[2], ("2026-11-04", there)];
    check(&back, "2026-11-04", (Stage::Live, ""));
}

#[test]
fn copies_are_capped_in_number_and_cost() {
    let mut life = check(
        &[("2026-11-10", Sign::Catalog(Some(day("2026-11-30"))))],
        "2026-11-12",
        (Stage::Announced, "catalog"),
    );
    for _ in 0..20 {
        assert!(life.may_mirror(&LIMITS));
        life.mirrored.note(Ok(()), NanoUsd(1_000), day("2026-11-12"));
    }
    assert!(!life.may_mirror(&LIMITS));
    life.mirrored = Check { in_all: 1, cost: NanoUsd(1_000_000_000), ..Check::default() };
    assert!(!life.may_mirror(&LIMITS));
}

#[test]
fn what_copies_cost_is_counted_also_where_they_tell_nothing() {
    let mut life = check(
        &[("2026-11-10", Sign::Catalog(Some(day("2026-11-30"))))],
        "2026-11-12",
        (Stage::Announced, "catalog"),
    );
    life.mirrored.pay(NanoUsd(999_999_999));
    assert!(life.may_mirror(&LIMITS));
    life.mirrored.pay(NanoUsd(1));
    assert!(!life.may_mirror(&LIMITS));
    assert_eq!((life.mirrored.asked, life.verdict()), (0, Verdict::Unknown));
}

/// Outcomes as `+` and `-`, and what they amount to in the end.
fn check_answers(outcomes: &str, expect: (u32, u32, Verdict)) {
    let mut life = Life::default();
    for outcome in outcomes.chars() {
        let outcome = if outcome == '+' { Ok(()) } else { Err(Failure::Malformed) };
        life.stood_in(outcome, day("2026-11-12"));
    }
    let Check { asked, good, .. } = life.in_place;
    assert_eq!((good, asked, life.verdict()), expect, "{outcomes}");
}

#[test]
fn only_the_latest_answers_of_a_successor_count() {
    check_answers("+-", (1, 2, Verdict::Unknown));
    check_answers("++++-", (4, 5, Verdict::Passed));
    check_answers("+++-", (3, 4, Verdict::Failed));
    // What failed a month ago is forgotten, and what broke after a thousand good answers is seen.
    check_answers(&format!("{}{}", "-".repeat(30), "+".repeat(20)), (20, 20, Verdict::Passed));
    check_answers(&format!("{}{}", "+".repeat(1_000), "-".repeat(5)), (15, 20, Verdict::Failed));
    check_answers(&format!("{}{}", "+".repeat(1_000), "-".repeat(4)), (16, 20, Verdict::Passed));
}

#[test]
fn what_is_the_callers_or_the_days_says_nothing_of_a_successor() {
    let mut life = Life::default();
    for failure in Failure::ALL {
        let failure = *failure;
        let counts = matches!(failure, Failure::Malformed | Failure::ModelGone);
        let before = life.clone();
        assert_eq!(life.stood_in(Err(failure), day("2026-11-12")), counts, "{failure:?}");
        assert_eq!(life != before, counts);
    }
    let mut life = Life::default();
    for _ in 0..LATEST {
        assert!(life.stood_in(Ok(()), day("2026-11-12")));
    }
    let sound = life.clone();
    assert!(!life.stood_in(Ok(()), day("2026-11-13")), "one more good answer is no news");
    assert_eq!(life, sound);
}

#[test]
fn an_answer_of_what_is_missing_is_news_once() {
    let missing = [("2026-11-01", Sign::Listed), ("2026-11-02", Sign::Missing)];
    let mut life = check(&missing, "2026-11-02", (Stage::Announced, "unlisted"));
    let wants = |life: &Life| {
        life.standing(&LIMITS).is_some_and(|standing| standing.wants_answers(day("2026-11-03")))
    };
    assert!(wants(&life));
    life.heard(Sign::Answered, day("2026-11-03"));
    assert!(!wants(&life));
}

fn sign() -> impl Strategy<Value = Sign> {
    let date = (0..400_i64).prop_map(|day| Timestamp::of_day(20_000 + day));
    prop_oneof![
        proptest::option::of(date.clone()).prop_map(Sign::Catalog),
        date.clone().prop_map(Sign::Sunset),
        date.prop_map(Sign::Deprecated),
        Just(Sign::Refused),
        Just(Sign::Answered),
        Just(Sign::Listed),
        Just(Sign::Missing),
    ]
}

proptest! {
    #[test]
    fn whatever_is_seen(
        signs in proptest::collection::vec((sign(), 0..5_i64, any::<bool>()), 1..40),
        draw in any::<u64>(),
    ) {
        let (mut life, mut now) = (Life::default(), Timestamp::of_day(20_000));
        for (sign, days, good) in signs {
            now = Timestamp(now.0 + days * DAY_MS + 1);
            let before = life.clone();
            life.heard(sign, now);
            life.look(&LIMITS, now);
            assert_eq!(life.look(&LIMITS, now), None, "looking twice is looking once");
            // It is never gone without a sign of its own: a refusal, an absence, or a ramp that ended.
            if life.stage == Stage::Gone {
                let signs = life.signs;
                assert!(signs.refusals > 0 || signs.absences >= 2 || life.reason == "past", "{life:?}");
            }
            // What has just answered is not refused.
            if sign == Sign::Answered {
                assert!(life.reason != "refused" || life.stage != Stage::Gone);
            }
            // Nothing but the ramp's own end, a refusal or an absence leads to gone.
            if before.stage != Stage::Gone && life.stage == Stage::Gone && life.reason == "past" {
                assert_eq!(before.stage, Stage::Ramping);
            }
            if life.stage == Stage::Announced && life.may_mirror(&LIMITS) {
                life.mirrored.note(if good { Ok(()) } else { Err("empty") }, NanoUsd(1), now);
            }
            if let Some(standing) = life.standing(&LIMITS) {
                // The share only grows, and nobody who had the successor is sent back by its growth.
                let mut last = 0;
                let mut behind = false;
                for hours in 0..400 {
                    let then = Timestamp(now.0 + hours * 3_600_000);
                    let share = standing.share(then);
                    assert!(share >= last && share <= 100);
                    last = share;
                    let is_behind = standing.placement("a/m", draw, then) != Placement::Own;
                    assert!(is_behind || !behind);
                    behind = is_behind;
                }
            } else {
                assert_eq!(life.stage, Stage::Live);
            }
            // Somebody's hold stands above everything.
            let mut held = Life { held: Some(now), ..life.clone() };
            held.look(&LIMITS, now);
            assert_eq!(held.stage, Stage::Live);
            let text = serde_json::to_string(&life).unwrap();
            assert_eq!(serde_json::from_str::<Life>(&text).unwrap(), life, "kept as it is");
        }
    }

    #[test]
    fn the_share_of_a_ramp_is_what_it_says(hours in 1..168_i64) {
        let mut life = Life::default();
        life.heard(Sign::Catalog(Some(Timestamp::of_day(20_100))), Timestamp::of_day(20_094));
        life.mirrored = passed();
        life.look(&LIMITS, Timestamp::of_day(20_094));
        let standing = life.standing(&LIMITS).unwrap();
        let now = Timestamp(Timestamp::of_day(20_094).0 + hours * 3_600_000);
        let behind = (0..2_000_u64).filter(|draw| {
            standing.placement("a/m", *draw, now) == Placement::Behind(SkipReason::ModelRetiring)
        });
        let percent = behind.count() as f64 / 20.0;
        assert!((percent - f64::from(standing.share(now))).abs() < 4.0, "{percent}");
    }
}
