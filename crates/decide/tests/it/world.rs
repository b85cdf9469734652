//! A world of simulated targets and the requests that go through the rules, event by event. Every
//! dispatch and every end is checked against what the house promises; a breach panics.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use decide::{
    attempt::{AttemptLimits, Attempts, Next, Planned, Stop},
    gate::{Admission, GateLimits},
    health::{Health, Spot, Visit},
    retry_budget::RetryBudgetLimits,
    route::{Candidate, Facts, Pass, SkipReason, route},
    spray::{self, Place},
};
use terms::{
    ids::{ProviderName, TargetName},
    outcome::Failure,
    time::Moment,
};

/// A server that is silent is left after this.
pub(crate) const FIRST_TOKEN_MS: u64 = 10_000;

/// What a target does to a request that reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Fails so, at once, and asks to stay away for so long.
    Fails(Failure, Option<u64>),
    /// Says nothing until it is well again.
    Silent,
}

/// A target with its faults; between them it is well.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) name: TargetName,
    pub(crate) provider: usize,
    pub(crate) weight: f64,
    /// From, until, what; not overlapping, in order.
    pub(crate) faults: Vec<(Moment, Moment, Mode)>,
    pub(crate) answer_ms: u64,
}

/// A provider with its keys, and from when on which of them is refused.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) name: ProviderName,
    pub(crate) keys: Vec<u64>,
    pub(crate) refused: Vec<Option<(Moment, Moment)>>,
}

/// One try as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) at: Moment,
    pub(crate) request: usize,
    pub(crate) server: usize,
    pub(crate) key: u8,
    pub(crate) was_probe: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives,
    Goes(usize),
    /// The first attempt of a request has taken as long as a second one beside it waits.
    Hedges(usize),
    Ends {
        request: usize,
        step: usize,
        key: u8,
        answered: bool,
        failure: usize,
        asked: u64,
    },
}

#[derive(Debug)]
struct Request {
    arrived: Moment,
    /// Servers by step.
    plan: Vec<usize>,
    attempts: Attempts,
    failed: Vec<(usize, Failure)>,
    refused: bool,
    /// Sends to a provider again that its budget has granted and that were not made yet.
    granted: u32,
    passed_over: Vec<usize>,
    /// Under way: the step, the key, and when it was sent.
    open: Vec<(usize, u8, Moment)>,
    end: Option<End>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Answered(usize),
    Stopped(Stop),
}

pub(crate) struct World {
    pub(crate) servers: Vec<Server>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) limits: AttemptLimits,
    pub(crate) budgets: RetryBudgetLimits,
    pub(crate) sprayed: bool,
    /// Milliseconds after which a first attempt gets a second one beside it.
    pub(crate) hedge_ms: Option<u64>,
    /// Second attempts that went out.
    pub(crate) hedged: u64,
    pub(crate) health: Health,
    pub(crate) seen: Vec<Seen>,
    pub(crate) ends: Vec<(Moment, Moment, End)>,
    lease_ms: u64,
    events: BinaryHeap<Reverse<(Moment, u64, Event)>>,
    order: u64,
    draws: Box<dyn FnMut() -> u64>,
    requests: Vec<Request>,
    /// Of each provider: when a request asked it first, and when one asked it again.
    asked: Vec<(Vec<Moment>, Vec<Moment>)>,
    /// The probe in flight of each server.
    probes: HashMap<usize, Moment>,
}

impl World {
    pub(crate) fn new(
        servers: Vec<Server>,
        accounts: Vec<Account>,
        draws: impl FnMut() -> u64 + 'static,
    ) -> Self {
        let gates = GateLimits::default();
        let budgets = RetryBudgetLimits::default();
        Self {
            asked: vec![Default::default(); accounts.len()],
            servers,
            accounts,
            limits: AttemptLimits::default(),
            budgets,
            sprayed: false,
            hedge_ms: None,
            hedged: 0,
            health: Health::new(gates, budgets),
            seen: Vec::new(),
            ends: Vec::new(),
            lease_ms: gates.probe_lease_ms,
            events: BinaryHeap::new(),
            order: 0,
            draws: Box::new(draws),
            requests: Vec::new(),
            probes: HashMap::new(),
        }
    }

