//! Buying labels: many questions at once, up to a bound, until all are answered or the budget is spent.
//! Every answer is appended to a file before it counts, so that a killed run goes on where it was and
//! pays for nothing twice.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use serde::{Deserialize, Serialize};
use terms::money::NanoUsd;

use crate::{
    error::DistillError,
    prompt::match_label,
    teacher::{Reply, Teacher, shortened},
};

/// Failures in a row after which the gateway is taken to be down.
const MOST_FAILURES_IN_A_ROW: usize = 5;

/// What the teacher said to a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Outcome {
    /// A label of the task.
    Label { label: String },
    /// An answer that is none of the labels; it counts as wrong.
    OutOfSchema { said: String },
    /// No answer; the row counts neither way.
    Rejected { reason: String },
}

/// A row's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) outcome: Outcome,
    /// What it cost; none where the gateway does not say.
    pub(crate) cost: Option<NanoUsd>,
    /// Whether that rests on a price that the gateway had to assume.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_assumed: bool,
}

/// A row to ask about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) id: &'a str,
    pub(crate) text: &'a str,
}

/// What was bought.
#[derive(Debug, Default)]
pub(crate) struct Labelled {
    /// In the order of the questions; rows past the budget are missing.
    pub(crate) answers: Vec<Answer>,
    /// How long each answer took, in no order.
    pub(crate) times: Vec<Duration>,
}

/// A line of the progress file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    /// [`Teacher::fingerprint`]: an answer to another prompt is no answer.
    question: String,
    answer: Answer,
    took_us: u64,
}

/// Asks about every row that the progress file does not answer yet.
pub(crate) async fn label(
    teacher: &Teacher,
    asks: &[Ask<'_>],
    labels: &[String],
    limits: Limits,
    progress: &Path,
) -> Result<Labelled, DistillError> {
    let mut book = Book::open(progress)?;
    let mut budget = Budget::new(limits.budget);
    let (mut done, mut waiting) = (BTreeMap::new(), Vec::new());
    for (place, ask) in asks.iter().enumerate() {
        match book.known.remove(&(ask.id.to_owned(), teacher.fingerprint(ask.text))) {
            Some(entry) => {
                budget.spend(entry.answer.cost);
                done.insert(place, entry);
            }
            None => waiting.push((place, *ask)),
        }
    }
    let mut waiting = waiting.into_iter().peekable();
    let mut flying = FuturesUnordered::new();
    let mut failures_in_a_row = 0;
    let mut trouble = None;
    loop {
        while trouble.is_none()
            && waiting.peek().is_some()
            && flying.len() < limits.concurrency
            && budget.allows(flying.len())
        {
            let (place, ask) = waiting.next().expect("one was seen");
            flying.push(asked(teacher, place, ask, labels));
        }
        let Some((place, entry, keep)) = flying.next().await else { break };
        budget.spend(entry.answer.cost);
        match keep {
            Keep::Yes => {
                failures_in_a_row = 0;
                book.append(&entry)?;
            }
            // Not written down: the next run asks again.
            Keep::NotThisTime(why) => {
                failures_in_a_row += 1;
                if failures_in_a_row >= MOST_FAILURES_IN_A_ROW {
                    trouble = Some(format!("the gateway fails: {why}"));
                }
            }
            Keep::Stop(why) => trouble = Some(format!("the gateway refuses us: {why}")),
        }
        done.insert(place, entry);
    }
    // Only now, when nothing is in flight any more: an answer that was paid for is written down.
    if let Some(why) = trouble {
        return Err(DistillError::Gateway(why));
    }
    let times = done.values().map(|entry| Duration::from_micros(entry.took_us)).collect();
    let answers = done.into_values().map(|entry| entry.answer).collect();
    Ok(Labelled { answers, times })
}

/// Bounds of a labelling.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) budget: NanoUsd,
    pub(crate) concurrency: usize,
}

/// Whether an answer is written down.
enum Keep {
    Yes,
    NotThisTime(String),
    Stop(String),
}

async fn asked(
    teacher: &Teacher,
    place: usize,
    ask: Ask<'_>,
    labels: &[String],
) -> (usize, Entry, Keep) {
    let started = Instant::now();
    let answered = teacher.ask(ask.text).await;
    let took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let (outcome, keep) = match answered.reply {
        Reply::Said(text) => (outcome_of(&text, labels), Keep::Yes),
        Reply::Rejected(reason) => (Outcome::Rejected { reason }, Keep::Yes),
        Reply::Failing(reason) => {
            (Outcome::Rejected { reason: reason.clone() }, Keep::NotThisTime(reason))
        }
        Reply::Refused(reason) => {
            (Outcome::Rejected { reason: reason.clone() }, Keep::Stop(reason))
        }
    };
    let answer = Answer {
        id: ask.id.to_owned(),
        outcome,
        cost: answered.cost,
        is_assumed: answered.is_assumed,
    };
    (place, Entry { question: teacher.fingerprint(ask.text), answer, took_us }, keep)
}

