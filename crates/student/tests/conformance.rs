//! What every family promises, checked for each member of the list on a small task made here.

use proptest::prelude::{ProptestConfig, any, proptest};
use student::{ALL, Family, FitError, FitOptions, LoadError, Row, Student, family, load};

/// Verbs and things that make a label each; what stands around them tells nothing.
const TASK: &[(&str, &str)] = &[
    ("lost", "I have lost my card"),
    ("lost", "my card was stolen yesterday"),
    ("lost", "someone took my wallet with the card in it"),
    ("lost", "I cannot find the card any more"),
    ("rate", "what is your exchange rate"),
    ("rate", "how do you set the rate for euros"),
    ("rate", "is the rate for foreign currency good"),
    ("rate", "the exchange rate I got looks wrong"),
    ("rate", "which rate applies on weekends"),
    ("limit", "how much can I top up in a day"),
    ("limit", "what is the top up limit"),
    ("limit", "is there a maximum for top ups"),
];

const OPTIONS: FitOptions = FitOptions { seed: 7 };

fn row(label: &str, text: &str) -> Row {
    Row { text: text.to_owned(), label: label.to_owned() }
}

fn task() -> Vec<Row> {
    TASK.iter().map(|(label, text)| row(label, text)).collect()
}

fn fitted(family: &dyn Family) -> Box<dyn Student> {
    family.fit(&task(), &OPTIONS).expect("the task has three labels")
}

/// Answers `text` and checks all that must hold of any answer.
fn check_answer(student: &dyn Student, text: &str) {
    let probabilities = student.probabilities(text);
    let prediction = student.predict(text);
    let (family, labels) = (student.family(), student.labels().len());
    assert_eq!(probabilities.len(), labels, "{family}");
    let sum: f32 = probabilities.iter().sum();
    assert!((sum - 1.0).abs() < 1e-4, "{family}: the probabilities sum to {sum}");
    assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)), "{family}: {probabilities:?}");
    let best = probabilities.iter().copied().fold(0.0, f32::max);
    assert_eq!(prediction.probability.to_bits(), best.to_bits(), "{family}");
    assert_eq!(probabilities[prediction.label].to_bits(), best.to_bits(), "{family}");
    assert!(student.scores(text).iter().all(|score| score.is_finite()), "{family}");
}

