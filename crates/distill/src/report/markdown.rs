//! The report as a page for people. Accuracy and agreement never share a table; every assumption is named
//! where a figure rests on it; what a clock measured comes last, under its own heading.

use std::fmt::Write;

use decide::{
    interval::Interval,
    split::Part,
    threshold,
    verdict::{Licence, Verdict},
};
use terms::money::{NanoUsd, thousands};

use crate::{
    measured::Latency,
    report::{Found, Measured, Share, costs},
    step::{calibrate::Basis, evaluate::Score},
};

/// The whole page.
pub(crate) fn page(found: &Found, measured: &Measured) -> String {
    let mut page = format!("# Distillation of `{}`\n\n", found.task.name);
    let sections: [fn(&mut Page<'_>); 7] =
        [verdict, accuracy, agreement, confidence, money, rows, training];
    let mut writing = Page { text: &mut page, found };
    for section in sections {
        section(&mut writing);
    }
    measured_here(&mut page, measured, found.task.teacher_is_recorded);
    page
}

/// The page as it grows.
struct Page<'a> {
    text: &'a mut String,
    found: &'a Found,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        self.line(&format!("\n## {heading}\n"));
    }
}

fn verdict(page: &mut Page<'_>) {
    let found = page.found;
    page.line(&format!("**Verdict: {}.**\n", found.verdict.ruling.verdict));
    for reason in &found.verdict.ruling.reasons {
        page.line(&format!("- {reason}"));
    }
    let route = &found.task.teacher_route;
    if found.task.teacher_is_recorded {
        page.line(&format!(
            "\nThe teacher `{route}` was a recording: what a model once answered to these rows was \
             played back, and nothing was asked of a vendor."
        ));
    }
}

fn accuracy(page: &mut Page<'_>) {
    let evaluation = &page.found.evaluation;
    page.heading("Accuracy");
    page.line(&format!(
        "Against the gold labels of {} test rows, opened once for {} student.\n",
        thousands(evaluation.student.rows),
        evaluation.candidates
    ));
    page.line("| who | accuracy | 95 % interval | right | of rows |");
    page.line("|---|---|---|---|---|");
    page.line(&score_line("student", evaluation.student));
    page.line(&score_line("teacher", evaluation.teacher));
    if let Some(cascade) = evaluation.cascade {
        let (right, rows) = (cascade.paired.system_right(), cascade.paired.rows());
        page.line(&score_line("student, with the teacher behind it", Score { right, rows }));
    }
    page.line(&score_line("always the most frequent label", evaluation.majority));
    let paired = evaluation.paired;
    page.line(&format!(
        "\nOn the {} rows that both answered, student less teacher: {} (McNemar p = {:.2e}). Only the \
         student is right on {}, only the teacher on {}.",
        thousands(paired.rows()),
        difference(paired.difference()),
        paired.mcnemar(),
        thousands(paired.system_only),
        thousands(paired.teacher_only),
    ));
    if let Some(cascade) = evaluation.cascade {
        let difference = difference(cascade.paired.difference());
        page.line(&format!("With the teacher behind it, less the teacher alone: {difference}."));
    }
}

fn agreement(page: &mut Page<'_>) {
    let agreement = page.found.evaluation.agreement;
    page.heading("Agreement with the teacher (not accuracy)");
    let share = Share::from(agreement).interval;
    page.line(&format!(
        "The student says what the teacher says on {} of {} test rows: {} ({}).",
        thousands(agreement.right),
        thousands(agreement.rows),
        percent(share.estimate),
        between(share)
    ));
}

fn confidence(page: &mut Page<'_>) {
    let (task, calibration) = (&page.found.task, &page.found.calibration);
    page.heading("Confidence");
    let basis = match calibration.basis {
        Basis::Gold => "gold labels, so what follows is about accuracy",
        Basis::Agreement => {
            "the teacher's answers, because these rows have no gold labels, so what follows is about \
             agreement and not about accuracy"
        }
    };
    if calibration.rows == 0 {
        return page.line("There were no rows to calibrate on: the student answers everything.");
    }
    page.line(&format!(
        "Calibrated on {} rows against {basis}. Temperature {:.3}; mean distance between confidence and \
         what came true: {:.3} before, {:.3} after.\n",
        thousands(calibration.rows as u64),
        calibration.temperature,
        calibration.error_before,
        calibration.error_after
    ));
    let errors = percent(task.guarantee.most_errors);
    let sure = percent(1.0 - task.guarantee.risk);
    match calibration.found {
        threshold::Found::Threshold { threshold, accepted, errors: wrong } => page.line(&format!(
            "At a confidence of {threshold:.3} and above, at most {errors} of the student's own answers \
             are wrong, with {sure} certainty for rows like these: {wrong} of {accepted} were."
        )),
        threshold::Found::TooFewRows { rows, needed } => page.line(&format!(
            "That at most {errors} of its own answers are wrong could not be shown: {rows} rows, and at \
             least {needed} without an error are needed."
        )),
        threshold::Found::NoneKeepsIt => page.line(&format!(
            "No confidence was found from which on at most {errors} of its own answers are wrong."
        )),
    }
    deferral(page);
}

