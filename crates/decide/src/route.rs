//! From a request and a route's targets to a plan: which targets, in which order, and why the
//! others not. Knows nothing of sockets; health is an argument.

use serde::{Deserialize, Serialize};
use terms::{ids::TargetName, model::Model, outcome::Failure};

use crate::gate::Admission;

/// What routing needs to know of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    /// Estimated input tokens.
    pub input_tokens: u64,
    /// Holds images.
    pub images: bool,
    /// Offers tools.
    pub tools: bool,
    /// Decides who is among the share that a returning target gets: a hash of the session, or of the
    /// request where it has none.
    pub draw: u64,
}

/// A target of the route as routing sees it.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// Which target.
    pub target: &'a TargetName,
    /// Its catalog entry, if the catalog knows the model.
    pub model: Option<&'a Model>,
    /// What its gate says.
    pub admission: Admission,
    /// Why its gate is not open.
    pub failure: Option<Failure>,
    /// It answers worse than it did, and the route wants others then.
    pub is_degraded: bool,
}

/// One target of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Index into the candidates.
    pub candidate: usize,
    /// How it came into the plan.
    pub pass: Pass,
}

/// How a target came into the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Its gate is open, or returning and this request is of its share.
    Open,
    /// Its gate lets one request probe.
    Probe,
    /// Its target has just come back, and this request is not of its share: it stands behind every
    /// open one.
    Returning,
    /// It answers worse than it did: it stands behind those that do not.
    Degraded,
    /// Its gate is shut; it stands behind every open one, because the last gate is never shut.
    LastResort,
}

/// Why a target is not used, or not where the route has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Its gate is shut.
    GateShut(Failure),
    /// It has just come back and gets a share of the requests only.
    Returning(Failure),
    /// Another request has just become its probe, or has shut its gate.
    Overtaken,
    /// Its provider's retry budget is spent.
    RetryBudget,
    /// The request holds images and the model takes none.
    NoImages,
    /// The request offers tools and the model takes none.
    NoTools,
    /// The input surely does not fit the model's window.
    WindowTooSmall,
    /// It answers worse than it did.
    Degraded,
    /// The model is gone; its successor answers.
    ModelGone,
    /// The model's end is near; its successor gets this request.
    ModelRetiring,
}

impl SkipReason {
    /// How many names there are.
    pub const COUNT: usize = 10;

    /// Every name, in the order of the definition.
    pub const NAMES: [&str; Self::COUNT] = [
        "gate_shut",
        "returning",
        "overtaken",
        "retry_budget",
        "no_images",
        "no_tools",
        "window_too_small",
        "degraded",
        "model_gone",
        "model_retiring",
    ];

    /// Its place in [`SkipReason::NAMES`].
    pub const fn index(self) -> usize {
        match self {
            Self::GateShut(_) => 0,
            Self::Returning(_) => 1,
            Self::Overtaken => 2,
            Self::RetryBudget => 3,
            Self::NoImages => 4,
            Self::NoTools => 5,
            Self::WindowTooSmall => 6,
            Self::Degraded => 7,
            Self::ModelGone => 8,
            Self::ModelRetiring => 9,
        }
    }

    /// The word used in logs and counts.
    pub const fn name(self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// The failure behind it, where there is one.
    pub const fn failure(self) -> Option<Failure> {
        match self {
            Self::GateShut(failure) | Self::Returning(failure) => Some(failure),
            _ => None,
        }
    }
}

/// The targets to try, in order, and every skip with its reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be tried in this order.
    pub steps: Vec<Step>,
    /// Candidate and reason.
    pub skips: Vec<(usize, SkipReason)>,
}

/// Of the requests that pass a degraded target by, one in this many goes there all the same: what is
/// never asked cannot be seen to have become better.
pub const DEGRADED_SHARE: u64 = 20;

