//! Ten thousand seeds of random faults. `SEED=n cargo test -p decide --test it storm` replays one.

use decide::attempt::AttemptLimits;
use terms::{outcome::Failure, time::Moment};

use crate::world::{Account, End, Mode, Server, World};

const SEEDS: u64 = 10_000;

/// `splitmix64`.
#[derive(Debug, Clone, Copy)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// What can befall a target; a credential's death is its account's.
fn mode(random: &mut Random) -> Mode {
    let asked = match random.below(4) {
        0 => Some(random.below(2_500) + 1),
        1 => Some(random.below(60_000) + 1),
        _ => None,
    };
    match random.below(9) {
        0 | 1 => Mode::Fails(Failure::Transient, asked.filter(|_| random.below(3) == 0)),
        2 | 3 => Mode::Fails(Failure::RateLimited, asked),
        4 => Mode::Fails(Failure::Malformed, None),
        5 => Mode::Fails(Failure::ModelGone, None),
        6 => Mode::Fails(Failure::Declined, None),
        7 => Mode::Fails(Failure::Cut, None),
        _ => Mode::Silent,
    }
}

fn faults(random: &mut Random) -> Vec<(Moment, Moment, Mode)> {
    let mut at = random.below(20_000);
    let mut faults = Vec::new();
    for _ in 0..random.below(4) {
        let until = at + 1 + random.below(30_000);
        faults.push((Moment(at), Moment(until), mode(random)));
        at = until + random.below(30_000);
    }
    faults
}

/// Faults that two targets of one provider have together: it cannot be reached.
fn unreachable(random: &mut Random) -> Option<(Moment, Moment)> {
    let from = random.below(60_000);
    (random.below(4) == 0).then(|| (Moment(from), Moment(from + 1 + random.below(30_000))))
}

fn world(seed: u64) -> (World, Vec<Moment>) {
    let mut random = Random(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let random = &mut random;
    let accounts: Vec<Account> = (0..=random.below(3))
        .map(|number| {
            let keys: Vec<u64> = (0..random.below(4)).map(|key| number * 100 + key).collect();
            let refused = keys
                .iter()
                .map(|_| {
                    let from = random.below(50_000);
                    let until = from + 1 + random.below(40_000);
                    (random.below(6) == 0).then_some((Moment(from), Moment(until)))
                })
                .collect();
            Account { name: format!("p{number}").into(), keys, refused }
        })
        .collect();
    let gone: Vec<_> = accounts.iter().map(|_| unreachable(random)).collect();
    let servers = (0..=random.below(5))
        .map(|number| {
            let provider = usize::try_from(random.below(accounts.len() as u64)).unwrap();
            let faults = match gone[provider] {
                Some((from, until)) => {
                    vec![(from, until, Mode::Fails(Failure::Unreachable, None))]
                }
                None => faults(random),
            };
            Server {
                name: format!("p{provider}/m{number}").into(),
                provider,
                weight: random.below(5) as f64 + 1.0,
                faults,
                answer_ms: 20 + random.below(4_000),
            }
        })
        .collect();
    let spacing = [20, 200, 2_000, 4_000][usize::try_from(random.below(4)).unwrap()];
    let count = 10 + random.below(30);
    let mut now = random.below(30_000);
    let arrivals: Vec<Moment> = (0..count)
        .map(|_| {
            now += random.below(2 * spacing);
            Moment(now)
        })
        .collect();
    let mut draws = Random(random.next());
    let sessions = 1 + random.below(20);
    let sprayed = random.below(2) == 0;
    let deadline_ms = if random.below(5) == 0 { 5_000 } else { 600_000 };
    let mut world = World::new(servers, accounts, move || Random(draws.below(sessions)).next());
    world.sprayed = sprayed;
    world.hedge_ms = (random.below(2) == 0).then(|| 1 + random.below(3_000));
    world.limits = AttemptLimits { deadline_ms, ..AttemptLimits::default() };
    (world, arrivals)
}

#[test]
fn no_schedule_of_faults_breaks_what_the_house_promises() {
    let replayed = option_env!("SEED").and_then(|seed| seed.parse::<u64>().ok());
    let seeds = replayed.map_or(0..SEEDS, |seed| seed..seed + 1);
    let (mut answered, mut rescued, mut stopped, mut hedged) = (0_u64, 0_u64, 0_u64, 0_u64);
    for seed in seeds.clone() {
        let played = std::panic::catch_unwind(|| {
            let (mut world, arrivals) = world(seed);
            world.play(arrivals);
            let tries = world.seen.len();
            (world.ends, tries, world.hedged)
        });
        let Ok((ends, tries, beside)) = played else {
            panic!("seed {seed} breaks a promise; replay it with SEED={seed}");
        };
        let whole = ends.iter().filter(|(_, _, end)| matches!(end, End::Answered(_))).count();
        answered += whole as u64;
        stopped += (ends.len() - whole) as u64;
        hedged += beside;
        rescued += tries.saturating_sub(ends.len()) as u64;
    }
    if replayed.is_none() {
        // A simulation in which nothing happens would prove nothing.
        assert!(
            answered > 100_000 && rescued > 10_000 && stopped > 1_000 && hedged > 10_000,
            "{answered} {rescued} {stopped} {hedged}"
        );
    }
}
