//! `cargo xtask ci`: everything that must hold before a change is merged, one step after the other,
//! all of them even when an early one fails. Installs nothing.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::{repository, say, tidy};

/// What a step came to.
enum Outcome {
    Passed,
    Failed,
    Skipped(&'static str),
}

/// A step: its name and what it does.
struct Step {
    name: &'static str,
    run: fn() -> Outcome,
}

/// Every step, in order.
const STEPS: &[Step] = &[
    Step { name: "format", run: || cargo(&["fmt", "--all", "--check"], &[]) },
    Step {
        name: "lints",
        run: || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]),
    },
    Step { name: "licences, bans, sources", run: deny },
    Step { name: "tidy", run: tidy },
    Step { name: "tests", run: || cargo(&["test", "--workspace", "--no-fail-fast"], &[]) },
    Step {
        name: "documentation",
        run: || cargo(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")]),
    },
];

/// Runs every step.
pub(crate) fn run() -> Result<()> {
    let mut failed = Vec::new();
    for Step { name, run } in STEPS {
        say(&format!("== {name}"));
        match run() {
            Outcome::Passed => say(&format!("ok: {name}")),
            Outcome::Skipped(why) => say(&format!("skipped: {name}: {why}")),
            Outcome::Failed => {
                say(&format!("FAILED: {name}"));
                failed.push(*name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join("; "));
    }
    say("all of it holds");
    Ok(())
}

/// The rules of the house.
fn tidy() -> Outcome {
    match tidy::run() {
        Ok(()) => Outcome::Passed,
        Err(error) => {
            say(&format!("{error:#}"));
            Outcome::Failed
        }
    }
}

/// Licences, bans and sources, by cargo-deny. Where it is not installed the step is skipped, but not
/// in continuous integration, which installs it.
fn deny() -> Outcome {
    let installed = Command::new("cargo-deny")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if installed {
        return cargo(
            &["deny", "--log-level", "error", "check", "licenses", "bans", "sources"],
            &[],
        );
    }
    if std::env::var("CI").is_ok_and(|value| value == "true") {
        return Outcome::Failed;
    }
    Outcome::Skipped("cargo-deny is not installed (cargo install cargo-deny --locked)")
}

fn cargo(arguments: &[&str], environment: &[(&str, &str)]) -> Outcome {
    let status = Command::new(env!("CARGO"))
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(repository::root())
        .status();
    match status {
        Ok(status) if status.success() => Outcome::Passed,
        _ => Outcome::Failed,
    }
}
