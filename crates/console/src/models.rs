//! What the console shows of the lives of models and of prices, as plain values, and the trait by which
//! it gets them and passes a person's decision on. The binary fills them in; nothing is decided here.

use serde::{Deserialize, Serialize};
use terms::{
    ids::{ModelName, ProviderName, TargetName},
    model::Prices,
    money::NanoUsd,
    time::Timestamp,
};

use crate::{format::moment, tasks::Doing};

/// The models of the running program and what they cost.
pub trait Models: Send + Sync + 'static {
    /// Everything that the Models page shows, as of now.
    fn board(&self) -> ModelBoard;

    /// A person's decision; a refusal is a sentence for whoever decided.
    fn decide(&self, decision: ModelDecision, by: String) -> Doing<'_, ()>;

    /// Reads a price list, from an address or a file on this machine, and takes it over if told so.
    fn refresh(&self, from: String, apply: bool) -> Doing<'_, PriceRefresh>;
}

/// What a person decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelDecision {
    /// The model keeps its place, whatever is said of it.
    Hold(TargetName),
    /// What is said of it counts again.
    Release(TargetName),
    /// A price that waits is right.
    Confirm(TargetName),
    /// A price that waits is wrong.
    Reject(TargetName),
}

/// The content of the Models page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelBoard {
    /// The program's version.
    pub version: String,
    /// When these values were read.
    pub now: Timestamp,
    /// A line to show above everything, such as that the vendors are simulated.
    pub simulated: Option<String>,
    /// The models that can be reached: those that the catalog lists for the providers here, the targets
    /// of routes, and those that answered lately; what needs a look first.
    pub models: Vec<ModelRow>,
    /// What people were told since the program started, newest first.
    pub notices: Vec<NoticeRow>,
    /// The version of the prices in force.
    pub price_version: String,
    /// Prices that wait for a person.
    pub waiting: Vec<WaitingPrice>,
    /// Prices that somebody rejected.
    #[serde(default)]
    pub rejected: Vec<RejectedPrice>,
    /// Files of prices that could not be read, in sentences.
    #[serde(default)]
    pub price_damage: Vec<String>,
    /// Versions that were taken over, newest first.
    pub price_versions: Vec<PriceVersionRow>,
    /// The price list that is read by itself.
    pub price_list: Option<PriceListRow>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    /// `provider/model`.
    pub target: TargetName,
    /// `live`, `announced`, `ramping` or `gone`.
    pub stage: String,
    /// Since when.
    pub since: Timestamp,
    /// Why, in words; empty where nothing speaks against it.
    pub reason: String,
    /// The last day, `YYYY-MM-DD`.
    pub last_day: Option<String>,
    /// Who takes its place.
    pub successor: Option<TargetName>,
    /// Percent of its requests that the successor gets.
    pub share: u8,
    /// How often its provider said that it does not exist, since it last answered.
    #[serde(default)]
    pub refusals: u32,
    /// Whether somebody wants it left as it is.
    pub held: bool,
    /// Whether it answered lately, or a configured route leads to it.
    pub in_use: bool,
    /// Whether the catalog knows it. What it does not know has no last day, tier or list price here.
    pub in_catalog: bool,
    /// For whom it may stand in, in the table of tiers.
    pub tier: Option<String>,
    /// Input tokens that fit; 0 where unknown.
    pub context_window: u64,
    /// What it costs; `None` where nobody knows.
    pub prices: Option<Prices>,
    /// How the successor did on copies of its requests.
    pub mirrored: CheckRow,
    /// How the successor did in its place.
    pub in_place: CheckRow,
    /// What both amount to: `unknown`, `passed` or `failed`.
    pub verdict: String,
}

/// How a successor did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckRow {
    /// Answers looked at.
    pub asked: u32,
    /// Those that were as they should be.
    pub good: u32,
    /// What they cost, where they were made only to check.
    pub cost: NanoUsd,
    /// What was wrong with the latest that was not.
    pub complaint: Option<String>,
}

/// Something that people were told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticeRow {
    /// When.
    pub at: Timestamp,
    /// What, in a sentence.
    pub text: String,
}

/// A price that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaitingPrice {
    /// `provider/model`.
    pub target: TargetName,
    /// What it costs now; `None` where nobody knows.
    pub before: Option<Prices>,
    /// What it is said to cost.
    pub after: Prices,
    /// Why it waits, in words.
    pub why: String,
    /// Whose list says so.
    pub from: String,
    /// Since when it waits.
    pub since: Timestamp,
}

/// A price that somebody rejected: a list that states it still changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectedPrice {
    /// `provider/model`.
    pub target: TargetName,
    /// What it is not.
    pub after: Prices,
    /// Whose list said so.
    #[serde(default)]
    pub from: String,
}

/// A version of the prices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriceVersionRow {
    /// Its name, which is recorded beside every cost.
    pub version: String,
    /// When it was taken over.
    pub at: Timestamp,
    /// Whose list it is from, or who confirmed it.
    pub from: String,
    /// Models whose prices changed.
    pub changes: u64,
    /// What the 30 days before cost at the prices before.
    pub month_before: NanoUsd,
    /// What they would have cost at these.
    pub month_after: NanoUsd,
}

/// The price list that the config names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceListRow {
    /// An address or a file.
    pub from: String,
    /// Hours between two looks; 0: it is not read by itself.
    pub hours: u64,
    /// When it was last read and taken over, since the program started.
    pub read: Option<Timestamp>,
    /// Why it could not be read since, in a sentence.
    pub failure: Option<String>,
}

impl PriceListRow {
    /// How often it is read, and when it last was.
    pub fn sentence(&self, now: Timestamp) -> String {
        let often = match self.hours {
            0 => "when somebody asks for it".to_owned(),
            1 => "every hour".to_owned(),
            hours => format!("every {hours} hours"),
        };
        let last = self.read.map_or_else(
            || "not yet since the program started".to_owned(),
            |at| format!("last at {}", moment(at, now)),
        );
        format!("{} is read {often}; {last}", self.from)
    }
}

/// What a price list changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriceRefresh {
    /// Whose list it is.
    pub format: String,
    /// Models that it knows of those that are known here.
    pub known: u64,
    /// The version that was made; `None` where nothing was taken over.
    pub version: Option<String>,
    /// Prices that wait for a person and did not before; 0 where nothing was taken over.
    pub newly_waiting: u64,
    /// Models of which it states prices that somebody rejected.
    #[serde(default)]
    pub rejected: Vec<TargetName>,
    /// The version in force before.
    pub before: String,
    /// What changes, the dearest for this traffic first.
    pub changes: Vec<PriceChangeRow>,
    /// What the traffic of the last 30 days cost at the prices in force, where prices change.
    pub month_before: NanoUsd,
    /// What it would cost at the new ones.
    pub month_after: NanoUsd,
    /// Whether people are told of it.
    pub alert: bool,
}

/// A model's prices change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriceChangeRow {
    /// Who serves it.
    pub provider: ProviderName,
    /// Its name there.
    pub model: ModelName,
    /// What it costs; `None` where nobody knows.
    pub before: Option<Prices>,
    /// What it will cost.
    pub after: Prices,
    /// What the traffic of the last 30 days cost at the prices in force.
    pub month_before: NanoUsd,
    /// What it would cost at the new ones.
    pub month_after: NanoUsd,
    /// Why a person must say so first; `None` where nobody must.
    pub waits: Option<String>,
}
