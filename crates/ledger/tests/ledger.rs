//! The ledger through its public face: nothing is lost, nothing is doubled.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, time::Duration};

use decide::breaker::{Answer, AnswerRefusal, BreakerLimits, More};
use ledger::{
    AttemptEnd, BreakerRefusal, InsteadOf, Ledger, LedgerOptions, Opened, Order, PriceBook,
};
use store::{SpendDimension, SpendQuery, Store};
use terms::{
    breaker::{AgentName, Autonomy, BreakerState, ClientFamily, SessionId, SessionKey},
    dialect::Dialect,
    ids::{AttemptId, RequestId},
    model::Prices,
    money::{NanoUsd, PicoUsdPerToken},
    outcome::{Ending, Failure},
    time::Timestamp,
    usage::{Usage, UsageSource},
};

const NOON: Timestamp = Timestamp(1_795_262_400_000);

fn prices() -> PriceBook {
    let mut book = PriceBook::default();
    let prices = Prices {
        input: PicoUsdPerToken(1_000_000),
        output: PicoUsdPerToken(2_000_000),
        ..Prices::default()
    };
    book.set("vendor".into(), "model".into(), prices);
    book
}

async fn open(folder: &Path) -> (Opened, Store) {
    let store = Store::open(&folder.join("outlast.db")).await.unwrap();
    let options = LedgerOptions { journal: folder.join("journal"), now: || NOON };
    (Ledger::open(options, store.clone(), prices()).await.unwrap(), store)
}

fn order(number: u64) -> Order {
    Order {
        attempt: AttemptId { request: RequestId::from_parts(number, 1), ordinal: 1 },
        key: "ok_1".into(),
        principal: "ada".into(),
        team: "platform".into(),
        route: "model".into(),
        target: "vendor/model".into(),
        provider: "vendor".into(),
        model: "model".into(),
        dialect: Dialect::OpenaiChat,
        stream: false,
        estimated_in: 100,
        most_out: 1000,
        instead_of: None,
        session: None,
    }
}

fn answered(visible_out: u64) -> AttemptEnd {
    AttemptEnd {
        ending: Ending::Answered,
        usage: Usage { uncached_in: 10, visible_out, ..Usage::default() },
        source: UsageSource::Provider,
        first_token_ms: Some(7),
        total_ms: 9,
    }
}

/// Attempts, failed attempts and cost of everything in the store.
async fn totals(store: &Store) -> (u64, u64, NanoUsd) {
    let query = SpendQuery { by: vec![SpendDimension::Principal], since: None, until: None };
    let rows = store.spend(&query).await.unwrap();
    rows.first().map_or((0, 0, NanoUsd::ZERO), |row| (row.attempts, row.failed_attempts, row.cost))
}

#[tokio::test]
async fn a_settled_attempt_reaches_the_store_with_its_price() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, store) = open(folder.path()).await;
    let held = opened.ledger.hold(order(1)).unwrap();
    assert_eq!(held.settle(answered(5)), NanoUsd(10 * 1000 + 5 * 2000));
    opened.ingest.stop().await;
    assert_eq!(totals(&store).await, (1, 0, NanoUsd(20_000)));
}

#[tokio::test]
async fn an_attempt_that_died_with_its_process_is_booked_once_as_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    {
        let (opened, _store) = open(folder.path()).await;
        let held = opened.ledger.hold(order(1)).unwrap();
        // The process dies: nothing is settled, nothing is ingested.
        std::mem::forget(held);
        std::mem::forget(opened);
    }
    for (start, interrupted) in [(1, 1), (2, 0)] {
        let (opened, store) = open(folder.path()).await;
        assert_eq!(opened.interrupted, interrupted, "start {start}");
        opened.ingest.stop().await;
        assert_eq!(totals(&store).await, (1, 1, NanoUsd(100 * 1000)), "start {start}");
    }
}

#[tokio::test]
async fn what_was_settled_but_not_ingested_is_replayed_once() {
    let folder = tempfile::tempdir().unwrap();
    {
        let (opened, _store) = open(folder.path()).await;
        for number in 0..50 {
            opened.ledger.hold(order(number)).unwrap().settle(answered(1));
        }
        std::mem::forget(opened);
    }
    for _ in 0..2 {
        let (opened, store) = open(folder.path()).await;
        assert_eq!(opened.interrupted, 0);
        opened.ingest.stop().await;
        assert_eq!(totals(&store).await, (50, 0, NanoUsd(50 * 12_000)));
    }
}

