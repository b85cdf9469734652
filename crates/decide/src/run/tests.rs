//! What a run does, event by event, and properties over runs of any shape.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{collection::vec, prelude::any, prop_assert, prop_assert_eq, proptest};
use terms::{
    ids::CacheKey,
    run::{Artifact, Ending, ExecutionIndex, ExecutionState, RunEvent, RunState},
    time::Timestamp,
};

use super::{Action, Run, RunOptions};
use crate::plan::{Plan, PlannedExecution, Policy, Source};

fn artifact(value: &str) -> Artifact {
    Artifact {
        digest: value.into(),
        tangle_hash: value.into(),
        bytes: value.len() as u64,
        is_folder: false,
        value: Some(value.into()),
    }
}

fn output_of(execution: u32) -> Source {
    Source::Output { execution: ExecutionIndex(execution), output: "out".into() }
}

/// An execution that reads the outputs of others.
fn reading(upstream: &[u32]) -> PlannedExecution {
    PlannedExecution {
        inputs: upstream.iter().map(|&from| (format!("x{from}"), output_of(from))).collect(),
        outputs: vec!["out".into()],
        ..PlannedExecution::default()
    }
}

fn run_of(executions: Vec<PlannedExecution>, parallelism: usize) -> Run {
    let plan = Plan { executions, outputs: BTreeMap::new() };
    let options = RunOptions { parallelism, first_rest_ms: 100, rest_cap_ms: 300 };
    Run::new(Arc::new(plan), options)
}

fn started(execution: u32, attempt: u32) -> RunEvent {
    RunEvent::Started {
        execution: ExecutionIndex(execution),
        attempt,
        launch: format!("l{execution}.{attempt}").into(),
        key: CacheKey::from("k"),
        shared: false,
    }
}

fn ended(execution: u32, attempt: u32, ending: Ending) -> RunEvent {
    RunEvent::Ended { execution: ExecutionIndex(execution), attempt, ending }
}

fn succeeded(value: &str) -> Ending {
    Ending::Succeeded { outputs: BTreeMap::from([("out".into(), artifact(value))]) }
}

fn failed() -> Ending {
    Ending::Failed { exit_code: Some(3), message: "exit code 3".into() }
}

fn launch(execution: u32, attempt: u32) -> Action {
    Action::Launch { execution: ExecutionIndex(execution), attempt }
}

fn states(run: &Run) -> Vec<&'static str> {
    run.executions().iter().map(|execution| execution.state().as_str()).collect()
}

fn at(ms: i64) -> Timestamp {
    Timestamp(ms)
}

#[test]
fn what_has_its_inputs_starts_and_the_rest_follows() {
    let mut run = run_of(vec![reading(&[]), reading(&[]), reading(&[0, 1])], 8);
    assert_eq!(run.apply(&RunEvent::Begun, at(1)), [launch(0, 1), launch(1, 1)]);
    assert_eq!(run.apply(&started(0, 1), at(2)), []);
    assert_eq!(states(&run), ["RUNNING", "PENDING", "WAITING_FOR_UPSTREAM"]);
    assert_eq!(run.apply(&ended(0, 1, succeeded("a")), at(3)), []);
    assert_eq!(run.apply(&ended(1, 1, succeeded("b")), at(4)), [launch(2, 1)]);
    let inputs = run.inputs(ExecutionIndex(2));
    assert_eq!(inputs["x1"].value.as_deref(), Some("b"));
    let over = run.apply(&ended(2, 1, succeeded("c")), at(5));
    assert_eq!(over, [Action::Finish(RunState::Succeeded)]);
    assert_eq!((run.begun_at(), run.ended_at()), (Some(at(1)), Some(at(5))));
}

#[test]
fn no_more_than_allowed_are_with_a_launcher() {
    let mut run = run_of((0..4).map(|_| reading(&[])).collect(), 2);
    assert_eq!(run.apply(&RunEvent::Begun, at(0)), [launch(0, 1), launch(1, 1)]);
    assert_eq!(run.apply(&ended(1, 1, succeeded("b")), at(1)), [launch(2, 1)]);
}

#[test]
fn a_failure_skips_everything_downstream_and_nothing_else() {
    let mut run = run_of(vec![reading(&[]), reading(&[0]), reading(&[1]), reading(&[])], 8);
    run.apply(&RunEvent::Begun, at(0));
    assert_eq!(run.apply(&ended(0, 1, failed()), at(1)), []);
    assert_eq!(states(&run), ["FAILED", "SKIPPED", "SKIPPED", "PENDING"]);
    assert_eq!(run.changed(), [0, 1, 2].map(ExecutionIndex));
    let over = run.apply(&ended(3, 1, succeeded("d")), at(2));
    assert_eq!(over, [Action::Finish(RunState::Failed)]);
    assert_eq!(run.executions()[0].exit_code(), Some(3));
}

