//! The reasons of a verdict: each with its numbers for programs and a sentence for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One reason of a verdict, with its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// Non-inferiority is shown.
    AccurateEnough {
        /// Lower end of the interval of system less teacher.
        difference_low: f64,
        /// What may be lost.
        margin: f64,
    },
    /// The money comes back in time.
    Pays {
        /// Requests until the fixed costs are back.
        break_even_requests: u64,
        /// Requests within the horizon.
        horizon_requests: u64,
    },
    /// Training on the teacher's answers is not allowed.
    LicenceMissing,
    /// Too few test rows.
    TooFewTestRows {
        /// At hand.
        rows: u64,
        /// Needed.
        needed: u64,
    },
    /// The student, or the cascade, is worse than what may be lost.
    TooInaccurate {
        /// Accuracy of system less teacher.
        difference: f64,
        /// What may be lost.
        margin: f64,
    },
    /// The accuracy that must be reached is not shown.
    BelowLeastAccuracy {
        /// Lower end of the accuracy's interval.
        accuracy_low: f64,
        /// What must be reached.
        least: f64,
    },
    /// The learning curve, followed without a floor, reaches the requirement.
    MoreRowsMightSuffice {
        /// Training rows.
        rows: u64,
    },
    /// Nobody knows what the teacher costs.
    TeacherCostUnknown,
    /// Each answer costs as much as the teacher's.
    NoSaving,
    /// The fixed costs do not come back in time.
    TrafficTooSmall {
        /// Requests until they would; `None` past all bounds.
        break_even_requests: Option<u64>,
        /// Requests within the horizon.
        horizon_requests: u64,
    },
    /// Another model is as good and cheaper.
    CheaperModel {
        /// Its route.
        route: String,
    },
}

/// A sentence for people.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points = |share: f64| format!("{:+.1} points", share * 100.0);
        match self {
            Self::AccurateEnough { difference_low, margin } => write!(
                f,
                "the difference to the teacher is at least {} with 95 % confidence, and {:.1} points \
                 may be lost",
                points(*difference_low),
                margin * 100.0
            ),
            Self::Pays { break_even_requests: 0, .. } => {
                f.write_str("it costs less than the teacher from the first request on")
            }
            Self::Pays { break_even_requests, horizon_requests } => write!(
                f,
                "its fixed costs are back after {break_even_requests} requests, of {horizon_requests} \
                 within the horizon"
            ),
            Self::LicenceMissing => f.write_str(
                "it would learn from the teacher's answers, and nobody has answered that the \
                 teacher's terms allow it",
            ),
            Self::TooFewTestRows { rows, needed } => {
                write!(f, "{rows} test rows cannot show it; about {needed} could")
            }
            Self::TooInaccurate { difference, margin } => write!(
                f,
                "the difference to the teacher is {}, and only {:.1} points may be lost",
                points(*difference),
                margin * 100.0
            ),
            Self::BelowLeastAccuracy { accuracy_low, least } => write!(
                f,
                "an accuracy of {:.1} % must be reached, and only {:.1} % is shown",
                least * 100.0,
                accuracy_low * 100.0
            ),
            Self::MoreRowsMightSuffice { rows } => {
                write!(
                    f,
                    "its learning curve reaches what is required at {rows} training rows at best"
                )
            }
            Self::TeacherCostUnknown => f.write_str(
                "nobody knows what the teacher costs: state it, or use a route with a price",
            ),
            Self::NoSaving => f.write_str("an answer costs as much as the teacher's"),
            Self::TrafficTooSmall { break_even_requests: Some(requests), horizon_requests } => {
                write!(
                    f,
                    "its fixed costs are back after {requests} requests, and only {horizon_requests} come \
                 within the horizon"
                )
            }
            Self::TrafficTooSmall { break_even_requests: None, .. } => {
                f.write_str("its fixed costs never come back")
            }
            Self::CheaperModel { route } => {
                write!(f, "`{route}` is as good and costs less than any student")
            }
        }
    }
}
