//! What a verdict rests on: counts on the test rows, requirements, the licence, prices and traffic.

use serde::{Deserialize, Serialize};
use terms::money::NanoUsd;

use crate::interval::Paired;

/// Whether the teacher's terms allow a student to learn from its answers, as somebody answered for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Licence {
    /// Somebody said yes.
    Allowed,
    /// Somebody said no.
    Forbidden,
    /// Nobody has answered, which means no.
    #[default]
    Unanswered,
}

/// What the buyer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Requirement {
    /// Accuracy that may be lost against the teacher, as a share; above 0.
    pub margin: f64,
    /// Accuracy that must be reached on the gold labels whatever the teacher does.
    pub least_accuracy: Option<f64>,
}

/// Prices and traffic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// What 1,000 requests cost at the teacher; `None` when nobody knows.
    pub teacher_per_thousand: Option<NanoUsd>,
    /// What 1,000 answers of the student cost.
    pub student_per_thousand: NanoUsd,
    /// Share of the traffic that the teacher answers too, for ever, as an audit.
    pub audit_share: f64,
    /// What the distillation costs once: labels, training, people.
    pub fixed: NanoUsd,
    /// Requests a day.
    pub requests_per_day: u64,
    /// Days over which the fixed costs must come back.
    pub horizon_days: u64,
}

impl Costs {
    /// Requests until the fixed costs are back when this share is deferred to the teacher:
    /// F / (teacher (1 - deferred - audit) - student). `None` when they never are.
    pub fn break_even(&self, deferred_share: f64) -> Option<u64> {
        let saving = self.teacher_per_thousand?.0 as f64 - self.per_thousand(deferred_share)?;
        if saving <= 0.0 {
            return None;
        }
        let requests = self.fixed.0 as f64 * 1000.0 / saving;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded")]
        let requests = (requests < 1e18).then_some(requests.ceil() as u64);
        requests
    }

    /// What 1,000 requests cost with the student in front, in nano-USD.
    pub fn per_thousand(&self, deferred_share: f64) -> Option<f64> {
        let teacher = self.teacher_per_thousand?.0 as f64;
        Some(self.student_per_thousand.0 as f64 + teacher * (deferred_share + self.audit_share))
    }

    /// Requests within the horizon.
    pub const fn horizon_requests(&self) -> u64 {
        self.requests_per_day.saturating_mul(self.horizon_days)
    }
}

/// The student with the teacher behind it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cascade {
    /// Below this confidence the teacher answers.
    pub threshold: f64,
    /// The cascade (as the system) and the teacher alone on the test rows.
    pub paired: Paired,
    /// Share of the test rows that went to the teacher.
    pub deferred_share: f64,
}

/// Another model of a vendor on the test rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheaperModel {
    /// Its route.
    pub route: String,
    /// It (as the system) and the teacher.
    pub paired: Paired,
    /// What 1,000 requests cost there.
    pub per_thousand: NanoUsd,
}

/// All that a verdict rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The student alone (as the system) and the teacher, by gold labels, on the test rows that both
    /// answered.
    pub student: Paired,
    /// Only where the calibration part shows that the teacher is better on the deferred rows.
    pub cascade: Option<Cascade>,
    /// Another vendor's model, if one was asked.
    pub cheaper: Option<CheaperModel>,
    /// What must hold.
    pub requirement: Requirement,
    /// Whether any training label is an answer of the teacher.
    pub learned_from_teacher: bool,
    /// Whether that is allowed.
    pub licence: Licence,
    /// Prices and traffic.
    pub costs: Costs,
    /// Training rows at which the learning curve reaches the requirement; `None` when it does not.
    pub rows_to_suffice: Option<u64>,
}
