//! The sections of `outlast.toml`: each reads its keys and gives checked values. Problems go to the
//! findings; a section with problems still gives what it can, so that all are found at once.

use std::{net::SocketAddr, ops::Range, time::Duration};

use decide::{attempt::AttemptLimits, breaker::BreakerLimits, gate::GateLimits};
use gateway::{Endpoint, TimeLimits};
use http::Uri;
use terms::{
    breaker::Autonomy,
    dialect::Dialect,
    model::Prices,
    money::{NanoUsd, PicoUsdPerToken},
};
use toml::Spanned;

use crate::config::{
    environment::Environment,
    reader::{Findings, Section, nearest},
    vendors::{VENDORS, vendor},
};

/// A day in milliseconds: no limit is longer.
const DAY_MS: u64 = 86_400_000;

/// A provider as the file gives it, checked.
#[derive(Debug, Clone)]
pub(crate) struct ProviderSection {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) secret: Option<String>,
    pub(crate) limits: TimeLimits,
    /// `free = true`: nothing that it answers costs anything.
    pub(crate) free: bool,
}

/// A route as the file gives it; its targets are resolved later.
#[derive(Debug, Clone)]
pub(crate) struct RouteSection {
    pub(crate) name: Spanned<String>,
    pub(crate) targets: Vec<Spanned<String>>,
    pub(crate) limits: AttemptLimits,
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
    pub(crate) body_bytes: Option<usize>,
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
        shut_ms: section.number("gate_shut_ms", 1..DAY_MS).unwrap_or(defaults.gates.shut_ms),
        shut_cap_ms: section
            .number("gate_shut_cap_ms", 1..DAY_MS)
            .unwrap_or(defaults.gates.shut_cap_ms),
        ..defaults.gates
    };
    let mebibytes = section.number("body_mib", 1..1025);
    let result = Durations {
        times: times(&mut section, defaults.times),
        attempts: attempts(&mut section, defaults.attempts),
        gates,
        body_bytes: mebibytes.and_then(|mebibytes| usize::try_from(mebibytes << 20).ok()),
    };
    section.finish();
    result
}

/// `[breaker]`: what a session may do on its own before somebody is asked.
pub(crate) fn breaker(mut section: Section<'_, '_>, findings: &Findings) -> BreakerLimits {
    let BreakerLimits(defaults) = BreakerLimits::default();
    let autonomous = section.string("autonomous").and_then(|text| {
        let read = span(text.get_ref());
        if read.is_none() {
            let message = format!("`autonomous = \"{}\"` is no span of time", text.get_ref());
            let advice = "write a whole number and ms, s, m, h or d, up to 31d, such as \"10h\"";
            findings.report(text.span(), message, advice);
        }
        read
    });
    let at = section.place("cost");
    let cost = section.decimal("cost").and_then(|text| {
        let read = NanoUsd::from_usd(&text).filter(|cost| *cost > NanoUsd::ZERO);
        if read.is_none() {
            let message = format!("`cost` is {text}");
            let advice =
                "it is in dollars, above 0, with at most nine decimals, such as 50 or 0.25";
            findings.report(at.unwrap_or(0..0), message, advice);
        }
        read
    });
    section.finish();
    BreakerLimits(Autonomy {
        autonomous_ms: autonomous.unwrap_or(defaults.autonomous_ms),
        cost: cost.unwrap_or(defaults.cost),
    })
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

fn times(section: &mut Section<'_, '_>, base: TimeLimits) -> TimeLimits {
    let mut time = |key, or| section.number(key, 1..DAY_MS).map_or(or, Duration::from_millis);
    TimeLimits {
        connect: time("connect_ms", base.connect),
        first_token: time("first_token_ms", base.first_token),
        first_token_reasoning: time("first_token_reasoning_ms", base.first_token_reasoning),
        idle: time("idle_ms", base.idle),
        idle_reasoning: time("idle_reasoning_ms", base.idle_reasoning),
        whole_answer: time("whole_answer_ms", base.whole_answer),
    }
}

fn attempts(section: &mut Section<'_, '_>, base: AttemptLimits) -> AttemptLimits {
    AttemptLimits {
        attempts: tiny(section.number("attempts", 1..17), base.attempts),
        tries_per_target: tiny(section.number("tries_per_target", 1..17), base.tries_per_target),
        deadline_ms: section.number("deadline_ms", 1..DAY_MS).unwrap_or(base.deadline_ms),
        patience_ms: section.number("patience_ms", 0..DAY_MS).unwrap_or(base.patience_ms),
        backoff_ms: section.number("backoff_ms", 0..DAY_MS).unwrap_or(base.backoff_ms),
    }
}

fn tiny(number: Option<u64>, or: u8) -> u8 {
    number.and_then(|number| u8::try_from(number).ok()).unwrap_or(or)
}

fn small(number: Option<u64>, or: u32) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(or)
}

