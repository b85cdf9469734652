//! A student from its package to its callers: deployed, taken away, brought back; beside a recorded
//! teacher.

use std::path::Path;

use decide::verdict::Verdict;
use distill::artifact::{Manifest, StudentPackage};
use serde_json::Value;
use student::{FitOptions, Row};

use crate::program::{Place, Reply, Server};

const CONFIG: &str = r#"
[[provider]]
name = "recorded"
recordings = ["answers.jsonl"]
input = "/text"
answer = "/teacher/gpt-4"

[[route]]
name = "gpt-4-recorded"
targets = ["recorded/gpt-4"]

[[price]]
model = "recorded/gpt-4"
input_usd_per_million = 30
output_usd_per_million = 60
"#;

const ANSWERS: &str = r#"{"text": " good evening ", "teacher": {"gpt-4": "rate"}}
{"text": "out of schema", "teacher": {"gpt-4": null}}
"#;

fn place() -> Place {
    let place = Place::new(&[]);
    place.write("outlast.toml", CONFIG);
    place.write("answers.jsonl", ANSWERS);
    place
}

/// A package whose student knows two labels; `more` makes another version of it.
fn package(folder: &Path, more: &str, verdict: Verdict) -> String {
    let row = |label: &str, text: &str| Row { text: text.to_owned(), label: label.to_owned() };
    let rows =
        [row("lost", &format!("I lost my card {more}")), row("rate", "what is the exchange rate")];
    let family = student::family("ngram-softmax").unwrap();
    let student = family.fit(&rows, &FitOptions::default()).unwrap();
    let manifest = Manifest {
        task: "intent".to_owned(),
        instruction: "Sort it.".to_owned(),
        labels: ["lost", "rate"].map(str::to_owned).to_vec(),
        threshold: 0.9,
        teacher_route: "gpt-4-recorded".to_owned(),
        verdict,
    };
    StudentPackage::write(folder, &manifest, &*student).unwrap()
}

async fn ask(server: &Server, key: &str, text: &str) -> Reply {
    let body = format!(
        r#"{{"model":"task:intent","max_tokens":64,"messages":[{{"role":"user","content":"{text}"}}]}}"#
    );
    server.post("/v1/messages", key, &body).await
}

fn said(reply: &Reply) -> String {
    let json: Value = serde_json::from_str(&reply.text).unwrap();
    json["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{}", reply.text)).to_owned()
}

#[tokio::test]
async fn a_student_is_deployed_taken_away_and_brought_back_while_it_serves() {
    let place = place();
    let first = package(&place.path("first"), "", Verdict::DeployAsCascade);
    let second = package(&place.path("second"), "today", Verdict::DeployAsCascade);
    let key = place.key();
    let server = place.serve();
    let shown = place.print(&["deploy", "first"]);
    assert!(shown.contains(&first) && shown.contains("gpt-4-recorded"), "{shown}");

    let by_student = ask(&server, &key, "I lost my card").await;
    assert_eq!(said(&by_student), "lost");
    assert_eq!(by_student.header("x-outlast-target"), format!("students/intent@{first}"));
    let by_teacher = ask(&server, &key, "good evening").await;
    assert_eq!(said(&by_teacher), "rate");
    assert_eq!(by_teacher.header("x-outlast-target"), "recorded/gpt-4");
    let unknown_to_both = ask(&server, &key, "good morning").await;
    assert_eq!(
        unknown_to_both.header("x-outlast-target"),
        format!("students/intent@{first}-unsure")
    );

    place.print(&["deploy", "second"]);
    std::fs::remove_dir_all(place.path("second")).unwrap();
    assert!(place.print(&["tasks"]).contains(&second));
    place.print(&["undeploy", "task:intent"]);
    let gone = ask(&server, &key, "I lost my card").await;
    assert!(gone.text.contains("was recorded"), "{}", gone.text);
    place.print(&["rollback", "intent"]);
    let back = ask(&server, &key, "I lost my card").await;
    assert_eq!(back.header("x-outlast-target"), format!("students/intent@{second}"));
    server.kill();

    // What serves survives the program, also changes made while none runs.
    place.print(&["deploy", "first"]);
    let server = place.serve();
    let again = ask(&server, &key, "I lost my card").await;
    assert_eq!(again.header("x-outlast-target"), format!("students/intent@{first}"));
    server.stop();
}

