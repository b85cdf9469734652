//! What is reused: results of the past, results in the making, and when neither may be.

use std::fs;

use terms::run::{ExecutionState, RunState};

use crate::house::{House, SUCCEEDED, Script, house, let_go, named_pipe, of, script, until};

/// A script that leaves a line in a file outside each time it really runs.
fn counted(house: &House, name: &'static str, reads: &[&'static str]) -> Script {
    let ran = house.outside("ran");
    script(
        name,
        &format!(
            r#"echo {name} >> {ran}; cat "$@" > "$out.tmp" 2>/dev/null || true; mv "$out.tmp" "$out""#
        ),
        reads,
    )
}

#[tokio::test]
async fn what_was_computed_once_is_not_computed_again() {
    let house = house(2).await;
    let tasks = [counted(&house, "a", &["=x"]), counted(&house, "b", &["a"])];
    let (first, before) = house.run(&tasks).await;
    let (second, after) = house.run(&tasks).await;
    assert_eq!((first.state, second.state), (SUCCEEDED, SUCCEEDED));
    assert_eq!(first.outputs, second.outputs);
    assert_eq!(house.lines("ran"), ["a", "b"]);
    let (made, reused) = (of(&before, "b"), of(&after, "b"));
    assert_eq!(reused.reused_from, made.launch);
    assert_eq!(reused.log, made.log, "what it said then");
    assert_eq!(reused.started_at, None);
}

#[tokio::test]
async fn reuse_survives_the_engine_and_names_do_not_matter() {
    let house = house(1).await;
    let tasks = [counted(&house, "a", &["=x"])];
    house.run(&tasks).await;
    let House { engine, folder } = house;
    engine.close().await;
    let engine = pipeline::Engine::open(crate::house::options(folder.path(), 1)).await;
    let house = House { engine: engine.expect("it opens"), folder };
    let renamed = [Script { name: "another_name", ..tasks[0].clone() }];
    let (outcome, view) = house.run(&renamed).await;
    assert_eq!(outcome.state, SUCCEEDED);
    assert_eq!(house.lines("ran"), ["a"]);
    assert!(of(&view, "another_name").reused_from.is_some());
}

#[tokio::test]
async fn a_task_that_must_be_fresh_runs_and_the_same_bytes_let_the_rest_be_reused() {
    let house = house(1).await;
    let fresh = Script {
        more: "executionOptions: {cachingStrategy: {maxCacheStaleness: P0D}}",
        ..counted(&house, "a", &["=x"])
    };
    let tasks = [fresh, counted(&house, "b", &["a"])];
    house.run(&tasks).await;
    house.run(&tasks).await;
    assert_eq!(house.lines("ran"), ["a", "b", "a"]);
}

#[tokio::test]
async fn a_result_whose_bytes_are_gone_or_changed_is_computed_again() {
    let house = house(1).await;
    let tasks = [counted(&house, "a", &["=x"])];
    let (first, _) = house.run(&tasks).await;
    let stored = house.engine.artifacts().path(&first.outputs["a"]);
    fs::remove_file(&stored).expect("removed");
    let (second, _) = house.run(&tasks).await;
    assert_eq!(second.outputs, first.outputs);
    fs::remove_file(&stored).expect("removed");
    fs::write(&stored, "y").expect("written");
    let (third, _) = house.run(&tasks).await;
    assert_eq!(third.outputs, first.outputs);
    assert_eq!(house.lines("ran"), ["a", "a", "a"]);
    assert_eq!(house.text(&third.outputs["a"]), "x");
}

/// A script that runs until it is let go through a named pipe.
fn held(house: &House, name: &'static str) -> (Script, String) {
    let gate = house.outside("gate");
    let ran = house.outside("ran");
    named_pipe(&gate);
    let text = format!(r#"echo ran >> {ran}; read line < {gate}; echo "$line" > "$out""#);
    (script(name, &text, &[]), gate)
}

#[tokio::test]
async fn equal_tasks_at_the_same_time_share_one_program_within_and_across_runs() {
    let house = house(4).await;
    let (held, gate) = held(&house, "a");
    let twin = Script { name: "b", ..held.clone() };
    let first = house.submit(&[held.clone(), twin]).await;
    until(&house.engine, &first, "a", ExecutionState::Running).await;
    until(&house.engine, &first, "b", ExecutionState::Running).await;
    let second = house.submit(&[held]).await;
    until(&house.engine, &second, "a", ExecutionState::Running).await;
    let_go(&gate).await;
    for run in [&first, &second] {
        let outcome = house.engine.wait(run).await.expect("it ends");
        assert_eq!(outcome.outputs["a"].value.as_deref(), Some("go\n"));
    }
    assert_eq!(house.lines("ran"), ["ran"]);
    let (first, second) = (house.engine.view(&first).await, house.engine.view(&second).await);
    let (first, second) = (first.expect("known"), second.expect("known"));
    let launches = [of(&first, "a"), of(&first, "b"), of(&second, "a")].map(|found| &found.launch);
    assert!(launches.iter().all(|launch| **launch == *launches[0]));
    assert!(of(&second, "a").is_shared);
}

#[tokio::test]
async fn a_shared_program_is_stopped_only_when_nobody_wants_it() {
    let house = house(4).await;
    let (held, gate) = held(&house, "a");
    let first = house.submit(std::slice::from_ref(&held)).await;
    until(&house.engine, &first, "a", ExecutionState::Running).await;
    let second = house.submit(&[held]).await;
    until(&house.engine, &second, "a", ExecutionState::Running).await;
    house.engine.cancel(&first).await.expect("known");
    assert_eq!(house.engine.wait(&first).await.expect("it ends").state, RunState::Cancelled);
    let_go(&gate).await;
    assert_eq!(house.engine.wait(&second).await.expect("it ends").state, SUCCEEDED);
    assert_eq!(house.lines("ran"), ["ran"]);
}

#[tokio::test]
async fn everyone_who_shares_a_failure_decides_for_himself() {
    let house = house(4).await;
    let (gate, ran) = (house.outside("gate"), house.outside("ran"));
    named_pipe(&gate);
    let text = format!("echo ran >> {ran}; read line < {gate}; exit 1");
    let alone = script("a", &text, &[]);
    let stubborn = Script {
        name: "b",
        more: "executionOptions: {retryStrategy: {maxRetries: 1}}",
        ..alone.clone()
    };
    let first = house.submit(&[alone]).await;
    until(&house.engine, &first, "a", ExecutionState::Running).await;
    let second = house.submit(&[stubborn]).await;
    until(&house.engine, &second, "b", ExecutionState::Running).await;
    let_go(&gate).await;
    assert_eq!(house.engine.wait(&first).await.expect("it ends").state, RunState::Failed);
    let_go(&gate).await;
    assert_eq!(house.engine.wait(&second).await.expect("it ends").state, RunState::Failed);
    assert_eq!(house.lines("ran"), ["ran", "ran"]);
}
