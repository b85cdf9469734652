//! The n-gram student on Banking77, from the project's shared data. `-- select` compares settings by
//! three-fold cross-validation on training rows; `-- test` fits the chosen ones and opens the test rows.

use std::{
    collections::HashSet,
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::Deserialize;
use student::{
    ALL, Family, FitOptions, Row,
    family::ngram::{NgramSoftmax, Settings, Shape},
};

const FOLDS: usize = 3;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tasks/banking77");
    if !folder.is_dir() {
        return say("skipped: the folder shared/data beside the repository is not there");
    }
    let calibration = read(&folder.join("ocats_dev_with_teacher.jsonl"));
    let held_out: HashSet<&str> = calibration.iter().map(|row| row.text.as_str()).collect();
    let mut train = read(&folder.join("train.jsonl"));
    train.retain(|row| !held_out.contains(row.text.as_str()));
    match env::args().nth(1).as_deref() {
        Some("select") => select(&train),
        Some("test") => {
            test(&train, &calibration, &read(&folder.join("test_with_teacher.jsonl")));
        }
        _ => say("usage: banking77 select | test"),
    }
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output can be written");
}

#[derive(Deserialize)]
struct Line {
    text: String,
    label: String,
}

fn read(path: &PathBuf) -> Vec<Row> {
    let text = fs::read_to_string(path).expect("the data's files are there");
    let row = |line: &str| {
        let line: Line = serde_json::from_str(line).expect("every line is a row");
        Row { text: line.text, label: line.label }
    };
    text.lines().map(row).collect()
}

/// The chosen settings and their neighbours, each on the same folds of the training rows.
fn select(train: &[Row]) {
    let chosen = NgramSoftmax::CHOSEN.0;
    let shape = |change: fn(&mut Shape)| {
        let mut shape = chosen.shape;
        change(&mut shape);
        Settings { shape, ..chosen }
    };
    let neighbours = [
        ("chosen", chosen),
        ("5 passes", Settings { passes: 5, ..chosen }),
        ("12 passes", Settings { passes: 12, ..chosen }),
        ("first rate 1", Settings { first_rate: 1.0, ..chosen }),
        ("first rate 3", Settings { first_rate: 3.0, ..chosen }),
        ("no smoothing", Settings { smoothing: 0.0, ..chosen }),
        ("smoothing 0.2", Settings { smoothing: 0.2, ..chosen }),
        ("16 bits", shape(|shape| shape.hash_bits = 16)),
        ("20 bits", shape(|shape| shape.hash_bits = 20)),
        ("words alone", shape(|shape| shape.most_words = 1)),
        ("three words", shape(|shape| shape.most_words = 3)),
        ("characters from 2", shape(|shape| shape.fewest_characters = 2)),
        ("characters to 6", shape(|shape| shape.most_characters = 6)),
    ];
    say("| settings | accuracy on held-out training rows | fit, s |\n|---|---|---|");
    for (name, settings) in neighbours {
        let started = Instant::now();
        let accuracy = cross_validated(&NgramSoftmax(settings), train);
        let seconds = started.elapsed().as_secs_f64() / FOLDS as f64;
        say(&format!("| {name} | {accuracy:.4} | {seconds:.2} |"));
    }
}

/// Rows stand label by label in the file, so every third row is a fair fold.
fn cross_validated(family: &dyn Family, rows: &[Row]) -> f64 {
    let mut right = 0;
    for fold in 0..FOLDS {
        let part = |held_out: bool| {
            let wanted = move |place: usize| (place % FOLDS == fold) == held_out;
            rows.iter().enumerate().filter(move |(place, _)| wanted(*place)).map(|(_, row)| row)
        };
        let train: Vec<Row> = part(false).cloned().collect();
        let student = family.fit(&train, &FitOptions::default()).expect("there are 77 labels");
        right += part(true)
            .filter(|row| student.labels()[student.predict(&row.text).label] == row.label)
            .count();
    }
    right as f64 / rows.len() as f64
}

fn test(train: &[Row], calibration: &[Row], test: &[Row]) {
    let rows = (train.len(), calibration.len(), test.len());
    say(&format!("train {}, calibrate {}, test {} rows", rows.0, rows.1, rows.2));
    say(
        "| family | accuracy | fit, s | p50, µs | p99, µs | size, MB | temperature | calibration error |",
    );
    say("|---|---|---|---|---|---|---|---|");
    for family in ALL {
        let started = Instant::now();
        let mut student = family.fit(train, &FitOptions::default()).expect("there are 77 labels");
        let fit = started.elapsed().as_secs_f64();
        let fitness = student.calibrate(calibration);
        let mut times: Vec<Duration> = Vec::with_capacity(test.len());
        let mut right = 0;
        for row in test {
            let asked = Instant::now();
            let prediction = student.predict(&row.text);
            times.push(asked.elapsed());
            right += usize::from(student.labels()[prediction.label] == row.label);
        }
        times.sort_unstable();
        let micros = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
        say(&format!(
            "| {} | {:.4} | {fit:.2} | {:.1} | {:.1} | {:.2} | {:.3} | {:.3} → {:.3} |",
            family.name(),
            right as f64 / test.len() as f64,
            micros(50),
            micros(99),
            student.bytes() as f64 / 1e6,
            fitness.temperature,
            fitness.error_before,
            fitness.error_after,
        ));
    }
}
