//! The outcome of a distillation: deploy or not, and why, from counts, costs and the licence. Never says
//! deploy on fewer than the needed rows; more agreeing evidence never worsens it. Knows nothing of how
//! the counts came about.

mod evidence;
mod reason;
#[cfg(test)]
mod tests;

use std::{cmp::Reverse, fmt};

use serde::{Deserialize, Serialize};

use crate::interval::{Paired, fewest_rows, rows_to_resolve, wilson};
pub use crate::verdict::{
    evidence::{Cascade, CheaperModel, Costs, Evidence, Licence, Requirement},
    reason::Reason,
};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The student answers everything.
    Deploy,
    /// The student answers what it is sure of, the teacher the rest.
    DeployAsCascade,
    /// Another model of a vendor is as good and costs less than any student.
    CheaperApiModel,
    /// The student falls short, and its learning curve says that more rows would mend it.
    NeedMoreData,
    /// The test rows are too few to tell.
    NeedBetterEval,
    /// Nothing that was tried pays or suffices.
    NoProfitableDistillation,
}

impl Verdict {
    /// The word used in files, reports and the console.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deploy => "Deploy",
            Self::DeployAsCascade => "DeployAsCascade",
            Self::CheaperApiModel => "CheaperApiModel",
            Self::NeedMoreData => "NeedMoreData",
            Self::NeedBetterEval => "NeedBetterEval",
            Self::NoProfitableDistillation => "NoProfitableDistillation",
        }
    }

    /// Whether a student may be deployed.
    pub const fn deploys(self) -> bool {
        matches!(self, Self::Deploy | Self::DeployAsCascade)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ruling {
    /// What is to be done.
    pub verdict: Verdict,
    /// Why, the decisive ones first.
    pub reasons: Vec<Reason>,
}

/// Decides.
pub fn decide(evidence: &Evidence) -> Ruling {
    if evidence.learned_from_teacher && evidence.licence != Licence::Allowed {
        return ruling(Verdict::NoProfitableDistillation, vec![Reason::LicenceMissing]);
    }
    let candidates = candidates(evidence);
    if let Some(ruling) = cheaper_model(evidence, &candidates) {
        return ruling;
    }
    let mut failures = Vec::new();
    for candidate in &candidates {
        match examine(candidate, evidence) {
            Ok(reasons) => return ruling(candidate.verdict, reasons),
            Err(failure) => failures.push(failure),
        }
    }
    best_refusal(failures, evidence)
}

fn ruling(verdict: Verdict, reasons: Vec<Reason>) -> Ruling {
    Ruling { verdict, reasons }
}

/// A way to deploy.
struct Candidate {
    verdict: Verdict,
    paired: Paired,
    deferred_share: f64,
}

/// The ways to deploy, the more accurate first.
fn candidates(evidence: &Evidence) -> Vec<Candidate> {
    let cascade = evidence.cascade.map(|cascade| Candidate {
        verdict: Verdict::DeployAsCascade,
        paired: cascade.paired,
        deferred_share: cascade.deferred_share,
    });
    let alone =
        Candidate { verdict: Verdict::Deploy, paired: evidence.student, deferred_share: 0.0 };
    cascade.into_iter().chain([alone]).collect()
}

/// Why a candidate is not deployed.
struct Failure {
    kind: FailureKind,
    reason: Reason,
}

/// Kinds of failure, the most hopeless first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FailureKind {
    Money,
    Quality,
    Rows,
}

/// The reasons for a candidate, or the first one against it.
fn examine(candidate: &Candidate, evidence: &Evidence) -> Result<Vec<Reason>, Failure> {
    let pays = pays(candidate.deferred_share, &evidence.costs)
        .map_err(|reason| Failure { kind: FailureKind::Money, reason })?;
    let accurate = accurate_enough(&candidate.paired, &evidence.requirement)?;
    Ok(vec![accurate, pays])
}

