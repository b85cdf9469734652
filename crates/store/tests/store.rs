//! The store through its public face: what is put in comes out, once, also after a restart.

use std::time::{Duration, Instant};

use store::{
    AttemptRow, IngestReport, KeyRow, ReplyRow, SpendDimension, SpendQuery, Store, StoreError,
};
use terms::{
    breaker::{
        AgentName, Autonomy, BreakerChange, BreakerEvent, BreakerId, BreakerState, ClientFamily,
        Evidence, SessionId, SessionKey,
    },
    dialect::Dialect,
    event::{Entry, Hold, JournalPosition, Settlement},
    ids::{AttemptId, RequestId},
    incident::{CanaryOutcome, CanaryRun, Cause, Closed, Comparison, Incident, Level, Sign},
    money::NanoUsd,
    outcome::{Ending, Failure},
    time::Timestamp,
    trace::{Happening, Step, Trace},
    usage::{Usage, UsageSource},
};

/// 2026-11-20 in UTC, 23:59:00.
const EVENING: i64 = 1_795_219_140_000;
const MINUTE_MS: i64 = 60_000;

fn request(number: u32) -> RequestId {
    RequestId::from_parts(EVENING.unsigned_abs(), u128::from(number))
}

fn hold(number: u32, ordinal: u8) -> Hold {
    Hold {
        attempt: AttemptId { request: request(number), ordinal },
        at: Timestamp(EVENING + i64::from(number) * MINUTE_MS),
        key: "ok_abcdefghijkl".into(),
        principal: if number.is_multiple_of(2) { "ada".into() } else { "grace".into() },
        team: "platform".into(),
        route: "claude-fable-5".into(),
        target: if ordinal == 1 {
            "anthropic/claude-fable-5".into()
        } else {
            "openai/gpt-5.5".into()
        },
        provider: if ordinal == 1 { "anthropic".into() } else { "openai".into() },
        model: if ordinal == 1 { "claude-fable-5".into() } else { "gpt-5.5".into() },
        dialect: Dialect::AnthropicMessages,
        stream: true,
        estimated_in: 900,
        ceiling: NanoUsd(5_000_000),
    }
}

fn settlement(number: u32, ordinal: u8, cost: i64) -> Settlement {
    Settlement {
        attempt: AttemptId { request: request(number), ordinal },
        at: Timestamp(EVENING + i64::from(number) * MINUTE_MS + 1_200),
        ending: Ending::Answered,
        usage: Usage {
            uncached_in: 800,
            cache_read: 100,
            cache_write_5m: 20,
            cache_write_1h: 3,
            visible_out: 50,
            reasoning_out: 7,
        },
        source: UsageSource::Provider,
        cost: NanoUsd(cost),
        avoided: None,
        price_version: "2026-11-20".to_owned(),
        first_token_ms: Some(310),
        total_ms: 1_200,
    }
}

fn failed(number: u32, ordinal: u8, cost: i64) -> Settlement {
    Settlement {
        ending: Ending::Failed(Failure::Cut),
        source: UsageSource::Estimated,
        first_token_ms: None,
        price_version: "assumed".to_owned(),
        ..settlement(number, ordinal, cost)
    }
}

fn at(segment: u64, offset: u64) -> JournalPosition {
    JournalPosition { segment, offset }
}

/// Three requests: ada's first is cut and rescued, grace's is answered, ada's second is running.
fn sample() -> Vec<Entry> {
    vec![
        Entry::Hold(hold(0, 1)),
        Entry::Settlement(failed(0, 1, 400)),
        Entry::Hold(hold(0, 2)),
        Entry::Hold(hold(1, 1)),
        Entry::Settlement(settlement(0, 2, 3_000)),
        Entry::Settlement(settlement(1, 1, 2_000)),
        Entry::Hold(hold(2, 1)),
    ]
}

async fn with_sample() -> Store {
    let store = Store::in_memory().await.expect("a store in memory opens");
    store.ingest(&sample(), at(1, 700)).await.expect("the sample is well formed");
    store
}

