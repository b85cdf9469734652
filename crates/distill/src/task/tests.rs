//! Task files as people write them, right and wrong.

use std::path::Path;

use decide::{split::Part, verdict::Licence};
use terms::money::NanoUsd;

use crate::task::{LearnFrom, TaskFile};

const SMALLEST: &str = r#"
name = "banking-intent"
instruction = "Classify."

[teacher]
route = "gpt-4"

[[data]]
file = "rows.jsonl"
label = "label"
"#;

fn parse(text: &str) -> Result<TaskFile, String> {
    TaskFile::parse(text, Path::new("tasks/TASK.toml")).map_err(|error| error.to_string())
}

#[test]
fn the_smallest_task_has_careful_defaults() {
    let TaskFile { task, conditions, data, output, .. } = parse(SMALLEST).unwrap();
    assert_eq!(data, [Path::new("tasks/rows.jsonl")]);
    assert_eq!(output, Path::new("tasks/distillations/banking-intent"));
    assert_eq!((task.data[0].part, task.data[0].learn_from), (None, LearnFrom::Gold));
    assert_eq!(conditions.licence, Licence::Unanswered);
    assert_eq!(conditions.budget, NanoUsd(1_000_000_000));
    assert_eq!(conditions.assumed.teacher_per_thousand, None);
}

#[test]
fn a_full_task_is_read() {
    let text = r#"
name = "b"
instruction = "Classify."
labels = ["x", "y"]
output = "/out"
seed = 7
budget_usd = 2.5
[teacher]
route = "gpt-4"
recorded = true
licence = "allowed"
licence_note = "legal, 2026"
concurrency = 2
[[data]]
file = "a.jsonl"
input = "question"
part = "train"
learn_from = "teacher"
[[data]]
file = "b.jsonl"
label = "gold"
part = "test"
[split]
train = 8
select = 2
[eval]
metric = "accuracy"
margin = 0.02
least_accuracy = 0.9
[cascade]
most_errors = 0.02
risk = 0.1
[costs]
teacher_usd_per_thousand = 240
audit_share = 0.0
requests_per_day = 5
note = "from a paper"
"#;
    let TaskFile { task, conditions, output, .. } = parse(text).unwrap();
    assert_eq!(output, Path::new("/out"));
    assert_eq!((task.seed, conditions.concurrency), (7, 2));
    assert_eq!(task.shares.0, [8, 2, 0, 0]);
    assert_eq!(task.data[1].part, Some(Part::Test));
    assert_eq!(conditions.assumed.teacher_per_thousand, Some(NanoUsd(240_000_000_000)));
    assert!(conditions.assumed.audit_share.abs() < 1e-12);
    assert_eq!(conditions.requirement.least_accuracy, Some(0.9));
}

fn check(change: (&str, &str), expect: &str) {
    let error = parse(&SMALLEST.replacen(change.0, change.1, 1)).unwrap_err();
    assert!(error.starts_with("tasks/TASK.toml:") && error.contains(expect), "{error}");
}

#[test]
fn what_cannot_be_is_refused_with_its_line() {
    check(("[teacher]", "budget = 1\n[teacher]"), ":5: unknown field `budget`");
    check(("file =", "path = 1\nfile ="), ":9: unknown field `path`");
    check(("banking-intent", "Banking Intent"), ":2: the name may have");
    check(("Classify.", " "), ":3: the instruction is empty");
    check(("label = \"label\"", ""), ":9: rows to learn from need");
    check(("[teacher]", "budget_usd = -1.0\n[teacher]"), ":5: an amount");
    check(("route =", "concurrency = 1000\nroute ="), ":6: it may be from 1 to 64");
    check(("[teacher]", "[eval]\nmargin = 0.0\n[teacher]"), ":6: a share lies");
    check(("[teacher]", "[eval]\nmetric = \"vibes\"\n[teacher]"), ":6: unknown variant `vibes`");
    check(("[teacher]", "[split]\ntrain = 0\n[teacher]"), "`train` must have a share");
    check(("[teacher]", "labels = [\"a\"]\nlabels_file = \"b\"\n[teacher]"), ":6: `labels` and");
    check(("route = \"gpt-4\"", ""), "missing field `route`");
}

#[test]
fn the_contents_change_with_any_file_and_a_missing_one_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let (task, rows) = (folder.path().join("TASK.toml"), folder.path().join("rows.jsonl"));
    std::fs::write(&task, SMALLEST).unwrap();
    let contents = || TaskFile::read(&task).unwrap().contents().map_err(|error| error.to_string());
    let missing = contents().unwrap_err();
    assert!(missing.contains("TASK.toml:9: the file ") && missing.contains("rows.jsonl cannot be"));
    std::fs::write(&rows, "1").unwrap();
    let first = contents().unwrap();
    assert_eq!(contents().unwrap(), first);
    std::fs::write(&rows, "2").unwrap();
    let second = contents().unwrap();
    std::fs::write(&task, format!("{SMALLEST}\n")).unwrap();
    let third = contents().unwrap();
    assert!(first != second && second != third);
    let route = TaskFile::read(&task).unwrap().route_error("nobody").to_string();
    assert!(route.contains("TASK.toml:6: nobody"), "{route}");
}