/// Plans a request over the candidates, which stand in the order in which they are preferred.
///
/// A target whose model cannot do what the request needs is left out, unless that leaves nothing:
/// then the vendor decides. One that has just come back goes behind the open ones, but for its share
/// of the requests and where none is open. One that answers worse than it did goes behind the sound
/// ones, but for a small share. A shut gate comes last and only for the case that all others fail.
pub fn route(facts: &Facts, candidates: &[Candidate<'_>]) -> Plan {
    let mut plan = Plan::default();
    let mut fit = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.iter().enumerate() {
        match unfit(facts, candidate) {
            Some(reason) => plan.skips.push((index, reason)),
            None => fit.push(index),
        }
    }
    let another_is_open = fit.iter().any(|index| candidates[*index].admission == Admission::Open);
    let another_is_sound = fit.iter().any(|index| {
        candidates[*index].admission == Admission::Open && !candidates[*index].is_degraded
    });
    let passes_by = another_is_sound && !facts.draw.is_multiple_of(DEGRADED_SHARE);
    let (mut degraded, mut returning, mut shut) = (Vec::new(), Vec::new(), Vec::new());
    for candidate in fit {
        let Candidate { admission, failure, is_degraded, .. } = candidates[candidate];
        let failure = failure.unwrap_or(Failure::Transient);
        match admission {
            Admission::Open if is_degraded && passes_by => {
                plan.skips.push((candidate, SkipReason::Degraded));
                degraded.push(Step { candidate, pass: Pass::Degraded });
            }
            Admission::Open => plan.steps.push(Step { candidate, pass: Pass::Open }),
            Admission::Probe => plan.steps.push(Step { candidate, pass: Pass::Probe }),
            Admission::Returning { one_in }
                if !another_is_open || facts.draw.is_multiple_of(u64::from(one_in)) =>
            {
                plan.steps.push(Step { candidate, pass: Pass::Open });
            }
            Admission::Returning { .. } => {
                plan.skips.push((candidate, SkipReason::Returning(failure)));
                returning.push(Step { candidate, pass: Pass::Returning });
            }
            Admission::Shut { .. } => {
                plan.skips.push((candidate, SkipReason::GateShut(failure)));
                shut.push(Step { candidate, pass: Pass::LastResort });
            }
        }
    }
    plan.steps.append(&mut degraded);
    plan.steps.append(&mut returning);
    plan.steps.append(&mut shut);
    if plan.steps.is_empty() && !candidates.is_empty() {
        plan.steps.push(Step { candidate: 0, pass: Pass::LastResort });
    }
    plan
}

/// Estimates are rough (four bytes a token): only an input of twice the window surely overflows.
const SURE_OVERFLOW: u64 = 2;

fn unfit(facts: &Facts, candidate: &Candidate<'_>) -> Option<SkipReason> {
    let model = candidate.model?;
    if facts.images && !model.capabilities.images {
        return Some(SkipReason::NoImages);
    }
    if facts.tools && !model.capabilities.tools {
        return Some(SkipReason::NoTools);
    }
    let overflows = model.context_window > 0
        && facts.input_tokens > model.context_window.saturating_mul(SURE_OVERFLOW);
    overflows.then_some(SkipReason::WindowTooSmall)
}

#[cfg(test)]
mod tests {
    use terms::{
        ids::TargetName,
        model::{Capabilities, Model, Prices},
        outcome::Failure,
    };

    use super::{Candidate, Facts, Pass, SkipReason, route};
    use crate::gate::Admission;

    fn candidate<'a>(
        target: &'a TargetName,
        admission: Admission,
        model: Option<&'a Model>,
    ) -> Candidate<'a> {
        Candidate {
            target,
            model,
            admission,
            failure: Some(Failure::Unreachable),
            is_degraded: false,
        }
    }

    fn blind_model() -> Model {
        Model {
            provider: "p".into(),
            name: "m".into(),
            context_window: 1000,
            max_output: 0,
            prices: Prices::default(),
            capabilities: Capabilities { tools: true, ..Capabilities::default() },
            retires: None,
        }
    }

    #[test]
    fn a_degraded_target_stands_behind_the_sound_ones_but_for_a_share_and_is_never_shut() {
        let (a, b, c) = ("a".into(), "b".into(), "c".into());
        let bad = |target, admission| Candidate {
            is_degraded: true,
            ..candidate(target, admission, None)
        };
        let facts = |draw| Facts { draw, ..Facts::default() };
        let order = |draw, candidates: &[Candidate<'_>]| -> Vec<usize> {
            route(&facts(draw), candidates).steps.iter().map(|step| step.candidate).collect()
        };
        let returning = Admission::Returning { one_in: 8 };
        let three = [
            bad(&a, Admission::Open),
            candidate(&b, Admission::Open, None),
            candidate(&c, returning, None),
        ];
        assert_eq!(order(7, &three), [1, 0, 2]);
        assert_eq!(route(&facts(7), &three).skips[0], (0, SkipReason::Degraded));
        assert_eq!(order(20, &three), [0, 1, 2], "one in twenty looks whether it is well again");
        let shut = candidate(&b, Admission::Shut { for_ms: 5 }, None);
        assert_eq!(order(7, &[bad(&a, Admission::Open), shut]), [0, 1]);
        assert_eq!(order(7, &[bad(&a, Admission::Open), bad(&b, Admission::Open)]), [0, 1]);
    }

    #[test]
    fn a_shut_gate_stands_behind_every_open_one() {
        let (a, b, c) = ("a".into(), "b".into(), "c".into());
        let plan = route(
            &Facts::default(),
            &[
                candidate(&a, Admission::Shut { for_ms: 5 }, None),
                candidate(&b, Admission::Open, None),
                candidate(&c, Admission::Probe, None),
            ],
        );
        let order: Vec<_> = plan.steps.iter().map(|step| (step.candidate, step.pass)).collect();
        assert_eq!(order, [(1, Pass::Open), (2, Pass::Probe), (0, Pass::LastResort)]);
        assert_eq!(plan.skips, [(0, SkipReason::GateShut(Failure::Unreachable))]);
    }

    #[test]
    fn what_has_just_come_back_gets_its_share_and_all_where_no_other_is_open() {
        let (a, b) = ("a".into(), "b".into());
        let returning = candidate(&a, Admission::Returning { one_in: 4 }, None);
        let first = |draw, other| {
            let facts = Facts { draw, ..Facts::default() };
            route(&facts, &[returning.clone(), candidate(&b, other, None)]).steps[0].candidate
        };
        let firsts: Vec<_> = (0..8).map(|draw| first(draw, Admission::Open)).collect();
        assert_eq!(firsts, [0, 1, 1, 1, 0, 1, 1, 1]);
        for other in [Admission::Shut { for_ms: 9 }, Admission::Probe] {
            assert!((0..8).all(|draw| first(draw, other) == 0), "{other:?}");
        }
    }

    #[test]
    fn every_reason_has_a_word() {
        use std::collections::BTreeSet;
        assert_eq!(SkipReason::NAMES.iter().collect::<BTreeSet<_>>().len(), SkipReason::COUNT);
        assert_eq!(SkipReason::WindowTooSmall.name(), "window_too_small");
        assert_eq!(SkipReason::GateShut(Failure::Cut).name(), "gate_shut");
    }

    #[test]
    fn a_model_that_cannot_see_gets_no_images_unless_it_is_all_there_is() {
        let (a, b) = ("a".into(), "b".into());
        let blind = blind_model();
        let facts = Facts { images: true, ..Facts::default() };
        let plan = route(
            &facts,
            &[candidate(&a, Admission::Open, Some(&blind)), candidate(&b, Admission::Open, None)],
        );
        assert_eq!(plan.skips, [(0, SkipReason::NoImages)]);
        assert_eq!(plan.steps.len(), 1);
        let plan = route(&facts, &[candidate(&a, Admission::Open, Some(&blind))]);
        assert_eq!(plan.steps.len(), 1, "the vendor decides");
    }

    #[test]
    fn only_a_sure_overflow_is_skipped() {
        let a = "a".into();
        let b = "b".into();
        let small = blind_model();
        for (tokens, skipped) in [(1500, 0), (2001, 1)] {
            let facts = Facts { input_tokens: tokens, ..Facts::default() };
            let plan = route(
                &facts,
                &[
                    candidate(&a, Admission::Open, Some(&small)),
                    candidate(&b, Admission::Open, None),
                ],
            );
            assert_eq!(plan.skips.len(), skipped, "{tokens}");
        }
    }
}
