//! Bars over time as SVG, made on the server. The drawing stretches with the page; its labels are
//! text beside it. What the bars mean, and the table behind them, is the section's business.

use askama::Template;

/// Width of a bar's slot in the drawing's own units.
const SLOT: u32 = 10;

/// Height of the drawing in its own units.
const HEIGHT: f64 = 100.0;

/// The least height of a part that is not nothing, so that one failed call among thousands shows.
const LEAST: f64 = 2.5;

/// What an axis measures.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Axis {
    /// Whole things: no label may fall between two of them.
    Counts,
    /// Amounts that can be split as far as they like. The axis reaches at least to this one, so
    /// that next to nothing does not look like much.
    Amounts(f64),
}

/// One stretch of a bar: its kind, which is its style, and its amount.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) kind: &'static str,
    pub(crate) amount: f64,
}

/// One bar: what it says when pointed at, and its parts from the bottom up.
#[derive(Debug, Clone)]
pub(crate) struct Bar {
    pub(crate) title: String,
    pub(crate) parts: Vec<Part>,
}

/// A drawing of bars with its labels.
#[derive(Debug, Template)]
#[template(path = "chart.html")]
pub(crate) struct Chart {
    summary: String,
    top_label: String,
    middle_label: String,
    width: u32,
    bars: Vec<DrawnBar>,
    ticks: Vec<String>,
}

#[derive(Debug)]
struct DrawnBar {
    slot: u32,
    left: f64,
    title: String,
    parts: Vec<DrawnPart>,
}

#[derive(Debug)]
struct DrawnPart {
    kind: &'static str,
    top: f64,
    height: f64,
}

impl Chart {
    /// Draws bars of equal width. `summary` is what a screen reader says, `label` writes an amount
    /// at the axis, `ticks` stand below at equal distances.
    pub(crate) fn new(
        summary: String,
        bars: Vec<Bar>,
        axis: Axis,
        label: impl Fn(f64) -> String,
        ticks: Vec<String>,
    ) -> Self {
        let highest = bars.iter().map(Bar::amount).fold(0.0, f64::max);
        let top = round_up(highest, axis);
        let width = u32::try_from(bars.len()).unwrap_or(u32::MAX).saturating_mul(SLOT);
        let bars = (0..).zip(bars).map(|(index, bar)| draw(index, bar, top)).collect();
        let (top_label, middle_label) = (label(top), label(top / 2.0));
        Self { summary, top_label, middle_label, width, bars, ticks }
    }
}

impl Bar {
    fn amount(&self) -> f64 {
        self.parts.iter().map(|part| part.amount).sum()
    }
}

fn draw(index: u32, bar: Bar, top: f64) -> DrawnBar {
    let mut bottom = HEIGHT;
    let parts = bar.parts.iter().filter(|part| part.amount > 0.0).map(|part| {
        let height = (part.amount / top * HEIGHT).max(LEAST);
        bottom -= height;
        DrawnPart { kind: part.kind, top: bottom, height }
    });
    let parts = parts.collect();
    let slot = index * SLOT;
    DrawnBar { slot, left: f64::from(slot) + 1.5, title: bar.title, parts }
}

/// Numbers that read well at the end of an axis, each with its half, up to ten.
const STEPS: [f64; 11] = [1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];

/// The end of an axis that holds this amount.
fn round_up(amount: f64, axis: Axis) -> f64 {
    let (amount, halves) = match axis {
        Axis::Counts => (amount.max(1.0), true),
        Axis::Amounts(least) => (amount.max(least), false),
    };
    let power = 10_f64.powf(amount.log10().floor());
    let reads_well = |step: f64| !halves || step % 2.0 == 0.0;
    let mut steps = STEPS.into_iter().map(|step| step * power);
    steps.find(|step| *step >= amount && reads_well(*step)).unwrap_or(amount * 2.0)
}

#[cfg(test)]
mod tests {
    use super::{Axis, round_up};

    #[test]
    fn the_axis_ends_at_a_number_that_reads_well_and_so_does_its_half() {
        for (amount, counts, amounts) in [
            (0.0, 2.0, 1.0),
            (1.0, 2.0, 1.0),
            (3.0, 4.0, 3.0),
            (5.0, 6.0, 5.0),
            (42.0, 50.0, 50.0),
            (81.0, 100.0, 100.0),
            (208.0, 240.0, 240.0),
            (1_000.0, 1_000.0, 1_000.0),
        ] {
            let tops = [round_up(amount, Axis::Counts), round_up(amount, Axis::Amounts(1.0))];
            let off = (tops[0] - counts).abs() + (tops[1] - amounts).abs();
            assert!(off < 1e-9, "{amount}: {tops:?}");
        }
    }
}
