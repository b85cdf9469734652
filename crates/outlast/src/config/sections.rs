//! The sections of `outlast.toml`: each reads its keys and gives checked values. Problems go to the
//! findings; a section with problems still gives what it can, so that all are found at once.

use std::{net::SocketAddr, time::Duration};

use decide::{
    attempt::{AttemptLimits, MOST_ATTEMPTS},
    breaker::BreakerLimits,
    gate::GateLimits,
    heirs::Successors,
    retry_budget::RetryBudgetLimits,
    spray::Spray,
};
use gateway::{Hedge, KeepLimits, OnDegraded, Streaming, TimeLimits};
use terms::{
    breaker::Autonomy,
    model::Prices,
    money::{NanoUsd, PicoUsdPerToken},
};
use toml::Spanned;

use crate::config::{
    reader::{Findings, Section},
    signs, streams, upkeep,
};

/// A day in milliseconds: no limit is longer.
const DAY_MS: u64 = terms::time::DAY_MS.unsigned_abs();

/// A route as the file gives it; its targets are resolved later.
#[derive(Debug, Clone)]
pub(crate) struct RouteSection {
    pub(crate) name: Spanned<String>,
    pub(crate) targets: Vec<Spanned<String>>,
    pub(crate) limits: AttemptLimits,
    pub(crate) lossy: bool,
    pub(crate) streaming: Streaming,
    pub(crate) spray: Spray,
    /// One for each target; empty where all have the same.
    pub(crate) weights: Vec<u64>,
    pub(crate) sticky: bool,
    pub(crate) prefers_cost: bool,
    pub(crate) successors: Successors,
    pub(crate) hedge: Option<Hedge>,
    pub(crate) on_degraded: OnDegraded,
}

/// A price set by hand.
#[derive(Debug, Clone)]
pub(crate) struct PriceSection {
    pub(crate) model: Spanned<String>,
    pub(crate) prices: Prices,
}

/// `[limits]`: what holds where a provider or route says nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Durations {
    pub(crate) times: TimeLimits,
    pub(crate) attempts: AttemptLimits,
    pub(crate) gates: GateLimits,
    pub(crate) retries: RetryBudgetLimits,
    pub(crate) body_bytes: Option<usize>,
    /// `[streams]`, which holds beside the limits.
    pub(crate) streaming: Streaming,
    /// `[signs]`' choice for routes that make none.
    pub(crate) on_degraded: OnDegraded,
}

pub(crate) fn address(
    section: &mut Section<'_, '_>,
    key: &'static str,
    findings: &Findings,
) -> Option<SocketAddr> {
    let text = section.string(key)?;
    match text.get_ref().parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let message = format!("`{key} = \"{}\"` is no address", text.get_ref());
            findings.report(
                text.span(),
                message,
                "write an IP address and a port, such as \"127.0.0.1:4100\"",
            );
            None
        }
    }
}

pub(crate) fn limits(mut section: Section<'_, '_>) -> Durations {
    let defaults = Durations::default();
    let gates = GateLimits {
        consecutive_failures: small(
            section.number("gate_failures", 1..1000),
            defaults.gates.consecutive_failures,
        ),
        error_rate_percent: small(
            section.number("gate_error_percent", 1..101),
            defaults.gates.error_rate_percent,
        ),
        return_ms: section.number("gate_return_ms", 0..DAY_MS).unwrap_or(defaults.gates.return_ms),
        shut_ms: section.number("gate_shut_ms", 1..DAY_MS).unwrap_or(defaults.gates.shut_ms),
        shut_cap_ms: section
            .number("gate_shut_cap_ms", 1..DAY_MS)
            .unwrap_or(defaults.gates.shut_cap_ms),
        ..defaults.gates
    };
    let retries = RetryBudgetLimits {
        percent: small(section.number("retry_percent", 0..1001), defaults.retries.percent),
        floor: small(section.number("retry_floor", 0..1_000_001), defaults.retries.floor),
        ..defaults.retries
    };
    let mebibytes = section.number("body_mib", 1..1025);
    let result = Durations {
        times: times(&mut section, defaults.times),
        attempts: attempts(&mut section, defaults.attempts),
        gates,
        retries,
        body_bytes: mebibytes.and_then(|mebibytes| usize::try_from(mebibytes << 20).ok()),
        streaming: defaults.streaming,
        on_degraded: defaults.on_degraded,
    };
    section.finish();
    result
}

