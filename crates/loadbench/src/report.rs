//! The table of a run, in Markdown, with the ratios to nginx and the marks they are held to.

use std::fmt;

use crate::load::{Added, Outcome};

/// Processor time per request, at most this many times nginx's.
const MARK_REQUEST: f64 = 3.0;
/// Processor time per streamed chunk, at most this many times nginx's.
const MARK_CHUNK: f64 = 2.0;
/// Peak memory in MiB.
const MARK_MEMORY: f64 = 64.0;

/// One line's figures. Processor times are microseconds of the proxy; absent without a proxy.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Absent for the direct line itself.
    pub(crate) added: Option<Added>,
    pub(crate) whole: Outcome,
    pub(crate) whole_cpu: Option<f64>,
    pub(crate) streamed: Outcome,
    pub(crate) streamed_cpu: Option<f64>,
    pub(crate) peak_bytes: Option<u64>,
}

/// The rows of a run; the first is the direct line.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
}

impl Row {
    fn cpu_per_request(&self) -> Option<f64> {
        Some(self.whole_cpu? / self.whole.requests as f64)
    }

    fn cpu_per_chunk(&self) -> Option<f64> {
        Some(self.streamed_cpu? / self.streamed.chunks as f64)
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
            let added = row.added.map(|added| format!("{:.3} / {:.3}", added.p50_ms, added.p99_ms));
            writeln!(
                f,
                "| {} | {:.0} | {:.2} / {:.2} | {} | {} | {} | {} |",
                row.name,
                row.whole.requests as f64 / row.whole.seconds,
                row.whole.p50_ms,
                row.whole.p99_ms,
                added.unwrap_or_else(|| "-".to_owned()),
                shown(row.cpu_per_request()),
                shown(row.cpu_per_chunk()),
                shown(row.peak_mebibytes()),
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
