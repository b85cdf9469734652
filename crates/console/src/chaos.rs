//! What the console shows of faults that are injected on purpose, and the trait by which it gets them
//! and passes a person's order on. The binary fills them in; nothing is decided here.

use serde::{Deserialize, Serialize};
use terms::time::Timestamp;

/// The injected faults of the running program.
pub trait Chaos: Send + Sync + 'static {
    /// Those that hold now.
    fn held(&self) -> Vec<ChaosRow>;

    /// A fault holds from now on.
    ///
    /// # Errors
    /// Why it does not, in a sentence; nothing has changed then.
    fn begin(&self, order: &ChaosOrder, by: &str) -> Result<ChaosRow, String>;

    /// A fault holds no more; all of them where no number is given. Gives how many ended.
    fn end(&self, id: Option<u64>) -> usize;
}

/// A fault that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChaosOrder {
    /// `provider/model`, or a provider's name for all its targets.
    pub at: String,
    /// `status:503`, `unreachable`, `silence`, `slow:800`, `cut:5`.
    pub fault: String,
    /// Of a hundred attempts there, how many.
    pub percent: u8,
    /// For how many seconds.
    pub seconds: u64,
}

/// A fault that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaosRow {
    /// Its number.
    pub id: u64,
    /// Where.
    pub at: String,
    /// What.
    pub fault: String,
    /// Of a hundred attempts there, how many.
    pub percent: u8,
    /// Until when.
    pub until: Timestamp,
    /// Who wanted it.
    pub by: String,
}