    /// Requests arrive at these moments; everything is played to its end.
    pub(crate) fn play(&mut self, arrivals: impl IntoIterator<Item = Moment>) {
        for at in arrivals {
            self.later(at, Event::Arrives);
        }
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            match event {
                Event::Arrives => self.arrives(now),
                Event::Goes(request) => self.goes(request, now),
                Event::Hedges(request) => self.hedges(request, now),
                Event::Ends { request, step, key, answered, failure, asked } => {
                    let asked = (asked > 0).then_some(asked);
                    let failure = (!answered).then(|| Failure::ALL[failure]);
                    self.came_back(request, step, key, failure, asked, now);
                }
            }
        }
        assert_eq!(self.ends.len(), self.requests.len(), "every request ends, and once");
        let ended = self.requests.iter().filter(|request| request.end.is_some()).count();
        assert_eq!(ended, self.requests.len());
    }

    fn later(&mut self, at: Moment, event: Event) {
        self.order += 1;
        self.events.push(Reverse((at, self.order, event)));
    }

    fn arrives(&mut self, now: Moment) {
        let draw = (self.draws)();
        let mut servers: Vec<usize> = (0..self.servers.len()).collect();
        if self.sprayed {
            let place = |server: &Server| Place {
                id: spray::hash(server.name.as_str().as_bytes()),
                weight: server.weight,
            };
            let places: Vec<Place> = self.servers.iter().map(place).collect();
            servers = spray::order(&places, draw);
        }
        let candidates: Vec<Candidate<'_>> = servers
            .iter()
            .map(|server| {
                let (admission, failure) = self.health.admission(&self.spot(*server), now);
                let target = &self.servers[*server].name;
                Candidate { target, model: None, admission, failure, is_degraded: false }
            })
            .collect();
        let facts = Facts { draw, ..Facts::default() };
        let plan = route(&facts, &candidates);
        assert_eq!(plan.steps.len(), candidates.len(), "nobody is left out: all are fit");
        let open = |step: &&decide::route::Step| step.pass == Pass::Open;
        let first_shut = plan.steps.iter().position(|step| step.pass == Pass::LastResort);
        let last_open = plan.steps.iter().rposition(|step| open(&step));
        assert!(first_shut.is_none_or(|shut| last_open.is_none_or(|open| open < shut)));
        let skipped: Vec<_> = plan
            .skips
            .iter()
            .map(|(candidate, reason)| (candidates[*candidate].target.clone(), *reason))
            .collect();
        let steps: Vec<usize> = plan.steps.iter().map(|step| servers[step.candidate]).collect();
        let planned = steps
            .iter()
            .map(|server| Planned {
                provider: self.servers[*server].provider,
                context_window: 0,
                keys: self.health.keys(&self.spot(*server), draw, now),
            })
            .collect();
        for (target, reason) in skipped {
            self.health.skipped(&target, reason);
        }
        self.requests.push(Request {
            arrived: now,
            plan: steps,
            attempts: Attempts::new(planned, self.limits, now),
            failed: Vec::new(),
            refused: false,
            granted: 0,
            passed_over: Vec::new(),
            open: Vec::new(),
            end: None,
        });
        self.goes(self.requests.len() - 1, now);
    }

    fn goes(&mut self, request: usize, now: Moment) {
        assert!(
            self.requests[request].open.is_empty(),
            "nothing is decided while one is under way"
        );
        loop {
            match self.requests[request].attempts.next(now) {
                Next::Wait(ms) => return self.later(now.after(ms), Event::Goes(request)),
                Next::Stop(stop) => return self.ended(request, End::Stopped(stop), now),
                Next::Send { step, key, ordinal } => {
                    assert!(ordinal <= self.limits.attempts);
                    if self.overtaken(request, step, now) {
                        continue;
                    }
                    self.sends(request, step, key, now);
                    if let Some(ms) = self.hedge_ms.filter(|_| ordinal == 1) {
                        self.later(now.after(ms), Event::Hedges(request));
                    }
                    return;
                }
            }
        }
    }

    /// A second attempt beside a first that is still under way.
    fn hedges(&mut self, request: usize, now: Moment) {
        let this = &self.requests[request];
        let [(first, _, _)] = this.open[..] else { return };
        if this.end.is_some() || this.attempts.made() != 1 {
            return;
        }
        let open =
            |server: &usize| self.health.admission(&self.spot(*server), now).0 == Admission::Open;
        let open: Vec<bool> = this.plan.iter().map(open).collect();
        let hedged = self.requests[request].attempts.hedge(first, |step| open[step], now);
        let Some((step, key, ordinal)) = hedged else { return };
        let provider = |step: usize| self.servers[self.requests[request].plan[step]].provider;
        assert!(ordinal == 2 && provider(step) != provider(first), "another provider's");
        self.hedged += 1;
        self.sends(request, step, key, now);
    }

    /// The gate has shut since the plan was made, and another is open.
    fn overtaken(&mut self, request: usize, step: usize, now: Moment) -> bool {
        let server = self.requests[request].plan[step];
        let admission = |world: &Self, server| world.health.admission(&world.spot(server), now).0;
        if !matches!(admission(self, server), Admission::Shut { .. }) {
            return false;
        }
        let open: Vec<bool> = self.requests[request]
            .plan
            .iter()
            .map(|server| admission(self, *server).is_open())
            .collect();
        let Self { requests, health, accounts, asked, budgets, .. } = self;
        let mut granted = 0;
        let passed = requests[request].attempts.pass_over(
            step,
            |other| open[other],
            |provider| {
                let grants = resend(health, accounts, asked, budgets, provider, now);
                granted += u32::from(grants);
                grants
            },
        );
        requests[request].granted += granted;
        self.count_refusals(request);
        if passed {
            self.requests[request].passed_over.push(server);
            let name = self.servers[server].name.clone();
            self.health.skipped(&name, SkipReason::Overtaken);
        } else {
            self.no_open_one_is_left(request, server, &open);
        }
        passed
    }

    /// A shut gate is about to be tried: then no target is open that this request may still ask.
    fn no_open_one_is_left(&self, request: usize, server: usize, open: &[bool]) {
        let this = &self.requests[request];
        for (other, _) in this.plan.iter().zip(open).filter(|(_, open)| **open) {
            let provider = self.servers[*other].provider;
            let tried = |failed: &&(usize, Failure)| failed.0 == *other;
            let unreachable = this.failed.iter().any(|(failed, failure)| {
                *failure == Failure::Unreachable && self.servers[*failed].provider == provider
            });
            let keyless = this.failed.iter().any(|(failed, failure)| {
                *failure == Failure::CredentialDead && self.servers[*failed].provider == provider
            });
            assert!(
                *other == server
                    || this.failed.iter().any(|failed| tried(&failed))
                    || unreachable
                    || keyless
                    || this.refused
                    || this.attempts.made() > self.limits.attempts
                    || this.passed_over.contains(other),
                "{server} is tried though it is shut, while {other} is open: {this:?}",
            );
        }
    }

    fn sends(&mut self, request: usize, step: usize, key: u8, now: Moment) {
        let this = &self.requests[request];
        let server = this.plan[step];
        assert!(now.since(this.arrived) < self.limits.deadline_ms, "nothing after the deadline");
        let earlier = self.seen.iter().rev().filter(|seen| seen.request == request);
        let (mut all, mut here, mut again) = (1, 1, false);
        for seen in earlier {
            all += 1;
            again |= self.servers[seen.server].provider == self.servers[server].provider;
            here += u8::from(seen.server == server && seen.key == key);
        }
        assert_eq!(again, this.attempts.is_resend(step));
        assert!(here <= self.limits.tries_per_target, "{here} tries of one target");
        assert!(all <= self.limits.attempts, "{all} tries in all");
        let admission = self.health.admission(&self.spot(server), now).0;
        let was_probe = admission == Admission::Probe;
        // Each of several keys has a probe of its own.
        if was_probe && self.spot(server).keys.len() < 2 {
            let since = self.probes.insert(server, now);
            let lost = |since: Moment| now.since(since) >= self.lease_ms;
            assert!(since.is_none_or(lost), "two probes at once");
        }
        let provider = self.servers[server].provider;
        if again {
            let this = &mut self.requests[request];
            assert!(this.granted > 0, "sent again without the budget's leave");
            this.granted -= 1;
        } else {
            self.asked[provider].0.push(now);
        }
        let spot = spot(&self.servers, &self.accounts, server);
        self.health.dispatched(&Visit { spot, key, began: now }, again);
        self.requests[request].open.push((step, key, now));
        self.seen.push(Seen { at: now, request, server, key, was_probe });
        let (failure, asked, at) = self.answers(server, key, now);
        let answered = failure.is_none();
        let failure = failure
            .map_or(0, |failure| Failure::ALL.iter().position(|other| *other == failure).unwrap());
        let asked = asked.unwrap_or(0);
        self.later(at, Event::Ends { request, step, key, answered, failure, asked });
    }

    /// What a server does with a request that reaches it now, and when.
    fn answers(
        &self,
        server: usize,
        key: u8,
        now: Moment,
    ) -> (Option<Failure>, Option<u64>, Moment) {
        let Server { faults, answer_ms, provider, .. } = &self.servers[server];
        let within = |from: &Moment, until: &Moment| *from <= now && now < *until;
        let refused = self.accounts[*provider].refused.get(usize::from(key)).copied().flatten();
        if refused.is_some_and(|(from, until)| within(&from, &until)) {
            return (Some(Failure::CredentialDead), None, now.after(5));
        }
        match faults.iter().find(|(from, until, _)| within(from, until)) {
            None => (None, None, now.after(*answer_ms)),
            Some((_, _, Mode::Fails(failure, asked))) => (Some(*failure), *asked, now.after(5)),
            Some((_, until, Mode::Silent)) if until.since(now) < FIRST_TOKEN_MS => {
                (None, None, until.after(*answer_ms))
            }
            Some((_, _, Mode::Silent)) => {
                (Some(Failure::TimedOut), None, now.after(FIRST_TOKEN_MS))
            }
        }
    }

    fn came_back(
        &mut self,
        request: usize,
        step: usize,
        key: u8,
        failure: Option<Failure>,
        asked_ms: Option<u64>,
        now: Moment,
    ) {
        let open = &mut self.requests[request].open;
        let at = open.iter().position(|(other, with, _)| (*other, *with) == (step, key));
        // It was left because another one had answered.
        let Some(at) = at else { return };
        open.remove(at);
        let server = self.requests[request].plan[step];
        let here =
            |seen: &&Seen| seen.request == request && seen.server == server && seen.key == key;
        let sent = *self.seen.iter().rev().find(here).unwrap();
        if sent.was_probe && self.probes.get(&server) == Some(&sent.at) {
            self.probes.remove(&server);
        }
        let spot = spot(&self.servers, &self.accounts, server);
        let visit = Visit { spot, key, began: sent.at };
        let away = matches!(failure, Some(Failure::Unreachable | Failure::CredentialDead));
        if !away {
            // Its provider is open: the next probe of it is another story.
            let provider = self.servers[server].provider;
            self.probes.retain(|other, _| {
                self.servers[*other].provider != provider || (*other == server && failure.is_some())
            });
        }
        let Some(failure) = failure else {
            self.health.succeeded(&visit, now);
            self.leave_the_other(request);
            return self.ended(request, End::Answered(server), now);
        };
        let learned = self.health.failed(&visit, failure, asked_ms, now);
        let Self { requests, health, accounts, asked, budgets, .. } = self;
        let this = &mut requests[request];
        this.failed.push((server, failure));
        let mut granted = 0;
        this.attempts.failed(step, failure, asked_ms, learned.lone, now, |provider| {
            let grants = resend(health, accounts, asked, budgets, provider, now);
            granted += u32::from(grants);
            grants
        });
        this.granted += granted;
        let is_open = !this.open.is_empty();
        assert!(!is_open || granted == 0, "decided on while another attempt is under way");
        self.count_refusals(request);
        if !is_open {
            self.goes(request, now);
        }
    }

    /// One of two attempts answers: the other is cancelled, and tells nothing of its target.
    fn leave_the_other(&mut self, request: usize) {
        for (step, key, began) in std::mem::take(&mut self.requests[request].open) {
            let server = self.requests[request].plan[step];
            self.requests[request].attempts.left(step);
            if self.probes.get(&server) == Some(&began) {
                self.probes.remove(&server);
            }
            let spot = spot(&self.servers, &self.accounts, server);
            self.health.inconclusive(&Visit { spot, key, began });
        }
    }

    fn count_refusals(&mut self, request: usize) {
        let this = &mut self.requests[request];
        for refused in this.attempts.take_refused() {
            this.refused = true;
            self.health.skipped(&self.servers[this.plan[refused]].name, SkipReason::RetryBudget);
        }
    }

    fn ended(&mut self, request: usize, end: End, now: Moment) {
        let this = &mut self.requests[request];
        assert!(this.open.is_empty(), "an attempt is under way: {this:?}");
        assert_eq!(this.end.replace(end), None, "one answer");
        let this = &self.requests[request];
        if let End::Stopped(stop) = end {
            let lucky = (0..self.servers.len()).find(|server| self.was_well(*server, request, now));
            let is_callers = matches!(stop, Stop::Final(_));
            assert!(
                is_callers || this.refused || lucky.is_none(),
                "{stop:?} after {:?} although {:?} was well",
                this.failed,
                lucky,
            );
        }
        if matches!(end, End::Stopped(Stop::Exhausted(_)))
            && this.attempts.made() < self.limits.attempts
            && !this.refused
        {
            self.nobody_is_left(request);
        }
        self.ends.push((this.arrived, now, end));
    }

    /// A request is given up with attempts to spare: then every target was asked, or its provider could
    /// not be reached, or took no key.
    fn nobody_is_left(&self, request: usize) {
        let this = &self.requests[request];
        for server in &this.plan {
            let asked = self.seen.iter().any(|s| s.request == request && s.server == *server);
            let is_out = this.failed.iter().any(|(failed, failure)| {
                matches!(failure, Failure::Unreachable | Failure::CredentialDead)
                    && self.servers[*failed].provider == self.servers[*server].provider
            });
            assert!(asked || is_out, "{server} was not asked: {this:?}");
        }
    }

    /// Whether a server was well for as long as a request lived, with all its keys, and in reach of its
    /// attempts.
    fn was_well(&self, server: usize, request: usize, now: Moment) -> bool {
        let from = self.requests[request].arrived;
        let Server { faults, provider, .. } = &self.servers[server];
        let apart = |start: &Moment, end: &Moment| *end <= from || now < *start;
        let calm = faults.iter().all(|(start, end, _)| apart(start, end));
        let mut refusals = self.accounts[*provider].refused.iter().flatten();
        let sibling_down = self.requests[request].failed.iter().any(|(failed, failure)| {
            *failure == Failure::Unreachable && self.servers[*failed].provider == *provider
        });
        calm && refusals.all(|(start, end)| apart(start, end))
            && !sibling_down
            && self.servers.len() <= usize::from(self.limits.attempts)
            && now.since(from) < self.limits.deadline_ms
    }

    fn spot(&self, server: usize) -> Spot<'_> {
        spot(&self.servers, &self.accounts, server)
    }
}

fn spot<'w>(servers: &'w [Server], accounts: &'w [Account], server: usize) -> Spot<'w> {
    let Server { name, provider, .. } = &servers[server];
    let Account { name: provider, keys, .. } = &accounts[*provider];
    Spot { target: name, provider, keys }
}

/// Withdraws from a provider's budget, and checks that no window has more of it than it may.
fn resend(
    health: &mut Health,
    accounts: &[Account],
    asked: &mut [(Vec<Moment>, Vec<Moment>)],
    budgets: &RetryBudgetLimits,
    provider: usize,
    now: Moment,
) -> bool {
    let granted = health.resend(&accounts[provider].name, now);
    if granted {
        let (first, again) = &mut asked[provider];
        again.push(now);
        // The budget forgets in tenths of its window.
        let lately = |moments: &[Moment], ms| {
            moments.iter().rev().take_while(|at| now.since(**at) < ms).count() as u64
        };
        let resends = lately(again, budgets.window_ms * 9 / 10);
        let allowed = u64::from(budgets.floor)
            + lately(first, budgets.window_ms) * u64::from(budgets.percent) / 100;
        assert!(resends <= allowed, "{resends} sent again where {allowed} are allowed");
    }
    granted
}