#[tokio::test]
async fn a_configured_task_is_its_teacher_until_a_student_is_deployed() {
    let place = place();
    place.write("outlast.toml", &format!("tasks = [\"TASK.toml\"]\n{CONFIG}"));
    let task = |teacher: &str| {
        format!(
            "name = \"intent\"\ninstruction = \"Sort it.\"\nlabels = [\"lost\", \"rate\"]\n[teacher]\nroute = \"{teacher}\"\n[[data]]\nfile = \"rows.jsonl\"\nlabel = \"label\"\n"
        )
    };
    place.write("TASK.toml", &task("gpt-4-recordd"));
    let shown = String::from_utf8(place.run(&["check"]).stdout).unwrap();
    assert!(shown.contains("1:10: the teacher of `task:intent` leads nowhere"), "{shown}");
    place.write("TASK.toml", &task("gpt-4-recorded"));
    package(&place.path("package"), "", Verdict::Deploy);
    let key = place.key();
    let server = place.serve();
    let by_teacher = ask(&server, &key, "good evening").await;
    assert_eq!(by_teacher.header("x-outlast-target"), "recorded/gpt-4");
    place.print(&["deploy", "package"]);
    let by_student = ask(&server, &key, "I lost my card").await;
    assert!(by_student.header("x-outlast-target").starts_with("students/"));
    // Before its first student its teacher answered.
    let shown = place.print(&["rollback", "intent"]);
    assert!(shown.contains("gpt-4-recorded"), "{shown}");
    let again = ask(&server, &key, "good evening").await;
    assert_eq!(again.header("x-outlast-target"), "recorded/gpt-4");
    server.stop();
}

#[tokio::test]
async fn a_damaged_student_leaves_its_task_to_its_teacher_until_it_is_deployed_again() {
    let place = place();
    let version = package(&place.path("package"), "", Verdict::Deploy);
    let key = place.key();
    place.print(&["deploy", "package"]);
    let kept = format!("outlast-data/students/intent/{version}/student.safetensors");
    std::fs::write(place.path(&kept), b"damaged").unwrap();
    let server = place.serve();
    let by_teacher = ask(&server, &key, "good evening").await;
    assert_eq!(by_teacher.header("x-outlast-target"), "recorded/gpt-4");
    place.print(&["deploy", "package"]);
    server.stop();
    let server = place.serve();
    let by_student = ask(&server, &key, "I lost my card").await;
    assert_eq!(by_student.header("x-outlast-target"), format!("students/intent@{version}"));
    server.stop();
}

#[test]
fn what_cannot_be_deployed_says_why() {
    let place = place();
    package(&place.path("poor"), "", Verdict::NoProfitableDistillation);
    let fails = |arguments: &[&str], expect: &str| {
        let output = place.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expect), "{arguments:?}: {said}");
    };
    fails(&["deploy", "nowhere"], "there is no folder nowhere");
    std::fs::create_dir(place.path("empty")).unwrap();
    fails(&["deploy", "empty"], "is no package of a student");
    fails(&["deploy", "poor"], "--anyway");
    fails(&["undeploy", "intent"], "no task is deployed here");
    fails(&["rollback", "intent"], "no task is deployed here");
    place.print(&["deploy", "poor", "--anyway"]);
    fails(&["rollback", "intent"], "`outlast undeploy intent` gives it to its teacher alone");
    fails(&["undeploy", "intnt"], "known are: intent");
}

#[tokio::test]
async fn a_recording_answers_what_was_recorded_and_nothing_else() {
    let place = place();
    let key = place.key();
    let server = place.serve();
    let post = async |text: &str| {
        let body = format!(
            r#"{{"model":"gpt-4-recorded","messages":[{{"role":"system","content":"Sort."}},{{"role":"user","content":"{text}"}}]}}"#
        );
        server.post("/v1/chat/completions", &key, &body).await
    };
    let answered = post("good evening").await;
    assert!(answered.text.contains(r#""content":"rate""#), "{}", answered.text);
    assert!(answered.header("x-outlast-cost") > "0.000000000", "{}", answered.text);
    for text in ["out of schema", "good night"] {
        let unknown = post(text).await;
        assert_eq!(unknown.status, 404);
        assert!(unknown.text.contains(r#""code":"not_recorded""#), "{}", unknown.text);
    }
    server.stop();
}

#[test]
fn problems_of_recordings_are_named_with_their_place() {
    let check = |provider: &str, expect: &str| {
        let place = place();
        place.write("bad.jsonl", "{\"text\": \"a\", \"answer\": \"b\"}\n\nnot json\n");
        place.write("outlast.toml", &format!("[[provider]]\n{provider}\n"));
        let shown = place.run(&["check"]);
        let said = String::from_utf8(shown.stdout).unwrap();
        assert!(said.contains(expect), "{said}");
    };
    check("name = \"r\"\nrecordings = [\"gone.jsonl\"]", "cannot be read");
    check("name = \"r\"\nrecordings = [\"bad.jsonl\"]\ninput = \"/text\"", "line 3 is no JSON");
    check("name = \"r\"\nrecordings = [\"bad.jsonl\"]", "line 1 has no text at `/input`");
    check("name = \"r\"\nrecordings = []\napi_key = \"x\"", "means nothing beside `recordings`");
    check(
        "name = \"openai\"\napi_key = \"x\"\nanswer = \"/a\"",
        "means nothing without `recordings`",
    );
    check("name = \"students\"\nbase_url = \"http://h/v1\"", "the name of the students");
}
