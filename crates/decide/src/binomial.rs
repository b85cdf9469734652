//! Exact binomial tails, for tests that must hold at small counts. Nothing approximate but the last
//! digits.

/// Below this, logarithms of factorials are summed; above, Stirling's series is exact to 10⁻¹⁴.
const SUMMED: u64 = 64;

/// The chance of at most `successes` in `trials` that each succeed with `chance`.
pub fn at_most(successes: u64, trials: u64, chance: f64) -> f64 {
    if successes >= trials || chance <= 0.0 {
        return 1.0;
    }
    if chance >= 1.0 {
        return 0.0;
    }
    if successes as f64 > trials as f64 * chance {
        // Past the mean the other tail is the small one, which keeps its digits.
        return 1.0 - at_most(trials - successes - 1, trials, 1.0 - chance);
    }
    // Up to the mean the last term is the largest: from there down, each the next one times a ratio.
    let odds = (1.0 - chance) / chance;
    let mut term = ln_density(successes, trials, chance).exp();
    let mut sum = term;
    for count in (1..=successes).rev() {
        term *= count as f64 / (trials - count + 1) as f64 * odds;
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum.min(1.0)
}

/// The logarithm of the chance of exactly `successes`.
fn ln_density(successes: u64, trials: u64, chance: f64) -> f64 {
    let failures = trials - successes;
    ln_factorial(trials) - ln_factorial(successes) - ln_factorial(failures)
        + successes as f64 * chance.ln()
        + failures as f64 * (-chance).ln_1p()
}

/// ln n!, by Stirling's series (NIST DLMF 5.11.1).
fn ln_factorial(n: u64) -> f64 {
    if n < SUMMED {
        return (2..=n).map(|factor| (factor as f64).ln()).sum();
    }
    let x = n as f64;
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    x * x.ln() - x + 0.5 * (std::f64::consts::TAU * x).ln() + series
}

#[cfg(test)]
mod tests {
    use super::at_most;

    fn check(successes: u64, trials: u64, chance: f64, expect: f64) {
        let found = at_most(successes, trials, chance);
        assert!((found - expect).abs() <= 1e-10 * expect.max(1e-3), "{found} is not {expect}");
    }

    #[test]
    fn tails_are_exact() {
        check(0, 59, 0.05, 0.95_f64.powi(59));
        check(1, 2, 0.5, 0.75);
        check(3, 10, 0.3, 0.649_610_718_4);
        check(10, 10, 0.3, 1.0);
        check(0, 0, 0.3, 1.0);
        // Symmetric around the mean: half of what is not the middle term.
        check(499, 999, 0.5, 0.5);
        check(99_999, 199_999, 0.5, 0.5);
    }
}
