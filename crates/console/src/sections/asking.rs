//! The line above the Overview that says that a breaker asks; nothing while none does.

use askama::Template;

use crate::{format::count, live::Overview};

#[derive(Template)]
#[template(path = "sections/asking.html")]
struct Asking {
    question: Option<String>,
}

pub(crate) fn render(overview: &Overview) -> askama::Result<String> {
    let question = match overview.asking {
        0 => None,
        1 => Some("1 session asks: did you mean to spend this?".to_owned()),
        asking => Some(format!("{} sessions ask: did you mean to spend this?", count(asking))),
    };
    Asking { question }.render()
}
