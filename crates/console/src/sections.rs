//! The sections of the Overview, one file each, in one list: the page shows all of them, the live
//! stream sends again those that changed. Each is one element with an id, and a pure function of
//! the values it shows. Those of other pages stand in files of their own.

mod asking;
mod failovers;
mod figures;
mod hour;
mod principals;
mod students;
pub(crate) mod targets;

use crate::{live::Overview, state::App};

/// Where a section stands on a wide page; on a narrow one they stand below each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Top,
    Left,
    Right,
}

/// One section.
pub(crate) struct Section {
    pub(crate) column: Column,
    pub(crate) render: fn(&Overview) -> askama::Result<String>,
}

/// Every section in the order of the page.
pub(crate) const ALL: &[Section] = &[
    Section { column: Column::Top, render: asking::render },
    Section { column: Column::Top, render: figures::render },
    Section { column: Column::Left, render: hour::render },
    Section { column: Column::Left, render: targets::render },
    Section { column: Column::Left, render: students::render },
    Section { column: Column::Right, render: failovers::render },
    Section { column: Column::Right, render: principals::render },
];

/// All of them, as of now.
pub(crate) fn overview(app: &App) -> askama::Result<Vec<String>> {
    let overview = app.state.live.overview();
    ALL.iter().map(|section| (section.render)(&overview)).collect()
}