#[test]
fn a_failure_is_tried_again_after_a_rest_that_grows_and_gives_its_place_away() {
    let mut retried = reading(&[]);
    retried.policy = Policy { retries: 2, ..Policy::default() };
    let mut run = run_of(vec![retried, reading(&[])], 1);
    run.apply(&RunEvent::Begun, at(0));
    let rest = |attempt, for_ms| Action::Rest { execution: ExecutionIndex(0), attempt, for_ms };
    assert_eq!(run.apply(&ended(0, 1, failed()), at(1)), [rest(1, 100), launch(1, 1)]);
    let rested = |attempt| RunEvent::Rested { execution: ExecutionIndex(0), attempt };
    assert_eq!(run.apply(&rested(1), at(2)), [], "its place is taken");
    assert_eq!(run.apply(&ended(1, 1, succeeded("b")), at(3)), [launch(0, 2)]);
    let timed_out = Ending::TimedOut { after_ms: 7 };
    assert_eq!(run.apply(&ended(0, 2, timed_out), at(4)), [rest(2, 200)]);
    assert_eq!(run.apply(&rested(2), at(5)), [launch(0, 3)]);
    assert_eq!(run.apply(&ended(0, 2, succeeded("late")), at(6)), [], "an earlier try");
    assert_eq!(run.apply(&ended(0, 3, failed()), at(6)), [Action::Finish(RunState::Failed)]);
    assert_eq!(run.executions()[0].failures(), 3);
}

#[test]
fn what_the_engine_could_not_do_is_not_tried_again() {
    let mut retried = reading(&[]);
    retried.policy.retries = 5;
    let mut run = run_of(vec![retried, reading(&[0])], 1);
    run.apply(&RunEvent::Begun, at(0));
    let refused = Ending::Refused { message: "no such program".into() };
    assert_eq!(run.apply(&ended(0, 1, refused), at(1)), [Action::Finish(RunState::Failed)]);
    assert_eq!(states(&run), ["SYSTEM_ERROR", "SKIPPED"]);
}

#[test]
fn a_reused_result_counts_as_made() {
    let mut run = run_of(vec![reading(&[]), reading(&[0])], 1);
    run.apply(&RunEvent::Begun, at(0));
    let reused = RunEvent::Reused {
        execution: ExecutionIndex(0),
        attempt: 1,
        launch: "past".into(),
        key: "k".into(),
        outputs: BTreeMap::from([("out".into(), artifact("a"))]),
    };
    assert_eq!(run.apply(&reused, at(1)), [launch(1, 1)]);
    assert_eq!(run.executions()[0].reused_from().map(ToString::to_string).as_deref(), Some("past"));
}

#[test]
fn conditions_are_trimmed_and_case_does_not_matter() {
    for (text, state) in [
        (" True\n", "PENDING"),
        ("FALSE", "SKIPPED"),
        ("maybe\n", "SYSTEM_ERROR"),
        ("", "SYSTEM_ERROR"),
    ] {
        let mut conditional = reading(&[]);
        conditional.conditions = vec![Source::Constant(artifact(text))];
        let mut run = run_of(vec![conditional, reading(&[0])], 1);
        run.apply(&RunEvent::Begun, at(0));
        assert_eq!(states(&run)[0], state, "{text:?}");
    }
}

#[test]
fn a_condition_that_is_made_by_another_is_waited_for_and_a_skip_alone_is_no_failure() {
    let mut conditional = reading(&[]);
    conditional.conditions = vec![output_of(0), Source::Constant(artifact("true"))];
    let mut run = run_of(vec![reading(&[]), conditional, reading(&[1])], 4);
    assert_eq!(run.apply(&RunEvent::Begun, at(0)), [launch(0, 1)]);
    let over = run.apply(&ended(0, 1, succeeded("false")), at(1));
    assert_eq!(over, [Action::Finish(RunState::Succeeded)]);
    assert_eq!(states(&run), ["SUCCEEDED", "SKIPPED", "SKIPPED"]);
}

#[test]
fn asked_to_stop_it_stops_what_runs_and_starts_nothing() {
    let mut run = run_of(vec![reading(&[]), reading(&[]), reading(&[0])], 1);
    run.apply(&RunEvent::Begun, at(0));
    let stop = Action::Stop { execution: ExecutionIndex(0), attempt: 1 };
    assert_eq!(run.apply(&RunEvent::CancelAsked, at(1)), [stop]);
    assert_eq!(states(&run), ["CANCELLING", "CANCELLED", "SKIPPED"]);
    assert_eq!(run.state(), RunState::Cancelling);
    let over = run.apply(&ended(0, 1, Ending::Cancelled), at(2));
    assert_eq!(over, [Action::Finish(RunState::Cancelled)]);
}

#[test]
fn a_run_cut_short_is_cancelled_even_when_its_last_program_ended_well() {
    let mut run = run_of(vec![reading(&[]), reading(&[0])], 1);
    run.apply(&RunEvent::Begun, at(0));
    run.apply(&RunEvent::CancelAsked, at(1));
    let over = run.apply(&ended(0, 1, succeeded("a")), at(2));
    assert_eq!(over, [Action::Finish(RunState::Cancelled)]);
}

