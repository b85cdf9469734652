//! The report of a run that makes one, such as a distillation: the verdict and the figures first, the rest
//! to be opened.

use askama::Template;

use crate::{markdown, pipelines::RunPage};

/// Chapters that are shown at once; the verdict stands before the first.
const SHOWN: usize = 1;

#[derive(Template)]
#[template(path = "run/report.html")]
struct Report<'a> {
    run: &'a str,
    /// HTML made by us, everything in it escaped.
    shown: Option<String>,
    more: String,
    folders: Vec<&'a str>,
}

pub(super) fn render(run: &RunPage) -> askama::Result<String> {
    let (shown, more) = match &run.report {
        Some(text) => {
            let (shown, more) = cut(text);
            (Some(markdown::html(shown)), markdown::html(more))
        }
        None => (None, String::new()),
    };
    let folders = run.outputs.iter().map(|output| output.name.as_str()).collect();
    Report { run: &run.id, shown, more, folders }.render()
}

/// The text before and after the end of the chapters that are shown at once.
fn cut(text: &str) -> (&str, &str) {
    match text.match_indices("\n## ").nth(SHOWN) {
        Some((at, _)) => text.split_at(at),
        None => (text, ""),
    }
}
