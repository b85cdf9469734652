//! The order of attempts, failure by failure.

use terms::{outcome::Failure, time::Moment};

use super::{AttemptLimits, Attempts, Next, Planned, Stop};

const NOW: Moment = Moment(1000);

fn planned(provider: usize, keys: u8) -> Planned {
    Planned { provider, context_window: 0, keys: (0..keys).collect() }
}

/// Targets as (provider, window); runs failures in order and gives the steps that were sent.
fn check(
    targets: &[(usize, u64)],
    failures: &[(Failure, Option<u64>)],
    steps: &[usize],
    stop: Option<Stop>,
) {
    let plan = targets
        .iter()
        .map(|(provider, window)| Planned { context_window: *window, ..planned(*provider, 1) })
        .collect();
    let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
    let (mut now, mut sent, mut failures) = (NOW, Vec::new(), failures.iter());
    let end = loop {
        match attempts.next(now) {
            Next::Send { step, ordinal, .. } => {
                sent.push(step);
                assert_eq!(usize::from(ordinal), sent.len());
                let Some((failure, asked)) = failures.next() else { break None };
                attempts.failed(step, *failure, *asked, true, now, |_| true);
            }
            Next::Wait(ms) => now = now.after(ms),
            Next::Stop(stop) => break Some(stop),
        }
    };
    assert_eq!((sent.as_slice(), end), (steps, stop));
}

use Failure::{
    CallerFault, ContextOverflow, CredentialDead, ModelGone, PolicyRefusal, RateLimited, TimedOut,
    Transient, Unreachable,
};

#[test]
fn a_target_that_declines_is_not_asked_again() {
    let declined = (Failure::Declined, None);
    check(
        &[(0, 0), (1, 0)],
        &[declined, (TimedOut, None)],
        &[0, 1],
        Some(Stop::Exhausted(TimedOut)),
    );
    let exhausted = Some(Stop::Exhausted(Failure::Declined));
    check(&[(0, 0), (1, 0)], &[declined; 2], &[0, 1], exhausted);
}

#[test]
fn a_lone_server_error_is_tried_once_more_and_never_at_anothers_cost() {
    check(&[(0, 0), (1, 0)], &[(Transient, None)], &[0, 0], None);
    check(&[(0, 0), (0, 0), (1, 0)], &[(Transient, None); 3], &[0, 0, 1, 2], None);
    check(
        &[(0, 0), (1, 0), (2, 0), (3, 0)],
        &[(Transient, None); 4],
        &[0, 1, 2, 3],
        Some(Stop::Exhausted(Transient)),
    );
}

#[test]
fn an_answer_that_broke_off_is_for_whoever_may_still_be_asked() {
    let cut = (Failure::Cut, None);
    check(&[(0, 0), (1, 0)], &[cut], &[0, 1], None);
    // One that stayed silent or is gone is not asked again; one that broke off is.
    let exhausted = Some(Stop::Exhausted(Failure::Cut));
    check(&[(0, 0), (1, 0)], &[cut; 4], &[0, 1, 0, 1], exhausted);
    check(&[(0, 0), (1, 0)], &[(TimedOut, None), cut, cut], &[0, 1, 1], exhausted);
    check(&[(0, 0)], &[cut, cut], &[0, 0], exhausted);
}

#[test]
fn a_target_that_told_another_answer_is_asked_in_another_way() {
    let plan = vec![planned(0, 1), planned(1, 1)];
    let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
    let mut steps = Vec::new();
    while let Next::Send { step, .. } = attempts.next(NOW) {
        steps.push(step);
        match steps.len() {
            1 => attempts.failed(step, Failure::Cut, None, true, NOW, |_| true),
            _ => attempts.mismatched(step, NOW, |_| true),
        }
    }
    assert_eq!(steps, [0, 1, 1, 0], "in the end whoever has a try left");
}

#[test]
fn going_on_at_the_same_provider_is_paid_for() {
    let plan = vec![planned(0, 1), planned(1, 1)];
    let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
    attempts.next(NOW);
    attempts.failed(0, Failure::Cut, None, true, NOW, |_| false);
    assert!(matches!(attempts.next(NOW), Next::Send { step: 1, .. }), "moving on is free");
    attempts.failed(1, Failure::Cut, None, true, NOW, |_| false);
    assert_eq!(attempts.next(NOW), Next::Stop(Stop::Exhausted(Failure::Cut)));
}

