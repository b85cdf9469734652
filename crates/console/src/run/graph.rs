//! A run's graph as SVG, made on the server: a box per execution at its natural size, so that it can be
//! read however large the whole is, and a line for what flows. Each box leads to the execution in full.

use std::fmt::Write;

use askama::Template;
use terms::{run::ExecutionState, time::Timestamp};

use crate::{
    format::counted,
    pipelines::{Drawing, ExecutionRow, Line, RunPage},
    run::look::{Look, execution_took, of_execution},
};

/// Characters of a name that fit into a box.
const NAME: usize = 18;
/// Characters of the line below it.
const NOTE: usize = 22;
/// Space around the drawing, so that outlines are not cut off.
const MARGIN: f64 = 8.0;
/// The width of a graph up to which it can still be read when it is fitted to a page.
const FITS: f64 = 1_900.0;
/// Executions of a graph that is drawn; a larger one is shown as its table alone.
const MOST: usize = 3_000;

#[derive(Template)]
#[template(path = "run/graph.html")]
struct Graph<'a> {
    run: &'a str,
    summary: String,
    too_large: bool,
    fits: bool,
    width: u32,
    height: u32,
    lines: Vec<DrawnLine>,
    nodes: Vec<Node<'a>>,
}

struct DrawnLine {
    kind: &'static str,
    path: String,
}

struct Node<'a> {
    index: u32,
    full_name: &'a str,
    name: String,
    note: String,
    look: Look,
    is_shown: bool,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

pub(super) fn render(run: &RunPage, shown: Option<u32>, now: Timestamp) -> askama::Result<String> {
    let Drawing { width, height, .. } = run.drawing;
    let too_large = run.executions.len() > MOST;
    let drawn = if too_large { 0 } else { run.executions.len() };
    let places = run.executions.iter().zip(&run.drawing.nodes).take(drawn);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "points of a page")]
    let whole = |length: f64| (length + 2.0 * MARGIN).ceil() as u32;
    let executions = counted(run.executions.len() as u64, "execution", "executions");
    Graph {
        run: &run.id,
        summary: format!("Graph of {executions}; the same stands in the table below"),
        too_large,
        fits: width <= FITS,
        width: whole(width),
        height: whole(height),
        lines: run
            .drawing
            .lines
            .iter()
            .take(if too_large { 0 } else { usize::MAX })
            .map(|line| draw(line, run))
            .collect(),
        nodes: places.map(|(row, place)| node(row, *place, run.drawing.node, shown, now)).collect(),
    }
    .render()
}

fn node(
    row: &ExecutionRow,
    (left, top): (f64, f64),
    (width, height): (f64, f64),
    shown: Option<u32>,
    now: Timestamp,
) -> Node<'_> {
    let look = of_execution(row);
    let (within, own) = row.name.rsplit_once('/').unwrap_or(("", &row.name));
    let mut note = look.word.to_owned();
    if let Some(took) = execution_took(row, now) {
        note.push_str(", ");
        note.push_str(&took);
    }
    if !within.is_empty() {
        note = format!("{note} · {within}");
    }
    Node {
        index: row.index,
        full_name: &row.name,
        name: shortened(own, NAME),
        note: shortened(&note, NOTE),
        look,
        is_shown: shown == Some(row.index),
        left: left + MARGIN,
        top: top + MARGIN,
        width,
        height,
    }
}

fn draw(line: &Line, run: &RunPage) -> DrawnLine {
    let state = |index: u32| run.executions.get(index as usize).map(|row| row.state);
    let kind = match (state(line.from), state(line.to)) {
        (_, Some(ExecutionState::Running)) => "flows",
        (Some(ExecutionState::Succeeded), _) => "has-flown",
        _ => "waits",
    };
    DrawnLine { kind, path: path(&line.points) }
}

/// A line through its points: straight where they are level, bent like an S where they are not.
fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (number, &(x, y)) in points.iter().enumerate() {
        let (x, y) = (x + MARGIN, y + MARGIN);
        let written = match number.checked_sub(1).map(|before| points[before]) {
            None => write!(path, "M{x:.1} {y:.1}"),
            Some((_, before_y)) if (before_y + MARGIN - y).abs() < 0.05 => write!(path, "H{x:.1}"),
            Some((before_x, before_y)) => {
                let (from_y, middle) = (before_y + MARGIN, f64::midpoint(before_x + MARGIN, x));
                write!(path, "C{middle:.1} {from_y:.1} {middle:.1} {y:.1} {x:.1} {y:.1}")
            }
        };
        written.expect("a string takes all");
    }
    path
}

/// The text, cut in its middle where it is too long: names differ at their ends.
fn shortened(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let start: String = text.chars().take(most / 2).collect();
    let end: String = text.chars().skip(length - (most - 1 - most / 2)).collect();
    format!("{}…{}", start.trim_end(), end.trim_start())
}

#[cfg(test)]
mod tests {
    use super::{path, shortened};

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shortened("train", 9), "train");
        assert_eq!(shortened("train_model_on_gpu", 9), "trai…_gpu");
        assert_eq!(shortened("größenordnung", 5), "gr…ng");
    }

    #[test]
    fn lines_are_straight_where_they_are_level() {
        let points = [(0.0, 0.0), (10.0, 0.0), (20.0, 30.0)];
        assert_eq!(path(&points), "M8.0 8.0H18.0C23.0 8.0 23.0 38.0 28.0 38.0");
        assert_eq!(path(&[]), "");
    }
}
