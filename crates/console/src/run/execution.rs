//! One execution in full: what it was given, how its program was started, what it said and made.

use askama::Template;
use terms::time::Timestamp;

use crate::{
    format::{bytes, shown_time},
    pages::artifact::in_address,
    pipelines::{ArtifactRow, ExecutionPage, RunPage},
    run::look::{Look, execution_took, of_execution},
};

/// Characters of a value that are shown.
const VALUE: usize = 200;

#[derive(Template)]
#[template(path = "run/execution.html")]
struct Execution<'a> {
    run: &'a str,
    shown: Option<Shown<'a>>,
}

struct Shown<'a> {
    page: &'a ExecutionPage,
    look: Look,
    facts: Vec<(&'static str, String)>,
    command: String,
    inputs: Vec<Artifact<'a>>,
    outputs: Vec<Artifact<'a>>,
}

struct Artifact<'a> {
    name: &'a str,
    address: String,
    size: String,
    is_folder: bool,
    value: Option<String>,
}

pub(super) fn render(
    run: &RunPage,
    execution: Option<&ExecutionPage>,
    now: Timestamp,
) -> askama::Result<String> {
    let shown = execution.map(|page| Shown {
        page,
        look: of_execution(&page.row),
        facts: facts(page, now),
        command: page.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        inputs: page.inputs.iter().map(artifact).collect(),
        outputs: page.outputs.iter().map(artifact).collect(),
    });
    Execution { run: &run.id, shown }.render()
}

fn facts(page: &ExecutionPage, now: Timestamp) -> Vec<(&'static str, String)> {
    let row = &page.row;
    let tries = match (row.attempts, row.failures) {
        (0, _) => None,
        (tries, 0) => Some(tries.to_string()),
        (tries, failures) => Some(format!("{tries}, {failures} failed")),
    };
    let facts = [
        ("Component", Some(page.component.clone())),
        ("Image", Some(page.image.clone()).filter(|image| !image.is_empty())),
        ("Tries", tries),
        ("Started", row.started_at.map(shown_time)),
        ("Took", execution_took(row, now)),
        ("Exit code", page.exit_code.map(|code| code.to_string())),
        ("Why it failed", row.message.clone()),
        ("Taken from launch", row.reused_from.clone()),
        ("Launch", page.launch.clone().filter(|_| row.reused_from.is_none())),
        ("Computes", page.cache_key.clone()),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn artifact(row: &ArtifactRow) -> Artifact<'_> {
    let shown = |value: &String| {
        let value = value.trim_end();
        let mut shown: String = value.chars().take(VALUE).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        shown
    };
    Artifact {
        name: &row.name,
        address: in_address(&row.name),
        size: bytes(row.bytes),
        is_folder: row.is_folder,
        value: row.value.as_ref().map(shown),
    }
}

/// A word as a shell would want it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_or_read_them() {
        for (word, expected) in
            [("a/b.c", "a/b.c"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'")]
        {
            assert_eq!(quoted(word), expected);
        }
    }
}
