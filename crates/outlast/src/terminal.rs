//! What people read in the terminal: plain lines on standard output, errors on standard error, and
//! tables whose columns line up. The only place that prints.

use std::io::{IsTerminal, Write, stderr, stdout};

/// Clears the line that a status was shown on.
const CLEAR: &str = "\r\x1b[2K";

pub(crate) fn line(text: &str) {
    put(&mut stdout(), &format!("{text}\n"));
}

pub(crate) fn error(text: &str) {
    put(&mut stderr(), &format!("outlast: {text}\n"));
}

/// A line about work under way, beside what the work gives.
pub(crate) fn progress(text: &str) {
    put(&mut stderr(), &format!("{text}\n"));
}

/// A reader that went away (a closed pipe) is no reason to stop serving.
fn put(to: &mut impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

/// Shows a line that the next one replaces; where nobody watches, a line of its own.
pub(crate) fn status(text: &str) {
    if stdout().is_terminal() {
        put(&mut stdout(), &format!("{CLEAR}{text}"));
    } else {
        line(text);
    }
}

/// A line that stays, also where a status line stood.
pub(crate) fn event(text: &str) {
    let clear = if stdout().is_terminal() { CLEAR } else { "" };
    line(&format!("{clear}{text}"));
}

/// A table below its head; columns in `right` are aligned to the right.
pub(crate) fn table(
    head: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    right: &[usize],
) -> String {
    let head = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            if right.contains(&column) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["é".to_owned(), "$12.00".to_owned()]];
        assert_eq!(table(&["model", "cost"], rows, &[1]), "model    cost\né      $12.00\n");
    }
}
