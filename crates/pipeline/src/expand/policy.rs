//! What a task asks of the engine: retries, the age of results it accepts, a time limit, a launcher.
//! The first two stand where Tangle has them; the others, which Tangle lacks, are annotations, so
//! that a file with them is still a file that Tangle reads.

use decide::plan::Policy;

use crate::{
    duration::milliseconds,
    spec::{ComponentSpec, TaskSpec},
    yaml::Node,
};

/// The annotation with a task's time limit, a duration as in ISO 8601.
pub(super) const TIMEOUT: &str = "outlast/timeout";
/// The annotation with the launcher that a task must run on.
pub(super) const LAUNCHER: &str = "outlast/launcher";

/// Retries at most; more is a mistake in the file.
const RETRIES: i64 = 100;

/// What a task asks for: its policy and its launcher. An error is the step of the path, and what is
/// wrong there.
pub(super) fn of(
    component: &ComponentSpec,
    task: Option<&TaskSpec>,
) -> Result<(Policy, Option<String>), (String, String)> {
    let options = task.and_then(|task| task.execution_options.as_ref());
    let retries = options.and_then(|options| options.retry_strategy.as_ref());
    let caching = options.and_then(|options| options.caching_strategy.as_ref());
    let staleness = caching.and_then(|caching| caching.max_cache_staleness.as_deref());
    let policy = Policy {
        retries: retries.map_or(Ok(0), |found| whole(found.max_retries))?,
        timeout_ms: note(component, task, TIMEOUT).map(|text| span(TIMEOUT, &text)).transpose()?,
        max_staleness_ms: staleness
            .map(|text| span("executionOptions.cachingStrategy.maxCacheStaleness", text))
            .transpose()?,
    };
    Ok((policy, note(component, task, LAUNCHER)))
}

fn whole(retries: i64) -> Result<u32, (String, String)> {
    u32::try_from(retries).ok().filter(|_| retries <= RETRIES).ok_or_else(|| {
        let step = "executionOptions.retryStrategy.maxRetries";
        (step.to_owned(), format!("must be between 0 and {RETRIES}, and is {retries}"))
    })
}

fn span(step: &str, text: &str) -> Result<u64, (String, String)> {
    milliseconds(text).ok_or_else(|| {
        (step.to_owned(), format!("`{text}` is not a duration such as `PT10M` or `P7D`"))
    })
}

/// An annotation of the task, or else of its component.
fn note(component: &ComponentSpec, task: Option<&TaskSpec>, name: &str) -> Option<String> {
    let of_task = task.and_then(|task| task.annotations.get(name)).and_then(Node::text);
    let of_component = || component.metadata.as_ref()?.annotations.get(name).map(String::as_str);
    of_task.or_else(of_component).map(str::to_owned)
}
