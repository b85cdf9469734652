//! What runs: data flows, failures, retries, time limits, conditions, logs, the environment.

use std::fs;

use pipeline::{Engine, PipelineError, load, parse};
use terms::run::{ExecutionState, RunState};

use crate::house::{
    FAILED, Held, House, SUCCEEDED, Script, house, let_go, named_pipe, of, options, script, states,
    until,
};

#[tokio::test]
async fn data_flows_from_task_to_task() {
    let house = house(2).await;
    let (outcome, view) = house
        .run(&[
            script("join", r#"cat "$1" "$2" > "$out""#, &["first", "second"]),
            script("first", r#"cat "$1" > "$out"; echo one >> "$out""#, &["=zero\n"]),
            script("second", r#"echo two > "$out"; echo said"#, &[]),
        ])
        .await;
    assert_eq!(outcome.state, SUCCEEDED);
    assert_eq!(outcome.outputs["join"].value.as_deref(), Some("zero\none\ntwo\n"));
    assert_eq!(house.text(&outcome.outputs["join"]), "zero\none\ntwo\n");
    let second = of(&view, "second");
    assert_eq!(second.attempts, 1);
    assert!(second.started_at <= second.ended_at && second.started_at.is_some());
    let log = second.log.as_ref().expect("it ran");
    assert_eq!(fs::read_to_string(log).expect("read"), "said\n");
    let join = of(&view, "join").index;
    assert!(view.edges.iter().all(|edge| edge.to == join) && view.edges.len() == 2);
    assert_eq!((view.layout.nodes.len(), view.layout.edges.len()), (3, 2));
    assert_eq!(fs::read_dir(house.folder.path().join("engine/work")).expect("there").count(), 0);
}

#[tokio::test]
async fn a_failure_skips_what_depends_on_it_and_says_why() {
    let house = house(2).await;
    let (outcome, view) = house
        .run(&[
            script("bad", "echo boom >&2; exit 3", &[]),
            script("after", r#"cat "$1" > "$out""#, &["bad"]),
            script("last", r#"cat "$1" > "$out""#, &["after"]),
            script("other", r#"echo fine > "$out""#, &[]),
        ])
        .await;
    assert_eq!(outcome.state, FAILED);
    let expected =
        [("bad", "FAILED"), ("other", "SUCCEEDED"), ("after", "SKIPPED"), ("last", "SKIPPED")];
    let mut found = states(&view);
    found.sort_by_key(|(name, _)| expected.iter().position(|(known, _)| known == name));
    assert_eq!(found, expected);
    assert_eq!(outcome.failures.len(), 1);
    let failure = &outcome.failures[0];
    assert_eq!(failure.message, "the program ended with exit code 3");
    let log = failure.log.as_ref().expect("it ran");
    assert_eq!(fs::read_to_string(log).expect("read"), "boom\n");
    assert_eq!(of(&view, "bad").exit_code, Some(3));
}

#[tokio::test]
async fn a_missing_output_is_the_programs_failure_and_a_missing_program_the_engines() {
    let house = house(2).await;
    let (outcome, _) = house.run(&[script("silent", "true", &[])]).await;
    assert_eq!(outcome.failures[0].message, "the program ended well without its outputs: out");
    let text = "
implementation: {container: {image: none, command: [no-such-program-anywhere]}}
";
    let run = house.submit_with(parse(text).expect("a component"), &[]).await;
    let outcome = house.engine.wait(&run).await.expect("it ends");
    let expected = "the program `no-such-program-anywhere` is not installed here";
    assert_eq!(outcome.failures[0].message, expected);
    let view = house.engine.view(&run).await.expect("known");
    assert_eq!(view.executions[0].state, ExecutionState::SystemError);
}

#[tokio::test]
async fn a_task_is_tried_again_as_often_as_it_asks() {
    let house = house(1).await;
    let tries = house.outside("tries");
    let flaky = Script {
        more: "executionOptions: {retryStrategy: {maxRetries: 2}}",
        ..script(
            "flaky",
            &format!(r#"echo x >> {tries}; test $(wc -l < {tries}) = 3; echo ok > "$out""#),
            &[],
        )
    };
    let (outcome, view) = house.run(&[flaky]).await;
    assert_eq!(outcome.state, SUCCEEDED);
    let execution = of(&view, "flaky");
    assert_eq!((execution.attempts, execution.failures), (3, 2));
    let hopeless = Script {
        more: "executionOptions: {retryStrategy: {maxRetries: 1}}",
        ..script("hopeless", "exit 1", &[])
    };
    let (outcome, view) = house.run(&[hopeless]).await;
    assert_eq!((outcome.state, of(&view, "hopeless").attempts), (FAILED, 2));
}

#[tokio::test]
async fn a_task_that_takes_too_long_is_killed_with_everything_it_started() {
    let house = house(1).await;
    let alive = house.outside("alive");
    let held = Held::new(&alive);
    // The grandchild holds the pipe and ignores the polite signal; only its death lets go of it.
    let slow = Script {
        more: "annotations: {outlast/timeout: PT0.3S}",
        ..script(
            "slow",
            &format!("sh -c 'trap \"\" TERM; exec 9>{alive}; while :; do sleep 60; done' & wait"),
            &[],
        )
    };
    let (outcome, _) = house.run(&[slow]).await;
    assert_eq!(outcome.state, FAILED);
    assert_eq!(outcome.failures[0].message, "took longer than 300 ms");
    held.all_let_go().await;
}

#[tokio::test]
async fn what_a_program_left_running_ends_with_it() {
    let house = house(1).await;
    let alive = house.outside("alive");
    let held = Held::new(&alive);
    let daemon = format!("exec 9>{alive}; sleep 600 & echo done > \"$out\"");
    let (outcome, _) = house.run(&[script("daemon", &daemon, &[])]).await;
    assert_eq!(outcome.state, SUCCEEDED);
    held.all_let_go().await;
}

#[tokio::test]
async fn cancelling_stops_programs_and_skips_the_rest() {
    let house = house(1).await;
    let alive = house.outside("alive");
    let mut held = Held::new(&alive);
    let run = house
        .submit(&[
            script("slow", &format!("exec 9>{alive}; echo up >&9; sleep 600"), &[]),
            script("queued", r#"echo x > "$out""#, &[]),
            script("after", r#"cat "$1" > "$out""#, &["slow"]),
        ])
        .await;
    held.up().await;
    house.engine.cancel(&run).await.expect("known");
    let outcome = house.engine.wait(&run).await.expect("it ends");
    assert_eq!(outcome.state, RunState::Cancelled);
    let view = house.engine.view(&run).await.expect("known");
    let mut found = states(&view);
    found.sort_unstable();
    assert_eq!(found, [("after", "SKIPPED"), ("queued", "CANCELLED"), ("slow", "CANCELLED")]);
    held.all_let_go().await;
}

#[tokio::test]
async fn conditions_decide_what_runs_on_graphs_too() {
    let text = "
name: conditional
implementation:
  graph:
    tasks:
      says:
        componentRef: {spec: &says {name: says, outputs: [{name: out}], implementation: {container:
          {image: none, command: [sh, -c, 'echo False > \"$0\"', {outputPath: out}]}}}}
      task:
        isEnabled: {taskOutput: {taskId: says, outputName: out}}
        componentRef: {spec: *says}
      graph:
        isEnabled: {taskOutput: {taskId: says, outputName: out}}
        componentRef: {spec: {implementation: {graph: {tasks: {inner: {componentRef: {spec: *says}}}}}}}
      always:
        isEnabled: ' TRUE '
        componentRef: {spec: *says}
";
    let house = house(2).await;
    let run = house.submit_with(parse(text).expect("a pipeline"), &[]).await;
    assert_eq!(house.engine.wait(&run).await.expect("it ends").state, SUCCEEDED);
    let view = house.engine.view(&run).await.expect("known");
    let mut found = states(&view);
    found.sort_unstable();
    let expected = [
        ("always", "SUCCEEDED"),
        ("graph/inner", "SKIPPED"),
        ("says", "SUCCEEDED"),
        ("task", "SKIPPED"),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_program_sees_its_own_environment_and_paths_that_never_differ() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = options(folder.path(), 1);
    options.environment = vec![("GATEWAY".into(), "http://127.0.0.1:1".into())];
    let engine = Engine::open(options).await.expect("it opens");
    let text = "
inputs: [{name: some input}]
outputs: [{name: out}]
implementation:
  container:
    image: none
    env: {OWN: mine}
    command: [sh, -euc, 'echo \"$GATEWAY $OWN ${CARGO_MANIFEST_DIR:-clean} $1\" > \"$2\"; touch \"$HOME/x\" \"$TMPDIR/x\"', sh]
    args: [{inputPath: some input}, {outputPath: out}]
";
    let arguments = [("some input".to_owned(), "x".to_owned())].into();
    let run = engine.submit(parse(text).expect("a component"), arguments).await.expect("submitted");
    let outcome = engine.wait(&run).await.expect("it ends");
    assert_eq!(outcome.state, SUCCEEDED, "{:?}", outcome.failures);
    let view = engine.view(&run).await.expect("known");
    let said = view.executions[0].outputs["out"].value.as_deref();
    assert_eq!(said, Some("http://127.0.0.1:1 mine clean inputs/some_input/data\n"));
    engine.close().await;
}

#[tokio::test]
async fn folders_are_artifacts_too() {
    let house = house(1).await;
    let (outcome, view) = house
        .run(&[
            script("make", r#"mkdir -p "$out/sub"; echo 1 > "$out/a"; echo 2 > "$out/sub/b""#, &[]),
            script("list", r#"(cd "$1" && find . -type f | sort) > "$out""#, &["make"]),
        ])
        .await;
    assert_eq!(outcome.outputs["list"].value.as_deref(), Some("./a\n./sub/b\n"));
    assert!(of(&view, "make").outputs["out"].is_folder);
}

#[tokio::test]
async fn a_pipeline_in_files_is_loaded_with_its_components_and_mistakes_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    write("greet.yaml", "
name: greet
inputs: [{name: who}]
outputs: [{name: out}]
implementation: {container: {image: none, command: [sh, -c, 'echo hello $0 > $1', {inputValue: who}, {outputPath: out}]}}
");
    write(
        "pipeline.yaml",
        "
name: greeting
inputs: [{name: who, default: world}]
outputs: [{name: said}]
implementation:
  graph:
    tasks:
      greet: {componentRef: {url: greet.yaml}, arguments: {who: {graphInput: {inputName: who}}}}
    outputValues: {said: {taskOutput: {taskId: greet, outputName: out}}}
",
    );
    let house = house(1).await;
    let spec = load(folder.path().join("pipeline.yaml")).expect("it is loaded");
    for (given, said) in [(vec![], "hello world\n"), (vec![("who", "you")], "hello you\n")] {
        let run = house.submit_with(spec.clone(), &given).await;
        let outcome = house.engine.wait(&run).await.expect("it ends");
        assert_eq!(outcome.outputs["said"].value.as_deref(), Some(said));
    }
    let arguments = [("whom".to_owned(), "you".to_owned())].into();
    let refused = house.engine.submit(spec, arguments).await.expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "arguments.whom: the pipeline has no input `whom`; it has: who"
    );
    write("greet.yaml", "name: greet\nimplementation: {container: {command: [true]}}\n");
    let refused = load(folder.path().join("pipeline.yaml")).expect_err("refused");
    assert!(matches!(refused, PipelineError::Referred { .. }));
    let lines: Vec<_> = refused.problems().iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [Some(2)], "{refused}");
}

#[tokio::test]
async fn an_unknown_run_and_a_closed_engine_are_errors() {
    let house = house(1).await;
    let unknown = house.engine.view(&"nothing".into()).await.expect_err("unknown");
    assert_eq!(unknown.to_string(), "there is no run `nothing`");
    let another = house.engine.clone();
    house.engine.close().await;
    assert!(matches!(another.runs().await, Err(PipelineError::Closed)));
}

#[tokio::test]
async fn one_folder_has_one_engine() {
    let house = house(1).await;
    let second = Engine::open(options(house.folder.path(), 1)).await.expect_err("refused");
    assert!(matches!(second, PipelineError::FolderInUse(_)), "{second}");
    house.engine.close().await;
    Engine::open(options(house.folder.path(), 1)).await.expect("free again").close().await;
}

#[tokio::test]
async fn who_watches_sees_every_move_and_ends_with_the_same_picture() {
    let house = house(2).await;
    let tasks = [
        script("a", r#"echo 1 > "$out""#, &[]),
        script("b", "exit 1", &["a"]),
        script("c", r#"cat "$1" > "$out""#, &["b"]),
        script("d", r#"cat "$1" > "$out""#, &["a"]),
    ];
    let run = house.submit(&tasks).await;
    let mut watching = house.engine.watch(&run).await.expect("known");
    let mut picture: Vec<ExecutionState> =
        watching.view.executions.iter().map(|execution| execution.state).collect();
    let (mut state, mut sequence) = (watching.view.state, watching.view.sequence);
    while !state.is_final() {
        let update = watching.updates.recv().await.expect("the engine is open");
        assert_eq!(update.sequence, sequence + 1, "none is missing");
        sequence = update.sequence;
        state = update.state;
        for (execution, moved) in &update.changed {
            picture[execution.position()] = *moved;
        }
    }
    let view = house.engine.view(&run).await.expect("known");
    let seen: Vec<ExecutionState> = view.executions.iter().map(|found| found.state).collect();
    assert_eq!((picture, sequence), (seen, view.sequence));
    let listed = house.engine.runs().await.expect("open");
    assert_eq!(listed[0].executions.get("SUCCEEDED"), Some(&2));
    assert_eq!((listed[0].name.as_str(), listed[0].state), ("test", FAILED));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_cannot_write_past_its_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let gate = folder.path().join("gate").to_string_lossy().into_owned();
    named_pipe(&gate);
    let mut options = options(folder.path(), 1);
    options.limits.file_bytes = Some(4096);
    let house = House { engine: Engine::open(options).await.expect("it opens"), folder };
    // It waits, since limits are set right after a program was started, not before.
    let large = format!(r#"read line < {gate}; exec head -c 100000 /dev/zero > "$out""#);
    let run = house.submit(&[script("large", &large, &[])]).await;
    until(&house.engine, &run, "large", ExecutionState::Running).await;
    let_go(&gate).await;
    let outcome = house.engine.wait(&run).await.expect("it ends");
    assert_eq!(outcome.failures[0].message, "the program was ended by signal 25");
}