#[tokio::test]
async fn attempts_come_back_as_they_were_held_and_settled() {
    let store = with_sample().await;
    let rows = store.attempts_of(request(0)).await.unwrap();
    let expected = vec![
        AttemptRow { hold: hold(0, 1), settlement: Some(failed(0, 1, 400)) },
        AttemptRow { hold: hold(0, 2), settlement: Some(settlement(0, 2, 3_000)) },
    ];
    assert_eq!(rows, expected);
    assert_eq!(store.attempts_of(request(9)).await.unwrap(), vec![]);
    assert_eq!(store.pending_attempts().await.unwrap(), vec![hold(2, 1)]);
}

#[tokio::test]
async fn taking_in_a_batch_twice_is_taking_it_in_once() {
    let store = Store::in_memory().await.unwrap();
    let first = store.ingest(&sample(), at(1, 700)).await.unwrap();
    assert_eq!(first, IngestReport { held: 4, settled: 3, orphaned: 0 });
    let before = store.spend(&SpendQuery::default()).await.unwrap();

    let again = store.ingest(&sample(), at(1, 700)).await.unwrap();
    assert_eq!(again, IngestReport::default());
    assert_eq!(store.spend(&SpendQuery::default()).await.unwrap(), before);
}

#[tokio::test]
async fn a_second_settlement_does_not_replace_the_first() {
    let store = with_sample().await;
    let second = [Entry::Settlement(settlement(1, 1, 999_999))];
    assert_eq!(store.ingest(&second, at(1, 800)).await.unwrap(), IngestReport::default());
    let rows = store.attempts_of(request(1)).await.unwrap();
    assert_eq!(rows[0].settlement, Some(settlement(1, 1, 2_000)));
}

#[tokio::test]
async fn a_replay_from_any_earlier_place_gives_the_same_state() {
    let entries = sample();
    let whole = with_sample().await;
    let expected = whole.spend(&SpendQuery::default()).await.unwrap();
    for split in 0..=entries.len() {
        let store = Store::in_memory().await.unwrap();
        store.ingest(&entries[..split], at(1, 1)).await.unwrap();
        store.ingest(&entries[split / 2..], at(1, 700)).await.unwrap();
        assert_eq!(store.spend(&SpendQuery::default()).await.unwrap(), expected, "{split}");
        assert_eq!(store.pending_attempts().await.unwrap(), vec![hold(2, 1)], "{split}");
    }
}

#[tokio::test]
async fn a_settlement_without_its_hold_is_put_aside_and_counted_once() {
    let store = with_sample().await;
    let stray = [Entry::Settlement(settlement(77, 1, 123))];
    let report = store.ingest(&stray, at(2, 0)).await.unwrap();
    assert_eq!(report, IngestReport { orphaned: 1, ..IngestReport::default() });
    let again = store.ingest(&stray, at(2, 0)).await.unwrap();
    assert_eq!(again, IngestReport::default());
    assert_eq!(store.attempts_of(request(77)).await.unwrap(), vec![]);
}

#[tokio::test]
async fn a_batch_that_cannot_be_stored_changes_nothing() {
    let store = with_sample().await;
    let mut impossible = settlement(2, 1, 5);
    impossible.usage.uncached_in = u64::MAX;
    let batch = [Entry::Hold(hold(3, 1)), Entry::Settlement(impossible)];
    let refused = store.ingest(&batch, at(9, 9)).await;
    assert!(matches!(refused, Err(StoreError::TooLarge(_))), "{refused:?}");
    assert_eq!(store.journal_position().await.unwrap(), Some(at(1, 700)));
    assert_eq!(store.attempts_of(request(3)).await.unwrap(), vec![]);
}

#[tokio::test]
async fn spend_is_summed_by_what_is_asked_for() {
    let store = with_sample().await;
    let query = SpendQuery { by: vec![SpendDimension::Principal], ..SpendQuery::default() };
    let rows = store.spend(&query).await.unwrap();

    let ada = &rows[0];
    assert_eq!(ada.labels, ["ada"]);
    assert_eq!((ada.requests, ada.attempts, ada.failed_attempts), (2, 3, 1));
    assert_eq!((ada.cost, ada.estimated_cost), (NanoUsd(3_400), NanoUsd(400)));
    assert_eq!(ada.assumed_cost, NanoUsd(400));
    assert_eq!((ada.usage.input(), ada.usage.output()), (2 * 923, 2 * 57));

    let grace = &rows[1];
    assert_eq!(grace.labels, ["grace"]);
    assert_eq!((grace.requests, grace.attempts, grace.failed_attempts), (1, 1, 0));
    assert_eq!((grace.cost, grace.estimated_cost), (NanoUsd(2_000), NanoUsd(0)));
    assert_eq!(grace.assumed_cost, NanoUsd(0));
}

