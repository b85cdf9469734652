//! The table of a run, in Markdown, with the ratios to nginx and the marks they are held to.

use std::fmt;

use crate::load::{Added, Outcome};

/// Processor time per request, at most this many times nginx's.
const MARK_REQUEST: f64 = 3.0;
/// Processor time per streamed chunk, at most this many times nginx's.
const MARK_CHUNK: f64 = 2.0;
/// Peak memory in MiB.
const MARK_MEMORY: f64 = 64.0;

/// One round of one line. Processor times are microseconds of the proxy; absent without a proxy.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) added: Option<Added>,
    pub(crate) whole: Outcome,
    pub(crate) whole_cpu: Option<f64>,
    pub(crate) streamed: Outcome,
    pub(crate) streamed_cpu: Option<f64>,
}

/// One line's rounds.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) rounds: Vec<Round>,
    pub(crate) peak_bytes: Option<u64>,
}

/// The rows of a run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
}

impl Row {
    /// The median of a figure over the rounds.
    fn median(&self, figure: impl Fn(&Round) -> Option<f64>) -> Option<f64> {
        let mut figures: Vec<f64> = self.rounds.iter().filter_map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    }

    fn requests_per_second(&self) -> Option<f64> {
        self.median(|round| Some(round.whole.requests as f64 / round.whole.seconds))
    }

    fn cpu_per_request(&self) -> Option<f64> {
        self.median(|round| Some(round.whole_cpu? / round.whole.requests as f64))
    }

    fn cpu_per_chunk(&self) -> Option<f64> {
        self.median(|round| Some(round.streamed_cpu? / round.streamed.chunks as f64))
    }

    fn peak_mebibytes(&self) -> Option<f64> {
        Some(self.peak_bytes? as f64 / f64::from(1 << 20))
    }
}

impl Report {
    fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    fn ratio(&self, figure: fn(&Row) -> Option<f64>) -> Option<f64> {
        Some(figure(self.row("outlast")?)? / figure(self.row("nginx")?)?)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n| line | requests/s at 32 | p50 / p99 ms at 32 | added p50 / p99 ms, one at a time | CPU µs per 1 kB request | CPU µs per streamed chunk | peak MiB |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---:|")?;
        for row in &self.rows {
            let name = row.name;
            let rate = row.requests_per_second().unwrap_or_default();
            let p50 = shown(row.median(|round| Some(round.whole.p50_ms)));
            let p99 = shown(row.median(|round| Some(round.whole.p99_ms)));
            let added_p50 = shown(row.median(|round| Some(round.added?.p50_ms)));
            let added_p99 = shown(row.median(|round| Some(round.added?.p99_ms)));
            let request = shown(row.cpu_per_request());
            let chunk = shown(row.cpu_per_chunk());
            let peak = shown(row.peak_mebibytes());
            writeln!(
                f,
                "| {name} | {rate:.0} | {p50} / {p99} | {added_p50} / {added_p99} | {request} | {chunk} | {peak} |"
            )?;
        }
        writeln!(f, "\n| mark | measured | at most | |")?;
        writeln!(f, "|---|---:|---:|---|")?;
        let memory = self.row("outlast").and_then(Row::peak_mebibytes);
        let marks = [
            ("CPU per 1 kB request, × nginx", self.ratio(Row::cpu_per_request), MARK_REQUEST),
            ("CPU per streamed chunk, × nginx", self.ratio(Row::cpu_per_chunk), MARK_CHUNK),
            ("peak memory, MiB", memory, MARK_MEMORY),
        ];
        for (what, measured, mark) in marks {
            let verdict = match measured {
                Some(measured) if measured <= mark => "held",
                Some(_) => "MISSED",
                None => "not measured",
            };
            writeln!(f, "| {what} | {} | {mark} | {verdict} |", shown(measured))?;
        }
        Ok(())
    }
}

fn shown(figure: Option<f64>) -> String {
    figure.map_or("-".to_owned(), |figure| format!("{figure:.2}"))
}
