//! Calls and spend over the last hour as two charts on one axis of time, and the table behind them.

use askama::Template;
use terms::money::NanoUsd;

use crate::{
    chart::{Axis, Bar, Chart, Part},
    format::{count, counted},
    live::{MinuteBar, Overview},
};

/// How many bars are shown: the fewest of these that hold everything that happened, so that a young
/// program does not show a long past of nothing.
const WINDOWS: &[usize] = &[15, 30];

/// Labels below the charts.
const TICKS: usize = 5;

/// In nano-USD: the least that the axis of spend reaches to.
const CENT: f64 = 10_000_000.0;

const MINUTE_MS: i64 = 60_000;

#[derive(Template)]
#[template(path = "sections/hour.html")]
struct Hour {
    span: String,
    each: String,
    answered: String,
    rescued: String,
    failed: String,
    spent: String,
    calls: Chart,
    spend: Chart,
    rows: Vec<Row>,
}

struct Row {
    at: String,
    requests: String,
    rescued: String,
    failed: String,
    cost: String,
}

pub(crate) fn render(overview: &Overview) -> askama::Result<String> {
    let bars = recent(&overview.spend.by_minute);
    let sum = |value: fn(&MinuteBar) -> u64| bars.iter().map(value).sum::<u64>();
    let cost: NanoUsd = bars.iter().map(|bar| bar.cost).sum();
    let (rescued, failed) = (sum(|bar| bar.rescued), sum(|bar| bar.failed));
    let answered = sum(|bar| bar.requests).saturating_sub(rescued + failed);
    let template = Hour {
        span: span(bars),
        each: each(bars),
        answered: count(answered),
        rescued: count(rescued),
        failed: count(failed),
        spent: cost.to_string(),
        calls: calls(bars),
        spend: spend(bars),
        rows: bars.iter().rev().map(row).collect(),
    };
    template.render()
}

/// The newest bars, as many as the smallest window that holds all activity.
fn recent(bars: &[MinuteBar]) -> &[MinuteBar] {
    let quiet = |bar: &MinuteBar| bar.requests == 0 && bar.cost == NanoUsd::ZERO;
    let active = bars.len() - bars.iter().take_while(|bar| quiet(bar)).count();
    let window = WINDOWS.iter().copied().find(|window| active <= *window);
    let shown = window.unwrap_or(bars.len()).min(bars.len());
    &bars[bars.len() - shown..]
}

fn calls(bars: &[MinuteBar]) -> Chart {
    let drawn = bars.iter().map(|bar| Bar {
        title: title(bar),
        parts: vec![
            Part {
                kind: "answered",
                amount: bar.requests.saturating_sub(bar.rescued + bar.failed) as f64,
            },
            Part { kind: "rescued", amount: bar.rescued as f64 },
            Part { kind: "failed", amount: bar.failed as f64 },
        ],
    });
    let busiest = bars.iter().map(|bar| bar.requests).max().unwrap_or(0);
    let summary = format!("Calls {}, at most {}", each(bars), count(busiest));
    Chart::new(summary, drawn.collect(), Axis::Counts, |amount| format!("{amount:.0}"), ticks(bars))
}

fn spend(bars: &[MinuteBar]) -> Chart {
    let drawn = bars.iter().map(|bar| Bar {
        title: title(bar),
        parts: vec![Part { kind: "spent", amount: bar.cost.0 as f64 }],
    });
    let dearest = bars.iter().map(|bar| bar.cost).max().unwrap_or_default();
    let summary = format!("Spend {}, at most {dearest}", each(bars));
    #[expect(clippy::cast_possible_truncation, reason = "a label at an axis, far below 2⁶³")]
    let label = |amount: f64| NanoUsd(amount as i64).to_string();
    Chart::new(summary, drawn.collect(), Axis::Amounts(CENT), label, ticks(bars))
}

fn title(bar: &MinuteBar) -> String {
    let calls = counted(bar.requests, "call", "calls");
    let (rescued, failed) = (count(bar.rescued), count(bar.failed));
    format!("{}: {calls}, {rescued} rescued, {failed} failed, {}", clock(bar, false), bar.cost)
}

fn row(bar: &MinuteBar) -> Row {
    Row {
        at: clock(bar, false),
        requests: count(bar.requests),
        rescued: count(bar.rescued),
        failed: count(bar.failed),
        cost: bar.cost.to_string(),
    }
}

/// One label per fifth of the axis, which is the time at which that fifth starts.
fn ticks(bars: &[MinuteBar]) -> Vec<String> {
    let step = bars.len().div_ceil(TICKS).max(1);
    bars.iter().step_by(step).map(|bar| clock(bar, bar_ms(bars) < MINUTE_MS)).collect()
}

fn clock(bar: &MinuteBar, with_seconds: bool) -> String {
    let mut clock = bar.at.clock();
    if !with_seconds && bar.at.0 % MINUTE_MS == 0 {
        clock.truncate("HH:MM".len());
    }
    clock
}

fn bar_ms(bars: &[MinuteBar]) -> i64 {
    match bars {
        [first, second, ..] => second.at.0 - first.at.0,
        _ => MINUTE_MS,
    }
}

fn each(bars: &[MinuteBar]) -> String {
    match bar_ms(bars) {
        MINUTE_MS => "per minute".to_owned(),
        ms => format!("per {} s", ms / 1_000),
    }
}

fn span(bars: &[MinuteBar]) -> String {
    let ms = bar_ms(bars).unsigned_abs() * bars.len() as u64;
    match ms / 60_000 {
        60 => "Last hour".to_owned(),
        1 => "Last minute".to_owned(),
        minutes => format!("Last {minutes} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use terms::{money::NanoUsd, time::Timestamp};

    use super::recent;
    use crate::live::MinuteBar;

    #[test]
    fn a_young_program_shows_a_short_past() {
        let shown = |active: usize| {
            let bars: Vec<MinuteBar> = (0..60)
                .map(|minute| MinuteBar {
                    at: Timestamp(0),
                    cost: NanoUsd::ZERO,
                    requests: u64::from(minute >= 60 - active),
                    failed: 0,
                    rescued: 0,
                })
                .collect();
            recent(&bars).len()
        };
        assert_eq!([shown(0), shown(1), shown(15), shown(16), shown(31)], [15, 15, 15, 30, 60]);
        assert_eq!(recent(&[]).len(), 0);
    }
}
