//! What more training rows would bring: errors fall with a power of the rows (J. Hestness et al. 2017,
//! arXiv 1712.00409). No floor is fitted, so the answer is optimistic: what it calls out of reach is.

use serde::{Deserialize, Serialize};

/// An exponent below this is no learning.
const LEAST_EXPONENT: f64 = 0.02;

/// A student trained on some of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Rows it was trained on.
    pub trained_rows: u64,
    /// Rows it has wrong.
    pub errors: u64,
    /// Rows it was asked.
    pub asked: u64,
}

/// Training rows at which the share of errors would fall from that of `start` to `target`, with the slope
/// of `points`: these may be counted on other rows, where errors are more or fewer. `None` when the points
/// do not fall, are fewer than two, or lead past a billion rows.
pub fn rows_for(points: &[Point], start: Point, target: f64) -> Option<u64> {
    let logs: Vec<(f64, f64)> = points.iter().filter_map(log_log).collect();
    if logs.len() < 2 || target <= 0.0 {
        return None;
    }
    let n = logs.len() as f64;
    let mean_x = logs.iter().map(|(x, _)| x).sum::<f64>() / n;
    let mean_y = logs.iter().map(|(_, y)| y).sum::<f64>() / n;
    let covariance: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let exponent = -covariance / variance;
    if exponent.is_nan() || exponent < LEAST_EXPONENT {
        return None;
    }
    let (start_x, start_y) = log_log(&start)?;
    let rows = (start_x + (start_y - target.ln()) / exponent).exp();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 10⁹")]
    let rows = (rows < 1e9).then_some(rows.ceil() as u64);
    rows
}

/// Half an error is added, so that a student without any has a logarithm.
fn log_log(point: &Point) -> Option<(f64, f64)> {
    if point.trained_rows == 0 || point.asked == 0 {
        return None;
    }
    let errors = (point.errors as f64 + 0.5) / (point.asked as f64 + 1.0);
    Some(((point.trained_rows as f64).ln(), errors.ln()))
}

#[cfg(test)]
mod tests {
    use super::{Point, rows_for};

    fn point(trained_rows: u64, errors: u64) -> Point {
        Point { trained_rows, errors, asked: 10_000 }
    }

    #[test]
    fn a_power_law_is_followed() {
        // Four times the rows, half the errors: an eighth of the first errors at 64 times the rows.
        let points = [point(1_000, 4_000), point(4_000, 2_000), point(16_000, 1_000)];
        let rows = rows_for(&points, points[2], 0.05).unwrap();
        assert!((63_000..65_000).contains(&rows), "{rows}");
        // Elsewhere it errs twice as often, and needs four times the rows for the same share.
        let rows = rows_for(&points, point(16_000, 2_000), 0.05).unwrap();
        assert!((252_000..260_000).contains(&rows), "{rows}");
    }

    #[test]
    fn what_does_not_fall_leads_nowhere() {
        let check = |errors: [u64; 2], target| {
            let points = [point(1_000, errors[0]), point(4_000, errors[1])];
            rows_for(&points, points[1], target)
        };
        assert_eq!(check([4_000, 4_100], 0.05), None);
        assert_eq!(check([4_000, 3_600], 0.000_1), None);
        assert_eq!(rows_for(&[point(1_000, 4_000)], point(1_000, 4_000), 0.05), None);
    }
}
