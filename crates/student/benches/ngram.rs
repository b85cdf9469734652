//! What a fit and an answer of the n-gram student cost, on rows made here: 40 labels, 50 rows each.
//! `cargo bench -p student`.

use student::{Family, FitOptions, Row, family::ngram::NgramSoftmax};

fn main() {
    divan::main();
}

const FAMILY: NgramSoftmax = NgramSoftmax::CHOSEN;

/// Rows whose label is told by one of their words; the rest is filling that repeats in a fixed order.
fn rows() -> Vec<Row> {
    const FILLING: [&str; 8] =
        ["please", "my", "card", "tell me", "why is", "how", "account", "today"];
    let row = |number: usize| {
        let label = number % 40;
        let word = |place: usize| FILLING[(number / 3 + place * place) % FILLING.len()];
        let text = format!("{} {} topic{label} {} number {number}", word(1), word(2), word(3));
        Row { text, label: format!("label-{label:02}") }
    };
    (0..2000).map(row).collect()
}

#[divan::bench(sample_count = 5)]
fn fit(bencher: divan::Bencher<'_, '_>) {
    let rows = rows();
    bencher.bench(|| FAMILY.fit(&rows, &FitOptions::default()));
}

#[divan::bench]
fn predict(bencher: divan::Bencher<'_, '_>) {
    let student = FAMILY.fit(&rows(), &FitOptions::default()).expect("there are 40 labels");
    let text = "I still have not received my new card, I ordered over a week ago for topic7.";
    bencher.bench(|| student.predict(divan::black_box(text)));
}

#[divan::bench]
fn load(bencher: divan::Bencher<'_, '_>) {
    let student = FAMILY.fit(&rows(), &FitOptions::default()).expect("there are 40 labels");
    let file = student.save();
    bencher.bench(|| student::load(divan::black_box(&file)));
}
