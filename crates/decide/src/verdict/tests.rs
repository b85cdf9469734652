//! Examples of every verdict, and the two promises: never deploy too early, never punish agreement.

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use terms::money::NanoUsd;

use super::{
    Cascade, CheaperModel, Costs, Evidence, Licence, Reason, Requirement, Verdict, decide,
};
use crate::interval::{Paired, fewest_rows};

const DOLLAR: i64 = 1_000_000_000;

/// The measured pair of Banking77 with its costs: the student is better by 8 points and a teacher's
/// answer costs 24 cents.
fn banking() -> Evidence {
    Evidence {
        student: Paired { both: 2400, system_only: 395, teacher_only: 145, neither: 140 },
        cascade: None,
        cheaper: None,
        requirement: Requirement { margin: 0.01, least_accuracy: None },
        learned_from_teacher: false,
        licence: Licence::Unanswered,
        costs: Costs {
            teacher_per_thousand: Some(NanoUsd(240 * DOLLAR)),
            student_per_thousand: NanoUsd(DOLLAR / 1000),
            audit_share: 0.01,
            fixed: NanoUsd(100 * DOLLAR),
            requests_per_day: 1000,
            horizon_days: 30,
        },
        rows_to_suffice: None,
    }
}

fn check(change: impl FnOnce(&mut Evidence), expect: Verdict) -> Vec<Reason> {
    let mut evidence = banking();
    change(&mut evidence);
    let ruling = decide(&evidence);
    assert_eq!(ruling.verdict, expect, "{:?}", ruling.reasons);
    assert!(!ruling.reasons.is_empty());
    assert!(ruling.reasons.iter().all(|reason| !reason.to_string().is_empty()));
    ruling.reasons
}

#[test]
fn a_better_and_cheaper_student_is_deployed() {
    let reasons = check(|_| {}, Verdict::Deploy);
    let pays = Reason::Pays { break_even_requests: 421, horizon_requests: 30_000 };
    assert_eq!(reasons[1], pays);
}

#[test]
fn a_cascade_that_calibration_offers_is_preferred_while_it_pays() {
    let paired = Paired { both: 2500, system_only: 355, teacher_only: 58, neither: 167 };
    let cascade = Some(Cascade { threshold: 0.4, paired, deferred_share: 0.1 });
    check(|evidence| evidence.cascade = cascade, Verdict::DeployAsCascade);
    let dear = |evidence: &mut Evidence| {
        evidence.cascade = cascade.map(|cascade| Cascade { deferred_share: 0.995, ..cascade });
    };
    check(dear, Verdict::Deploy);
}

#[test]
fn too_few_test_rows_never_deploy() {
    let agree = |rows| Paired { both: rows, ..Paired::default() };
    assert_eq!(fewest_rows(0.01), 276);
    check(|evidence| evidence.student = agree(275), Verdict::NeedBetterEval);
    check(|evidence| evidence.student = agree(276), Verdict::Deploy);
    check(|evidence| evidence.student = agree(0), Verdict::NeedBetterEval);
    let noisy = Paired { both: 830, system_only: 85, teacher_only: 85, neither: 0 };
    let reasons = check(|evidence| evidence.student = noisy, Verdict::NeedBetterEval);
    let Reason::TooFewTestRows { rows: 1000, needed } = reasons[0] else { panic!("{reasons:?}") };
    assert!((6500..6600).contains(&needed), "{needed}");
}

#[test]
fn a_worse_student_needs_more_data_or_is_given_up() {
    let worse = Paired { both: 2200, system_only: 100, teacher_only: 358, neither: 422 };
    check(|evidence| evidence.student = worse, Verdict::NoProfitableDistillation);
    let curve = |evidence: &mut Evidence| {
        evidence.student = worse;
        evidence.rows_to_suffice = Some(40_000);
    };
    let reasons = check(curve, Verdict::NeedMoreData);
    assert_eq!(reasons[0], Reason::MoreRowsMightSuffice { rows: 40_000 });
    let demanding = |evidence: &mut Evidence| evidence.requirement.least_accuracy = Some(0.95);
    check(demanding, Verdict::NoProfitableDistillation);
}

#[test]
fn learning_from_a_teacher_needs_a_licence() {
    let learns = |licence| {
        move |evidence: &mut Evidence| {
            evidence.learned_from_teacher = true;
            evidence.licence = licence;
        }
    };
    check(learns(Licence::Unanswered), Verdict::NoProfitableDistillation);
    check(learns(Licence::Forbidden), Verdict::NoProfitableDistillation);
    check(learns(Licence::Allowed), Verdict::Deploy);
}