#[tokio::test]
async fn spend_over_everything_is_one_row_even_when_there_is_nothing() {
    let store = Store::in_memory().await.unwrap();
    let rows = store.spend(&SpendQuery::default()).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].attempts, rows[0].cost), (0, NanoUsd::ZERO));
}

#[tokio::test]
async fn a_day_is_a_day_in_utc_and_limits_are_half_open() {
    let store = with_sample().await;
    let by_day = SpendQuery {
        by: vec![SpendDimension::Day, SpendDimension::Model],
        ..SpendQuery::default()
    };
    let labels: Vec<_> =
        store.spend(&by_day).await.unwrap().into_iter().map(|row| row.labels).collect();
    let expected = [
        ["2026-11-20", "gpt-5.5"],
        ["2026-11-20", "claude-fable-5"],
        ["2026-11-21", "claude-fable-5"],
    ];
    assert_eq!(labels, expected);

    let second_minute = SpendQuery {
        since: Some(Timestamp(EVENING + MINUTE_MS)),
        until: Some(Timestamp(EVENING + 2 * MINUTE_MS)),
        ..SpendQuery::default()
    };
    assert_eq!(store.spend(&second_minute).await.unwrap()[0].attempts, 1);
}

#[tokio::test]
async fn every_dimension_is_found_by_its_name_and_can_be_asked_for() {
    let store = with_sample().await;
    for dimension in SpendDimension::ALL {
        assert_eq!(SpendDimension::from_name(dimension.name()), Some(*dimension));
        let query = SpendQuery { by: vec![*dimension], ..SpendQuery::default() };
        let rows = store.spend(&query).await.unwrap();
        let attempts: u64 = rows.iter().map(|row| row.attempts).sum();
        assert_eq!(attempts, 4, "{}", dimension.name());
    }
}

fn key(id: &str) -> KeyRow {
    KeyRow {
        id: id.into(),
        name: "laptop".to_owned(),
        principal: "ada".into(),
        team: "platform".into(),
        secret_hash: [7; 32],
        created_at: Timestamp(EVENING),
        disabled_at: None,
    }
}

#[tokio::test]
async fn a_key_is_kept_once_and_disabled_once() {
    let store = Store::in_memory().await.unwrap();
    let laptop = key("ok_aaaaaaaaaaaa");
    store.insert_key(&laptop).await.unwrap();
    let taken = store.insert_key(&laptop).await;
    assert!(matches!(taken, Err(StoreError::KeyExists(_))), "{taken:?}");
    assert_eq!(store.keys().await.unwrap(), vec![laptop.clone()]);

    assert!(store.disable_key(&laptop.id, Timestamp(5)).await.unwrap());
    assert!(!store.disable_key(&laptop.id, Timestamp(6)).await.unwrap());
    assert!(!store.disable_key(&"ok_nobody".into(), Timestamp(6)).await.unwrap());
    assert_eq!(store.keys().await.unwrap()[0].disabled_at, Some(Timestamp(5)));
}

#[tokio::test]
async fn a_setting_is_replaced_or_kept_as_asked() {
    let store = Store::in_memory().await.unwrap();
    assert_eq!(store.setting("pepper").await.unwrap(), None);
    assert_eq!(store.put_setting_if_absent("pepper", b"first").await.unwrap(), b"first");
    assert_eq!(store.put_setting_if_absent("pepper", b"second").await.unwrap(), b"first");
    store.put_setting("pepper", b"third").await.unwrap();
    assert_eq!(store.setting("pepper").await.unwrap().as_deref(), Some(&b"third"[..]));
}

#[tokio::test]
async fn what_was_taken_in_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outlast.db");

    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.journal_position().await.unwrap(), None);
    store.ingest(&sample(), at(3, 4_000)).await.unwrap();
    store.insert_key(&key("ok_aaaaaaaaaaaa")).await.unwrap();
    let spent = store.spend(&SpendQuery::default()).await.unwrap();
    store.close().await;

    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.journal_position().await.unwrap(), Some(at(3, 4_000)));
    assert_eq!(store.spend(&SpendQuery::default()).await.unwrap(), spent);
    assert_eq!(store.keys().await.unwrap().len(), 1);
    store.close().await;
}