pub(crate) fn provider(
    mut section: Section<'_, '_>,
    defaults: &Durations,
    environment: &Environment,
    findings: &Findings,
) -> Option<ProviderSection> {
    let span = section.span();
    let name = section.required("name", "\"anthropic\"");
    let base_url = section.string("base_url");
    let dialects = section.strings("dialects");
    let key = section.string("api_key");
    let free = section.boolean("free").unwrap_or(false);
    let limits = times(&mut section, defaults.times);
    section.finish();
    let name = name?;
    if name.get_ref().is_empty() || name.get_ref().contains(['/', '*', ' ']) {
        findings.report(
            name.span(),
            format!("`{}` is no name for a provider", name.get_ref()),
            "use letters, digits and dashes",
        );
        return None;
    }
    let known = vendor(name.get_ref());
    let base = match (&base_url, known) {
        (Some(url), _) => Some((url.get_ref().clone(), url.span())),
        (None, Some(vendor)) => {
            let moved = environment.get(vendor.address_variable).unwrap_or(vendor.base_url);
            Some((moved.to_owned(), name.span()))
        }
        (None, None) => {
            let advice = nearest(name.get_ref(), VENDORS.iter().map(|vendor| vendor.name))
                .map_or_else(
                    || {
                        "add `base_url = \"http://…/v1\"` and `dialects = [\"openai-chat\"]`"
                            .to_owned()
                    },
                    |near| {
                        format!("did you mean `{near}`? Otherwise add `base_url = \"http://…/v1\"`")
                    },
                );
            findings.report(
                name.span(),
                format!(
                    "provider `{}` has no `base_url` and is no vendor that is known here",
                    name.get_ref()
                ),
                advice,
            );
            None
        }
    };
    let spoken = match &dialects {
        Some(names) => names.iter().filter_map(|name| dialect(name, findings)).collect(),
        None => known.map_or_else(|| vec![Dialect::OpenaiChat], |vendor| vendor.dialects.to_vec()),
    };
    let endpoints = base.map_or_else(Vec::new, |(url, at)| {
        spoken.iter().filter_map(|dialect| endpoint(&url, *dialect, at.clone(), findings)).collect()
    });
    if dialects.is_some_and(|names| names.is_empty()) {
        findings.report(
            span.clone(),
            format!("provider `{}` speaks no dialect", name.get_ref()),
            dialect_advice(),
        );
    }
    let secret = match key {
        Some(key) => secret(&key, environment, findings),
        None => {
            let variables = known.map_or(&[][..], |vendor| vendor.key_variables);
            let found = variables.iter().find_map(|variable| environment.get(variable));
            if found.is_none() && known.is_some() && base_url.is_none() {
                let advice = format!(
                    "set the environment variable {}, or add `api_key = \"env:NAME\"` or `\"file:PATH\"`",
                    variables.join(" or ")
                );
                findings.report(
                    name.span(),
                    format!("provider `{}` has no credential", name.get_ref()),
                    advice,
                );
            }
            found.map(str::to_owned)
        }
    };
    Some(ProviderSection { name: name.into_inner(), span, endpoints, secret, limits, free })
}

fn dialect(name: &Spanned<String>, findings: &Findings) -> Option<Dialect> {
    let dialect = Dialect::from_name(name.get_ref());
    if dialect.is_none() {
        findings.report(
            name.span(),
            format!("unknown dialect `{}`", name.get_ref()),
            dialect_advice(),
        );
    }
    dialect
}

fn dialect_advice() -> String {
    let names: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.name()).collect();
    format!("known dialects: {}", names.join(", "))
}

/// The full address of a dialect's call below a base address. Both habits are understood: with and
/// without `/v1` at the end of an Anthropic base address.
pub(crate) fn endpoint(
    base: &str,
    dialect: Dialect,
    at: Range<usize>,
    findings: &Findings,
) -> Option<Endpoint> {
    let base = base.trim_end_matches('/');
    let address = match dialect {
        Dialect::OpenaiChat => format!("{base}/chat/completions"),
        Dialect::AnthropicMessages => {
            format!("{}/v1/messages", base.strip_suffix("/v1").unwrap_or(base))
        }
    };
    let uri = address.parse::<Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
            && !uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
    });
    if uri.is_none() {
        findings.report(
            at,
            format!("`{base}` is no base address"),
            "write http:// or https://, a host, no user name and no query",
        );
    }
    Some(Endpoint { dialect, uri: uri? })
}

/// `env:NAME`, `file:PATH`, or the secret itself.
fn secret(key: &Spanned<String>, environment: &Environment, findings: &Findings) -> Option<String> {
    let text = key.get_ref();
    if let Some(variable) = text.strip_prefix("env:") {
        let value = environment.get(variable);
        if value.is_none() {
            findings.report(
                key.span(),
                format!("the environment variable {variable} is not set"),
                format!("set {variable}, or give another `api_key`"),
            );
        }
        return value.map(str::to_owned);
    }
    if let Some(path) = text.strip_prefix("file:") {
        return match std::fs::read_to_string(path) {
            Ok(secret) => Some(secret.trim().to_owned()),
            Err(failure) => {
                findings.report(
                    key.span(),
                    format!("the file {path} cannot be read: {failure}"),
                    "give a file that holds the key and nothing else",
                );
                None
            }
        };
    }
    if text.trim().is_empty() {
        findings.report(
            key.span(),
            "`api_key` is empty",
            "give a key, or leave `api_key` out for a server that wants none",
        );
        return None;
    }
    Some(text.clone())
}

pub(crate) fn route(
    mut section: Section<'_, '_>,
    defaults: &Durations,
    findings: &Findings,
) -> Option<RouteSection> {
    let name = section.required("name", "\"fast\"");
    let span = section.span();
    let targets = section.strings("targets");
    let limits = attempts(&mut section, defaults.attempts);
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
    Some(RouteSection { name, targets, limits })
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
    section.finish();
    if input.is_none() || output.is_none() {
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