/// `[responses]`: how long replies are kept that callers want to follow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replies {
    pub(crate) keep: KeepLimits,
    /// Bytes of kept replies in the store at most. Default 4 GiB; the oldest go first.
    pub(crate) store_bytes: u64,
}

impl Default for Replies {
    fn default() -> Self {
        Self { keep: KeepLimits::default(), store_bytes: 4 << 30 }
    }
}

pub(crate) fn replies(mut section: Section<'_, '_>) -> Replies {
    let defaults = Replies::default();
    let days = section.number("keep_days", 0..3_651);
    let time = days.map_or(defaults.keep.time, |days| Duration::from_millis(days * DAY_MS));
    let store = section.number("store_mib", 1..1_048_577);
    section.finish();
    Replies {
        keep: KeepLimits { time, ..defaults.keep },
        store_bytes: store.map_or(defaults.store_bytes, |mebibytes| mebibytes << 20),
    }
}

/// `[breaker]`: what a session may do on its own before somebody is asked.
pub(crate) fn breaker(mut section: Section<'_, '_>, findings: &Findings) -> BreakerLimits {
    let BreakerLimits(defaults) = BreakerLimits::default();
    let autonomous = span_of(&mut section, "autonomous", findings);
    let cost = dollars_of(&mut section, "cost", SOMETHING, findings);
    section.finish();
    BreakerLimits(Autonomy {
        autonomous_ms: autonomous.unwrap_or(defaults.autonomous_ms),
        cost: cost.unwrap_or(defaults.cost),
    })
}

/// The span of time under a key.
pub(crate) fn span_of(
    section: &mut Section<'_, '_>,
    key: &'static str,
    findings: &Findings,
) -> Option<u64> {
    let text = section.string(key)?;
    let read = span(text.get_ref());
    if read.is_none() {
        let message = format!("`{key} = \"{}\"` is no span of time", text.get_ref());
        let advice = "write a whole number and ms, s, m, h or d, up to 31d, such as \"10h\"";
        findings.report(text.span(), message, advice);
    }
    read
}

/// The least amount of dollars where nothing at all means nothing.
pub(crate) const SOMETHING: NanoUsd = NanoUsd(1);

/// The amount of dollars under a key, at least so much.
pub(crate) fn dollars_of(
    section: &mut Section<'_, '_>,
    key: &'static str,
    least: NanoUsd,
    findings: &Findings,
) -> Option<NanoUsd> {
    let at = section.place(key);
    let text = section.decimal(key)?;
    let read = NanoUsd::from_usd(&text).filter(|cost| *cost >= least);
    if read.is_none() {
        let message = format!("`{key}` is {text}");
        let above = if least > NanoUsd::ZERO { "above 0, " } else { "" };
        let advice =
            format!("it is in dollars, {above}with at most nine decimals, such as 50 or 0.25");
        findings.report(at.unwrap_or(0..0), message, advice);
    }
    read
}

/// Milliseconds of `90s`, `10h` and the like, from 1 ms to 31 days.
fn span(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY_MS,
        _ => return None,
    };
    let ms = number.parse::<u64>().ok()?.checked_mul(unit_ms)?;
    (1..=31 * DAY_MS).contains(&ms).then_some(ms)
}

