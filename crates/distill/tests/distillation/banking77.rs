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
    println!("skipped: the folder shared/data beside the repository is not there");
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

fn run(name: &str, data_sections: &str) -> Option<Report> {
    let data = data()?;
    let folder = tempfile::tempdir().unwrap();
    let toml = format!(
        r#"
name = "{name}"
instruction = "Sort a customer's message to a bank by its intent."
labels_file = "{data}/categories.json"
[teacher]
route = "teacher-route"
recorded = true
licence = "allowed"
licence_note = "recorded labels under MIT"
{data_sections}
[costs]
teacher_usd_per_thousand = 240
requests_per_day = 10000
note = "about $740 for 3,080 answers with three examples each, arXiv 2311.06102"
"#,
        data = data.display()
    )
    .replace("DATA", &data.display().to_string());
    fs::write(folder.path().join("TASK.toml"), toml).unwrap();
    let access = Some(teacher(&data).access);
    let context = Context { teacher: access, progress: folder.path().join("progress") };
    let out = folder.path().join("out");
    run_all(&folder.path().join("TASK.toml"), &out, &context).unwrap();
    if let Some(keep) = option_env!("OUTLAST_KEEP_REPORTS") {
        fs::create_dir_all(keep).unwrap();
        fs::copy(out.join("report/report.md"), format!("{keep}/{name}.md")).unwrap();
    }
    Some(Report::read(&out.join("report")).unwrap())
}

#[test]
fn gold_labels_make_a_student_that_is_better_than_its_teacher() {
    let sections = r#"
[[data]]
file = "DATA/train.jsonl"
label = "label"
part = "train"
[[data]]
file = "DATA/ocats_dev_with_teacher.jsonl"
label = "label"
part = "calibrate"
[[data]]
file = "DATA/test_with_teacher.jsonl"
label = "label"
part = "test"
"#;
    let Some(report) = run("banking-intent", sections) else { return };
    assert_eq!(report.fit.gold_rows, 9002);
    assert_eq!((report.labelling.wanted, report.labelling.rejected), (4081, 0));
    let (student, teacher) = (report.accuracy.student, report.accuracy.teacher);
    assert_eq!((student.rows, teacher.rows, teacher.right), (3080, 3080, 2558));
    assert!(student.interval.estimate >= 0.90, "{student:?}");
    assert!(report.student_less_teacher.low > 0.06, "{:?}", report.student_less_teacher);
    assert!(report.verdict.deploys(), "{:?}", report.reasons);
    assert!(report.student_bytes < 4_000_000);
}

#[test]
fn the_teachers_answers_alone_do_not_make_one() {
    let sections = r#"
[[data]]
file = "DATA/ocats_dev_with_teacher.jsonl"
learn_from = "teacher"
[[data]]
file = "DATA/test_with_teacher.jsonl"
label = "label"
part = "test"
[split]
train = 70
select = 10
calibrate = 20
"#;
    let Some(report) = run("banking-intent-from-teacher", sections) else { return };
    assert_eq!(report.fit.gold_rows, 0);
    let agreement = report.agreement_with_teacher.interval.estimate;
    let accuracy = report.accuracy.student.interval.estimate;
    assert!(agreement > accuracy, "agreement {agreement} is not accuracy {accuracy}");
    assert!(!report.verdict.deploys() || report.cascade.is_some(), "{:?}", report.reasons);
}
