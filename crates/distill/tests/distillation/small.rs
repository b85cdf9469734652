//! A small task made here: three kinds of messages to a library, told by their words.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use decide::split::Part;
use distill::{
    DistillError,
    artifact::{PackageAnswer, StudentPackage},
    report::Report,
    step::{ALL, Context, Paths, TASK_FILE, run_all, step},
};
use tempfile::TempDir;
use terms::money::NanoUsd;

use crate::teacher::{Says, Teacher};

const LABELS: [&str; 3] = ["borrow", "opening-hours", "return"];

/// What tells a label, and what tells nothing.
const TELLING: [[&str; 6]; 3] = [
    ["borrow", "take home", "lend me", "check out", "get a copy of", "reserve"],
    ["open on", "close on", "opening hours for", "come in on", "be there on", "visit on"],
    ["return", "bring back", "give back", "hand in", "drop off", "send back"],
];
const START: [&str; 8] = [
    "Can I",
    "How do I",
    "When may I",
    "I would like to",
    "My sister wants to",
    "Is it possible to",
    "Where can somebody",
    "Please help me",
];
const END: [&str; 9] = [
    "the blue atlas",
    "Monday",
    "three novels",
    "a public holiday",
    "the film about bees",
    "next weekend",
    "an old dictionary",
    "the last day of May",
    "two comics",
];

/// Row `number` of the task: its text and its label.
fn row(number: usize) -> (String, &'static str) {
    let label = number % 3;
    let telling = TELLING[label][number / 3 % 6];
    let text = format!("{} {telling} {}? ({number})", START[number % 8], END[number / 3 % 9]);
    (text, LABELS[label])
}

/// The teacher of this task: right but for every twentieth row, and then it says something else.
fn teacher_says(text: &str) -> Says {
    let number: usize = text.rsplit(['(', ')']).nth(1).unwrap().parse().unwrap();
    let label = match number % 20 {
        7 => LABELS[(number + 1) % 3],
        13 => "I am not sure.",
        _ => LABELS[number % 3],
    };
    Says::Text(label.to_owned(), 2_000_000)
}

const TASK: &str = r#"
name = "library"
instruction = "Sort messages to a library."
budget_usd = 5
[teacher]
route = "gpt-4-recorded"
licence = "allowed"
licence_note = "written for this test"
concurrency = 3
[[data]]
file = "rows.jsonl"
label = "label"
[split]
train = 40
select = 10
calibrate = 20
test = 30
[costs]
requests_per_day = 10000
"#;

/// A folder with the task and its data.
fn task(rows: usize, toml: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let line = |number| {
        let (text, label) = row(number);
        format!("{{\"text\":\"{text}\",\"label\":\"{label}\"}}\n")
    };
    fs::write(folder.path().join("rows.jsonl"), (0..rows).map(line).collect::<String>()).unwrap();
    fs::write(folder.path().join("TASK.toml"), toml).unwrap();
    folder
}

/// Runs all steps into `folder/out`, progress in `folder/progress`.
fn run(folder: &Path, teacher: &Teacher) -> Result<Report, DistillError> {
    let out = folder.join("out");
    let teacher = Some(teacher.access.clone());
    let context = Context { teacher, progress: folder.join("progress") };
    run_all(&folder.join("TASK.toml"), &out, &context)?;
    Report::read(&out.join("report"))
}

fn report_json(folder: &Path) -> String {
    fs::read_to_string(folder.join("out/report/report.json")).unwrap()
}

