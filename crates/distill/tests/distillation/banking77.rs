//! The two distillations of Banking77 with its recorded GPT-4 answers, from the project's shared data;
//! skipped where that is not there. The test rows are opened here and nowhere else.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use distill::{
    report::Report,
    step::{Context, run_all},
};
use serde::Deserialize;

use crate::teacher::{Says, Teacher};

#[derive(Deserialize)]
struct Recorded {
    text: String,
    teacher: HashMap<String, Option<String>>,
}

fn data() -> Option<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tasks/banking77");
    if data.is_dir() {
        return Some(data);
    }
    eprintln!("skipped: the folder shared/data beside the repository is not there");
    None
}

/// GPT-4 as it was recorded; `null` was an answer that is none of the labels.
fn teacher(data: &Path) -> Teacher {
    let mut answers = HashMap::new();
    for file in ["test_with_teacher.jsonl", "ocats_dev_with_teacher.jsonl"] {
        for line in fs::read_to_string(data.join(file)).unwrap().lines() {
            let row: Recorded = serde_json::from_str(line).unwrap();
            answers.insert(row.text, row.teacher["gpt-4"].clone());
        }
    }
    Teacher::start(move |text| match answers.get(text) {
        Some(Some(label)) => Says::Text(label.clone(), 0),
        Some(None) => Says::Text("none of these".to_owned(), 0),
        None => Says::Error(404, "not_recorded"),
    })
}

/// Runs a task of the project's own.
fn run(task: &str) -> Option<Report> {
    let data = data()?;
    let folder = tempfile::tempdir().unwrap();
    let access = Some(teacher(&data).access);
    let context = Context { teacher: access, progress: folder.path().join("progress") };
    let task = Path::new(env!("CARGO_MANIFEST_DIR")).join("tasks").join(task);
    run_all(&task, folder.path(), &context).unwrap();
    Some(Report::read(&folder.path().join("report")).unwrap())
}

#[test]
fn gold_labels_make_a_student_that_is_better_than_its_teacher() {
    let Some(report) = run("banking77.toml") else { return };
    assert_eq!(report.fit.gold_rows, 9002);
    assert_eq!((report.labelling.wanted, report.labelling.rejected), (4081, 0));
    let (student, teacher) = (report.accuracy.student, report.accuracy.teacher);
    assert_eq!((student.rows, teacher.rows, teacher.right), (3080, 3080, 2558));
    assert!(student.interval.estimate >= 0.90, "{student:?}");
    assert!(report.student_less_teacher.low > 0.06, "{:?}", report.student_less_teacher);
    let cascade = report.cascade.unwrap();
    assert!(cascade.accuracy.interval.estimate > student.interval.estimate, "{cascade:?}");
    assert_eq!(report.verdict.name(), "DeployAsCascade", "{:?}", report.reasons);
    assert!(report.student_bytes < 4_000_000);
}

#[test]
fn the_teachers_answers_alone_do_not_make_one() {
    let Some(report) = run("banking77_from_teacher.toml") else { return };
    assert_eq!(report.fit.gold_rows, 0);
    assert_eq!((report.fit.teacher_rows, report.labelling.wanted), (801, 4081));
    let (student, teacher) = (report.accuracy.student.interval, report.accuracy.teacher.interval);
    assert!((0.6..0.75).contains(&student.estimate), "{student:?}");
    assert!(student.high < teacher.low);
    assert_ne!(report.agreement_with_teacher.right, report.accuracy.student.right);
    assert_eq!(report.verdict.name(), "NeedMoreData", "{:?}", report.reasons);
}