#[test]
fn names_are_distinct_and_lead_back_to_their_family() {
    for member in ALL {
        assert_eq!(family(member.name()).unwrap().name(), member.name());
        assert_eq!(fitted(*member).family(), member.name());
    }
    let mut names: Vec<_> = ALL.iter().map(|family| family.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
    assert!(family("crystal-ball").is_none());
}

#[test]
fn labels_are_sorted_and_distinct() {
    for family in ALL {
        assert_eq!(fitted(*family).labels(), ["limit", "lost", "rate"], "{}", family.name());
    }
}

#[test]
fn the_same_rows_and_seed_give_the_same_bytes() {
    for family in ALL {
        assert!(fitted(*family).save() == fitted(*family).save(), "{}", family.name());
    }
}

#[test]
fn a_student_answers_the_same_after_its_file() {
    for family in ALL {
        let mut student = fitted(*family);
        student.calibrate(&[row("rate", "the rate"), row("lost", "my wallet"), row("rate", "hm")]);
        let file = student.save();
        assert_eq!(student.bytes(), file.len());
        for loaded in [family.load(&file).unwrap(), load(&file).unwrap()] {
            assert!(loaded.save() == file, "{}: other bytes the second time", family.name());
            assert_eq!(loaded.labels(), student.labels());
            for (_, text) in TASK.iter().chain(&[("", ""), ("", "the unheard rate of wallets")]) {
                let (before, after) = (student.probabilities(text), loaded.probabilities(text));
                assert!(before == after, "{}: {text:?}", family.name());
            }
        }
    }
}

#[test]
fn empty_unknown_and_endless_texts_are_answered() {
    let endless = "a".repeat(100_000);
    let wordy = "word after word ".repeat(20_000);
    let nulls = "\0\u{FFFD}\u{202E}\r\n\t".repeat(100);
    let family_emoji = "👩‍👩‍👧‍👦 ﷽ İıßŒﬁ ꙮ 𝕬";
    for family in ALL {
        let student = fitted(*family);
        for text in ["", " ", "zzqx", "?", "مرحبا", &endless, &wordy, &nulls, family_emoji] {
            check_answer(&*student, text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        for family in ALL {
            check_answer(&*fitted(*family), &text);
        }
    }

    #[test]
    fn a_damaged_file_is_refused_or_still_answers(at in any::<proptest::sample::Index>(), byte: u8) {
        for family in ALL {
            let mut file = fitted(*family).save();
            let at = at.index(file.len());
            file[at] = byte;
            if let Ok(student) = load(&file) {
                check_answer(&*student, "the rate of my card");
            }
        }
    }
}

#[test]
fn fewer_than_two_labels_are_refused_with_a_reason() {
    for family in ALL {
        let refused = |rows: &[Row]| family.fit(rows, &OPTIONS).err();
        let none = FitError::TooFewLabels { rows: 0, labels: 0 };
        let one = FitError::TooFewLabels { rows: 2, labels: 1 };
        assert_eq!(refused(&[]), Some(none), "{}", family.name());
        assert_eq!(refused(&[row("a", "x"), row("a", "y")]), Some(one.clone()));
        assert!(one.to_string().contains("at least two"), "{one}");
    }
}

#[test]
fn texts_without_any_feature_can_be_learned_from() {
    for family in ALL {
        let rows = [row("a", ""), row("a", "?"), row("b", "!")];
        let student = family.fit(&rows, &OPTIONS).unwrap();
        let prediction = student.predict("anything");
        assert_eq!(student.labels()[prediction.label], "a", "{}", family.name());
    }
}

#[test]
fn calibration_changes_no_label_and_leaves_out_labels_it_never_saw() {
    for family in ALL {
        let mut student = fitted(*family);
        let before = TASK.labels_by(&*student);
        let calibration = student.calibrate(&[row("rate", "rate?"), row("new", "what is this")]);
        assert_eq!((calibration.rows, calibration.unknown_labels), (1, 1), "{}", family.name());
        assert!(calibration.nll_after <= calibration.nll_before + 1e-9, "{calibration:?}");
        assert_eq!(before, TASK.labels_by(&*student));
        let kept = student.calibrate(&[]);
        assert_eq!(kept.temperature.to_bits(), calibration.temperature.to_bits());
    }
}

trait LabelsBy {
    fn labels_by(&self, student: &dyn Student) -> Vec<usize>;
}

impl LabelsBy for &[(&str, &str)] {
    fn labels_by(&self, student: &dyn Student) -> Vec<usize> {
        self.iter().map(|(_, text)| student.predict(text).label).collect()
    }
}

#[test]
fn what_is_no_student_is_refused_with_a_reason() {
    let says = |file: &[u8], expect: &str| {
        let error = load(file).err().map_or(String::new(), |error| error.to_string());
        assert!(error.contains(expect), "{error:?} does not say {expect:?}");
    };
    says(b"", "not in the safetensors format");
    says(&[0x80, 0x04, b'.', 0, 0, 0, 0, 0, 0, 0], "not in the safetensors format");
    says(b"\x02\0\0\0\0\0\0\0{}", "does not describe a student");
    let majority = fitted(ALL[0]).save();
    says(&majority[..majority.len() - 1], "not in the safetensors format");
    let mut renamed = majority.clone();
    let name = renamed.windows(8).position(|window| window == b"majority").unwrap_or_default();
    renamed[name..name + 8].copy_from_slice(b"clairvoy");
    says(&renamed, "expected `majority` or `ngram-softmax`");
    let other = ALL[1].load(&majority).err();
    let expected = "`ngram-softmax`".to_owned();
    assert_eq!(other, Some(LoadError::OtherFamily { found: "majority".into(), expected }));
}

#[test]
fn a_family_above_the_floor_learns_the_task() {
    for family in &ALL[1..] {
        let student = fitted(*family);
        for (label, text) in TASK {
            assert_eq!(student.labels()[student.predict(text).label], *label, "{text}");
        }
    }
}