pub(crate) fn times(section: &mut Section<'_, '_>, base: TimeLimits) -> TimeLimits {
    let mut time = |key, or| section.number(key, 1..DAY_MS).map_or(or, Duration::from_millis);
    TimeLimits {
        connect: time("connect_ms", base.connect),
        first_token: time("first_token_ms", base.first_token),
        first_token_reasoning: time("first_token_reasoning_ms", base.first_token_reasoning),
        idle: time("idle_ms", base.idle),
        idle_reasoning: time("idle_reasoning_ms", base.idle_reasoning),
        keep_alive: time("keep_alive_ms", base.keep_alive),
        whole_answer: time("whole_answer_ms", base.whole_answer),
    }
}

fn attempts(section: &mut Section<'_, '_>, base: AttemptLimits) -> AttemptLimits {
    let limits = AttemptLimits {
        attempts: tiny(section.number("attempts", 1..u64::from(MOST_ATTEMPTS) + 1), base.attempts),
        tries_per_target: tiny(section.number("tries_per_target", 1..17), base.tries_per_target),
        deadline_ms: section.number("deadline_ms", 1..DAY_MS).unwrap_or(base.deadline_ms),
        patience_ms: section.number("patience_ms", 0..DAY_MS).unwrap_or(base.patience_ms),
        backoff_ms: section.number("backoff_ms", 0..DAY_MS).unwrap_or(base.backoff_ms),
    };
    report_unreachable(section, limits);
    limits
}

/// A limit that no request can reach is a mistake where it was written here; one that stands elsewhere
/// simply never comes to matter.
fn report_unreachable(section: &Section<'_, '_>, limits: AttemptLimits) {
    let AttemptLimits { attempts, tries_per_target, deadline_ms, patience_ms, backoff_ms } = limits;
    if tries_per_target > attempts {
        section.report(
            "tries_per_target",
            format!(
                "`tries_per_target` is {tries_per_target}, but `attempts` allows {attempts} in all"
            ),
            "write a smaller `tries_per_target`, or more `attempts`",
        );
    }
    for (key, wait_ms) in [("patience_ms", patience_ms), ("backoff_ms", backoff_ms)] {
        if wait_ms >= deadline_ms {
            section.report(
                key,
                format!("`{key}` is {wait_ms}, but nothing is begun {deadline_ms} ms (`deadline_ms`) after a request came"),
                format!("write a smaller `{key}`, or a longer `deadline_ms`"),
            );
        }
    }
}

fn tiny(number: Option<u64>, or: u8) -> u8 {
    number.and_then(|number| u8::try_from(number).ok()).unwrap_or(or)
}

fn small(number: Option<u64>, or: u32) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(or)
}

pub(crate) fn route(
    mut section: Section<'_, '_>,
    defaults: &Durations,
    findings: &Findings,
) -> Option<RouteSection> {
    let name = section.required("name", "\"fast\"");
    let span = section.span();
    let targets = section.strings("targets");
    let lossy = section.boolean("lossy").unwrap_or(false);
    let streaming = streams::streaming(&mut section, defaults.streaming, findings);
    let limits = attempts(&mut section, defaults.attempts);
    let spray = spray(&mut section, findings);
    let weights = weights(&mut section, spray, targets.as_ref().map_or(0, Vec::len), findings);
    let sticky = section.boolean("sticky").unwrap_or(true);
    let prefers_cost = upkeep::prefers_cost(&mut section, spray != Spray::Order, findings);
    let successors = upkeep::successors(&mut section, findings);
    let hedge = hedge(&mut section, findings);
    let on_degraded = signs::on_degraded(&mut section, defaults.on_degraded, findings);
    section.finish();
    let name = name?;
    if name.get_ref().is_empty() || name.get_ref().trim_end_matches('*').contains('*') {
        findings.report(
            name.span(),
            format!("`{}` is no name for a route", name.get_ref()),
            "a `*` may stand at its end only",
        );
    }
    let targets = targets.unwrap_or_default();
    if targets.is_empty() {
        findings.report(span, format!("route `{}` has no targets", name.get_ref()), "add `targets = [\"anthropic/claude-opus-4-8\", \"openai/gpt-5.5\"]`, the preferred one first");
    }
    Some(RouteSection {
        name,
        targets,
        limits,
        lossy,
        streaming,
        spray,
        weights,
        sticky,
        prefers_cost,
        successors,
        hedge,
        on_degraded,
    })
}

