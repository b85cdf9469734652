//! Keeps the table of `docs/chaos.md` true.

use std::{fmt::Write as _, fs, path::Path};

use terms::dialect::Dialect;

use super::{
    case::{By, CALLERS, Case, Form, Group, Outcome, Sees},
    cases,
};

/// Fewer would be no suite.
const AT_LEAST: usize = 30;

#[test]
fn the_guide_shows_the_suite() {
    let cases = cases::all();
    assert!(cases.len() >= AT_LEAST);
    let mut names: Vec<_> = cases.iter().map(|case| (case.group as u8, case.name)).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "a name of a group is told once");
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/chaos.md");
    let guide = fs::read_to_string(guide).unwrap();
    let table = table(&cases);
    assert!(guide.contains(&table), "docs/chaos.md must hold this table:\n{table}");
}

fn table(cases: &[Case]) -> String {
    let mut page = String::new();
    for group in Group::ALL {
        let _ = writeln!(page, "### {}\n", heading(group));
        page.push_str("| fault | a stream | a whole answer, got as a stream | got whole |\n");
        page.push_str("|---|---|---|---|\n");
        for case in cases.iter().filter(|case| case.group == group) {
            let cells = Form::ALL.map(|form| cell(case, form));
            let _ = writeln!(page, "| {} | {} |", case.name, cells.join(" | "));
        }
        page.push('\n');
    }
    page
}

fn heading(group: Group) -> &'static str {
    match group {
        Group::Status => "The status of the first provider",
        Group::Headers => "Its headers",
        Group::Stream => "Its stream",
        Group::Connection => "Its connection",
        Group::Everybody => "Both providers alike",
    }
}

/// What comes of it: the same for most dialects, and for those where it is not.
fn cell(case: &Case, form: Form) -> String {
    let outcome = |caller| (case.outcome)(form, caller);
    let usual = outcome(CALLERS[0]);
    let differs = CALLERS.iter().filter(|caller| outcome(**caller) != usual);
    let differs =
        differs.map(|caller: &Dialect| format!("; {caller}: {}", shown(&outcome(*caller))));
    shown(&usual) + &differs.collect::<String>()
}

fn shown(outcome: &Outcome) -> String {
    let (first, second) = outcome.attempts;
    let seen = match outcome.sees {
        Sees::Answer(By::First) => return format!("first, {first}"),
        Sees::Answer(By::Second) => "second".to_owned(),
        Sees::Answer(By::Both) => "both".to_owned(),
        Sees::Told(status) => status.to_string(),
        Sees::Broken => "error event".to_owned(),
    };
    format!("{seen}, {first} + {second}")
}
