//! Every target with its gate and what it did.

use askama::Template;

use crate::{
    format::{count, duration, percent, words},
    live::{GateState, Overview, TargetRow},
};

/// Idle targets are shown openly as long as there are no more targets than this.
const FEW: usize = 6;

#[derive(Template)]
#[template(path = "sections/targets.html")]
struct Targets {
    shown: Vec<Row>,
    idle: Vec<Row>,
}

struct Row {
    gate: &'static str,
    gate_word: &'static str,
    detail: Option<String>,
    provider: String,
    name: String,
    requests: String,
    failures: String,
    failure_share: Option<String>,
    in_flight: String,
    first_token: String,
    cost: String,
}

pub(crate) fn render(overview: &Overview) -> askama::Result<String> {
    let (used, idle): (Vec<&TargetRow>, Vec<&TargetRow>) =
        overview.targets.iter().partition(|target| is_worth_a_row(target));
    let (few, idle) = idle.split_at(idle.len().min(FEW.saturating_sub(used.len())));
    let shown = used.into_iter().chain(few.iter().copied()).map(row).collect();
    Targets { shown, idle: idle.iter().copied().map(row).collect() }.render()
}

/// Every model of a catalog can be a target; those that nobody asked for would bury the others.
pub(crate) fn is_worth_a_row(target: &TargetRow) -> bool {
    target.gate != GateState::Open || target.degraded || target.requests > 0 || target.in_flight > 0
}

fn row(target: &TargetRow) -> Row {
    let (gate, gate_word) = gate(target);
    let (provider, name) = name(target);
    Row {
        gate,
        gate_word,
        detail: detail(target),
        provider,
        name,
        requests: count(target.requests),
        failures: count(target.failures),
        failure_share: (target.failures > 0).then(|| percent(target.failures, target.requests)),
        in_flight: count(target.in_flight),
        first_token: target.first_token_p50_ms.map_or_else(|| "–".to_owned(), duration),
        cost: target.cost.to_string(),
    }
}

/// Its gate, for a mark and in a word.
pub(crate) fn gate(target: &TargetRow) -> (&'static str, &'static str) {
    match target.gate {
        GateState::Open if target.degraded => ("probing", "Degraded"),
        GateState::Open => ("open", "Open"),
        GateState::Returning => ("probing", "Returning"),
        GateState::Probing => ("probing", "Probing"),
        GateState::Shut => ("shut", "Shut"),
    }
}

/// Why the target is not open, and since when.
pub(crate) fn detail(target: &TargetRow) -> Option<String> {
    let degraded = target.degraded.then(|| "see Incidents".to_owned());
    if target.gate == GateState::Open {
        return degraded;
    }
    let reason = target.reason.as_deref().map(words);
    let since = target.shut_for_ms.map(|ms| format!("for {}", duration(ms)));
    let share = target.one_in.map(|one_in| format!("1 in {one_in} passes"));
    let parts: Vec<String> = [share, reason, since, degraded].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A target's name in two parts, so that the eye finds the model: what stands before it, if its
/// name starts with its provider's as usual, and the rest.
fn name(target: &TargetRow) -> (String, String) {
    match target.target.as_str().split_once('/') {
        Some((provider, rest)) if provider == target.provider.as_str() => {
            (format!("{provider}/"), rest.to_owned())
        }
        _ => (String::new(), target.target.to_string()),
    }
}
