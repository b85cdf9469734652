//! The sections about what changes by itself: `[lifecycle]`, `[prices]` and `[notify]`, and the keys of
//! a route that depend on them.

use std::{path::Path, time::Duration};

use decide::{
    heirs::Successors, lifecycle::LifecycleLimits, price_change::AlertLimits, price_list::Format,
};
use http::Uri;
use terms::{ids::TargetName, money::NanoUsd, time::DAY_MS};
use toml::Spanned;

use crate::config::{
    reader::{Findings, Section},
    sections::dollars_of,
};

/// Hours between two looks at the providers' lists of models, where the file does not say.
const LISTS_HOURS: u64 = 6;

/// Hours between two looks at the price list, where the file does not say: they change every few days.
const REFRESH_HOURS: u64 = 24;

/// What is done about models and prices that change.
#[derive(Debug, Clone)]
pub(crate) struct Upkeep {
    pub(crate) lifecycle: LifecycleLimits,
    /// How often the providers' lists are looked at; `None`: never.
    pub(crate) lists: Option<Duration>,
    /// Models that keep their places whatever is said of them.
    pub(crate) held: Vec<TargetName>,
    /// The price list that is read by itself.
    pub(crate) price_list: Option<PriceListSource>,
    /// From when people are told of a change of prices.
    pub(crate) alert: AlertLimits,
    /// Where people are told.
    pub(crate) webhook: Option<String>,
}

/// A published price list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PriceListSource {
    /// An address or a file.
    pub(crate) from: String,
    /// Whose list it must be; `None`: any that is known.
    pub(crate) format: Option<Format>,
    /// How often it is read; `None`: not by itself.
    pub(crate) every: Option<Duration>,
}

impl PriceListSource {
    /// The same where a file's path begins at this folder.
    pub(crate) fn at(self, folder: &Path) -> Self {
        if is_web(&self.from) {
            return self;
        }
        Self { from: folder.join(self.from).to_string_lossy().into_owned(), ..self }
    }

    /// Whether this address or file is the one that it names, however the path is written.
    pub(crate) fn is_at(&self, from: &str) -> bool {
        let whole = |path: &str| Path::new(path).canonicalize().ok();
        self.from == from
            || !is_web(from) && whole(from).is_some_and(|path| whole(&self.from) == Some(path))
    }
}

/// Whether a list is fetched rather than read from a file.
pub(crate) fn is_web(from: &str) -> bool {
    from.starts_with("http://") || from.starts_with("https://")
}

/// Whether it is a file's path, or an address that can be fetched.
fn is_place(from: &str) -> bool {
    let has_host = |uri: &Uri| uri.host().is_some_and(|host| !host.is_empty());
    if is_web(from) {
        return from.parse::<Uri>().is_ok_and(|uri| has_host(&uri));
    }
    !from.contains("://")
}

impl Default for Upkeep {
    fn default() -> Self {
        Self {
            lifecycle: LifecycleLimits::default(),
            lists: Some(Duration::from_hours(LISTS_HOURS)),
            held: Vec::new(),
            price_list: None,
            alert: AlertLimits::default(),
            webhook: None,
        }
    }
}

/// Reads the three sections. Gives the targets that are held apart: the providers are not known yet.
pub(crate) fn upkeep(
    root: &mut Section<'_, '_>,
    findings: &Findings,
) -> (Upkeep, Vec<Spanned<String>>) {
    let (mut upkeep, mut held) = (Upkeep::default(), Vec::new());
    if let Some(section) = root.section("lifecycle") {
        held = lifecycle(section, &mut upkeep, findings);
    }
    if let Some(section) = root.section("prices") {
        prices(section, &mut upkeep, findings);
    }
    if let Some(mut section) = root.section("notify") {
        upkeep.webhook = section.string("webhook").and_then(|address| {
            let is_web = |uri: &Uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
            };
            let fits = address.get_ref().parse::<Uri>().is_ok_and(|uri| is_web(&uri));
            if !fits {
                let message = "`webhook` is no http or https address".to_owned();
                let advice = "write the whole address, such as \"https://example.com/hook\"";
                findings.report(address.span(), message, advice);
            }
            fits.then(|| address.into_inner())
        });
        section.finish();
    }
    (upkeep, held)
}

