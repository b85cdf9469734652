//! A failure with its causes, in one line. Many errors name their cause in their own words; it is not said
//! again behind them.

/// What failed and why, from the outside in.
pub(crate) fn with_causes(failure: &anyhow::Error) -> String {
    let mut said = failure.to_string();
    for cause in failure.chain().skip(1) {
        let cause = cause.to_string();
        if !said.ends_with(&cause) {
            said.push_str(": ");
            said.push_str(&cause);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use std::{error::Error, fmt, io};

    use anyhow::Context;

    use super::with_causes;

    /// Names its cause, as the errors of our crates do.
    #[derive(Debug)]
    struct CannotOpen(io::Error);

    impl fmt::Display for CannotOpen {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "cannot open a: {}", self.0)
        }
    }

    impl Error for CannotOpen {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn no_cause_is_said_twice() {
        let opened = || Err::<(), _>(CannotOpen(io::Error::other("it is locked")));
        let check =
            |failure: anyhow::Error, expect: &str| assert_eq!(with_causes(&failure), expect);
        check(opened().unwrap_err().into(), "cannot open a: it is locked");
        let told = opened().context("the books are closed").unwrap_err();
        check(told, "the books are closed: cannot open a: it is locked");
        let plain = anyhow::Error::from(io::Error::other("b")).context("a");
        check(plain, "a: b");
        check(anyhow::anyhow!("alone"), "alone");
    }
}