#[tokio::test]
async fn two_handles_on_one_file_both_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outlast.db");
    let (first, second) = tokio::join!(Store::open(&path), Store::open(&path));
    let (first, second) = (first.unwrap(), second.unwrap());

    first.ingest(&sample(), at(1, 700)).await.unwrap();
    second.insert_key(&key("ok_aaaaaaaaaaaa")).await.unwrap();
    assert_eq!(first.keys().await.unwrap().len(), 1);
    assert_eq!(second.pending_attempts().await.unwrap().len(), 1);
}

/// Whoever loses the race for a new file waits for the winner. Before it did, one run of this in ten failed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_file_is_opened_by_many_at_once() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outlast.db");
        let opened: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                tokio::spawn(async move { Store::open(&path).await.map(drop) })
            })
            .collect();
        for handle in opened {
            handle.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Store::open(&folder.path().join("missing").join("outlast.db")).await;
    let said = refused.unwrap_err().to_string();
    assert!(said.starts_with("cannot open the store") && said.contains("missing"), "{said}");
}

/// Ten times the bound that matters, so that only a change of kind fails, not a busy machine.
#[tokio::test]
async fn a_thousand_entries_are_taken_in_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("outlast.db")).await.unwrap();
    let entries: Vec<Entry> = (0..500)
        .flat_map(|number| {
            [Entry::Hold(hold(number, 1)), Entry::Settlement(settlement(number, 1, 10))]
        })
        .collect();
    let started = Instant::now();
    let report = store.ingest(&entries, at(1, 1)).await.unwrap();
    let took = started.elapsed();
    println!("1,000 entries in {took:?}");
    assert_eq!(report, IngestReport { held: 500, settled: 500, orphaned: 0 });
    assert!(took < Duration::from_millis(500), "{took:?}");
}

#[tokio::test]
async fn of_a_large_batch_that_is_known_in_part_the_rest_is_taken_in() {
    let store = Store::in_memory().await.unwrap();
    let holds: Vec<Entry> =
        (0..150).filter(|n| n % 2 == 0).map(|n| Entry::Hold(hold(n, 1))).collect();
    let report = store.ingest(&holds, at(1, 1)).await.unwrap();
    assert_eq!(report, IngestReport { held: 75, settled: 0, orphaned: 0 });

    let all: Vec<Entry> = (0..150)
        .flat_map(|n| [Entry::Hold(hold(n, 1)), Entry::Settlement(settlement(n, 1, 10))])
        .chain((150..230).map(|n| Entry::Settlement(settlement(n, 1, 10))))
        .collect();
    let report = store.ingest(&all, at(1, 2)).await.unwrap();
    assert_eq!(report, IngestReport { held: 75, settled: 150, orphaned: 80 });
    assert_eq!(store.ingest(&all, at(1, 2)).await.unwrap(), IngestReport::default());

    let late: Vec<Entry> = (150..230).map(|n| Entry::Hold(hold(n, 1))).collect();
    store.ingest(&late, at(1, 3)).await.unwrap();
    let ends: Vec<Entry> = (150..230).map(|n| Entry::Settlement(settlement(n, 1, 20))).collect();
    let report = store.ingest(&ends, at(1, 4)).await.unwrap();
    assert_eq!(report, IngestReport { held: 0, settled: 80, orphaned: 0 });
    let spent = store.spend(&SpendQuery::default()).await.unwrap().remove(0);
    assert_eq!((spent.attempts, spent.cost), (230, NanoUsd(150 * 10 + 80 * 20)));
}

fn breaker_event(
    breaker: &str,
    version: u64,
    change: BreakerChange,
    state: BreakerState,
) -> BreakerEvent {
    BreakerEvent {
        breaker: BreakerId::from(breaker),
        version,
        at: Timestamp(EVENING + i64::try_from(version).expect("a small version") * MINUTE_MS),
        session: SessionKey {
            principal: "ada".into(),
            client: ClientFamily::ClaudeCode,
            session: SessionId::parse("0198c5e2-f1a9-7c3b").expect("well formed"),
        },
        agent: AgentName::of("claude-cli/2.1.197 (external)"),
        change,
        state,
        allowed: Autonomy { autonomous_ms: 36_000_000, cost: NanoUsd(50_000_000_000) },
        evidence: Evidence {
            used: Autonomy { autonomous_ms: 36_720_000, cost: NanoUsd(43_000_000_000) },
            requests: 612,
            first_seen: Timestamp(EVENING - MINUTE_MS),
            last_human: Some(Timestamp(EVENING)),
            run_began: Timestamp(EVENING),
        },
        by: "admin".to_owned(),
    }
}