fn pays(deferred_share: f64, costs: &Costs) -> Result<Reason, Reason> {
    let horizon_requests = costs.horizon_requests();
    let Some(teacher) = costs.teacher_per_thousand else {
        return Err(Reason::TeacherCostUnknown);
    };
    if costs.per_thousand(deferred_share).is_none_or(|ours| ours >= teacher.0 as f64) {
        return Err(Reason::NoSaving);
    }
    match costs.break_even(deferred_share) {
        Some(break_even_requests) if break_even_requests <= horizon_requests => {
            Ok(Reason::Pays { break_even_requests, horizon_requests })
        }
        break_even_requests => {
            Err(Reason::TrafficTooSmall { break_even_requests, horizon_requests })
        }
    }
}

/// Non-inferiority: the lower end of the paired 95 % interval lies above what may be lost. That holds
/// from the needed number of rows on, and never before. What is shown to be too low is a matter of
/// quality; what is neither shown nor excluded is a matter of rows.
fn accurate_enough(paired: &Paired, requirement: &Requirement) -> Result<Reason, Failure> {
    let margin = requirement.margin;
    let difference = paired.difference();
    let accuracy = wilson(paired.system_right(), paired.rows());
    let least = requirement.least_accuracy.unwrap_or(0.0);
    let below = Reason::BelowLeastAccuracy { accuracy_low: accuracy.low, least };
    if difference.high < -margin {
        let reason = Reason::TooInaccurate { difference: difference.estimate, margin };
        return Err(Failure { kind: FailureKind::Quality, reason });
    }
    if accuracy.high < least {
        return Err(Failure { kind: FailureKind::Quality, reason: below });
    }
    if difference.low <= -margin || paired.rows() < fewest_rows(margin) {
        let reason = Reason::TooFewTestRows { rows: paired.rows(), needed: needed(paired, margin) };
        return Err(Failure { kind: FailureKind::Rows, reason });
    }
    if accuracy.low < least {
        return Err(Failure { kind: FailureKind::Rows, reason: below });
    }
    Ok(Reason::AccurateEnough { difference_low: difference.low, margin })
}

/// Test rows that would show non-inferiority if the shares persisted, or else decide it either way.
fn needed(paired: &Paired, margin: f64) -> u64 {
    let resolving = || rows_to_resolve(paired.discordant_share(), margin);
    paired.needed_rows(margin).unwrap_or_else(resolving).max(fewest_rows(margin))
}

/// Another model wins when it is as good and, over the horizon, costs less than every way to deploy that
/// would pass, or than the teacher when none would.
fn cheaper_model(evidence: &Evidence, candidates: &[Candidate]) -> Option<Ruling> {
    let model = evidence.cheaper.as_ref()?;
    let accurate = accurate_enough(&model.paired, &evidence.requirement).ok()?;
    let costs = &evidence.costs;
    let thousands = costs.horizon_requests() as f64 / 1000.0;
    let passing = candidates.iter().filter(|candidate| examine(candidate, evidence).is_ok());
    let ours = passing
        .filter_map(|candidate| costs.per_thousand(candidate.deferred_share))
        .map(|per_thousand| per_thousand * thousands + costs.fixed.0 as f64)
        .min_by(f64::total_cmp);
    let teacher = costs.teacher_per_thousand.map(|price| price.0 as f64 * thousands);
    let other = model.per_thousand.0 as f64 * thousands;
    (other < ours.or(teacher)?).then(|| {
        let cheaper = Reason::CheaperModel { route: model.route.clone() };
        ruling(Verdict::CheaperApiModel, vec![cheaper, accurate])
    })
}

/// The refusal that leaves the most hope: more test rows, more training rows, none.
fn best_refusal(mut failures: Vec<Failure>, evidence: &Evidence) -> Ruling {
    failures.sort_by_key(|failure| Reverse(failure.kind));
    let kind = failures.first().map_or(FailureKind::Money, |failure| failure.kind);
    let mut reasons: Vec<Reason> = failures.into_iter().map(|failure| failure.reason).collect();
    let verdict = match (kind, evidence.rows_to_suffice) {
        (FailureKind::Rows, _) => Verdict::NeedBetterEval,
        (FailureKind::Quality, Some(rows)) => {
            reasons.insert(0, Reason::MoreRowsMightSuffice { rows });
            Verdict::NeedMoreData
        }
        (FailureKind::Quality, None) | (FailureKind::Money, _) => Verdict::NoProfitableDistillation,
    };
    ruling(verdict, reasons)
}