#[test]
fn at_most_two_tries_per_target_and_four_in_all() {
    check(&[(0, 0)], &[(Transient, None); 4], &[0, 0], Some(Stop::Exhausted(Transient)));
    check(
        &[(0, 0), (1, 0)],
        &[(Transient, None); 4],
        &[0, 0, 1, 1],
        Some(Stop::Exhausted(Transient)),
    );
    check(
        &[(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)],
        &[(TimedOut, None); 4],
        &[0, 1, 2, 3],
        Some(Stop::Exhausted(TimedOut)),
    );
}

#[test]
fn an_unreachable_provider_is_left_with_all_its_models() {
    check(&[(0, 0), (0, 0), (1, 0)], &[(Unreachable, None)], &[0, 2], None);
    check(&[(0, 0)], &[(Unreachable, None); 2], &[0, 0], Some(Stop::Exhausted(Unreachable)));
}

#[test]
fn a_dead_credential_is_not_tried_again() {
    check(&[(0, 0), (0, 0), (1, 0)], &[(CredentialDead, None)], &[0, 2], None);
    check(&[(0, 0)], &[(CredentialDead, None)], &[0], Some(Stop::Exhausted(CredentialDead)));
}

#[test]
fn a_model_that_is_gone_is_answered_by_the_next() {
    check(&[(0, 0), (0, 0), (1, 0)], &[(ModelGone, None)], &[0, 1], None);
    check(&[(0, 0)], &[(ModelGone, None)], &[0], Some(Stop::Exhausted(ModelGone)));
}

#[test]
fn a_short_retry_after_is_waited_out_and_a_long_one_moves_on() {
    check(&[(0, 0), (1, 0)], &[(RateLimited, Some(2000))], &[0, 0], None);
    check(&[(0, 0), (1, 0)], &[(RateLimited, Some(30_000))], &[0, 1], None);
    check(&[(0, 0), (1, 0)], &[(RateLimited, None)], &[0, 1], None);
    check(&[(0, 0)], &[(RateLimited, Some(60_000))], &[0], Some(Stop::Exhausted(RateLimited)));
}

#[test]
fn an_overflow_goes_to_a_larger_window_or_back_to_the_caller() {
    check(&[(0, 100), (1, 100), (2, 900)], &[(ContextOverflow, None)], &[0, 2], None);
    check(
        &[(0, 100), (1, 50)],
        &[(ContextOverflow, None)],
        &[0],
        Some(Stop::Final(ContextOverflow)),
    );
}

#[test]
fn what_the_caller_must_see_stops_at_once() {
    for failure in [CallerFault, PolicyRefusal] {
        check(&[(0, 0), (1, 0)], &[(failure, None)], &[0], Some(Stop::Final(failure)));
    }
}

#[test]
fn a_silent_target_is_not_tried_again() {
    check(
        &[(0, 0), (1, 0)],
        &[(TimedOut, None), (Transient, None), (Transient, None)],
        &[0, 1, 1],
        Some(Stop::Exhausted(Transient)),
    );
}

#[test]
fn nothing_starts_after_the_deadline() {
    let plan = vec![planned(0, 1)];
    let mut attempts =
        Attempts::new(plan, AttemptLimits { deadline_ms: 100, ..AttemptLimits::default() }, NOW);
    assert_eq!(attempts.next(NOW.after(100)), Next::Stop(Stop::Deadline));
    assert_eq!(
        Attempts::new(Vec::new(), AttemptLimits::default(), NOW).next(NOW),
        Next::Stop(Stop::NoTargets)
    );
}

#[test]
fn a_failure_that_is_not_a_lone_one_moves_on() {
    let plan = vec![planned(0, 1), planned(1, 1)];
    let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
    assert!(matches!(attempts.next(NOW), Next::Send { step: 0, .. }));
    attempts.failed(0, Transient, None, false, NOW, |_| true);
    assert!(matches!(attempts.next(NOW), Next::Send { step: 1, .. }));
}