#[test]
fn what_does_not_pay_is_not_deployed() {
    let refused = Verdict::NoProfitableDistillation;
    let unknown = check(|evidence| evidence.costs.teacher_per_thousand = None, refused);
    assert_eq!(unknown[0], Reason::TeacherCostUnknown);
    let quiet = check(|evidence| evidence.costs.requests_per_day = 10, refused);
    let horizon_requests = 300;
    let break_even_requests = Some(421);
    assert_eq!(quiet[0], Reason::TrafficTooSmall { break_even_requests, horizon_requests });
    let cheap = Some(NanoUsd(DOLLAR / 1000));
    let none = check(|evidence| evidence.costs.teacher_per_thousand = cheap, refused);
    assert_eq!(none[0], Reason::NoSaving);
}

#[test]
fn a_cheaper_model_wins_where_it_is_as_good_and_traffic_is_small() {
    let model = |per_thousand: i64| {
        let paired = Paired { both: 2500, system_only: 100, teacher_only: 58, neither: 422 };
        let route = "small".to_owned();
        Some(CheaperModel { route, paired, per_thousand: NanoUsd(per_thousand * DOLLAR) })
    };
    check(|evidence| evidence.cheaper = model(1), Verdict::CheaperApiModel);
    check(|evidence| evidence.cheaper = model(200), Verdict::Deploy);
    let quiet = |evidence: &mut Evidence| {
        evidence.cheaper = model(200);
        evidence.costs.requests_per_day = 10;
    };
    check(quiet, Verdict::CheaperApiModel);
}

/// The better the verdict, the higher. The two ways to deploy are equals.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::NoProfitableDistillation => 0,
        Verdict::NeedMoreData => 1,
        Verdict::NeedBetterEval => 2,
        Verdict::CheaperApiModel => 3,
        Verdict::DeployAsCascade | Verdict::Deploy => 4,
    }
}

fn paired() -> impl Strategy<Value = Paired> {
    let cell = || prop_oneof![0_u64..30, 0_u64..3000];
    (cell(), cell(), cell(), cell()).prop_map(|(both, system_only, teacher_only, neither)| Paired {
        both,
        system_only,
        teacher_only,
        neither,
    })
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let cascade = proptest::option::of((paired(), 0.0..1.0_f64));
    let least = proptest::option::of(0.3..1.0_f64);
    let cheaper = proptest::option::of((paired(), 0_i64..300));
    let more = prop_oneof![Just(None), Just(Some(9_000_u64))];
    (paired(), cascade, cheaper, 0.002..0.1_f64, least, more, 0_u64..3000).prop_map(
        |(student, cascade, cheaper, margin, least_accuracy, rows_to_suffice, requests)| {
            let cascade = cascade.map(|(paired, deferred_share)| Cascade {
                threshold: 0.5,
                paired,
                deferred_share,
            });
            let cheaper = cheaper.map(|(paired, price)| CheaperModel {
                route: "small".to_owned(),
                paired,
                per_thousand: NanoUsd(price * DOLLAR),
            });
            let costs = Costs { requests_per_day: requests, ..banking().costs };
            let requirement = Requirement { margin, least_accuracy };
            Evidence { student, cascade, cheaper, requirement, costs, rows_to_suffice, ..banking() }
        },
    )
}

/// Rows on which both systems were right, or only ours.
fn add(paired: &mut Paired, both: u64, system_only: u64) {
    paired.both += both;
    paired.system_only += system_only;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn more_agreeing_evidence_never_worsens_a_verdict(
        mut evidence in evidence(),
        both in prop_oneof![0_u64..3, 0_u64..2000],
        system_only in prop_oneof![0_u64..3, 0_u64..2000],
    ) {
        let before = decide(&evidence);
        add(&mut evidence.student, both, system_only);
        if let Some(cascade) = &mut evidence.cascade {
            add(&mut cascade.paired, both, system_only);
        }
        let after = decide(&evidence);
        assert!(rank(after.verdict) >= rank(before.verdict), "{before:?} became {after:?}");
    }

    #[test]
    fn deploy_is_never_said_on_fewer_than_the_needed_rows(evidence in evidence(), learned: bool) {
        let evidence = Evidence { learned_from_teacher: learned, ..evidence };
        let ruling = decide(&evidence);
        let paired = match ruling.verdict {
            Verdict::Deploy => evidence.student,
            Verdict::DeployAsCascade => evidence.cascade.unwrap().paired,
            _ => return Ok(()),
        };
        let margin = evidence.requirement.margin;
        assert!(!learned);
        assert!(paired.rows() >= fewest_rows(margin));
        assert!(Some(paired.rows()) >= paired.needed_rows(margin));
        assert!(paired.needed_rows(margin).is_some());
    }
}

#[test]
fn the_property_tests_meet_every_verdict() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut met = std::collections::BTreeSet::new();
    for _ in 0..3000 {
        let evidence = (evidence(), any::<bool>()).new_tree(&mut runner).unwrap().current().0;
        met.insert(decide(&evidence).verdict.name());
    }
    assert_eq!(met.len(), 6, "{met:?}");
}
