//! `outlast distill`: the same report whatever happens on the way. The process is killed outright at
//! several points and started again; every time it goes on where it was.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

use simulator::{Answer, Vendor, VendorSpec};
use terms::dialect::Dialect;

use crate::program::Place;

const LABELS: [&str; 3] = ["borrow", "opening-hours", "return"];
const START: [&str; 5] = ["please", "hello,", "excuse me,", "one question:", "sorry,"];
const TELLING: [[&str; 4]; 3] = [
    ["can I take home", "may I borrow", "I would like to loan", "can you put aside"],
    ["when do you open", "are you closed on", "until when may I come on", "are you there on"],
    ["can I bring back", "where do I hand in", "how do I return", "I want to give back"],
];
const END: [&str; 7] =
    ["the atlas", "sunday", "a novel", "comics", "this film", "a map", "holidays"];

const TASK: &str = r#"
name = "library"
instruction = "Sort messages to a library."
[teacher]
route = "gpt-5.4-mini"
licence = "allowed"
licence_note = "written for this test"
concurrency = 2
[[data]]
file = "rows.jsonl"
label = "label"
[split]
train = 50
select = 10
calibrate = 20
test = 20
"#;

/// Questions to the teacher at once, as the task says: what a kill can lose.
const CONCURRENCY: u64 = 2;

/// A teacher that always says the same, and is right on a third of the rows.
async fn teacher() -> Vendor {
    let spec = VendorSpec {
        first_token_ms: 2,
        answer: Answer::Fixed("borrow".to_owned()),
        ..VendorSpec::new("openai", Dialect::OpenaiChat, &["gpt-5.4-mini"])
    };
    Vendor::start(spec).await.unwrap()
}

/// A folder with a task of 300 rows, and the teacher's vendor in the environment.
fn place(vendor: &Vendor) -> Place {
    let base = format!("{}/v1", vendor.base_url());
    let place = Place::new(&[("OPENAI_API_KEY", "a"), ("OPENAI_BASE_URL", &base)]);
    let row = |number: usize| {
        let (label, third) = (number % 3, number / 3);
        let (telling, end) = (TELLING[label][third % 4], END[third % 7]);
        let text = format!("{} {telling} {end}? ({number})", START[number % 5]);
        format!("{{\"text\":\"{text}\",\"label\":\"{}\"}}\n", LABELS[label])
    };
    place.write("rows.jsonl", &(0..300).map(row).collect::<String>());
    place.write("TASK.toml", TASK);
    place
}

const DISTILL: [&str; 4] = ["distill", "TASK.toml", "--out", "result"];

fn report(place: &Place) -> String {
    std::fs::read_to_string(place.path("result/report.json")).unwrap()
}

/// Starts the distillation, with its lines as they come.
fn start(place: &Place) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut command = place.command(&DISTILL);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.map_while(Result::ok))
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// No file of the folder may hold anything that looks like a virtual key.
fn check_for_keys(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            check_for_keys(&path);
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let mut places = text.match_indices("ok_");
        let is_key = |at: usize| text.as_bytes().get(at + 15) == Some(&b'_');
        assert!(!places.any(|(at, _)| is_key(at)), "a key in {}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_ends_with_the_same_report() {
    let vendor = teacher().await;
    let whole = place(&vendor);
    let shown = whole.print(&DISTILL);
    assert!(shown.contains("Verdict: ") && shown.contains("distill library: succeeded"), "{shown}");
    let asked = vendor.stats().requests;
    assert!(asked > 50, "{asked}");
    let usage = whole.usage("principal");
    assert_eq!(usage[0]["labels"]["principal"], "outlast-distill");
    check_for_keys(&whole.path("outlast-data/pipelines"));

    let vendor = teacher().await;
    let torn = place(&vendor);
    let (child, _lines) = start(&torn);
    vendor.arrived(20).await;
    kill(child);
    let (child, _lines) = start(&torn);
    vendor.arrived(45).await;
    kill(child);
    for point in ["gather", "label", "fit", "evaluate", "report"] {
        let (child, mut lines) = start(&torn);
        let seen = lines.find(|line| line.split("  ").nth(1) == Some(point));
        assert!(seen.is_some(), "it ended before {point}");
        kill(child);
    }
    let shown = torn.print(&DISTILL);
    assert_eq!(report(&torn), report(&whole), "{shown}");
    let again = vendor.stats().requests - asked;
    assert!(again <= 7 * CONCURRENCY, "{again} answers were bought twice");
    let runs = torn.print(&["pipeline", "list"]);
    let states: Vec<_> = runs.lines().skip(1).filter(|line| line.contains("succeeded")).collect();
    assert_eq!(states.len(), runs.lines().count() - 1, "none is left unfinished: {runs}");

    let package = torn.path("result/package");
    assert!(package.join("manifest.json").exists() && package.join("student.safetensors").exists());
    let shown = torn.print(&DISTILL);
    assert!(shown.contains("9 of 9 executions reused"), "{shown}");
    // Other contents under the same name are other data.
    let rows = std::fs::read_to_string(torn.path("rows.jsonl")).unwrap();
    torn.write("rows.jsonl", rows.split_once('\n').unwrap().1);
    let shown = torn.print(&DISTILL);
    assert!(shown.contains("0 of 9 executions reused"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_takes_it_up_again() {
    let vendor = teacher().await;
    let whole = place(&vendor);
    whole.print(&DISTILL);

    let vendor = teacher().await;
    let torn = place(&vendor);
    let server = torn.serve();
    let (mut child, lines) = start(&torn);
    vendor.arrived(20).await;
    server.kill();
    assert!(!child.wait().unwrap().success(), "{:?}", lines.collect::<Vec<_>>());
    let server = torn.serve();
    torn.print(&DISTILL);
    server.stop();
    assert_eq!(report(&torn), report(&whole));
    let runs = torn.print(&["pipeline", "list"]);
    assert_eq!(runs.lines().count(), 2, "the same run went on: {runs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_task_names_is_checked_before_anything_runs() {
    let vendor = teacher().await;
    let place = place(&vendor);
    let fails = |expect: &str| {
        let output = place.run(&DISTILL);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expect), "{said}");
    };
    place.write("TASK.toml", &TASK.replace("gpt-5.4-mini", "oracle"));
    fails("TASK.toml:5: the gateway has no route `oracle`");
    place.write("TASK.toml", &TASK.replace("rows.jsonl", "nowhere.jsonl"));
    fails("TASK.toml:10: the file nowhere.jsonl cannot be read");
    place.write("TASK.toml", &TASK.replace("[split]", "[splits]"));
    fails("TASK.toml:12: unknown field `splits`");
    assert_eq!(vendor.stats().requests, 0);
}

#[test]
fn steps_are_listed_and_say_what_they_lack() {
    let place = Place::new(&[]);
    let shown = place.print(&["step", "--list"]);
    assert!(shown.contains("label: asks the teacher") && shown.contains("  writes --package: "));
    for (arguments, expect) in [
        (&["step", "guess"][..], "there is no step `guess`; known: gather, split"),
        (&["step", "split"], "the step `split` needs a path for `task`"),
        (
            &["step", "split", "--tasks", "x"],
            "the step `split` knows no `--tasks`; it takes --task",
        ),
        (&["step", "split", "--build", "0.0.1-x"], "begun with the build 0.0.1-x"),
    ] {
        let output = place.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expect), "{said}");
    }
}