#[tokio::test]
async fn breakers_events_come_back_whole_and_the_latest_of_each_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outlast.db");
    let more = Autonomy { autonomous_ms: 7_200_000, cost: NanoUsd(20_000_000_000) };
    let pinged = |breaker| breaker_event(breaker, 1, BreakerChange::Pinged, BreakerState::Pinged);
    let events = [
        pinged("br_asks"),
        pinged("br_stopped"),
        breaker_event("br_stopped", 2, BreakerChange::Stopped, BreakerState::Stopped),
        pinged("br_went_on"),
        breaker_event("br_went_on", 2, BreakerChange::Confirmed(more), BreakerState::Closed),
        pinged("br_human"),
        breaker_event("br_human", 2, BreakerChange::HumanSpoke, BreakerState::Closed),
    ];
    let entries: Vec<Entry> = events.iter().cloned().map(|e| Entry::Breaker(Box::new(e))).collect();
    let store = Store::open(&path).await.unwrap();
    store.ingest(&entries, at(0, 10)).await.unwrap();
    store.ingest(&entries, at(0, 10)).await.unwrap();
    store.close().await;

    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.breaker_events(100).await.unwrap().len(), events.len(), "each once");
    let newest = store.breaker_events(1).await.unwrap();
    assert_eq!(newest, [events[6].clone()], "ties are told apart by name");
    let standing = store.standing_breakers(Timestamp(EVENING), 100).await.unwrap();
    assert_eq!(standing, [events[2].clone(), events[4].clone(), events[0].clone()]);
    let later = store.standing_breakers(Timestamp(EVENING + 10 * MINUTE_MS), 100).await.unwrap();
    assert_eq!(later, [events[2].clone(), events[0].clone()], "an old yes is over");
}

#[tokio::test]
async fn replies_are_found_by_their_owner_and_thinned_by_age_and_size() {
    let store = Store::in_memory().await.unwrap();
    let reply = |id: &str, at: i64| ReplyRow {
        id: id.to_owned(),
        principal: "ada".to_owned(),
        follows: (id != "a").then(|| "a".to_owned()),
        provider: "openai".to_owned(),
        asked: "12345".to_owned(),
        reply: b"67890".to_vec(),
        items: vec![format!("msg_{id}")],
        at: Timestamp(at),
    };
    let rows = [reply("a", 1), reply("b", 2), reply("c", 3), reply("d", 4)];
    store.keep_replies(&rows).await.unwrap();
    store.keep_replies(&rows[..1]).await.unwrap();
    let found = |id: &str| ReplyRow { items: Vec::new(), ..reply(id, 2) };
    assert_eq!(store.kept_reply("ada", "b").await.unwrap(), Some(found("b")));
    assert_eq!(store.kept_item("ada", "msg_b").await.unwrap(), Some(found("b")));
    assert_eq!(store.kept_item("grace", "msg_b").await.unwrap(), None);
    assert_eq!(store.kept_reply("grace", "b").await.unwrap(), None);
    assert!(!store.remove_reply("grace", "b").await.unwrap());
    assert!(store.remove_reply("ada", "b").await.unwrap());
    assert!(!store.remove_reply("ada", "b").await.unwrap());
    assert_eq!(store.kept_item("ada", "msg_b").await.unwrap(), None, "its items go with it");
    assert_eq!(store.thin_replies(Timestamp(2), 15).await.unwrap(), 2);
    assert!(store.kept_reply("ada", "c").await.unwrap().is_none(), "only the newest fits");
    assert!(store.kept_reply("ada", "d").await.unwrap().is_some());
}

