//! Fit: climbs the ladder of student families. Every rung is trained on the training rows and compared on
//! the select part; the winner is trained once more on both. What more rows would bring is learned along
//! the way.

use std::{path::Path, time::Instant};

use decide::{learning::Point, split::Part};
use serde::{Deserialize, Serialize};
use student::{Family, FitOptions, Row as Lesson, Student};

use crate::{
    error::DistillError,
    lessons::{Answers, to_compare, to_learn},
    measured::FitMeasurements,
    rows::{Parts, Row},
    step::{Context, Paths, Port, Step},
    stored::{read_json, write, write_json},
    task::{LearnFrom, Task},
};

/// The step.
#[derive(Debug)]
pub(super) struct Fit;

/// The learning curve's smaller fits: every fourth training row, every second.
const CURVE: [usize; 2] = [4, 2];

/// What was trained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitSummary {
    /// The family of the student.
    pub family: String,
    /// Rows it was trained on in the end.
    pub trained_rows: usize,
    /// Of these, rows with the data's own label.
    pub gold_rows: usize,
    /// Of these, rows with the teacher's label.
    pub teacher_rows: usize,
    /// Rows to be learned from the teacher that have no label of it.
    pub unlabelled_rows: usize,
    /// The most frequent label among them, which every student must beat.
    pub majority_label: String,
    /// Every family on the select part.
    pub rungs: Vec<Rung>,
    /// The winner on fewer rows, and on all training rows.
    pub curve: Vec<Point>,
    /// The student's file in bytes.
    pub bytes: usize,
}

/// A family on the select part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Which.
    pub family: String,
    /// What it got wrong there.
    pub select: Point,
}

impl Step for Fit {
    fn name(&self) -> &'static str {
        "fit"
    }

    fn what(&self) -> &'static str {
        "trains a student of every family and keeps the best"
    }

    fn inputs(&self) -> &'static [Port] {
        &[
            Port { name: "task", what: "from gather" },
            Port { name: "parts", what: "from split" },
            Port { name: "labels", what: "from label" },
        ]
    }

    fn outputs(&self) -> &'static [Port] {
        &[
            Port { name: "fitted_student", what: "safetensors: the student, not yet calibrated" },
            Port { name: "fit", what: "JSON: the rungs and the learning curve" },
            Port { name: "fit_measurements", what: "JSON: how long training took" },
        ]
    }

    fn run(&self, paths: &Paths, _context: &Context) -> Result<(), DistillError> {
        let task: Task = read_json(paths.get(self, "task")?)?;
        let parts = Parts::read(paths.get(self, "parts")?)?;
        let answers = Answers::read(paths.get(self, "labels")?)?;
        let options = FitOptions { seed: task.seed };

        let started = Instant::now();
        let train = to_learn(parts.get(Part::Train), &answers);
        let select = to_compare(parts.get(Part::Select), &answers);
        let (family, rungs) = climb(&train, &select, options)?;
        let curve = curve(family, &train, &select, options);

        let rows = [parts.get(Part::Train), parts.get(Part::Select)].concat();
        let lessons = to_learn(&rows, &answers);
        let last_started = Instant::now();
        let student = family.fit(&lessons, &options)?;
        let measurements = FitMeasurements {
            training_seconds: last_started.elapsed().as_secs_f64(),
            all_fits_seconds: started.elapsed().as_secs_f64(),
        };

        let summary = summary(&*student, &rows, &lessons, rungs, curve);
        write(paths.get(self, "fitted_student")?, &student.save())?;
        write_json(paths.get(self, "fit")?, &summary)?;
        write_json(paths.get(self, "fit_measurements")?, &measurements)
    }
}

/// Every rung on the select part, and the family of the best: the cheaper to serve among equals. Without
/// a select part it is the highest rung.
fn climb(
    train: &[Lesson],
    select: &[Lesson],
    options: FitOptions,
) -> Result<(&'static dyn Family, Vec<Rung>), DistillError> {
    let mut rungs = Vec::new();
    for family in student::ALL {
        let student = family.fit(train, &options)?;
        let select = point(&*student, train.len(), select);
        rungs.push(Rung { family: family.name().to_owned(), select });
    }
    let by_errors = |rung: &usize| if select.is_empty() { 0 } else { rungs[*rung].select.errors };
    let places = 0..rungs.len();
    let best = if select.is_empty() { places.last() } else { places.min_by_key(by_errors) };
    let best = best.expect("there is at least one family");
    Ok((student::ALL[best], rungs))
}

/// The winner on a quarter, a half and all of the training rows. A part too small to be learned from is
/// left out.
fn curve(
    family: &dyn Family,
    train: &[Lesson],
    select: &[Lesson],
    options: FitOptions,
) -> Vec<Point> {
    let every = |nth: usize| train.iter().step_by(nth).cloned().collect::<Vec<_>>();
    let parts = CURVE.into_iter().chain([1]).map(every);
    let points = parts
        .filter_map(|part| Some(point(&*family.fit(&part, &options).ok()?, part.len(), select)));
    points.collect()
}

fn point(student: &dyn Student, trained_rows: usize, asked: &[Lesson]) -> Point {
    let wrong =
        |lesson: &&Lesson| student.labels()[student.predict(&lesson.text).label] != lesson.label;
    Point {
        trained_rows: trained_rows as u64,
        errors: asked.iter().filter(wrong).count() as u64,
        asked: asked.len() as u64,
    }
}

fn summary(
    student: &dyn Student,
    rows: &[Row],
    lessons: &[Lesson],
    rungs: Vec<Rung>,
    curve: Vec<Point>,
) -> FitSummary {
    let from_gold = rows.iter().filter(|row| row.learn_from == LearnFrom::Gold).count();
    FitSummary {
        family: student.family().to_owned(),
        trained_rows: lessons.len(),
        gold_rows: from_gold,
        teacher_rows: lessons.len() - from_gold,
        unlabelled_rows: rows.len() - lessons.len(),
        majority_label: majority(student.labels(), lessons),
        rungs,
        curve,
        bytes: student.bytes(),
    }
}

/// The most frequent label; the first among equals.
fn majority(labels: &[String], lessons: &[Lesson]) -> String {
    let count = |label: &&String| lessons.iter().filter(|lesson| lesson.label == **label).count();
    labels.iter().rev().max_by_key(count).cloned().unwrap_or_default()
}

/// Reads a student of any family.
pub(super) fn read_student(path: &Path) -> Result<Box<dyn Student>, DistillError> {
    let file = crate::stored::read(path)?;
    student::load(&file).map_err(|source| DistillError::Student { path: path.to_owned(), source })
}