#[tokio::test]
async fn a_held_attempt_that_is_dropped_settles_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, store) = open(folder.path()).await;
    drop(opened.ledger.hold(order(1)).unwrap());
    opened.ingest.stop().await;
    assert_eq!(totals(&store).await, (1, 1, NanoUsd(100 * 1000)));
}

#[tokio::test]
async fn a_students_answer_is_booked_with_what_its_teacher_would_have_cost() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, store) = open(folder.path()).await;
    let instead_of = Some(InsteadOf {
        provider: "vendor".into(),
        model: "model".into(),
        instruction_tokens: 90,
    });
    let by_student = |number| Order {
        provider: "students".into(),
        instead_of: instead_of.clone(),
        ..order(number)
    };
    opened.ledger.hold(by_student(1)).unwrap().settle(answered(5));
    let declined = AttemptEnd {
        ending: Ending::Failed(Failure::Declined),
        usage: Usage::default(),
        source: UsageSource::None,
        first_token_ms: None,
        total_ms: 0,
    };
    opened.ledger.hold(by_student(2)).unwrap().settle(declined);
    let avoided = NanoUsd((10 + 90) * 1000 + 5 * 2000);
    let snapshot = opened.ledger.activity().snapshot();
    let totals = &snapshot.students["model"];
    assert_eq!((totals.answered, totals.declined, totals.avoided), (1, 1, avoided));
    assert_eq!(snapshot.avoided_on_day(NOON.day()), avoided);
    opened.ingest.stop().await;
    let rows = store.spend(&SpendQuery::default()).await.unwrap();
    assert_eq!((rows[0].avoided_cost, rows[0].failed_attempts), (avoided, 0));
}

#[tokio::test]
async fn an_attempt_that_surely_cost_nothing_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, store) = open(folder.path()).await;
    let end = AttemptEnd {
        ending: Ending::Failed(Failure::Unreachable),
        usage: Usage::default(),
        source: UsageSource::None,
        first_token_ms: None,
        total_ms: 1,
    };
    assert_eq!(opened.ledger.hold(order(1)).unwrap().settle(end), NanoUsd::ZERO);
    opened.ingest.stop().await;
    assert_eq!(totals(&store).await, (1, 1, NanoUsd::ZERO));
}

#[tokio::test]
async fn the_live_view_counts_what_the_books_count() {
    let folder = tempfile::tempdir().unwrap();
    let (opened, _store) = open(folder.path()).await;
    let held = opened.ledger.hold(order(1)).unwrap();
    let in_flight = |opened: &Opened| {
        opened
            .ledger
            .activity()
            .snapshot()
            .targets
            .values()
            .map(|target| target.in_flight)
            .sum::<u64>()
    };
    assert_eq!(in_flight(&opened), 1);
    let cost = held.settle(answered(5));
    assert_eq!(in_flight(&opened), 0);
    let snapshot = opened.ledger.activity().snapshot();
    let bars = snapshot.bars_until(NOON, 60_000, 60);
    assert_eq!((bars.len(), bars[59].cost), (60, cost));
    assert_eq!(snapshot.last(NOON, 60_000).cost, cost);
    assert_eq!(snapshot.targets.values().next().unwrap().first_token_p50_ms(), Some(7));
}

/// 10 hours or 1,010,000 nano-dollars, which is what [`answered`] with 500 tokens costs.
const LIMITS: BreakerLimits =
    BreakerLimits(Autonomy { autonomous_ms: 36_000_000, cost: NanoUsd(1_010_000) });

fn session(principal: &str) -> SessionKey {
    let session = SessionId::parse("a-session-of-an-agent").unwrap();
    SessionKey { principal: principal.into(), client: ClientFamily::ClaudeCode, session }
}

/// A request of ada's session that one attempt answers, for 1,010,000 nano-dollars. Whether it passed.
fn ask(ledger: &std::sync::Arc<Ledger>, number: u64, human: bool) -> bool {
    let agent = AgentName::of("claude-cli/2.1.197");
    let Ok(key) = ledger.enter_session(session("ada"), &agent, human) else { return false };
    let held = ledger.hold(Order { session: Some(key), ..order(number) }).unwrap();
    held.settle(answered(500));
    true
}

fn state(ledger: &Ledger) -> (BreakerState, u64) {
    let board = ledger.breaker_board();
    (board.sessions[0].state, board.sessions[0].version)
}

