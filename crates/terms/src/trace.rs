//! What was decided on the way of one request, step by step: kept for those requests to which anything
//! happened beyond one attempt that went well. The money of the attempts stands in the books.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{PrincipalName, RequestId, RouteName, TargetName},
    outcome::{Ending, Failure},
    time::Timestamp,
};

/// The steps of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Which request.
    pub request: RequestId,
    /// When it arrived.
    pub at: Timestamp,
    /// Whose it was.
    pub principal: PrincipalName,
    /// The route that it asked for.
    pub route: RouteName,
    /// In their order; the last ones are left out where there were too many.
    pub steps: Vec<Step>,
    /// How it ended.
    pub ending: Ending,
    /// Milliseconds from its arrival to its end.
    pub total_ms: u64,
}

/// One thing that was decided or that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Milliseconds after the request's arrival.
    pub at_ms: u64,
    /// What it was.
    pub what: Happening,
}

/// What was decided, or happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// These targets were to be tried, in this order.
    Planned {
        /// Without those that were skipped.
        targets: Vec<TargetName>,
    },
    /// A target was passed by.
    Skipped {
        /// Which.
        target: TargetName,
        /// The word for why.
        reason: String,
    },
    /// An attempt went out.
    Sent {
        /// 1 for the first.
        attempt: u8,
        /// Where to.
        target: TargetName,
        /// Which of the provider's keys was shown, counted from 1.
        key: u8,
        /// How many it has; 0 where that was not written down.
        #[serde(default)]
        keys: u8,
    },
    /// An attempt failed, or was left to the next target.
    Failed {
        /// Where.
        target: TargetName,
        /// How.
        failure: Failure,
        /// The upstream's status; 0 where there was none.
        status: u16,
        /// Milliseconds that it asked us to wait.
        asked_ms: Option<u64>,
        /// What it said, shortened.
        said: Option<String>,
    },
    /// Nothing was sent for so long.
    Waited {
        /// Milliseconds.
        ms: u64,
    },
    /// The answer broke off after a part of it was sent.
    Broke {
        /// Whose answer.
        target: TargetName,
        /// How.
        failure: Failure,
    },
    /// A target was asked for the rest of an answer that broke off.
    AskedForRest {
        /// Which.
        target: TargetName,
        /// The word for how.
        way: String,
    },
    /// A target tells the rest.
    GoesOn {
        /// Which.
        target: TargetName,
    },
    /// What the target's dialect could not say.
    Dropped {
        /// Names of fields, as paths.
        fields: Vec<String>,
    },
    /// Records of a stream that said nothing that could be read, and were left out.
    Noise {
        /// How many.
        records: u32,
    },
    /// A fault was injected on purpose.
    Injected {
        /// Where.
        target: TargetName,
        /// The word for what.
        fault: String,
    },
    /// A target answers, or its first token is there.
    Answers {
        /// Which.
        target: TargetName,
    },
}
