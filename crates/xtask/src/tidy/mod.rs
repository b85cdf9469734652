//! `cargo xtask tidy`: the rules of the house that no lint can say, each in a file of its own. Reads
//! the repository and complains; changes nothing.

mod crate_graph;
mod file_length;
mod lists;
mod module_docs;
mod pure_crates;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{repository, say};

/// A rule: its name and what it has to complain about.
struct Rule {
    name: &'static str,
    check: fn(&Path) -> Result<Vec<String>>,
}

/// Every rule.
const RULES: &[Rule] = &[
    Rule { name: "crate graph", check: crate_graph::check },
    Rule { name: "file length", check: file_length::check },
    Rule { name: "lists", check: lists::check },
    Rule { name: "module docs", check: module_docs::check },
    Rule { name: "pure crates", check: pure_crates::check },
];

/// Says what is wrong with the repository; an error when anything is.
pub(crate) fn run() -> Result<()> {
    let complaints = complaints(&repository::root())?;
    for complaint in &complaints {
        say(complaint);
    }
    if !complaints.is_empty() {
        bail!("{} complaints", complaints.len());
    }
    say(&format!("tidy: {} rules hold", RULES.len()));
    Ok(())
}

/// What is wrong with the repository at `root`; empty when it is tidy.
fn complaints(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for rule in RULES {
        let found = (rule.check)(root).with_context(|| format!("rule `{}`", rule.name))?;
        complaints.extend(found.into_iter().map(|complaint| format!("{}: {complaint}", rule.name)));
    }
    Ok(complaints)
}

/// Every Rust file of the workspace, by path relative to `root`, sorted.
fn rust_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("crates")];
    while let Some(folder) = folders.pop() {
        let read =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in read {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path.strip_prefix(root).unwrap_or(&path).to_path_buf());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read(root: &Path, file: &Path) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use crate::repository;

    #[test]
    fn the_repository_is_tidy() {
        let complaints = super::complaints(&repository::root()).unwrap();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}