#[test]
fn after_the_engines_death_what_ran_starts_again_and_what_is_done_stays() {
    let mut run = run_of(vec![reading(&[]), reading(&[]), reading(&[0, 1])], 4);
    run.apply(&RunEvent::Begun, at(0));
    run.apply(&started(0, 1), at(1));
    run.apply(&ended(1, 1, succeeded("b")), at(2));
    assert_eq!(run.apply(&RunEvent::Resumed, at(9)), [launch(0, 2)]);
    assert_eq!(states(&run), ["PENDING", "SUCCEEDED", "WAITING_FOR_UPSTREAM"]);
    assert_eq!(run.executions()[0].failures(), 0, "the engine's death is not its failure");
}

#[test]
fn an_empty_plan_is_done_at_once() {
    let mut run = run_of(Vec::new(), 1);
    let over = run.apply(&RunEvent::Begun, at(0));
    assert_eq!(over, [Action::Finish(RunState::Succeeded)]);
}

/// A plan whose executions read from some of those before them.
fn plan_of(shape: &[(u8, u8, u8)]) -> Vec<PlannedExecution> {
    let mut executions = Vec::new();
    for (position, &(a, b, policy)) in shape.iter().enumerate() {
        let earlier = u32::try_from(position).expect("small");
        let mut upstream = Vec::new();
        for choice in [a, b] {
            if earlier > 0 && choice % 3 > 0 {
                upstream.push(u32::from(choice) % earlier);
            }
        }
        let mut planned = reading(&upstream);
        planned.policy.retries = u32::from(policy % 3);
        if policy % 5 == 4 && earlier > 0 {
            planned.conditions.push(output_of(u32::from(policy) % earlier));
        }
        executions.push(planned);
    }
    executions
}

/// Answers one outstanding action as the dice say.
fn answer(action: &Action, dice: u8) -> Vec<RunEvent> {
    match *action {
        Action::Launch { execution: ExecutionIndex(execution), attempt } => {
            let ending = match dice % 7 {
                0 => failed(),
                1 => Ending::TimedOut { after_ms: 5 },
                2 => succeeded("false"),
                3 => Ending::Refused { message: "no".into() },
                _ => succeeded("true"),
            };
            vec![started(execution, attempt), ended(execution, attempt, ending)]
        }
        Action::Stop { execution: ExecutionIndex(execution), attempt } => {
            vec![ended(execution, attempt, Ending::Cancelled)]
        }
        Action::Rest { execution, attempt, .. } => vec![RunEvent::Rested { execution, attempt }],
        Action::Finish(_) => Vec::new(),
    }
}

proptest! {
    #[test]
    fn any_run_ends_within_its_bounds_and_its_stored_events_replay_to_the_same_run(
        shape in vec(any::<(u8, u8, u8)>(), 0..12),
        dice in vec(any::<u8>(), 1..60),
        parallelism in 1_usize..5,
    ) {
        let mut run = run_of(plan_of(&shape), parallelism);
        let fresh = run.clone();
        let mut stored = Vec::new();
        let mut now = 0;
        let mut outstanding: Vec<Action> = Vec::new();
        let mut tell = |run: &mut Run, event: RunEvent, outstanding: &mut Vec<Action>| {
            now += 1;
            stored.push((serde_json::to_string(&event).expect("an event is JSON"), now));
            outstanding.extend(run.apply(&event, at(now)));
        };
        tell(&mut run, RunEvent::Begun, &mut outstanding);
        for step in 0..2_000_usize {
            let roll = dice[step % dice.len()];
            let active = run.executions().iter().filter(|found| {
                matches!(found.state(), ExecutionState::Pending | ExecutionState::Running | ExecutionState::Cancelling)
            }).count();
            prop_assert!(active <= parallelism);
            if step < 100 && roll % 29 == 7 {
                // The engine dies: what it was about to do is forgotten.
                outstanding.clear();
                tell(&mut run, RunEvent::Resumed, &mut outstanding);
            }
            if step == 40 && roll % 3 == 0 {
                tell(&mut run, RunEvent::CancelAsked, &mut outstanding);
            }
            if outstanding.is_empty() {
                break;
            }
            let action = outstanding.remove(usize::from(roll) % outstanding.len());
            if let Action::Launch { execution, .. } = action {
                let planned = &run.plan().executions[execution.position()];
                prop_assert_eq!(run.inputs(execution).len(), planned.inputs.len(), "started without its inputs");
            }
            for event in answer(&action, roll.wrapping_add(u8::try_from(step % 251).expect("small"))) {
                tell(&mut run, event, &mut outstanding);
            }
        }
        prop_assert!(run.state().is_final(), "{:?}", run);
        prop_assert!(run.executions().iter().all(|execution| execution.state().is_final()));
        for (execution, planned) in run.executions().iter().zip(&run.plan().executions) {
            prop_assert!(execution.failures() <= planned.policy.retries + 1);
        }
        let mut replayed = fresh;
        for (text, at_ms) in &stored {
            let event: RunEvent = serde_json::from_str(text).expect("what was written is read");
            replayed.apply(&event, at(*at_ms));
        }
        prop_assert_eq!(replayed, run);
    }
}