fn outcome_of(text: &str, labels: &[String]) -> Outcome {
    match match_label(text, labels) {
        Some(label) => Outcome::Label { label: label.to_owned() },
        None => Outcome::OutOfSchema { said: shortened(text.trim()) },
    }
}

/// The money: never more questions in flight than it could pay for at the dearest price seen.
#[derive(Debug)]
struct Budget {
    limit: i64,
    spent: i64,
    dearest: Option<i64>,
}

impl Budget {
    const fn new(limit: NanoUsd) -> Self {
        Self { limit: limit.0, spent: 0, dearest: None }
    }

    fn spend(&mut self, cost: Option<NanoUsd>) {
        let cost = cost.unwrap_or(NanoUsd::ZERO).0;
        self.spent = self.spent.saturating_add(cost);
        self.dearest = Some(self.dearest.unwrap_or(0).max(cost));
    }

    /// Whether one more may be asked while `flying` are. The first goes alone: it tells the price.
    fn allows(&self, flying: usize) -> bool {
        let flying = i64::try_from(flying).unwrap_or(i64::MAX);
        match self.dearest {
            None => flying == 0 && self.limit > 0,
            Some(dearest) => {
                let reserved = dearest.saturating_mul(flying.saturating_add(1));
                self.spent.saturating_add(reserved) <= self.limit
            }
        }
    }
}

/// The progress file: append-only JSON lines. Locked as long as it is open, so that two labellings never
/// buy the same answer: the second waits, and then finds what the first one bought.
#[derive(Debug)]
struct Book {
    path: PathBuf,
    file: File,
    /// By row and question.
    known: HashMap<(String, String), Entry>,
}

impl Book {
    fn open(path: &Path) -> Result<Self, DistillError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(DistillError::file(folder))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path);
        let mut file = file.map_err(DistillError::file(path))?;
        file.lock().map_err(DistillError::file(path))?;
        let written = fs::read(path).map_err(DistillError::file(path))?;
        // A line that a dying process left unfinished is closed here and not read.
        if written.last().is_some_and(|byte| *byte != b'\n') {
            file.write_all(b"\n").map_err(DistillError::file(path))?;
        }
        let lines = written.split(|byte| *byte == b'\n');
        let entries = lines.filter_map(|line| serde_json::from_slice::<Entry>(line).ok());
        let key = |entry: &Entry| (entry.answer.id.clone(), entry.question.clone());
        let known = entries.map(|entry| (key(&entry), entry)).collect();
        Ok(Self { path: path.to_owned(), file, known })
    }

    fn append(&mut self, entry: &Entry) -> Result<(), DistillError> {
        let mut line = serde_json::to_vec(entry).expect("an entry is plain data");
        line.push(b'\n');
        self.file.write_all(&line).map_err(DistillError::file(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use terms::money::NanoUsd;

    use super::{Answer, Book, Budget, Entry, Outcome};

    #[test]
    fn the_budget_counts_what_is_in_flight() {
        let mut budget = Budget::new(NanoUsd(100));
        assert!(budget.allows(0) && !budget.allows(1), "the first goes alone");
        budget.spend(Some(NanoUsd(30)));
        assert!(budget.allows(0) && budget.allows(1) && !budget.allows(2));
        budget.spend(Some(NanoUsd(50)));
        assert!(!budget.allows(0));
        assert!(!Budget::new(NanoUsd(0)).allows(0));
    }

    #[test]
    fn a_book_with_a_torn_last_line_goes_on_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        let entry = |id: &str| Entry {
            question: "q".to_owned(),
            answer: Answer {
                id: id.to_owned(),
                outcome: Outcome::Label { label: "a".to_owned() },
                cost: Some(NanoUsd(5)),
                is_assumed: false,
            },
            took_us: 1,
        };
        let mut book = Book::open(&path).unwrap();
        book.append(&entry("r-1")).unwrap();
        book.file.write_all(br#"{"question":"q","answer":{"id":"r-2""#).unwrap();
        drop(book);
        let mut book = Book::open(&path).unwrap();
        assert_eq!(book.known.len(), 1);
        book.append(&entry("r-3")).unwrap();
        drop(book);
        let book = Book::open(&path).unwrap();
        let known = |id: &str| book.known.contains_key(&(id.to_owned(), "q".to_owned()));
        assert!(known("r-1") && !known("r-2") && known("r-3"));
    }
}