#[test]
fn a_task_becomes_a_package_and_a_report() {
    let folder = task(1500, TASK);
    let teacher = Teacher::start(teacher_says);
    let report = run(folder.path(), &teacher).unwrap();
    assert_eq!(report.verdict.name(), "Deploy", "{:?}", report.reasons);
    // The calibration and test parts alone are asked about.
    let [train, select, calibrate, test] = Part::ALL.map(|part| report.split.rows[&part]);
    for (rows, share) in [(train, 600), (select, 150), (calibrate, 300), (test, 450)] {
        assert!(rows.abs_diff(share) < 30, "{rows} instead of {share}");
    }
    assert_eq!((teacher.asked(), report.labelling.wanted), (calibrate + test, calibrate + test));
    assert_eq!(report.labelling.per_thousand(), Some(NanoUsd(2_000_000_000)));
    assert_eq!(report.fit.family, "ngram-softmax");
    assert_eq!((report.fit.gold_rows, report.fit.teacher_rows), (train + select, 0));
    assert!(report.accuracy.student.interval.estimate > 0.99, "{report:?}");
    assert!((0.85..0.95).contains(&report.accuracy.teacher.interval.estimate), "{report:?}");
    assert!(report.labelling.out_of_schema > 20);

    let package = StudentPackage::load(&folder.path().join("out/package")).unwrap();
    assert_eq!(package.manifest.task, "library");
    assert_eq!(package.manifest.teacher_route, "gpt-4-recorded");
    let answer = package.answer("can I bring back the blue atlas");
    assert!(matches!(answer, PackageAnswer::Label { label: "return", .. }), "{answer:?}");

    let page = fs::read_to_string(folder.path().join("out/report/report.md")).unwrap();
    for said in [
        "**Verdict: Deploy.**",
        "| student | 1.0000 |",
        "Agreement with the teacher (not accuracy)",
        "| teacher | $2.00 |",
        "counted by the gateway over 75",
        "Nothing was learned from the teacher's answers",
        "## Measured on this machine",
    ] {
        assert!(page.contains(said), "{said:?} is not in:\n{page}");
    }
}

#[test]
fn the_same_task_gives_the_same_bytes_elsewhere() {
    let teacher = Teacher::start(teacher_says);
    let (one, two) = (task(600, TASK), task(600, TASK));
    run(one.path(), &teacher).unwrap();
    run(two.path(), &teacher).unwrap();
    for step in ALL {
        for output in step.outputs() {
            if !output.name.ends_with("_measurements") && output.name != "report" {
                let read =
                    |folder: &TempDir| contents(&folder.path().join("out").join(output.name));
                assert!(read(&one) == read(&two), "{} differs", output.name);
            }
        }
    }
    assert_eq!(report_json(one.path()), report_json(two.path()));
}

/// The bytes of a file, or of every file of a folder in order of their names.
fn contents(path: &Path) -> Vec<u8> {
    if path.is_file() {
        return fs::read(path).unwrap();
    }
    let mut files: Vec<_> = fs::read_dir(path).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|file| contents(file)).collect()
}

#[test]
fn what_was_answered_is_neither_asked_nor_paid_for_again() {
    let whole = task(600, TASK);
    let teacher = Teacher::start(teacher_says);
    run(whole.path(), &teacher).unwrap();
    let asked_in_all = teacher.asked();

    let torn = task(600, TASK);
    let answered = AtomicUsize::new(0);
    let failing = Teacher::start(move |text| match answered.fetch_add(1, Ordering::Relaxed) {
        0..100 => teacher_says(text),
        _ => Says::Error(503, "overloaded"),
    });
    let error = run(torn.path(), &failing).unwrap_err();
    assert!(matches!(error, DistillError::Gateway(_)), "{error}");
    assert!(error.to_string().contains("run the step again"), "{error}");
    // The process that died had begun one more line.
    let mut files = fs::read_dir(torn.path().join("progress")).unwrap();
    let progress = files.next().unwrap().unwrap().path();
    let half = fs::read_to_string(&progress).unwrap() + "{\"question\":\"";
    fs::write(&progress, half).unwrap();

    let teacher = Teacher::start(teacher_says);
    run(torn.path(), &teacher).unwrap();
    assert_eq!(teacher.asked(), asked_in_all - 100);
    assert_eq!(report_json(torn.path()), report_json(whole.path()));
}

#[test]
fn labels_stop_at_the_budget_and_too_few_rows_are_not_enough_to_deploy() {
    let folder = task(1500, &TASK.replace("budget_usd = 5", "budget_usd = 0.2"));
    let teacher = Teacher::start(teacher_says);
    let report = run(folder.path(), &teacher).unwrap();
    assert_eq!(
        (teacher.asked(), report.labelling.past_budget),
        (100, report.labelling.wanted - 100)
    );
    assert_eq!(report.labelling.cost.0, 200_000_000);
    assert_eq!(report.verdict.name(), "NeedBetterEval", "{:?}", report.reasons);
}

