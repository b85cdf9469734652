//! The section of the Providers page: every target with its gate, its errors, its keys, and how often
//! requests passed it by.

use askama::Template;

use crate::{
    format::{count, counted, words},
    live::{GateState, Overview, TargetRow},
    sections::targets::{detail, gate, is_worth_a_row},
};

#[derive(Template)]
#[template(path = "sections/providers.html")]
struct Providers {
    headline: String,
    rows: Vec<Row>,
}

struct Row {
    target: String,
    gate: &'static str,
    gate_word: &'static str,
    detail: Option<String>,
    errors: String,
    keys: String,
    skips: String,
}

pub(crate) fn all(overview: &Overview) -> askama::Result<Vec<String>> {
    let mut targets: Vec<&TargetRow> = overview.targets.iter().collect();
    // What needs a look first, then what is used, then the rest; each in its own order.
    targets.sort_by_key(|target| {
        let is_well = target.gate == GateState::Open && !target.degraded;
        (is_well, !is_worth_a_row(target))
    });
    let headline = headline(&overview.targets);
    let page = Providers { headline, rows: targets.into_iter().map(row).collect() };
    Ok(vec![page.render()?])
}

/// Times count up while something is not open.
pub(crate) fn is_moving(overview: &Overview) -> bool {
    overview.targets.iter().any(|target| target.gate != GateState::Open)
}

fn headline(targets: &[TargetRow]) -> String {
    let of = |state| targets.iter().filter(|target| target.gate == state).count() as u64;
    let away = of(GateState::Shut) + of(GateState::Probing);
    match (targets.len() as u64, away, of(GateState::Returning)) {
        (0, ..) => "No targets".to_owned(),
        (all, 0, 0) => format!("{} open", counted(all, "target is", "targets are")),
        (_, 0, back) => format!("{} back", counted(back, "target comes", "targets come")),
        (all, away, _) => format!("{} of {} shut", count(away), counted(all, "target", "targets")),
    }
}

fn row(target: &TargetRow) -> Row {
    let (mark, gate_word) = gate(target);
    let skips =
        target.skips.iter().map(|(reason, times)| format!("{} {}", count(*times), words(reason)));
    Row {
        target: target.target.to_string(),
        gate: mark,
        gate_word,
        detail: detail(target),
        errors: format!("{} %", target.error_percent),
        keys: match (target.keys, target.keys_open) {
            (0, _) => "–".to_owned(),
            (all, open) => format!("{open} of {all}"),
        },
        skips: skips.collect::<Vec<_>>().join(", "),
    }
}
