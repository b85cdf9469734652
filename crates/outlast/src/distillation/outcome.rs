//! What a distillation came to: the short form for a terminal, and the copies that people keep.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use distill::report::{Report, Share};
use terms::money::NanoUsd;

use crate::terminal;

/// The short form of a report: verdict, reasons, figures.
pub(crate) fn shown(report: &Report, page: &str) -> String {
    let mut text = format!("Verdict: {}\n", report.verdict);
    for reason in &report.reasons {
        text.push_str(&format!("- {reason}\n"));
    }
    text.push('\n');
    text.push_str(&terminal::table(&FIGURES, figures(report), &[1, 2, 3]));
    let difference = report.student_less_teacher;
    text.push_str(&format!(
        "student less teacher on the same rows: {:+.2} points, {:+.2} to {:+.2}\n",
        difference.estimate * 100.0,
        difference.low * 100.0,
        difference.high * 100.0
    ));
    let agreement = report.agreement_with_teacher;
    text.push_str(&format!(
        "agreement with the teacher (not accuracy): {:.4} of {} rows\n",
        agreement.interval.estimate, agreement.rows
    ));
    text.push_str(&format!(
        "student: {}, {:.2} MB, trained on {} rows\n",
        report.fit.family,
        report.student_bytes as f64 / 1e6,
        report.fit.trained_rows
    ));
    for line in measured(page) {
        text.push_str(&format!("{line}\n"));
    }
    text
}

fn figures(report: &Report) -> Vec<Vec<String>> {
    let (accuracy, costs) = (&report.accuracy, &report.costs);
    let mut rows = vec![
        figure("student", accuracy.student, costs.student_per_thousand),
        figure("teacher", accuracy.teacher, costs.teacher_per_thousand),
    ];
    if let Some(cascade) = &report.cascade {
        let who = "student, teacher behind it";
        rows.push(figure(who, cascade.accuracy, costs.cascade_per_thousand));
    }
    rows
}

/// The head of the figures.
const FIGURES: [&str; 4] = ["", "accuracy on gold", "95 % interval", "per 1,000"];

fn figure(who: &str, share: Share, cost: Option<NanoUsd>) -> Vec<String> {
    let interval = share.interval;
    vec![
        who.to_owned(),
        format!("{:.4}", interval.estimate),
        format!("{:.4} to {:.4}", interval.low, interval.high),
        cost.map_or_else(|| "unknown".to_owned(), |cost| cost.to_string()),
    ]
}

/// What the report says of this machine: its last chapter's list.
fn measured(page: &str) -> impl Iterator<Item = &str> {
    let chapter = page.rsplit("\n## ").next().unwrap_or_default();
    chapter.lines().filter_map(|line| line.strip_prefix("- "))
}

/// Copies report and package into a folder; what stood there is replaced, a file at a time.
pub(crate) fn copy(report: &Path, package: &Path, to: &Path) -> anyhow::Result<()> {
    copy_folder(report, to)?;
    copy_folder(package, &to.join("package"))
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{} cannot be made", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("{} is gone", from.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            copy_folder(&path, &to.join(name))?;
            continue;
        }
        // By way of a neighbour: the copy is whole or not there. Artifacts are read-only, copies are not.
        let (target, neighbour) = (to.join(name), with_part(to.join(name)));
        let bytes = fs::read(&path).with_context(|| format!("{} is gone", path.display()))?;
        fs::write(&neighbour, bytes)
            .and_then(|()| fs::rename(&neighbour, &target))
            .with_context(|| format!("{} cannot be written", target.display()))?;
    }
    Ok(())
}

fn with_part(path: PathBuf) -> PathBuf {
    let mut path = path.into_os_string();
    path.push(".part");
    path.into()
}
