//! The requests that their first target did not answer, newest first.

use askama::Template;

use crate::{
    format::{duration, words},
    live::{FailoverRow, Overview},
};

/// How many stand open; the others are a click away.
const OPEN: usize = 6;

#[derive(Template)]
#[template(path = "sections/failovers.html")]
struct Failovers {
    newest: Vec<Row>,
    older: Vec<Row>,
}

struct Row {
    at: String,
    request: String,
    route: String,
    from: String,
    to: Option<String>,
    reason: String,
    added: String,
}

pub(crate) fn render(overview: &Overview) -> askama::Result<String> {
    let mut newest: Vec<Row> = overview.failovers.iter().map(row).collect();
    let older = newest.split_off(OPEN.min(newest.len()));
    Failovers { newest, older }.render()
}

fn row(failover: &FailoverRow) -> Row {
    Row {
        at: failover.at.clock(),
        request: failover.request.clone(),
        route: failover.route.to_string(),
        from: failover.from.to_string(),
        to: failover.to.as_ref().map(ToString::to_string),
        reason: words(&failover.reason),
        added: duration(failover.added_ms),
    }
}