/// Where the teacher is any better, with both numbers.
fn deferral(page: &mut Page<'_>) {
    let calibration = &page.found.calibration;
    let deferred = calibration.deferred;
    if deferred.rows() == 0 {
        return page.line("\nNo calibration row would go to the teacher.");
    }
    let below = match calibration.threshold {
        0.0 => "below it".to_owned(),
        threshold => format!("below a confidence of {threshold:.3}"),
    };
    let consequence = match (calibration.threshold > 0.0, calibration.basis) {
        (true, Basis::Gold) => "the teacher is shown to be better there, so it answers them",
        (true, Basis::Agreement) => "the teacher answers them",
        (false, _) => {
            "the teacher is not shown to be better there, so the student answers everything"
        }
    };
    page.line(&format!(
        "\nOn the {} calibration rows {below} the student has {} right and the teacher {}: {consequence}.",
        deferred.rows(),
        deferred.system_right(),
        deferred.teacher_right()
    ));
    if let threshold::Found::Threshold { threshold, .. } = calibration.found
        && threshold > calibration.threshold
        && calibration.threshold > 0.0
    {
        page.line(&format!(
            "From there up to {threshold:.3} it is not, so the student answers those rows too and errs \
             on more of its own answers than at {threshold:.3}."
        ));
    }
    if let Some(cascade) = page.found.evaluation.cascade {
        page.line(&format!(
            "On the test part {} of the rows went to the teacher; of these the student would have had {} \
             right and the teacher had {}. The student's own answers were wrong on {}.",
            percent(cascade.deferred_share()),
            cascade.deferred.system_right(),
            cascade.deferred.teacher_right(),
            percent(1.0 - Share::from(cascade.kept).interval.estimate)
        ));
    }
}

fn money(page: &mut Page<'_>) {
    let found = page.found;
    let figures = costs(found);
    let rest_on = figures.rest_on;
    page.heading("Cost");
    page.line("| who | per 1,000 requests |\n|---|---|");
    let price =
        |price: Option<NanoUsd>| price.map_or("unknown".to_owned(), |cost| cost.to_string());
    page.line(&format!("| teacher | {} |", price(figures.teacher_per_thousand)));
    page.line(&format!("| student | {} |", price(figures.student_per_thousand)));
    if figures.cascade_per_thousand.is_some() {
        let price = price(figures.cascade_per_thousand);
        page.line(&format!("| student, with the teacher behind it | {price} |"));
    }
    page.line("\nThese figures rest on:\n");
    let teacher =
        match (rest_on.teacher_per_thousand, found.conditions.assumed.teacher_per_thousand) {
            (_, Some(_)) => "assumed by the task".to_owned(),
            (Some(_), None) => format!(
                "counted by the gateway over {} answers{}",
                found.labelling.labelled + found.labelling.out_of_schema + found.labelling.rejected,
                at_assumed_price(found.labelling.at_assumed_price)
            ),
            (None, None) => {
                "unknown: neither stated by the task nor counted by the gateway".to_owned()
            }
        };
    page.line(&format!("- the teacher's price: {teacher};"));
    page.line(&format!(
        "- the student's own price: assumed, {} per 1,000 answers;",
        rest_on.student_per_thousand
    ));
    page.line(&format!(
        "- {} of the traffic is answered by the teacher too, as an audit, and is part of the student's \
         figure: assumed;",
        percent(rest_on.audit_share)
    ));
    page.line(&format!(
        "- paid once: {}, of which {} for labels as the gateway counted{} and the rest assumed;",
        rest_on.fixed,
        found.labelling.cost,
        at_assumed_price(found.labelling.at_assumed_price)
    ));
    page.line(&format!(
        "- {} requests a day, over {} days: assumed.",
        thousands(rest_on.requests_per_day),
        rest_on.horizon_days
    ));
    if !found.conditions.assumptions_note.is_empty() {
        page.line(&format!("- in the task's words: {}", found.conditions.assumptions_note));
    }
    if found.fit.gold_rows > 0 {
        page.line(
            "- what the data's own labels once cost is not counted, unless the task states it.",
        );
    }
    page.line(&match figures.break_even_requests {
        Some(0) => "\nNothing is paid once: it costs less from the first request on.".to_owned(),
        Some(requests) => {
            format!("\nWhat is paid once is back after {} requests.", thousands(requests))
        }
        None => "\nWhat is paid once does not come back.".to_owned(),
    });
}

/// Said wherever a figure rests on a price that the gateway's catalog does not know.
fn at_assumed_price(answers: usize) -> String {
    match answers {
        0 => String::new(),
        answers => format!(
            " (**at an assumed price** for {}: the gateway's catalog does not know the model's)",
            thousands(answers as u64)
        ),
    }
}

