//! What people read in the terminal: plain lines on standard output, errors on standard error, and
//! tables whose columns line up. The only place that prints.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the one place that prints")]

use std::io::IsTerminal;

pub(crate) fn line(text: &str) {
    println!("{text}");
}

pub(crate) fn error(text: &str) {
    eprintln!("outlast: {text}");
}

/// Shows a line that the next one replaces; where nobody watches, a line of its own.
pub(crate) fn status(text: &str) {
    use std::io::Write;
    if std::io::stdout().is_terminal() {
        print!("\r\x1b[2K{text}");
        let _ = std::io::stdout().flush();
    } else {
        println!("{text}");
    }
}

/// A line that stays, also where a status line stood.
pub(crate) fn event(text: &str) {
    if std::io::stdout().is_terminal() {
        println!("\r\x1b[2K{text}");
    } else {
        println!("{text}");
    }
}

/// A table: the first row is its head; columns in `right` are aligned to the right.
pub(crate) fn table(rows: &[Vec<String>], right: &[usize]) -> String {
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
    for row in rows {
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
        let rows = vec![
            vec!["model".to_owned(), "cost".to_owned()],
            vec!["é".to_owned(), "$12.00".to_owned()],
        ];
        assert_eq!(table(&rows, &[1]), "model    cost\né      $12.00\n");
    }
}