#[tokio::test]
async fn a_session_past_its_cost_is_asked_about_once_and_still_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { ledger, ingest, .. }, store) = open(folder.path()).await;
    ledger.set_breaker_limits(LIMITS);
    assert!(ask(&ledger, 1, true));
    assert_eq!(state(&ledger), (BreakerState::Pinged, 1), "the cost of the first answer is enough");
    assert!(ask(&ledger, 2, false) && ask(&ledger, 3, false), "asking stops nobody");
    assert_eq!(state(&ledger), (BreakerState::Pinged, 1), "asked once");
    assert_eq!(ledger.sessions_asking(), 1);
    assert!(ask(&ledger, 4, true), "a human answers by speaking");
    let events: Vec<_> =
        ledger.breaker_board().events.iter().map(|event| event.change.name()).collect();
    assert_eq!(events, ["pinged", "human_spoke", "pinged"]);
    let elsewhere = ledger.enter_session(session("grace"), &AgentName::default(), false);
    assert!(elsewhere.is_ok(), "another principal's session of the same name is another one");
    assert_eq!(ledger.breaker_board().sessions.len(), 2);
    ingest.stop().await;
    assert_eq!(store.breaker_events(9).await.unwrap().len(), 3);
}

#[tokio::test]
async fn hours_on_its_own_are_counted_and_a_night_of_silence_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { ledger, ingest, .. }, _store) = open(folder.path()).await;
    let far = Autonomy { autonomous_ms: 36_000_000, cost: NanoUsd(i64::MAX) };
    ledger.set_breaker_limits(BreakerLimits(far));
    tokio::time::pause();
    ask(&ledger, 0, true);
    for number in 1..=40 {
        assert_eq!(state(&ledger).0, BreakerState::Closed, "after {number} quarters of an hour");
        tokio::time::advance(Duration::from_mins(15)).await;
        ask(&ledger, number, false);
    }
    assert_eq!(state(&ledger).0, BreakerState::Pinged, "ten hours");
    ask(&ledger, 100, true);
    tokio::time::advance(Duration::from_hours(11)).await;
    ask(&ledger, 101, false);
    assert_eq!(state(&ledger).0, BreakerState::Closed);
    assert_eq!(ledger.breaker_board().sessions[0].evidence.used.autonomous_ms, 0);
    tokio::time::resume();
    ingest.stop().await;
}

#[tokio::test]
async fn what_was_answered_holds_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (Opened { ledger, ingest, .. }, store) = open(folder.path()).await;
    ledger.set_breaker_limits(LIMITS);
    ask(&ledger, 1, true);
    let id = ledger.breaker_board().sessions[0].id.clone();
    ledger.answer_breaker(&id, Some(1), Answer::Stop, "admin").unwrap();
    assert!(!ask(&ledger, 2, false) && !ask(&ledger, 3, true), "whoever speaks in it");
    // The process dies before the journal reached the store.
    drop((ledger, ingest, store));

    let (Opened { ledger, ingest, .. }, store) = open(folder.path()).await;
    ledger.set_breaker_limits(LIMITS);
    let stopped = ledger.enter_session(session("ada"), &AgentName::default(), false).unwrap_err();
    assert_eq!((stopped.id.clone(), stopped.by.as_str()), (id.clone(), "admin"));
    assert_eq!(stopped.evidence.used.cost, NanoUsd(1_010_000));
    assert_eq!(ledger.activity().snapshot().refused, 1);
    let stale = ledger.answer_breaker(&id, Some(1), Answer::Confirm(More::default()), "admin");
    assert!(matches!(stale, Err(BreakerRefusal::Refused(AnswerRefusal::Stale))));
    let more = More { cost: Some(NanoUsd(2_000_000)), ..More::default() };
    ledger.answer_breaker(&id, Some(2), Answer::Confirm(more), "admin").unwrap();
    ingest.stop().await;
    drop((ledger, store));

    let (Opened { ledger, ingest, .. }, _store) = open(folder.path()).await;
    ledger.set_breaker_limits(LIMITS);
    assert_eq!(ledger.breaker_board().sessions[0].allowed.cost, NanoUsd(3_010_000));
    assert!(ask(&ledger, 4, false));
    assert_eq!(state(&ledger).0, BreakerState::Closed, "1,010,000 of 2,000,000 more");
    assert!(ask(&ledger, 5, false));
    assert_eq!(state(&ledger).0, BreakerState::Pinged, "2,020,000 of 2,000,000 more");
    let unknown = ledger.answer_breaker(&"br_nobody".into(), None, Answer::Stop, "admin");
    assert!(matches!(unknown, Err(BreakerRefusal::Unknown(_))));
    ingest.stop().await;
}