#[tokio::test]
async fn traces_are_found_by_their_request_and_thinned_by_age_and_number() {
    let store = Store::in_memory().await.unwrap();
    let trace = |at: i64| Trace {
        request: RequestId::from_parts(at.unsigned_abs(), 7),
        at: Timestamp(at),
        principal: "ada".into(),
        route: "fast".into(),
        steps: vec![Step { at_ms: 3, what: Happening::Waited { ms: 20 } }],
        ending: Ending::Answered,
        total_ms: 40,
    };
    let traces = [trace(1), trace(2), trace(3), trace(4)];
    store.keep_traces(&traces).await.unwrap();
    store.keep_traces(&traces[..2]).await.unwrap();
    assert_eq!(store.trace_of(traces[1].request).await.unwrap(), Some(traces[1].clone()));
    assert_eq!(store.trace_of(RequestId::from_parts(9, 7)).await.unwrap(), None);
    let newest = store.newest_traces(2).await.unwrap();
    assert_eq!(newest, [traces[3].clone(), traces[2].clone()]);
    assert_eq!(store.thin_traces(Timestamp(2), 2).await.unwrap(), 2, "one is old, one too many");
    assert_eq!(store.newest_traces(9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn incidents_are_kept_with_the_history_that_they_belong_to_and_stay_when_closed() {
    let store = Store::in_memory().await.unwrap();
    let level = |value| Level { value, low: value / 2.0, high: value * 2.0, answers: 40 };
    let incident = |id: &str, at: i64| Incident {
        id: id.into(),
        target: "p/m".into(),
        cause: Cause::Sign(Sign::Refusals),
        opened: Timestamp(at),
        since: Timestamp(at - 1),
        comparison: Some(Comparison {
            before: level(0.01),
            after: level(0.1),
            once_in: 1e6,
            callers: 2,
        }),
        unmet: None,
        examples: vec![request(1), request(2)],
        closed: None,
    };
    let canary = Incident {
        cause: Cause::Canary("adds".into()),
        comparison: None,
        unmet: Some("the answer is no JSON".to_owned()),
        ..incident("inc_b", 20)
    };
    let open = [incident("inc_a", 10), canary.clone()];
    store.put_incidents(&open, b"one").await.unwrap();
    assert_eq!(store.open_incidents().await.unwrap(), open);
    assert_eq!(store.sign_history().await.unwrap().unwrap(), b"one");
    let closed = Closed { at: Timestamp(30), by: Some("ada".to_owned()) };
    let closed = Incident { closed: Some(closed), ..incident("inc_a", 10) };
    store.put_incidents(std::slice::from_ref(&closed), b"two").await.unwrap();
    assert_eq!(store.open_incidents().await.unwrap(), std::slice::from_ref(&canary));
    assert_eq!(store.incidents(9).await.unwrap(), [canary.clone(), closed.clone()]);
    // However many are open, the closed ones are those that were asked for.
    let newer = incident("inc_d", 40);
    store.put_incidents(std::slice::from_ref(&newer), b"two").await.unwrap();
    assert_eq!(store.incidents(1).await.unwrap(), [newer, canary, closed.clone()]);
    assert_eq!(store.incident(&"inc_a".into()).await.unwrap(), Some(closed));
    assert_eq!(store.incident(&"inc_c".into()).await.unwrap(), None);
    assert_eq!(store.sign_history().await.unwrap().unwrap(), b"two");
}

#[tokio::test]
async fn canaries_are_listed_summed_and_forgotten_by_age() {
    let store = Store::in_memory().await.unwrap();
    let run = |number: u32, outcome| CanaryRun {
        request: request(number),
        at: Timestamp(i64::from(number)),
        canary: "adds".into(),
        target: "p/m".into(),
        outcome,
        tokens: 9,
        first_token_ms: 300,
        cost: NanoUsd(i64::from(number)),
    };
    let runs = [
        run(1, CanaryOutcome::Passed),
        run(2, CanaryOutcome::Failed("no JSON".to_owned())),
        run(3, CanaryOutcome::Unanswered("timed out".to_owned())),
    ];
    for run in &runs {
        store.put_canary_run(run, Timestamp(0)).await.unwrap();
    }
    assert_eq!(store.canary_cost(Timestamp(2)).await.unwrap(), NanoUsd(5));
    assert_eq!(store.canary_cost(Timestamp(9)).await.unwrap(), NanoUsd(0));
    assert_eq!(store.canary_runs(2).await.unwrap(), [runs[2].clone(), runs[1].clone()]);
    store.put_canary_run(&runs[2], Timestamp(3)).await.unwrap();
    assert_eq!(store.canary_runs(9).await.unwrap(), [runs[2].clone()]);
}