fn lifecycle(
    mut section: Section<'_, '_>,
    upkeep: &mut Upkeep,
    findings: &Findings,
) -> Vec<Spanned<String>> {
    let limits = &mut upkeep.lifecycle;
    let mut days = |key, most, or: &mut i64| {
        let days = section.number(key, 0..most).and_then(|days| i64::try_from(days).ok());
        *or = days.map_or(*or, |days| days * DAY_MS);
    };
    days("announce_days", 366, &mut limits.announce_ms);
    days("ramp_days", 91, &mut limits.ramp_ms);
    let count = section.number("mirror_requests", 0..1_001);
    limits.mirrored = count.and_then(|count| u32::try_from(count).ok()).unwrap_or(limits.mirrored);
    if let Some(usd) = dollars_of(&mut section, "mirror_usd", NanoUsd::ZERO, findings) {
        limits.mirrored_cost = usd;
    }
    upkeep.lists = match section.number("lists_hours", 0..8_761) {
        Some(0) => None,
        Some(hours) => Some(Duration::from_hours(hours)),
        None => upkeep.lists,
    };
    let held = section.strings("hold").unwrap_or_default();
    section.finish();
    held
}

fn prices(mut section: Section<'_, '_>, upkeep: &mut Upkeep, findings: &Findings) {
    let source = section.string("source");
    let format = section.string("format");
    let hours = section.number("refresh_hours", 0..8_761);
    let read = format.and_then(|name| {
        let known = Format::from_name(name.get_ref());
        if known.is_none() {
            let names = Format::ALL.map(|format| format!("\"{}\"", format.word()));
            let message = format!("`{}` is no price list that is known here", name.get_ref());
            let advice = format!(
                "write {}, or leave `format` out: it is seen from the list",
                names.join(", ")
            );
            findings.report(name.span(), message, advice);
        }
        known
    });
    match source {
        Some(source) if source.get_ref().trim().is_empty() => {
            let advice = "give the address or the file of a price list, or leave `source` out";
            findings.report(source.span(), "`source` is empty", advice);
        }
        Some(source) if !is_place(source.get_ref()) => {
            let message = format!("`{}` is no address that is read", source.get_ref());
            let advice = "write a whole http or https address, or the path of a file";
            findings.report(source.span(), message, advice);
        }
        Some(source) => {
            let hours = hours.unwrap_or(REFRESH_HOURS);
            upkeep.price_list = Some(PriceListSource {
                from: source.into_inner(),
                format: read,
                every: (hours > 0).then(|| Duration::from_hours(hours)),
            });
        }
        None => {
            for key in ["format", "refresh_hours"] {
                let message = format!("`{key}` means nothing without `source`");
                section.report(
                    key,
                    message,
                    "add `source`, the address or the file of a price list",
                );
            }
        }
    }
    if let Some(percent) = section.number("alert_percent", 1..10_001) {
        upkeep.alert.percent = u32::try_from(percent).unwrap_or(upkeep.alert.percent);
    }
    if let Some(usd) =
        dollars_of(&mut section, "alert_floor_usd_per_month", NanoUsd::ZERO, findings)
    {
        upkeep.alert.floor = usd;
    }
    if let Some(usd) = dollars_of(&mut section, "alert_usd_per_month", NanoUsd::ZERO, findings) {
        upkeep.alert.monthly = usd;
    }
    section.finish();
}

/// `successors` of a route.
pub(crate) fn successors(section: &mut Section<'_, '_>, findings: &Findings) -> Successors {
    let Some(word) = section.string("successors") else { return Successors::Any };
    match word.get_ref().as_str() {
        "any" => Successors::Any,
        "family" => Successors::Family,
        "none" => Successors::None,
        other => {
            let message = format!("`{other}` is nobody who could answer for a model that is gone");
            let advice = "write \"any\" (its successor, else the best of its tier), \"family\" (its successors at the same vendor) or \"none\"";
            findings.report(word.span(), message, advice);
            Successors::Any
        }
    }
}

/// `prefer` of a route: whether the cheapest target goes first.
pub(crate) fn prefers_cost(
    section: &mut Section<'_, '_>,
    is_spread: bool,
    findings: &Findings,
) -> bool {
    let Some(word) = section.string("prefer") else { return false };
    let (message, advice) = match word.get_ref().as_str() {
        "cost" if is_spread => (
            "`prefer` means nothing beside `spray`".to_owned(),
            "leave one of them out; \"adaptive\" weighs prices by itself",
        ),
        "cost" => return true,
        "order" => return false,
        other => (
            format!("`prefer = \"{other}\"` is nothing to order targets by"),
            "write \"cost\" for the cheapest first, or \"order\" for the order of `targets`",
        ),
    };
    findings.report(word.span(), message, advice);
    false
}
