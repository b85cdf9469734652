//! A file past 600 lines has two subjects, unless it stands here with the reason why not.

use std::path::Path;

use anyhow::Result;

use super::{read, rust_files};

/// Lines of a file at most.
const LIMIT: usize = 600;

/// Files that may be longer, each with its reason.
const LONGER: &[(&str, &str)] = &[];

pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for file in rust_files(root)? {
        let lines = read(root, &file)?.lines().count();
        let allowed = LONGER.iter().any(|(longer, _)| Path::new(longer) == file);
        if lines > LIMIT && !allowed {
            complaints.push(format!(
                "{} has {lines} lines, more than {LIMIT}: does it have two subjects?",
                file.display()
            ));
        }
        if lines <= LIMIT && allowed {
            complaints.push(format!("{} needs no exception any more", file.display()));
        }
    }
    Ok(complaints)
}
