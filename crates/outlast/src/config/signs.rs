//! `[signs]`: how live answers are watched for silent change, and what becomes of a target that shows
//! one; the same choice in a `[[route]]`.

use decide::signs::SignLimits;
use gateway::OnDegraded;

use crate::config::{
    reader::{Findings, Section},
    sections::span_of,
};

/// What `[signs]` says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignsSection {
    /// `None`: live answers are not watched.
    pub(crate) limits: Option<SignLimits>,
    /// For routes that say nothing themselves.
    pub(crate) on_degraded: OnDegraded,
}

impl Default for SignsSection {
    fn default() -> Self {
        Self { limits: Some(SignLimits::default()), on_degraded: OnDegraded::default() }
    }
}

pub(crate) fn signs(mut section: Section<'_, '_>, findings: &Findings) -> SignsSection {
    let defaults = SignLimits::default();
    let watch = section.boolean("watch").unwrap_or(true);
    let history = section.number("history", 20..100_001);
    let rare = section.number("false_alarm_in", 100..1_000_000_000_001);
    let limits = SignLimits {
        history: history.map_or(defaults.history, |count| u32::try_from(count).unwrap_or(u32::MAX)),
        false_alarm_in: rare.map_or(defaults.false_alarm_in, |count| count as f64),
        lasts_ms: span_of(&mut section, "lasts", findings).unwrap_or(defaults.lasts_ms),
        quiet_ms: span_of(&mut section, "quiet", findings).unwrap_or(defaults.quiet_ms),
    };
    let on_degraded = on_degraded(&mut section, OnDegraded::default(), findings);
    section.finish();
    SignsSection { limits: watch.then_some(limits), on_degraded }
}

/// What becomes of a target that answers otherwise than it did; `base` where the section says nothing.
pub(crate) fn on_degraded(
    section: &mut Section<'_, '_>,
    base: OnDegraded,
    findings: &Findings,
) -> OnDegraded {
    let Some(name) = section.string("on_degraded") else { return base };
    match name.get_ref().as_str() {
        "tell" => OnDegraded::Tell,
        "shift" => OnDegraded::Shift,
        other => {
            let message = format!("`on_degraded = \"{other}\"` is nothing that can be done");
            let advice =
                "write \"tell\", or \"shift\" to try the target after those that answer as before";
            findings.report(name.span(), message, advice);
            base
        }
    }
}
