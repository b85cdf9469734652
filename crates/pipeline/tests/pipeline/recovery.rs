//! What survives: an engine that is closed, and a process that is killed outright.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use pipeline::Engine;
use terms::run::ExecutionState;

use crate::house::{
    House, SUCCEEDED, Script, house, let_go, named_pipe, of, options, script, until,
};

/// The variable by which the killed process knows where to work.
const FOLDER: &str = "PIPELINE_TEST_FOLDER";

/// Three tasks: one that is done, one that waits to be let go, and one after both.
fn tasks(folder: &Path) -> Vec<Script> {
    let (ran, gate) = (folder.join("ran"), folder.join("gate"));
    let (ran, gate) = (ran.display(), gate.display());
    vec![
        script("done", &format!(r#"echo done >> {ran}; echo 1 > "$out""#), &[]),
        script(
            "held",
            &format!(r#"echo held >> {ran}; read line < {gate}; echo 2 > "$out""#),
            &["done"],
        ),
        script(
            "after",
            &format!(r#"echo after >> {ran}; cat "$1" "$2" > "$out""#),
            &["done", "held"],
        ),
    ]
}

async fn reopened(folder: tempfile::TempDir) -> House {
    let engine = Engine::open(options(folder.path(), 2)).await.expect("it opens");
    House { engine, folder }
}

/// Resumes the one unfinished run, lets it go, and looks at how it ended.
async fn resume_and_finish(house: House) -> Vec<String> {
    let resumed = house.engine.resume_all().await.expect("open");
    assert_eq!(resumed.len(), 1);
    let run = resumed[0].clone();
    let before = house.engine.view(&run).await.expect("known");
    assert_eq!(of(&before, "done").state, ExecutionState::Succeeded);
    until(&house.engine, &run, "held", ExecutionState::Running).await;
    let_go(&house.outside("gate")).await;
    let outcome = house.engine.wait(&run).await.expect("it ends");
    assert_eq!(outcome.state, SUCCEEDED);
    assert_eq!(outcome.outputs["after"].value.as_deref(), Some("1\n2\n"));
    let view = house.engine.view(&run).await.expect("known");
    assert_eq!((of(&view, "held").attempts, of(&view, "held").failures), (2, 0));
    assert_eq!(of(&view, "done").attempts, 1);
    let again = house.engine.resume_all().await.expect("open");
    assert!(again.is_empty(), "nothing is left to resume");
    let lines = house.lines("ran");
    house.engine.close().await;
    lines
}

/// What was done ran once; what was held ran again, the first time perhaps cut off before its line.
fn check_lines(lines: &[String]) {
    let count = |name: &str| lines.iter().filter(|line| *line == name).count();
    assert_eq!((count("done"), count("after")), (1, 1), "{lines:?}");
    assert!((1..=2).contains(&count("held")), "{lines:?}");
}

#[tokio::test]
async fn a_closed_engine_stops_its_programs_and_the_next_one_goes_on() {
    let House { engine, folder } = house(2).await;
    named_pipe(&folder.path().join("gate").to_string_lossy());
    let house = House { engine, folder };
    let run = house.submit(&tasks(house.folder.path())).await;
    until(&house.engine, &run, "held", ExecutionState::Running).await;
    let House { engine, folder } = house;
    engine.close().await;
    check_lines(&resume_and_finish(reopened(folder).await).await);
}

/// Not a test: the process that the next test kills. It runs until then.
#[tokio::test]
#[ignore = "it is the process that another test starts and kills"]
async fn process_under_test() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = Path::new(&folder);
    let engine = Engine::open(options(folder, 2)).await.expect("it opens");
    let spec = crate::house::pipeline_of(&tasks(folder));
    let run = engine.submit(spec, [].into()).await.expect("submitted");
    until(&engine, &run, "held", ExecutionState::Running).await;
    println!("ready {run}");
    let _ = engine.wait(&run).await;
}

/// Starts this test program again as the process that will be killed, and waits until its program
/// runs.
fn start(folder: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .args(["recovery::process_under_test", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let ready = lines.map_while(Result::ok).find(|line| line.contains("ready "));
    assert!(ready.is_some(), "it never ran its program");
    child
}

#[tokio::test]
async fn a_killed_process_is_taken_up_again_and_its_programs_are_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    named_pipe(&folder.path().join("gate").to_string_lossy());
    let mut child = start(folder.path());
    child.kill().expect("killed");
    child.wait().expect("dead");
    // Its program waits at the gate without anyone; the engine that opens the folder must end it.
    let house = reopened(folder).await;
    if cfg!(target_os = "linux") {
        assert_eq!(marked(&house), 0, "a program of the dead engine still lives");
    }
    check_lines(&resume_and_finish(house).await);
}

/// How many living processes carry the mark of the engine's folder.
fn marked(house: &House) -> usize {
    let mark = fs::read_to_string(house.folder.path().join("engine/engine.id")).expect("written");
    let entries = fs::read_dir("/proc").expect("it is Linux").filter_map(Result::ok);
    let carries = |path: &Path| {
        fs::read(path.join("environ")).is_ok_and(|found| {
            String::from_utf8_lossy(&found).contains(&format!("OUTLAST_PIPELINE_ENGINE={mark}"))
        })
    };
    entries.filter(|entry| carries(&entry.path())).count()
}

#[tokio::test]
async fn one_run_is_resumed_while_another_rests() {
    let House { engine, folder } = house(4).await;
    named_pipe(&folder.path().join("gate").to_string_lossy());
    let house = House { engine, folder };
    let gate = house.outside("gate");
    let held = |text: &str| vec![script("held", &format!("{text}; read line < {gate}"), &[])];
    let mut runs = Vec::new();
    for text in ["echo 1 > \"$out\"", "echo 2 > \"$out\""] {
        let run = house.submit(&held(text)).await;
        until(&house.engine, &run, "held", ExecutionState::Running).await;
        runs.push(run);
    }
    let House { engine, folder } = house;
    engine.close().await;
    let house = reopened(folder).await;
    let changes = house.engine.changes();
    house.engine.resume(&runs[1]).await.expect("known");
    until(&house.engine, &runs[1], "held", ExecutionState::Running).await;
    assert!(changes.has_changed().expect("open"), "whoever watches is told");
    let_go(&gate).await;
    assert_eq!(house.engine.wait(&runs[1]).await.expect("it ends").state, SUCCEEDED);
    let resting = house.engine.view(&runs[0]).await.expect("known");
    assert!(!resting.state.is_final() && resting.executions[0].attempts == 1);
    house.engine.resume(&runs[1]).await.expect("nothing to do");
    assert_eq!(house.engine.resume_all().await.expect("open"), [runs[0].clone()]);
    house.engine.close().await;
}

#[tokio::test]
async fn a_run_that_rests_can_be_cancelled_without_being_resumed() {
    let House { engine, folder } = house(2).await;
    named_pipe(&folder.path().join("gate").to_string_lossy());
    let house = House { engine, folder };
    let run = house.submit(&tasks(house.folder.path())).await;
    until(&house.engine, &run, "held", ExecutionState::Running).await;
    let House { engine, folder } = house;
    engine.close().await;
    let house = reopened(folder).await;
    house.engine.cancel(&run).await.expect("known");
    let outcome = house.engine.wait(&run).await.expect("it ends");
    assert_eq!(outcome.state, terms::run::RunState::Cancelled);
    assert!(house.engine.resume_all().await.expect("open").is_empty());
    house.engine.close().await;
}

#[tokio::test]
async fn a_run_cut_off_after_any_event_ends_with_the_same_outputs() {
    let house = house(2).await;
    let flaky = house.outside("flaky");
    let tasks = [
        script("a", r#"echo 1 > "$out""#, &[]),
        Script {
            more: "executionOptions: {retryStrategy: {maxRetries: 3}}",
            ..script(
                "b",
                &format!(r#"echo x >> {flaky}; test $(wc -l < {flaky}) -ge 2; cat "$1" > "$out""#),
                &["a"],
            )
        },
        script("c", r#"cat "$1" "$2" > "$out"; echo 3 >> "$out""#, &["a", "b"]),
    ];
    let run = house.submit(&tasks).await;
    let whole = house.engine.wait(&run).await.expect("it ends");
    assert_eq!(whole.state, SUCCEEDED);
    let House { engine, mut folder } = house;
    engine.close().await;
    let path =
        |folder: &tempfile::TempDir| folder.path().join(format!("engine/runs/{run}/events.jsonl"));
    let events = fs::read_to_string(path(&folder)).expect("written");
    let lines: Vec<&str> = events.split_inclusive('\n').collect();
    assert!(lines.len() >= 9, "{events}");
    for kept in 0..lines.len() {
        // The next line is cut off in its middle, as a crash may leave it.
        let half = &lines[kept][..lines[kept].len() / 2];
        fs::write(path(&folder), lines[..kept].concat() + half).expect("written");
        let house = reopened(folder).await;
        assert_eq!(house.engine.resume_all().await.expect("open"), std::slice::from_ref(&run));
        let again = house.engine.wait(&run).await.expect("it ends");
        assert_eq!(
            (again.state, &again.outputs),
            (SUCCEEDED, &whole.outputs),
            "after {kept} events"
        );
        let House { engine, folder: same } = house;
        engine.close().await;
        folder = same;
    }
}
