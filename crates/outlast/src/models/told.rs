//! Telling people of models that they use: once per stage, and once where a successor does not do.

use std::sync::PoisonError;

use decide::lifecycle::{Life, Stage, Verdict};
use terms::{ids::TargetName, time::Timestamp};

use crate::{
    models::ModelDesk,
    notify::{Event, Notice},
};

impl ModelDesk {
    /// Tells what people were not told yet, if anything.
    pub(crate) fn tell(&self) -> bool {
        let lives = self.gateway.lives();
        let all = lives.all();
        let fails = |target: &TargetName| {
            all.get(target).is_some_and(|life| life.verdict() == Verdict::Failed)
        };
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).retain(fails);
        if all.values().all(|life| life.stage == life.told && life.verdict() != Verdict::Failed) {
            return false;
        }
        let (used, heirs) = (self.in_use(), self.heirs());
        let mut told = false;
        let now = self.ledger.now();
        for (target, life) in all.into_iter().filter(|(target, _)| used.contains(target)) {
            let successor = heirs.of(&target);
            let notice = |event, text| Notice {
                target: Some(target.to_string()),
                stage: Some(life.stage.name()),
                last_day: life.last_day().map(Timestamp::date),
                successor: successor.as_ref().map(ToString::to_string),
                ..Notice::new(event, text, now)
            };
            if life.stage != life.told {
                lives.told(&target, life.stage);
                told = true;
                let text = sentence(&target, &life, successor.as_ref());
                self.announce(notice(Event::ModelLifecycle, text));
            }
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            if life.verdict() == Verdict::Failed && failed.insert(target.clone()) {
                let text = complaint(&target, &life, successor.as_ref());
                self.announce(notice(Event::ModelCheck, text));
            }
        }
        told
    }
}

fn sentence(target: &TargetName, life: &Life, successor: Option<&TargetName>) -> String {
    let end = life.last_day().map_or_else(
        || "its end is announced without a date".to_owned(),
        |day| format!("its last day is {}", day.date()),
    );
    match (life.stage, successor) {
        (Stage::Live, _) => format!("{target} is back: nothing speaks against it any more"),
        (Stage::Announced, Some(heir)) => {
            format!("{target} goes: {end}; {heir} is to take its place")
        }
        (Stage::Announced, None) => {
            format!("{target} goes: {end}; nobody is known to take its place")
        }
        (Stage::Ramping, Some(heir)) => {
            format!("{heir} takes over from {target} step by step: {end}")
        }
        (Stage::Ramping, None) => format!("{target} goes: {end}"),
        (Stage::Gone, Some(heir)) => {
            format!("{target} is gone ({}); {heir} answers in its place", life.reason)
        }
        (Stage::Gone, None) => {
            format!("{target} is gone ({}); nobody is known to take its place", life.reason)
        }
    }
}

fn complaint(target: &TargetName, life: &Life, successor: Option<&TargetName>) -> String {
    let check =
        if life.in_place.verdict() == Verdict::Failed { &life.in_place } else { &life.mirrored };
    let heir = successor.map_or("its successor", TargetName::as_str);
    let why = check.complaint.as_deref().map_or_else(String::new, |why| format!(", last: {why}"));
    format!(
        "{heir} does not do in the place of {target}: {} of {} answers were as they should be{why}",
        check.good, check.asked
    )
}