/// Targets as (provider, keys); runs failures and gives what was sent as (step, key).
fn check_keys(targets: &[(usize, u8)], failures: &[Failure], sent: &[(usize, u8)]) {
    let plan = targets.iter().map(|(provider, keys)| planned(*provider, *keys)).collect();
    let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
    let (mut seen, mut now, mut failures) = (Vec::new(), NOW, failures.iter());
    loop {
        match attempts.next(now) {
            Next::Send { step, key, .. } => {
                seen.push((step, key));
                let Some(failure) = failures.next() else { break };
                attempts.failed(step, *failure, None, true, now, |_| true);
            }
            Next::Wait(ms) => now = now.after(ms),
            Next::Stop(_) => break,
        }
    }
    assert_eq!(seen, sent, "{targets:?}");
}

#[test]
fn a_dead_or_limited_key_gives_way_to_the_next_in_the_same_request() {
    for failure in [CredentialDead, RateLimited] {
        check_keys(&[(0, 3), (1, 1)], &[failure; 2], &[(0, 0), (0, 1), (0, 2)]);
        check_keys(&[(0, 3)], &[failure], &[(0, 0), (0, 1)]);
    }
    check_keys(&[(0, 2), (1, 1)], &[CredentialDead; 2], &[(0, 0), (0, 1), (1, 0)]);
    check_keys(&[(0, 3)], &[CredentialDead; 3], &[(0, 0), (0, 1), (0, 2)]);
}

#[test]
fn a_key_that_is_dead_is_shown_for_no_other_model_of_its_provider() {
    check_keys(&[(0, 2), (0, 2), (1, 1)], &[CredentialDead, TimedOut], &[(0, 0), (0, 1), (1, 1)]);
}

#[test]
fn another_key_never_takes_the_attempt_that_another_target_waits_for() {
    check_keys(
        &[(0, 4), (1, 1), (2, 1), (3, 1)],
        &[RateLimited, TimedOut, TimedOut],
        &[(0, 0), (1, 0), (2, 0), (3, 0)],
    );
}

#[test]
fn a_server_that_says_when_it_is_back_is_believed() {
    check(&[(0, 0), (1, 0)], &[(Transient, Some(30_000))], &[0, 1], None);
    let mut attempts = Attempts::new(vec![planned(0, 1)], AttemptLimits::default(), NOW);
    attempts.next(NOW);
    attempts.failed(0, Transient, Some(700), true, NOW, |_| true);
    assert_eq!(attempts.next(NOW), Next::Wait(700));
}

#[test]
fn without_a_retry_budget_nobody_is_asked_again_and_others_are() {
    let plan = vec![planned(0, 2), planned(0, 2), planned(1, 1)];
    let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
    assert!(matches!(attempts.next(NOW), Next::Send { step: 0, .. }));
    attempts.failed(0, Transient, None, true, NOW, |_| false);
    assert_eq!(attempts.take_refused(), [0, 1]);
    assert!(matches!(attempts.next(NOW), Next::Send { step: 2, .. }), "moving on is free");
    attempts.failed(2, Transient, None, true, NOW, |_| false);
    assert_eq!(attempts.next(NOW), Next::Stop(Stop::Exhausted(Transient)));
}

#[test]
fn a_gate_that_has_shut_meanwhile_is_passed_over_where_another_is_open() {
    let plan = vec![planned(0, 1), planned(1, 1), planned(2, 1)];
    let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
    attempts.next(NOW);
    assert!(attempts.pass_over(0, |other| other == 2, |_| false));
    assert_eq!(attempts.next(NOW), Next::Send { step: 2, key: 0, ordinal: 1 });
    attempts.failed(2, TimedOut, None, true, NOW, |_| true);
    // What was passed over is still there when the others have failed.
    assert!(matches!(attempts.next(NOW), Next::Send { step: 0, ordinal: 2, .. }));
    assert!(!attempts.pass_over(0, |_| false, |_| true), "the last gate is never shut");
    attempts.failed(0, TimedOut, None, true, NOW, |_| true);
    assert!(matches!(attempts.next(NOW), Next::Send { step: 1, ordinal: 3, .. }));
}

#[test]
fn a_hedge_goes_to_another_provider_and_counts_as_an_attempt() {
    let plan = vec![planned(0, 1), planned(0, 1), planned(1, 2), planned(2, 1)];
    let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
    attempts.next(NOW);
    assert_eq!(attempts.hedge(0, |_| false, NOW), None);
    assert_eq!(attempts.hedge(0, |_| true, NOW), Some((2, 0, 2)));
    // Both fail, in either order: what comes next is decided once, when the second has.
    attempts.failed(2, CredentialDead, None, true, NOW, |_| panic!("nothing is decided yet"));
    attempts.failed(0, TimedOut, None, true, NOW, |_| true);
    assert!(matches!(attempts.next(NOW), Next::Send { step: 1, ordinal: 3, .. }));
    attempts.failed(1, TimedOut, None, true, NOW, |_| true);
    assert!(matches!(attempts.next(NOW), Next::Send { step: 3, ordinal: 4, .. }));
    assert_eq!(attempts.hedge(3, |_| true, NOW), None, "none is left");
}