#[test]
fn a_student_of_the_teacher_needs_a_licence_and_calibrates_by_agreement() {
    let learns = TASK.replace("label = \"label\"", "learn_from = \"teacher\"").replace(
        "[split]",
        "[[data]]\nfile = \"test.jsonl\"\nlabel = \"label\"\npart = \"test\"\n[split]",
    );
    let named = learns
        .replace("[teacher]", "labels = [\"borrow\", \"opening-hours\", \"return\"]\n[teacher]");
    let named = named.replace("calibrate = 20\ntest = 30", "calibrate = 50");
    let folder = |toml: &str| {
        let folder = task(900, toml);
        let rows = fs::read_to_string(folder.path().join("rows.jsonl")).unwrap();
        let tested = rows.lines().skip(500).map(|line| format!("{line}\n"));
        fs::write(folder.path().join("test.jsonl"), tested.collect::<String>()).unwrap();
        folder
    };
    let teacher = Teacher::start(teacher_says);
    let allowed = folder(&named);
    let report = run(allowed.path(), &teacher).unwrap();
    assert_eq!(report.split.left_out, 400, "what is tested is not learned");
    assert_eq!(report.fit.gold_rows, 0);
    assert!(report.fit.teacher_rows > 200 && report.fit.unlabelled_rows > 5, "{report:?}");
    assert_eq!(report.calibration.basis, distill::report::Basis::Agreement);
    assert!(report.verdict.deploys(), "{:?}", report.reasons);

    let unanswered = folder(&named.replace("licence = \"allowed\"", ""));
    let report = run(unanswered.path(), &teacher).unwrap();
    assert_eq!(report.verdict.name(), "NoProfitableDistillation");
    assert!(report.reasons[0].contains("nobody has answered"), "{:?}", report.reasons);
    let package = StudentPackage::load(&unanswered.path().join("out/package")).unwrap();
    assert!(!package.manifest.verdict.deploys());
}

#[test]
fn rows_that_the_teacher_rejects_are_kept_with_their_reason() {
    let folder = task(300, TASK);
    let teacher = Teacher::start(|text| {
        if text.contains("comics") { Says::Error(404, "not_recorded") } else { teacher_says(text) }
    });
    let report = run(folder.path(), &teacher).unwrap();
    assert!(report.labelling.rejected > 10, "{report:?}");
    assert_eq!(report.labelling.without_cost, report.labelling.rejected);
    let labels = fs::read_to_string(folder.path().join("out/labels")).unwrap();
    assert!(
        labels.contains(r#"{"kind":"rejected","reason":"not_recorded: scripted"}"#),
        "{labels}"
    );
}

#[test]
fn a_price_that_the_gateway_had_to_assume_is_said_to_be() {
    let folder = task(300, TASK);
    let teacher = Teacher::start(|text| match teacher_says(text) {
        Says::Text(label, cost) => Says::AtAssumedPrice(label, cost),
        other => other,
    });
    let report = run(folder.path(), &teacher).unwrap();
    let labelling = &report.labelling;
    assert_eq!(labelling.at_assumed_price, labelling.labelled + labelling.out_of_schema);
    let page = fs::read_to_string(folder.path().join("out/report/report.md")).unwrap();
    assert_eq!(page.matches("**at an assumed price**").count(), 3, "{page}");
}

#[test]
fn a_step_says_what_it_lacks() {
    let folder = task(60, TASK);
    let check = |name: &str, paths: &dyn Fn(Paths) -> Paths, expect: &str| {
        let step = step(name).unwrap();
        let given = Paths::in_folder(step, &folder.path().join("out"));
        let error = step.run(&paths(given), &Context::default()).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    let task_file = folder.path().join("TASK.toml");
    check("split", &|_| Paths::default(), "the step `split` needs a path for `task`");
    check("gather", &|paths| paths.with(TASK_FILE, "nowhere/TASK.toml"), "nowhere/TASK.toml");
    let gather = step("gather").unwrap();
    let paths = Paths::in_folder(gather, &folder.path().join("out")).with(TASK_FILE, &task_file);
    gather.run(&paths, &Context::default()).unwrap();
    let split = step("split").unwrap();
    let paths = Paths::in_folder(split, &folder.path().join("out"));
    split.run(&paths, &Context::default()).unwrap();
    check("label", &|paths| paths, "it needs the gateway's address and a key");

    let rows = folder.path().join("rows.jsonl");
    fs::write(&rows, "{\"text\":\"a\",\"label\":\"b\"}\n{\"txt\":\"a\"}\n").unwrap();
    check("gather", &|paths| paths.with(TASK_FILE, &task_file), "rows.jsonl:2: there is no `text`");
    fs::write(&rows, "{\"text\":\"a\",\"label\":\"b\"}\n").unwrap();
    check("gather", &|paths| paths.with(TASK_FILE, &task_file), "too few to tell apart");
}
