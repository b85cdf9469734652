//! Deployed students as one provider of the gateway, within this process.

use std::{collections::HashMap, fmt, sync::Arc};

use distill::artifact::{PackageAnswer, StudentPackage};
use gateway::{Answerer, Deployed, Provider, Source, TimeLimits};
use terms::ids::ModelName;
use wire::{ErrorKind, ErrorReply};

/// The provider's name; no provider of the config may have it.
pub(crate) const STUDENTS: &str = "students";

/// Bytes of a question at most: a longer one is no input of a narrow task, and would keep a thread that
/// serves others.
const QUESTION_BYTES: usize = 64 << 10;

/// What follows a student's name where it answers everything.
const UNSURE: &str = "-unsure";

/// The students of every task by model name.
#[derive(Default)]
pub(crate) struct Students(HashMap<ModelName, Seat>);

/// A student, and whether it may leave questions to its teacher.
struct Seat {
    package: Arc<StudentPackage>,
    may_decline: bool,
}

impl fmt::Debug for Students {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Students {
    /// Takes a student in; callers reach it through its task only.
    pub(crate) fn seat(&mut self, package: &Arc<StudentPackage>) {
        let (sure, unsure) = models(package);
        for (name, may_decline) in [(sure, true), (unsure, false)] {
            self.0.insert(name, Seat { package: Arc::clone(package), may_decline });
        }
    }

    /// The provider that they are together.
    pub(crate) fn into_provider(self) -> Arc<Provider> {
        Arc::new(Provider {
            name: STUDENTS.into(),
            source: Source::InProcess(Arc::new(self)),
            limits: TimeLimits::default(),
        })
    }
}

/// The two targets of a deployed student.
pub(crate) fn deployed(provider: &Arc<Provider>, package: &StudentPackage) -> Deployed {
    let (sure, unsure) = models(package);
    Deployed { provider: Arc::clone(provider), sure, unsure }
}

fn models(package: &StudentPackage) -> (ModelName, ModelName) {
    let name = format!("{}@{}", package.manifest.task, package.version);
    (ModelName::from(name.as_str()), ModelName::from(format!("{name}{UNSURE}")))
}

impl Answerer for Students {
    fn answer(&self, model: &ModelName, question: &str) -> Result<String, Box<ErrorReply>> {
        let declined = |code, message: String| {
            Err(Box::new(ErrorReply { kind: ErrorKind::BadRequest, code, message, param: None }))
        };
        if question.len() > QUESTION_BYTES {
            let limit = QUESTION_BYTES >> 10;
            return declined("too_long", format!("a task takes inputs of up to {limit} KiB"));
        }
        let Some(seat) = self.0.get(model) else {
            return declined("no_student", format!("there is no student `{model}`"));
        };
        match seat.package.answer(question) {
            PackageAnswer::Defer { confidence, .. } if seat.may_decline => declined(
                "not_sure",
                format!("the student is sure of its answer by {confidence:.2} only"),
            ),
            PackageAnswer::Label { label, .. } | PackageAnswer::Defer { label, .. } => {
                Ok(label.to_owned())
            }
        }
    }
}