/// How an attempt at a step failed, what it asked for, and milliseconds after the hedge went out.
type Loss = (usize, Failure, Option<u64>, u64);

/// Targets as (provider, window). Two attempts under way at the first two of them fail, in this order;
/// gives what comes next and after how long.
fn check_hedged(targets: &[(usize, u64)], losses: [Loss; 2], next: Result<(usize, u64), Stop>) {
    let plan = targets
        .iter()
        .map(|(provider, window)| Planned { context_window: *window, ..planned(*provider, 1) })
        .collect();
    let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
    attempts.next(NOW);
    assert_eq!(attempts.hedge(0, |step| step == 1, NOW), Some((1, 0, 2)));
    let mut now = NOW;
    for (step, failure, asked, at) in losses {
        now = NOW.after(at);
        attempts.failed(step, failure, asked, true, now, |_| true);
    }
    let mut waited = 0;
    let came = loop {
        match attempts.next(now.after(waited)) {
            Next::Send { step, .. } => break Ok((step, waited)),
            Next::Wait(ms) => waited += ms,
            Next::Stop(stop) => break Err(stop),
        }
    };
    assert_eq!(came, next, "{targets:?} {losses:?}");
}

#[test]
fn two_attempts_that_fail_together_are_decided_on_together() {
    let two = [(0, 0), (1, 0)];
    let three = [(0, 0), (1, 0), (2, 0)];
    let exhausted = |failure| Err(Stop::Exhausted(failure));
    let lost = |step, failure| (step, failure, None, step as u64);
    let swapped = |[a, b]: [Loss; 2]| [b, a];
    for flip in [false, true] {
        let check = |targets: &[(usize, u64)], losses: [Loss; 2], next| {
            check_hedged(targets, if flip { swapped(losses) } else { losses }, next);
        };
        // The first of the two whose failure was a lone one is worth another try; else who is left.
        check(&three, [lost(0, Transient), lost(1, Transient)], Ok((0, 0)));
        check(&three, [lost(0, TimedOut), lost(1, Failure::Malformed)], Ok((2, 0)));
        check(&two, [lost(0, Transient), lost(1, Transient)], Ok((0, 0)));
        check(&two, [lost(0, TimedOut), lost(1, Transient)], Ok((1, 0)));
        check(&two, [lost(0, Transient), lost(1, TimedOut)], Ok((0, 0)));
        check(&two, [lost(0, Transient), lost(1, Failure::Declined)], Ok((0, 0)));
        // Whoever asks to be left alone is; who asks for less is first.
        let limited = |step, asked| (step, RateLimited, Some(asked), 0);
        check(&two, [limited(0, 2_000), limited(1, 800)], Ok((1, 800)));
        check(&two, [limited(0, 60_000), limited(1, 800)], Ok((1, 800)));
        check(&two, [limited(0, 60_000), lost(1, Transient)], Ok((1, 0)));
        check(&two, [limited(0, 60_000), limited(1, 60_000)], exhausted(RateLimited));
        // One that could not be reached is tried once more where nobody else is left.
        check(&two, [lost(0, Unreachable), lost(1, CredentialDead)], Ok((0, 250)));
        check(&two, [lost(0, ModelGone), lost(1, Transient)], Ok((1, 0)));
        // A window that is too small for the one is too small for the other.
        let windows = [(0, 100), (1, 900), (2, 200)];
        check(
            &windows,
            [lost(0, Transient), lost(1, ContextOverflow)],
            Err(Stop::Final(ContextOverflow)),
        );
        check(&windows, [lost(0, ContextOverflow), lost(1, Failure::Malformed)], Ok((2, 0)));
        check(&windows[..2], [lost(0, ContextOverflow), lost(1, Transient)], Ok((1, 0)));
        // What the second may not have taken as it was sent to it is told where the first does not answer.
        check(&three, [lost(0, TimedOut), lost(1, CallerFault)], Err(Stop::Final(CallerFault)));
    }
    check_hedged(&two, [lost(1, TimedOut), lost(0, TimedOut)], exhausted(TimedOut));
    // A wait that was asked for counts from when it was.
    let early = (1, RateLimited, Some(3_500), 0);
    check_hedged(&two, [early, (0, TimedOut, None, 2_000)], Ok((1, 1_500)));
    // What is the caller's own is told at once, as without a second attempt.
    let mut attempts =
        Attempts::new(vec![planned(0, 1), planned(1, 1)], AttemptLimits::default(), NOW);
    attempts.next(NOW);
    attempts.hedge(0, |_| true, NOW);
    assert!(!attempts.ends_at_once(1, CallerFault));
    assert!(!attempts.ends_at_once(0, TimedOut));
    assert!(attempts.ends_at_once(0, CallerFault));
    attempts.failed(0, CallerFault, None, true, NOW, |_| true);
    assert_eq!(attempts.given_up(), Some(Stop::Final(CallerFault)));
}

