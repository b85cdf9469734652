//! One target down for a minute, with a request every four seconds: what it sees of it, what callers
//! see, and when it is used again.

use terms::{outcome::Failure, time::Moment};

use crate::world::{Account, End, Mode, Server, World};

const DOWN: Moment = Moment(100_000);
const UP: Moment = Moment(160_000);
const SPACING_MS: u64 = 4_000;
const LONG_MS: u64 = 240_000;

fn server(number: usize, faults: Vec<(Moment, Moment, Mode)>) -> Server {
    Server {
        name: format!("p{number}/m").into(),
        provider: number,
        weight: 1.0,
        faults,
        answer_ms: 700,
    }
}

fn account(number: usize) -> Account {
    Account { name: format!("p{number}").into(), keys: Vec::new(), refused: Vec::new() }
}

/// In every position of the outage between two requests: at most eight tries, no request that fails, and
/// the first target again within 15 s.
fn check(mode: Mode) {
    for phase in (0..SPACING_MS).step_by(50) {
        let servers = vec![server(0, vec![(DOWN, UP, mode)]), server(1, Vec::new())];
        let mut draw = 0;
        let mut world = World::new(servers, vec![account(0), account(1)], move || {
            draw += 1;
            draw
        });
        world.play((0..LONG_MS / SPACING_MS).map(|number| Moment(phase + number * SPACING_MS)));
        let case = format!("{mode:?}, {phase} ms");
        let tries =
            world.seen.iter().filter(|seen| seen.server == 0 && DOWN <= seen.at && seen.at < UP);
        let tries = tries.count();
        assert!((1..=8).contains(&tries), "{case}: {tries} tries");
        for (arrived, _, end) in &world.ends {
            assert!(matches!(end, End::Answered(_)), "{case}: {end:?} at {arrived:?}");
        }
        let back = world.ends.iter().find(|(_, at, end)| *at >= UP && *end == End::Answered(0));
        let back = back.map(|(_, at, _)| at.since(UP)).unwrap();
        assert!(back <= 15_000, "{case}: used again after {back} ms");
    }
}

#[test]
fn a_minute_without_the_first_target_costs_eight_tries_and_no_request() {
    check(Mode::Fails(Failure::Unreachable, None));
    check(Mode::Fails(Failure::Transient, None));
    check(Mode::Fails(Failure::RateLimited, None));
    check(Mode::Fails(Failure::Malformed, None));
    check(Mode::Silent);
}

#[test]
fn a_target_alone_is_asked_whatever_its_gate_says() {
    let servers = vec![server(0, vec![(DOWN, UP, Mode::Fails(Failure::Unreachable, None))])];
    let mut world = World::new(servers, vec![account(0)], || 1);
    world.play((0..LONG_MS / 1_000).map(|number| Moment(number * 1_000)));
    let after = world.ends.iter().filter(|(arrived, ..)| *arrived >= UP);
    assert!(after.clone().count() > 50);
    assert!(after.clone().all(|(_, _, end)| *end == End::Answered(0)), "from the first moment on");
}

#[test]
fn what_comes_back_is_not_run_over() {
    let servers = vec![
        server(0, vec![(DOWN, UP, Mode::Fails(Failure::Unreachable, None))]),
        server(1, Vec::new()),
    ];
    let mut draw = 0_u64;
    let mut world = World::new(servers, vec![account(0), account(1)], move || {
        draw += 1;
        draw
    });
    world.play((0..LONG_MS / 20).map(|number| Moment(number * 20)));
    let back = world.ends.iter().find(|(_, at, end)| *at >= UP && *end == End::Answered(0));
    let back = back.map(|(_, at, _)| *at).unwrap();
    let share = |from: u64, until: u64| {
        let within = |at: &Moment| (back.after(from)..back.after(until)).contains(at);
        let here: Vec<_> = world.seen.iter().filter(|seen| within(&seen.at)).collect();
        here.iter().filter(|seen| seen.server == 0).count() as f64 / here.len() as f64
    };
    let steps = [share(0, 1_000), share(1_000, 2_000), share(2_000, 3_000), share(3_100, 10_000)];
    for (step, expect) in steps.iter().zip([0.125, 0.25, 0.5, 1.0]) {
        assert!((step - expect).abs() < 0.03, "{steps:?}");
    }
}
