//! The state of things in one sentence, and the six numbers behind it.

use askama::Template;
use terms::money::NanoUsd;

use crate::{
    format::{count, counted, duration, percent, share},
    live::{GateState, Overview, Requests, TargetRow},
};

#[derive(Template)]
#[template(path = "sections/figures.html")]
struct Figures {
    headline: String,
    gates: String,
    as_of: String,
    uptime: String,
    numbers: Vec<Figure>,
}

/// One number: what it is, how much, and what puts it into proportion.
struct Figure {
    /// How the charts draw it, for what they draw.
    kind: Option<&'static str>,
    label: &'static str,
    value: String,
    note: String,
}

pub(crate) fn render(overview: &Overview) -> askama::Result<String> {
    let template = Figures {
        headline: headline(&overview.requests),
        gates: gates(&overview.targets),
        as_of: overview.now.clock(),
        uptime: duration(overview.uptime_ms),
        numbers: numbers(overview),
    };
    template.render()
}

/// Failed calls come first, then rescued ones: what went wrong, and what did not because of us.
fn headline(requests: &Requests) -> String {
    let Requests { total, failed, rescued, .. } = *requests;
    match (total, failed, rescued) {
        (0, ..) => "No calls yet".to_owned(),
        (_, 0, 0) => format!("{} without a failure", counted(total, "call", "calls")),
        (_, 0, _) => format!("No failed calls, {} rescued", count(rescued)),
        (_, _, 0) => format!("{} failed", counted(failed, "call", "calls")),
        _ => format!("{} failed, {} rescued", counted(failed, "call", "calls"), count(rescued)),
    }
}

fn gates(targets: &[TargetRow]) -> String {
    let shut: Vec<&TargetRow> =
        targets.iter().filter(|target| target.gate != GateState::Open).collect();
    match (targets.len(), shut.as_slice()) {
        (0, _) => "No targets are configured.".to_owned(),
        (1, []) => "The only target is open.".to_owned(),
        (all, []) => format!("All {all} targets are open."),
        (all, [one]) => format!("1 of {all} targets is not open: {}.", one.target),
        (all, several) => format!("{} of {all} targets are not open.", several.len()),
    }
}

fn numbers(overview: &Overview) -> Vec<Figure> {
    let (requests, spend) = (&overview.requests, &overview.spend);
    let figure = |kind, label, value, note| Figure { kind, label, value, note };
    vec![
        figure(
            None,
            "Calls",
            count(requests.total),
            format!("{} a minute now", count(requests.per_minute_now)),
        ),
        figure(
            Some("failed"),
            "Failed",
            count(requests.failed),
            format!("{} of calls", percent(requests.failed, requests.total)),
        ),
        figure(
            Some("rescued"),
            "Rescued",
            count(requests.rescued),
            format!("{} of calls", percent(requests.rescued, requests.total)),
        ),
        figure(None, "In flight", count(requests.in_flight), "being answered".to_owned()),
        figure(
            None,
            "Spend, last hour",
            spend.last_hour.to_string(),
            beside_hour(spend.estimated_share, spend.assumed_share),
        ),
        figure(None, "Spend today", spend.today.to_string(), beside_spend(spend.avoided_today)),
    ]
}

/// How much of the spend is not what a bill will say.
fn beside_hour(estimated: f64, assumed: f64) -> String {
    let estimated = format!("{} estimated", share(estimated));
    if assumed > 0.0 {
        format!("{estimated}, {} at assumed prices", share(assumed))
    } else {
        estimated
    }
}

/// What puts the spend of a day into proportion: what students saved, where there is any.
fn beside_spend(avoided: NanoUsd) -> String {
    match avoided {
        NanoUsd::ZERO => "since midnight UTC".to_owned(),
        avoided => format!("{avoided} saved by students"),
    }
}

#[cfg(test)]
mod tests {
    use super::{beside_hour, headline};
    use crate::live::Requests;

    #[test]
    fn assumed_prices_are_said_to_be() {
        assert_eq!(beside_hour(0.25, 0.0), "25 % estimated");
        assert_eq!(beside_hour(0.0, 0.5), "0 % estimated, 50 % at assumed prices");
    }

    #[test]
    fn the_headline_says_first_what_went_wrong() {
        let said = |total, failed, rescued| {
            headline(&Requests { total, failed, rescued, ..Requests::default() })
        };
        assert_eq!(said(0, 0, 0), "No calls yet");
        assert_eq!(said(1_200, 0, 0), "1,200 calls without a failure");
        assert_eq!(said(1_200, 0, 214), "No failed calls, 214 rescued");
        assert_eq!(said(1_200, 1, 0), "1 call failed");
        assert_eq!(said(1_200, 2, 214), "2 calls failed, 214 rescued");
    }
}
