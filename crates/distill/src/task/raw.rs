//! `TASK.toml` as it is written, and its check. Nothing here outlives the reading.

use std::path::{Path, PathBuf};

use decide::{
    split::{Part, Shares},
    threshold::Guarantee,
    verdict::{Costs, Licence, Requirement},
};
use serde::Deserialize;
use terms::money::NanoUsd;
use toml::Spanned;

use crate::{
    error::DistillError,
    task::{Conditions, DataFile, LearnFrom, Places, Task, TaskFile},
};

/// Requests to the teacher at once, at most.
const MOST_CONCURRENT: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTask {
    name: Spanned<String>,
    instruction: Spanned<String>,
    #[serde(default)]
    labels: Vec<String>,
    labels_file: Option<Spanned<String>>,
    output: Option<String>,
    #[serde(default = "one")]
    seed: u64,
    #[serde(default)]
    budget_usd: Option<Spanned<f64>>,
    teacher: RawTeacher,
    data: Spanned<Vec<RawData>>,
    split: Option<Spanned<RawSplit>>,
    #[serde(default)]
    eval: RawEval,
    #[serde(default)]
    cascade: RawCascade,
    #[serde(default)]
    costs: RawCosts,
}

const fn one() -> u64 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTeacher {
    route: Spanned<String>,
    #[serde(default)]
    recorded: bool,
    #[serde(default)]
    licence: Licence,
    #[serde(default)]
    licence_note: String,
    #[serde(default)]
    concurrency: Option<Spanned<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawData {
    file: Spanned<String>,
    #[serde(default = "text")]
    input: String,
    label: Option<String>,
    #[serde(default)]
    part: RawPart,
    #[serde(default)]
    learn_from: LearnFrom,
}

fn text() -> String {
    "text".to_owned()
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawPart {
    Train,
    Select,
    Calibrate,
    Test,
    #[default]
    Split,
}

/// Once the section is there, a part that it does not name gets no rows.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSplit {
    train: u32,
    #[serde(default)]
    select: u32,
    #[serde(default)]
    calibrate: u32,
    #[serde(default)]
    test: u32,
}

impl Default for RawSplit {
    fn default() -> Self {
        Self { train: 70, select: 10, calibrate: 10, test: 10 }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawEval {
    metric: Metric,
    margin: Option<Spanned<f64>>,
    least_accuracy: Option<Spanned<f64>>,
}

impl Default for RawEval {
    fn default() -> Self {
        Self { metric: Metric::Accuracy, margin: None, least_accuracy: None }
    }
}

/// The closed list of metrics; the first rung of students needs but one.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Metric {
    Accuracy,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCascade {
    most_errors: Option<Spanned<f64>>,
    risk: Option<Spanned<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCosts {
    teacher_usd_per_thousand: Option<Spanned<f64>>,
    student_usd_per_thousand: Option<Spanned<f64>>,
    fixed_usd: Option<Spanned<f64>>,
    audit_share: Option<Spanned<f64>>,
    requests_per_day: u64,
    horizon_days: u64,
    note: String,
}

impl Default for RawCosts {
    fn default() -> Self {
        Self {
            teacher_usd_per_thousand: None,
            student_usd_per_thousand: None,
            fixed_usd: None,
            audit_share: None,
            requests_per_day: 1000,
            horizon_days: 30,
            note: String::new(),
        }
    }
}

pub(super) fn parse(text: &str, path: &Path) -> Result<TaskFile, DistillError> {
    let lines = Lines { text, path };
    let raw: RawTask = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        lines.error(at, error.message().trim().to_owned())
    })?;
    let shares = lines.shares(raw.split.as_ref())?;
    let data = raw.data.get_ref().iter().map(|data| lines.data(data)).collect::<Result<_, _>>()?;
    if raw.data.get_ref().is_empty() {
        return Err(lines.at(&raw.data, "at least one data file is needed"));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let output = raw.output.unwrap_or_else(|| format!("distillations/{}", raw.name.get_ref()));
    Ok(TaskFile {
        data: raw.data.get_ref().iter().map(|data| folder.join(data.file.get_ref())).collect(),
        labels_file: lines.labels_file(&raw.labels, raw.labels_file.as_ref())?,
        output: folder.join(output),
        places: Places {
            file: path.to_owned(),
            data: raw.data.get_ref().iter().map(|data| lines.line_of(&data.file)).collect(),
            labels_file: raw.labels_file.as_ref().map_or(0, |file| lines.line_of(file)),
            teacher_route: lines.line_of(&raw.teacher.route),
        },
        conditions: Conditions {
            budget: lines.money(raw.budget_usd.as_ref(), 1.0)?,
            concurrency: lines.concurrency(raw.teacher.concurrency.as_ref())?,
            licence: raw.teacher.licence,
            licence_note: raw.teacher.licence_note,
            requirement: lines.requirement(&raw.eval)?,
            assumed: lines.costs(&raw.costs)?,
            assumptions_note: raw.costs.note,
        },
        task: Task {
            name: lines.name(&raw.name)?,
            instruction: lines.filled(&raw.instruction, "the instruction")?,
            labels: raw.labels,
            teacher_route: lines.filled(&raw.teacher.route, "the teacher's route")?,
            teacher_is_recorded: raw.teacher.recorded,
            seed: raw.seed,
            shares,
            guarantee: Guarantee {
                most_errors: lines.share(raw.cascade.most_errors.as_ref(), 0.05)?,
                risk: lines.share(raw.cascade.risk.as_ref(), 0.05)?,
            },
            data,
        },
    })
}

/// The text, to tell lines.
struct Lines<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Lines<'_> {
    /// The line, counted from 1, on which a byte stands.
    fn line(&self, offset: usize) -> usize {
        let before = self.text.char_indices().take_while(|(place, _)| *place < offset);
        before.filter(|(_, character)| *character == '\n').count() + 1
    }

    fn line_of<T>(&self, value: &Spanned<T>) -> usize {
        self.line(value.span().start)
    }

    fn error(&self, offset: usize, message: impl Into<String>) -> DistillError {
        let line = self.line(offset);
        let file = self.path.display().to_string();
        DistillError::Task { file, line, message: message.into() }
    }

    fn at<T>(&self, value: &Spanned<T>, message: impl Into<String>) -> DistillError {
        self.error(value.span().start, message)
    }

    fn name(&self, name: &Spanned<String>) -> Result<String, DistillError> {
        let text = name.get_ref();
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(text.clone());
        }
        Err(self.at(name, "the name may have 1 to 64 lower case letters, digits and dashes"))
    }

    fn filled(&self, text: &Spanned<String>, what: &str) -> Result<String, DistillError> {
        match text.get_ref().trim() {
            "" => Err(self.at(text, format!("{what} is empty"))),
            filled => Ok(filled.to_owned()),
        }
    }

    fn data(&self, data: &RawData) -> Result<DataFile, DistillError> {
        let learn_from = data.learn_from;
        let part = match data.part {
            RawPart::Train => Some(Part::Train),
            RawPart::Select => Some(Part::Select),
            RawPart::Calibrate => Some(Part::Calibrate),
            RawPart::Test => Some(Part::Test),
            RawPart::Split => None,
        };
        let learned = matches!(part, None | Some(Part::Train));
        if learned && learn_from == LearnFrom::Gold && data.label.is_none() {
            let message =
                "rows to learn from need `label = \"KEY\"`, or `learn_from = \"teacher\"`";
            return Err(self.at(&data.file, message));
        }
        let name = Path::new(data.file.get_ref()).file_name();
        let name = name.map_or(String::new(), |name| name.to_string_lossy().into_owned());
        let (input, label) = (data.input.clone(), data.label.clone());
        Ok(DataFile { name, input, label, part, learn_from })
    }

    fn labels_file(
        &self,
        labels: &[String],
        file: Option<&Spanned<String>>,
    ) -> Result<Option<PathBuf>, DistillError> {
        match file {
            Some(file) if !labels.is_empty() => {
                Err(self.at(file, "`labels` and `labels_file` say the same: keep one"))
            }
            Some(file) => {
                let folder = self.path.parent().unwrap_or(Path::new(""));
                Ok(Some(folder.join(file.get_ref())))
            }
            None => Ok(None),
        }
    }

    fn shares(&self, split: Option<&Spanned<RawSplit>>) -> Result<Shares, DistillError> {
        let RawSplit { train, select, calibrate, test } =
            split.map_or(RawSplit::default(), |split| *split.get_ref());
        match split {
            Some(split) if train == 0 => {
                Err(self.at(split, "`train` must have a share of the rows"))
            }
            _ => Ok(Shares([train, select, calibrate, test])),
        }
    }

    fn concurrency(&self, wanted: Option<&Spanned<usize>>) -> Result<usize, DistillError> {
        match wanted {
            None => Ok(8),
            Some(wanted) if (1..=MOST_CONCURRENT).contains(wanted.get_ref()) => {
                Ok(*wanted.get_ref())
            }
            Some(wanted) => {
                Err(self
                    .at(wanted, format!("it may be from 1 to {MOST_CONCURRENT} requests at once")))
            }
        }
    }

    fn requirement(&self, eval: &RawEval) -> Result<Requirement, DistillError> {
        let Metric::Accuracy = eval.metric;
        let least = eval.least_accuracy.as_ref();
        Ok(Requirement {
            margin: self.share(eval.margin.as_ref(), 0.01)?,
            least_accuracy: least.map(|least| self.share(Some(least), 0.0)).transpose()?,
        })
    }

    fn costs(&self, costs: &RawCosts) -> Result<Costs, DistillError> {
        let teacher = costs.teacher_usd_per_thousand.as_ref();
        let audit = costs.audit_share.as_ref();
        Ok(Costs {
            teacher_per_thousand: teacher.map(|usd| self.money(Some(usd), 0.0)).transpose()?,
            student_per_thousand: self.money(costs.student_usd_per_thousand.as_ref(), 0.001)?,
            audit_share: if audit.is_some_and(|share| *share.get_ref() == 0.0) {
                0.0
            } else {
                self.share(audit, 0.01)?
            },
            fixed: self.money(costs.fixed_usd.as_ref(), 0.0)?,
            requests_per_day: costs.requests_per_day,
            horizon_days: costs.horizon_days,
        })
    }

    /// A share strictly between 0 and 1.
    fn share(&self, share: Option<&Spanned<f64>>, otherwise: f64) -> Result<f64, DistillError> {
        match share {
            None => Ok(otherwise),
            Some(share) if *share.get_ref() > 0.0 && *share.get_ref() < 1.0 => Ok(*share.get_ref()),
            Some(share) => Err(self.at(share, "a share lies between 0 and 1")),
        }
    }

    /// Dollars, to the nano-dollar.
    fn money(&self, usd: Option<&Spanned<f64>>, otherwise: f64) -> Result<NanoUsd, DistillError> {
        let amount = usd.map_or(otherwise, |usd| *usd.get_ref());
        #[expect(clippy::cast_possible_truncation, reason = "checked to lie within the range")]
        match (usd, (0.0..=1e9).contains(&amount)) {
            (Some(usd), false) => Err(self.at(usd, "an amount of dollars lies between 0 and 10⁹")),
            _ => Ok(NanoUsd((amount * 1e9).round() as i64)),
        }
    }
}
