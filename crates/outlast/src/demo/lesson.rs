//! The demo's distillation: its data and its task file, written where the program reads them as it would
//! a user's.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::demo::tickets::{Ticket, taught, tickets, topics};

/// The task's name; its people ask for `task:` and this.
pub(crate) const TASK: &str = "ticket-topic";

/// Answers the tickets until there is a student, and labels what it is measured on.
const TEACHER: &str = "claude-sonnet-5";

/// Writes data and task file into a folder, and gives the path of the task file.
pub(crate) fn write(folder: &Path) -> anyhow::Result<PathBuf> {
    let context = || format!("the demo's task cannot be written to {}", folder.display());
    fs::create_dir_all(folder).with_context(context)?;
    let rows: String = tickets().iter().map(row).collect();
    fs::write(folder.join("tickets.jsonl"), rows).with_context(context)?;
    let path = folder.join("ticket-topic.toml");
    fs::write(&path, task_file()).with_context(context)?;
    Ok(path)
}

/// What the simulated vendors know of the tickets.
pub(crate) fn known() -> HashMap<String, String> {
    let tickets = tickets();
    let answers = tickets.iter().enumerate();
    answers
        .map(|(number, ticket)| (ticket.text.clone(), taught(number, ticket).to_owned()))
        .collect()
}

fn row(ticket: &Ticket) -> String {
    format!("{}\n", serde_json::json!({ "text": ticket.text, "topic": ticket.topic }))
}

fn task_file() -> String {
    format!(
        r#"# Messages to a shop, sorted by topic. The messages were written for this demo.
name = "{TASK}"
instruction = "Sort a message to an online shop by what it is about."
labels = {:?}
budget_usd = 5

[teacher]
route = "{TEACHER}"
licence = "allowed"
licence_note = "the demo's teacher is a simulation on this machine"
concurrency = 24

[[data]]
file = "tickets.jsonl"
label = "topic"

[split]
train = 45
select = 5
calibrate = 20
test = 30

[costs]
requests_per_day = 172800
note = "the demo's own traffic, two a second"
"#,
        topics()
    )
}
