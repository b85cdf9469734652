//! How states look: each has a colour, a mark and a word, so that none rests on colour alone.

use terms::{
    run::{ExecutionState, RunState},
    time::Timestamp,
};

use crate::{format::duration, pipelines::ExecutionRow};

/// How a state looks: its name in the style sheet and among the marks, and its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) kind: &'static str,
    pub(super) word: &'static str,
}

/// How an execution looks.
pub(super) fn of_execution(row: &ExecutionRow) -> Look {
    match row.reused_from {
        Some(_) if row.state == ExecutionState::Succeeded => {
            Look { kind: "reused", word: "reused" }
        }
        _ => of_state(row.state),
    }
}

pub(super) fn of_state(state: ExecutionState) -> Look {
    let (kind, word) = match state {
        ExecutionState::WaitingForUpstream => ("waiting", "waiting"),
        ExecutionState::Queued => ("queued", "queued"),
        ExecutionState::Pending => ("queued", "starting"),
        ExecutionState::Running => ("running", "running"),
        ExecutionState::Succeeded => ("succeeded", "done"),
        ExecutionState::Failed => ("failed", "failed"),
        ExecutionState::SystemError => ("failed", "system error"),
        ExecutionState::Cancelling => ("cancelled", "is being cancelled"),
        ExecutionState::Cancelled => ("cancelled", "cancelled"),
        ExecutionState::Skipped => ("skipped", "skipped"),
    };
    Look { kind, word }
}

/// How a run looks.
pub(super) fn of_run(state: RunState) -> Look {
    let (kind, word) = match state {
        RunState::Running => ("running", "running"),
        RunState::Cancelling => ("cancelled", "is being cancelled"),
        RunState::Succeeded => ("succeeded", "succeeded"),
        RunState::Failed => ("failed", "failed"),
        RunState::Cancelled => ("cancelled", "cancelled"),
    };
    Look { kind, word }
}

/// How long something took, or takes so far; nothing where it has not begun.
pub(super) fn took(
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    now: Timestamp,
) -> Option<String> {
    let ms = ended.unwrap_or(now).0 - started?.0;
    Some(duration(u64::try_from(ms).unwrap_or(0)))
}

/// How long an execution's program took, or takes so far. One that was reused ran in the past.
pub(super) fn execution_took(row: &ExecutionRow, now: Timestamp) -> Option<String> {
    if row.reused_from.is_some() {
        return None;
    }
    took(row.started_at, row.ended_at, now)
}

/// A stretch of a bar that shows how far a run is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) kind: &'static str,
    pub(super) left: u32,
    pub(super) width: u32,
}

/// The bar, in thousandths of its length: what is over from the left, then what runs.
pub(super) fn bar(counts: impl Fn(ExecutionState) -> usize) -> Vec<Stretch> {
    const ORDER: &[&[ExecutionState]] = &[
        &[ExecutionState::Succeeded],
        &[ExecutionState::Failed, ExecutionState::SystemError],
        &[ExecutionState::Cancelled, ExecutionState::Cancelling],
        &[ExecutionState::Skipped],
        &[ExecutionState::Running, ExecutionState::Pending],
        &[ExecutionState::Queued, ExecutionState::WaitingForUpstream],
    ];
    let sizes = ORDER.iter().map(|states| states.iter().map(|state| counts(*state)).sum());
    let sizes: Vec<usize> = sizes.collect();
    let all = sizes.iter().sum::<usize>().max(1);
    let mut before = 0;
    let mut bar = Vec::new();
    for (states, size) in ORDER.iter().zip(sizes) {
        let at = |count: usize| u32::try_from(count * 1_000 / all).unwrap_or(1_000);
        let (left, right) = (at(before), at(before + size));
        before += size;
        if size > 0 {
            bar.push(Stretch { kind: of_state(states[0]).kind, left, width: right - left });
        }
    }
    bar
}

#[cfg(test)]
mod tests {
    use terms::run::ExecutionState;

    use super::{Stretch, bar};

    #[test]
    fn a_bar_is_as_long_as_its_stretches_together() {
        let counts = |state| match state {
            ExecutionState::Succeeded => 1,
            ExecutionState::Running => 2,
            _ => 0,
        };
        let stretch = |kind, left, width| Stretch { kind, left, width };
        assert_eq!(bar(counts), [stretch("succeeded", 0, 333), stretch("running", 333, 667)]);
        assert_eq!(bar(|_| 0), []);
    }
}