fn rows(page: &mut Page<'_>) {
    let found = page.found;
    page.heading("Rows");
    page.line("| part | rows |\n|---|---|");
    for part in Part::ALL {
        let rows = found.split.rows.get(&part).copied().unwrap_or_default();
        page.line(&format!("| {} | {} |", part.name(), thousands(rows as u64)));
    }
    page.line(&format!(
        "\nLeft out because the same text stands in a later part: {}. Test rows with a near-duplicate \
         among the rows that were learned from: {}.",
        thousands(found.split.left_out as u64),
        thousands(found.split.test_near_learned as u64)
    ));
    let labelling = &found.labelling;
    page.line(&format!(
        "\nThe teacher `{}` was to answer {} rows: {} labels, {} answers that are none of the labels, {} \
         rejected, {} not asked because the budget of {} was spent. Cost {}{}.",
        found.task.teacher_route,
        thousands(labelling.wanted as u64),
        thousands(labelling.labelled as u64),
        thousands(labelling.out_of_schema as u64),
        thousands(labelling.rejected as u64),
        thousands(labelling.past_budget as u64),
        found.conditions.budget,
        labelling.cost,
        match labelling.without_cost {
            0 => String::new(),
            count => format!("; the gateway told no cost for {count} of them"),
        } + &at_assumed_price(labelling.at_assumed_price)
    ));
    licence(page);
}

fn licence(page: &mut Page<'_>) {
    let conditions = &page.found.conditions;
    let answer = match conditions.licence {
        Licence::Allowed => "somebody answered that they allow it",
        Licence::Forbidden => "somebody answered that they forbid it",
        Licence::Unanswered => "nobody has answered for it, which means no",
    };
    let learned = match page.found.fit.teacher_rows {
        0 => "Nothing was learned from the teacher's answers",
        _ => "The student learned from the teacher's answers",
    };
    let note = match conditions.licence_note.as_str() {
        "" => String::new(),
        note => format!(" (\"{note}\")"),
    };
    page.line(&format!(
        "\n{learned}. Whether the teacher's terms allow learning from them: {answer}{note}."
    ));
}

fn training(page: &mut Page<'_>) {
    let fit = &page.found.fit;
    page.heading("Student");
    page.line(&format!(
        "`{}`, {:.2} MB, trained on {} rows: {} with the data's own label, {} with the teacher's.\n",
        fit.family,
        fit.bytes as f64 / 1e6,
        thousands(fit.trained_rows as u64),
        thousands(fit.gold_rows as u64),
        thousands(fit.teacher_rows as u64)
    ));
    page.line("| family | trained on | right on the select part |\n|---|---|---|");
    for rung in &fit.rungs {
        page.line(&point_line(&rung.family, &rung.select));
    }
    page.line(
        "\nLearning curve:\n\n| family | trained on | right on the select part |\n|---|---|---|",
    );
    for point in &fit.curve {
        page.line(&point_line(&fit.family, point));
    }
    if page.found.verdict.ruling.verdict == Verdict::NeedMoreData {
        page.line(
            "\nThe curve is followed without a floor: what it promises is the best that can be.",
        );
    }
}

fn point_line(family: &str, point: &decide::learning::Point) -> String {
    let right = Share::new(point.asked - point.errors, point.asked).interval;
    let (rows, asked) = (thousands(point.trained_rows), thousands(point.asked));
    format!("| {family} | {rows} | {} of {asked} |", percent(right.estimate))
}

fn measured_here(page: &mut String, measured: &Measured, teacher_is_recorded: bool) {
    let mut line = |text: String| writeln!(page, "{text}").expect("a string takes all");
    line("\n## Measured on this machine\n".to_owned());
    line("Nothing above depends on these figures; they differ from run to run.\n".to_owned());
    let fit = measured.fit;
    line(format!(
        "- training: {:.2} s, and {:.2} s with every rung and the learning curve;",
        fit.training_seconds, fit.all_fits_seconds
    ));
    if let Some(student) = measured.evaluation.student {
        line(format!("- the student, in process, one thread: {};", latency(student, "µs", 1.0)));
    }
    if let Some(teacher) = measured.labelling.teacher {
        let recorded =
            if teacher_is_recorded { " (a recording; a model takes longer)" } else { "" };
        line(format!(
            "- the teacher, through the gateway{recorded}: {}.",
            latency(teacher, "ms", 1000.0)
        ));
    }
}

fn latency(latency: Latency, unit: &str, per: f64) -> String {
    format!(
        "p50 {:.1} {unit}, p95 {:.1} {unit}, p99 {:.1} {unit} over {} answers",
        latency.p50_us / per,
        latency.p95_us / per,
        latency.p99_us / per,
        thousands(latency.answers)
    )
}

fn score_line(who: &str, score: Score) -> String {
    let interval = Share::from(score).interval;
    format!(
        "| {who} | {:.4} | {} | {} | {} |",
        interval.estimate,
        between(interval),
        thousands(score.right),
        thousands(score.rows)
    )
}

fn between(interval: Interval) -> String {
    format!("{:.4} to {:.4}", interval.low, interval.high)
}

fn difference(interval: Interval) -> String {
    format!(
        "{:+.2} points ({:+.2} to {:+.2})",
        interval.estimate * 100.0,
        interval.low * 100.0,
        interval.high * 100.0
    )
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