#[test]
fn a_rival_that_lost_has_no_say_in_what_comes_after_the_winner() {
    let plan = vec![planned(0, 1), planned(1, 1)];
    let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
    attempts.next(NOW);
    attempts.hedge(0, |_| true, NOW);
    attempts.left(0);
    attempts.failed(1, Failure::Cut, None, true, NOW, |_| true);
    assert!(matches!(attempts.next(NOW), Next::Send { step: 0, ordinal: 3, .. }));
}

#[test]
fn no_second_attempt_after_the_deadline() {
    let limits = AttemptLimits { deadline_ms: 100, ..AttemptLimits::default() };
    let mut attempts = Attempts::new(vec![planned(0, 1), planned(1, 1)], limits, NOW);
    attempts.next(NOW);
    assert_eq!(attempts.hedge(0, |_| true, NOW.after(100)), None);
}

proptest::proptest! {
    #[test]
    fn the_worst_case_is_the_attempt_budget_whatever_happens(
        targets in proptest::collection::vec((0_usize..3, 1_u8..5), 1..7),
        attempts in 1_u8..=super::MOST_ATTEMPTS,
        failures in proptest::collection::vec(
            (0_usize..Failure::ALL.len(), proptest::option::of(0_u64..5_000), proptest::bool::ANY), 64),
    ) {
        let plan: Vec<_> = targets.iter().map(|(provider, keys)| planned(*provider, *keys)).collect();
        let limits = AttemptLimits { attempts, ..AttemptLimits::default() };
        let mut requests = Attempts::new(plan, limits, NOW);
        let (mut now, mut sent) = (NOW, Vec::new());
        let mut failures = failures.iter();
        loop {
            match requests.next(now) {
                Next::Send { step, key, .. } => {
                    sent.push((step, key));
                    let (failure, asked, lone) = failures.next().unwrap();
                    requests.failed(step, Failure::ALL[*failure], *asked, *lone, now, |_| true);
                }
                Next::Wait(ms) => now = now.after(ms),
                Next::Stop(_) => break,
            }
        }
        assert!(sent.len() <= usize::from(attempts), "{sent:?}");
        for (at, place) in sent.iter().enumerate() {
            let tries = sent[..=at].iter().filter(|other| *other == place).count();
            assert!(tries <= usize::from(limits.tries_per_target), "{sent:?}");
        }
    }
}

#[test]
fn the_default_worst_case_is_what_is_documented() {
    assert_eq!(AttemptLimits::default().attempts, super::ATTEMPTS);
    assert_eq!((super::ATTEMPTS, super::MOST_ATTEMPTS), (4, 16));
}

#[test]
fn what_failed_beside_an_answer_decides_nothing_once_that_breaks_off() {
    for failure in [CallerFault, PolicyRefusal, Transient] {
        let plan = (0..3).map(|provider| planned(provider, 1)).collect();
        let mut attempts = Attempts::new(plan, AttemptLimits::default(), NOW);
        attempts.next(NOW);
        attempts.hedge(0, |_| true, NOW);
        attempts.failed(1, failure, None, true, NOW, |_| true);
        attempts.answered();
        attempts.failed(0, Failure::Cut, None, false, NOW.after(5), |_| true);
        let next = attempts.next(NOW.after(5));
        assert!(matches!(next, Next::Send { step: 2, .. }), "{failure:?}: {next:?}");
    }
}