/// For how many of a hundred requests a second attempt may go out, where the file does not say.
const HEDGE_PERCENT: u32 = 5;

fn hedge(section: &mut Section<'_, '_>, findings: &Findings) -> Option<Hedge> {
    let at = section.place("hedge_percent");
    let after = section.number("hedge_after_ms", 0..DAY_MS);
    let percent = section.number("hedge_percent", 1..101);
    if let (None, Some(at)) = (after, at) {
        let message = "`hedge_percent` means nothing without `hedge_after_ms`";
        findings.report(
            at,
            message,
            "add `hedge_after_ms = 2000`, or 0 for what each target usually takes",
        );
    }
    let after = match after? {
        0 => None,
        ms => Some(Duration::from_millis(ms)),
    };
    Some(Hedge::new(after, small(percent, HEDGE_PERCENT)))
}

fn spray(section: &mut Section<'_, '_>, findings: &Findings) -> Spray {
    let Some(name) = section.string("spray") else { return Spray::Order };
    match name.get_ref().as_str() {
        "order" => Spray::Order,
        "weights" => Spray::Weights,
        "adaptive" => Spray::Adaptive,
        other => {
            let message = format!("`spray = \"{other}\"` is no way to spread requests");
            let advice =
                "write \"weights\", \"adaptive\", or \"order\" to try the targets in their order";
            findings.report(name.span(), message, advice);
            Spray::Order
        }
    }
}

fn weights(
    section: &mut Section<'_, '_>,
    spray: Spray,
    targets: usize,
    findings: &Findings,
) -> Vec<u64> {
    let at = section.place("weights").unwrap_or(0..0);
    let Some(weights) = section.numbers("weights", 0..1_000_001) else { return Vec::new() };
    let report = |message: String, advice: &str| findings.report(at.clone(), message, advice);
    if spray == Spray::Order {
        report("`weights` means nothing without `spray`".to_owned(), "add `spray = \"weights\"`");
    } else if weights.len() != targets {
        let message = format!("there are {} weights for {targets} targets", weights.len());
        report(message, "give one for each target, in their order");
    } else if weights.iter().sum::<u64>() == 0 {
        report("all weights are 0".to_owned(), "give at least one target a weight above 0");
    }
    weights
}

pub(crate) fn price(mut section: Section<'_, '_>, findings: &Findings) -> Option<PriceSection> {
    let model = section.required("model", "\"provider/model\"");
    let mut usd = |key| section.decimal(key).and_then(|text| micro_usd(&text));
    let input = usd("input_usd_per_million");
    let output = usd("output_usd_per_million");
    let prices = Prices {
        input: input.unwrap_or_default(),
        output: output.unwrap_or_default(),
        cache_read: usd("cache_read_usd_per_million"),
        cache_write_5m: usd("cache_write_usd_per_million"),
        ..Prices::default()
    };
    let span = section.span();
    let both = ["input_usd_per_million", "output_usd_per_million"];
    let is_whole = both.iter().all(|key| section.has(key));
    section.finish();
    if !is_whole {
        findings.report(
            span,
            "a price needs both `input_usd_per_million` and `output_usd_per_million`",
            "write dollars per million tokens; 0 is a price, too",
        );
    }
    Some(PriceSection { model: model?, prices })
}

/// Decimal dollars per million tokens to whole micro-dollars; more decimals are cut off.
fn micro_usd(text: &str) -> Option<PicoUsdPerToken> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digits: String = part.chars().chain("000000".chars()).take(6).collect();
    let micros = whole.checked_mul(1_000_000)?.checked_add(digits.parse().ok()?)?;
    Some(PicoUsdPerToken(micros))
}
